//! The witnesses of a log: each is shown a checkpoint, with the proof that it continues the one that this witness has.
//!
//! Guarantees: an answer is bounded in time and size. What a witness answers is believed only as far as its key has signed it,
//! or as a size that can stop the log and never move it.

use std::time::{Duration, Instant};

use fairgate_draw::log::{KeptCosignature, KeptLog, SignatureLine};
use reqwest::header::CONTENT_TYPE;
use reqwest::redirect::Policy;
use reqwest::{Client, StatusCode};

use crate::bounded::{Unread, read_bounded};
use crate::config::WitnessConfig;
use crate::observe::WitnessOutcome;

/// The time for all that one witness is asked about one checkpoint.
pub(super) const ANSWER_WITHIN: Duration = Duration::from_secs(2);
/// Lines of signatures.
const ANSWER_BYTES_MAX: usize = 16 * 1024;
/// A witness that says another size each time is given up.
const ATTEMPTS: usize = 3;
/// Between two attempts at a witness that does not cosign: the first pause, and the longest.
const PAUSE_MIN: Duration = Duration::from_secs(2);
const PAUSE_MAX: Duration = Duration::from_secs(60);

/// A witness, and what is known of it.
#[derive(Debug)]
pub(super) struct Witness {
    pub(super) config: WitnessConfig,
    /// The size of the last checkpoint that it has cosigned, as far as is known.
    pub(super) size: u64,
    /// True while it is asked.
    pub(super) busy: bool,
    failures: u32,
    next_try: Option<Instant>,
}

/// Why a witness has not cosigned.
#[derive(Debug, thiserror::Error)]
pub(super) enum Uncosigned {
    #[error("it does not answer: {0}")]
    Unreachable(String),
    #[error("it refuses: {0}")]
    Refused(StatusCode),
    #[error("it does not know this log: give its operator the log's public key")]
    Unknown,
    #[error("its answer has no signature of its key")]
    Unsigned,
    #[error("it has cosigned {0} statements, which are more than there are here")]
    Ahead(u64),
    #[error("it has cosigned another log of this name at {0} statements")]
    Forked(u64),
}

impl Uncosigned {
    pub(super) fn outcome(&self) -> WitnessOutcome {
        match self {
            Self::Unreachable(_) => WitnessOutcome::Unreachable,
            Self::Refused(_) | Self::Unknown => WitnessOutcome::Refused,
            Self::Unsigned => WitnessOutcome::Unsigned,
            Self::Ahead(_) => WitnessOutcome::Ahead,
            Self::Forked(_) => WitnessOutcome::Forked,
        }
    }

    fn unreachable(error: reqwest::Error) -> Self {
        // The address is in the configuration, and the log names the witness.
        Self::Unreachable(error.without_url().to_string())
    }

    fn unread(why: Unread) -> Self {
        match why {
            Unread::Broken(error) => Self::unreachable(error),
            Unread::TooLong(_) => Self::Unreachable(why.to_string()),
        }
    }
}

impl Witness {
    pub(super) fn new(config: WitnessConfig) -> Self {
        Self { config, size: 0, busy: false, failures: 0, next_try: None }
    }

    pub(super) fn name(&self) -> &str {
        self.config.key.name()
    }

    /// True if it can be asked now.
    pub(super) fn is_free(&self, now: Instant) -> bool {
        !self.busy && self.next_try.is_none_or(|at| at <= now)
    }

    /// It has cosigned.
    pub(super) fn succeeded(&mut self, size: u64) {
        (self.size, self.failures, self.next_try) = (self.size.max(size), 0, None);
    }

    /// It has not: it is left alone for a while.
    pub(super) fn failed(&mut self, now: Instant) {
        self.failures = self.failures.saturating_add(1);
        self.next_try = Some(now + (PAUSE_MIN * 2u32.saturating_pow(self.failures.min(6) - 1)).min(PAUSE_MAX));
    }
}

/// A client for all witnesses.
pub(super) fn client() -> Result<Client, reqwest::Error> {
    Client::builder().connect_timeout(ANSWER_WITHIN).timeout(ANSWER_WITHIN).redirect(Policy::none()).build()
}

/// Asks a witness to cosign the log's last checkpoint.
pub(super) async fn ask(
    client: &Client,
    witness: &WitnessConfig,
    log: &KeptLog,
    old_size: u64,
) -> Result<KeptCosignature, Uncosigned> {
    let asked = tokio::time::timeout(ANSWER_WITHIN, ask_until_known(client, witness, log, old_size));
    asked.await.unwrap_or_else(|_| Err(Uncosigned::Unreachable("no answer in time".into())))
}

async fn ask_until_known(
    client: &Client,
    witness: &WitnessConfig,
    log: &KeptLog,
    old_size: u64,
) -> Result<KeptCosignature, Uncosigned> {
    let (size, mut old_size) = (log.size(), old_size.min(log.size()));
    for _ in 0..ATTEMPTS {
        let submission = log.submission(old_size).ok_or(Uncosigned::Ahead(old_size))?;
        let request = client.post(witness.submission_url()).header(CONTENT_TYPE, "text/plain; charset=utf-8");
        let answer = request.body(submission.to_string()).send().await.map_err(Uncosigned::unreachable)?;
        let status = answer.status();
        let body = read_bounded(answer, ANSWER_BYTES_MAX).await.map_err(Uncosigned::unread)?;
        let body = String::from_utf8(body).map_err(|_| Uncosigned::Unsigned)?;
        match status {
            StatusCode::OK => return cosignature(witness, log, &body).ok_or(Uncosigned::Unsigned),
            StatusCode::NOT_FOUND => return Err(Uncosigned::Unknown),
            StatusCode::CONFLICT => match body.strip_suffix('\n').and_then(|size| size.parse::<u64>().ok()) {
                Some(known) if known > size => return Err(Uncosigned::Ahead(known)),
                Some(known) if known != old_size => old_size = known,
                // It has this size, and still there is a conflict: it has another root for it.
                _ if old_size == size => return Err(Uncosigned::Forked(size)),
                _ => return Err(Uncosigned::Refused(status)),
            },
            StatusCode::UNPROCESSABLE_ENTITY => return Err(Uncosigned::Forked(old_size)),
            status => return Err(Uncosigned::Refused(status)),
        }
    }
    Err(Uncosigned::Refused(StatusCode::CONFLICT))
}

/// The line of the witness's own key, if it holds.
fn cosignature(witness: &WitnessConfig, log: &KeptLog, body: &str) -> Option<KeptCosignature> {
    let (key, size) = (&witness.key, log.size());
    let note = log.submission(size)?.note;
    let mut lines = body.lines().filter_map(SignatureLine::parse);
    let holds = |line: &SignatureLine| note.clone().with(line.clone()).cosigned_at_s(key).is_ok();
    lines.find(holds).map(|line| KeptCosignature { size, witness: key.clone(), line })
}
