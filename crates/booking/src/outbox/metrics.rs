//! What the relay and the workers measure of themselves. The metrics' documentation is their help text.
//!
//! **Guarantees:** labels are names of workers and outcomes, of which there are few; no message and no address is shown.

use prometheus::Registry;

use super::work::Standing;
use fairgate_telemetry::metrics;

metrics! {
    /// The metrics themselves.
    struct Metrics {
        /// Messages that this relay has published.
        outbox_published_total: IntCounter,
        /// Numbers of the change log that are settled and not published yet, when the relay last looked.
        outbox_unpublished_changes: IntGauge,
        /// Changes of a kind that this relay does not know, which were left out of the stream.
        outbox_skipped_total: IntCounter,
        /// Rounds of the relay that failed; what they left is published later.
        outbox_relay_failures_total: IntCounter,
        /// Messages in the stream: not handled by every consumer yet, or kept for one to come.
        outbox_stream_messages: IntGauge,
    }
}

metrics! {
    /// Those of a worker.
    struct OfWorker {
        /// Attempts to send a mail, by what became of them (sent, failed: tried again, dead: given up).
        outbox_mails_total: IntCounterVec["outcome"],
        /// Rounds of the mail worker that failed, because its queue did not answer.
        outbox_mail_failures_total: IntCounter,
        /// Messages that a worker has taken and not finished with, or that wait for another attempt, by worker.
        outbox_pending_messages: IntGaugeVec["worker"],
        /// Messages that failed for good and wait for a person, by worker.
        outbox_dead_letters: IntGaugeVec["worker"],
        /// Age of the oldest dead letter, by worker; 0 where there is none.
        outbox_oldest_dead_letter_seconds: IntGaugeVec["worker"],
    }
}

metrics! {
    /// Those of webhooks.
    struct OfHooks {
        /// Attempts to tell an organizer's system, by outcome (told, failed: tried again, dead: given up, off: switched off).
        outbox_hook_messages_total: IntCounterVec["outcome"],
    }
}

/// What the webhooks measure of themselves.
#[derive(Clone, Debug)]
pub struct HookMetrics(OfHooks);

impl HookMetrics {
    /// Registers every metric, and shows each from the start.
    ///
    /// # Errors
    /// When the registry has one of them already.
    pub fn new(registry: &Registry) -> prometheus::Result<Self> {
        let metrics = OfHooks::new(registry)?;
        for outcome in ["told", "failed", "dead", "off"] {
            metrics.outbox_hook_messages_total.with_label_values(&[outcome]);
        }
        Ok(Self(metrics))
    }

    /// Something became of an attempt.
    pub(super) fn count(&self, outcome: &'static str) {
        self.0.outbox_hook_messages_total.with_label_values(&[outcome]).inc();
    }
}

/// What a relay measures of itself.
#[derive(Clone, Debug)]
pub struct OutboxMetrics(Metrics);

/// What a worker measures of itself.
#[derive(Clone, Debug)]
pub struct WorkerMetrics(OfWorker);

/// What became of an attempt to send a mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The mail server has it.
    Sent,
    /// It is tried again.
    Failed,
    /// It is a dead letter.
    Dead,
}

impl Outcome {
    fn name(self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Failed => "failed",
            Self::Dead => "dead",
        }
    }
}

impl OutboxMetrics {
    /// Registers every metric.
    ///
    /// # Errors
    /// When the registry has one of them already.
    pub fn new(registry: &Registry) -> prometheus::Result<Self> {
        Metrics::new(registry).map(Self)
    }

    /// Messages were published.
    pub fn count_published(&self, messages: u64) {
        self.0.outbox_published_total.inc_by(messages);
    }

    /// How many numbers of the log are settled and not published.
    pub fn set_unpublished(&self, changes: i64) {
        self.0.outbox_unpublished_changes.set(changes.max(0));
    }

    /// Changes of unknown kinds were left out.
    pub fn count_skipped(&self, changes: u64) {
        self.0.outbox_skipped_total.inc_by(changes);
    }

    /// A round of the relay failed.
    pub fn count_failed_relay(&self) {
        self.0.outbox_relay_failures_total.inc();
    }

    /// How many messages the stream has.
    pub fn set_stream(&self, messages: usize) {
        self.0.outbox_stream_messages.set(i64::try_from(messages).unwrap_or(i64::MAX));
    }
}

impl WorkerMetrics {
    /// Registers every metric.
    ///
    /// # Errors
    /// When the registry has one of them already.
    pub fn new(registry: &Registry) -> prometheus::Result<Self> {
        OfWorker::new(registry).map(Self)
    }

    /// A round of the mail worker failed.
    pub fn count_failed_mail_round(&self) {
        self.0.outbox_mail_failures_total.inc();
    }

    /// An attempt to send a mail has ended.
    pub(super) fn count_mail(&self, outcome: Outcome) {
        self.0.outbox_mails_total.with_label_values(&[outcome.name()]).inc();
    }

    /// What a worker has before it.
    pub(super) fn set_standing(&self, worker: &str, standing: &Standing, now_ms: u64) {
        let whole = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        let age_ms = standing.oldest_dead_ms.map_or(0, |since_ms| now_ms.saturating_sub(since_ms));
        self.0.outbox_pending_messages.with_label_values(&[worker]).set(whole(standing.pending));
        self.0.outbox_dead_letters.with_label_values(&[worker]).set(whole(standing.dead));
        let age_s = i64::try_from(age_ms / 1000).unwrap_or(i64::MAX);
        self.0.outbox_oldest_dead_letter_seconds.with_label_values(&[worker]).set(age_s);
    }

    /// Shows each metric of a worker from the start.
    #[must_use]
    pub fn of_worker(self, worker: &str) -> Self {
        for outcome in [Outcome::Sent, Outcome::Failed, Outcome::Dead] {
            self.0.outbox_mails_total.with_label_values(&[outcome.name()]);
        }
        self.set_standing(worker, &Standing::default(), 0);
        self
    }
}
