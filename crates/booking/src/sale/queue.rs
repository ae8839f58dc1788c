//! The queue of one event: reservations wait here for the next batch, and are told what became of them.
//!
//! Guarantees:
//! - the queue is bounded, and nobody waits in it longer than the patience of its writers
//! - requests are served in the order in which they came

use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot};

use super::allocate::{Refusal, Request};
use super::booking::Held;

/// Reservations that may wait for one event; beyond it fans are told to come back.
pub const QUEUE_MAX: usize = 32_768;

/// Why there is no answer about the seats.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReserveError {
    /// Too many wait, or this one waited too long. Nothing was reserved.
    #[error("too many reservations wait")]
    Busy,
    /// The database cannot be reached; the same request with the same key finds out what became of it.
    #[error("the database cannot be reached")]
    Unavailable,
}

/// A booking or a refusal.
pub type Verdict = Result<Held, Refusal>;

/// What became of a reservation, and how long that took.
#[derive(Clone, Debug)]
pub struct Served {
    /// A booking or a refusal.
    pub verdict: Verdict,
    /// Where its time went.
    pub timing: Timing,
}

/// What became of a reservation's time, and what is left for the next one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// In the queue of its event.
    pub queue: Duration,
    /// From the start of its batch to the commit.
    pub database: Duration,
    /// Reservations in the batch.
    pub batch: usize,
    /// Seats that are left in the section.
    pub stock: u32,
}

/// A reservation in the queue.
#[derive(Debug)]
pub(crate) struct Waiting {
    pub(crate) request: Request,
    pub(crate) since: Instant,
    pub(crate) answer: oneshot::Sender<Result<Served, ReserveError>>,
}

/// The end of the queue from which its writers take.
pub(crate) type Line = mpsc::Receiver<Waiting>;

/// The way into the queue.
#[derive(Debug)]
pub struct ReservationQueue(mpsc::Sender<Waiting>);

impl ReservationQueue {
    /// An empty queue, and the end from which its writers take.
    pub(crate) fn new() -> (Self, Line) {
        let (queue, waiting) = mpsc::channel(QUEUE_MAX);
        (Self(queue), waiting)
    }

    /// Queues a reservation and waits for what becomes of it.
    ///
    /// # Errors
    /// [`ReserveError`] when that cannot be said now.
    pub async fn reserve(&self, request: Request) -> Result<Served, ReserveError> {
        let (answer, served) = oneshot::channel();
        let waiting = Waiting { request, since: Instant::now(), answer };
        self.0.try_send(waiting).map_err(|_| ReserveError::Busy)?;
        served.await.unwrap_or(Err(ReserveError::Unavailable))
    }

    /// How many reservations wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.max_capacity() - self.0.capacity()
    }

    /// True if no reservation waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
