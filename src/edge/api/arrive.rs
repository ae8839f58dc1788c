//! A join in a room with tiers: one entry for one identity, and the ticket that says which.
//!
//! Guarantees: the ticket says the very entry and tag that stand in the roster, also where they were made on another
//! device. An identity whose place was given up or has lapsed gets a place at the end of the line, and never two.

use std::time::Instant;

use fairgate_draw::Hash;
use fairgate_draw::v2::{self, Descriptor, NO_TAG, Nonce};

use super::newcomer::{Entered, Newcomer, problem};
use crate::edge::context::Edge;
use crate::edge::http::entry_problem::{EntryProblem, Missing};
use crate::edge::http::problem::Problem;
use crate::edge::room::admitted::Admitted;
use crate::edge::room::handle::LiveRoom;
use crate::edge::room::snapshot::Snapshot;
use fairgate_core::room::{Arrival, Arrived, Entry, Position, Replaced, Spot};
use fairgate_store::{CountedNetwork, Joined, Joiner};
use fairgate_token::{OfTier, Terms, Ticket};

/// Where a fan stands, and with which entry.
struct Found {
    at: Spot,
    entry: Entry,
    of_tier: OfTier,
    again: bool,
}

/// Enters a room whose draw has these rules.
///
/// # Errors
/// Something is to be shown first, what was shown is used up or too late, or the store does not answer.
pub(super) async fn enter(
    edge: &Edge,
    room: &LiveRoom,
    snapshot: &Snapshot,
    rules: &Descriptor,
    newcomer: Newcomer,
) -> Result<Entered, Problem> {
    let Newcomer { nonce, mut admitted, address, terms } = newcomer;
    if rules.has_identities() && admitted.tags.is_empty() {
        return Err(EntryProblem::Required(Missing::default()).into());
    }
    let draw = snapshot.view.draw.descriptor_digest;
    let arrival = |admitted: &Admitted| admitted.arrival(&draw, rules.tiers.len(), Nonce(nonce));
    let mut came = arrival(&admitted);
    let networks = edge.quotas.busy_joiners(address, Instant::now());
    let mut arrived = ask(edge, room, came.clone(), networks).await?;
    if let Arrived::Again { at, by, .. } = arrived
        && let Some(place) = snapshot.place_at(at).filter(|_| rules.has_identities())
    {
        // Only the store knows whether that place was given up or has lapsed.
        admitted.be_known_by(by);
        came = Arrival { replaces: Some(Replaced { at, place }), ..arrival(&admitted) };
        arrived = ask(edge, room, came.clone(), Vec::new()).await?;
    }
    let found = found(edge, &came, arrived, |tag| v2::entry(&draw, came.tier, Nonce(nonce), tag))?;
    Ok(Entered { again: found.again, ticket: ticket(edge, room, draw, &found, terms) })
}

/// The ticket that counts of a fan who shows one. After a loss its entry may be empty: of two entries of one identity the older
/// one stays, and an entry that nobody could put back before the freeze is nobody's.
///
/// # Errors
/// The entry is empty and there is no identity to know the fan by, or the store does not answer.
pub(super) async fn counting(
    edge: &Edge,
    room: &LiveRoom,
    snapshot: &Snapshot,
    shown: Ticket,
) -> Result<Ticket, Problem> {
    let (Some(OfTier { tier, tag }), Position::Pool(index)) = (shown.of_tier, shown.position) else { return Ok(shown) };
    let missing = snapshot.view.tiers.get(usize::from(tier)).map_or(0, |tier| tier.missing);
    if missing == 0 || snapshot.view.draw.frozen_at_ms.is_none() {
        return Ok(shown);
    }
    let row = edge.store.tier_roster(room.name(), tier, index..index + 1).await;
    if row.map_err(|_| edge.store_unavailable())? == shown.entry[..] {
        return Ok(shown);
    }
    if tag == NO_TAG {
        return Err(Problem::Expired);
    }
    let came = Arrival::plain(tier, shown.entry, tag);
    let found = found(edge, &came, ask(edge, room, came.clone(), Vec::new()).await?, |_| shown.entry)?;
    Ok(ticket(edge, room, shown.draw, &found, shown.terms))
}

fn ticket(edge: &Edge, room: &LiveRoom, draw: Hash, found: &Found, terms: Terms) -> Ticket {
    let (position, entry, of_tier) = (position(found.at), found.entry, Some(found.of_tier));
    Ticket { room: room.name().to_owned(), draw, position, entry, issued_at_ms: edge.now_ms(), of_tier, terms }
}

async fn ask(edge: &Edge, room: &LiveRoom, entry: Arrival, networks: Vec<CountedNetwork>) -> Result<Arrived, Problem> {
    match room.tiers.arrivals.ask(Joiner { entry, networks }).await.map_err(|error| problem(edge, error))? {
        Joined::At(arrived) => Ok(arrived),
        Joined::Over { retry_after_ms } => Err(edge.too_many(edge.quotas.over_joins(retry_after_ms))),
    }
}

/// What became of an arrival; `own_entry` is the entry that a tag makes with this fan's nonce. The line has no roster, so
/// there the entry is always that one.
fn found(
    edge: &Edge,
    came: &Arrival,
    arrived: Arrived,
    own_entry: impl FnOnce(&v2::Tag) -> Entry,
) -> Result<Found, Problem> {
    let (at, by, entry, again) = match arrived {
        Arrived::New { at, which } => (at, which, None, false),
        Arrived::Again { at: Spot::Pool { .. }, entry: None, .. } => return Err(edge.mending()),
        Arrived::Again { at, by, entry } => (at, by, entry, true),
        Arrived::Used => return Err(EntryProblem::CodeTaken.into()),
        Arrived::Late => return Err(EntryProblem::WorkLate.into()),
    };
    let tag = came.tag(by).ok_or(Problem::Internal)?;
    let tier = if let Spot::Pool { tier, .. } = at { tier } else { came.tier };
    Ok(Found { at, entry: entry.unwrap_or_else(|| own_entry(&tag)), of_tier: OfTier { tier, tag }, again })
}

fn position(at: Spot) -> Position {
    match at {
        Spot::Pool { index, .. } => Position::Pool(index),
        Spot::Line { place } => Position::Line(place),
    }
}
