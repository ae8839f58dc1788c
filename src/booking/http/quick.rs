//! The short way of the two calls that a rush is made of, reserving and availability: no routing, no header map, one buffer
//! for what is read and one for what is written.
//!
//! Guarantees: a request is served here only if every byte of its head was understood ([`super::head`]); anything else goes, with
//! the bytes that were read, to the general server, for as long as the connection lives. Both ways decide with the same
//! functions. An answer is written whole.

use std::pin::pin;
use std::sync::Arc;
use std::time::Instant;

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::Sleep;
use tokio_util::sync::CancellationToken;

use super::connections::SILENCE_MAX;
use super::date::HttpDate;
use super::head::{self, Call, Head, Read};
use super::{AVAILABILITY_CALL, RESERVE_CALL, Shop, events, reserve, timing};

const BUFFER_BYTES: usize = 4 * 1024;

/// Serves the connection as far as it is understood; what is left is for the general server.
pub(super) async fn serve(
    mut stream: TcpStream,
    shop: &Arc<Shop>,
    stop: &CancellationToken,
) -> Option<(TcpStream, BytesMut)> {
    let mut buffer = BytesMut::with_capacity(BUFFER_BYTES);
    let mut writer = Writer { out: Vec::with_capacity(BUFFER_BYTES), date: HttpDate::default() };
    let mut silence = Silence::new();
    let mut stopped = pin!(stop.cancelled());
    loop {
        let served = match head::read(&buffer) {
            Read::Other => return Some((stream, buffer)),
            Read::Request { head, head_bytes, body_bytes } if buffer.len() >= head_bytes + body_bytes => {
                writer.answer(shop, &head, &buffer[head_bytes..head_bytes + body_bytes]).await;
                Some(head_bytes + body_bytes)
            }
            Read::Partial | Read::Request { .. } => None,
        };
        if let Some(bytes) = served {
            stream.write_all(&writer.out).await.ok()?;
            buffer.advance(bytes);
            silence.heard();
            continue;
        }
        buffer.reserve(BUFFER_BYTES);
        tokio::select! {
            biased;
            read = stream.read_buf(&mut buffer) => if read.ok()? == 0 { return None },
            () = silence.too_long() => return None,
            () = stopped.as_mut() => return None,
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
    async fn answer(&mut self, shop: &Arc<Shop>, head: &Head<'_>, body: &[u8]) {
        let started = Instant::now();
        let in_flight = shop.metrics.enter();
        self.out.clear();
        match head.call {
            Call::Reserve => {
                let reply = reserve::reserve(shop, head, Ok(body)).await;
                let took = started.elapsed();
                let timing = timing::server_timing(took, in_flight.requests(), reply.timing.as_ref());
                let lines = self.lines(shop, &timing);
                reply.write(&mut self.out, &lines);
                shop.metrics.observe_request(RESERVE_CALL, reply.status, took);
            }
            Call::Availability(event) => {
                let answer = events::availability_of(shop, event);
                let took = started.elapsed();
                let lines = self.lines(shop, &timing::server_timing(took, in_flight.requests(), None));
                let status = match answer {
                    Ok(snapshot) => {
                        snapshot.document.write(&mut self.out, head.accept_encoding, head.if_none_match, &lines)
                    }
                    Err(problem) => {
                        let reply = problem.reply();
                        reply.write(&mut self.out, &lines);
                        reply.status
                    }
                };
                shop.metrics.observe_request(AVAILABILITY_CALL, status, took);
            }
        }
    }

    /// The header lines of every answer.
    fn lines(&mut self, shop: &Shop, timing: &str) -> String {
        let date = self.date.at(shop.clock.now_ms());
        format!("date: {date}\r\nserver-timing: {timing}\r\nx-content-type-options: nosniff\r\n")
    }
}

/// Ends when nothing was heard for too long. Its timer is set once in that time, not once a request.
struct Silence {
    timer: std::pin::Pin<Box<Sleep>>,
    heard_at: tokio::time::Instant,
}

impl Silence {
    fn new() -> Self {
        let heard_at = tokio::time::Instant::now();
        Self { timer: Box::pin(tokio::time::sleep_until(heard_at + SILENCE_MAX)), heard_at }
    }

    fn heard(&mut self) {
        self.heard_at = tokio::time::Instant::now();
    }

    async fn too_long(&mut self) {
        loop {
            self.timer.as_mut().await;
            if self.heard_at.elapsed() >= SILENCE_MAX {
                return;
            }
            self.timer.as_mut().reset(self.heard_at + SILENCE_MAX);
        }
    }
}
