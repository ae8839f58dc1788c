//! Checking a draw from what is public of it: `fairgate draw verify`.
//!
//! Guarantees: nothing is taken from the operator on trust but what a step proves; every step is reported, by name; the
//! roster streams by, so that memory does not grow with it beyond a dozen bytes an entry.

mod dispute;
mod report;
mod roster;
mod source;
mod witness;

use fairgate_draw::{Finding, Record, Shuffle, Step, Verdict, ZERO, audit_record, check_places};
use serde_json::Value;

use crate::pass::{KeySet, RecordError};

pub use dispute::{Dispute, Judgement, dispute};
pub use report::{Outcome, Report};
pub use roster::RosterFacts;
pub use source::{Source, SourceError};
pub use witness::Witness;

/// What an auditor brings along.
#[derive(Debug, Default)]
pub struct Evidence {
    /// The operator's keys, known from elsewhere; otherwise those that stand beside the record are used.
    pub keys: Option<KeySet>,
    /// What browsers saw before.
    pub witnesses: Vec<Witness>,
}

/// Why there is nothing to check.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// Record, roster or keys cannot be read.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// What was shown as a receipt proves nothing.
    #[error("this is no receipt of {room:?}: {why}")]
    Receipt {
        /// The room whose draw it was held against.
        room: String,
        /// Why it proves nothing.
        why: String,
    },
    /// The record is not one.
    #[error("the record of {from} cannot be read: {why}")]
    Record {
        /// Where it came from.
        from: String,
        /// What is wrong with it.
        why: serde_json::Error,
    },
}

/// Checks everything that is public of a draw.
///
/// `read` is told how many entries of how many have been read.
///
/// # Errors
/// When there is nothing to check; whatever is wrong with the draw itself is in the report.
pub fn audit(source: &Source, evidence: &Evidence, read: &mut dyn FnMut(u64, u64)) -> Result<Report, AuditError> {
    let (published, record) = read_record(source)?;
    let mut findings = vec![finding(Step::Signature, check_signature(source, evidence, &published)?)];
    findings.extend(evidence.witnesses.iter().map(|witness| finding(Step::Witness, witness.check(&record))));
    let roster = match record.entries {
        Some(entries) => Some(roster::read(source.roster()?, entries, read)?),
        None => None,
    };
    findings.extend(check_record(&record, roster.as_ref()));
    findings.push(finding(Step::Places, recompute_places(&record)));
    Ok(Report::new(source.to_string(), published, &record, roster, findings))
}

/// The record as it was published, and as far as this version knows it.
fn read_record(source: &Source) -> Result<(Value, Record), AuditError> {
    let text = source.record()?;
    let malformed = |why| AuditError::Record { from: source.to_string(), why };
    Ok((serde_json::from_str(&text).map_err(malformed)?, serde_json::from_str(&text).map_err(malformed)?))
}

fn check_signature(source: &Source, evidence: &Evidence, published: &Value) -> Result<Verdict, AuditError> {
    let beside = if evidence.keys.is_some() { None } else { source.keys("")? };
    let Some(keys) = evidence.keys.as_ref().or(beside.as_ref()) else {
        return Ok(Verdict::Open("there are no keys to check it with".into()));
    };
    Ok(match keys.verify_record(published.clone()) {
        Ok(kid) => Verdict::Holds(format!("signed by key {kid}")),
        Err(RecordError::Token(error)) => {
            Verdict::Fails(format!("the record's signature is not the operator's: {error}"))
        }
        Err(error) => Verdict::Fails(error.to_string()),
    })
}

fn check_record(record: &Record, roster: Option<&RosterFacts>) -> Vec<Finding> {
    // A roster that is not frozen has no N and no root to compare with: these steps are open whatever is given.
    let (entries, root) = roster.map_or((0, ZERO), |facts| (facts.entries, facts.root));
    let mut findings = audit_record(record, (entries, root));
    let verdict = findings.iter_mut().find(|finding| finding.step == Step::Roster).map(|finding| &mut finding.verdict);
    match (roster, verdict) {
        (Some(facts), Some(verdict)) if facts.stray_bytes > 0 => {
            *verdict = Verdict::Fails(format!("the roster ends in {} bytes that are no entry", facts.stray_bytes));
        }
        (Some(facts), Some(Verdict::Holds(detail))) if facts.repeated > 0 => {
            detail.push_str(&format!(", {} of which repeat an earlier one", facts.repeated));
        }
        _ => {}
    }
    findings
}

fn recompute_places(record: &Record) -> Verdict {
    let (Some(seed), Some(entries)) = (&record.seed, record.entries) else {
        return Verdict::Open("there is no seed yet".into());
    };
    match Shuffle::new(seed, entries).all_places() {
        Ok(places) => check_places(record, &places),
        Err(error) => Verdict::Open(error.to_string()),
    }
}

fn finding(step: Step, verdict: Verdict) -> Finding {
    Finding { step, verdict }
}
