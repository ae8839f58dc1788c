//! How fast the line moves, so that a fan can be told how long it may take.
//!
//! Guarantees: what is told follows from how the line has moved and not from what people hope for, as soon as it has moved
//! for half a minute; it is a range, wide while little is known or the line moves unevenly, and never narrower than a
//! tenth either way.

use std::collections::VecDeque;

/// How often the line is looked at.
const LOOK_MS: u64 = 5_000;
/// What is looked back at: long enough to see through a brake, short enough to notice another pace.
const LONG_MS: u64 = 300_000;
const SHORT_MS: u64 = 60_000;
/// Before this, what people set is the better guess.
const KNOWN_MS: u64 = 30_000;

/// How the line has moved of late.
#[derive(Clone, Debug, Default)]
pub struct Progress {
    looks: VecDeque<(u64, u64)>,
}

/// Places called a minute: probably no fewer than `low` and no more than `high`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Advance {
    /// Probably no fewer.
    pub low_per_minute: f64,
    /// The best guess.
    pub per_minute: f64,
    /// Probably no more.
    pub high_per_minute: f64,
}

impl Progress {
    /// Takes a look at the line: `serving` at a time. A line that begins anew is another one.
    pub fn observe(&mut self, now_ms: u64, serving: u64) {
        match self.looks.back() {
            Some((_, before)) if *before > serving => self.looks.clear(),
            Some((at_ms, _)) if now_ms < at_ms + LOOK_MS => return,
            _ => {}
        }
        self.looks.push_back((now_ms, serving));
        while self.looks.front().is_some_and(|(at_ms, _)| at_ms + LONG_MS < now_ms) {
            self.looks.pop_front();
        }
    }

    /// How fast the line moves; `set_per_minute` is what it should do by what people set.
    #[must_use]
    pub fn advance(&self, set_per_minute: f64) -> Advance {
        let Some((long, span_ms)) = self.per_minute(LONG_MS).filter(|(_, span_ms)| *span_ms >= KNOWN_MS) else {
            return Advance::around(set_per_minute, 0.5);
        };
        let short = self.per_minute(SHORT_MS).map_or(long, |(short, _)| short);
        let guess = f64::midpoint(long, short);
        let uneven = if guess > 0.0 { (long - short).abs() / guess / 2.0 } else { 1.0 };
        let little_known = 0.5 * KNOWN_MS as f64 / span_ms as f64;
        Advance::around(guess, (0.1 + uneven.max(little_known)).min(0.9))
    }

    /// Places called a minute over the last `span_ms`, and how long they were looked at in truth.
    fn per_minute(&self, span_ms: u64) -> Option<(f64, u64)> {
        let (now_ms, now) = *self.looks.back()?;
        let (then_ms, then) = *self.looks.iter().find(|(at_ms, _)| at_ms + span_ms >= now_ms)?;
        let span_ms = now_ms - then_ms;
        (span_ms > 0).then(|| ((now - then) as f64 * 60_000.0 / span_ms as f64, span_ms))
    }
}

impl Advance {
    fn around(per_minute: f64, spread: f64) -> Self {
        Self { low_per_minute: per_minute * (1.0 - spread), per_minute, high_per_minute: per_minute * (1.0 + spread) }
    }

    /// How long until a place with so many ahead of it is called: the best guess, ms; none while the line stands.
    #[must_use]
    pub fn wait_ms(&self, ahead: u64) -> Option<u64> {
        (self.per_minute > 0.0).then(|| (ahead as f64 * 60_000.0 / self.per_minute) as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(minutes: u64, per_minute: impl Fn(u64) -> u64) -> Advance {
        let (mut progress, mut serving) = (Progress::default(), 0);
        for second in 0..=minutes * 60 {
            progress.observe(second * 1_000, serving / 60);
            serving += per_minute(second);
        }
        progress.advance(1_000.0)
    }

    #[test]
    fn believes_what_people_set_until_it_has_seen_the_line_move() {
        let known = Progress::default().advance(1_000.0);
        assert_eq!((known.low_per_minute, known.per_minute, known.high_per_minute), (500.0, 1_000.0, 1_500.0));
        assert_eq!(known.wait_ms(500), Some(30_000));
        let soon = after(1, |_| 600);
        assert!(
            (soon.per_minute - 600.0).abs() < 6.0 && soon.high_per_minute - soon.low_per_minute > 400.0,
            "{soon:?}"
        );
        let later = after(10, |_| 600);
        assert!(
            (later.per_minute - 600.0).abs() < 6.0 && later.high_per_minute - later.low_per_minute < 190.0,
            "{later:?}"
        );
    }

    #[test]
    fn a_line_that_changes_its_pace_has_a_wide_range() {
        let slower = after(10, |second| if second < 540 { 600 } else { 200 });
        assert!(slower.low_per_minute < 200.0 && slower.high_per_minute > 500.0, "{slower:?}");
        let stands = after(10, |_| 0);
        assert_eq!((stands.per_minute, stands.wait_ms(5)), (0.0, None));
    }

    #[test]
    fn another_line_begins_from_nothing() {
        let mut progress = Progress::default();
        (0..100).for_each(|look| progress.observe(look * LOOK_MS, look * 50));
        progress.observe(600_000, 0);
        assert_eq!(progress.advance(70.0).per_minute, 70.0);
    }
}
