//! The admin surface on a listener of its own, beside the gate and outside of its threads.

use std::net::SocketAddr;
use std::sync::Arc;

use async_trait::async_trait;
use pingora::server::ShutdownWatch;
use pingora::services::background::BackgroundService;
use prometheus::Registry;

use super::state::Edge;
use crate::control::{self, Admin, AuditLog, RoomName, Tokens};

/// Serves the admin API, health and metrics.
pub(crate) struct AdminService {
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
        let watched = Arc::clone(edge);
        let admin = Admin {
            store: Arc::clone(&edge.store),
            rooms: rooms.collect(),
            tokens: Arc::new(tokens),
            registry,
            audit: Arc::new(audit),
            changing: Arc::default(),
            accepts_visitors: Arc::new(move || watched.accepts_visitors()),
        };
        Self { listen, admin }
    }
}

#[async_trait]
impl BackgroundService for AdminService {
    async fn start(&self, _shutdown: ShutdownWatch) {
        let listener = match tokio::net::TcpListener::bind(self.listen).await {
            Ok(listener) => listener,
            Err(error) => {
                tracing::error!(listen = %self.listen, %error, "the admin listener cannot be opened");
                return;
            }
        };
        // Health is told until the very end: whoever asks must learn that this edge is stopping.
        if let Err(error) = axum::serve(listener, control::router(self.admin.clone())).await {
            tracing::error!(%error, "the admin listener has failed");
        }
    }
}
