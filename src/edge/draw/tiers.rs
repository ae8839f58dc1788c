//! A draw with tiers in public: its trees, its record, and the proof that an entry and its tag stand in their lists.
//!
//! Guarantees: one part of a list is in memory at a time, and is hashed off the threads that serve requests. A copy of a list is
//! kept under the root that its bytes have. No tag, and no hash of one, is told before the reveal.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use fairgate_draw::v2::{Descriptor, FrozenTier, Record, RecordTier};
use fairgate_draw::{RosterTree, RosterTreeBuilder};
use http::StatusCode;
use http::header::{ACCESS_CONTROL_ALLOW_ORIGIN, CACHE_CONTROL};
use serde::Serialize;

use super::kept::{GROWING, kept, pending};
use super::roster::{ENTRIES_A_PART, blocking, keep};
use super::row_proof::row_and_path;
use crate::edge::context::Edge;
use crate::edge::http::answer::Answer;
use crate::edge::http::cors::ANYBODY;
use crate::edge::http::problem::Problem;
use crate::edge::http::request::FanRequest;
use crate::edge::room::handle::LiveRoom;
use crate::edge::room::tier_trees::TierTrees;
use fairgate_core::room::View;
use fairgate_store::{CopiedList, KeptCopy, RosterCopy, Store, StoreError};

/// A list of a tier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Column {
    /// Its entries, 32 bytes each.
    Entries,
    /// Their tags, 16 bytes each.
    Tags,
}

impl Column {
    fn copied(self) -> CopiedList {
        match self {
            Self::Entries => CopiedList::Roster,
            Self::Tags => CopiedList::Tags,
        }
    }

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

/// The lists of a room's tiers, as they are read.
pub(crate) struct TierLists<'a> {
    pub(crate) store: &'a dyn Store,
    pub(crate) room: &'a str,
    /// The entries of each tier.
    pub(crate) sizes: &'a [u64],
    /// True if the room asks for an identity.
    pub(crate) has_tags: bool,
    /// True to copy each list to this edge's disk, where the store has that done.
    pub(crate) copies: bool,
}

impl TierLists<'_> {
    /// Reads all tiers into trees, and keeps the copies that were asked for and could be written.
    pub(crate) async fn read(&self) -> Result<(Vec<TierTrees>, Vec<KeptCopy>), StoreError> {
        let (mut trees, mut kept) = (Vec::with_capacity(self.sizes.len()), Vec::new());
        for (tier, entries) in (0..=u8::MAX).zip(self.sizes) {
            let tags = match self.has_tags {
                true => Some(self.read_tree::<16>(Column::Tags, tier, *entries, &mut kept).await?),
                false => None,
            };
            let entries = self.read_tree::<32>(Column::Entries, tier, *entries, &mut kept).await?;
            trees.push(TierTrees { entries, tags });
        }
        Ok((trees, kept))
    }

    /// How many lists there are.
    pub(crate) fn count(&self) -> usize {
        self.sizes.len() * if self.has_tags { 2 } else { 1 }
    }

    async fn read_tree<const N: usize>(
        &self,
        column: Column,
        tier: u8,
        rows: u64,
        kept: &mut Vec<KeptCopy>,
    ) -> Result<RosterTree, StoreError> {
        let copy = if self.copies { self.store.begin_copy(self.room, column.copied())? } else { None };
        let (tree, copy) = read_tree::<N>(column, self.store, self.room, (tier, rows), copy).await?;
        kept.extend(keep(copy, tree.root()).await?);
        Ok(tree)
    }
}

async fn read_tree<const N: usize>(
    column: Column,
    store: &dyn Store,
    room: &str,
    (tier, rows): (u8, u64),
    mut copy: Option<RosterCopy>,
) -> Result<(RosterTree, Option<RosterCopy>), StoreError> {
    let mut builder = RosterTreeBuilder::new();
    let mut from = 0;
    while from < rows {
        let to = rows.min(from + ENTRIES_A_PART);
        let bytes = column.read(store, room, tier, from..to).await?;
        if bytes.len() as u64 != (to - from) * N as u64 {
            return Err(StoreError::Damaged(format!("a list of tier {tier} ends before its row {to}")));
        }
        (builder, copy) = blocking(move || push_all::<N>(builder, copy, &bytes)).await?;
        from = to;
    }
    Ok((builder.finish(), copy))
}

fn push_all<const N: usize>(
    mut builder: RosterTreeBuilder,
    mut copy: Option<RosterCopy>,
    bytes: &[u8],
) -> (RosterTreeBuilder, Option<RosterCopy>) {
    let (rows, _) = bytes.as_chunks::<N>();
    rows.iter().for_each(|row| builder.push(row));
    if let Some(copy) = &mut copy {
        copy.push(bytes);
    }
    (builder, copy)
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
    let lists = TierLists { store: &*edge.store, room: room.name(), sizes: &sizes, has_tags, copies: false };
    let (trees, _) = lists.read().await.map_err(|_| edge.store_unavailable())?;
    let trees = Arc::new(trees);
    room.tier_trees.store(Some(Arc::clone(&trees)));
    Ok(trees)
}
