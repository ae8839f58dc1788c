//! Passes that are bound to a key which has to be proved before they open anything again.
//!
//! Guarantees:
//! - such a pass opens nothing, and its fan is not sent to the end of a line
//! - whoever shows none costs nothing
//!
//! A navigation gets a page that proves the key and goes on by itself; a form is kept on such a page; programs are told.

use http::HeaderMap;
use http::header::{
    ACCEPT_LANGUAGE, CACHE_CONTROL, CONTENT_LANGUAGE, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderValue,
    REFERRER_POLICY, VARY, X_CONTENT_TYPE_OPTIONS,
};

use super::holder::tokens;
use crate::edge::context::Edge;
use crate::edge::http::answer::Answer;
use crate::edge::http::entry_problem::EntryProblem;
use crate::edge::room::handle::LiveRoom;
use crate::page::ProofPage;
use fairgate_core::fields::first;
use fairgate_entry::policy::Binding;

/// True if a fan shows a pass that only waits for its key.
pub(super) fn is_due(edge: &Edge, room: &LiveRoom, headers: &HeaderMap, secure: bool) -> bool {
    if !room.entry.as_ref().is_some_and(|desk| desk.policy.binding == Binding::Key) {
        return false;
    }
    let (keys, now_ms, snapshot) = (edge.keys.now(), edge.now_ms(), room.snapshot());
    tokens(room, headers, secure).any(|token| {
        let Ok(pass) = keys.public().verify_past_pass(token, room.name()) else { return false };
        let goes_on = snapshot.as_deref().is_none_or(|snapshot| {
            let view = &snapshot.view;
            pass.draw == view.draw.descriptor_digest && !view.closed.contains_key(&pass.place)
        });
        goes_on && pass.has_to_prove(now_ms) && now_ms < pass.hard_end_at_ms
    })
}

/// The page for a navigation, at the canonical `target` that was asked for.
pub(super) fn page(edge: &Edge, room: &LiveRoom, headers: &HeaderMap, target: &str) -> Answer {
    let keep = format!("{}/{}/keep.js", edge.prefix, room.name());
    let page = ProofPage { target, keep: &keep }.page(first(headers, &ACCEPT_LANGUAGE).unwrap_or_default());
    Answer::empty(EntryProblem::Prove.status())
        .header(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"))
        .header(CONTENT_LANGUAGE, HeaderValue::from_static(page.content_language))
        .header(CONTENT_SECURITY_POLICY, page.csp)
        .header(CACHE_CONTROL, HeaderValue::from_static("no-store"))
        .header(VARY, HeaderValue::from_static("Accept, Accept-Language, Cookie"))
        .header(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"))
        .header(REFERRER_POLICY, HeaderValue::from_static("same-origin"))
        .body(page.html)
}
