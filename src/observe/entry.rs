//! How fans show who they are, for Prometheus. No label is a code, a tag, a network or a fan's name.

use std::time::Duration;

use fairgate_entry::join::Joined;
use fairgate_entry::score::Signal;
use fairgate_entry::way::WayName;
use prometheus::{Histogram, IntCounter, Registry};

use super::metrics;

const CHECK_SECONDS: [f64; 8] = [0.000_001, 0.000_005, 0.000_01, 0.000_05, 0.000_1, 0.000_5, 0.001, 0.01];
const ERRAND_SECONDS: [f64; 8] = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0];

metrics! {
    /// The metrics themselves.
    struct Metrics {
        /// What joins showed, by room, way and outcome: `good`, the kind of the refusal, or `missing`.
        entry_shown_total: IntCounterVec["room", "way", "outcome"],
        /// Tables of work that are asked of everybody, by room.
        entry_work_effort: IntGaugeVec["room"],
        /// Time that judging a join with work took.
        entry_work_check_seconds: Histogram {CHECK_SECONDS},
        /// Vouchers that were made, by outcome: `made`, `refused`.
        entry_voucher_total: IntCounterVec["outcome"],
        /// Time that a challenge provider took to answer, by way.
        entry_provider_seconds: HistogramVec["name"] {ERRAND_SECONDS},
        /// Challenge answers that could not be checked, by way and kind: our fault, theirs, or too many at once.
        entry_provider_failures_total: IntCounterVec["name", "kind"],
        /// Codes by mail, by outcome: `sent`, `held` (a limit), `refused` (by the mail server), `failed`, `busy`.
        entry_mail_total: IntCounterVec["outcome"],
        /// Codes that count, by campaign.
        entry_codes_loaded: IntGaugeVec["campaign"],
        /// Codes that were shown and do not count.
        entry_codes_unknown_total: IntCounter,
        /// Signs of suspicion that joins had, by signal.
        entry_suspicious_total: IntCounterVec["signal"],
        /// Claims of those who owe something, by outcome: `asked`, `shown`.
        entry_owed_total: IntCounterVec["outcome"],
        /// Decisions of organizers about refused fans that this edge has taken over.
        entry_overruled_total: IntCounter,
        /// References that were given, by outcome: `kept`, or `dropped` where a network or this edge had too many.
        entry_references_total: IntCounterVec["outcome"],
        /// Proofs of a browser's key, by call and outcome: `good`, `missing`, `late` (of a minute that is over), `wrong`.
        pass_proofs_total: IntCounterVec["by", "outcome"],
        /// Places that got another key, by what showed whose they are: `keepsake`, `identity`, `organizer`, or `purpose`: its device gave it away.
        moves_total: IntCounterVec["by"],
    }
}

/// Why an errand brought no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrandFailure {
    /// Our secret or sitekey is wrong.
    Ours,
    /// No answer, or none of the contract.
    Theirs,
    /// As many are under way as may be.
    Full,
}

/// What became of a code by mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MailOutcome {
    /// The mail server took it.
    Sent,
    /// Its address or network has had as many as it may.
    Held,
    /// The mail server does not take mails for this address.
    Refused,
    /// The mail server cannot be reached.
    Failed,
    /// As many were sent this second as may be.
    Busy,
}

/// What became of a key's proof.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProofOutcome {
    /// It counts.
    Good,
    /// There is none.
    Missing,
    /// It is of a minute that is over.
    Late,
    /// It does not count.
    Wrong,
}

/// What showed whose a place is that got another key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MovedBy {
    /// The letters that were shown with the receipt.
    Keepsake,
    /// An identity.
    Identity,
    /// An organizer's word.
    Organizer,
    /// The device that had it gave it to another.
    Purpose,
}

/// How fans show who they are. Cloning shares the metrics.
#[derive(Clone, Debug)]
pub struct EntryMetrics {
    metrics: Metrics,
    checks: Histogram,
    unknown_codes: IntCounter,
}

impl EntryMetrics {
    /// Registers every metric.
    ///
    /// # Errors
    /// When the registry has one of them already.
    pub fn new(registry: &Registry) -> prometheus::Result<Self> {
        let metrics = Metrics::new(registry)?;
        let (checks, unknown_codes) =
            (metrics.entry_work_check_seconds.clone(), metrics.entry_codes_unknown_total.clone());
        Ok(Self { metrics, checks, unknown_codes })
    }

    /// A join was judged.
    pub fn observe_joined(&self, room: &str, joined: &Joined) {
        match joined {
            Joined::Enters(entrant) => entrant.by.iter().for_each(|way| self.shown(room, way, "good")),
            Joined::Refused { way, reason } => {
                self.shown(room, way, reason.as_str());
                if way.as_str() == WayName::CODE {
                    self.unknown_codes.inc();
                }
            }
            Joined::More(_) => self.metrics.entry_shown_total.with_label_values(&[room, WayName::WORK, "more"]).inc(),
            Joined::Required(required) => {
                required.any_of.iter().chain(&required.missing).for_each(|way| self.shown(room, way, "missing"));
            }
        }
    }

    fn shown(&self, room: &str, way: &WayName, outcome: &str) {
        self.metrics.entry_shown_total.with_label_values(&[room, way.as_str(), outcome]).inc();
    }

    /// So many tables are asked of everybody.
    pub fn observe_effort(&self, room: &str, tables: u32) {
        self.metrics.entry_work_effort.with_label_values(&[room]).set(tables.into());
    }

    /// A join with work was judged.
    pub fn observe_work_check(&self, took: Duration) {
        self.checks.observe(took.as_secs_f64());
    }

    /// A voucher was made, or was not.
    pub fn observe_voucher(&self, is_made: bool) {
        self.metrics.entry_voucher_total.with_label_values(&[if is_made { "made" } else { "refused" }]).inc();
    }

    /// A provider was asked.
    pub fn observe_errand(&self, name: &str, took: Duration) {
        self.metrics.entry_provider_seconds.with_label_values(&[name]).observe(took.as_secs_f64());
    }

    /// A provider gave no answer.
    pub fn observe_errand_failure(&self, name: &str, failure: ErrandFailure) {
        let kind = match failure {
            ErrandFailure::Ours => "ours",
            ErrandFailure::Theirs => "theirs",
            ErrandFailure::Full => "full",
        };
        self.metrics.entry_provider_failures_total.with_label_values(&[name, kind]).inc();
    }

    /// A code by mail was asked for, or went out.
    pub fn observe_mail(&self, outcome: MailOutcome) {
        let outcome = match outcome {
            MailOutcome::Sent => "sent",
            MailOutcome::Held => "held",
            MailOutcome::Refused => "refused",
            MailOutcome::Failed => "failed",
            MailOutcome::Busy => "busy",
        };
        self.metrics.entry_mail_total.with_label_values(&[outcome]).inc();
    }

    /// A list of codes was read.
    pub fn observe_codes(&self, campaign: &str, codes: usize) {
        self.metrics.entry_codes_loaded.with_label_values(&[campaign]).set(i64::try_from(codes).unwrap_or(i64::MAX));
    }

    /// A join had a sign of suspicion.
    pub fn observe_signal(&self, signal: Signal) {
        self.metrics.entry_suspicious_total.with_label_values(&[signal.as_str()]).inc();
    }

    /// This edge has taken over so many decisions.
    pub fn observe_overruled(&self, decisions: u64) {
        self.metrics.entry_overruled_total.inc_by(decisions);
    }

    /// A reference was given.
    pub fn observe_reference(&self, is_kept: bool) {
        self.metrics.entry_references_total.with_label_values(&[if is_kept { "kept" } else { "dropped" }]).inc();
    }

    /// A key's proof was judged.
    pub fn observe_proof(&self, by: &str, outcome: ProofOutcome) {
        let outcome = match outcome {
            ProofOutcome::Good => "good",
            ProofOutcome::Missing => "missing",
            ProofOutcome::Late => "late",
            ProofOutcome::Wrong => "wrong",
        };
        self.metrics.pass_proofs_total.with_label_values(&[by, outcome]).inc();
    }

    /// A place got another key.
    pub fn observe_move(&self, by: MovedBy) {
        let by = match by {
            MovedBy::Keepsake => "keepsake",
            MovedBy::Identity => "identity",
            MovedBy::Organizer => "organizer",
            MovedBy::Purpose => "purpose",
        };
        self.metrics.moves_total.with_label_values(&[by]).inc();
    }

    /// Somebody who owed something claimed.
    pub fn observe_owed(&self, is_shown: bool) {
        self.metrics.entry_owed_total.with_label_values(&[if is_shown { "shown" } else { "asked" }]).inc();
    }
}
