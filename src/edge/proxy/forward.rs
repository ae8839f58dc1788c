//! The exchange with the shop: where a request goes, with which fields, and what the fan gets when the shop does not
//! answer.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::StatusCode;
use http::header::{CONTENT_TYPE, HeaderName};
use pingora::http::{RequestHeader, ResponseHeader};
use pingora::proxy::{FailToProxy, Session};
use pingora::upstreams::peer::HttpPeer;
use pingora::{Error, ErrorSource, ErrorType, Result};

use super::headers;
use super::kept_form;
use super::kill_switch::KillSwitch;
use super::request_body::is_trickle;
use super::respond::{problem_answer, respond};
use super::session;
use super::tunnel;
use super::visit::{Inside, Stage, Visit};
use crate::edge::context::Edge;
use crate::edge::http::cors;
use crate::edge::http::problem::Problem;
use crate::edge::http::request_id::X_REQUEST_ID;
use crate::edge::http::upgrade::is_event_stream;
use crate::edge::overload::concurrency::Slot;
use crate::edge::overload::rate_limit::Left;
use crate::edge::upstream::measurements::{ShopAnswer, shop_queue};
use fairgate_core::fields::first;

const SERVER_TIMING: HeaderName = HeaderName::from_static("server-timing");

/// The peer that the request goes to. Called again for a retry, so nothing is spent here.
pub(crate) fn peer(visit: &Visit) -> Result<Box<HttpPeer>> {
    let inside = inside(visit)?;
    let upstream = &inside.room.upstream;
    let silence_ms = match (&inside.kill_switch, &inside.holder) {
        // A tunnel may keep silent for as long as the pass lasts; its kill switch ends it, also where the shop does not answer.
        (Some(_), Some(holder)) if inside.asks_for_tunnel => {
            holder.pass.hard_end_at_ms.saturating_sub(holder.pass.issued_at_ms)
        }
        _ => upstream.silence_ms() + inside.sending.extra_ms(inside.body_bytes_max),
    };
    Ok(Box::new(upstream.peer(silence_ms)))
}

/// Makes the request one that the shop can believe.
pub(crate) fn request(edge: &Edge, request: &mut RequestHeader, visit: &Visit) -> Result<()> {
    let id = visit.id(&request.headers).value();
    let inside = inside(visit)?;
    inside.sending.describe(request)?;
    headers::to_shop(&edge.forged, request, inside)?;
    request.insert_header(X_REQUEST_ID, id)
}

/// Looks at a piece of a body on its way to the shop.
///
/// # Errors
/// When it grows beyond the limit, or trickles.
pub(super) fn pass_on(edge: &Edge, visit: &mut Visit, piece: &mut Option<Bytes>, is_end: bool) -> pingora::Result<()> {
    let Stage::Inside(inside) = &mut visit.stage else { return Ok(()) };
    inside.is_body_sent |= is_end;
    // Pingora would write the empty piece that ends an HTTP/2 body as the last chunk, and then the last chunk.
    if is_end && piece.as_ref().is_some_and(Bytes::is_empty) {
        *piece = None;
    }
    if inside.is_tunnel {
        return Ok(());
    }
    inside.body_bytes += piece.as_ref().map_or(0, Bytes::len) as u64;
    if inside.body_bytes > edge.body_bytes_max {
        let code = StatusCode::PAYLOAD_TOO_LARGE.as_u16();
        return Error::e_explain(ErrorType::HTTPStatus(code), "the body is larger than allowed");
    }
    let is_slow =
        inside.sending.is_streamed() && is_trickle(inside.sent_at.elapsed(), inside.body_bytes, edge.client_timeout_ms);
    if is_slow {
        return Err(Error::explain(ErrorType::ReadTimedout, "the body comes too slowly").into_down());
    }
    Ok(())
}

/// Looks after the session, and hands a tunnel over to its watch.
pub(crate) async fn response(
    edge: &Arc<Edge>,
    session: &mut Session,
    response: &mut ResponseHeader,
    visit: &mut Visit,
) -> Result<()> {
    if edge.traffic.is_draining() {
        session.set_keepalive(None);
    }
    let Stage::Inside(inside) = &mut visit.stage else { return Ok(()) };
    if response.status.is_informational() && response.status != StatusCode::SWITCHING_PROTOCOLS {
        return Ok(());
    }
    observe(edge, visit.begun, inside, response);
    if let Some(kill_switch) = &inside.kill_switch {
        kill_switch.answer();
    }
    session::on_answer(edge, inside, response).await?;
    if inside.is_preflight {
        cors::reduce(response)?;
    }
    if headers::to_fan(edge, session.req_header().version, inside, response)? {
        session.set_keepalive(None);
    }
    for (name, value) in inside.quota_left.iter().flat_map(Left::fields) {
        // Beside the shop's own, if it has any.
        response.append_header(name, value)?;
    }
    if response.status == StatusCode::SWITCHING_PROTOCOLS {
        inside.is_tunnel = true;
        last(edge, inside);
    } else if response.headers.get(CONTENT_TYPE).is_some_and(|kind| is_event_stream(kind.as_bytes())) {
        begin_stream(edge, inside)?;
    }
    Ok(())
}

/// Counts what the answer tells of the shop.
fn observe(edge: &Edge, begun: Instant, inside: &Inside, response: &ResponseHeader) {
    let told = first(&response.headers, &SERVER_TIMING).and_then(|told| std::str::from_utf8(told).ok());
    let now = Instant::now();
    let answer = ShopAnswer {
        total: now - begun,
        in_shop: now - inside.sent_at,
        waited: inside.slot.as_ref().map_or(Duration::ZERO, Slot::waited),
        shop_queue: told.and_then(shop_queue),
        is_error: response.status.is_server_error(),
    };
    let upstream = &inside.room.upstream;
    upstream.observe_answer(&answer, edge.now_ms());
    let waited = answer.waited + answer.shop_queue.unwrap_or_default();
    edge.metrics.observe_upstream_response(upstream.name(), inside.class, answer.in_shop, waited);
}

/// An event stream is a tunnel from the shop to the fan.
fn begin_stream(edge: &Arc<Edge>, inside: &mut Inside) -> Result<()> {
    match inside.room.upstream.stream(inside.ask) {
        Ok(stream) => inside.stream = Some(stream),
        Err(closed) => {
            edge.shut(closed);
            let code = StatusCode::SERVICE_UNAVAILABLE.as_u16();
            return Error::e_explain(ErrorType::HTTPStatus(code), "there are as many streams as there may be");
        }
    }
    inside.kill_switch.get_or_insert_default();
    last(edge, inside);
    Ok(())
}

/// From here on it is bounded by its pass, and holds no slot.
fn last(edge: &Arc<Edge>, inside: &mut Inside) {
    inside.slot = None;
    if let (Some(kill_switch), Some(holder)) = (inside.kill_switch.clone(), inside.holder.clone()) {
        tokio::spawn(tunnel::watch(kill_switch, Arc::clone(edge), Arc::clone(&inside.room), holder));
    }
}

/// Drops the body of a shop's answer where only what it says about a preflight is passed on.
pub(super) fn keep_body(visit: &Visit, body: &mut Option<Bytes>) {
    if let Stage::Inside(inside) = &visit.stage
        && inside.is_preflight
    {
        *body = None;
    }
}

/// Looks at a piece of the shop's answer on its way to the fan.
///
/// # Errors
/// The pass of a stream has ended.
pub(super) fn pass_back(visit: &Visit, bytes: usize) -> Result<()> {
    let Stage::Inside(inside) = &visit.stage else { return Ok(()) };
    let Some(kill_switch) = &inside.kill_switch else { return Ok(()) };
    kill_switch.count(bytes);
    if kill_switch.is_cut() {
        return Err(Error::explain(ErrorType::ConnectionClosed, "the pass has ended").into_down());
    }
    Ok(())
}

/// Nothing has been sent yet: another try is safe.
pub(crate) fn unreachable(mut error: Box<Error>) -> Box<Error> {
    error.set_retry(true);
    error
}

/// Tells the fan what went wrong, as far as there is still somebody to tell.
pub(crate) async fn failed(edge: &Edge, session: &mut Session, error: &Error, visit: &Visit) -> FailToProxy {
    session.set_keepalive(None);
    let inside = inside(visit).ok();
    let is_unanswered = inside.and_then(|inside| inside.kill_switch.as_ref()).is_some_and(KillSwitch::is_unanswered);
    let told = if is_unanswered { Some(shop_down(edge)) } else { problem(edge, error, inside) };
    let Some(problem) = told else {
        return FailToProxy { error_code: 0, can_reuse_downstream: false };
    };
    let kept = match inside.filter(|_| session.response_written().is_none()) {
        Some(inside) => kept_form::answer(edge, session, &inside.room, &inside.arrival, &problem).await,
        None => None,
    };
    let answer = kept.unwrap_or_else(|| problem_answer(edge, session, &problem));
    if let Some(inside) = inside
        && matches!(problem, Problem::ShopDown { .. })
        && (inside.is_body_sent || is_unanswered || is_connecting(error))
    {
        let (now_ms, upstream) = (edge.now_ms(), &inside.room.upstream);
        upstream.observe_failure(now_ms.saturating_sub(ms(inside.sent_at.elapsed())), now_ms);
        edge.metrics.observe_upstream_failure(upstream.name());
    }
    if session.response_written().is_none() && respond(edge, session, &answer).await.is_err() {
        tracing::debug!("the client was gone before it could be told");
    }
    FailToProxy { error_code: answer.status.as_u16(), can_reuse_downstream: false }
}

/// A request whose body has not come is the client's failure and not the shop's, unless there is no shop.
fn is_connecting(error: &Error) -> bool {
    matches!(
        error.etype(),
        ErrorType::ConnectTimedout
            | ErrorType::ConnectRefused
            | ErrorType::ConnectNoRoute
            | ErrorType::ConnectError
            | ErrorType::TLSHandshakeFailure
            | ErrorType::TLSHandshakeTimedout
            | ErrorType::InvalidCert
    )
}

fn ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn shop_down(edge: &Edge) -> Problem {
    Problem::ShopDown { retry_after_ms: edge.retry_after_ms() }
}

fn problem(edge: &Edge, error: &Error, inside: Option<&Inside>) -> Option<Problem> {
    match error.etype() {
        ErrorType::HTTPStatus(413) => return Some(Problem::BodyTooLarge { max_bytes: edge.body_bytes_max }),
        ErrorType::HTTPStatus(503) => return Some(Problem::ShopFull { retry_after_ms: edge.retry_after_ms() }),
        _ => {}
    }
    let waits_for_body = inside.is_some_and(|inside| !inside.is_body_sent);
    match (error.esource(), error.etype()) {
        (ErrorSource::Upstream, ErrorType::ReadTimedout) if waits_for_body => Some(Problem::Slow),
        (ErrorSource::Upstream, _) => Some(shop_down(edge)),
        (ErrorSource::Downstream, ErrorType::ReadTimedout) => Some(Problem::Slow),
        (
            ErrorSource::Downstream,
            ErrorType::WriteError | ErrorType::WriteTimedout | ErrorType::ReadError | ErrorType::ConnectionClosed,
        ) => None,
        (ErrorSource::Downstream, _) => Some(Problem::BadBody("the request cannot be read to its end".to_owned())),
        (ErrorSource::Internal | ErrorSource::Unset, _) => Some(Problem::Internal),
    }
}

fn inside(visit: &Visit) -> Result<&Inside> {
    match &visit.stage {
        Stage::Inside(inside) => Ok(inside),
        Stage::Arriving | Stage::Answered { .. } => {
            Error::e_explain(ErrorType::InternalError, "a request was forwarded before it was let through")
        }
    }
}
