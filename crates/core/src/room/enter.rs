//! Arrivals: entries get an index of the pool while it is open, and a place at the end of the line after that.
//!
//! Guarantees: no index and no place is given twice; an entry that comes again within a minute gets its position again.

use super::arrive::Tiered;
use super::recent::Recent;
use super::snapshot::Numbers;
use super::{Entry, Position};

/// Everyone who came so far.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Arrivals {
    /// Came in time for the draw: N, once the pool is closed.
    pub(super) early: u64,
    /// Came later: L.
    pub(super) late: u64,
    /// N may be higher than it was, after a loss.
    is_guess: bool,
    recent: Recent,
    /// In a room with tiers: who came into which. It has nothing in `recent` then.
    pub(super) tiered: Option<Box<Tiered>>,
}

impl Arrivals {
    /// Nobody has come, into a room with tiers or into one without.
    pub(super) fn new(tiered: Option<Tiered>) -> Self {
        Self { tiered: tiered.map(Box::new), ..Self::default() }
    }

    /// Entries so far.
    pub(super) fn count(&self) -> u64 {
        self.early + self.late
    }

    /// How many came early and late.
    pub(super) fn numbers(&self) -> Numbers {
        let tiers = self.tiered.as_ref().map(|tiered| tiered.early);
        Numbers { early: self.early, late: self.late, is_guess: self.is_guess, tiers }
    }

    /// Goes on from these numbers; answers whether they are others. Then it is not known any more who came just now.
    pub(super) fn restore(&mut self, numbers: Numbers, now_ms: u64) -> bool {
        let is_new = numbers != self.numbers();
        if is_new {
            (self.early, self.late, self.is_guess) = (numbers.early, numbers.late, numbers.is_guess);
            self.recent = Recent::starting_at(numbers.end());
            if let (Some(tiered), Some(early)) = (&mut self.tiered, numbers.tiers) {
                tiered.restore(early, numbers.late, now_ms);
            }
        }
        is_new
    }

    /// Lets time pass.
    pub(super) fn pass_time(&mut self, now_ms: u64) {
        self.recent.forget(now_ms);
        if let Some(tiered) = &mut self.tiered {
            tiered.pass_time(now_ms);
        }
    }

    /// Takes entries in order of arrival.
    pub(super) fn enter(&mut self, entries: &[Entry], is_early: bool, now_ms: u64) -> Vec<Position> {
        entries.iter().map(|entry| self.enter_one(entry, is_early, now_ms)).collect()
    }

    fn enter_one(&mut self, entry: &Entry, is_early: bool, now_ms: u64) -> Position {
        let number = self.recent.find(entry).unwrap_or_else(|| {
            *(if is_early { &mut self.early } else { &mut self.late }) += 1;
            self.recent.push(entry, now_ms)
        });
        // The draw gives out the places 0..N, so the line goes on with the numbers that the pool left off with.
        if number < self.early { Position::Pool(number) } else { Position::Line(number) }
    }
}
