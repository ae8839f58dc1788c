//! How the shop has been over the last few moments.
//!
//! Guarantee: what is told is about the last [`WINDOW`] intervals and nothing before them, so a shop that recovers is
//! believed after that time.

use std::collections::VecDeque;

use super::Latencies;

/// Intervals that count: two seconds of four a second. Fewer would be too few answers for a p99.
const WINDOW: usize = 8;

/// What was measured of a shop in one interval.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Interval {
    /// How long answers took, the wait for a slot included.
    pub answers: Latencies,
    /// How long they took in the shop.
    pub in_shop: Latencies,
    /// How long requests waited before anybody worked on them: for a slot, or in the shop's own queue.
    pub waits: Latencies,
    /// True if the shop tells its own waits.
    pub tells_waits: bool,
    /// Requests that the shop did not answer, or with a server error.
    pub errors: u64,
    /// Requests that were turned away because the shop has all it can take.
    pub refused: u64,
    /// Requests that are with the shop now.
    pub in_flight: u64,
}

/// How the shop has been of late.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Signals {
    /// Answers, of any kind.
    pub answers: u64,
    /// How long the slowest hundredth took at least.
    pub p99_us: u64,
    /// How long the slowest hundredth took in the shop at least.
    pub in_shop_p99_us: u64,
    /// How long the tenth that waited longest waited at least.
    pub wait_p90_us: u64,
    /// Requests that failed.
    pub errors: u64,
    /// Requests that were turned away.
    pub refused: u64,
    /// Requests that are with the shop.
    pub in_flight: u64,
    /// True if the shop tells its own waits.
    pub tells_waits: bool,
    /// How long this was measured for.
    pub span_ms: u64,
}

/// The last few intervals.
#[derive(Clone, Debug, Default)]
pub struct Health {
    recent: VecDeque<Interval>,
}

impl Health {
    /// Takes in one more interval of [`super::STEP_MS`].
    pub fn observe(&mut self, interval: Interval) {
        if self.recent.len() == WINDOW {
            self.recent.pop_front();
        }
        self.recent.push_back(interval);
    }

    /// How the shop has been.
    #[must_use]
    pub fn signals(&self) -> Signals {
        let sum = |part: fn(&Interval) -> &Latencies| {
            let mut sum = Latencies::default();
            self.recent.iter().for_each(|interval| sum.add(part(interval)));
            sum
        };
        let answers = sum(|interval| &interval.answers);
        Signals {
            answers: answers.count(),
            p99_us: answers.quantile_us(990),
            in_shop_p99_us: sum(|interval| &interval.in_shop).quantile_us(990),
            wait_p90_us: sum(|interval| &interval.waits).quantile_us(900),
            errors: self.recent.iter().map(|interval| interval.errors).sum(),
            refused: self.recent.iter().map(|interval| interval.refused).sum(),
            in_flight: self.recent.back().map_or(0, |interval| interval.in_flight),
            tells_waits: self.recent.iter().any(|interval| interval.tells_waits),
            span_ms: self.recent.len() as u64 * super::STEP_MS,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forgets_what_was_longer_ago_than_the_window() {
        let mut health = Health::default();
        let mut slow = Interval { errors: 3, refused: 2, ..Interval::default() };
        slow.answers.record(900_000);
        health.observe(slow);
        let quick = || {
            let mut quick = Interval { in_flight: 5, ..Interval::default() };
            quick.answers.record(10_000);
            quick
        };
        (1..WINDOW).for_each(|_| health.observe(quick()));
        let before = health.signals();
        assert!((before.answers, before.errors, before.refused) == (8, 3, 2) && before.p99_us >= 900_000);
        health.observe(quick());
        let after = health.signals();
        assert!((after.answers, after.errors, after.in_flight) == (8, 0, 5) && after.p99_us < 12_000);
    }
}
