//! How the run stands at this moment, for whoever watches.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::wire::Position;

/// The counters that fans move.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    arrived: AtomicU64,
    pooled: AtomicU64,
    queued: AtomicU64,
    called: AtomicU64,
    admitted: AtomicU64,
    booked: AtomicU64,
    seats: AtomicU64,
    done: AtomicU64,
}

/// One look at the run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The room's phase, in the room's word.
    pub phase: &'static str,
    /// Fans and bots that the run will send.
    pub everyone: u64,
    /// Came to the page.
    pub arrived: u64,
    /// Hold a ticket to the draw.
    pub pooled: u64,
    /// Came after the start and hold a place in the line.
    pub queued: u64,
    /// Learnt that it is their turn.
    pub called: u64,
    /// Hold a pass.
    pub admitted: u64,
    /// Paid for their seats.
    pub booked: u64,
    /// Seats they paid for.
    pub seats: u64,
    /// Went home.
    pub done: u64,
    /// Answers so far.
    pub requests: u64,
    /// Things that should not have happened.
    pub errors: u64,
}

impl Tally {
    pub(crate) fn arrived(&self) {
        self.arrived.fetch_add(1, Relaxed);
    }

    pub(crate) fn joined(&self, position: Position) {
        match position {
            Position::Pool { .. } => self.pooled.fetch_add(1, Relaxed),
            Position::Line { .. } => self.queued.fetch_add(1, Relaxed),
        };
    }

    pub(crate) fn called(&self) {
        self.called.fetch_add(1, Relaxed);
    }

    pub(crate) fn admitted(&self) {
        self.admitted.fetch_add(1, Relaxed);
    }

    pub(crate) fn booked(&self, seats: usize) {
        self.booked.fetch_add(1, Relaxed);
        self.seats.fetch_add(seats as u64, Relaxed);
    }

    pub(crate) fn done(&self) {
        self.done.fetch_add(1, Relaxed);
    }

    pub(crate) fn standing(&self, phase: &'static str, everyone: u64, requests: u64, errors: u64) -> Standing {
        Standing {
            phase,
            everyone,
            arrived: self.arrived.load(Relaxed),
            pooled: self.pooled.load(Relaxed),
            queued: self.queued.load(Relaxed),
            called: self.called.load(Relaxed),
            admitted: self.admitted.load(Relaxed),
            booked: self.booked.load(Relaxed),
            seats: self.seats.load(Relaxed),
            done: self.done.load(Relaxed),
            requests,
            errors,
        }
    }
}
