//! The next step of the draw, decided at each heartbeat. Pure.
//!
//! Guarantee: no root is made of a roster that is being put back, or was put back while it was read.

use fairgate_draw::Hash;
use fairgate_draw::v2::FrozenTier;

use fairgate_core::room::{Phase, View};

/// The next step of a draw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DrawStep {
    /// Nothing, or time.
    None,
    /// The root of the closed pool, or those of all tiers.
    Freeze {
        /// The number of entries in the roster.
        entries: u64,
    },
    /// The secret, without a beacon.
    Reveal,
}

impl DrawStep {
    /// The step that is due in a room that stands like this.
    #[must_use]
    pub fn due(view: &View) -> Self {
        // A roster that is being put back is not to be hashed before it is whole.
        if view.phase != Phase::Drawing || view.mending {
            return Self::None;
        }
        match view.draw.frozen_at_ms {
            None => Self::Freeze { entries: view.pool_size },
            Some(_) if view.may_reveal_without_beacon() => Self::Reveal,
            Some(_) => Self::None,
        }
    }
}

/// The frozen roster's entries and root, where a copy of it can be made. While some of the roster is still to be put
/// back there is nothing to copy. [`tier_copies_due`] is the same of a room with tiers.
#[must_use]
pub fn copy_due(view: &View) -> Option<(u64, Hash)> {
    let draw = &view.draw;
    draw.entries.zip(draw.root).filter(|_| draw.tiers.is_none() && is_whole(view))
}

/// What is frozen of each tier, where copies of it can be made.
#[must_use]
pub fn tier_copies_due(view: &View) -> Option<&[FrozenTier]> {
    view.draw.tiers.as_deref().filter(|_| is_whole(view))
}

fn is_whole(view: &View) -> bool {
    !view.mending && view.draw.missing == Some(view.missing)
}

/// True if a roster that was read between two looks is of one state.
#[must_use]
pub fn is_one_roster(before: &View, after: &View) -> bool {
    !after.mending && after.missing == before.missing
}
