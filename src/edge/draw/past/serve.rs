//! `GET draws`, and what is below `draws/{D}/`: the draws of a room by their digests, those of sales that are over included.
//!
//! Guarantee: an address that names a draw has that draw's bytes or none.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::Path;

use bytes::Bytes;
use fairgate_draw::Hash;
use http::StatusCode;
use http::header::{ACCESS_CONTROL_ALLOW_ORIGIN, CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use serde::Serialize;
use serde_json::value::RawValue;

use crate::edge::context::Edge;
use crate::edge::draw::kept::{FINAL, GROWING};
use crate::edge::draw::public_lists::{self, List, ListAnswer};
use crate::edge::draw::tiers::Column;
use crate::edge::draw_log::serve;
use crate::edge::http::answer::Answer;
use crate::edge::http::cors::ANYBODY;
use crate::edge::http::problem::Problem;
use crate::edge::http::request::FanRequest;
use crate::edge::room::handle::LiveRoom;
use crate::edge::room::shelf::{COUNTS, RECORD};
use fairgate_core::request::fan_call::PastFile;

#[derive(Serialize)]
struct Draws<'a> {
    room: &'a str,
    /// Of the next sale, once its draw is prepared: it has no record yet.
    next: Option<Listed<'a>>,
    /// The present one, and those that are over, the latest first.
    draws: Vec<Listed<'a>>,
}

#[derive(Serialize)]
struct Listed<'a> {
    descriptor_digest: String,
    opens_at_ms: u64,
    starts_at_ms: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    descriptor: Option<&'a RawValue>,
    /// Where its record is.
    #[serde(skip_serializing_if = "Option::is_none")]
    record: Option<String>,
}

/// `GET draws`: all draws of the room that this edge knows.
pub(crate) fn list(edge: &Edge, room: &LiveRoom) -> Result<Answer, Problem> {
    let snapshot = room.snapshot().ok_or_else(|| edge.store_unavailable())?;
    let view = &snapshot.view;
    let next = room.next.load_full();
    let announced = next.as_deref().and_then(|next| Some((next, next.draw.as_ref()?)));
    let listed = |digest: &Hash, opens_at_ms, starts_at_ms| Listed {
        descriptor_digest: hex::encode(digest),
        opens_at_ms,
        starts_at_ms,
        descriptor: None,
        record: Some(format!("{}/{}/draws/{}/draw", edge.prefix, room.name(), hex::encode(digest))),
    };
    let present = &view.draw.descriptor_digest;
    let past = room.past.draws();
    let past = past.iter().filter(|draw| draw.digest != *present);
    let document = Draws {
        room: room.name(),
        next: announced.map(|(next, draw)| Listed {
            descriptor: serde_json::from_str(&draw.descriptor).ok(),
            record: None,
            ..listed(&draw.descriptor_digest, next.opens_at_ms, next.starts_at_ms)
        }),
        draws: [listed(present, view.opens_at_ms, view.starts_at_ms)]
            .into_iter()
            .chain(past.map(|draw| listed(&draw.digest, draw.opens_at_ms, draw.starts_at_ms)))
            .collect(),
    };
    let mut answer = Answer::json(StatusCode::OK, &document);
    answer.headers.retain(|(name, _)| name != CACHE_CONTROL);
    Ok(answer.header(CACHE_CONTROL, GROWING).header(ACCESS_CONTROL_ALLOW_ORIGIN, ANYBODY))
}

/// The record of a draw that is kept, its numbers, or the draw log's proof about it.
pub(crate) async fn document(edge: &Edge, room: &LiveRoom, digest: &Hash, file: PastFile) -> Result<Answer, Problem> {
    if let PastFile::LogProof(statement) = file {
        let log = edge.log.as_deref().filter(|_| room.past.has(digest)).ok_or(Problem::NoSuchCall)?;
        return serve::proof(log, digest, statement);
    }
    let name = if file == PastFile::Counts { COUNTS } else { RECORD };
    if !room.past.has(digest) {
        return Err(Problem::NoSuchDraw);
    }
    let (path, _) = room.past.file(digest, name).ok_or(Problem::NoSuchCall)?;
    let read = tokio::task::spawn_blocking(move || std::fs::read(path)).await;
    let text = read.map_err(io::Error::other).flatten().map_err(|_| Problem::Internal)?;
    Ok(Answer::empty(StatusCode::OK)
        .header(CONTENT_TYPE, HeaderValue::from_static("application/json"))
        .header(CACHE_CONTROL, FINAL)
        .header(ACCESS_CONTROL_ALLOW_ORIGIN, ANYBODY)
        .body(text))
}

/// A list of a draw that is kept.
pub(crate) fn lines(
    room: &LiveRoom,
    digest: &Hash,
    file: PastFile,
    request: &FanRequest<'_>,
) -> Result<ListAnswer, Problem> {
    let (name, list) = match file {
        PastFile::Roster => ("roster".to_owned(), List::Roster),
        PastFile::TierRoster(tier) => (format!("roster.{tier}"), List::Tier(Column::Entries, tier)),
        PastFile::TierTags(tier) => (format!("tags.{tier}"), List::Tier(Column::Tags, tier)),
        PastFile::Claims
        | PastFile::Record
        | PastFile::Counts
        | PastFile::Proof(_)
        | PastFile::TierProof(..)
        | PastFile::LogProof(_) => ("claims".to_owned(), List::Claims),
    };
    if !room.past.has(digest) {
        return Err(Problem::NoSuchDraw);
    }
    let (path, length) = room.past.file(digest, &name).ok_or(Problem::NoSuchCall)?;
    public_lists::of_file(list, path.into(), length, request)
}

/// The next part of a file's bytes.
pub(crate) async fn part(path: &Path, left: &Range<u64>) -> io::Result<Bytes> {
    read_at(path, left.start..left.end.min(left.start + public_lists::PART_BYTES)).await
}

/// Some of a file's bytes, all of them in memory.
pub(super) async fn read_at(path: &Path, range: Range<u64>) -> io::Result<Bytes> {
    let path = path.to_owned();
    let read = move || {
        let mut bytes = vec![0; usize::try_from(range.end - range.start).unwrap_or(0)];
        File::open(path)?.read_exact_at(&mut bytes, range.start)?;
        Ok(Bytes::from(bytes))
    };
    tokio::task::spawn_blocking(read).await.map_err(io::Error::other)?
}
