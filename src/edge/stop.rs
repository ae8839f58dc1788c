//! How the edge stops: it takes nothing new, finishes what it is doing, within bounds, and gives its store back.
//!
//! Told to stop (SIGTERM, SIGINT), it says so at `/readyz` and goes on for a while, so that load balancers notice; then it
//! listens no more. Asked for its sockets (SIGQUIT), it hands them over to the next edge. Either way answers close their
//! connections from then on, and what is in flight has a grace.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::Duration;

use async_trait::async_trait;
use pingora::server::{ShutdownSignal, ShutdownSignalWatch};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::Notify;

use super::handover::{is_awaited, socket_path};
use super::state::Edge;
use crate::config::Config;

/// How often a draining edge looks whether it is done.
const LOOK: Duration = Duration::from_millis(20);
/// How long requests keep a store that the next edge waits for.
const STORE_PATIENCE: Duration = Duration::from_secs(1);

/// Waits for the reason to stop.
pub(crate) struct Stop {
    edge: Arc<Edge>,
    /// How long it goes on taking visitors.
    delay: Duration,
    /// Where the next edge waits.
    socket: PathBuf,
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
                tracing::info!(connections = self.edge.connections.count(), "handing over to the next edge");
                self.edge.traffic.hand_over();
                ShutdownSignal::GracefulUpgrade
            }
            Reason::End => {
                tracing::info!(connections = self.edge.connections.count(), "stopping: not ready any more");
                self.edge.traffic.drain();
                tokio::select! {
                    () = tokio::time::sleep(self.delay) => ShutdownSignal::GracefulTerminate,
                    () = ended() => ShutdownSignal::FastShutdown,
                }
            }
        }
    }
}

impl Stop {
    /// `with_stdin`: whether the end of standard input, which comes when the parent dies, is a reason to stop.
    pub(crate) fn new(edge: Arc<Edge>, config: &Config, with_stdin: bool) -> Self {
        let stdin_ended = Arc::new(Notify::new());
        if with_stdin {
            watch_stdin(Arc::clone(&stdin_ended));
        }
        let delay = Duration::from_millis(config.edge.shutdown_delay_ms);
        Self { edge, delay, socket: socket_path(&config.store.path), stdin_ended }
    }

    async fn reason(&self) -> Reason {
        loop {
            tokio::select! {
                () = ended() => return Reason::End,
                () = self.stdin_ended.notified() => return Reason::End,
                () = received(SignalKind::quit()) => {}
            }
            if is_awaited(&self.socket) {
                return Reason::HandOver;
            }
            tracing::error!("asked for the sockets, but nobody waits for them: start the next edge with --upgrade");
        }
    }
}

/// What is left to do once no connection is taken any more.
pub(crate) struct Finish {
    /// How long requests and tunnels may take.
    grace: Duration,
    /// How long connections are kept for the requests that may still come on them; the rest of their time, at most.
    keepalive: Duration,
    finished: Sender<()>,
}

impl Finish {
    pub(crate) fn new(config: &Config, finished: Sender<()>) -> Self {
        let grace = Duration::from_millis(config.edge.shutdown_grace_ms);
        Self { grace, keepalive: Duration::from_millis(config.edge.keepalive_timeout_ms), finished }
    }

    /// The longest that it may take, for whoever else waits.
    pub(crate) fn longest(config: &Config) -> Duration {
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
            // Asked a second time: somebody is in a hurry.
            () = ended() => {}
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

async fn ended() {
    tokio::select! {
        () = received(SignalKind::terminate()) => {}
        () = received(SignalKind::interrupt()) => {}
    }
}

async fn received(kind: SignalKind) {
    match signal(kind) {
        Ok(signal) => wait(signal).await,
        Err(error) => {
            tracing::error!(%error, "a signal cannot be listened for");
            std::future::pending().await
        }
    }
}

async fn wait(mut signal: Signal) {
    if signal.recv().await.is_none() {
        std::future::pending().await
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
