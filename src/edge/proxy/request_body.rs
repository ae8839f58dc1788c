//! Request bodies: read whole before a slot of the shop is taken, or streamed by a few.
//!
//! Guarantees: a body of up to [`WHOLE_BYTES_MAX`] is read to its end before its request asks for a slot, within the
//! client's time. It then goes to the shop with its length. So a slow client costs memory, which is bounded in all
//! and per network ([`memory`]), and no slot. A longer body streams: it asks for one of the few slots for that
//! ([`crate::edge::overload::concurrency`]), is bounded in size, and may not trickle. The shop gets the end of a body once.

use std::net::IpAddr;
use std::time::Duration;

use bytes::Bytes;
use http::Method;
use http::header::{CONTENT_LENGTH, EXPECT, TRANSFER_ENCODING};
use pingora::http::RequestHeader;
use pingora::proxy::Session;
use pingora::{Error, ErrorType};

use crate::config::LimitsConfig;
use crate::edge::context::Edge;
use crate::edge::http::problem::Problem;
use crate::edge::overload::network_semaphore::{NetworkPermit, NetworkSemaphore, Reached};
use crate::observe::Shed;
use fairgate_core::fields;

/// The most that is read of a connection at once: what Pingora reads of a body comes in pieces no larger than this.
pub(crate) const PIECE_BYTES_MAX: usize = 16 * 1024;

/// The longest body that is read before a slot is taken. Pingora replays 64 KB to the shop; one of unknown length is known
/// to be longer only with the next piece.
const WHOLE_BYTES_MAX: u64 = 48 * 1024;
const _: () = assert!(WHOLE_BYTES_MAX + PIECE_BYTES_MAX as u64 <= 64 * 1024);

/// The largest body that a fan's call may have.
const FAN_BYTES_MAX: u64 = 16 * 1024;

/// A body that streams and comes more slowly than this, after the client's time, holds a slot that others need.
const STREAM_BYTES_A_SECOND_MIN: u64 = 4 * 1024;

/// Memory is counted in these.
const UNIT_BYTES: u64 = 1_024;

/// The memory that bodies may take.
pub(crate) fn memory(config: &LimitsConfig) -> NetworkSemaphore {
    let units = |bytes: u64| u32::try_from(bytes / UNIT_BYTES).unwrap_or(u32::MAX);
    NetworkSemaphore::new(units(config.body_bytes), units(config.network_body_bytes), &config.unlimited)
}

/// The way in which a body goes to the shop.
#[derive(Debug)]
pub(crate) enum Sending {
    /// The request has no body.
    Nothing,
    /// The whole body is here.
    Whole {
        /// The body's length.
        bytes: u64,
        /// The permit for the body's memory.
        _kept: NetworkPermit,
    },
    /// The body is longer than may be kept, and goes to the shop while it comes.
    Streamed {
        /// The body's length, as far as the client stated it.
        declared: Option<u64>,
        /// The memory of what was read before that was known.
        _kept: Option<NetworkPermit>,
    },
}

impl Sending {
    pub(super) fn is_streamed(&self) -> bool {
        matches!(self, Self::Streamed { .. })
    }

    /// Makes the request's head one of a body that is here already.
    pub(super) fn describe(&self, request: &mut RequestHeader) -> pingora::Result<()> {
        match self {
            Self::Whole { bytes, .. } => {
                request.remove_header(&TRANSFER_ENCODING);
                request.remove_header(&EXPECT);
                request.insert_header(CONTENT_LENGTH, *bytes)
            }
            Self::Streamed { _kept: Some(_), .. } => {
                request.remove_header(&EXPECT);
                Ok(())
            }
            Self::Streamed { _kept: None, .. } | Self::Nothing => Ok(()),
        }
    }

    /// The extra time for the shop's answer to begin, since the body has to be there first.
    pub(super) fn extra_ms(&self, body_bytes_max: u64) -> u64 {
        match self {
            Self::Streamed { declared, .. } => {
                declared.unwrap_or(body_bytes_max).saturating_mul(1_000) / STREAM_BYTES_A_SECOND_MIN
            }
            Self::Nothing | Self::Whole { .. } => 0,
        }
    }
}

/// Reads a request's body before a slot is taken for it, as far as it is read then.
///
/// # Errors
/// The problem to tell instead; or that there is nobody to tell.
pub(crate) async fn receive(
    edge: &Edge,
    session: &mut Session,
    client: IpAddr,
) -> pingora::Result<Result<Sending, Problem>> {
    let declared = declared_bytes(session);
    if declared.is_some_and(|bytes| bytes > edge.body_bytes_max) {
        return Ok(Err(Problem::BodyTooLarge { max_bytes: edge.body_bytes_max }));
    }
    if session.as_mut().is_body_empty() {
        return Ok(Ok(Sending::Nothing));
    }
    if declared.is_some_and(|bytes| bytes > WHOLE_BYTES_MAX) {
        return Ok(Ok(Sending::Streamed { declared, _kept: None }));
    }
    let kept = match keep(edge, client, declared.unwrap_or(WHOLE_BYTES_MAX)) {
        Ok(kept) => kept,
        Err(problem) => return Ok(Err(problem)),
    };
    invite(session).await?;
    // What is read goes to the shop from this buffer of Pingora's.
    session.as_mut().enable_retry_buffering();
    let read = async {
        let mut bytes = 0;
        while let Some(piece) = session.read_request_body().await? {
            bytes += piece.len() as u64;
            if bytes > WHOLE_BYTES_MAX {
                return Ok(Sending::Streamed { declared: None, _kept: Some(kept) });
            }
        }
        Ok(Sending::Whole { bytes, _kept: kept })
    };
    within(edge, read).await.map(Ok)
}

/// Reads the body of a fan's call to its end.
///
/// # Errors
/// The problem to tell instead; or that there is nobody to tell.
pub(crate) async fn read(
    edge: &Edge,
    session: &mut Session,
    client: IpAddr,
) -> pingora::Result<Result<(Bytes, Option<NetworkPermit>), Problem>> {
    let too_large = || Ok(Err(Problem::BodyTooLarge { max_bytes: FAN_BYTES_MAX }));
    let declared = declared_bytes(session);
    if session.req_header().method != Method::POST || declared == Some(0) {
        return Ok(Ok((Bytes::new(), None)));
    }
    if declared.is_some_and(|bytes| bytes > FAN_BYTES_MAX) {
        return too_large();
    }
    let kept = match keep(edge, client, declared.unwrap_or(FAN_BYTES_MAX)) {
        Ok(kept) => kept,
        Err(problem) => return Ok(Err(problem)),
    };
    invite(session).await?;
    let read = async {
        let mut body = Vec::new();
        while let Some(piece) = session.read_request_body().await? {
            if (body.len() + piece.len()) as u64 > FAN_BYTES_MAX {
                return Ok(None);
            }
            body.extend_from_slice(&piece);
        }
        Ok(Some(Bytes::from(body)))
    };
    match within(edge, read).await? {
        Some(body) => Ok(Ok((body, Some(kept)))),
        None => too_large(),
    }
}

fn keep(edge: &Edge, client: IpAddr, bytes: u64) -> Result<NetworkPermit, Problem> {
    let units = u32::try_from(bytes.div_ceil(UNIT_BYTES)).unwrap_or(u32::MAX).max(1);
    edge.bodies.take(client, units).map_err(|reached| {
        edge.shed(if reached == Reached::All { Shed::Bodies } else { Shed::NetworkBodies });
        Problem::Busy { retry_after_ms: edge.retry_after_ms() }
    })
}

/// The timeout between two reads would let a client trickle for ever.
async fn within<T>(edge: &Edge, read: impl Future<Output = pingora::Result<T>>) -> pingora::Result<T> {
    match tokio::time::timeout(Duration::from_millis(edge.client_timeout_ms), read).await {
        Ok(read) => read,
        Err(_) => Err(Error::explain(ErrorType::ReadTimedout, "the body comes too slowly").into_down()),
    }
}

/// Asks for the body of a client that waits to be asked.
async fn invite(session: &mut Session) -> pingora::Result<()> {
    let waits = session.get_header(EXPECT).is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"100-continue"));
    if waits { session.as_mut().write_continue_response().await } else { Ok(()) }
}

fn declared_bytes(session: &Session) -> Option<u64> {
    let declared = fields::list(&session.req_header().headers, &CONTENT_LENGTH).next()?;
    std::str::from_utf8(declared).ok()?.parse().ok()
}

/// True if a body that has been coming for a while would hold its slot for ever.
pub(super) fn is_trickle(took: Duration, bytes: u64, patience_ms: u64) -> bool {
    took > Duration::from_millis(patience_ms) && bytes < took.as_secs() * STREAM_BYTES_A_SECOND_MIN
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_may_be_slow_but_not_for_ever() {
        let s = Duration::from_secs;
        assert!(!is_trickle(s(15), 1, 15_000), "slow, but within the time of one silence");
        assert!(is_trickle(s(16), 20_000, 15_000));
        assert!(!is_trickle(s(200), 1 << 20, 15_000));
    }
}
