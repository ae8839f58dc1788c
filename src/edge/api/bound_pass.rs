//! The bound pass that a request shows: what a renewal and a device's session begin with.
//!
//! Guarantee: a pass counts here after its end, too, as long as its session goes on.

use fairgate_core::fields::bearer;
use fairgate_core::room::{Command, Outcome, RenewOutcome};
use fairgate_store::StoreError;
use fairgate_token::{Bound, Pass};
use http::header::AUTHORIZATION;

use super::entry::bound::holder_of;
use crate::edge::context::Edge;
use crate::edge::http::problem::Problem;
use crate::edge::http::request::FanRequest;
use crate::edge::room::handle::LiveRoom;
use crate::edge::room::snapshot::Snapshot;

/// A pass that was shown, and is bound to a key.
pub(super) struct Shown<'h> {
    pub(super) token: &'h str,
    pub(super) pass: Pass,
    pub(super) bound: Bound,
    pub(super) is_bearer: bool,
}

/// The bound pass that a request shows, of a session that may go on.
///
/// # Errors
/// Another edge has signed it with a key that this one has not read yet.
pub(super) fn shown<'h>(
    edge: &Edge,
    room: &LiveRoom,
    snapshot: &Snapshot,
    request: &FanRequest<'h>,
) -> Result<Option<Shown<'h>>, Problem> {
    let by_cookie = room.cookies(request.secure).pass.find(request.headers).map(|token| (token, false));
    let by_bearer = request.headers.get(AUTHORIZATION).and_then(|value| bearer(value.as_bytes()));
    let by_bearer = by_bearer.map(|token| (token, true));
    let (keys, now_ms) = (edge.keys.now(), edge.now_ms());
    for (token, is_bearer) in [by_cookie, by_bearer].into_iter().flatten() {
        if keys.public().is_behind(token) {
            return Err(edge.new_key());
        }
        let Ok(pass) = keys.public().verify_past_pass(token, room.name()) else { continue };
        let view = &snapshot.view;
        let goes_on = pass.draw == view.draw.descriptor_digest
            && !view.closed.contains_key(&pass.place)
            && now_ms < pass.hard_end_at_ms;
        if let Some(bound) = pass.bound.as_deref().cloned().filter(|_| goes_on) {
            return Ok(Some(Shown { token, pass, bound, is_bearer }));
        }
    }
    Ok(None)
}

/// Extends the session of a place whose key was proved; when it ends if it is not used, Unix ms. `None` where the session is
/// over, or the place is another key's by now.
///
/// # Errors
/// The store is out of reach, or the pass names no key that can be one.
pub(super) async fn extend(edge: &Edge, room: &LiveRoom, place: u64, bound: &Bound) -> Result<Option<u64>, Problem> {
    let (_, holder) = holder_of(bound)?;
    let renewal = Command::ByKey { holders: vec![Some(holder)], command: Box::new(Command::Renew(vec![place])) };
    match edge.store.apply(room.name(), renewal).await {
        Ok(Outcome::Renewed(outcomes)) => Ok(match outcomes.first() {
            Some(RenewOutcome::Renewed { expires_at_ms }) => Some(*expires_at_ms),
            _ => None,
        }),
        Ok(_) | Err(StoreError::Refused(_) | StoreError::Unavailable(_) | StoreError::Damaged(_)) => {
            Err(edge.store_unavailable())
        }
    }
}
