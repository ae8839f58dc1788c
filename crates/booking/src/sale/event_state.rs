//! What a core knows of one event in memory: its seats, their prices, and how they stand as far as is known.
//!
//! Guarantees:
//! - no two batches ask the tables for the same seat at the same moment
//! - what everybody may read of it is made at the first question, once for all who ask meanwhile

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwap;
use serde::Serialize;
use tokio::sync::OnceCell;
use tokio::task::spawn_blocking;

use super::allocate::{self, CachedSeats, Proposal, Request};
use super::availability::Availability;
use super::free_seats::FreeSeats;
use super::seat_cache::SeatCache;
use crate::db::DbError;
use crate::db::time::DatabaseTime;
use crate::document::{Document, Effort};
use crate::events::answer::EventAnswer;
use crate::events::seat_map::SeatMap;
use crate::stock::Stock;

/// What a core knows of one event.
#[derive(Debug)]
pub struct EventState {
    described: ArcSwap<Described>,
    seat_cache: Mutex<SeatCache>,
    /// The seats that batches are asking the tables for at this moment.
    undecided: Mutex<FreeSeats>,
    /// True if the cache was lately wrong about seats that were asked for.
    contended: AtomicBool,
    time: Arc<DatabaseTime>,
    availability: Availability,
    /// Batches that are under way.
    working: AtomicUsize,
}

/// An event as it is sold, and what everybody may read of that.
#[derive(Debug)]
struct Described {
    seat_map: Arc<SeatMap>,
    document: OnceCell<Arc<Document>>,
}

impl Described {
    fn new(seat_map: SeatMap) -> Self {
        Self { seat_map: Arc::new(seat_map), document: OnceCell::new() }
    }

    /// The document, made where that keeps no request waiting: compressing a large hall takes a good part of a second.
    async fn document(&self) -> Result<Arc<Document>, DbError> {
        let make = || async {
            let seat_map = Arc::clone(&self.seat_map);
            let making = spawn_blocking(move || {
                document(&EventAnswer::new(&seat_map), Effort::Once).of_event(&seat_map.facts.slug)
            });
            let made = making.await;
            made.map(Arc::new).map_err(|error| DbError::Odd(format!("an event cannot be described: {error}")))
        };
        self.document.get_or_try_init(make).await.cloned()
    }
}

impl EventState {
    /// An event with its seats as they were read.
    pub(crate) fn new(seat_map: SeatMap, mut seat_cache: SeatCache, time: Arc<DatabaseTime>) -> Self {
        let availability = Availability::new(&seat_map.facts.slug, &mut seat_cache, time.now());
        let undecided = Mutex::new(FreeSeats::none(seat_map.seats()));
        let described = ArcSwap::from_pointee(Described::new(seat_map));
        let (seat_cache, contended, working) = (Mutex::new(seat_cache), AtomicBool::new(false), AtomicUsize::new(0));
        Self { described, seat_cache, undecided, contended, time, availability, working }
    }

    /// The event as it is sold.
    #[must_use]
    pub fn seat_map(&self) -> Arc<SeatMap> {
        Arc::clone(&self.described.load().seat_map)
    }

    /// Takes over what an organizer changed; the seats stay what they are. Where fans look at the event, the new document is
    /// ready before the old one goes.
    pub(crate) async fn replace_seat_map(&self, seat_map: SeatMap) -> Result<(), DbError> {
        let described = Described::new(seat_map);
        if self.described.load().document.initialized() {
            described.document().await?;
        }
        self.described.store(Arc::new(described));
        Ok(())
    }

    /// The event, its sections and prices, for everybody.
    ///
    /// # Errors
    /// When it cannot be made.
    pub async fn document(&self) -> Result<Arc<Document>, DbError> {
        self.described.load_full().document().await
    }

    /// A batch is under way, until what is returned is dropped.
    pub(crate) fn work(&self) -> Working<'_> {
        self.working.fetch_add(1, Ordering::SeqCst);
        Working(self)
    }

    /// True while a batch is under way.
    pub(crate) fn is_working(&self) -> bool {
        self.working.load(Ordering::SeqCst) > 0
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

/// A batch that is under way.
#[derive(Debug)]
pub(crate) struct Working<'a>(&'a EventState);

impl Drop for Working<'_> {
    fn drop(&mut self) {
        self.0.working.fetch_sub(1, Ordering::SeqCst);
    }
}

/// How long caches may keep what changes while it is sold. One that was just asked again may go on with what it has until
/// the answer is there (RFC 5861), so that a thousand who ask at once are one question.
pub(super) const FOR_A_SECOND: &str = "public, max-age=1, stale-while-revalidate=5";

/// What everybody may read about events, for a second.
pub(crate) fn document(about: &impl Serialize, effort: Effort) -> Document {
    let body = serde_json::to_vec(about).expect("a struct of strings and numbers");
    Document::new("application/json", FOR_A_SECOND, body, effort)
}
