//! What a claim owes: asked of those who looked odd when they joined, and of everybody where the room says so.
//!
//! Guarantees: whoever owes keeps place and ticket. A voucher for the position settles it, and is not asked for again while
//! it is good. Whom an organizer lets in is asked nothing, and whom an organizer does not let in is told so.

use super::desk;
use crate::edge::context::Edge;
use crate::edge::entry::claim::{Owing, claim_bond};
use crate::edge::entry::shown::check_vouchers;
use crate::edge::entry::wallet::texts;
use crate::edge::http::entry_problem::{EntryProblem, Owes};
use crate::edge::http::problem::Problem;
use crate::edge::http::request::FanRequest;
use crate::edge::room::handle::LiveRoom;
use crate::edge::room::snapshot::Snapshot;
use fairgate_core::room::Position;
use fairgate_entry::voucher::LINE_TIER;
use fairgate_token::Ticket;

/// Checks that a claim owes nothing.
///
/// # Errors
/// What is owed.
pub(in crate::edge::api) fn check(
    edge: &Edge,
    room: &LiveRoom,
    snapshot: &Snapshot,
    ticket: &Ticket,
    request: &FanRequest<'_>,
    vouchers: &[String],
) -> Result<(), Problem> {
    let Some(desk) = &room.entry else { return Ok(()) };
    check_vouchers(vouchers)?;
    let kept = texts(room.cookies(request.secure).me.find(request.headers));
    let vouchers: Vec<&str> = vouchers.iter().map(String::as_str).chain(kept).collect();
    let owing = desk.owing(&ticket.terms, position(ticket), &vouchers, &desk::moment(edge, snapshot, request));
    let due = match owing {
        Owing::Nothing => return Ok(()),
        Owing::Settled => {
            desk.metrics.observe_owed(true);
            return Ok(());
        }
        Owing::Refused(reference) => return Err(EntryProblem::Overruled(reference).into()),
        Owing::Due(due) => due,
    };
    desk.metrics.observe_owed(false);
    let bond = claim_bond(&ticket.entry).to_base64url();
    Err(EntryProblem::Owes(Owes {
        ways: due.ways,
        until_ms: None,
        reference: due.reference,
        reasons: due.reasons,
        bond,
    })
    .into())
}

/// Tier and index, as vouchers for a claim name them.
pub(super) fn position(ticket: &Ticket) -> (u8, u64) {
    match ticket.position {
        Position::Pool(index) => (ticket.of_tier.map_or(0, |of_tier| of_tier.tier), index),
        Position::Line(place) => (LINE_TIER, place),
    }
}
