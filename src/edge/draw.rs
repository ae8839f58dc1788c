//! The draw in public: its record, the roster's bytes, and the proof that an entry stands in it.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use fairgate_draw::{Descriptor, Record, RosterTree};
use http::StatusCode;
use http::header::{ACCEPT_RANGES, CACHE_CONTROL, CONTENT_RANGE, CONTENT_TYPE, HeaderValue, RANGE};
use serde::Serialize;

use super::answer::Answer;
use super::fan::FanRequest;
use super::live::{LiveRoom, Snapshot};
use super::problem::Problem;
use super::state::Edge;
use super::ticker::read_tree;
use crate::store::StoreError;

const ENTRY_BYTES: u64 = 32;

/// Bytes of the roster that are in memory at once for one answer.
const ROSTER_PART_BYTES: u64 = 256 * 1024;

const FINAL: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");
const GROWING: HeaderValue = HeaderValue::from_static("public, max-age=1");

#[derive(Serialize)]
struct Proof {
    index: u64,
    entries: u64,
    entry: String,
    path: Vec<String>,
    root: String,
}

/// `GET draw`.
pub(crate) fn record(edge: &Edge, room: &LiveRoom) -> Result<Answer, Problem> {
    let snapshot = room.snapshot().ok_or_else(|| edge.store_unavailable())?;
    let record = edge.keys.sign_record(public_record(&snapshot).ok_or(Problem::Internal)?, edge.now_ms());
    let cache = if record.is_final() { FINAL } else { GROWING };
    Ok(Answer::empty(StatusCode::OK)
        .header(CONTENT_TYPE, HeaderValue::from_static("application/json"))
        .header(CACHE_CONTROL, cache)
        .body(record.canonical_json()))
}

fn public_record(snapshot: &Snapshot) -> Option<Record> {
    let known = &snapshot.view.draw;
    let scheduled = Record::scheduled(Descriptor::parse(&known.descriptor).ok()?);
    let record = Record {
        beacon: known.beacon,
        beacon_signature: known.beacon_signature,
        entries: known.entries,
        frozen_at_ms: known.frozen_at_ms,
        revealed_at_ms: known.revealed_at_ms,
        root: known.root,
        secret: known.secret,
        seed: known.seed,
        ..scheduled
    };
    Some(Record { label: record.proved_label(), ..record })
}

/// An answer whose body is read from the store part by part.
pub(crate) struct RosterAnswer {
    /// Everything but the body.
    pub(crate) head: Answer,
    /// The bytes of the roster that are its body.
    pub(crate) bytes: Range<u64>,
}

/// `GET draw/roster`: the frozen entries, 32 bytes each, in index order.
pub(crate) fn roster(edge: &Edge, room: &LiveRoom, request: &FanRequest<'_>) -> Result<RosterAnswer, Problem> {
    let snapshot = room.snapshot().ok_or_else(|| edge.store_unavailable())?;
    let bytes = snapshot.view.draw.entries.ok_or_else(|| pending(edge))? * ENTRY_BYTES;
    let asked = request.header(&RANGE).map(|range| byte_range(range, bytes).ok_or(Problem::Range { bytes }));
    let asked = asked.transpose()?;
    let status = if asked.is_some() { StatusCode::PARTIAL_CONTENT } else { StatusCode::OK };
    let head = Answer::empty(status)
        .header(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"))
        .header(ACCEPT_RANGES, HeaderValue::from_static("bytes"))
        .header(CACHE_CONTROL, FINAL);
    Ok(match asked {
        Some(asked) => {
            let range = format!("bytes {}-{}/{bytes}", asked.start, asked.end - 1);
            RosterAnswer { head: head.text(CONTENT_RANGE, &range), bytes: asked }
        }
        None => RosterAnswer { head, bytes: 0..bytes },
    })
}

/// The next part of a roster's bytes; shorter than what is left where that is much.
pub(crate) async fn roster_part(edge: &Edge, room: &LiveRoom, left: &Range<u64>) -> Result<Bytes, StoreError> {
    let end = left.end.min(left.start + ROSTER_PART_BYTES);
    let entries = left.start / ENTRY_BYTES..end.div_ceil(ENTRY_BYTES);
    let first = entries.start * ENTRY_BYTES;
    let read = edge.store.roster(room.name(), entries).await?;
    let within = |at: u64| usize::try_from(at - first).ok().filter(|at| *at <= read.len());
    match (within(left.start), within(end)) {
        (Some(start), Some(end)) => Ok(read.slice(start..end)),
        _ => Err(StoreError::Damaged("the roster is shorter than it was".to_owned())),
    }
}

/// `GET draw/proof/{index}`.
pub(crate) async fn proof(edge: &Edge, room: &LiveRoom, index: u64) -> Result<Answer, Problem> {
    let snapshot = room.snapshot().ok_or_else(|| edge.store_unavailable())?;
    let (entries, root) = snapshot.view.draw.entries.zip(snapshot.view.draw.root).ok_or_else(|| pending(edge))?;
    let tree = tree(edge, room, entries, root).await?;
    let chunk_range = tree.chunk(index).ok_or(Problem::NoSuchEntry { index, entries })?;
    let bytes = edge.store.roster(room.name(), chunk_range.clone()).await.map_err(|_| edge.store_unavailable())?;
    let (chunk, _) = bytes.as_chunks::<32>();
    let proof = tree.proof(index, chunk).map_err(|_| Problem::Internal)?;
    let entry =
        usize::try_from(index - chunk_range.start).ok().and_then(|at| chunk.get(at)).ok_or(Problem::Internal)?;
    let body = Proof {
        index,
        entries,
        entry: hex::encode(entry),
        path: proof.path.iter().map(hex::encode).collect(),
        root: hex::encode(root),
    };
    let mut answer = Answer::json(StatusCode::OK, &body);
    answer.headers.retain(|(name, _)| name != CACHE_CONTROL);
    Ok(answer.header(CACHE_CONTROL, FINAL))
}

/// The frozen roster's tree, read anew after a restart.
async fn tree(edge: &Edge, room: &LiveRoom, entries: u64, root: [u8; 32]) -> Result<Arc<RosterTree>, Problem> {
    if let Some(tree) = room.tree.load_full().filter(|tree| tree.root() == root) {
        return Ok(tree);
    }
    let tree = read_tree(&*edge.store, room.name(), entries).await.map_err(|_| edge.store_unavailable())?;
    let tree = Arc::new(tree);
    room.tree.store(Some(Arc::clone(&tree)));
    Ok(tree)
}

fn pending(edge: &Edge) -> Problem {
    Problem::DrawPending { retry_after_ms: edge.retry_after_ms() }
}

/// One `bytes=` range of a resource of that many bytes; several ranges, and what lies beyond the end, are none.
fn byte_range(header: &str, bytes: u64) -> Option<Range<u64>> {
    let (first, last) = header.strip_prefix("bytes=")?.split_once('-')?;
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
            assert_eq!(byte_range(header, 320), range, "{header}");
        }
        assert_eq!(byte_range("bytes=0-", 0), None);
    }
}
