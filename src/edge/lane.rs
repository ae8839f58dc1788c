//! The fast lane: a plain poll of `status` is answered from bytes that stand ready, without Pingora.
//!
//! Guarantees: it answers exactly as [`poll`](super::poll) would; whatever is not plain (another version, a body, another
//! connection option, an encoded path) is left to the other lane.

use bytes::Bytes;
use http::StatusCode;
use httparse::Header;

use super::poll::names;
use super::state::Edge;
use crate::arrive::head::Head;
use crate::arrive::host::canonical_host;
use crate::arrive::route::{FanCall, Route};

/// What a poll's header fields say, as far as it matters.
#[derive(Default)]
struct Asked<'h> {
    host: Option<&'h str>,
    known: Option<&'h str>,
}

/// The answer to a plain poll, and its status; `None` where the other lane is to look at the request.
pub(crate) fn poll(edge: &Edge, head: &Head<'_, '_>) -> Option<(StatusCode, Bytes)> {
    let is_plain = head.method == "GET" && head.minor_version == 1 && head.content_length == Some(0);
    if !is_plain || !head.target.ends_with("/status") || edge.traffic.is_draining() {
        return None;
    }
    let asked = read(head.headers)?;
    let host = canonical_host(asked.host?).ok()?;
    // A target that is not in its canonical spelling names no room.
    let Route::Fan { room, call: FanCall::Status } = edge.routes.route(&host, head.target) else { return None };
    let snapshot = edge.rooms[room].snapshot()?;
    let status = &snapshot.status;
    if asked.known.is_some_and(|tags| names(tags, &status.etag)) {
        return Some((StatusCode::NOT_MODIFIED, status.http1_known.clone()));
    }
    Some((StatusCode::OK, status.http1.clone()))
}

fn read<'h>(headers: &'h [Header<'_>]) -> Option<Asked<'h>> {
    let mut asked = Asked::default();
    for header in headers {
        let is = |name: &str| header.name.eq_ignore_ascii_case(name);
        match header.name.len() {
            4 if is("host") => asked.host = Some(std::str::from_utf8(header.value).ok()?),
            13 if is("if-none-match") => asked.known = Some(std::str::from_utf8(header.value).ok()?),
            10 if is("connection") && !header.value.eq_ignore_ascii_case(b"keep-alive") => return None,
            6 if is("expect") => return None,
            7 if is("upgrade") => return None,
            _ => {}
        }
    }
    Some(asked)
}
