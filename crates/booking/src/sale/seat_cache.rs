//! The cache of how every seat of an event stands, so that readers and refusals cost no query.
//!
//! Guarantees: the tables decide; an entry that turns out wrong is corrected and never sells anything.

use std::collections::BTreeMap;

use super::free_seats::FreeSeats;
use crate::db::DbTime;
use crate::stock::Stock;

/// The seats of one event.
#[derive(Clone, Debug)]
pub struct SeatCache {
    held_until: Vec<DbTime>,
    changed: Vec<u64>,
    generation: u64,
    free: FreeSeats,
    /// Seats whose hold ends at a time, unless they have been sold or held anew since.
    due: BTreeMap<DbTime, Vec<u32>>,
}

impl SeatCache {
    /// All seats as they were read.
    #[must_use]
    pub fn new(held_until: Vec<DbTime>) -> Self {
        let seats = u32::try_from(held_until.len()).unwrap_or(u32::MAX);
        let changed = vec![0; held_until.len()];
        let (free, due) = (FreeSeats::none(seats), BTreeMap::new());
        let mut seat_cache = Self { held_until: held_until.clone(), changed, generation: 0, free, due };
        for (unit, until) in (0..).zip(held_until) {
            seat_cache.set(unit, until);
        }
        seat_cache
    }

    /// The seats that are free at `now`.
    pub fn free_at(&mut self, now: DbTime) -> &FreeSeats {
        while let Some(due) = self.due.first_entry().filter(|due| *due.key() <= now) {
            for unit in due.remove() {
                if self.held_until[unit as usize] <= now {
                    self.free.insert(unit);
                }
            }
        }
        &self.free
    }

    /// Notes what this core itself has committed (or seen under a lock).
    pub fn note(&mut self, units: &[u32], until: DbTime) {
        self.generation += 1;
        for &unit in units {
            self.set(unit, until);
            self.changed[unit as usize] = self.generation;
        }
    }

    fn set(&mut self, unit: u32, until: DbTime) {
        self.held_until[unit as usize] = until;
        match until {
            DbTime::NEVER => return self.free.insert(unit),
            DbTime::FOREVER => {}
            _ => self.due.entry(until).or_default().push(unit),
        }
        self.free.remove(unit);
    }

    /// Counts the changes noted so far; to be remembered before seats are read for [`Self::correct`].
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// Takes over what was read from the table after `generation`. Seats that this core has changed meanwhile are left
    /// as they are and returned. What was read may be older, so they must be read again.
    #[must_use]
    pub fn correct(&mut self, read: &[(u32, DbTime)], generation: u64) -> Vec<u32> {
        let mut again = Vec::new();
        for &(unit, until) in read {
            if self.changed[unit as usize] > generation {
                again.push(unit);
            } else if self.held_until[unit as usize] != until {
                self.set(unit, until);
            }
        }
        again
    }

    /// How many of these seats are free, held and sold.
    #[must_use]
    pub fn stock(&self, units: std::ops::Range<u32>, now: DbTime) -> Stock {
        let seats = &self.held_until[units.start as usize..units.end as usize];
        seats.iter().fold(Stock::default(), |stock, &until| match until {
            DbTime::FOREVER => Stock { sold: stock.sold + 1, ..stock },
            until if until <= now => Stock { free: stock.free + 1, ..stock },
            _ => Stock { held: stock.held + 1, ..stock },
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_hold_ends_by_time_alone() {
        let mut seat_cache = SeatCache::new(vec![DbTime::NEVER; 10]);
        seat_cache.note(&[1], DbTime(100));
        seat_cache.note(&[9], DbTime::FOREVER);
        assert_eq!(seat_cache.free_at(DbTime(99)).to_bytes(), [0b1111_1101, 0b0000_0001]);
        assert_eq!(seat_cache.free_at(DbTime(100)).to_bytes(), [0b1111_1111, 0b0000_0001]);
        assert_eq!(seat_cache.stock(0..10, DbTime(99)), Stock { free: 8, held: 1, sold: 1 });
    }

    #[test]
    fn an_older_reading_does_not_undo_a_newer_change() {
        let mut seat_cache = SeatCache::new(vec![DbTime::NEVER; 2]);
        let before = seat_cache.generation();
        seat_cache.note(&[0], DbTime(50));
        let again = seat_cache.correct(&[(0, DbTime::NEVER), (1, DbTime::FOREVER)], before);
        assert_eq!(again, [0]);
        assert_eq!(seat_cache.free_at(DbTime(10)).count(0..2), 0);
        let now = seat_cache.generation();
        assert!(seat_cache.correct(&[(0, DbTime::FOREVER)], now).is_empty());
        assert!(!seat_cache.free_at(DbTime(60)).contains(0));
    }

    proptest! {
        #[test]
        fn the_bits_are_those_of_the_times(
            changes in prop::collection::vec((0u32..70, prop_oneof![Just(DbTime::NEVER), Just(DbTime::FOREVER), (0i64..50).prop_map(DbTime)], 0i64..3), 0..300),
        ) {
            let (mut seat_cache, mut model, mut now) = (SeatCache::new(vec![DbTime::NEVER; 70]), vec![DbTime::NEVER; 70], 0);
            for (unit, until, passed) in changes {
                now += passed;
                seat_cache.note(&[unit], until);
                model[unit as usize] = until;
                let expected: Vec<u32> = (0..70).filter(|&unit| model[unit as usize] <= DbTime(now)).collect();
                prop_assert_eq!(seat_cache.free_at(DbTime(now)).iter(0..70).collect::<Vec<_>>(), expected);
            }
        }
    }
}
