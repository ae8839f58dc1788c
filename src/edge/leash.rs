//! Tunnels (WebSockets) that end with the pass that opened them.
//!
//! Pingora moves a tunnel's bytes by itself, so the connection is held on a leash: when it is cut, the next look at the
//! client's side of the stream is an error, and Pingora takes the tunnel down. Traffic counts as use and renews the
//! session; release, hard end and idleness cut it within a second.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::task::AtomicWaker;
use pingora::protocols::raw_connect::ProxyDigest;
use pingora::protocols::tls::SslDigest;
use pingora::protocols::{
    ALPN, GetProxyDigest, GetSocketDigest, GetTimingDigest, Peek, Shutdown, SocketDigest, Ssl, Stream, TimingDigest,
    UniqueID, UniqueIDType,
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::live::LiveRoom;
use super::state::Edge;
use super::visit::Holder;
use crate::room::RenewOutcome;

/// How often a tunnel's pass is looked at.
const LOOK: Duration = Duration::from_secs(1);

/// The hand's end.
#[derive(Clone, Debug, Default)]
pub(crate) struct Leash(Arc<Held>);

#[derive(Debug, Default)]
struct Held {
    is_cut: AtomicBool,
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

    /// The same connection, with this leash on it.
    pub(crate) fn hold(&self, stream: Stream) -> Stream {
        Box::new(Leashed { stream, held: Arc::clone(&self.0) })
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

/// The connection's end.
struct Leashed {
    stream: Stream,
    held: Arc<Held>,
}

impl Leashed {
    fn check(&self, cx: &Context<'_>) -> io::Result<()> {
        self.held.waker.register(cx.waker());
        if self.held.is_cut.load(Ordering::Acquire) {
            return Err(io::Error::new(io::ErrorKind::ConnectionAborted, "the pass has ended"));
        }
        Ok(())
    }

    fn count(&self, bytes: usize) {
        self.held.traffic.fetch_add(bytes as u64, Ordering::Relaxed);
    }
}

impl AsyncRead for Leashed {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.check(cx)?;
        let before = buf.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(cx, buf);
        self.count(buf.filled().len() - before);
        polled
    }
}

impl AsyncWrite for Leashed {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write(cx, buf);
        if let Poll::Ready(Ok(written)) = &polled {
            self.count(*written);
        }
        polled
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

impl fmt::Debug for Leashed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Leashed").finish_non_exhaustive()
    }
}

// Everything else is the connection's own.

#[async_trait]
impl Shutdown for Leashed {
    async fn shutdown(&mut self) {
        self.stream.shutdown().await;
    }
}

impl UniqueID for Leashed {
    fn id(&self) -> UniqueIDType {
        self.stream.id()
    }
}

impl Ssl for Leashed {
    fn get_ssl_digest(&self) -> Option<Arc<SslDigest>> {
        self.stream.get_ssl_digest()
    }

    fn selected_alpn_proto(&self) -> Option<ALPN> {
        self.stream.selected_alpn_proto()
    }
}

impl GetTimingDigest for Leashed {
    fn get_timing_digest(&self) -> Vec<Option<TimingDigest>> {
        self.stream.get_timing_digest()
    }
}

impl GetProxyDigest for Leashed {
    fn get_proxy_digest(&self) -> Option<Arc<ProxyDigest>> {
        self.stream.get_proxy_digest()
    }
}

impl GetSocketDigest for Leashed {
    fn get_socket_digest(&self) -> Option<Arc<SocketDigest>> {
        self.stream.get_socket_digest()
    }
}

#[async_trait]
impl Peek for Leashed {
    async fn try_peek(&mut self, buf: &mut [u8]) -> io::Result<bool> {
        self.stream.try_peek(buf).await
    }
}
