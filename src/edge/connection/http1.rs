//! The HTTP/1 connection loop: reads one request head at a time, strictly, and gives it to Pingora.
//!
//! Guarantees: a head that could be framed in two ways never reaches Pingora (request smuggling). A head, and
//! HTTP/2's preface, must arrive whole within the client's time, however slowly its bytes come. An idle connection
//! holds no buffer. Plain polls, which are most of all requests, and requests that are shed are answered here
//! ([`fast_path`]).

use std::future::poll_fn;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Poll, ready};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bytes::{Buf, BufMut, Bytes, BytesMut};
use futures_util::future::BoxFuture;
use pingora::apps::{HttpServerApp, ServerApp};
use pingora::protocols::http::ServerSession;
use pingora::protocols::{ALPN, Shutdown, Stream};
use pingora::proxy::HttpProxy;
use pingora::server::ShutdownWatch;
use pingora::time::timeout;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt, ReadBuf};

use super::cork::{CorkedStream, Message};
use super::fast_path::{self, Ready};
use crate::edge::context::Edge;
use crate::edge::http::answer::Answer;
use crate::edge::http::client::{Peer, peer_address};
use crate::edge::http::oversized;
use crate::edge::http::problem::Problem;
use crate::edge::http::upgrade::{is_event_stream, is_websocket};
use crate::edge::proxy::kill_switch::KillSwitch;
use crate::edge::proxy::phases::Phases;
use fairgate_core::request::head::{BadHead, HEAD_BYTES_MAX, header_slots, read_head};

/// The length of HTTP/2's client preface (RFC 9113, 3.4).
const PREFACE_BYTES: usize = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".len();

/// Bytes read at once while a head is incomplete.
const READ_BYTES: usize = 4 * 1024;

/// The bytes that are read of a head that is too long.
const OVERLONG_BYTES_MAX: usize = 4 * HEAD_BYTES_MAX;

/// The time and the bytes for which a refused client is read.
const LINGER: Duration = Duration::from_secs(1);
const LINGER_BYTES: usize = 256 * 1024;

/// The work that is left once no connection is taken any more.
pub(crate) type OnStop = Box<dyn Fn() -> BoxFuture<'static, ()> + Send + Sync>;

/// All of the edge's connections.
pub(crate) struct ClientConnections {
    pub(crate) edge: Arc<Edge>,
    pub(crate) proxy: Arc<HttpProxy<Phases>>,
    pub(crate) on_stop: OnStop,
}

/// The result of waiting for a head.
enum Next {
    /// It is whole, and Pingora's; perhaps it asks for something that lasts.
    Head { lasts: bool, message_bytes: Option<u64> },
    /// The head has so many bytes, and this is the answer.
    Ready { bytes: usize, answer: Ready },
    /// The client has gone, or said nothing for too long.
    Gone,
    /// The request is not to be served.
    Refused(Problem),
    /// The head does not end within its bound.
    Overlong,
}

#[async_trait]
impl ServerApp for ClientConnections {
    async fn process_new(self: &Arc<Self>, stream: Stream, shutdown: &ShutdownWatch) -> Option<Stream> {
        // One over TLS counts since before its handshake.
        let connection = match stream.get_ssl_digest() {
            None => Some(self.edge.connect(peer_address(stream.get_socket_digest()))?),
            Some(_) => None,
        };
        // In a task of its own: Pingora's has room for a TLS handshake (9 KB) and would keep it while the fan is idle.
        let (front, shutdown) = (Arc::clone(self), shutdown.clone());
        if matches!(stream.selected_alpn_proto(), Some(ALPN::H2)) {
            tokio::spawn(async move { front.serve_http2(stream, &shutdown).await });
        } else {
            tokio::spawn(async move {
                front.serve(stream, &shutdown).await;
                drop(connection);
            });
        }
        None
    }

    /// No connection is taken any more. Pingora's own cleanup would refuse what still comes on those that are open.
    async fn cleanup(&self) {
        (self.on_stop)().await;
    }
}

impl ClientConnections {
    /// Waits for the preface, for which Pingora would wait for ever; what comes after it has an idle connection's time.
    async fn serve_http2(&self, mut stream: Stream, shutdown: &ShutdownWatch) {
        let mut preface = [0; PREFACE_BYTES];
        let patience = Duration::from_millis(self.edge.client_timeout_ms);
        let read = timeout(patience, stream.read_exact(&mut preface)).await;
        if matches!(read, Ok(Ok(_))) {
            let stream = CorkedStream::hand_over_http2(stream, Bytes::copy_from_slice(&preface));
            self.proxy.process_new(stream, shutdown).await;
        }
    }

    async fn serve(&self, mut stream: Stream, shutdown: &ShutdownWatch) {
        let mut patience = Duration::from_millis(self.edge.client_timeout_ms);
        let mut shutdown_seen = shutdown.clone();
        let peer = peer(&stream);
        let mut bytes = BytesMut::new();
        loop {
            match self.next_head(&mut stream, &mut bytes, peer, patience, &mut shutdown_seen).await {
                Next::Ready { bytes: head, answer } => {
                    bytes.advance(head);
                    if !self.send(&mut stream, &answer).await {
                        return;
                    }
                }
                Next::Head { lasts, message_bytes } => {
                    // In a box: it has room for a whole request, which an idle connection does not need.
                    let (request, message) = split(std::mem::take(&mut bytes), message_bytes);
                    let request = self.hand_over(stream, request, message, lasts, shutdown);
                    let reused = Box::pin(request).await;
                    let Some((again, ahead)) = reused else { return };
                    (stream, bytes) = (again, ahead);
                }
                Next::Gone => return,
                Next::Refused(problem) => return Box::pin(refuse(stream, &problem.answer())).await,
                Next::Overlong => return Box::pin(refuse_overlong(stream, bytes)).await,
            }
            if bytes.is_empty() {
                bytes = BytesMut::new();
            }
            patience = Duration::from_millis(self.edge.keepalive_timeout_ms);
        }
    }

    /// Waits for the first byte for as long as `patience` and the edge last, then for the rest of the head.
    async fn next_head(
        &self,
        stream: &mut Stream,
        bytes: &mut BytesMut,
        peer: Peer,
        patience: Duration,
        shutdown: &mut ShutdownWatch,
    ) -> Next {
        // Bytes are left of a client that does not wait for answers.
        if bytes.is_empty() {
            let read = tokio::select! {
                biased;
                read = timeout(patience, read_some(stream, bytes)) => read,
                () = self.idle_ends(shutdown) => return Next::Gone,
            };
            match read {
                Ok(Ok(1..)) => {}
                Ok(Ok(0) | Err(_)) | Err(_) => return Next::Gone,
            }
        }
        let whole = timeout(Duration::from_millis(self.edge.client_timeout_ms), self.rest_of_head(stream, bytes, peer));
        whole.await.unwrap_or(Next::Refused(Problem::Slow))
    }

    /// Waits until a connection on which nothing is asked is to be closed.
    async fn idle_ends(&self, shutdown: &mut ShutdownWatch) {
        // A server that is gone wants it closed, too.
        let _ = shutdown.wait_for(|stopping| *stopping).await;
        if self.edge.keeps_idle_connections() {
            std::future::pending().await
        }
    }

    async fn rest_of_head(&self, stream: &mut Stream, bytes: &mut BytesMut, peer: Peer) -> Next {
        loop {
            if let Some(next) = self.look_at(bytes, peer) {
                return next;
            }
            if !matches!(read_some(stream, bytes).await, Ok(1..)) {
                return Next::Gone;
            }
        }
    }

    /// The next step for the head at the start of the bytes; `None` while it is incomplete.
    fn look_at(&self, bytes: &BytesMut, peer: Peer) -> Option<Next> {
        let mut slots = header_slots();
        let head = match read_head(bytes, &mut slots) {
            Ok(head) => head?,
            Err(BadHead::TooLarge) => return Some(Next::Overlong),
            Err(bad) => return Some(Next::Refused(bad.into())),
        };
        if let Some(answer) = fast_path::answer(&self.edge, &head, peer) {
            return Some(Next::Ready { bytes: head.bytes, answer });
        }
        let asks_for_tunnel = head.only("upgrade").is_some_and(is_websocket);
        let lasts = asks_for_tunnel || head.only("accept").is_some_and(is_event_stream);
        let message_bytes =
            head.content_length.filter(|_| !asks_for_tunnel).map(|body| body.saturating_add(head.bytes as u64));
        Some(Next::Head { lasts, message_bytes })
    }

    /// Sends an answer; true if the client took it.
    async fn send(&self, stream: &mut Stream, answer: &Ready) -> bool {
        let begun = Instant::now();
        let sent = async { stream.write_all(&answer.bytes).await.is_ok() && stream.flush().await.is_ok() };
        let took = timeout(Duration::from_millis(self.edge.client_timeout_ms), sent).await;
        self.edge.metrics.observe_request(answer.kind, answer.status, begun.elapsed());
        took.unwrap_or(false)
    }

    /// Lets Pingora serve one request; gives the connection back where it can be used again.
    async fn hand_over(
        &self,
        stream: Stream,
        bytes: BytesMut,
        message: Message,
        lasts: bool,
        shutdown: &ShutdownWatch,
    ) -> Option<(Stream, BytesMut)> {
        let kill_switch = lasts.then(KillSwitch::default);
        let mut session = ServerSession::new_http1(CorkedStream::hand_over(stream, kill_switch.clone(), message));
        session.set_pipelined_prefix(bytes);
        session.set_connection_user_context(kill_switch.map(|kill_switch| Box::new(kill_switch) as _));
        let reused = self.proxy.process_new_http(session, shutdown).await;
        // One kill switch a connection: after a tunnel that was refused, the client connects anew.
        reused.filter(|_| !lasts).and_then(|reused| CorkedStream::take_back(reused.consume().0))
    }
}

/// The bytes of a request, and those behind it. Where only Pingora finds its end (chunks, an upgrade), all are its bytes.
fn split(mut bytes: BytesMut, message_bytes: Option<u64>) -> (BytesMut, Message) {
    let Some(message_bytes) = message_bytes else { return (bytes, Message::default()) };
    let here = usize::try_from(message_bytes).unwrap_or(usize::MAX).min(bytes.len());
    let ahead = bytes.split_off(here);
    (bytes, Message { left_bytes: Some(message_bytes - here as u64), ahead })
}

fn peer(stream: &Stream) -> Peer {
    Peer::new(peer_address(stream.get_socket_digest()), stream.get_ssl_digest().is_some())
}

/// Reads what is there, by way of the stack: while there is nothing, no buffer is held.
async fn read_some(stream: &mut Stream, bytes: &mut BytesMut) -> std::io::Result<usize> {
    poll_fn(|cx| {
        let mut space = [MaybeUninit::uninit(); READ_BYTES];
        let mut read = ReadBuf::uninit(&mut space);
        ready!(Pin::new(&mut *stream).poll_read(cx, &mut read))?;
        bytes.put_slice(read.filled());
        Poll::Ready(Ok(read.filled().len()))
    })
    .await
}

/// Answers the sender of a head that is too long, having looked at more of it. The fields that say if a page is wanted
/// may stand behind the cookies.
async fn refuse_overlong(mut stream: Stream, mut bytes: BytesMut) {
    let rest = async {
        while bytes.len() < OVERLONG_BYTES_MAX && memchr::memmem::find(&bytes, b"\r\n\r\n").is_none() {
            if !matches!(read_some(&mut stream, &mut bytes).await, Ok(1..)) {
                break;
            }
        }
    };
    let _ = timeout(LINGER, rest).await;
    refuse(stream, &oversized::answer(&bytes)).await;
}

/// Answers without Pingora, and closes. That the client may have gone is no news. What it is still sending is read for a
/// moment: closed on unread bytes, a connection is reset, and the answer with it.
async fn refuse(mut stream: Stream, answer: &Answer) {
    let mut bytes = BytesMut::with_capacity(512);
    answer.write_http1(&mut bytes, "close");
    if stream.write_all(&bytes).await.is_ok() && stream.flush().await.is_ok() {
        let end = async { stream.shutdown().await.is_ok() && drain(&mut stream).await.is_ok() };
        let _ = timeout(LINGER, end).await;
        Shutdown::shutdown(&mut *stream).await;
    }
}

async fn drain(stream: &mut Stream) -> std::io::Result<()> {
    let mut drained = 0;
    while drained < LINGER_BYTES {
        let mut bytes = BytesMut::new();
        match read_some(stream, &mut bytes).await? {
            0 => break,
            read => drained += read,
        }
    }
    Ok(())
}
