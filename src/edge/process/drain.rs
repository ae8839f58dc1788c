//! Draining: once no connection is taken any more, requests are answered within a grace, and the store is given back.
//!
//! Guarantee: the store is given back before the process ends, also where the grace is over.

use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::Duration;

use super::signals::Asks;
use crate::config::Config;
use crate::edge::context::Edge;

/// The interval at which a draining edge looks whether it is done.
const LOOK: Duration = Duration::from_millis(20);
/// The time for which requests keep a store that the next edge waits for.
const STORE_PATIENCE: Duration = Duration::from_secs(1);

/// The work that is left once no connection is taken any more.
pub(crate) struct Drain {
    /// The time that requests and tunnels may take.
    grace: Duration,
    /// The time for which connections are kept for the requests that may still come on them.
    keepalive: Duration,
    asks: Arc<Asks>,
    finished: Sender<()>,
}

impl Drain {
    pub(super) fn new(config: &Config, asks: Arc<Asks>, finished: Sender<()>) -> Self {
        let grace = Duration::from_millis(config.edge.shutdown_grace_ms);
        Self { grace, keepalive: Duration::from_millis(config.edge.keepalive_timeout_ms), asks, finished }
    }

    /// The longest that it may take, for whoever else waits.
    pub(super) fn longest(config: &Config) -> Duration {
        Duration::from_millis(config.edge.shutdown_grace_ms.max(config.edge.keepalive_timeout_ms)) + STORE_PATIENCE
    }

    /// Waits until all that was begun is done, or the grace is over, and gives the store back.
    pub(crate) async fn run(&self, edge: &Edge) {
        if edge.traffic.is_handing_over() && !edge.store.is_shared() {
            // The next edge serves nobody before it has the store.
            until(STORE_PATIENCE, || edge.traffic.requests() == 0).await;
            edge.store.close().await;
        }
        let grace = if edge.keeps_idle_connections() { self.grace.max(self.keepalive) } else { self.grace };
        tokio::select! {
            is_done = until(grace, || edge.connections.count() == 0) => if !is_done {
                tracing::warn!(connections = edge.connections.count(), "ending before everything was answered");
            },
            // Somebody is in a hurry.
            () = self.asks.again() => {}
        }
        edge.store.close().await;
        // Nobody waits any more where Pingora was quicker.
        let _ = self.finished.send(());
    }
}

/// Waits until something is so; answers whether it became so in time.
async fn until(patience: Duration, is_so: impl Fn() -> bool) -> bool {
    let looks = async {
        while !is_so() {
            tokio::time::sleep(LOOK).await;
        }
    };
    tokio::time::timeout(patience, looks).await.is_ok()
}
