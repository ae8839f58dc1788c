//! TCP corking for the one request that Pingora serves on a connection: what is written leaves in as few packets as
//! possible.
//!
//! Guarantees: an answer's head leaves with the beginning of its body, in one write. Nothing waits longer than in
//! Pingora's own buffer (until a flush, or [`CORK_BYTES`]). The buffer lives for one request, so an idle connection
//! has none. Pingora reads the bytes of its request and no more, so a pipelined request is not lost. A tunnel's
//! connection has a [`KillSwitch`].
//!
//! An HTTP/2 connection stays with Pingora. The bytes that were read to recognize it are read first, and HTTP/2
//! itself gathers its answers.

use std::fmt;
use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use pingora::protocols::raw_connect::ProxyDigest;
use pingora::protocols::tls::SslDigest;
use pingora::protocols::{
    ALPN, GetProxyDigest, GetSocketDigest, GetTimingDigest, Peek, Shutdown, SocketDigest, Ssl, Stream, TimingDigest,
    UniqueID, UniqueIDType,
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::edge::proxy::kill_switch::KillSwitch;
use crate::edge::proxy::request_body::PIECE_BYTES_MAX;
use fairgate_core::request::head::HEAD_BYTES_MAX;

/// The bytes that may wait for more: a segment, as in Pingora's own buffer (`DEFAULT_L4_WRITE_BUFFER_SIZE`).
const CORK_BYTES: usize = 1_460;

/// Bytes read at once where the request's end is near.
const READ_BYTES: usize = 4 * 1024;

/// The connection.
pub(super) struct CorkedStream {
    stream: Stream,
    /// Bytes that were read already.
    unread: Bytes,
    corks: bool,
    corked: Vec<u8>,
    kill_switch: Option<KillSwitch>,
    message: Message,
}

/// The rest of the request at hand, and pipelined bytes behind it.
#[derive(Debug, Default)]
pub(crate) struct Message {
    /// Bytes of the request that are still to come; `None` where only Pingora finds its end.
    pub(crate) left_bytes: Option<u64>,
    /// Pipelined bytes: the client has sent them without waiting for the answer.
    pub(crate) ahead: BytesMut,
}

impl CorkedStream {
    /// Puts a connection into Pingora's hands.
    pub(crate) fn hand_over(stream: Stream, kill_switch: Option<KillSwitch>, message: Message) -> Stream {
        Box::new(Self { stream, unread: Bytes::new(), corks: true, corked: Vec::new(), kill_switch, message })
    }

    /// Puts a connection into Pingora's hands that has begun to speak HTTP/2, with what was read of it.
    pub(super) fn hand_over_http2(stream: Stream, unread: Bytes) -> Stream {
        let message = Message::default();
        Box::new(Self { stream, unread, corks: false, corked: Vec::new(), kill_switch: None, message })
    }

    /// Takes it back, with what has come ahead of its time; `None` where something is left that was not sent.
    pub(super) fn take_back(stream: Stream) -> Option<(Stream, BytesMut)> {
        let served: Box<Self> = stream.into_any().downcast().ok()?;
        served.corked.is_empty().then_some((served.stream, served.message.ahead))
    }

    /// Reads what is still of the request into a buffer that would hold more.
    fn poll_rest(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>, left_bytes: u64) -> Poll<io::Result<()>> {
        let mut space = [MaybeUninit::uninit(); READ_BYTES];
        let bytes = usize::try_from(left_bytes).unwrap_or(READ_BYTES).min(READ_BYTES);
        let mut part = ReadBuf::uninit(&mut space[..bytes]);
        ready!(Pin::new(&mut self.stream).poll_read(cx, &mut part))?;
        buf.put_slice(part.filled());
        Poll::Ready(Ok(()))
    }

    /// Takes what comes behind the request, up to a bound, and tells when the client has gone.
    fn poll_ahead(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.message.ahead.len() < HEAD_BYTES_MAX {
            let mut space = [MaybeUninit::uninit(); READ_BYTES];
            let mut part = ReadBuf::uninit(&mut space);
            ready!(Pin::new(&mut self.stream).poll_read(cx, &mut part))?;
            match part.filled() {
                [] if self.message.ahead.is_empty() => return Poll::Ready(Ok(())),
                [] => break,
                bytes => self.message.ahead.extend_from_slice(bytes),
            }
        }
        // Looked at when this request is answered.
        Poll::Pending
    }

    /// Sends what waits.
    fn poll_uncork(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.corked.is_empty() {
            let sent = ready!(Pin::new(&mut self.stream).poll_write(cx, &self.corked))?;
            self.take_sent(sent)?;
        }
        Poll::Ready(Ok(()))
    }

    /// Sends what waits and this after it, at once; answers how much of this was sent.
    fn poll_write_through(&mut self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        while !self.corked.is_empty() {
            let both = [IoSlice::new(&self.corked), IoSlice::new(buf)];
            let sent = ready!(Pin::new(&mut self.stream).poll_write_vectored(cx, &both))?;
            let of_this = sent.saturating_sub(self.corked.len());
            self.take_sent(sent - of_this)?;
            if of_this > 0 {
                return Poll::Ready(Ok(of_this));
            }
        }
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_read_piece(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if buf.remaining() <= PIECE_BYTES_MAX {
            return Pin::new(&mut self.stream).poll_read(cx, buf);
        }
        let mut space = [MaybeUninit::uninit(); PIECE_BYTES_MAX];
        let mut piece = ReadBuf::uninit(&mut space);
        ready!(Pin::new(&mut self.stream).poll_read(cx, &mut piece))?;
        buf.put_slice(piece.filled());
        Poll::Ready(Ok(()))
    }

    fn take_sent(&mut self, bytes: usize) -> io::Result<()> {
        if bytes == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        self.corked.drain(..bytes);
        Ok(())
    }

    fn count(&self, bytes: usize) {
        if let Some(kill_switch) = &self.kill_switch {
            kill_switch.count(bytes);
        }
    }
}

impl AsyncRead for CorkedStream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if let Some(kill_switch) = &self.kill_switch {
            kill_switch.check(cx)?;
        }
        if !self.unread.is_empty() {
            let bytes = self.unread.len().min(buf.remaining());
            buf.put_slice(&self.unread.split_to(bytes));
            return Poll::Ready(Ok(()));
        }
        let before = buf.filled().len();
        let polled = match self.message.left_bytes {
            Some(0) => self.poll_ahead(cx),
            Some(left_bytes) if left_bytes < buf.remaining() as u64 => self.poll_rest(cx, buf, left_bytes),
            _ => self.poll_read_piece(cx, buf),
        };
        let bytes = buf.filled().len() - before;
        if let Some(left_bytes) = &mut self.message.left_bytes {
            *left_bytes = left_bytes.saturating_sub(bytes as u64);
        }
        self.count(bytes);
        polled
    }
}

impl AsyncWrite for CorkedStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        if !self.corks {
            return Pin::new(&mut self.stream).poll_write(cx, buf);
        }
        let written = if self.corked.len() + buf.len() <= CORK_BYTES {
            self.corked.extend_from_slice(buf);
            buf.len()
        } else {
            ready!(self.poll_write_through(cx, buf))?
        };
        self.count(written);
        Poll::Ready(Ok(written))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if !self.corks {
            return Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        }
        let first = bufs.iter().find(|buf| !buf.is_empty()).map_or(&[][..], |buf| buf);
        self.poll_write(cx, first)
    }

    fn is_write_vectored(&self) -> bool {
        !self.corks && self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_uncork(cx))?;
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_uncork(cx))?;
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

impl fmt::Debug for CorkedStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Served").finish_non_exhaustive()
    }
}

// Everything else is the connection's own.

#[async_trait]
impl Shutdown for CorkedStream {
    async fn shutdown(&mut self) {
        self.stream.shutdown().await;
    }
}

impl UniqueID for CorkedStream {
    fn id(&self) -> UniqueIDType {
        self.stream.id()
    }
}

impl Ssl for CorkedStream {
    fn get_ssl_digest(&self) -> Option<Arc<SslDigest>> {
        self.stream.get_ssl_digest()
    }

    fn selected_alpn_proto(&self) -> Option<ALPN> {
        self.stream.selected_alpn_proto()
    }
}

impl GetTimingDigest for CorkedStream {
    fn get_timing_digest(&self) -> Vec<Option<TimingDigest>> {
        self.stream.get_timing_digest()
    }
}

impl GetProxyDigest for CorkedStream {
    fn get_proxy_digest(&self) -> Option<Arc<ProxyDigest>> {
        self.stream.get_proxy_digest()
    }
}

impl GetSocketDigest for CorkedStream {
    fn get_socket_digest(&self) -> Option<Arc<SocketDigest>> {
        self.stream.get_socket_digest()
    }
}

#[async_trait]
impl Peek for CorkedStream {
    async fn try_peek(&mut self, buf: &mut [u8]) -> io::Result<bool> {
        self.stream.try_peek(buf).await
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    fn connection(room_bytes: usize) -> (CorkedStream, tokio::io::DuplexStream) {
        let (ours, theirs) = tokio::io::duplex(room_bytes);
        let (unread, corked, message) = (Bytes::new(), Vec::new(), Message::default());
        (CorkedStream { stream: Box::new(ours), unread, corks: true, corked, kill_switch: None, message }, theirs)
    }

    #[tokio::test]
    async fn what_was_read_already_is_read_first() {
        let (ours, mut theirs) = tokio::io::duplex(64);
        let mut served = CorkedStream::hand_over_http2(Box::new(ours), Bytes::from_static(b"PRI * "));
        theirs.write_all(b"HTTP/2.0").await.unwrap();
        let mut read = [0; 14];
        served.read_exact(&mut read).await.unwrap();
        assert_eq!(&read, b"PRI * HTTP/2.0");
        served.write_all(b"at once").await.unwrap();
        let mut heard = [0; 7];
        theirs.read_exact(&mut heard).await.unwrap();
    }

    #[tokio::test]
    async fn a_head_waits_for_its_body_or_a_flush() {
        let (mut served, mut client) = connection(1 << 16);
        served.write_all(b"head ").await.unwrap();
        assert_eq!(served.corked, b"head ");
        served.write_all(&[b'x'; 2_000]).await.unwrap();
        assert!(served.corked.is_empty(), "more than fits goes out at once");
        served.write_all(b"tail").await.unwrap();
        served.flush().await.unwrap();
        let mut got = vec![0; 2_009];
        client.read_exact(&mut got).await.unwrap();
        assert!(got.starts_with(b"head x") && got.ends_with(b"xtail"));
        assert!(CorkedStream::take_back(Box::new(served)).is_some());
    }

    #[tokio::test]
    async fn a_client_that_reads_slowly_gets_every_byte_in_order() {
        let (mut served, mut client) = connection(7);
        let sent: Vec<u8> = (0..20_000_u32).map(|at| (at % 251) as u8).collect();
        let parts = sent.clone();
        let writes = async {
            for part in parts.chunks(1_999) {
                served.write_all(part).await.unwrap();
            }
            AsyncWriteExt::shutdown(&mut served).await.unwrap();
        };
        let mut got = Vec::new();
        let (read, ()) = tokio::join!(client.read_to_end(&mut got), writes);
        assert_eq!((read.unwrap(), got == sent), (20_000, true));
    }

    #[tokio::test]
    async fn what_follows_the_request_is_kept_for_afterwards() {
        let (mut served, mut client) = connection(1 << 16);
        served.message.left_bytes = Some(4);
        client.write_all(b"bodyGET / ").await.unwrap();
        let mut body = [0; 64];
        assert_eq!(served.read(&mut body).await.unwrap(), 4);
        let more = tokio::time::timeout(std::time::Duration::from_millis(20), served.read(&mut body)).await;
        assert!(more.is_err(), "nothing more is of this request");
        client.write_all(b"HTTP/1.1").await.unwrap();
        drop(client);
        let more = tokio::time::timeout(std::time::Duration::from_millis(20), served.read(&mut body)).await;
        assert!(more.is_err(), "a client that has asked for more still waits for its answers");
        let (_, ahead) = CorkedStream::take_back(Box::new(served)).unwrap();
        assert_eq!(&ahead[..], b"GET / HTTP/1.1");
    }

    #[tokio::test]
    async fn a_client_that_goes_is_noticed() {
        let (mut served, client) = connection(16);
        served.message.left_bytes = Some(0);
        drop(client);
        assert_eq!(served.read(&mut [0; 8]).await.unwrap(), 0);
    }

    #[tokio::test]
    async fn what_was_not_sent_is_not_forgotten() {
        let (mut served, _client) = connection(16);
        served.write_all(b"late").await.unwrap();
        assert!(CorkedStream::take_back(Box::new(served)).is_none());
    }
}
