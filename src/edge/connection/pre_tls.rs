//! Admission before a TLS handshake, which costs more than most requests.
//!
//! Guarantees: a TLS connection counts from before its handshake until its socket is closed. A connection beyond the
//! limits is closed without a handshake.

use std::sync::Arc;

use async_trait::async_trait;
use pingora::listeners::PreTlsProcess;
use pingora::protocols::GetSocketDigest;
use pingora::protocols::l4::stream::Stream;
use pingora::upstreams::peer::{Tracer, Tracing};
use pingora::{Error, ErrorType, Result};

use crate::edge::context::Edge;
use crate::edge::http::client::peer_address;
use crate::edge::overload::connections::Connection;

/// Lets connections begin their handshakes.
pub(crate) struct PreTls {
    pub(crate) edge: Arc<Edge>,
}

#[async_trait]
impl PreTlsProcess for PreTls {
    async fn process(&self, stream: &mut Stream) -> Result<()> {
        match self.edge.connect(peer_address(stream.get_socket_digest())) {
            Some(connection) => {
                stream.tracer = Some(Tracer(Box::new(Counted(Arc::new(connection)))));
                Ok(())
            }
            None => Error::e_explain(ErrorType::ConnectionClosed, "there are as many connections as there may be"),
        }
    }
}

/// The only thing that a socket of Pingora's keeps for us until it is closed is a tracer.
#[derive(Clone, Debug)]
struct Counted(#[expect(dead_code, reason = "held for its drop")] Arc<Connection>);

impl Tracing for Counted {
    fn on_connected(&self) {}

    fn on_disconnected(&self) {}

    fn boxed_clone(&self) -> Box<dyn Tracing> {
        Box::new(self.clone())
    }
}
