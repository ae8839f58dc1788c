//! Shutdown: the edge takes nothing new, finishes its requests within bounds, and gives its store back.
//!
//! On SIGTERM or SIGINT the edge is not ready any more (`/readyz`), but serves on for a while, so that load balancers
//! notice. Then it stops listening. On SIGQUIT it gives its sockets to the next edge, and serves until that one does.
//! In both cases answers then close their connections, and requests in flight have a grace.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use pingora::server::{ShutdownSignal, ShutdownSignalWatch};
use tokio::signal::unix::SignalKind;
use tokio::sync::Notify;

use super::handover::{Fate, Handover};
use super::signals::{Asks, received};
use crate::config::Config;
use crate::edge::context::Edge;

/// The interval at which to look whether the next edge serves.
const LOOK: Duration = Duration::from_millis(20);
/// The time for which answers announce the end of their connections, before a single edge takes no more of them.
const NOTICE: Duration = Duration::from_secs(5);

/// Waits for the reason to stop.
pub(super) struct Stop {
    edge: Arc<Edge>,
    /// The time for which it goes on taking visitors.
    delay: Duration,
    handover: Arc<Handover>,
    asks: Arc<Asks>,
    stdin_ended: Arc<Notify>,
}

enum Reason {
    End,
    HandOver,
}

#[async_trait]
impl ShutdownSignalWatch for Stop {
    async fn recv(&self) -> ShutdownSignal {
        match self.reason().await {
            Reason::HandOver => {
                tracing::info!(connections = self.edge.connections.count(), "the next edge has the sockets: ending");
                self.edge.traffic.hand_over();
                ShutdownSignal::GracefulTerminate
            }
            Reason::End => {
                tracing::info!(connections = self.edge.connections.count(), "stopping: not ready any more");
                self.edge.traffic.drain();
                tokio::select! {
                    () = tokio::time::sleep(self.delay) => ShutdownSignal::GracefulTerminate,
                    () = self.asks.again() => ShutdownSignal::FastShutdown,
                }
            }
        }
    }
}

impl Stop {
    /// `with_stdin`: the end of standard input, which comes when the parent dies, is a reason to stop.
    pub(super) fn new(
        edge: Arc<Edge>,
        config: &Config,
        handover: Arc<Handover>,
        asks: Arc<Asks>,
        with_stdin: bool,
    ) -> Self {
        let stdin_ended = Arc::new(Notify::new());
        if with_stdin {
            watch_stdin(Arc::clone(&stdin_ended));
        }
        let delay = Duration::from_millis(config.edge.shutdown_delay_ms);
        Self { edge, delay, handover, asks, stdin_ended }
    }

    async fn reason(&self) -> Reason {
        tokio::select! {
            () = self.asks.once() => Reason::End,
            () = self.stdin_ended.notified() => Reason::End,
            () = self.handed_over() => Reason::HandOver,
        }
    }

    /// Waits until another edge has the sockets and this one has to end.
    async fn handed_over(&self) {
        loop {
            received(SignalKind::quit()).await;
            if !self.handover.is_awaited() {
                tracing::error!("asked for the sockets, but nobody waits for them: start the next edge with --upgrade");
                continue;
            }
            match self.give().await {
                Ok(Fate::Serves) => return,
                Ok(Fate::Died) => tracing::error!("the next edge has died before it served: this one goes on"),
                Err(error) => tracing::error!(%error, "the sockets cannot be given away: this edge goes on"),
            }
        }
    }

    /// Gives the sockets away. With a shared store both edges listen until the next one serves; the embedded store has to be
    /// given up first.
    async fn give(&self) -> io::Result<Fate> {
        if !self.edge.store.is_shared() {
            return self.give_for_good().await;
        }
        let handover = Arc::clone(&self.handover);
        tokio::task::spawn_blocking(move || handover.give()).await.map_err(io::Error::other)??;
        loop {
            match self.handover.fate() {
                Some(fate) => return Ok(fate),
                None => tokio::time::sleep(LOOK).await,
            }
        }
    }

    /// The sockets are gone, and the store will be: from here on somebody else has to serve. Answers say for a while that their
    /// connections end, so that few are left on which a client could write when they are closed.
    async fn give_for_good(&self) -> io::Result<Fate> {
        let handover = Arc::clone(&self.handover);
        tokio::task::spawn_blocking(move || handover.give_for_good()).await.map_err(io::Error::other)??;
        self.edge.traffic.hand_over();
        tokio::time::sleep(NOTICE).await;
        Ok(Fate::Serves)
    }
}

/// On a thread of its own: a runtime would wait for the read at its end.
fn watch_stdin(ended: Arc<Notify>) {
    std::thread::spawn(move || {
        // Whatever comes is not for us.
        let _ = std::io::copy(&mut std::io::stdin().lock(), &mut std::io::sink());
        ended.notify_one();
    });
}
