//! Timeouts of a client's connection: to send, to read, and to say nothing.

use std::time::Duration;

use http::Version;
use pingora::proxy::Session;

use crate::edge::context::Edge;

/// Sets the limits of the request at hand.
pub(crate) fn apply(edge: &Edge, session: &mut Session) {
    let patience = Duration::from_millis(edge.client_timeout_ms);
    session.set_read_timeout(Some(patience));
    session.set_write_timeout(Some(patience));
    session.set_total_drain_timeout(Some(patience));
    if edge.traffic.is_draining() {
        session.set_keepalive(None);
    } else if session.req_header().version == Version::HTTP_11 {
        session.set_keepalive(Some(edge.keepalive_timeout_ms.div_ceil(1000)));
    }
}
