//! One fan's receipt against the published draw.
//!
//! A ticket is signed by the operator and says which entry stands at which index. If the published roster says otherwise,
//! both together are evidence that needs nobody's word.

use fairgate_core::room::Position;
use fairgate_draw::{Record, Shuffle, Verdict};
use fairgate_token::{KeySet, Pass, Ticket};
use serde::Serialize;

use super::roster::{self, Search};
use super::{AuditError, Source, Witness, read_record};

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
    let (_, record) = read_record(source)?;
    let no_receipt = |why: String| AuditError::Receipt { room: record.room.clone(), why };
    let ticket =
        dispute.keys.verify_ticket(dispute.ticket, &record.room).map_err(|error| no_receipt(error.to_string()))?;
    let pass = dispute.pass.map(|pass| dispute.keys.verify_past_pass(pass, &record.room)).transpose();
    let pass = pass.map_err(|error| no_receipt(error.to_string()))?;
    let standing = match (ticket.position, record.entries) {
        (Position::Pool(index), Some(_)) => Some(roster::search(source.roster()?, index, &ticket.entry)?),
        _ => None,
    };
    let judgement = judge(&ticket, pass.as_ref(), &record, standing.as_ref());
    Ok(match (judgement, dispute.witness.map(|witness| witness.check(&record))) {
        (Judgement::Honoured(_), Some(Verdict::Fails(why))) => Judgement::Contradicted(why),
        (Judgement::Honoured(said), Some(Verdict::Holds(seen) | Verdict::Open(seen))) => {
            Judgement::Honoured(format!("{said}; {seen}"))
        }
        (judgement, _) => judgement,
    })
}

fn judge(ticket: &Ticket, pass: Option<&Pass>, record: &Record, standing: Option<&Search>) -> Judgement {
    if ticket.draw != record.descriptor_digest {
        return Judgement::Contradicted(format!(
            "the ticket is for the draw {}, published is the draw {}: it was replaced after the ticket was given",
            hex::encode(ticket.draw),
            hex::encode(record.descriptor_digest)
        ));
    }
    let roster = match (ticket.position, standing) {
        (Position::Pool(index), Some(found)) => judge_index(ticket, index, record, found),
        (Position::Pool(_), None) => Judgement::Open("the roster is not frozen yet".into()),
        (Position::Line(place), _) => judge_line(place, record),
    };
    match (roster, pass) {
        (Judgement::Honoured(roster), Some(pass)) => judge_pass(ticket, pass, record, &roster),
        (judgement, _) => judgement,
    }
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
fn judge_line(place: u64, record: &Record) -> Judgement {
    match record.entries {
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
fn judge_pass(ticket: &Ticket, pass: &Pass, record: &Record, roster: &str) -> Judgement {
    let own = match ticket.position {
        Position::Line(place) => Some(place),
        Position::Pool(index) => {
            record.seed.zip(record.entries).and_then(|(seed, entries)| Shuffle::new(&seed, entries).place(index))
        }
    };
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
