//! Load shedding before Pingora. While clients exceed their rate limits, or a shop is full or dead, plain requests
//! that would be refused are refused here. That costs little more than a poll.
//!
//! Guarantees: only requests that the gate would refuse at this instant are refused, with the same answer. Nothing is
//! counted for requests that go on, and nobody is admitted. Without pressure no request is looked at.

use std::time::Instant;

use http::header::{ACCEPT_LANGUAGE, AUTHORIZATION, COOKIE, HOST};
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::edge::context::Edge;
use crate::edge::http::answer::Answer;
use crate::edge::http::client::{Peer, X_FORWARDED_FOR, X_FORWARDED_PROTO};
use crate::edge::http::problem::Problem;
use crate::edge::overload::rate_limit::Tally;
use crate::edge::proxy::acquire::inside_ask;
use crate::edge::proxy::admit::within_quota;
use crate::edge::proxy::arrival::Arrival;
use crate::edge::proxy::holder::{holder, known_inside};
use crate::edge::room::handle::LiveRoom;
use fairgate_core::fields::first;
use fairgate_core::request::decide::NAVIGATION;
use fairgate_core::request::head::Head;
use fairgate_core::request::route::Route;

/// All that turning away depends on, besides whether a page is wanted.
const READ: [HeaderName; 6] = [HOST, COOKIE, AUTHORIZATION, ACCEPT_LANGUAGE, X_FORWARDED_FOR, X_FORWARDED_PROTO];

/// The answer to a request without a body that is turned away; `None` where the gate is to look at it.
pub(crate) fn answer(edge: &Edge, head: &Head<'_, '_>, peer: Peer) -> Option<Answer> {
    if !edge.is_pressed() {
        return None;
    }
    let headers = read(head)?;
    let authority = std::str::from_utf8(first(&headers, &HOST)?).ok()?;
    // What is wrong with a request is said on the other way.
    let arrival = Arrival::judge(edge, peer, &headers, authority, head.target.as_bytes()).ok()?;
    let problem = refusal(edge, &headers, &arrival, Instant::now())?;
    Some(edge.tell(&problem, &headers, authority, head.target.as_bytes()))
}

fn read(head: &Head<'_, '_>) -> Option<HeaderMap> {
    let mut headers = HeaderMap::with_capacity(READ.len());
    for header in head.headers {
        if let Some(name) = READ.iter().chain(&NAVIGATION).find(|name| header.name.eq_ignore_ascii_case(name.as_str()))
        {
            headers.append(name, HeaderValue::from_bytes(header.value).ok()?);
        }
    }
    Some(headers)
}

fn refusal(edge: &Edge, headers: &HeaderMap, arrival: &Arrival, at: Instant) -> Option<Problem> {
    let known = known_inside(edge, Tally::Look, headers, arrival);
    if known.is_none()
        && let Err(over) = within_quota(edge, Tally::Look, arrival, at)
    {
        return Some(edge.too_many(over));
    }
    let Route::Protected { room } = arrival.route else { return None };
    let room: &LiveRoom = arrival.room(room);
    let holder = known.or_else(|| holder(edge, Tally::Look, room, headers, arrival.client.secure))?;
    let class = room.class_of(arrival.target.path());
    if let Err(over) = edge.quotas.session(Tally::Look, class, holder.pass.session, at) {
        return Some(edge.too_many(over));
    }
    let closed = room.upstream.refuses(&inside_ask(&holder.pass, class), edge.now_ms())?;
    Some(edge.shut(closed))
}
