//! How long things took, counted in buckets that are a sixteenth to an eighth of their value wide.
//!
//! Guarantees:
//! - recording never waits and never allocates
//! - a quantile is at most an eighth above the true one, never below it (from 64 µs up)
//! - the longest bucket holds everything above a minute

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

/// Below this, microseconds, one bucket has everything.
const LEAST_US: u64 = 64;
/// Eight buckets an octave, up to 2^26 µs.
const BUCKETS: usize = (26 - 6) * 8;

/// Durations that were recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Latencies {
    counts: [u32; BUCKETS],
}

/// Where many threads record durations.
#[derive(Debug)]
pub struct Meter {
    counts: [AtomicU32; BUCKETS],
}

impl Default for Latencies {
    fn default() -> Self {
        Self { counts: [0; BUCKETS] }
    }
}

impl Default for Meter {
    fn default() -> Self {
        Self { counts: [const { AtomicU32::new(0) }; BUCKETS] }
    }
}

impl Latencies {
    /// Records one, in microseconds.
    pub fn record(&mut self, took_us: u64) {
        let count = &mut self.counts[bucket(took_us)];
        *count = count.saturating_add(1);
    }

    /// Adds what another one recorded.
    pub fn add(&mut self, other: &Self) {
        self.counts.iter_mut().zip(other.counts).for_each(|(count, more)| *count = count.saturating_add(more));
    }

    /// How many were recorded.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.counts.iter().map(|count| u64::from(*count)).sum()
    }

    /// The duration, in microseconds, that so many of a thousand do not exceed; 0 of none.
    #[must_use]
    pub fn quantile_us(&self, permille: u64) -> u64 {
        let rank = (self.count() * permille).div_ceil(1_000);
        let mut seen = 0;
        for (index, count) in self.counts.iter().enumerate() {
            seen += u64::from(*count);
            if *count > 0 && seen >= rank {
                return upper_us(index);
            }
        }
        0
    }
}

impl Meter {
    /// Records one, in microseconds.
    pub fn record(&self, took_us: u64) {
        self.counts[bucket(took_us)].fetch_add(1, Relaxed);
    }

    /// Takes out what was recorded since the last time.
    pub fn take(&self) -> Latencies {
        let mut taken = Latencies::default();
        taken.counts.iter_mut().zip(&self.counts).for_each(|(count, meter)| *count = meter.swap(0, Relaxed));
        taken
    }
}

fn bucket(took_us: u64) -> usize {
    if took_us < LEAST_US {
        return 0;
    }
    let octave = took_us.ilog2() as usize;
    let eighth = (took_us >> (octave - 3)) as usize & 7;
    ((octave - 6) * 8 + eighth).min(BUCKETS - 1)
}

/// The longest duration of a bucket.
fn upper_us(index: usize) -> u64 {
    let (octave, eighth) = (index / 8 + 6, index as u64 % 8);
    ((8 + eighth + 1) << (octave - 3)) - 1
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn quantiles_are_close_and_never_too_low(
            took_us in prop::collection::vec(64_u64..60_000_000, 1..200),
            permille in 1_u64..=1_000,
        ) {
            let meter = Meter::default();
            took_us.iter().for_each(|took_us| meter.record(*took_us));
            let mut sorted = took_us;
            sorted.sort_unstable();
            let truth = sorted[(sorted.len() * permille as usize).div_ceil(1_000) - 1];
            let latencies = meter.take();
            let told = latencies.quantile_us(permille);
            prop_assert!(told >= truth && told <= truth + truth / 8, "{told} for {truth}");
            prop_assert_eq!(latencies.count(), sorted.len() as u64);
            prop_assert_eq!(meter.take().count(), 0);
        }
    }

    #[test]
    fn extremes_have_a_place() {
        let mut latencies = Latencies::default();
        assert_eq!(latencies.quantile_us(990), 0);
        [0, 63, 64, u64::MAX].iter().for_each(|took_us| latencies.record(*took_us));
        assert_eq!((latencies.count(), latencies.quantile_us(1)), (4, 71));
    }
}
