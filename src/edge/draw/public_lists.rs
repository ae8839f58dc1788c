//! The two public lists, streamed in parts: the frozen roster, and the claims.
//!
//! Guarantees: an answer holds one part of a list in memory, and reads the next when the client has taken it. Readers
//! are bounded in all and per network, and a client that hardly reads is cut off. Bytes that were public once never
//! change.

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use fairgate_draw::{CLAIM_BYTES, Claim, v2};
use http::StatusCode;
use http::header::{
    ACCEPT_RANGES, ACCESS_CONTROL_ALLOW_ORIGIN, CACHE_CONTROL, CONTENT_RANGE, CONTENT_TYPE, HeaderValue, RANGE,
};
use ipnet::IpNet;

use super::kept::{FINAL, GROWING, kept, pending};
use super::tiers::Column;
use crate::edge::context::Edge;
use crate::edge::http::answer::Answer;
use crate::edge::http::cors::ANYBODY;
use crate::edge::http::problem::Problem;
use crate::edge::http::request::FanRequest;
use crate::edge::overload::network_semaphore::{NetworkPermit, NetworkSemaphore};
use crate::edge::room::handle::{LiveRoom, PublicClaims};
use fairgate_core::room::View;
use fairgate_store::{Store, StoreError};

/// Bytes of a list that are in memory at once for one answer.
pub(super) const PART_BYTES: u64 = 64 * 1024;

/// Answers at once, in all and of a network: with the parts of all of them in memory, 8 MB.
const READERS_MAX: u32 = 128;
const NETWORK_READERS_MAX: u32 = 16;

/// A reader that takes less than this holds up others, once it has had [`READER_PATIENCE`].
const READ_BYTES_A_SECOND_MIN: u64 = 64 * 1024;
const READER_PATIENCE: Duration = Duration::from_secs(60);

/// A claim is public once its fan's random bytes are of no use to anybody else. A join with the same bytes is answered
/// with the same place for two minutes at most.
const CLAIM_PRIVATE_MS: u64 = 3 * 60_000;

/// Claims looked at in one heartbeat: a megabyte.
const CLAIMS_A_LOOK: u64 = 16 * 1024;

/// A public list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum List {
    /// The frozen entries, in index order.
    Roster,
    /// Admissions, in their order.
    Claims,
    /// The entries of a tier, or their tags, in index order.
    Tier(Column, u8),
    /// Admissions in a room with tiers, in their order.
    TierClaims,
}

/// An answer whose body is read from the store part by part.
pub(crate) struct ListAnswer {
    /// The answer without its body.
    pub(crate) head: Answer,
    /// Which list.
    pub(crate) list: List,
    /// The bytes of it that are the body.
    pub(crate) bytes: Range<u64>,
    /// The file that has the list, of a draw whose sale is over.
    pub(crate) file: Option<Arc<Path>>,
}

/// The semaphore of concurrent readers.
pub(crate) fn readers(unlimited: &[IpNet]) -> NetworkSemaphore {
    NetworkSemaphore::new(READERS_MAX, NETWORK_READERS_MAX, unlimited)
}

/// One reader, until it is dropped.
#[derive(Debug)]
pub(crate) struct Reader {
    begun: Instant,
    _taken: NetworkPermit,
}

impl Reader {
    pub(crate) fn new(taken: NetworkPermit) -> Self {
        Self { begun: Instant::now(), _taken: taken }
    }

    /// True if the client is too slow after so many bytes.
    pub(crate) fn is_slow(&self, bytes: u64) -> bool {
        is_slow(self.begun.elapsed(), bytes)
    }
}

fn is_slow(took: Duration, bytes: u64) -> bool {
    took > READER_PATIENCE && bytes < took.as_secs() * READ_BYTES_A_SECOND_MIN
}

impl List {
    pub(super) fn line_bytes(self) -> u64 {
        match self {
            Self::Roster => 32,
            Self::Claims => CLAIM_BYTES as u64,
            Self::Tier(Column::Entries, _) => 32,
            Self::Tier(Column::Tags, _) => 16,
            Self::TierClaims => v2::CLAIM_BYTES as u64,
        }
    }
}

impl List {
    /// Lines of the present draw's list.
    pub(super) async fn read(self, store: &dyn Store, room: &str, lines: Range<u64>) -> Result<Bytes, StoreError> {
        match self {
            Self::Roster => store.roster(room, lines).await,
            Self::Claims | Self::TierClaims => store.claims(room, lines).await,
            Self::Tier(column, tier) => column.read(store, room, tier, lines).await,
        }
    }
}

/// `GET draw/roster`.
pub(crate) fn roster(edge: &Edge, room: &LiveRoom, request: &FanRequest<'_>) -> Result<ListAnswer, Problem> {
    let snapshot = room.snapshot().ok_or_else(|| edge.store_unavailable())?;
    if snapshot.rules().is_some() {
        return Err(Problem::NoSuchCall);
    }
    let entries = snapshot.view.draw.entries.ok_or_else(|| pending(edge))?;
    answer(List::Roster, entries, kept(request, &snapshot)?, request)
}

/// `GET draw/roster/{tier}` from the freeze on, and `GET draw/tags/{tier}` from the reveal on.
pub(crate) fn tier(
    edge: &Edge,
    room: &LiveRoom,
    (column, tier): (Column, u8),
    request: &FanRequest<'_>,
) -> Result<ListAnswer, Problem> {
    let snapshot = room.snapshot().ok_or_else(|| edge.store_unavailable())?;
    let rules = snapshot.rules().ok_or(Problem::NoSuchCall)?;
    let is_there = usize::from(tier) < rules.tiers.len() && (column == Column::Entries || rules.has_identities());
    if !is_there {
        return Err(Problem::NoSuchCall);
    }
    let draw = &snapshot.view.draw;
    let is_public = column == Column::Entries || draw.seed.is_some();
    let frozen = draw.tiers.as_ref().filter(|_| is_public).ok_or_else(|| pending(edge))?;
    let entries = frozen.get(usize::from(tier)).ok_or(Problem::Internal)?.entries;
    answer(List::Tier(column, tier), entries, kept(request, &snapshot)?, request)
}

/// `GET draw/claims`: it grows at its end, so only a part of it can be kept.
pub(crate) fn claims(edge: &Edge, room: &LiveRoom, request: &FanRequest<'_>) -> Result<ListAnswer, Problem> {
    let snapshot = room.snapshot().ok_or_else(|| edge.store_unavailable())?;
    let public = **room.public_claims.load();
    let count = if public.draw == snapshot.view.draw.descriptor_digest { public.count } else { 0 };
    kept(request, &snapshot)?;
    let list = if snapshot.rules().is_some() { List::TierClaims } else { List::Claims };
    answer(list, count, GROWING, request)
}

fn answer(list: List, lines: u64, cache: HeaderValue, request: &FanRequest<'_>) -> Result<ListAnswer, Problem> {
    ranged(list, None, lines * list.line_bytes(), cache, request)
}

/// A list that a file has, which never changes again.
pub(super) fn of_file(
    list: List,
    file: Arc<Path>,
    bytes: u64,
    request: &FanRequest<'_>,
) -> Result<ListAnswer, Problem> {
    ranged(list, Some(file), bytes, FINAL, request)
}

fn ranged(
    list: List,
    file: Option<Arc<Path>>,
    bytes: u64,
    cache: HeaderValue,
    request: &FanRequest<'_>,
) -> Result<ListAnswer, Problem> {
    let asked = request.header(&RANGE).map(|range| byte_range(range, bytes).ok_or(Problem::Range { bytes }));
    let asked = asked.transpose()?;
    let status = if asked.is_some() { StatusCode::PARTIAL_CONTENT } else { StatusCode::OK };
    let head = Answer::empty(status)
        .header(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"))
        .header(ACCEPT_RANGES, HeaderValue::from_static("bytes"))
        .header(CACHE_CONTROL, cache)
        .header(ACCESS_CONTROL_ALLOW_ORIGIN, ANYBODY);
    Ok(match asked {
        Some(asked) => {
            let range = format!("bytes {}-{}/{bytes}", asked.start, asked.end - 1);
            ListAnswer { head: head.text(CONTENT_RANGE, &range), list, bytes: asked, file }
        }
        None => ListAnswer { head, list, bytes: 0..bytes, file },
    })
}

/// The next part of a list's bytes; shorter than what is left where that is much.
pub(crate) async fn part(edge: &Edge, room: &LiveRoom, list: List, left: &Range<u64>) -> Result<Bytes, StoreError> {
    let line_bytes = list.line_bytes();
    let end = left.end.min(left.start + PART_BYTES);
    let lines = left.start / line_bytes..end.div_ceil(line_bytes);
    let first = lines.start * line_bytes;
    let read = list.read(&*edge.store, room.name(), lines).await?;
    let within = |at: u64| usize::try_from(at - first).ok().filter(|at| *at <= read.len());
    match (within(left.start), within(end)) {
        (Some(start), Some(end)) => Ok(read.slice(start..end)),
        _ => Err(StoreError::Damaged("a list is shorter than it was".to_owned())),
    }
}

/// Publishes the claims that are old enough.
pub(crate) async fn publish_claims(store: &dyn Store, room: &LiveRoom, view: &View) -> Result<(), StoreError> {
    let draw = view.draw.descriptor_digest;
    let known = **room.public_claims.load();
    let from = if known.draw == draw { known.count } else { 0 };
    if from >= view.admitted {
        return Ok(());
    }
    let bytes = store.claims(room.name(), from..from + CLAIMS_A_LOOK).await?;
    let until_ms = view.now_ms.saturating_sub(CLAIM_PRIVATE_MS);
    let old = if view.tiers.is_empty() {
        count_until(&bytes, until_ms, |line: &[u8; CLAIM_BYTES]| Claim::from_bytes(line).admitted_at_ms)
    } else {
        count_until(&bytes, until_ms, |line: &[u8; v2::CLAIM_BYTES]| v2::Claim::from_bytes(line).admitted_at_ms)
    };
    room.public_claims.store(PublicClaims { draw, count: from + old }.into());
    Ok(())
}

/// How many lines from the first on are of fans who were let in until a time.
fn count_until<const N: usize>(bytes: &[u8], until_ms: u64, admitted_at_ms: impl Fn(&[u8; N]) -> u64) -> u64 {
    let (lines, _) = bytes.as_chunks::<N>();
    lines.iter().take_while(|line| admitted_at_ms(line) <= until_ms).count() as u64
}

/// One `bytes=` range of a resource of that many bytes; several ranges, and what lies beyond the end, are none.
fn byte_range(header: &[u8], bytes: u64) -> Option<Range<u64>> {
    let (first, last) = std::str::from_utf8(header).ok()?.strip_prefix("bytes=")?.split_once('-')?;
    let number =
        |text: &str| text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse::<u64>().ok()).flatten();
    let range = match (first, last) {
        ("", suffix) => bytes.saturating_sub(number(suffix)?)..bytes,
        (first, "") => number(first)?..bytes,
        (first, last) => number(first)?..number(last)?.saturating_add(1).min(bytes),
    };
    (range.start < range.end).then_some(range)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readers_may_not_dawdle() {
        let s = Duration::from_secs;
        assert!(!is_slow(s(60), 0) && is_slow(s(61), 3 << 20) && !is_slow(s(61), 4 << 20));
    }

    #[test]
    fn reads_one_byte_range() {
        for (header, range) in [
            ("bytes=0-31", Some(0..32)),
            ("bytes=32-", Some(32..320)),
            ("bytes=-32", Some(288..320)),
            ("bytes=-9999", Some(0..320)),
            ("bytes=300-9999", Some(300..320)),
            ("bytes=0-0", Some(0..1)),
            ("bytes=320-", None),
            ("bytes=5-4", None),
            ("bytes=0-1,3-4", None),
            ("bytes=-", None),
            ("bytes=-0", None),
            ("bytes=+1-2", None),
            ("entries=0-1", None),
        ] {
            assert_eq!(byte_range(header.as_bytes(), 320), range, "{header}");
        }
        assert_eq!(byte_range(b"bytes=0-", 0), None);
    }
}
