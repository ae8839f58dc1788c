//! Tunnels (WebSockets) and event streams that end with the pass that opened them.
//!
//! Pingora moves their bytes by itself, so the connection is held on a leash: when it is cut, the next look at the
//! client's side of the stream is an error, and Pingora takes it down; nothing that the shop says goes to the fan any
//! more, whatever the connection. Traffic counts as use and renews the session; release, hard end and idleness cut it
//! within a second. A tunnel that the shop does not answer is cut like any request that it does not answer.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::Context;
use std::time::Duration;

use futures_util::task::AtomicWaker;

use crate::edge::context::Edge;
use crate::edge::credentials::holder::Holder;
use crate::edge::room::handle::LiveRoom;
use crate::room::RenewOutcome;

/// How often a tunnel's pass is looked at.
const LOOK: Duration = Duration::from_secs(1);

/// The hand's end.
#[derive(Clone, Debug, Default)]
pub(crate) struct Leash(Arc<Held>);

#[derive(Debug, Default)]
struct Held {
    is_cut: AtomicBool,
    is_answered: AtomicBool,
    waker: AtomicWaker,
    /// Bytes moved either way since the last look.
    traffic: AtomicU64,
}

impl Leash {
    /// Ends the connection.
    pub(crate) fn cut(&self) {
        self.0.is_cut.store(true, Ordering::Release);
        self.0.waker.wake();
    }

    /// Whether that was done.
    pub(crate) fn is_cut(&self) -> bool {
        self.0.is_cut.load(Ordering::Acquire)
    }

    /// The shop has answered the request.
    pub(crate) fn answer(&self) {
        self.0.is_answered.store(true, Ordering::Release);
    }

    /// Whether it was cut because the shop did not answer.
    pub(crate) fn is_unanswered(&self) -> bool {
        self.is_cut() && !self.0.is_answered.load(Ordering::Acquire)
    }

    /// Cuts the connection where the shop does not answer in time.
    pub(crate) async fn answered_within(self, silence: Duration) {
        tokio::time::sleep(silence).await;
        if !self.0.is_answered.load(Ordering::Acquire) {
            self.cut();
        }
    }

    /// Wakes the task at hand when the leash is cut.
    ///
    /// # Errors
    /// It has been cut.
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

    /// Cuts the connection when the pass ends; gives up when the connection is gone.
    pub(crate) async fn watch(self, edge: Arc<Edge>, room: Arc<LiveRoom>, holder: Holder) {
        let mut expires_at_ms = holder.pass.expires_at_ms;
        while Arc::strong_count(&self.0) > 1 {
            tokio::time::sleep(LOOK).await;
            let now_ms = edge.now_ms();
            let is_closed = room.snapshot().is_some_and(|now| now.view.closed.contains_key(&holder.pass.place));
            if is_closed || now_ms >= expires_at_ms.min(holder.pass.hard_end_at_ms) {
                return self.cut();
            }
            let is_due = expires_at_ms.saturating_sub(now_ms) < room.config.policy.session_idle_ms / 3 * 2;
            if is_due && self.0.traffic.swap(0, Ordering::Relaxed) > 0 {
                match room.renewals.ask(holder.pass.place).await {
                    Ok(RenewOutcome::Renewed { expires_at_ms: later }) => expires_at_ms = later,
                    Ok(RenewOutcome::Ended) => return self.cut(),
                    Err(_) => {}
                }
            }
        }
    }
}
