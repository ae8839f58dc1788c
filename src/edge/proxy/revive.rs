//! Sessions that go on although their fans still show a pass that has run out ([`RenewedPasses`]).
//!
//! Guarantees: a session that is used goes on up to its hard end, whatever its answers are. The room's lease decides,
//! and a pass whose lease is over opens nothing. One that is bound to a key goes on only once the key was proved.
//!
//! [`RenewedPasses`]: crate::edge::credentials::renewed_passes::RenewedPasses

use std::time::Duration;

use http::HeaderMap;

use super::holder::{gate, renewed, tokens};
use crate::edge::context::Edge;
use crate::edge::credentials::holder::Holder;
use crate::edge::room::handle::LiveRoom;
use fairgate_core::room::RenewOutcome;
use fairgate_token::{Pass, token_id};

/// The time that a fan with an expired pass waits to hear whether the session goes on.
const REVIVE_WITHIN: Duration = Duration::from_secs(1);

/// The holder of an expired pass whose session goes on.
pub(super) async fn revive(edge: &Edge, room: &LiveRoom, headers: &HeaderMap, secure: bool) -> Option<Holder> {
    for token in tokens(room, headers, secure) {
        if let Some(holder) = revive_one(edge, room, token).await {
            return Some(holder);
        }
    }
    None
}

async fn revive_one(edge: &Edge, room: &LiveRoom, token: &str) -> Option<Holder> {
    let (shown, now_ms) = (token_id(token), edge.now_ms());
    if edge.renewed.is_over(&shown) {
        return None;
    }
    let old = edge.keys.now().public().verify_past_pass(token, room.name()).ok()?;
    let to_the_end = Pass { expires_at_ms: old.hard_end_at_ms, ..old.clone() };
    let snapshot = room.snapshot();
    if old.has_to_prove(now_ms)
        || old.expires_at_ms > now_ms
        || gate(room, snapshot.as_deref()).check(&to_the_end, now_ms).is_err()
    {
        return None;
    }
    if let Some(holder) = edge.renewed.newer(&shown, now_ms) {
        return Some(holder);
    }
    match tokio::time::timeout(REVIVE_WITHIN, room.renewals.ask(old.place)).await {
        Ok(Ok(RenewOutcome::Renewed { expires_at_ms })) => {
            let holder = renewed(edge, &old, shown, expires_at_ms);
            edge.renewed.keep(&holder);
            Some(holder)
        }
        Ok(Ok(RenewOutcome::Ended)) => {
            edge.renewed.end(shown);
            None
        }
        _ => None,
    }
}
