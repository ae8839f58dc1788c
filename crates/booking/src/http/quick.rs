//! The fast path of the two calls that a rush is made of, reserving and availability. It has no routing, no header
//! map, one buffer for what is read and one for what is written.
//!
//! Guarantees:
//! - a request is served here only if every byte of its head was understood ([`super::head`])
//! - anything else goes, with the bytes that were read, to the general server, for as long as the connection lives
//!
//! Both ways decide with the same functions. An answer is written whole.

use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Sleep, sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::connections::SILENCE_MAX;
use super::date::HttpDate;
use super::head::{self, Call, Head, Read};
use super::timing;
use super::{App, events, input, negotiate, reserve};
use crate::sale::queue::Timing;

const BUFFER_BYTES: usize = 4 * 1024;
/// A connection on which nothing comes learns within this time that the core stops.
const TICK: Duration = Duration::from_secs(1);

/// Serves the connection as far as it is understood; what is left is for the general server.
pub(super) async fn serve(
    mut stream: TcpStream,
    app: &Arc<App>,
    stop: &CancellationToken,
) -> Option<(TcpStream, BytesMut)> {
    let mut buffer = BytesMut::with_capacity(BUFFER_BYTES);
    let mut writer = Writer { out: Vec::with_capacity(BUFFER_BYTES), date: HttpDate::default() };
    let mut silence = Silence::new(stop);
    loop {
        let served = match head::read(&buffer) {
            Read::Other => return Some((stream, buffer)),
            Read::Request { head, head_bytes, body_bytes } if buffer.len() >= head_bytes + body_bytes => {
                writer.answer(app, &head, &buffer[head_bytes..head_bytes + body_bytes]).await;
                Some(head_bytes + body_bytes)
            }
            Read::Partial | Read::Request { .. } => None,
        };
        if let Some(bytes) = served {
            timeout(SILENCE_MAX, stream.write_all(&writer.out)).await.ok()?.ok()?;
            buffer.advance(bytes);
            silence.heard();
            continue;
        }
        buffer.reserve(BUFFER_BYTES);
        silence.note_begun(!buffer.is_empty());
        tokio::select! {
            biased;
            read = stream.read_buf(&mut buffer) => if read.ok()? == 0 { return None },
            () = silence.too_long() => return None,
        }
    }
}

/// The answers of one connection.
struct Writer {
    out: Vec<u8>,
    date: HttpDate,
}

impl Writer {
    /// Decides about a request and writes the answer into the buffer.
    async fn answer(&mut self, app: &Arc<App>, head: &Head<'_>, body: &[u8]) {
        let (started, in_flight) = (Instant::now(), app.metrics.enter());
        let reply = match head.call {
            Call::Reserve => reserve::reserve(app, head, Ok(body)).await,
            Call::Availability(event) => match events::availability_of(app, event) {
                Ok(snapshot) => {
                    let took = started.elapsed();
                    let lines = lines(self.date.at(app.clock.now_ms()), took, in_flight.requests(), None);
                    self.out.clear();
                    let known = (head.accept_encoding.as_bytes(), head.if_none_match.as_bytes());
                    let status = negotiate::write(&snapshot.document, &mut self.out, known, lines);
                    app.calls.availability.observe(status, took);
                    return;
                }
                Err(problem) => problem.reply(),
            },
        };
        let took = started.elapsed();
        let date = self.date.at(app.clock.now_ms());
        self.out.clear();
        reply.write(&mut self.out, lines(date, took, in_flight.requests(), reply.timing.as_ref()));
        super::note_failure(super::RESERVE_CALL, reply.status, head.request_id);
        let call = if head.call == Call::Reserve { &app.calls.reserve } else { &app.calls.availability };
        call.observe(reply.status, took);
    }
}

/// Appends the header lines of every answer.
fn lines(date: &str, took: Duration, in_flight: i64, waited: Option<&Timing>) -> impl FnOnce(&mut Vec<u8>) {
    move |out| {
        out.extend_from_slice(b"x-content-type-options: nosniff\r\ndate: ");
        out.extend_from_slice(date.as_bytes());
        out.extend_from_slice(b"\r\nserver-timing: ");
        timing::push_server_timing(out, took, in_flight, waited);
        out.extend_from_slice(b"\r\n");
    }
}

/// Ends when nothing was heard for too long, or the core stops. It looks now and then, so that a request costs no timer.
struct Silence<'a> {
    tick: Pin<Box<Sleep>>,
    heard_at: Instant,
    /// Since when a part of a request is here.
    begun_at: Option<Instant>,
    stop: &'a CancellationToken,
}

impl<'a> Silence<'a> {
    fn new(stop: &'a CancellationToken) -> Self {
        Self { tick: Box::pin(sleep(TICK)), heard_at: Instant::now(), begun_at: None, stop }
    }

    fn heard(&mut self) {
        self.heard_at = Instant::now();
        self.begun_at = None;
    }

    /// A request that has begun must be whole within [`input::BODY_PATIENCE`].
    fn note_begun(&mut self, has_begun: bool) {
        if has_begun && self.begun_at.is_none() {
            self.begun_at = Some(Instant::now());
        }
    }

    fn is_over(&self) -> bool {
        let is_slow = self.begun_at.is_some_and(|at| at.elapsed() >= input::BODY_PATIENCE);
        is_slow || self.heard_at.elapsed() >= SILENCE_MAX
    }

    async fn too_long(&mut self) {
        loop {
            self.tick.as_mut().await;
            if self.stop.is_cancelled() || self.is_over() {
                return;
            }
            self.tick.as_mut().reset(tokio::time::Instant::now() + TICK);
        }
    }
}
