//! A number for each tier of a room: how many entries it has, or lacks.

use std::fmt;

use fairgate_draw::v2::TIERS_MAX;
use serde::{Deserialize, Serialize};

/// One number for each tier, in order of the tiers' indexes.
#[derive(Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Vec<u64>", into = "Vec<u64>")]
pub struct Tally {
    numbers: [u64; TIERS_MAX],
    tiers: usize,
}

impl Tally {
    /// Zero for each of so many tiers.
    #[must_use]
    pub fn zeros(tiers: usize) -> Self {
        Self { numbers: [0; TIERS_MAX], tiers: tiers.min(TIERS_MAX) }
    }

    /// The number of a tier; 0 where there is no such tier.
    #[must_use]
    pub fn of(&self, tier: u8) -> u64 {
        self.numbers.get(usize::from(tier)).copied().unwrap_or(0)
    }

    /// The numbers in order.
    pub fn iter(&self) -> impl Iterator<Item = u64> + '_ {
        self.numbers[..self.tiers].iter().copied()
    }

    /// How many tiers there are.
    #[must_use]
    pub fn tiers(&self) -> usize {
        self.tiers
    }

    /// All numbers together.
    #[must_use]
    pub fn sum(&self) -> u64 {
        self.iter().sum()
    }

    /// Raises the number of a tier to this one.
    pub(crate) fn raise(&mut self, tier: u8, number: u64) {
        self.set(tier, self.of(tier).max(number));
    }

    /// Adds to the number of a tier; answers what it was before. Nothing happens where there is no such tier.
    pub(super) fn add(&mut self, tier: u8, more: u64) -> u64 {
        let before = self.of(tier);
        self.set(tier, before.saturating_add(more));
        before
    }

    /// Sets the number of a tier, if there is such a tier.
    pub(super) fn set(&mut self, tier: u8, number: u64) {
        if let Some(place) = self.numbers[..self.tiers].get_mut(usize::from(tier)) {
            *place = number;
        }
    }

    /// Each number changed.
    #[must_use]
    pub(super) fn map(&self, change: impl Fn(u64) -> u64) -> Self {
        self.with(self, |number, _| change(number))
    }

    /// Whether any number is lower than that of another tally.
    pub(super) fn is_below(&self, other: &Self) -> bool {
        self.iter().zip(other.iter()).any(|(number, other)| number < other)
    }

    /// Each number changed, by what another tally has for the same tier.
    #[must_use]
    pub(super) fn with(&self, other: &Self, change: impl Fn(u64, u64) -> u64) -> Self {
        let mut changed = *self;
        let pairs = changed.numbers[..self.tiers].iter_mut().zip(other.numbers);
        pairs.for_each(|(number, other)| *number = change(*number, other));
        changed
    }
}

impl From<Vec<u64>> for Tally {
    fn from(numbers: Vec<u64>) -> Self {
        numbers.iter().copied().collect()
    }
}

impl From<Tally> for Vec<u64> {
    fn from(tally: Tally) -> Self {
        tally.iter().collect()
    }
}

impl FromIterator<u64> for Tally {
    fn from_iter<I: IntoIterator<Item = u64>>(numbers: I) -> Self {
        let mut tally = Self::default();
        for number in numbers.into_iter().take(TIERS_MAX) {
            tally.numbers[tally.tiers] = number;
            tally.tiers += 1;
        }
        tally
    }
}

impl fmt::Debug for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}
