//! Keeps the draw of a sale that is over, before the room goes on to the next one.
//!
//! Guarantees: one part of a list is in memory at a time. A list of claims is kept when all of it is public, or when the next sale
//! is about to begin.

use std::fs::File;
use std::io::{self, Write};
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use fairgate_core::room::{Phase, View};
use fairgate_store::StoreError;
use fairgate_telemetry::entropy;

use crate::edge::context::Edge;
use crate::edge::draw::counts;
use crate::edge::draw::public_lists::List;
use crate::edge::draw::record;
use crate::edge::draw::roster::{ENTRIES_A_PART, blocking};
use crate::edge::draw::tiers::Column;
use crate::edge::room::handle::LiveRoom;
use crate::edge::room::next_sale::{latest_ms, sale_after};
use crate::edge::room::shelf::{COUNTS, Draft, RECORD};
use crate::edge::room::snapshot::Standing;

/// So long before the next sale begins a list of claims is kept as far as it is public.
const LAST_CALL_MS: u64 = 5_000;

/// Why a draw could not be kept.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KeepError {
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The disk.
    #[error("the disk: {0}")]
    Disk(#[from] io::Error),
    /// No name for the draft.
    #[error(transparent)]
    Entropy(#[from] entropy::NoRandomness),
}

/// True if the draw of a room is to be kept now.
fn is_due(room: &LiveRoom, view: &View) -> bool {
    let draw = &view.draw;
    if view.phase != Phase::Ended || view.mending || draw.seed.is_none() || room.past.has(&draw.descriptor_digest) {
        return false;
    }
    let Some(next) = sale_after(&room.config, view) else { return false };
    let public = **room.public_claims.load();
    let are_public = view.admitted == 0 || (public.draw == draw.descriptor_digest && public.count >= view.admitted);
    let latest_ms = latest_ms(view, next);
    let ended_at_ms = view.ends_at_ms.unwrap_or(view.now_ms);
    are_public || view.now_ms + LAST_CALL_MS.min(latest_ms.saturating_sub(ended_at_ms) / 2) >= latest_ms
}

/// Keeps the draw of a room where that is due.
///
/// # Errors
/// It could not be read, or written; it is tried again.
pub(crate) async fn keep_if_due(edge: &Edge, room: &LiveRoom) -> Result<(), KeepError> {
    let Some(snapshot) = room.snapshot().filter(|snapshot| is_due(room, &snapshot.view)) else { return Ok(()) };
    let digest = snapshot.view.draw.descriptor_digest;
    let Some((text, true)) = record::signed(edge, &snapshot, room.log_vkey()) else { return Ok(()) };
    let mut draft = room.past.begin(u64::from_be_bytes(entropy::random_bytes()?))?;
    let public = **room.public_claims.load();
    let claims = if public.draw == digest { public.count } else { 0 };
    for (name, list, lines) in lists(&snapshot, claims) {
        draft = copy(edge, room, draft, (&name, list, lines)).await?;
    }
    // What was read is of this draw only if the room still has it.
    let now = edge.store.view(room.name()).await?;
    if now.draw.descriptor_digest != digest || now.mending {
        return Err(StoreError::Unavailable("the room has gone on meanwhile".into()).into());
    }
    let (shelf, counts) = (Arc::clone(&room.past), counts::signed(edge, room, &snapshot));
    let write = move || {
        counts.map_or(Ok(()), |counts| draft.write(COUNTS, counts.as_bytes()))?;
        draft.write(RECORD, text.as_bytes())?;
        shelf.keep(draft, &digest)
    };
    blocking(write).await??;
    tracing::info!(
        room = room.name(),
        draw = hex::encode(digest),
        claims,
        "the draw is kept, now that its sale is over"
    );
    Ok(())
}

/// The lists of a draw that is done, each with its file's name and its lines.
fn lists(standing: &Standing, claims: u64) -> Vec<(String, List, u64)> {
    let draw = &standing.view.draw;
    let Some(rules) = standing.rules() else {
        let roster = ("roster".to_owned(), List::Roster, draw.entries.unwrap_or(0));
        return vec![roster, ("claims".to_owned(), List::Claims, claims)];
    };
    let mut lists = vec![("claims".to_owned(), List::TierClaims, claims)];
    for (tier, frozen) in (0..=u8::MAX).zip(draw.tiers.as_deref().unwrap_or_default()) {
        lists.push((format!("roster.{tier}"), List::Tier(Column::Entries, tier), frozen.entries));
        if rules.has_identities() {
            lists.push((format!("tags.{tier}"), List::Tier(Column::Tags, tier), frozen.entries));
        }
    }
    lists
}

/// Copies so many lines of a list into a file.
async fn copy(
    edge: &Edge,
    room: &LiveRoom,
    draft: Draft,
    (name, list, lines): (&str, List, u64),
) -> Result<Draft, KeepError> {
    let mut file = draft.file(name)?;
    let mut from = 0;
    while from < lines {
        let to = lines.min(from + ENTRIES_A_PART);
        let bytes = read(edge, room, list, from..to).await?;
        if bytes.len() as u64 != (to - from) * list.line_bytes() {
            return Err(StoreError::Damaged(format!("the list {name} ends before its line {to}")).into());
        }
        file = blocking(move || write(file, &bytes)).await??;
        from = to;
    }
    blocking(move || file.sync_all()).await??;
    Ok(draft)
}

fn write(mut file: File, bytes: &Bytes) -> io::Result<File> {
    file.write_all(bytes).map(|()| file)
}

async fn read(edge: &Edge, room: &LiveRoom, list: List, lines: Range<u64>) -> Result<Bytes, StoreError> {
    list.read(&*edge.store, room.name(), lines).await
}
