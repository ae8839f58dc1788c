//! `GET ended/{room}.json`: sessions that ended before their passes expire, for programs that verify passes
//! themselves.
//!
//! Guarantees: a program that polls once a second learns within about two seconds that a session was given up,
//! released or revoked. The document names places, which are public. Each is listed for as long as a pass of its
//! session could still be valid.

use std::sync::Arc;

use http::StatusCode;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, HeaderMap, HeaderValue, IF_NONE_MATCH};

use crate::edge::context::Edge;
use crate::edge::http::answer::Answer;
use crate::edge::http::problem::Problem;
use crate::edge::room::ended_sessions::EndedSessions;
use crate::edge::room::handle::LiveRoom;
use fairgate_core::fields::{names_tag, values};

/// Answers; 304 to who knows it already.
pub(crate) fn answer(edge: &Edge, room: &LiveRoom, headers: &HeaderMap) -> Result<Answer, Problem> {
    let snapshot = room.snapshot().ok_or_else(|| edge.store_unavailable())?;
    let (closed, draw) = (&snapshot.view.closed, snapshot.view.draw.descriptor_digest);
    let known = room.ended.load_full().filter(|known| known.is_of(closed, draw));
    let written = known.unwrap_or_else(|| {
        let keys = edge.keys.now();
        let issuer = keys.public().issuer();
        let written = Arc::new(EndedSessions::new(room.name(), issuer, Arc::clone(closed), draw));
        room.ended.store(Some(Arc::clone(&written)));
        written
    });
    let is_known = values(headers, &IF_NONE_MATCH).any(|tags| names_tag(tags, written.etag.as_bytes()));
    let answer = Answer::empty(if is_known { StatusCode::NOT_MODIFIED } else { StatusCode::OK })
        .header(CACHE_CONTROL, HeaderValue::from_static("public, max-age=1"))
        .header(ETAG, written.etag.clone());
    if is_known {
        return Ok(answer);
    }
    Ok(answer.header(CONTENT_TYPE, HeaderValue::from_static("application/json")).body(written.body.clone()))
}
