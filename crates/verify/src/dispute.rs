//! One fan's receipt against the published draw.
//!
//! A ticket is signed by the operator and says which entry stands at which index. If the published roster says otherwise,
//! both together are evidence that needs nobody's word.

use fairgate_core::room::Position;
use fairgate_draw::{Hash, Record, Shuffle, Verdict};
use fairgate_token::{KeySet, Pass, Ticket};
use serde::Serialize;

use super::roster::{self, Search};
use super::{AnyRecord, AuditError, Source, Witness, read_record, tiers};

/// What the operator owes to a ticket, and whether it was kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "judgement", content = "detail", rename_all = "lowercase")]
pub enum Judgement {
    /// The published draw says what the ticket says.
    Honoured(String),
    /// The draw contradicts the ticket: the evidence, in words.
    Contradicted(String),
    /// Nothing is there yet to hold the ticket against.
    Open(String),
}

/// A ticket, perhaps with the pass that its fan was given, held against a published draw.
#[derive(Clone, Copy, Debug)]
pub struct Dispute<'a> {
    /// The ticket, as the fan has it.
    pub ticket: &'a str,
    /// A pass that was given for it, however long ago.
    pub pass: Option<&'a str>,
    /// What the fan's browser kept beside it.
    pub witness: Option<&'a Witness>,
    /// The operator's keys.
    pub keys: &'a KeySet,
}

/// Judges a dispute.
///
/// # Errors
/// When the ticket (or pass) is not the operator's, so that it proves nothing, or the draw cannot be read.
pub fn dispute(dispute: Dispute<'_>, source: &Source) -> Result<Judgement, AuditError> {
    let record = read_record(source)?;
    let no_receipt = |why: String| AuditError::Receipt { room: record.room().to_owned(), why };
    let ticket =
        dispute.keys.verify_ticket(dispute.ticket, record.room()).map_err(|error| no_receipt(error.to_string()))?;
    let pass = dispute.pass.map(|pass| dispute.keys.verify_past_pass(pass, record.room())).transpose();
    let pass = pass.map_err(|error| no_receipt(error.to_string()))?;
    let (judgement, own) = match &record {
        _ if ticket.draw != record.descriptor_digest() => (of_another_draw(&ticket, &record.descriptor_digest()), None),
        AnyRecord::V1(record) => judge(&ticket, record, source)?,
        AnyRecord::V2(record) => tiers::dispute(dispute.ticket, &ticket, dispute.keys, record, source)?,
    };
    let judgement = match (judgement, pass) {
        (Judgement::Honoured(roster), Some(pass)) => judge_pass(&ticket, &pass, own, &roster),
        (judgement, _) => judgement,
    };
    Ok(match (judgement, dispute.witness.map(|witness| witness.check(&record))) {
        (Judgement::Honoured(_), Some(Verdict::Fails(why))) => Judgement::Contradicted(why),
        (Judgement::Honoured(said), Some(Verdict::Holds(seen) | Verdict::Open(seen))) => {
            Judgement::Honoured(format!("{said}; {seen}"))
        }
        (judgement, _) => judgement,
    })
}

fn of_another_draw(ticket: &Ticket, published: &Hash) -> Judgement {
    Judgement::Contradicted(format!(
        "the ticket is for the draw {}, published is the draw {}: it was replaced after the ticket was given",
        hex::encode(ticket.draw),
        hex::encode(published)
    ))
}

/// How a ticket of a draw without tiers stands, and the place that is its own.
fn judge(ticket: &Ticket, record: &Record, source: &Source) -> Result<(Judgement, Option<u64>), AuditError> {
    Ok(match (ticket.position, record.entries) {
        (Position::Pool(index), Some(entries)) => {
            let found = roster::search(source.roster()?, index, &ticket.entry)?;
            let own = record.seed.and_then(|seed| Shuffle::new(&seed, entries).place(index));
            (judge_index(ticket, index, record, &found), own)
        }
        (Position::Pool(_), None) => (Judgement::Open("the roster is not frozen yet".into()), None),
        (Position::Line(place), entries) => (judge_line(place, entries), Some(place)),
    })
}

/// Judges if the roster that was sealed has the ticket's entry at the ticket's index.
fn judge_index(ticket: &Ticket, index: u64, record: &Record, found: &Search) -> Judgement {
    let entry = hex::encode(ticket.entry);
    if record.entries != Some(found.entries) || record.root != Some(found.root) {
        return Judgement::Contradicted(format!(
            "the roster that is published ({} entries, root {}) is not the one that was sealed",
            found.entries,
            hex::encode(found.root)
        ));
    }
    if found.at_index == Some(ticket.entry) {
        let place = record.seed.and_then(|seed| Shuffle::new(&seed, found.entries).place(index));
        let place = place.map_or_else(|| "its place is not drawn yet".into(), |place| format!("its place is {place}"));
        return Judgement::Honoured(format!("entry {index} of the roster is {entry}, as the ticket says; {place}"));
    }
    let instead = found.at_index.map_or_else(|| "ends before it".into(), |other| format!("has {}", hex::encode(other)));
    let elsewhere = match found.stands_at {
        Some(at) => format!("the ticket's entry stands at {at}"),
        None => "the ticket's entry stands nowhere in it".into(),
    };
    Judgement::Contradicted(format!(
        "the operator signed that entry {index} is {entry}; at {index} the sealed roster {instead}, and {elsewhere}"
    ))
}

/// Places after the draw are given in order of arrival: they start at N.
pub(super) fn judge_line(place: u64, entries: Option<u64>) -> Judgement {
    match entries {
        None => Judgement::Open("the roster is not frozen yet".into()),
        Some(entries) if place >= entries => {
            Judgement::Honoured(format!("place {place} is in the line of those who came after the draw of {entries}"))
        }
        Some(entries) => Judgement::Contradicted(format!(
            "the operator signed that place {place} was given in order of arrival, but places below {entries} were drawn"
        )),
    }
}

/// Judges if the fan was admitted with the place that was theirs.
fn judge_pass(ticket: &Ticket, pass: &Pass, own: Option<u64>, roster: &str) -> Judgement {
    match own {
        _ if pass.draw != ticket.draw => Judgement::Open("the pass is of another draw than the ticket".into()),
        None => Judgement::Open("the place is not drawn yet".into()),
        Some(own) if own == pass.place => Judgement::Honoured(format!("{roster}; the pass is for that place")),
        Some(own) => Judgement::Contradicted(format!(
            "the operator signed a pass for place {}, but the ticket's place is {own}",
            pass.place
        )),
    }
}
