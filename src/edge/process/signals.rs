//! Signals that the process waits for.

use tokio::signal::unix::{Signal, SignalKind, signal};

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
