//! The public bitfield: one answer for everybody, made from memory at most a few times a second.
//!
//! Guarantees: no reader costs a query; a seat that this core sold a moment ago is not shown as free.

use std::sync::Arc;

use arc_swap::ArcSwap;

use super::event_state::FOR_A_SECOND;
use super::seat_cache::SeatCache;
use crate::db::DbTime;
use crate::document::{Document, Effort};

/// How old an answer may be before it is made anew.
const AGE_MS_MAX: i64 = 200;

/// An answer to everybody.
#[derive(Debug)]
pub struct Snapshot {
    /// One bit a seat, the first seat in the lowest bit of the first byte; 1 is available.
    pub document: Document,
    made_at: DbTime,
}

/// The latest answer.
#[derive(Debug)]
pub struct Availability {
    latest: ArcSwap<Snapshot>,
    slug: String,
}

impl Availability {
    /// Begins with the state of the seats of the event with this slug at `now`.
    #[must_use]
    pub fn new(slug: &str, seat_cache: &mut SeatCache, now: DbTime) -> Self {
        let (bits, slug) = (seat_cache.free_at(now).to_bytes(), slug.to_owned());
        Self { latest: ArcSwap::from_pointee(Snapshot::new(bits, now, &slug)), slug }
    }

    /// The answer now; `bits` makes the bitfield when the last one is too old.
    pub fn current(&self, now: DbTime, bits: impl FnOnce(DbTime) -> Vec<u8>) -> Arc<Snapshot> {
        let latest = self.latest.load_full();
        if (0..AGE_MS_MAX).contains(&(now.0 - latest.made_at.0)) {
            return latest;
        }
        let bits = bits(now);
        let is_same = bits == latest.document.body();
        let made = if is_same {
            Snapshot { document: latest.document.clone(), made_at: now }
        } else {
            Snapshot::new(bits, now, &self.slug)
        };
        let made = Arc::new(made);
        self.latest.store(Arc::clone(&made));
        made
    }
}

impl Snapshot {
    fn new(bits: Vec<u8>, made_at: DbTime, slug: &str) -> Self {
        let document = Document::new("application/octet-stream", FOR_A_SECOND, bits, Effort::Often);
        Self { document: document.of_event(slug), made_at }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_made_anew_when_it_is_too_old_or_time_jumped_back() {
        let mut seat_cache = SeatCache::new(vec![DbTime::NEVER; 8]);
        let availability = Availability::new("final", &mut seat_cache, DbTime(1000));
        let at = |now, bits: u8| availability.current(DbTime(now), |_| vec![bits]).document.body()[0];
        assert_eq!(at(1199, 1), 0xff);
        assert_eq!(at(1200, 1), 1);
        assert_eq!(at(900, 2), 2);
    }
}
