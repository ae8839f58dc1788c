//! How long a connection may stand still: between requests, within a head, and while nobody reads an answer.
//!
//! Guarantees:
//! - a connection ends when nothing was asked for too long, or when a head that has begun is not whole in time
//! - a connection does not end while an answer is being made: calls have bounds of their own
//! - looking costs one timer a connection, and none a request

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, sleep};

/// No head has begun.
const NONE: u64 = u64::MAX;

/// What one connection was last heard to do. Times are milliseconds since it was opened.
#[derive(Debug)]
pub(super) struct Silence {
    opened_at: Instant,
    /// When the last answer was made.
    answered_ms: AtomicU64,
    /// When the first byte of the next head came.
    begun_ms: AtomicU64,
    is_answering: AtomicBool,
}

impl Silence {
    pub(super) fn new() -> Self {
        Self {
            opened_at: Instant::now(),
            answered_ms: AtomicU64::new(0),
            begun_ms: AtomicU64::new(NONE),
            is_answering: AtomicBool::new(false),
        }
    }

    /// A head is whole: an answer is being made.
    pub(super) fn head_is_whole(&self) {
        self.is_answering.store(true, Ordering::Relaxed);
        self.begun_ms.store(NONE, Ordering::Relaxed);
    }

    /// The answer is made.
    pub(super) fn answered(&self) {
        self.answered_ms.store(self.now_ms(), Ordering::Relaxed);
        self.is_answering.store(false, Ordering::Relaxed);
    }

    /// Bytes came.
    fn heard(&self) {
        if !self.is_answering.load(Ordering::Relaxed) && self.begun_ms.load(Ordering::Relaxed) == NONE {
            self.begun_ms.store(self.now_ms(), Ordering::Relaxed);
        }
    }

    /// Ends when nothing was asked for `silence_max`, or a head is not whole within `head_patience`.
    /// The end comes at most half of `head_patience` late.
    pub(super) async fn too_long(&self, silence_max: Duration, head_patience: Duration) {
        loop {
            sleep(head_patience / 2).await;
            if self.is_over(silence_max, head_patience) {
                return;
            }
        }
    }

    fn is_over(&self, silence_max: Duration, head_patience: Duration) -> bool {
        if self.is_answering.load(Ordering::Relaxed) {
            return false;
        }
        let now_ms = self.now_ms();
        let for_at_least =
            |since: &AtomicU64, bound: Duration| now_ms.saturating_sub(since.load(Ordering::Relaxed)) >= millis(bound);
        for_at_least(&self.begun_ms, head_patience) || for_at_least(&self.answered_ms, silence_max)
    }

    fn now_ms(&self) -> u64 {
        millis(self.opened_at.elapsed())
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(NONE)
}

/// A stream that notes when bytes come.
#[derive(Debug)]
pub(super) struct Heard<S> {
    stream: S,
    silence: Arc<Silence>,
}

impl<S> Heard<S> {
    pub(super) fn new(stream: S, silence: Arc<Silence>) -> Self {
        Self { stream, silence }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Heard<S> {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = into.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(context, into);
        if into.filled().len() > before {
            self.silence.heard();
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Heard<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    const SILENCE: Duration = Duration::from_secs(300);
    const PATIENCE: Duration = Duration::from_secs(10);

    #[tokio::test(start_paused = true)]
    async fn a_connection_ends_when_nothing_is_asked() {
        let silence = Silence::new();
        advance(SILENCE / 2).await;
        silence.head_is_whole();
        silence.answered();
        advance(SILENCE / 2 + PATIENCE).await;
        assert!(!silence.is_over(SILENCE, PATIENCE), "something was asked since");
        advance(SILENCE / 2).await;
        assert!(silence.is_over(SILENCE, PATIENCE));
    }

    #[tokio::test(start_paused = true)]
    async fn a_head_that_trickles_ends_the_connection() {
        let silence = Silence::new();
        for _ in 0..9 {
            silence.heard();
            advance(PATIENCE / 10).await;
        }
        assert!(!silence.is_over(SILENCE, PATIENCE));
        silence.heard();
        advance(PATIENCE / 10).await;
        assert!(silence.is_over(SILENCE, PATIENCE), "counted from its first byte");
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_takes_the_time_it_takes() {
        let silence = Silence::new();
        silence.heard();
        silence.head_is_whole();
        silence.heard();
        advance(2 * SILENCE).await;
        assert!(!silence.is_over(SILENCE, PATIENCE), "the body's bytes begin no head");
        silence.answered();
        assert!(!silence.is_over(SILENCE, PATIENCE));
    }
}
