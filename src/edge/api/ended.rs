//! `GET ended/{room}.json`: the sessions of a room that ended before their passes do, for programs that judge passes by themselves.
//!
//! Guarantees: whoever reads it once a second knows within about two that a session was given up, released or revoked. It names
//! places, which are public, and holds each for as long as a pass of its session could still be good.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use http::StatusCode;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, HeaderMap, HeaderValue, IF_NONE_MATCH};

use crate::edge::context::Edge;
use crate::edge::http::answer::Answer;
use crate::edge::http::problem::Problem;
use crate::edge::room::handle::LiveRoom;
use crate::fields::{names_tag, values};
use crate::pass::Ended;

/// The document as it was written last; written anew when other sessions have ended.
#[derive(Debug)]
pub(crate) struct Written {
    of: Arc<BTreeMap<u64, u64>>,
    draw: [u8; 32],
    body: Bytes,
    etag: HeaderValue,
}

impl Written {
    fn new(edge: &Edge, room: &LiveRoom, of: Arc<BTreeMap<u64, u64>>, draw: [u8; 32]) -> Self {
        let ended = Ended {
            room: room.name().to_owned(),
            issuer: edge.keys.now().public().issuer().to_owned(),
            draw: hex::encode(draw),
            places: of.keys().copied().collect(),
        };
        let body = Bytes::from(serde_json::to_vec(&ended).expect("a struct of strings and numbers"));
        let etag = format!("\"{:08x}-{:x}\"", crc32fast::hash(&body), body.len());
        Self { of, draw, body, etag: HeaderValue::from_str(&etag).expect("hex digits, a dash and quotes") }
    }
}

/// Answers; 304 to who knows it already.
pub(crate) fn answer(edge: &Edge, room: &LiveRoom, headers: &HeaderMap) -> Result<Answer, Problem> {
    let snapshot = room.snapshot().ok_or_else(|| edge.store_unavailable())?;
    let (closed, draw) = (&snapshot.view.closed, snapshot.view.draw.descriptor_digest);
    let known = room.ended.load_full().filter(|known| Arc::ptr_eq(&known.of, closed) && known.draw == draw);
    let written = known.unwrap_or_else(|| {
        let written = Arc::new(Written::new(edge, room, Arc::clone(closed), draw));
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
