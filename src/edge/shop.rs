//! The request's time with the shop: where it goes, what it says there, and what the fan gets when the shop does not answer.

use std::sync::Arc;
use std::time::{Duration, Instant};

use http::StatusCode;
use http::header::HeaderName;
use pingora::http::{RequestHeader, ResponseHeader};
use pingora::proxy::{FailToProxy, Session};
use pingora::upstreams::peer::HttpPeer;
use pingora::{Error, ErrorSource, ErrorType, Result};

use super::problem::Problem;
use super::quotas::Left;
use super::request_id::X_REQUEST_ID;
use super::respond::respond;
use super::state::Edge;
use super::upstream::{ShopAnswer, shop_queue};
use super::visit::{Inside, Stage, Visit, problem_answer};
use super::{cors, headers, session};
use crate::fields::first;

const SERVER_TIMING: HeaderName = HeaderName::from_static("server-timing");

/// Where to send the request. Called again for a retry, so nothing is spent here.
pub(crate) fn peer(visit: &Visit) -> Result<Box<HttpPeer>> {
    let inside = inside(visit)?;
    // A tunnel may keep silent for as long as the pass lasts; its leash ends it.
    let silence_ms = inside
        .leash
        .as_ref()
        .zip(inside.holder.as_ref())
        .map(|(_, holder)| holder.pass.hard_end_at_ms.saturating_sub(holder.pass.issued_at_ms));
    Ok(Box::new(inside.room.upstream.peer(silence_ms)))
}

/// Makes the request one that the shop can believe.
pub(crate) fn request(edge: &Edge, request: &mut RequestHeader, visit: &Visit) -> Result<()> {
    let id = visit.id(&request.headers).value();
    headers::to_shop(&edge.forged, request, inside(visit)?)?;
    request.insert_header(X_REQUEST_ID, id)
}

/// Looks after the session, and hands a tunnel over to its leash.
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
        begin_tunnel(edge, inside);
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
        waited: inside.slot.as_ref().map_or(Duration::ZERO, |slot| slot.waited),
        shop_queue: told.and_then(shop_queue),
        is_error: response.status.is_server_error(),
    };
    let upstream = &inside.room.upstream;
    upstream.observe_answer(&answer);
    let waited = answer.waited + answer.shop_queue.unwrap_or_default();
    edge.metrics.observe_upstream_response(upstream.name(), inside.class, answer.in_shop, waited);
}

fn begin_tunnel(edge: &Arc<Edge>, inside: &mut Inside) {
    inside.slot = None;
    if let (Some(leash), Some(holder)) = (inside.leash.clone(), inside.holder.clone()) {
        tokio::spawn(leash.watch(Arc::clone(edge), Arc::clone(&inside.room), holder));
    }
}

/// Nothing has been sent yet: another try is safe.
pub(crate) fn unreachable(mut error: Box<Error>) -> Box<Error> {
    error.set_retry(true);
    error
}

/// Tells the fan what went wrong, as far as there is still somebody to tell.
pub(crate) async fn failed(edge: &Edge, session: &mut Session, error: &Error, visit: &Visit) -> FailToProxy {
    session.set_keepalive(None);
    let Some(problem) = problem(edge, error) else {
        return FailToProxy { error_code: 0, can_reuse_downstream: false };
    };
    let answer = problem_answer(edge, session, &problem);
    if let Stage::Inside(inside) = &visit.stage
        && matches!(problem, Problem::ShopDown { .. })
    {
        inside.room.upstream.observe_failure(edge.now_ms());
        edge.metrics.observe_upstream_failure(inside.room.upstream.name());
    }
    if session.response_written().is_none() && respond(edge, session, &answer).await.is_err() {
        tracing::debug!("the client was gone before it could be told");
    }
    FailToProxy { error_code: answer.status.as_u16(), can_reuse_downstream: false }
}

fn problem(edge: &Edge, error: &Error) -> Option<Problem> {
    if *error.etype() == ErrorType::HTTPStatus(StatusCode::PAYLOAD_TOO_LARGE.as_u16()) {
        return Some(Problem::BodyTooLarge { max_bytes: edge.body_bytes_max });
    }
    match (error.esource(), error.etype()) {
        (ErrorSource::Upstream, _) => Some(Problem::ShopDown { retry_after_ms: edge.retry_after_ms() }),
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
