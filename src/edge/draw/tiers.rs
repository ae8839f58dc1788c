//! A draw with tiers in public: its trees, its record, and the proof that an entry and its tag stand in their lists.
//!
//! Guarantees: one part of a list is in memory at a time, and is hashed off the threads that serve requests. No tag, and no
//! hash of one, is told before the reveal.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use fairgate_draw::v2::{Descriptor, FrozenTier, Record, RecordTier};
use fairgate_draw::{RosterTree, RosterTreeBuilder};
use http::StatusCode;
use http::header::{ACCESS_CONTROL_ALLOW_ORIGIN, CACHE_CONTROL};
use serde::Serialize;

use super::kept::{GROWING, kept, pending};
use super::roster::{ENTRIES_A_PART, blocking};
use super::row_proof::row_and_path;
use crate::edge::context::Edge;
use crate::edge::http::answer::Answer;
use crate::edge::http::cors::ANYBODY;
use crate::edge::http::problem::Problem;
use crate::edge::http::request::FanRequest;
use crate::edge::room::handle::LiveRoom;
use crate::edge::room::tier_trees::TierTrees;
use fairgate_core::room::View;
use fairgate_store::{Store, StoreError};

/// A list of a tier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Column {
    /// Its entries, 32 bytes each.
    Entries,
    /// Their tags, 16 bytes each.
    Tags,
}

impl Column {
    /// The rows of a range of indexes.
    pub(super) async fn read(
        self,
        store: &dyn Store,
        room: &str,
        tier: u8,
        rows: Range<u64>,
    ) -> Result<Bytes, StoreError> {
        match self {
            Self::Entries => store.tier_roster(room, tier, rows).await,
            Self::Tags => store.tags(room, tier, rows).await,
        }
    }
}

/// Reads all tiers into trees; `sizes` are the entries of each, and `has_tags` says whether the room asks for an identity.
pub(crate) async fn read_trees(
    store: &dyn Store,
    room: &str,
    sizes: &[u64],
    has_tags: bool,
) -> Result<Vec<TierTrees>, StoreError> {
    let mut trees = Vec::with_capacity(sizes.len());
    for (tier, entries) in (0..=u8::MAX).zip(sizes) {
        let tags = match has_tags {
            true => Some(read_tree::<16>(Column::Tags, store, room, tier, *entries).await?),
            false => None,
        };
        trees.push(TierTrees { entries: read_tree::<32>(Column::Entries, store, room, tier, *entries).await?, tags });
    }
    Ok(trees)
}

async fn read_tree<const N: usize>(
    column: Column,
    store: &dyn Store,
    room: &str,
    tier: u8,
    rows: u64,
) -> Result<RosterTree, StoreError> {
    let mut builder = RosterTreeBuilder::new();
    let mut from = 0;
    while from < rows {
        let to = rows.min(from + ENTRIES_A_PART);
        let bytes = column.read(store, room, tier, from..to).await?;
        if bytes.len() as u64 != (to - from) * N as u64 {
            return Err(StoreError::Damaged(format!("a list of tier {tier} ends before its row {to}")));
        }
        builder = blocking(move || push_all::<N>(builder, &bytes)).await?;
        from = to;
    }
    Ok(builder.finish())
}

fn push_all<const N: usize>(mut builder: RosterTreeBuilder, bytes: &[u8]) -> RosterTreeBuilder {
    let (rows, _) = bytes.as_chunks::<N>();
    rows.iter().for_each(|row| builder.push(row));
    builder
}

/// The public record of a draw with these rules, before it is signed.
pub(super) fn public_record(view: &View, rules: &Descriptor) -> Record {
    let known = &view.draw;
    let tier = |(rule, frozen): (_, &FrozenTier)| RecordTier::new(rule, frozen);
    Record {
        beacon: known.beacon,
        beacon_round: known.beacon.and_then(|_| Some(known.beacon_round()?.round)),
        beacon_signature: known.beacon_signature,
        frozen_at_ms: known.frozen_at_ms,
        revealed_at_ms: known.revealed_at_ms,
        secret: known.secret,
        seed: known.seed,
        tiers: known.tiers.as_ref().map(|frozen| rules.tiers.iter().zip(frozen).map(tier).collect()),
        ..Record::scheduled(rules.clone())
    }
}

/// That an entry stands in a tier's roster.
#[derive(Serialize)]
pub(super) struct TierProof {
    pub(super) tier: u8,
    pub(super) index: u64,
    pub(super) entries: u64,
    pub(super) entry: String,
    pub(super) path: Vec<String>,
    pub(super) root: String,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub(super) tag: Option<TagProof>,
}

/// The same of its tag: from the reveal on, where the room asks for an identity.
#[derive(Serialize)]
pub(super) struct TagProof {
    pub(super) tag: String,
    pub(super) tags_path: Vec<String>,
    pub(super) tags_root: String,
}

/// `GET draw/proof/{tier}/{index}`.
pub(crate) async fn proof(
    edge: &Edge,
    room: &LiveRoom,
    tier: u8,
    index: u64,
    request: &FanRequest<'_>,
) -> Result<Answer, Problem> {
    let snapshot = room.snapshot().ok_or_else(|| edge.store_unavailable())?;
    let rules = snapshot.rules().ok_or(Problem::NoSuchCall)?;
    let kept = kept(request, &snapshot)?;
    let frozen = snapshot.view.draw.tiers.as_deref().ok_or_else(|| pending(edge))?;
    let trees = trees(edge, room, frozen, rules.has_identities()).await?;
    let trees = trees.get(usize::from(tier)).ok_or(Problem::NoSuchCall)?;
    let (entry, path) = row::<32>(edge, room, Column::Entries, &trees.entries, (tier, index)).await?;
    let is_revealed = snapshot.view.draw.seed.is_some();
    let tag = match trees.tags.as_ref().filter(|_| is_revealed) {
        Some(tree) => {
            let (tag, tags_path) = row::<16>(edge, room, Column::Tags, tree, (tier, index)).await?;
            Some(TagProof { tag, tags_path, tags_root: hex::encode(tree.root()) })
        }
        None => None,
    };
    let (entries, root) = (trees.entries.entries(), hex::encode(trees.entries.root()));
    let mut answer = Answer::json(StatusCode::OK, &TierProof { tier, index, entries, entry, path, root, tag });
    answer.headers.retain(|(name, _)| name != CACHE_CONTROL);
    // Before the reveal it says nothing of the tag yet.
    let kept = if is_revealed { kept } else { GROWING };
    Ok(answer.header(CACHE_CONTROL, kept).header(ACCESS_CONTROL_ALLOW_ORIGIN, ANYBODY))
}

/// A row of a frozen list, and its path to the root.
async fn row<const N: usize>(
    edge: &Edge,
    room: &LiveRoom,
    column: Column,
    tree: &RosterTree,
    (tier, index): (u8, u64),
) -> Result<(String, Vec<String>), Problem> {
    let chunk = tree.chunk(index).ok_or(Problem::NoSuchEntry { index, entries: tree.entries() })?;
    let bytes = column.read(&*edge.store, room.name(), tier, chunk).await.map_err(|_| edge.store_unavailable())?;
    row_and_path::<N>(tree, index, &bytes)
}

/// The frozen tiers' trees, read anew after a restart.
async fn trees(
    edge: &Edge,
    room: &LiveRoom,
    frozen: &[FrozenTier],
    has_tags: bool,
) -> Result<Arc<Vec<TierTrees>>, Problem> {
    let are_of = |trees: &Vec<TierTrees>| {
        trees.len() == frozen.len() && trees.iter().zip(frozen).all(|(trees, frozen)| trees.are_of(frozen))
    };
    if let Some(trees) = room.tier_trees.load_full().filter(|trees| are_of(trees)) {
        return Ok(trees);
    }
    let sizes: Vec<u64> = frozen.iter().map(|tier| tier.entries).collect();
    let trees = read_trees(&*edge.store, room.name(), &sizes, has_tags).await.map_err(|_| edge.store_unavailable())?;
    let trees = Arc::new(trees);
    room.tier_trees.store(Some(Arc::clone(&trees)));
    Ok(trees)
}
