//! The admin surface on a listener of its own, beside the gate and outside of its threads.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use async_trait::async_trait;
use pingora::server::ShutdownWatch;
use pingora::services::background::BackgroundService;
use prometheus::Registry;
use tokio::net::{TcpListener, TcpSocket};

use super::state::Edge;
use crate::control::{self, Admin, AuditLog, RoomName, Tokens};

/// Connections that may wait to be taken.
const BACKLOG: u32 = 1_024;

/// Serves the admin API, health and metrics.
pub(crate) struct AdminService {
    edge: Arc<Edge>,
    listen: SocketAddr,
    admin: Admin,
}

impl AdminService {
    pub(crate) fn new(
        edge: &Arc<Edge>,
        listen: SocketAddr,
        tokens: Tokens,
        registry: Registry,
        audit: AuditLog,
    ) -> Self {
        let rooms =
            edge.rooms.iter().map(|room| RoomName { name: room.config.name.clone(), title: room.config.title.clone() });
        let (watched, alarmed) = (Arc::clone(edge), Arc::clone(edge));
        let admin = Admin {
            store: Arc::clone(&edge.store),
            rooms: rooms.collect(),
            tokens: Arc::new(tokens),
            registry,
            audit: Arc::new(audit),
            changing: Arc::default(),
            accepts_visitors: Arc::new(move || watched.accepts_visitors()),
            alarms: Arc::new(move || alarmed.alarms()),
        };
        Self { edge: Arc::clone(edge), listen, admin }
    }
}

#[async_trait]
impl BackgroundService for AdminService {
    async fn start(&self, mut shutdown: ShutdownWatch) {
        let listener = match listen(self.listen) {
            Ok(listener) => listener,
            Err(error) => {
                tracing::error!(listen = %self.listen, %error, "the admin listener cannot be opened");
                return;
            }
        };
        let edge = Arc::clone(&self.edge);
        let until_taken_over = async move {
            let _ = shutdown.wait_for(|stopping| *stopping).await;
            // Health is told until the very end: whoever asks must learn that this edge is stopping, unless there is
            // another one to ask.
            if !edge.traffic.is_handing_over() {
                std::future::pending().await
            }
        };
        let serve = axum::serve(listener, control::router(self.admin.clone()));
        if let Err(error) = serve.with_graceful_shutdown(until_taken_over).await {
            tracing::error!(%error, "the admin listener has failed");
        }
    }
}

/// Listens beside the edge that is taken over from, until that one ends.
fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_reuseaddr(true)?;
    socket.set_reuseport(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}
