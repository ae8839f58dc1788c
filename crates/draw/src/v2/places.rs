//! Places: each tier is shuffled, and the tiers of a band are dealt out in proportion to their shares.
//!
//! The entry that is j-th of its tier has the key `(j+1)/S`. A band is sorted by key, then by tier, so a place is a rank in a
//! strict order: a bijection onto 0..ΣN-1, and increasing in j.

use super::seed::tier_seed;
use super::tier::{TierError, check_bands, check_count};
use crate::hash::Hash;
use crate::shuffle::{Shuffle, TooManyEntries};

/// A tier has fewer entries than this (2⁴⁰), so that `(j+1)·S` is exact in any language's numbers.
pub const TIER_ENTRIES_MAX: u64 = 1 << 40;

/// A tier, as places are dealt to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lot {
    /// The tier's band.
    pub band: u8,
    /// The tier's share: 1 to 1000.
    pub share: u16,
    /// N_t, below [`TIER_ENTRIES_MAX`].
    pub entries: u64,
}

/// Why places cannot be dealt.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LotError {
    /// Their number, a band or a share.
    #[error(transparent)]
    Tiers(#[from] TierError),
    /// More entries than the arithmetic is exact for.
    #[error("tier {tier} has {entries} entries; a tier has fewer than 2^40")]
    Entries {
        /// The tier's index.
        tier: usize,
        /// How many it has.
        entries: u64,
    },
}

/// The order of all entries, as soon as each is numbered in its tier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deal(Vec<Lot>);

impl Deal {
    /// A deal to these tiers, in order of their index.
    ///
    /// # Errors
    /// Where they are no tiers of a draw.
    pub fn new(lots: &[Lot]) -> Result<Self, LotError> {
        check_count(lots.len())?;
        check_bands(lots.iter().map(|lot| (lot.band, lot.share)))?;
        match lots.iter().position(|lot| lot.entries >= TIER_ENTRIES_MAX) {
            Some(tier) => Err(LotError::Entries { tier, entries: lots[tier].entries }),
            None => Ok(Self(lots.to_vec())),
        }
    }

    /// The tiers.
    #[must_use]
    pub fn lots(&self) -> &[Lot] {
        &self.0
    }

    /// ΣN: who comes after the freeze takes places from here on.
    #[must_use]
    pub fn entries(&self) -> u64 {
        self.0.iter().map(|lot| lot.entries).sum()
    }

    /// The place of the entry that the shuffle made j-th of its tier; `None` where there is no such entry.
    #[must_use]
    pub fn place(&self, tier: u8, j: u64) -> Option<u64> {
        let tier = usize::from(tier);
        let own = self.0.get(tier).filter(|own| j < own.entries)?;
        let ahead = self.0.iter().enumerate().map(|(s, other)| match other.band {
            band if band < own.band => other.entries,
            band if band > own.band || s == tier => 0,
            _ => other.entries.min(dealt_before(other.share, own.share, j, s < tier)),
        });
        Some(ahead.sum::<u64>() + j)
    }

    /// Whose place it is, as `(t, j)`: the inverse of [`place`](Self::place).
    #[must_use]
    pub fn holder(&self, place: u64) -> Option<(u8, u64)> {
        (0..).zip(&self.0).find_map(|(tier, lot)| {
            let at = |j: u64| self.place(tier, j);
            let (mut low, mut high) = (0, lot.entries);
            while low < high {
                let middle = low.midpoint(high);
                if at(middle) < Some(place) { low = middle + 1 } else { high = middle }
            }
            (at(low) == Some(place)).then_some((tier, low))
        })
    }
}

/// How many of another tier's entries have a key before `(j+1)/own`, or the same one and a lower tier.
fn dealt_before(share: u16, own: u16, j: u64, is_lower: bool) -> u64 {
    let scaled = (j + 1) * u64::from(share);
    if is_lower { scaled / u64::from(own) } else { scaled.div_ceil(u64::from(own)) - 1 }
}

/// The place of every entry, from a seed.
#[derive(Clone, Debug)]
pub struct Places {
    deal: Deal,
    shuffles: Vec<Shuffle>,
}

impl Places {
    /// The places that a seed gives to these tiers.
    ///
    /// # Errors
    /// Where they are no tiers of a draw.
    pub fn new(seed: &Hash, lots: &[Lot]) -> Result<Self, LotError> {
        let deal = Deal::new(lots)?;
        let shuffles = (0..).zip(lots).map(|(tier, lot)| Shuffle::new(&tier_seed(seed, tier), lot.entries)).collect();
        Ok(Self { deal, shuffles })
    }

    /// How the tiers are dealt.
    #[must_use]
    pub fn deal(&self) -> &Deal {
        &self.deal
    }

    /// The place of the entry at an index of a tier's roster; `None` where there is no such entry.
    #[must_use]
    pub fn place(&self, tier: u8, index: u64) -> Option<u64> {
        self.deal.place(tier, self.shuffles.get(usize::from(tier))?.place(index)?)
    }

    /// Whose place it is, as `(t, i)`: the inverse of [`place`](Self::place).
    #[must_use]
    pub fn entry_at(&self, place: u64) -> Option<(u8, u64)> {
        let (tier, j) = self.deal.holder(place)?;
        Some((tier, self.shuffles[usize::from(tier)].index(j)?))
    }

    /// The j of every entry of a tier, in the order of its roster; [`Deal::place`] makes places of them. Empty where there is
    /// no such tier.
    ///
    /// # Errors
    /// Where they do not fit 32 bits.
    pub fn tier_order(&self, tier: u8) -> Result<Vec<u32>, TooManyEntries> {
        self.shuffles.get(usize::from(tier)).map_or(Ok(Vec::new()), Shuffle::all_places)
    }
}

#[cfg(test)]
mod tests;
