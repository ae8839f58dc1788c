//! What a core knows of one event in memory: its seats, their prices, and how they stand as far as is known.
//!
//! Guarantees: no two batches ask the tables for the same seat at the same moment.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwap;
use serde::Serialize;

use super::availability::Availability;
use super::batch::{self, Beliefs, Proposal, Request};
use super::document::{Document, Effort};
use super::free::FreeSeats;
use super::mirror::{Mirror, Stock};
use super::plan::Plan;
use super::time::DatabaseTime;
use super::wire::EventAnswer;

/// What a core knows of one event.
#[derive(Debug)]
pub struct EventState {
    plan: ArcSwap<Plan>,
    document: ArcSwap<Document>,
    mirror: Mutex<Mirror>,
    /// The seats that batches are asking the tables for at this moment.
    undecided: Mutex<FreeSeats>,
    /// Whether seats lately were not as they were believed to be.
    contended: AtomicBool,
    time: Arc<DatabaseTime>,
    availability: Availability,
}

impl EventState {
    /// An event with its seats as they were read.
    pub(super) fn new((plan, document): (Plan, Document), mut mirror: Mirror, time: Arc<DatabaseTime>) -> Self {
        let availability = Availability::new(&mut mirror, time.now());
        let document = ArcSwap::from_pointee(document);
        let undecided = Mutex::new(FreeSeats::none(plan.seats()));
        let plan = ArcSwap::from_pointee(plan);
        let (mirror, contended) = (Mutex::new(mirror), AtomicBool::new(false));
        Self { plan, document, mirror, undecided, contended, time, availability }
    }

    /// The event as it is sold.
    #[must_use]
    pub fn plan(&self) -> Arc<Plan> {
        self.plan.load_full()
    }

    /// Takes over what an organizer changed; the seats stay what they are.
    pub(super) fn replace_plan(&self, (plan, document): (Plan, Document)) {
        self.document.store(Arc::new(document));
        self.plan.store(Arc::new(plan));
    }

    /// The event, its sections and prices, for everybody.
    #[must_use]
    pub fn document(&self) -> Arc<Document> {
        self.document.load_full()
    }

    /// The public bitfield, at most a moment old.
    #[must_use]
    pub fn availability(&self) -> Arc<super::availability::Snapshot> {
        self.availability.current(self.time.now(), |now| self.mirror().free_at(now).to_bytes())
    }

    /// How the seats of a range stand.
    #[must_use]
    pub fn stock(&self, units: std::ops::Range<u32>) -> Stock {
        self.mirror().stock(units, self.time.now())
    }

    /// How many seats of a range are free now, as far as is known.
    #[must_use]
    pub fn free_in(&self, units: std::ops::Range<u32>) -> u32 {
        self.mirror().free_at(self.time.now()).count(units)
    }

    /// The seats that are free now, as far as is known.
    #[must_use]
    pub fn free(&self) -> FreeSeats {
        self.mirror().free_at(self.time.now()).clone()
    }

    /// Chooses the seats for a batch; they are left to it until what is returned is dropped.
    pub(super) fn propose(&self, plan: &Plan, requests: &[&Request]) -> (Proposal, Undecided<'_>) {
        let mut undecided = self.undecided();
        let beliefs = Beliefs { free: self.free(), undecided: undecided.clone() };
        let proposal = batch::propose(plan, &beliefs, requests);
        proposal.candidates.iter().for_each(|&unit| undecided.insert(unit));
        let units = proposal.candidates.clone();
        (proposal, Undecided { event: self, units })
    }

    /// Whether others are selling the same seats at this moment, so that beliefs are often wrong.
    pub(super) fn is_contended(&self) -> bool {
        self.contended.load(Ordering::Relaxed)
    }

    /// Takes note of whether the seats of a batch were as they were believed to be.
    pub(super) fn note_contention(&self, is_contended: bool) {
        self.contended.store(is_contended, Ordering::Relaxed);
    }

    fn undecided(&self) -> MutexGuard<'_, FreeSeats> {
        self.undecided.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn mirror(&self) -> MutexGuard<'_, Mirror> {
        // A panic elsewhere leaves at worst a wrong belief, which the feed corrects.
        self.mirror.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn time(&self) -> &DatabaseTime {
        &self.time
    }
}

/// Seats that a batch is asking the tables for; no other batch does, until this is dropped.
#[derive(Debug)]
pub(super) struct Undecided<'a> {
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
pub(super) fn describe(plan: &Plan) -> Document {
    document(&EventAnswer::new(plan))
}

/// What everybody may read about events, for a second.
pub(super) fn document(about: &impl Serialize) -> Document {
    let body = serde_json::to_vec(about).expect("a struct of strings and numbers");
    Document::new("application/json", "public, max-age=1", body, Effort::Once)
}
