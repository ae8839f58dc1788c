//! Signals that the process waits for.

use std::sync::atomic::{AtomicBool, Ordering};

use tokio::signal::unix::{Signal, SignalKind, signal};

/// Signals that ask this process to end. Who asks a second time is in a hurry.
///
/// A process may stop for another reason, too, such as the end of its parent. The first signal after that is no second
/// one: a parent that ends often signals as well.
#[derive(Debug, Default)]
pub(super) struct Asks {
    has_asked: AtomicBool,
}

impl Asks {
    /// Waits for the first signal.
    pub(super) async fn once(&self) {
        ended().await;
        self.has_asked.store(true, Ordering::Relaxed);
    }

    /// Waits for the second signal.
    pub(super) async fn again(&self) {
        if !self.has_asked.load(Ordering::Relaxed) {
            self.once().await;
        }
        ended().await;
    }
}

/// Waits for the signals that end a process.
pub(crate) async fn ended() {
    tokio::select! {
        () = received(SignalKind::terminate()) => {}
        () = received(SignalKind::interrupt()) => {}
    }
}

/// Waits for one signal of a kind; for ever where it cannot be listened for.
pub(crate) async fn received(kind: SignalKind) {
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
