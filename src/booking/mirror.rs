//! What this core believes about every seat, so that readers and refusals cost no query. The tables decide; a belief that
//! turns out wrong is corrected and never sells anything.

use super::db::DbTime;

/// The seats of one event.
#[derive(Clone, Debug)]
pub struct Mirror {
    held_until: Vec<DbTime>,
    changed: Vec<u64>,
    generation: u64,
}

impl Mirror {
    /// All seats as they were read.
    #[must_use]
    pub fn new(held_until: Vec<DbTime>) -> Self {
        let changed = vec![0; held_until.len()];
        Self { held_until, changed, generation: 0 }
    }

    /// Whether a seat is free at `now`.
    #[must_use]
    pub fn is_free(&self, unit: u32, now: DbTime) -> bool {
        self.held_until[unit as usize] <= now
    }

    /// Notes what this core itself has committed (or seen under a lock).
    pub fn note(&mut self, units: &[u32], until: DbTime) {
        self.generation += 1;
        for &unit in units {
            self.held_until[unit as usize] = until;
            self.changed[unit as usize] = self.generation;
        }
    }

    /// Counts the changes noted so far; to be remembered before seats are read for [`Self::correct`].
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// Takes over what was read from the table after `generation`. Seats that this core has changed meanwhile are left as
    /// they are and returned: what was read may be older, so they must be read again.
    #[must_use]
    pub fn correct(&mut self, read: &[(u32, DbTime)], generation: u64) -> Vec<u32> {
        let mut again = Vec::new();
        for &(unit, until) in read {
            if self.changed[unit as usize] > generation {
                again.push(unit);
            } else {
                self.held_until[unit as usize] = until;
            }
        }
        again
    }

    /// One bit a seat, the first seat in the lowest bit of the first byte; 1 is available.
    #[must_use]
    pub fn bits(&self, now: DbTime) -> Vec<u8> {
        let byte = |seats: &[DbTime]| {
            seats.iter().enumerate().fold(0, |byte, (bit, &until)| byte | (u8::from(until <= now) << bit))
        };
        self.held_until.chunks(8).map(byte).collect()
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

/// How seats stand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stock {
    /// Can be reserved.
    pub free: u32,
    /// Reserved and not paid.
    pub held: u32,
    /// Paid.
    pub sold: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hold_ends_by_time_alone() {
        let mut mirror = Mirror::new(vec![DbTime::NEVER; 10]);
        mirror.note(&[1], DbTime(100));
        mirror.note(&[9], DbTime::FOREVER);
        assert_eq!(mirror.bits(DbTime(99)), [0b1111_1101, 0b0000_0001]);
        assert_eq!(mirror.bits(DbTime(100)), [0b1111_1111, 0b0000_0001]);
        assert_eq!(mirror.stock(0..10, DbTime(99)), Stock { free: 8, held: 1, sold: 1 });
    }

    #[test]
    fn an_older_reading_does_not_undo_a_newer_change() {
        let mut mirror = Mirror::new(vec![DbTime::NEVER; 2]);
        let before = mirror.generation();
        mirror.note(&[0], DbTime(50));
        let again = mirror.correct(&[(0, DbTime::NEVER), (1, DbTime::FOREVER)], before);
        assert_eq!(again, [0]);
        assert!(!mirror.is_free(0, DbTime(10)));
        assert!(!mirror.is_free(1, DbTime(10)));
        let now = mirror.generation();
        assert!(mirror.correct(&[(0, DbTime::FOREVER)], now).is_empty());
        assert!(!mirror.is_free(0, DbTime(60)));
    }
}
