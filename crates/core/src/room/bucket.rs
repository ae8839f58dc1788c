//! A bucket of credit, counted without rounding.
//!
//! Guarantee: in every window of length w, however the calls fall, at most what the rate gives in w, and the burst, is
//! taken. That is so for a bucket that was filled with nothing but time.
//!
//! One person is 60,000 units, so a rate of r people a minute is exactly r units a millisecond. A virtual scheduling
//! clock (GCRA) enforces the same bound, but has to round its interval and to be re-based when the rate changes.

/// Units in one person.
pub(super) const PERSON: i64 = 60_000;

/// Credit for people, in units. What is promised but not taken yet may exceed it: then it is in debt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bucket {
    units: i64,
}

impl Bucket {
    /// A bucket with so many people's credit in it.
    pub(super) fn of(people: u32) -> Self {
        Self { units: units(people.into()) }
    }

    /// Adds what time gave, up to `most` units. Filling twice is filling once with the sum.
    pub(super) fn fill(&mut self, gained: u64, most: i64) {
        let gained = i64::try_from(gained).unwrap_or(i64::MAX);
        self.units = self.units.saturating_add(gained).min(most);
    }

    /// Loses what is beyond `most` units.
    pub(super) fn spill(&mut self, most: i64) {
        self.units = self.units.min(most);
    }

    /// Adds credit that no time gave.
    pub(super) fn grant(&mut self, people: u64) {
        self.units = self.units.saturating_add(units(people));
    }

    /// What is in it.
    pub(super) fn units(self) -> i64 {
        self.units
    }

    /// Whole people that there is credit for.
    pub(super) fn people(self) -> u64 {
        u64::try_from(self.units / PERSON).unwrap_or(0)
    }

    /// Takes credit for one person.
    pub(super) fn take(&mut self) {
        self.units = self.units.saturating_sub(PERSON);
    }

    /// How long until there is credit for so many people, at a rate; never, at none.
    pub(super) fn wait_ms(self, rate_per_minute: u32, people: u64) -> Option<u64> {
        let missing = u64::try_from(units(people).saturating_sub(self.units)).unwrap_or(0);
        (rate_per_minute > 0).then(|| missing.div_ceil(rate_per_minute.into()))
    }
}

/// So many people in units.
pub(super) fn units(people: u64) -> i64 {
    i64::try_from(people).map_or(i64::MAX, |people| people.saturating_mul(PERSON))
}
