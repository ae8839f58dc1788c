//! Asks a challenge provider whether an answer is good (siteverify).
//!
//! Guarantees:
//! - a flood of one answer costs one call
//! - an answer that was good for one entry is good for no other
//! - what is our fault or the provider's is never called the fan's
//! - the fan's address is not sent

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use fairgate_entry::provider::{
    AnswerMemory, Fault, OnFailure, Provider, ProviderKind, Remembered, SITEVERIFY_BYTES_MAX, Siteverify,
    SiteverifyAnswer,
};
use fairgate_entry::way::{Scene, Way, WayName};
use fairgate_telemetry::secret::Secret;

use super::errand::{Errands, NotRun, WITHIN};
use crate::bounded::read_bounded;
use crate::observe::{EntryMetrics, ErrandFailure};

/// A provider of a room.
pub(crate) struct Challenge {
    provider: Provider,
    secret: Secret,
    url: String,
    client: reqwest::Client,
    errands: Errands,
    memory: Mutex<AnswerMemory>,
    metrics: EntryMetrics,
}

/// What became of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Good for this entry.
    Good,
    /// Not good.
    Bad,
    /// The provider could not be asked; what the room does then.
    Away(OnFailure),
    /// Too many are being asked about.
    Full,
}

impl Challenge {
    /// A provider that is asked at this address with this secret.
    ///
    /// # Errors
    /// No client can be made.
    pub(crate) fn new(
        provider: Provider,
        secret: Secret,
        url: &str,
        metrics: EntryMetrics,
    ) -> Result<Self, reqwest::Error> {
        let client = reqwest::Client::builder().timeout(WITHIN).redirect(reqwest::redirect::Policy::none()).build()?;
        let (errands, memory) = (Errands::default(), Mutex::default());
        Ok(Self { provider, secret, url: url.to_owned(), client, errands, memory, metrics })
    }

    pub(crate) fn name(&self) -> &WayName {
        self.provider.name()
    }

    pub(crate) fn on_failure(&self) -> OnFailure {
        self.provider.config().on_failure
    }

    /// True if the provider probably does not answer.
    pub(crate) fn is_away(&self) -> bool {
        self.errands.are_failing()
    }

    /// Decides about what the widget gave, for the scene's entry.
    pub(crate) async fn judge(&self, response: &str, scene: &Scene<'_>) -> Outcome {
        let way = self.name().as_str();
        match self.memory().find(way, response, &scene.bond, scene.now_ms) {
            Remembered::Good => return Outcome::Good,
            Remembered::Bad => return Outcome::Bad,
            Remembered::Unknown => {}
        }
        let Some(question) = self.provider.question(response, scene.bond) else { return Outcome::Bad };
        // Only one of them knows a retry from a second use.
        let tries = if self.provider.config().kind == ProviderKind::Turnstile { 2 } else { 1 };
        let outcome = match self.errands.run(tries, || self.ask(&question, scene)).await {
            Ok(outcome) => outcome,
            Err(NotRun::Full) => {
                self.metrics.observe_errand_failure(way, ErrandFailure::Full);
                return Outcome::Full;
            }
            Err(NotRun::Resting | NotRun::Failed) => return Outcome::Away(self.on_failure()),
        };
        self.memory().keep(way, response, &scene.bond, outcome, scene.now_ms);
        if outcome.is_ok() { Outcome::Good } else { Outcome::Bad }
    }

    /// Asks once; nothing where the fault is not the fan's.
    async fn ask(&self, question: &Siteverify, scene: &Scene<'_>) -> Option<Result<(), Fault>> {
        let begun = Instant::now();
        let answer = self.post(question).await.unwrap_or(SiteverifyAnswer::Failed);
        let name = self.name().as_str();
        self.metrics.observe_errand(name, begun.elapsed());
        match answer.judge(self.provider.config(), &scene.bond, scene.hosts) {
            Err(Fault::Theirs) => {
                self.metrics.observe_errand_failure(name, ErrandFailure::Theirs);
                None
            }
            Err(Fault::Ours) => {
                self.metrics.observe_errand_failure(name, ErrandFailure::Ours);
                tracing::error!(
                    alarm = "entry.provider.misconfigured",
                    room = scene.room,
                    provider = name,
                    "the provider does not know our secret or sitekey; compare `sitekey` and the variable of `secret_env` with its console"
                );
                None
            }
            judged => Some(judged),
        }
    }

    async fn post(&self, question: &Siteverify) -> Option<SiteverifyAnswer> {
        let secret = ("secret", self.secret.expose());
        let fields = question.form.iter().map(|(name, value)| (*name, value.as_str()));
        let body = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(std::iter::once(secret).chain(fields))
            .finish();
        let form = http::HeaderValue::from_static("application/x-www-form-urlencoded");
        let request = self.client.post(&self.url).header(http::header::CONTENT_TYPE, form).body(body);
        let answer = request.send().await.ok()?;
        let status = answer.status().as_u16();
        let body = read_bounded(answer, SITEVERIFY_BYTES_MAX).await.ok()?;
        Some(SiteverifyAnswer::read(status, &body))
    }

    fn memory(&self) -> MutexGuard<'_, AnswerMemory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
