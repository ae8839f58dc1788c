//! The access log: one line a request, never with an address, a query, a cookie or a token.

use pingora::Error;
use pingora::proxy::Session;

use super::visit::{Stage, Visit};
use crate::edge::context::Edge;
use crate::edge::room::handle::LiveRoom;
use crate::observe::RequestKind;

/// Writes a request's line, and counts it. Polls are too many to be told one by one.
pub(crate) fn write(edge: &Edge, session: &Session, error: Option<&Error>, visit: &Visit) {
    let (kind, shop) = match &visit.stage {
        Stage::Answered { kind } => (*kind, None),
        Stage::Arriving => (RequestKind::Refused, None),
        Stage::Inside(inside) => (RequestKind::Proxy, Some(inside.room.upstream.name())),
    };
    let (status, took) = (session.response_written().map(|response| response.status), visit.begun.elapsed());
    if let Some(status) = status {
        edge.metrics.observe_request(kind, status, took);
    }
    if matches!(kind, RequestKind::Status | RequestKind::Ended) {
        return;
    }
    let header = session.req_header();
    tracing::info!(
        target: "fairgate::access",
        ?kind,
        room = visit.room.as_deref().map(LiveRoom::name),
        shop = shop.filter(|_| error.is_some()),
        request_id = visit.id(&header.headers).as_str(),
        method = %header.method,
        path = header.uri.path(),
        status = status.map(|status| status.as_u16()),
        elapsed_ms = (took.as_secs_f64() * 1e6).round() / 1e3,
        error = error.map(|error| tracing::field::display(error.etype().as_str())),
    );
}

/// A request in Pingora's own error lines.
pub(crate) fn summary(session: &Session) -> String {
    let header = session.req_header();
    format!("{} {}", header.method, header.uri.path())
}
