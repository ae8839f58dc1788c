//! Which positions were asked for something at their claim, and what came of it: a bit a position.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Tiers that positions may have, the line's among them.
pub const TIERS_MAX: u8 = 16;
/// Positions of a tier that can be told apart.
const INDEX_END: u64 = 1 << 28;

/// What happened at a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Asking {
    /// Something was asked for.
    Asked,
    /// It was shown.
    Shown,
    /// An organizer had overruled it.
    Excused,
}

impl Asking {
    /// The number for stores.
    #[must_use]
    pub fn number(self) -> u8 {
        match self {
            Self::Asked => 0,
            Self::Shown => 1,
            Self::Excused => 2,
        }
    }
}

/// How many positions were asked, each counted once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counted {
    /// Were asked for something.
    pub asked: u64,
    /// Showed it.
    pub shown: u64,
    /// Came in because an organizer said so.
    pub excused: u64,
}

/// The positions, by tier: the first bit of a byte is the highest, as Redis has bits.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Positions {
    asked: BTreeMap<u8, Vec<u8>>,
    settled: BTreeMap<u8, Vec<u8>>,
    counted: Counted,
}

impl Positions {
    /// The positions of parts that a store keeps.
    #[must_use]
    pub fn of(asked: BTreeMap<u8, Vec<u8>>, settled: BTreeMap<u8, Vec<u8>>, counted: Counted) -> Self {
        Self { asked, settled, counted }
    }

    /// Notes what happened at the claim of a position. Whoever showed something at once was asked, too.
    pub fn note(&mut self, asking: Asking, tier: u8, index: u64) {
        if tier >= TIERS_MAX || index >= INDEX_END {
            return;
        }
        self.counted.asked += u64::from(set(&mut self.asked, tier, index));
        if asking != Asking::Asked && set(&mut self.settled, tier, index) {
            match asking {
                Asking::Excused => self.counted.excused += 1,
                Asking::Asked | Asking::Shown => self.counted.shown += 1,
            }
        }
    }

    /// The numbers.
    #[must_use]
    pub fn counted(&self) -> Counted {
        self.counted
    }

    /// Forgets who, and keeps how many.
    pub(super) fn forget(&mut self) {
        self.asked.clear();
        self.settled.clear();
    }
}

impl Counted {
    /// Positions that were asked, and did not come in.
    #[must_use]
    pub fn no_shows(&self) -> u64 {
        self.asked.saturating_sub(self.shown + self.excused)
    }
}

/// Sets a bit; answers true if it was not set.
fn set(bits: &mut BTreeMap<u8, Vec<u8>>, tier: u8, index: u64) -> bool {
    let bits = bits.entry(tier).or_default();
    // At most 2²⁵.
    let (byte, bit) = ((index / 8) as usize, 0x80 >> (index % 8));
    if bits.len() <= byte {
        bits.resize(byte + 1, 0);
    }
    let was_set = bits[byte] & bit != 0;
    bits[byte] |= bit;
    !was_set
}
