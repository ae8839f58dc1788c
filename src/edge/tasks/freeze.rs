//! The freeze: the closed pool is read and hashed, and its root, or those of all tiers, are published.
//!
//! Guarantee: no root is published of a roster that was put back while it was read.

use std::sync::Arc;

use crate::edge::draw::roster::{keep, read_roster};
use crate::edge::draw::tiers::TierLists;
use crate::edge::room::draw_step::is_one_roster;
use crate::edge::room::handle::LiveRoom;
use crate::edge::room::tier_trees::TierTrees;
use fairgate_core::room::{Command, View};
use fairgate_store::{KeptCopy, Store, StoreError};

/// Freezes one room.
pub(super) struct Freezer {
    room: Arc<LiveRoom>,
    store: Arc<dyn Store>,
}

impl Freezer {
    pub(super) fn new(room: Arc<LiveRoom>, store: Arc<dyn Store>) -> Self {
        Self { room, store }
    }

    /// Freezes the closed pool of so many entries, or those of all tiers.
    pub(super) async fn freeze(&self, entries: u64) -> Result<(), StoreError> {
        let before = self.store.view(self.room.name()).await?;
        if before.tiers.is_empty() {
            self.freeze_pool(entries, &before).await
        } else {
            self.freeze_tiers(&before).await
        }
    }

    async fn freeze_pool(&self, entries: u64, before: &View) -> Result<(), StoreError> {
        let room = self.room.name();
        let (tree, copy) = read_roster(&*self.store, room, entries).await?;
        let root = tree.root();
        let missing = self.check_is_whole(before).await?;
        // Whoever publishes the root can put back what it was made of.
        let copy = keep(copy, root).await?;
        self.store.apply(room, Command::Freeze { entries, root }).await?;
        if let Some(copy) = copy {
            copy.forget_others();
        }
        self.room.tree.store(Some(Arc::new(tree)));
        tracing::info!(room, entries, missing, root = hex::encode(root), "the pool is frozen");
        Ok(())
    }

    async fn freeze_tiers(&self, before: &View) -> Result<(), StoreError> {
        let room = self.room.name();
        let sizes: Vec<u64> = before.tiers.iter().map(|tier| tier.entries).collect();
        let snapshot = self.room.snapshot();
        let rules = snapshot.as_deref().and_then(|snapshot| snapshot.rules());
        let rules = rules.ok_or_else(|| StoreError::Damaged("the draw's rules cannot be read".into()))?;
        // Whoever publishes the roots can put back what they were made of.
        let has_tags = rules.has_identities();
        let lists = TierLists { store: &*self.store, room, sizes: &sizes, has_tags, copies: true };
        let (trees, kept) = lists.read().await?;
        let missing = self.check_is_whole(before).await?;
        let roots = trees.iter().map(TierTrees::roots).collect();
        self.store.apply(room, Command::FreezeTiers(roots)).await?;
        KeptCopy::forget_all_but(&kept);
        self.room.tier_trees.store(Some(Arc::new(trees)));
        tracing::info!(room, entries = ?sizes, missing, "the pools of all tiers are frozen");
        Ok(())
    }

    /// Checks that what was read since a look is of one state; answers how many entries are missing.
    async fn check_is_whole(&self, before: &View) -> Result<u64, StoreError> {
        let after = self.store.view(self.room.name()).await?;
        match is_one_roster(before, &after) {
            true => Ok(after.missing),
            false => {
                Err(StoreError::Unavailable("the roster was put back while it was hashed: hashing it anew".into()))
            }
        }
    }
}
