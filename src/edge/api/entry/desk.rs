//! What all calls below `entry/` begin with: the room's desk, and the moment.

use std::sync::Arc;

use fairgate_entry::bond::Bond;

use crate::edge::context::Edge;
use crate::edge::entry::desk::{Desk, Moment};
use crate::edge::http::entry_problem::EntryProblem;
use crate::edge::http::problem::Problem;
use crate::edge::http::request::FanRequest;
use crate::edge::room::handle::LiveRoom;
use crate::edge::room::snapshot::Snapshot;

/// The room's desk, and how the room stands.
///
/// # Errors
/// The room asks nothing, or nobody knows yet how it stands.
pub(super) fn open<'r>(edge: &Edge, room: &'r LiveRoom) -> Result<(&'r Desk, Arc<Snapshot>), Problem> {
    let desk = room.entry.as_ref().ok_or(EntryProblem::NotAsked)?;
    let snapshot = room.snapshot().ok_or_else(|| edge.store_unavailable())?;
    Ok((desk, snapshot))
}

/// The moment of a call.
pub(super) fn moment<'s>(edge: &Edge, snapshot: &'s Snapshot, request: &FanRequest<'_>) -> Moment<'s> {
    Moment {
        now_ms: edge.now_ms(),
        draw: &snapshot.view.draw.descriptor_digest,
        starts_at_ms: snapshot.view.starts_at_ms,
        address: request.address,
    }
}

/// A bond as a page says it.
///
/// # Errors
/// It is none.
pub(super) fn bond(text: Option<&str>) -> Result<Bond, Problem> {
    let bond = text.and_then(Bond::from_base64url);
    bond.ok_or_else(|| Problem::BadBody("bond must be 16 bytes in base64url without padding".to_owned()))
}
