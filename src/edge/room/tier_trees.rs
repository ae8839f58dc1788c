//! The upper levels of the trees over a frozen tier: over its entries, and over their tags where an identity is asked for.

use fairgate_core::room::TierRoots;
use fairgate_draw::v2::FrozenTier;
use fairgate_draw::{RosterTree, ZERO};

/// The trees of one tier.
#[derive(Debug)]
pub(crate) struct TierTrees {
    pub(crate) entries: RosterTree,
    /// None where the room asks for no identity.
    pub(crate) tags: Option<RosterTree>,
}

impl TierTrees {
    /// What is published of the tier.
    pub(crate) fn roots(&self) -> TierRoots {
        let tags_root = self.tags.as_ref().map_or(ZERO, RosterTree::root);
        TierRoots { entries: self.entries.entries(), root: self.entries.root(), tags_root }
    }

    /// True if these are the trees of a tier that was published so.
    pub(crate) fn are_of(&self, frozen: &FrozenTier) -> bool {
        self.roots().frozen(frozen.missing) == *frozen
    }
}
