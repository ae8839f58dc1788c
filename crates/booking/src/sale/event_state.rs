//! What a core knows of one event in memory: its seats, their prices, and how they stand as far as is known.
//!
//! Guarantees: no two batches ask the tables for the same seat at the same moment.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwap;
use serde::Serialize;

use super::allocate::{self, CachedSeats, Proposal, Request};
use super::availability::Availability;
use super::free_seats::FreeSeats;
use super::seat_cache::SeatCache;
use crate::db::time::DatabaseTime;
use crate::document::{Document, Effort};
use crate::events::answer::EventAnswer;
use crate::events::seat_map::SeatMap;
use crate::stock::Stock;

/// What a core knows of one event.
#[derive(Debug)]
pub struct EventState {
    seat_map: ArcSwap<SeatMap>,
    document: ArcSwap<Document>,
    seat_cache: Mutex<SeatCache>,
    /// The seats that batches are asking the tables for at this moment.
    undecided: Mutex<FreeSeats>,
    /// True if the cache was lately wrong about seats that were asked for.
    contended: AtomicBool,
    time: Arc<DatabaseTime>,
    availability: Availability,
}

impl EventState {
    /// An event with its seats as they were read.
    pub(crate) fn new(
        (seat_map, document): (SeatMap, Document),
        mut seat_cache: SeatCache,
        time: Arc<DatabaseTime>,
    ) -> Self {
        let availability = Availability::new(&mut seat_cache, time.now());
        let document = ArcSwap::from_pointee(document);
        let undecided = Mutex::new(FreeSeats::none(seat_map.seats()));
        let seat_map = ArcSwap::from_pointee(seat_map);
        let (seat_cache, contended) = (Mutex::new(seat_cache), AtomicBool::new(false));
        Self { seat_map, document, seat_cache, undecided, contended, time, availability }
    }

    /// The event as it is sold.
    #[must_use]
    pub fn seat_map(&self) -> Arc<SeatMap> {
        self.seat_map.load_full()
    }

    /// Takes over what an organizer changed; the seats stay what they are.
    pub(crate) fn replace_seat_map(&self, (seat_map, document): (SeatMap, Document)) {
        self.document.store(Arc::new(document));
        self.seat_map.store(Arc::new(seat_map));
    }

    /// The event, its sections and prices, for everybody.
    #[must_use]
    pub fn document(&self) -> Arc<Document> {
        self.document.load_full()
    }

    /// The public bitfield, at most a moment old.
    #[must_use]
    pub fn availability(&self) -> Arc<super::availability::Snapshot> {
        self.availability.current(self.time.now(), |now| self.seat_cache().free_at(now).to_bytes())
    }

    /// How the seats of a range stand.
    #[must_use]
    pub fn stock(&self, units: std::ops::Range<u32>) -> Stock {
        self.seat_cache().stock(units, self.time.now())
    }

    /// How many seats of a range are free now, as far as is known.
    #[must_use]
    pub fn free_in(&self, units: std::ops::Range<u32>) -> u32 {
        self.seat_cache().free_at(self.time.now()).count(units)
    }

    /// The seats that are free now, as far as is known.
    #[must_use]
    pub fn free(&self) -> FreeSeats {
        self.seat_cache().free_at(self.time.now()).clone()
    }

    /// Chooses the seats for a batch; they are left to it until what is returned is dropped.
    pub(crate) fn propose(&self, seat_map: &SeatMap, requests: &[&Request]) -> (Proposal, Undecided<'_>) {
        let mut undecided = self.undecided();
        let cached = CachedSeats { free: self.free(), undecided: undecided.clone() };
        let proposal = allocate::propose(seat_map, &cached, requests);
        proposal.candidates.iter().for_each(|&unit| undecided.insert(unit));
        let units = proposal.candidates.clone();
        (proposal, Undecided { event: self, units })
    }

    /// True if others are selling the same seats at this moment, so that the cache is often wrong.
    pub(crate) fn is_contended(&self) -> bool {
        self.contended.load(Ordering::Relaxed)
    }

    /// Takes note of whether the cache was wrong about the seats of a batch.
    pub(crate) fn note_contention(&self, is_contended: bool) {
        self.contended.store(is_contended, Ordering::Relaxed);
    }

    fn undecided(&self) -> MutexGuard<'_, FreeSeats> {
        self.undecided.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn seat_cache(&self) -> MutexGuard<'_, SeatCache> {
        // A panic elsewhere leaves at worst a wrong entry, which the feed corrects.
        self.seat_cache.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn time(&self) -> &DatabaseTime {
        &self.time
    }
}

/// Seats that a batch is asking the tables for; no other batch does, until this is dropped.
#[derive(Debug)]
pub(crate) struct Undecided<'a> {
    event: &'a EventState,
    units: Vec<u32>,
}

impl Drop for Undecided<'_> {
    fn drop(&mut self) {
        let mut undecided = self.event.undecided();
        self.units.iter().for_each(|&unit| undecided.remove(unit));
    }
}

/// What everybody may read about an event. Compressing a large hall takes a good part of a second.
pub(crate) fn describe(seat_map: &SeatMap) -> Document {
    document(&EventAnswer::new(seat_map))
}

/// What everybody may read about events, for a second.
pub(crate) fn document(about: &impl Serialize) -> Document {
    let body = serde_json::to_vec(about).expect("a struct of strings and numbers");
    Document::new("application/json", "public, max-age=1", body, Effort::Once)
}
