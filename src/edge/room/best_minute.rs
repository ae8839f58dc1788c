//! The most people let into a room within a minute, as this edge has seen it since it started: a rate that its shop has borne.

use std::collections::VecDeque;

const MINUTE_MS: u64 = 60_000;
const MARK_EVERY_MS: u64 = 1_000;
/// Less than this is no minute: a sale's first seconds say nothing of what its shop bears.
const SEEN_MS: u64 = 55_000;

/// What was seen.
#[derive(Debug, Default)]
pub(crate) struct BestMinute {
    /// When, and how many had been let in until then; the earliest is at most a minute old.
    marks: VecDeque<(u64, u64)>,
    best: Option<u32>,
}

impl BestMinute {
    /// The room has let in so many until this time, Unix ms.
    pub(crate) fn observe(&mut self, now_ms: u64, admitted: u64) {
        let (last_ms, last) = self.marks.back().copied().unwrap_or_default();
        if admitted < last {
            // The next sale.
            self.marks.clear();
        } else if now_ms < last_ms + MARK_EVERY_MS {
            return;
        }
        while self.marks.front().is_some_and(|(at_ms, _)| at_ms + MINUTE_MS < now_ms) {
            self.marks.pop_front();
        }
        self.marks.push_back((now_ms, admitted));
        let (first_ms, first) = self.marks.front().copied().unwrap_or_default();
        let seen = u32::try_from(admitted - first).unwrap_or(u32::MAX);
        if now_ms - first_ms >= SEEN_MS && seen > 0 {
            self.best = self.best.max(Some(seen));
        }
    }

    /// The most; nothing before a minute was seen in which anybody came in.
    pub(crate) fn best(&self) -> Option<u32> {
        self.best
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_minute_is_kept_through_slower_ones_and_the_next_sale() {
        let mut best = BestMinute::default();
        let mut look = |second: u64, admitted: u64| {
            best.observe(1_000_000 + second * 1_000, admitted);
            best.best()
        };
        for second in 0..55 {
            assert_eq!(look(second, second * 10), None, "no minute yet");
        }
        assert_eq!(look(55, 550), Some(550));
        assert_eq!(look(60, 600), Some(600));
        for second in 61..200 {
            assert_eq!(look(second, 600), Some(600));
        }
        assert_eq!(look(200, 3), Some(600), "of the next sale");
        assert_eq!(look(256, 1_003), Some(1_000));
    }
}
