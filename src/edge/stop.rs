//! How the edge stops: it finishes what it is doing, within bounds, and takes nothing new.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use pingora::server::{ShutdownSignal, ShutdownSignalWatch};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::Notify;

use super::state::Edge;

/// How often a draining edge looks whether it is done.
const LOOK: Duration = Duration::from_millis(20);

/// Waits for the reason to stop, then until nothing is in flight.
pub(crate) struct Stop {
    edge: Arc<Edge>,
    grace: Duration,
    stdin_ended: Arc<Notify>,
}

#[async_trait]
impl ShutdownSignalWatch for Stop {
    async fn recv(&self) -> ShutdownSignal {
        tokio::select! {
            () = received(SignalKind::terminate()) => {}
            () = received(SignalKind::interrupt()) => {}
            () = received(SignalKind::quit()) => return ShutdownSignal::GracefulUpgrade,
            () = self.stdin_ended.notified() => {}
        }
        tracing::info!(requests = self.edge.traffic.requests(), "stopping: no new requests on old connections");
        self.edge.traffic.drain();
        tokio::select! {
            () = self.drained() => ShutdownSignal::GracefulTerminate,
            // Asked a second time: somebody is in a hurry.
            () = received(SignalKind::terminate()) => ShutdownSignal::FastShutdown,
            () = received(SignalKind::interrupt()) => ShutdownSignal::FastShutdown,
        }
    }
}

impl Stop {
    /// `with_stdin`: whether the end of standard input, which comes when the parent dies, is a reason to stop.
    pub(crate) fn new(edge: Arc<Edge>, grace: Duration, with_stdin: bool) -> Self {
        let stdin_ended = Arc::new(Notify::new());
        if with_stdin {
            watch_stdin(Arc::clone(&stdin_ended));
        }
        Self { edge, grace, stdin_ended }
    }

    async fn drained(&self) {
        let done = async {
            while self.edge.traffic.requests() > 0 {
                tokio::time::sleep(LOOK).await;
            }
        };
        if tokio::time::timeout(self.grace, done).await.is_err() {
            tracing::warn!(requests = self.edge.traffic.requests(), "stopping before everything was answered");
        }
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
