//! Sessions that went on while their fans could not be given the new pass: an answer that a cache may keep carries no cookie.
//!
//! Guarantees: a session that is used goes on up to its hard end, whatever its answers are; the room's lease decides, and a
//! pass whose lease is over opens nothing. Memory is bounded; what is forgotten is asked of the room again.

use std::time::Duration;

use http::HeaderMap;
use moka::sync::Cache;

use super::holder::{Holder, gate, tokens};
use crate::edge::context::Edge;
use crate::edge::room::handle::LiveRoom;
use crate::pass::{Pass, token_id};
use crate::room::RenewOutcome;

/// Sessions that are remembered, about a kilobyte each.
const SESSIONS_MAX: u64 = 20_000;

/// How long a session that is over is known to be, so that who goes on asking with its pass does not ask the store each time.
const OVER_FOR: Duration = Duration::from_secs(2);

/// How long a fan whose pass has run out waits to hear whether the session goes on.
const REVIVE_WITHIN: Duration = Duration::from_secs(1);

/// The newer passes of sessions, by the pass that their fans show.
#[derive(Debug)]
pub(crate) struct Slid {
    fresh: Cache<[u8; 32], Holder>,
    over: Cache<[u8; 32], ()>,
}

impl Slid {
    pub(crate) fn new() -> Self {
        Self {
            fresh: Cache::new(SESSIONS_MAX),
            over: Cache::builder().max_capacity(SESSIONS_MAX).time_to_live(OVER_FOR).build(),
        }
    }

    /// Keeps the pass that the fan should have.
    pub(crate) fn keep(&self, holder: &Holder) {
        self.fresh.insert(holder.shown, holder.clone());
    }

    /// The pass that the fan should have instead of the shown one, where that is known here.
    pub(crate) fn newer(&self, shown: &[u8; 32], now_ms: u64) -> Option<Holder> {
        self.fresh.get(shown).filter(|holder| holder.pass.check_time(now_ms).is_ok())
    }
}

/// Who shows a pass that has run out while the session goes on.
pub(crate) async fn revive(edge: &Edge, room: &LiveRoom, headers: &HeaderMap, secure: bool) -> Option<Holder> {
    for token in tokens(room, headers, secure) {
        if let Some(holder) = revive_one(edge, room, token).await {
            return Some(holder);
        }
    }
    None
}

async fn revive_one(edge: &Edge, room: &LiveRoom, token: &str) -> Option<Holder> {
    let (shown, now_ms) = (token_id(token), edge.now_ms());
    if edge.slid.over.contains_key(&shown) {
        return None;
    }
    let old = edge.keys.now().public().verify_past_pass(token, room.name()).ok()?;
    let to_the_end = Pass { expires_at_ms: old.hard_end_at_ms, ..old.clone() };
    let snapshot = room.snapshot();
    if old.expires_at_ms > now_ms || gate(room, snapshot.as_deref()).check(&to_the_end, now_ms).is_err() {
        return None;
    }
    if let Some(holder) = edge.slid.newer(&shown, now_ms) {
        return Some(holder);
    }
    match tokio::time::timeout(REVIVE_WITHIN, room.renewals.ask(old.place)).await {
        Ok(Ok(RenewOutcome::Renewed { expires_at_ms })) => {
            let holder = Holder::renewed(edge, &old, shown, expires_at_ms);
            edge.slid.keep(&holder);
            Some(holder)
        }
        Ok(Ok(RenewOutcome::Ended)) => {
            edge.slid.over.insert(shown, ());
            None
        }
        _ => None,
    }
}
