//! The fast path: plain requests whose answer stands ready are answered without Pingora.
//!
//! Guarantees: its answers are those of the slow path. A request that is not plain (another version, a body, another
//! connection option) takes the slow path.

use bytes::Bytes;
use http::StatusCode;

use super::shed;
use crate::edge::context::Edge;
use crate::edge::http::client::Peer;
use crate::observe::RequestKind;
use fairgate_core::fields::names_tag;
use fairgate_core::request::fan_call::FanCall;
use fairgate_core::request::head::Head;
use fairgate_core::request::host::canonical_host;
use fairgate_core::request::route::Route;

/// A whole answer, as it goes over the wire.
pub(crate) struct Ready {
    pub(crate) kind: RequestKind,
    pub(crate) status: StatusCode,
    pub(crate) bytes: Bytes,
}

/// The answer to a plain request; `None` where the other lane is to look at it.
pub(crate) fn answer(edge: &Edge, head: &Head<'_, '_>, peer: Peer) -> Option<Ready> {
    if !is_plain(head) || edge.traffic.is_draining() {
        return None;
    }
    poll(edge, head).or_else(|| {
        let answer = shed::answer(edge, head, peer)?;
        Some(Ready { kind: RequestKind::Refused, status: answer.status, bytes: answer.http1(edge.now_ms()) })
    })
}

fn is_plain(head: &Head<'_, '_>) -> bool {
    head.method == "GET"
        && head.minor_version == 1
        && head.content_length == Some(0)
        && head.headers.iter().all(|header| {
            let is = |name: &str| header.name.eq_ignore_ascii_case(name);
            match header.name.len() {
                10 if is("connection") => header.value.eq_ignore_ascii_case(b"keep-alive"),
                6 => !is("expect") && !is("origin"),
                7 => !is("upgrade"),
                _ => true,
            }
        })
}

/// `GET status`, from bytes that were made when the room changed.
fn poll(edge: &Edge, head: &Head<'_, '_>) -> Option<Ready> {
    if !head.target.ends_with("/status") {
        return None;
    }
    let host = canonical_host(std::str::from_utf8(head.only("host")?).ok()?).ok()?;
    // A target that is not in its canonical spelling, or has a query, names no room.
    let served = edge.peek();
    let Route::Fan { room, call: FanCall::Status } = served.routes.route_plain(&host, head.target) else { return None };
    let snapshot = served.rooms[room].snapshot()?;
    let status = &snapshot.status;
    let is_known = head.has("if-none-match") && names_tag(head.only("if-none-match")?, status.etag.as_bytes());
    let (status, bytes) =
        if is_known { (StatusCode::NOT_MODIFIED, &status.http1_known) } else { (StatusCode::OK, &status.http1) };
    Some(Ready { kind: RequestKind::Status, status, bytes: bytes.clone() })
}
