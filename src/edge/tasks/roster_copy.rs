//! Copies of the frozen roster on this edge's own disk, or of the rosters and tags of all tiers.
//!
//! Guarantees: an edge that publishes a root has a copy before that. One that was away makes its own within seconds,
//! and keeps it only if its root is the public one.

use std::sync::Arc;
use std::time::Duration;

use crate::edge::draw::roster::{keep, read};
use crate::edge::draw::tiers::TierLists;
use crate::edge::room::draw_step::{copy_due, tier_copies_due};
use crate::edge::room::handle::LiveRoom;
use fairgate_draw::ZERO;
use fairgate_draw::v2::FrozenTier;
use fairgate_store::{CopiedList, KeptCopy, Store, StoreError};

/// The interval at which an edge looks whether it has a copy of the roster.
pub const COPY_EVERY: Duration = Duration::from_secs(1);

/// The pause of an edge whose disk takes no copy: each attempt may read the whole roster.
const DISK_RETRY: Duration = Duration::from_secs(60);

/// Sees to it that this edge has a copy of the frozen roster.
pub(super) struct RosterCopier {
    room: Arc<LiveRoom>,
    store: Arc<dyn Store>,
}

impl RosterCopier {
    pub(crate) fn new(room: Arc<LiveRoom>, store: Arc<dyn Store>) -> Self {
        Self { room, store }
    }

    /// Looks again and again, for ever.
    pub(crate) async fn run(&self) {
        let mut pause = COPY_EVERY;
        loop {
            tokio::time::sleep(pause).await;
            pause = match self.run_once().await {
                Ok(true) => COPY_EVERY,
                Ok(false) => DISK_RETRY,
                Err(error) => {
                    tracing::warn!(room = self.room.name(), %error, "the roster could not be copied; trying again");
                    COPY_EVERY
                }
            };
        }
    }

    /// Makes a copy where there is none of the public root; answers whether the disk takes one.
    async fn run_once(&self) -> Result<bool, StoreError> {
        let name = self.room.name();
        let Some(snapshot) = self.room.snapshot() else { return Ok(true) };
        if let Some(tiers) = tier_copies_due(&snapshot.view) {
            return self.copy_tiers(tiers).await;
        }
        let Some((entries, root)) = copy_due(&snapshot.view) else { return Ok(true) };
        if self.store.has_copy(name, CopiedList::Roster, &root) {
            return Ok(true);
        }
        let Some(copy) = self.store.begin_copy(name, CopiedList::Roster)? else { return Ok(false) };
        let (tree, copy) = read(&*self.store, name, entries, Some(copy)).await?;
        if tree.root() != root {
            return Err(StoreError::Unavailable("it is not what its root was made of at the moment".into()));
        }
        self.room.tree.store(Some(Arc::new(tree)));
        let Some(copy) = keep(copy, root).await? else { return Ok(false) };
        copy.forget_others();
        tracing::info!(room = name, entries, "the frozen roster was copied");
        Ok(true)
    }

    /// The same of all tiers.
    async fn copy_tiers(&self, tiers: &[FrozenTier]) -> Result<bool, StoreError> {
        let name = self.room.name();
        let has_tags = tiers.iter().any(|tier| tier.tags_root != ZERO);
        let has = |list, root| self.store.has_copy(name, list, root);
        let has_all = tiers
            .iter()
            .all(|tier| has(CopiedList::Roster, &tier.root) && (!has_tags || has(CopiedList::Tags, &tier.tags_root)));
        if has_all {
            return Ok(true);
        }
        let sizes: Vec<u64> = tiers.iter().map(|tier| tier.entries).collect();
        let lists = TierLists { store: &*self.store, room: name, sizes: &sizes, has_tags, copies: true };
        let (trees, kept) = lists.read().await?;
        if !trees.iter().zip(tiers).all(|(trees, tier)| trees.are_of(tier)) {
            return Err(StoreError::Unavailable("they are not what their roots were made of at the moment".into()));
        }
        self.room.tier_trees.store(Some(Arc::new(trees)));
        KeptCopy::forget_all_but(&kept);
        let is_whole = kept.len() == lists.count();
        if is_whole {
            tracing::info!(room = name, entries = ?sizes, "the frozen rosters of all tiers were copied");
        }
        Ok(is_whole)
    }
}
