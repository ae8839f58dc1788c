//! A bucket of credit, counted without rounding.
//!
//! Guarantee: in every window of length w, however the calls fall, at most rate · w + burst people are taken from a
//! bucket that was filled with nothing but time; where rate and burst change, that is the integral of the rate over the
//! window plus the greatest burst in force in it.
//!
//! One person is 60,000 units, so a rate of r people a minute is exactly r units a millisecond. A virtual scheduling
//! clock (GCRA) enforces the same bound, but has to round its interval and to be re-based when the rate changes.

use super::Policy;

/// Units in one person.
const PERSON: u64 = 60_000;

/// Credit for people, in units; at most `burst` people while it rests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bucket {
    units: u64,
}

impl Bucket {
    /// A bucket with the whole burst in it.
    pub(super) fn full(policy: &Policy) -> Self {
        Self { units: capacity(policy) }
    }

    /// Lets time fill the bucket. Filling for a and then for b is filling for a + b.
    pub(super) fn fill(&mut self, policy: &Policy, elapsed_ms: u64) {
        let gained = u64::from(policy.rate_per_minute).saturating_mul(elapsed_ms);
        self.units = self.units.saturating_add(gained).min(capacity(policy));
    }

    /// Gives credit back, beyond the burst if need be; what is too much goes when the bucket is filled the next time.
    pub(super) fn give_back(&mut self, people: u64) {
        self.units = self.units.saturating_add(people.saturating_mul(PERSON));
    }

    /// Whole people that there is credit for.
    pub(super) fn people(self) -> u64 {
        self.units / PERSON
    }

    /// Takes credit for people who are there (see [`Bucket::people`]).
    pub(super) fn take(&mut self, people: u64) {
        debug_assert!(people <= self.people(), "credit is looked at before it is taken");
        self.units = self.units.saturating_sub(people.saturating_mul(PERSON));
    }

    /// How long until there is credit for so many people.
    pub(super) fn wait_ms(self, policy: &Policy, people: u64) -> u64 {
        let missing = people.saturating_mul(PERSON).saturating_sub(self.units);
        missing.div_ceil(u64::from(policy.rate_per_minute))
    }
}

fn capacity(policy: &Policy) -> u64 {
    u64::from(policy.burst) * PERSON
}
