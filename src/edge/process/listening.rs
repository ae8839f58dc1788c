//! Listening sockets of the gate: taken over from the previous edge, or new.
//!
//! Guarantee: this edge says that it serves only once it listens and has a snapshot of every room.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use pingora::server::{ListenFds, ShutdownWatch};
use pingora::services::Service;

use super::handover::Handover;
use crate::edge::context::Edge;

/// The interval at which to look whether every room is known.
const LOOK: Duration = Duration::from_millis(20);

/// A service with sockets that may change hands.
pub(super) struct Listening<S> {
    pub(crate) service: S,
    pub(crate) handover: Arc<Handover>,
    pub(crate) edge: Arc<Edge>,
    /// The addresses of the configuration.
    pub(crate) addresses: HashSet<String>,
}

#[async_trait]
impl<S: Service> Service for Listening<S> {
    async fn start_service(&mut self, sockets: Option<ListenFds>, shutdown: ShutdownWatch, listeners_per_fd: usize) {
        if let Some(sockets) = &sockets {
            self.handover.listen(sockets, &self.addresses);
        }
        let (handover, edge) = (Arc::clone(&self.handover), Arc::clone(&self.edge));
        let say_serving = async {
            while !edge.accepts_visitors() {
                tokio::time::sleep(LOOK).await;
            }
            handover.say_serving();
            std::future::pending().await
        };
        tokio::select! {
            () = self.service.start_service(sockets, shutdown, listeners_per_fd) => {}
            () = say_serving => {}
        }
    }

    fn name(&self) -> &str {
        self.service.name()
    }

    fn threads(&self) -> Option<usize> {
        self.service.threads()
    }
}
