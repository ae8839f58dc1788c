//! The inner loop: how many requests may be in flight to a shop.
//!
//! Guarantees:
//! - never more than the configured bound and never fewer than [`LEAST`]
//! - when answers take too long, the window is at once what the shop answers in a quarter of the target (Little's law)
//! - it opens again by a tenth a step, and only while it is used and answers come well within the target

use super::Signals;

/// Requests that may always be in flight: fewer would starve a shop whose answers take long by themselves.
const LEAST: u64 = 4;
/// Answers below which nothing can be told.
const ANSWERS_MIN: u64 = 20;

/// How many requests may be in flight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    bound: u64,
    size: u64,
}

impl Window {
    /// A window that is open as far as it goes.
    #[must_use]
    pub fn open(bound: u64) -> Self {
        Self { bound, size: bound }
    }

    /// Requests that may be in flight.
    #[must_use]
    pub fn size(self) -> u64 {
        self.size
    }

    /// Takes one step.
    pub fn step(&mut self, signals: &Signals, target_ms: u64) {
        let target_us = target_ms * 1_000;
        if signals.answers >= ANSWERS_MIN && signals.in_shop_p99_us > target_us / 10 * 7 {
            let in_a_quarter = signals.answers * target_ms / 4 / signals.span_ms.max(1);
            self.size = self.size.min(in_a_quarter.max(LEAST));
        } else if signals.in_flight * 10 >= self.size * 9 && signals.in_shop_p99_us < target_us / 2 {
            self.size += (self.size / 10).max(1);
        }
        self.size = self.size.clamp(LEAST.min(self.bound), self.bound);
    }
}

/// How long a request may wait for a slot, where a target is set. It is a quarter of the target, so that the answer
/// can still come in time.
#[must_use]
pub fn queue_wait_ms(configured_ms: u64, target_ms: u64) -> u64 {
    configured_ms.min(target_ms / 4)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signals(answers: u64, p99_ms: u64, in_flight: u64) -> Signals {
        let in_shop_p99_us = p99_ms * 1_000;
        Signals { answers, in_shop_p99_us, in_flight, span_ms: 2_000, ..Signals::default() }
    }

    #[test]
    fn closes_at_once_and_opens_by_the_tenth() {
        let mut window = Window::open(512);
        window.step(&signals(600, 100, 30), 500);
        assert_eq!(window.size(), 512);
        // 300 answers a second: 37 in an eighth of a second.
        window.step(&signals(600, 900, 512), 500);
        assert_eq!(window.size(), 37);
        window.step(&signals(600, 900, 37), 500);
        assert_eq!(window.size(), 37, "what it wants already is not asked for twice");
        window.step(&signals(600, 200, 20), 500);
        assert_eq!(window.size(), 37, "nobody needs more");
        window.step(&signals(600, 200, 37), 500);
        assert_eq!(window.size(), 40);
        (0..100).for_each(|_| window.step(&signals(600, 200, 512), 500));
        assert_eq!(window.size(), 512);
    }

    #[test]
    fn keeps_a_little_open_and_does_nothing_on_hearsay() {
        let mut window = Window::open(512);
        window.step(&signals(19, 9_000, 512), 500);
        assert_eq!(window.size(), 512);
        window.step(&signals(20, 9_000, 512), 500);
        assert_eq!(window.size(), LEAST);
        let mut narrow = Window::open(2);
        narrow.step(&signals(20, 9_000, 2), 500);
        assert_eq!(narrow.size(), 2);
    }
}
