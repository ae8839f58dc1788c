//! Authentication by pass: who shows one, and who is known to be inside already.
//!
//! Guarantees: a signature is verified once a pass and not once a request. On every use a pass is checked against the
//! last snapshot of its room.

use std::collections::BTreeMap;
use std::sync::Arc;

use http::HeaderMap;
use http::header::AUTHORIZATION;

use super::arrival::Arrival;
use crate::edge::context::Edge;
use crate::edge::credentials::holder::Holder;
use crate::edge::overload::rate_limit::Tally;
use crate::edge::room::handle::LiveRoom;
use crate::edge::room::snapshot::Snapshot;
use crate::observe::PassCheck;
use fairgate_core::fields::{self, bearer};
use fairgate_core::request::route::Route;
use fairgate_token::{Checked, Gate, Pass};

/// The holder of a pass that follows another.
pub(crate) fn renewed(edge: &Edge, old: &Pass, shown: [u8; 32], expires_at_ms: u64) -> Holder {
    let pass = old.renewed(edge.now_ms(), expires_at_ms);
    let token = edge.keys.now().sign_pass(&pass);
    edge.passes.remember(&token, pass.clone());
    Holder { token, pass: Arc::new(pass), shown, is_owed: true }
}

/// The holder of a valid pass, with the newest pass of the session.
fn newest(edge: &Edge, room: &LiveRoom, checked: Checked, token: &str, now_ms: u64) -> Holder {
    let Checked { pass, id: shown, .. } = checked;
    // Most passes are young, and nothing newer is known of them.
    let newer = pass.is_due(room.config.policy.session_idle_ms, now_ms).then(|| edge.renewed.newer(&shown, now_ms));
    newer.flatten().unwrap_or_else(|| Holder { pass, token: token.to_owned(), shown, is_owed: false })
}

/// The holder of a pass that is known already. What those inside do is counted by session and not by network, which
/// may be a whole town's.
pub(crate) fn known_inside(edge: &Edge, tally: Tally, headers: &HeaderMap, arrival: &Arrival) -> Option<Holder> {
    let (Route::Protected { room } | Route::Open { room }) = arrival.route else { return None };
    let room = arrival.room(room);
    let now_ms = edge.now_ms();
    let known = tokens(room, headers, arrival.client.secure).find_map(|token| {
        let snapshot = room.snapshot();
        let checked = edge.passes.known(token, gate(room, snapshot.as_deref()), now_ms)?;
        Some(newest(edge, room, checked, token, now_ms))
    });
    if known.is_some() && tally == Tally::Count && matches!(arrival.route, Route::Protected { .. }) {
        edge.metrics.observe_pass_check(PassCheck::Known);
    }
    known
}

/// The holder of a pass that is valid now, by cookie or as a bearer token.
pub(crate) fn holder(edge: &Edge, tally: Tally, room: &LiveRoom, headers: &HeaderMap, secure: bool) -> Option<Holder> {
    let now_ms = edge.now_ms();
    tokens(room, headers, secure).find_map(|token| {
        let checked = check(edge, tally, room, token, now_ms)?;
        Some(newest(edge, room, checked, token, now_ms))
    })
}

/// The candidates for a pass: the cookie, then a bearer token.
pub(crate) fn tokens<'h>(
    room: &LiveRoom,
    headers: &'h HeaderMap,
    secure: bool,
) -> impl Iterator<Item = &'h str> + use<'h> {
    let cookie = room.cookies(secure).pass.find(headers);
    let authorization = fields::first(headers, &AUTHORIZATION);
    [cookie, authorization.and_then(bearer)].into_iter().flatten()
}

/// The state of the room that a pass is checked against.
pub(crate) fn gate<'a>(room: &'a LiveRoom, snapshot: Option<&'a Snapshot>) -> Gate<'a> {
    static NOBODY: BTreeMap<u64, u64> = BTreeMap::new();
    Gate {
        room: room.name(),
        draw: snapshot.map(|snapshot| &snapshot.view.draw.descriptor_digest),
        closed: snapshot.map_or(&NOBODY, |snapshot| &snapshot.view.closed),
    }
}

/// True if a fan shows a pass whose key this edge has not read yet: another edge has admitted them.
pub(crate) fn is_ahead(edge: &Edge, room: &LiveRoom, headers: &HeaderMap, secure: bool) -> bool {
    let keys = edge.keys.now();
    tokens(room, headers, secure).any(|token| keys.public().is_behind(token))
}

fn check(edge: &Edge, tally: Tally, room: &LiveRoom, token: &str, now_ms: u64) -> Option<Checked> {
    let snapshot = room.snapshot();
    let checked = edge.passes.check(edge.keys.now().public(), token, gate(room, snapshot.as_deref()), now_ms).ok();
    if tally == Tally::Count {
        edge.metrics.observe_pass_check(match &checked {
            Some(Checked { from_cache: true, .. }) => PassCheck::Known,
            Some(Checked { from_cache: false, .. }) => PassCheck::Verified,
            None => PassCheck::Refused,
        });
    }
    checked
}
