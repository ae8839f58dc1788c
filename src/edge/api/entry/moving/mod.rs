//! The calls by which a fan takes the place to another device, on purpose: offered by the first device, accepted by the second,
//! and confirmed by the first.
//!
//! Guarantees:
//! - a place moves only when its own device says the number that the other one shows
//! - it moves no more often than the room says, whatever showed whose it is
//! - any edge answers any of the calls, and one that is asked again has the same effect

pub(in crate::edge::api) mod accept;
pub(in crate::edge::api) mod confirm;
pub(in crate::edge::api) mod offer;

use fairgate_entry::binding::offer::OFFER_S;
use fairgate_entry::binding::{Acceptance, Letters, Offer, Offered, Thumbprint};
use fairgate_store::{OfferName, OfferRow, StoreError};
use fairgate_token::Ticket;

use super::bound::{self, key_of};
use super::owed::position;
use super::proof::{self, ProvedCall, binding_desk};
use crate::edge::api::lost_number;
use crate::edge::api::ticket::{self, Shown};
use crate::edge::context::Edge;
use crate::edge::entry::desk::Desk;
use crate::edge::http::entry_problem::EntryProblem;
use crate::edge::http::problem::Problem;
use crate::edge::http::request::FanRequest;
use crate::edge::room::handle::LiveRoom;
use crate::edge::room::snapshot::Snapshot;

/// How long an offer is good, ms.
const OFFER_MS: u64 = 1000 * OFFER_S;
/// When a device asks again what has become of an offer, ms.
const LOOK_AGAIN_MS: u64 = 2_000;

/// An offer that is there.
struct Open {
    name: OfferName,
    offered: Offered,
    row: OfferRow,
}

impl Open {
    /// Who has accepted it.
    fn by(&self) -> Option<Acceptance> {
        self.row.by.as_deref().and_then(Acceptance::read)
    }
}

/// The desk of a room whose places may move.
fn moving_desk(room: &LiveRoom) -> Result<&Desk, Problem> {
    let desk = binding_desk(room).filter(|desk| desk.policy.moves > 0);
    desk.ok_or_else(|| EntryProblem::NotAsked.into())
}

/// The device that a place is bound to: its ticket, as it was sent, and its key.
struct Owner<'h> {
    ticket: Ticket,
    token: &'h str,
    key: Thumbprint,
}

/// Checks that a call comes from the device that the ticket names.
async fn owner<'h>(
    edge: &Edge,
    room: &LiveRoom,
    desk: &Desk,
    snapshot: &Snapshot,
    request: &FanRequest<'h>,
    call: ProvedCall,
) -> Result<Owner<'h>, Problem> {
    let Shown { ticket, token, .. } = ticket::shown(edge, room, snapshot, request)?;
    lost_number::check(edge, room, snapshot, &ticket).await?;
    let Some(key) = key_of(&ticket) else { return Err(bound::ask_otherwise(edge, desk, &ticket)) };
    proof::check(edge, desk, snapshot, request, (call, token, &key)).map_err(|error| proof::problem(error, None))?;
    Ok(Owner { ticket, token, key })
}

/// The offer with these letters; nothing where there is none.
async fn look(
    edge: &Edge,
    room: &LiveRoom,
    desk: &Desk,
    snapshot: &Snapshot,
    letters: &Letters,
) -> Result<Option<Open>, Problem> {
    let name = desk.moves.keys.name(&snapshot.view.draw.descriptor_digest, letters);
    take(edge, room, desk, &name, None).await
}

async fn take(
    edge: &Edge,
    room: &LiveRoom,
    desk: &Desk,
    name: &OfferName,
    by: Option<String>,
) -> Result<Option<Open>, Problem> {
    let row = edge.store.offer(room.name(), name, by).await.map_err(|error| unavailable(edge, &error))?;
    Ok(row.and_then(|row| open(room, desk, name, row)))
}

/// What is sealed in an offer; nothing where this edge cannot open it.
fn open(room: &LiveRoom, desk: &Desk, name: &OfferName, row: OfferRow) -> Option<Open> {
    Some(Open { name: *name, offered: desk.moves.keys.open(&row.about, room.name())?, row })
}

/// The offer that a device made.
///
/// # Errors
/// It has ended, or is of another place.
async fn own(
    edge: &Edge,
    room: &LiveRoom,
    desk: &Desk,
    snapshot: &Snapshot,
    (text, ticket): (&str, &Ticket),
) -> Result<Open, Problem> {
    let offer = Offer::read(text).ok_or_else(|| bad_offer("offer"))?;
    let found = look(edge, room, desk, snapshot, &offer.letters()).await?;
    let is_own = |open: &Open| {
        let of = edge.keys.now().verify_ticket(&open.offered.ticket, room.name());
        open.offered.offer.is(&offer) && of.is_ok_and(|of| position(&of) == position(ticket))
    };
    found.filter(is_own).ok_or_else(|| EntryProblem::OfferUnknown.into())
}

fn place_of(desk: &Desk, ticket: &Ticket) -> OfferName {
    desk.moves.keys.place(&ticket.draw, position(ticket))
}

fn bad_offer(name: &str) -> Problem {
    Problem::BadBody(format!("{name} must be an offer as `move` gave it"))
}

fn unavailable(edge: &Edge, error: &StoreError) -> Problem {
    tracing::warn!(%error, "an offer to move a place cannot be read or kept");
    edge.store_unavailable()
}
