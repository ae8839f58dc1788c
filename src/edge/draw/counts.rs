//! `GET draw/entry`: what a draw has asked of its fans, in numbers, signed by the operator.
//!
//! Guarantees: the numbers are the fleet's, as far as this edge has heard. Nothing in them belongs to one fan. Numbers that
//! were saved earlier cannot be taken back.

use http::StatusCode;
use http::header::{ACCESS_CONTROL_ALLOW_ORIGIN, CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use serde_json::json;

use super::kept::{GROWING, kept};
use crate::edge::context::Edge;
use crate::edge::http::answer::Answer;
use crate::edge::http::cors::ANYBODY;
use crate::edge::http::problem::Problem;
use crate::edge::http::request::FanRequest;
use crate::edge::room::handle::LiveRoom;
use crate::edge::room::snapshot::Snapshot;
use fairgate_core::room::Phase;

/// `GET draw/entry`.
///
/// # Errors
/// The room asks nothing of its fans, or its store is out of reach.
pub(crate) fn answer(edge: &Edge, room: &LiveRoom, request: &FanRequest<'_>) -> Result<Answer, Problem> {
    if room.entry.is_none() {
        return Err(Problem::NoSuchCall);
    }
    let snapshot = room.snapshot().ok_or_else(|| edge.store_unavailable())?;
    // An address that names another draw has nothing.
    kept(request, &snapshot)?;
    let signed = signed(edge, room, &snapshot).ok_or(Problem::Internal)?;
    Ok(Answer::empty(StatusCode::OK)
        .header(CONTENT_TYPE, HeaderValue::from_static("application/json"))
        .header(CACHE_CONTROL, GROWING)
        .header(ACCESS_CONTROL_ALLOW_ORIGIN, ANYBODY)
        .body(signed))
}

/// The signed numbers of the present draw; none where the room asks nothing.
pub(super) fn signed(edge: &Edge, room: &LiveRoom, snapshot: &Snapshot) -> Option<String> {
    let desk = room.entry.as_ref()?;
    let now_ms = edge.now_ms();
    let counts = json!({
        "at_ms": now_ms,
        "descriptor_digest": hex::encode(snapshot.view.draw.descriptor_digest),
        "ended": snapshot.view.phase == Phase::Ended,
        "entry": *desk.summary().unwrap_or_default(),
        "room": room.name(),
        "version": 1,
    });
    edge.keys.now().sign_counts(counts, now_ms).map(|signed| signed.to_string())
}
