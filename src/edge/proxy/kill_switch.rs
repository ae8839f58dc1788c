//! The kill switch of a connection (tunnel or event stream), shared by whoever moves its bytes and whoever watches
//! it.
//!
//! Guarantees: after the cut the next look at the client's side of the stream is an error, and Pingora takes the
//! connection down. Nothing that the shop says goes to the fan any more. A cut is never taken back.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::Context;
use std::time::Duration;

use futures_util::task::AtomicWaker;

/// Ends a connection whose bytes Pingora moves by itself.
#[derive(Clone, Debug, Default)]
pub(crate) struct KillSwitch(Arc<Held>);

#[derive(Debug, Default)]
struct Held {
    is_cut: AtomicBool,
    is_answered: AtomicBool,
    waker: AtomicWaker,
    /// Bytes moved either way since the last look.
    traffic: AtomicU64,
}

impl KillSwitch {
    /// Ends the connection.
    pub(crate) fn cut(&self) {
        self.0.is_cut.store(true, Ordering::Release);
        self.0.waker.wake();
    }

    /// True if the connection was cut.
    pub(super) fn is_cut(&self) -> bool {
        self.0.is_cut.load(Ordering::Acquire)
    }

    /// The shop has answered the request.
    pub(crate) fn answer(&self) {
        self.0.is_answered.store(true, Ordering::Release);
    }

    /// True if the connection was cut because the shop did not answer.
    pub(super) fn is_unanswered(&self) -> bool {
        self.is_cut() && !self.0.is_answered.load(Ordering::Acquire)
    }

    /// Cuts the connection where the shop does not answer in time.
    pub(super) async fn answered_within(self, silence: Duration) {
        tokio::time::sleep(silence).await;
        if !self.0.is_answered.load(Ordering::Acquire) {
            self.cut();
        }
    }

    /// Wakes the task at hand when it is cut.
    ///
    /// # Errors
    /// The connection has been cut.
    pub(crate) fn check(&self, cx: &Context<'_>) -> io::Result<()> {
        self.0.waker.register(cx.waker());
        if self.is_cut() {
            return Err(io::Error::new(io::ErrorKind::ConnectionAborted, "the pass has ended"));
        }
        Ok(())
    }

    /// Notes that bytes have moved.
    pub(crate) fn count(&self, bytes: usize) {
        self.0.traffic.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// True if anybody but the asker holds the switch: the connection is still there.
    pub(super) fn is_held_by_others(&self) -> bool {
        Arc::strong_count(&self.0) > 1
    }

    /// Bytes moved either way since the last look.
    pub(super) fn take_traffic(&self) -> u64 {
        self.0.traffic.swap(0, Ordering::Relaxed)
    }
}
