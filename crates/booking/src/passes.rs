//! The gate check: nobody books without a pass of the edge for this room.
//!
//! Guarantees: the edge's public keys are fetched from its JWKS URL and kept. They are fetched again when a pass names
//! a key that is not known. However many such passes come, that is no more often than the bound.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use arc_swap::ArcSwapOption;
use tokio::sync::Mutex;
use tracing::{info, warn};

use fairgate_telemetry::clock::Clock;
use fairgate_token::{Gate, JwsError, KeySet, Pass, PassCache, PassError};

/// The keys are not fetched more often than this, whatever passes come.
const REFETCH_AFTER: Duration = Duration::from_secs(2);
/// Until they have been fetched once, they are asked for this often.
const RETRY_AFTER: Duration = Duration::from_millis(300);
/// They are fetched this often without a reason, so that withdrawn keys go.
const REFRESH_EVERY: Duration = Duration::from_secs(60);
const FETCH_PATIENCE: Duration = Duration::from_secs(3);
/// Between two lines about passes that cannot be for this core.
const MISFIT_TOLD_EVERY: Duration = Duration::from_secs(60);
const PASSES_MAX: u64 = 100_000;
const JWKS_BYTES_MAX: usize = 64 * 1024;

/// The room and issuer whose passes are taken.
#[derive(Clone, Debug)]
pub struct PassSettings {
    /// Where the edge publishes its keys.
    pub jwks_url: String,
    /// The room that passes must be for.
    pub room: String,
    /// The issuer that passes must name.
    pub issuer: String,
}

/// Why a request may not go on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AuthError {
    /// No pass came with it.
    #[error("no pass came with the request")]
    Missing,
    /// The pass is not good.
    #[error(transparent)]
    Refused(#[from] PassError),
    /// The pass is signed with a key of the edge's that has not been fetched yet.
    #[error("the edge's newest key could not be fetched yet")]
    NewKey,
    /// The edge's keys have never been fetched, so no pass can be judged.
    #[error("the edge's keys could not be fetched yet")]
    NoKeys,
}

/// Judges passes.
#[derive(Debug)]
pub struct Passes {
    settings: PassSettings,
    keys: ArcSwapOption<KeySet>,
    cache: PassCache,
    http: reqwest::Client,
    fetched_at: Mutex<Option<Instant>>,
    /// When it was said last that passes come which cannot be for this core.
    misfit_told_at: std::sync::Mutex<Option<Instant>>,
    /// How long sessions last, as far as passes have said it: from the first pass of one to its hard end.
    session_ms: AtomicU64,
}

impl Passes {
    /// No keys yet: they come with the first [`Self::run`] or the first pass.
    ///
    /// # Errors
    /// When no HTTP client can be made.
    pub fn new(settings: PassSettings) -> reqwest::Result<Self> {
        let http = reqwest::Client::builder().timeout(FETCH_PATIENCE).build()?;
        let cache = PassCache::new(PASSES_MAX);
        let (keys, fetched_at) = (ArcSwapOption::empty(), Mutex::new(None));
        Ok(Self {
            settings,
            keys,
            cache,
            http,
            fetched_at,
            misfit_told_at: std::sync::Mutex::default(),
            session_ms: AtomicU64::new(0),
        })
    }

    /// True if passes can be judged.
    #[must_use]
    pub fn ready(&self) -> bool {
        self.keys.load().is_some()
    }

    /// Fetches the keys now and then, for ever; often until they have been fetched once.
    pub async fn run(&self) {
        loop {
            self.fetch_unless_fresh().await;
            tokio::time::sleep(if self.ready() { REFRESH_EVERY } else { RETRY_AFTER }).await;
        }
    }

    /// Judges a pass; fetches the keys when it names one that is not known.
    ///
    /// # Errors
    /// [`AuthError`].
    pub async fn check(&self, token: &str, clock: &dyn Clock) -> Result<Arc<Pass>, AuthError> {
        match self.check_with_known_keys(token, clock) {
            Err(AuthError::NoKeys | AuthError::Refused(PassError::Token(JwsError::UnknownKey))) => {
                self.fetch_unless_fresh().await;
                match self.check_with_known_keys(token, clock) {
                    Err(AuthError::Refused(PassError::Token(JwsError::UnknownKey))) if self.is_behind(token) => {
                        Err(AuthError::NewKey)
                    }
                    judged => judged,
                }
            }
            judged => judged,
        }
    }

    /// Says what to do about passes of another room or issuer: where all are so, this core sells nothing. Now and then, however
    /// many come.
    pub fn note_refusal(&self, error: &AuthError) {
        let remedy = match error {
            AuthError::Refused(PassError::Room) => "--room must be the room in front of this core",
            AuthError::Refused(PassError::Issuer) => "--issuer must be `edge.issuer` of the edge's configuration",
            _ => return,
        };
        let mut told_at = self.misfit_told_at.lock().unwrap_or_else(PoisonError::into_inner);
        if told_at.is_none_or(|at| at.elapsed() >= MISFIT_TOLD_EVERY) {
            *told_at = Some(Instant::now());
            let PassSettings { room, issuer, .. } = &self.settings;
            warn!(%error, room, issuer, "a fan's pass was refused: {remedy}");
        }
    }

    /// How old a pass is, if it is the first one of its session: a later one has less time to the session's end than others.
    /// Times in passes are whole seconds, rounded down, so it may be up to a second less.
    pub fn age_of_first(&self, pass: &Pass, clock: &dyn Clock) -> Option<i32> {
        let lasts_ms = pass.hard_end_at_ms.saturating_sub(pass.issued_at_ms);
        let longest_ms = self.session_ms.fetch_max(lasts_ms, Ordering::Relaxed).max(lasts_ms);
        let age_ms = clock.now_ms().saturating_sub(pass.issued_at_ms);
        // Each of the two times is rounded.
        (lasts_ms + 1000 >= longest_ms).then(|| i32::try_from(age_ms).unwrap_or(i32::MAX))
    }

    fn is_behind(&self, token: &str) -> bool {
        self.keys.load().as_ref().is_some_and(|keys| keys.is_behind(token))
    }

    fn check_with_known_keys(&self, token: &str, clock: &dyn Clock) -> Result<Arc<Pass>, AuthError> {
        let keys = self.keys.load();
        let keys = keys.as_ref().ok_or(AuthError::NoKeys)?;
        let gate = Gate { room: &self.settings.room, draw: None, closed: &BTreeMap::new() };
        Ok(self.cache.check(keys, token, gate, clock.now_ms())?.pass)
    }

    /// Fetches the keys; those who come while somebody does wait for the outcome.
    async fn fetch_unless_fresh(&self) {
        let mut fetched_at = self.fetched_at.lock().await;
        let bound = if self.ready() { REFETCH_AFTER } else { RETRY_AFTER };
        if fetched_at.is_some_and(|at| at.elapsed() < bound) {
            return;
        }
        match self.fetch().await {
            Ok(keys) => {
                let changed = self.keys.load().as_deref() != Some(&keys);
                if changed {
                    info!(keys = keys.kids().count(), "took over the edge's keys");
                }
                self.keys.store(Some(Arc::new(keys)));
            }
            Err(error) => warn!(%error, "the edge's keys could not be fetched; those known stay"),
        }
        *fetched_at = Some(Instant::now());
    }

    async fn fetch(&self) -> anyhow::Result<KeySet> {
        let answer = self.http.get(&self.settings.jwks_url).send().await?.error_for_status()?;
        let body = answer.bytes().await?;
        anyhow::ensure!(body.len() <= JWKS_BYTES_MAX, "the JWKS is larger than {JWKS_BYTES_MAX} bytes");
        Ok(KeySet::from_jwks(std::str::from_utf8(&body)?, &self.settings.issuer)?)
    }
}
