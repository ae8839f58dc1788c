//! What a request needs before it goes to the shop, cheapest first: its session's rate limit, its body, and a slot.
//!
//! Guarantees: a session's limit is counted once. A body is here, or known to be one of the few that stream, before a
//! slot is asked for. The slot comes last, from the share of whoever asks ([`SlotAsk`]).

use std::sync::Arc;
use std::time::{Duration, Instant};

use http::{HeaderMap, Method};
use pingora::proxy::Session;

use super::arrival::Arrival;
use super::holder::holder;
use super::kept_form;
use super::renewal::Renewal;
use super::request_body::{self, Sending};
use super::visit::{Inside, Outcome, Stage, Visit};
use crate::edge::context::Edge;
use crate::edge::credentials::holder::Holder;
use crate::edge::http::cors;
use crate::edge::overload::concurrency::{Part, Slot, SlotAsk};
use crate::edge::overload::rate_limit::{Left, Over, Tally};
use crate::edge::overload::streams::StreamPermit;
use crate::edge::room::handle::LiveRoom;
use crate::edge::upstream::handle::Closed;
use crate::observe::{RequestKind, RouteClass};
use fairgate_core::rate_limit::networks;
use fairgate_core::request::route::Route;
use fairgate_token::Pass;

/// Lets a request through, or says why not.
pub(crate) async fn acquire(
    edge: &Arc<Edge>,
    session: &mut Session,
    visit: &mut Visit,
    room: Arc<LiveRoom>,
    arrival: Arrival,
    holder: Option<Holder>,
) -> pingora::Result<Outcome> {
    let header = session.req_header();
    let is_preflight = holder.is_none() && cors::is_preflight(&header.method, &header.headers);
    let class = room.class_of(arrival.target.path());
    let quota_left = match count(edge, visit, &header.method, class, holder.as_ref()) {
        Ok(left) => left,
        Err(over) => {
            let problem = edge.too_many(over);
            return Ok(kept_form::keep(edge, session, &room, &arrival, RequestKind::Proxy, problem).await);
        }
    };
    let sending = match request_body::receive(edge, session, arrival.client.address).await? {
        Ok(sending) => sending,
        Err(problem) => return Ok(Outcome::refused(problem)),
    };
    let whose = ask(edge, &session.req_header().headers, &room, &arrival, class, holder.as_ref());
    // A preflight of a protected page is a stranger's, whoever sends it.
    let part = if is_preflight { Part::Open } else { whose.part };
    let whose = SlotAsk { part, is_long: sending.is_streamed(), ..whose };
    let (slot, stream) = match take(edge, &room, whose, visit.asks_for_tunnel).await {
        Ok(taken) => taken,
        Err(closed) => {
            let problem = edge.shut(closed);
            return Ok(kept_form::keep(edge, session, &room, &arrival, RequestKind::Proxy, problem).await);
        }
    };
    let is_protected = matches!(arrival.route, Route::Protected { .. });
    let is_preflight = is_preflight && is_protected;
    let taken = Taken { class, ask: whose, slot, stream, quota_left, sending, is_preflight };
    visit.stage = Stage::Inside(Box::new(inside(edge, visit, room, arrival, holder, taken)));
    Ok(Outcome::Forward)
}

/// What a request was given for its way to the shop.
struct Taken {
    class: RouteClass,
    ask: SlotAsk,
    slot: Slot,
    stream: Option<StreamPermit>,
    quota_left: Option<Left>,
    sending: Sending,
    is_preflight: bool,
}

/// The request as one that goes to the shop. Its renewal begins here, and its kill switch waits for the shop's answer.
fn inside(
    edge: &Arc<Edge>,
    visit: &mut Visit,
    room: Arc<LiveRoom>,
    arrival: Arrival,
    holder: Option<Holder>,
    taken: Taken,
) -> Inside {
    let renewal = holder.as_ref().and_then(|holder| Renewal::begin(edge, &room, &holder.pass));
    let kill_switch = visit.kill_switch.take();
    if let (Some(kill_switch), true) = (kill_switch.clone(), visit.asks_for_tunnel) {
        tokio::spawn(kill_switch.answered_within(Duration::from_millis(room.upstream.silence_ms())));
    }
    Inside {
        room,
        arrival,
        holder,
        class: taken.class,
        sent_at: Instant::now(),
        ask: taken.ask,
        slot: Some(taken.slot),
        stream: taken.stream,
        renewal,
        quota_left: taken.quota_left,
        sending: taken.sending,
        body_bytes: 0,
        body_bytes_max: edge.body_bytes_max,
        is_body_sent: false,
        asks_for_tunnel: visit.asks_for_tunnel,
        is_tunnel: false,
        is_preflight: taken.is_preflight,
        kill_switch,
    }
}

/// Counts a request against its session's limit.
fn count(
    edge: &Edge,
    visit: &Visit,
    method: &Method,
    class: RouteClass,
    holder: Option<&Holder>,
) -> Result<Option<Left>, Over> {
    holder.map_or(Ok(None), |holder| {
        edge.quotas.session(Tally::Count, counted_as(class, method), holder.pass.session, visit.begun)
    })
}

/// The class under which a request counts: one that changes something (a reservation, a payment) counts as priority.
fn counted_as(class: RouteClass, method: &Method) -> RouteClass {
    let reads = matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS);
    if reads { class } else { RouteClass::Priority }
}

/// Takes what a request needs to go to the shop. A tunnel has a slot only until it is one.
async fn take(
    edge: &Edge,
    room: &LiveRoom,
    ask: SlotAsk,
    asks_for_tunnel: bool,
) -> Result<(Slot, Option<StreamPermit>), Closed> {
    let stream = asks_for_tunnel.then(|| room.upstream.stream(ask)).transpose()?;
    Ok((room.upstream.slot(ask, edge.now_ms()).await?, stream))
}

/// The share of the shop that a request takes from.
fn ask(
    edge: &Edge,
    headers: &HeaderMap,
    room: &LiveRoom,
    arrival: &Arrival,
    class: RouteClass,
    shown: Option<&Holder>,
) -> SlotAsk {
    if let Some(shown) = shown {
        return inside_ask(&shown.pass, class);
    }
    let address = arrival.client.address;
    let of_network = || networks(address).take(2).last().map(|network| network.key);
    let key = if edge.quotas.is_unlimited(address) { None } else { of_network() };
    if !matches!(arrival.route, Route::Open { .. }) {
        // The sale has ended, and the shop is everybody's.
        return SlotAsk { part: Part::Inside, key, is_long: false };
    }
    let open = SlotAsk { part: Part::Open, key, is_long: false };
    if room.upstream.has_room(&open) {
        return open;
    }
    // Those inside need what is exempt, too.
    let holder = holder(edge, Tally::Look, room, headers, arrival.client.secure);
    holder.map_or(open, |holder| inside_ask(&holder.pass, class))
}

/// The share for the holder of a pass.
pub(crate) fn inside_ask(pass: &Pass, class: RouteClass) -> SlotAsk {
    let part = if class == RouteClass::Priority { Part::Priority } else { Part::Inside };
    SlotAsk { part, key: Some(pass.session.number()), is_long: false }
}
