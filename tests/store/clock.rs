//! A clock that tests set.

use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

use fairgate::clock::Clock;

/// Says what it was told.
#[derive(Debug, Default)]
pub(crate) struct ManualClock(AtomicU64);

impl ManualClock {
    /// A clock that says this.
    pub(crate) fn at(now_ms: u64) -> Self {
        Self(AtomicU64::new(now_ms))
    }

    /// Sets the clock.
    pub(crate) fn set(&self, now_ms: u64) {
        self.0.store(now_ms, SeqCst);
    }
}

impl Clock for ManualClock {
    fn now_ms(&self) -> u64 {
        self.0.load(SeqCst)
    }
}
