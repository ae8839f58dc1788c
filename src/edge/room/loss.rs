//! Losses that tickets have proved: numbers that were given, and that the store does not know.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use tokio::sync::{Semaphore, SemaphorePermit};

/// The numbers that tickets prove to have been given.
#[derive(Debug)]
pub(crate) struct ProvedLoss {
    /// Numbers below were given, whatever the store says.
    given: AtomicU64,
    /// One ticket at a time is held against the store.
    asking: Semaphore,
}

impl Default for ProvedLoss {
    fn default() -> Self {
        Self { given: AtomicU64::new(0), asking: Semaphore::new(1) }
    }
}

impl ProvedLoss {
    /// What is to be said of the room for as long as this process runs; nothing where nothing was lost.
    pub(crate) fn alarm(&self) -> Option<String> {
        let given = self.given.load(Relaxed);
        (given > 0).then(|| format!("a ticket proves that the store has lost numbers below {given}"))
    }

    /// The right to hold a ticket against the store; `None` while another ticket has it.
    pub(crate) fn try_ask(&self) -> Option<SemaphorePermit<'_>> {
        self.asking.try_acquire().ok()
    }

    /// Notes that the numbers below `end` were given; answers whether that is news.
    pub(crate) fn note(&self, end: u64) -> bool {
        self.given.fetch_max(end, Relaxed) < end
    }
}
