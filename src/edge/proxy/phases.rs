//! Pingora's phases as a table of contents: each calls one function, whose file says what happens there.

use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use pingora::http::{RequestHeader, ResponseHeader};
use pingora::modules::http::HttpModules;
use pingora::proxy::{FailToProxy, ProxyHttp, Session};
use pingora::upstreams::peer::HttpPeer;
use pingora::{Error, Result};

use super::access_log;
use super::admit;
use super::forward;
use super::visit::Visit;
use crate::edge::context::Edge;

/// The gate, as Pingora sees it.
pub(crate) struct Phases {
    pub(crate) edge: Arc<Edge>,
}

#[async_trait]
impl ProxyHttp for Phases {
    type CTX = Visit;

    fn new_ctx(&self) -> Visit {
        Visit::new(&self.edge)
    }

    /// No modules: the gate's answers are built compressed, and the shop compresses its own.
    fn init_downstream_modules(&self, _modules: &mut HttpModules) {}

    fn on_connection_reuse(&self, _session: &mut Session, visit: &mut Visit, carried: Box<dyn Any + Send + Sync>) {
        visit.take_kill_switch(carried);
    }

    async fn request_filter(&self, session: &mut Session, visit: &mut Visit) -> Result<bool> {
        admit::arrive(&self.edge, session, visit).await
    }

    async fn upstream_peer(&self, _session: &mut Session, visit: &mut Visit) -> Result<Box<HttpPeer>> {
        forward::peer(visit)
    }

    async fn upstream_request_filter(
        &self,
        _session: &mut Session,
        request: &mut RequestHeader,
        visit: &mut Visit,
    ) -> Result<()> {
        forward::request(&self.edge, request, visit)
    }

    async fn request_body_filter(
        &self,
        _session: &mut Session,
        piece: &mut Option<Bytes>,
        end: bool,
        visit: &mut Visit,
    ) -> Result<()> {
        forward::pass_on(&self.edge, visit, piece, end)
    }

    async fn response_filter(
        &self,
        session: &mut Session,
        response: &mut ResponseHeader,
        visit: &mut Visit,
    ) -> Result<()> {
        forward::response(&self.edge, session, response, visit).await
    }

    fn response_body_filter(
        &self,
        _session: &mut Session,
        body: &mut Option<Bytes>,
        _end: bool,
        visit: &mut Visit,
    ) -> Result<Option<Duration>> {
        forward::keep_body(visit, body);
        forward::pass_back(visit, body.as_ref().map_or(0, Bytes::len)).map(|()| None)
    }

    fn fail_to_connect(
        &self,
        _session: &mut Session,
        _peer: &HttpPeer,
        _visit: &mut Visit,
        error: Box<Error>,
    ) -> Box<Error> {
        forward::unreachable(error)
    }

    async fn fail_to_proxy(&self, session: &mut Session, error: &Error, visit: &mut Visit) -> FailToProxy {
        forward::failed(&self.edge, session, error, visit).await
    }

    async fn logging(&self, session: &mut Session, error: Option<&Error>, visit: &mut Visit) {
        access_log::write(&self.edge, session, error, visit);
    }

    /// The access log has it.
    fn suppress_error_log(&self, _session: &Session, _visit: &Visit, _error: &Error) -> bool {
        true
    }

    /// The request in Pingora's own error lines: no query, which may hold secrets.
    fn request_summary(&self, session: &Session, _visit: &Visit) -> String {
        access_log::summary(session)
    }
}
