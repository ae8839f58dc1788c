//! Checking a draw from what is public of it: `fairgate draw verify`.
//!
//! Guarantees:
//! - nothing is taken from the operator on trust but what a step proves
//! - every step is reported, by name
//! - the roster streams by, so that memory does not grow with it beyond a dozen bytes an entry
//!
//! The compiler keeps one promise here: this crate names no edge, no store and no configuration. It judges with the protocol
//! ([`fairgate_draw`]) and the public keys, so the operator's own servers are no part of the verdict.

mod claims;
mod dispute;
mod facts;
mod lines;
mod log;
mod report;
mod roster;
mod source;
mod tiers;
mod witness;

use fairgate_draw::log::VerifierKey;
use fairgate_draw::{Finding, Hash, Record, Shuffle, Step, Verdict, ZERO, audit_record, check_places, v2};
use fairgate_token::{KeySet, RecordError};
use serde::de::DeserializeOwned;
use serde_json::Value;

use self::claims::Given;
use self::report::Checked;
use self::roster::Fingerprints;

pub use dispute::{Dispute, Judgement, dispute};
pub use report::{Outcome, Report};
pub use roster::RosterFacts;
pub use source::{Source, SourceError};
pub use witness::{Published, Witness, WitnessError};

/// What an auditor brings along.
#[derive(Debug, Default)]
pub struct Evidence {
    /// The operator's keys, known from elsewhere; otherwise those that stand beside the record are used.
    pub keys: Option<KeySet>,
    /// What browsers saw before, and checkpoints of the draw log that somebody saved.
    pub witnesses: Vec<Witness>,
    /// The keys of outside witnesses of the draw log. Those that only the operator names count for nothing.
    pub witness_keys: Vec<VerifierKey>,
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
    /// The record is not one of a draw with tiers.
    #[error("the record of {from} cannot be read: {why}")]
    TierRecord {
        /// Where it came from.
        from: String,
        /// What is wrong with it.
        why: v2::RecordError,
    },
}

/// Checks everything that is public of a draw.
///
/// `read` is told how many entries of how many have been read.
///
/// # Errors
/// When there is nothing to check; whatever is wrong with the draw itself is in the report.
pub fn audit(source: &Source, evidence: &Evidence, read: &mut dyn FnMut(u64, u64)) -> Result<Report, AuditError> {
    let text = source.record()?;
    let published: Value = parse_record(source, &text)?;
    if published["version"] == v2::VERSION {
        return tiers::audit(source, evidence, &text, published, read);
    }
    let record: Record = parse_record(source, &text)?;
    let (signature, signed_by) = check_signature(source, evidence, &published)?;
    let mut findings = vec![finding(Step::Signature, signature)];
    let papers = || evidence.witnesses.iter().filter(|witness| !witness.is_of_log());
    findings.extend(papers().map(|witness| finding(Step::Witness, witness.check(&record))));
    let (mut roster, prints) = match record.entries {
        Some(entries) => {
            let (roster, prints) = roster::read(source.roster()?, entries, read)?;
            (Some(roster), prints)
        }
        None => (None, Fingerprints::default()),
    };
    let (places, given) = check_given(source, &record, &prints)?;
    if let Some(roster) = &mut roster {
        roster.repeated = prints.count_repeated();
    }
    findings.extend(check_record(&record, roster.as_ref()));
    findings.push(finding(Step::Places, places));
    findings.extend(given);
    let (notes, witnessed_by_log) = check_log(source, evidence, &record, signed_by, &mut findings)?;
    let witnessed = papers().filter(|witness| witness.saw_before_round(&record)).count() + witnessed_by_log;
    let (facts, rosters) = ((&record).into(), roster.into_iter().collect());
    Ok(Report::new(Checked { source: source.to_string(), published, facts, rosters, findings, notes, witnessed }))
}

/// What the draw log says of a draw without tiers, where its record names one: notes, and how many outsiders saw the freeze.
fn check_log(
    source: &Source,
    evidence: &Evidence,
    record: &Record,
    signed_by: Option<Hash>,
    findings: &mut Vec<Finding>,
) -> Result<(Vec<String>, usize), AuditError> {
    if record.log.is_none() && !evidence.witnesses.iter().any(Witness::is_of_log) {
        return Ok((Vec::new(), 0));
    }
    let log = log::check(source, evidence, &record.into(), signed_by)?;
    add_to_commitment(findings, log.secret_used_twice);
    findings.extend(log.verdicts.into_iter().map(|verdict| finding(Step::Log, verdict)));
    Ok((log.notes, log.witnessed))
}

/// The places, and what the list of claims says of them. The places are let go of before anything else needs room.
fn check_given(source: &Source, record: &Record, roster: &Fingerprints) -> Result<(Verdict, [Finding; 2]), AuditError> {
    let places = match recompute_places(record) {
        Ok(places) => places,
        Err(verdict) => return Ok((verdict, claims::not_checked("no place is drawn yet"))),
    };
    let claimed = match source.claims()? {
        Some(list) => claims::check(list, Given { record, places: &places, roster })?,
        None => claims::not_checked("no list of claims is published"),
    };
    Ok((check_places(record, &places), claimed))
}

/// The digest of the draw that is published.
///
/// # Errors
/// When its record cannot be read.
pub fn published_digest(source: &Source) -> Result<Hash, AuditError> {
    Ok(read_record(source)?.descriptor_digest())
}

/// A published record, of either version.
enum AnyRecord {
    V1(Box<Record>),
    V2(Box<v2::Record>),
}

impl AnyRecord {
    fn descriptor_digest(&self) -> Hash {
        match self {
            Self::V1(record) => record.descriptor_digest,
            Self::V2(record) => record.descriptor_digest,
        }
    }

    fn room(&self) -> &str {
        match self {
            Self::V1(record) => &record.room,
            Self::V2(record) => &record.room,
        }
    }
}

impl From<&AnyRecord> for Published {
    fn from(record: &AnyRecord) -> Self {
        match record {
            AnyRecord::V1(record) => Self::from(&**record),
            AnyRecord::V2(record) => Self::from(&**record),
        }
    }
}

fn read_record(source: &Source) -> Result<AnyRecord, AuditError> {
    let text = source.record()?;
    let published: Value = parse_record(source, &text)?;
    if published["version"] == v2::VERSION {
        let record = v2::Record::parse(&text);
        let record = record.map_err(|why| AuditError::TierRecord { from: source.to_string(), why })?;
        return Ok(AnyRecord::V2(Box::new(record)));
    }
    Ok(AnyRecord::V1(Box::new(parse_record(source, &text)?)))
}

fn parse_record<T: DeserializeOwned>(source: &Source, text: &str) -> Result<T, AuditError> {
    serde_json::from_str(text).map_err(|why| AuditError::Record { from: source.to_string(), why })
}

/// What the signature comes to, and the thumbprint of the key that made it.
fn check_signature(
    source: &Source,
    evidence: &Evidence,
    published: &Value,
) -> Result<(Verdict, Option<Hash>), AuditError> {
    let beside = if evidence.keys.is_some() { None } else { source.keys("")? };
    let Some(keys) = evidence.keys.as_ref().or(beside.as_ref()) else {
        return Ok((Verdict::Open("there are no keys to check it with".into()), None));
    };
    Ok(match keys.verify_record(published.clone()) {
        Ok(kid) => (Verdict::Holds(format!("signed by key {kid}")), keys.thumbprint(&kid)),
        Err(RecordError::Token(error)) => {
            (Verdict::Fails(format!("the record's signature is not the operator's: {error}")), None)
        }
        Err(error) => (Verdict::Fails(error.to_string()), None),
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

/// Every place, or why there is none.
fn recompute_places(record: &Record) -> Result<Vec<u32>, Verdict> {
    let (Some(seed), Some(entries)) = (&record.seed, record.entries) else {
        return Err(Verdict::Open("there is no seed yet".into()));
    };
    Shuffle::new(seed, entries).all_places().map_err(|error| Verdict::Open(error.to_string()))
}

/// A secret serves one draw: for the second one it would be known.
fn add_to_commitment(findings: &mut [Finding], used_twice: Option<String>) {
    let verdict =
        findings.iter_mut().find(|finding| finding.step == Step::Commitment).map(|finding| &mut finding.verdict);
    if let (Some(verdict), Some(used)) = (verdict, used_twice)
        && !matches!(verdict, Verdict::Fails(_))
    {
        *verdict = Verdict::Fails(used);
    }
}

fn finding(step: Step, verdict: Verdict) -> Finding {
    Finding { step, verdict }
}
