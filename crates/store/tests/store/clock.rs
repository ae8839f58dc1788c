//! A clock that fails as a test wants it.

use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

use fairgate_telemetry::clock::{Clock, ManualClock};

/// Panics once when it is told to: where whoever asks for the time is to panic.
#[derive(Debug)]
pub(crate) struct TrippedClock {
    pub(crate) clock: ManualClock,
    is_tripped: AtomicBool,
}

impl TrippedClock {
    /// A clock that says this.
    pub(crate) fn at(now_ms: u64) -> Self {
        Self { clock: ManualClock::at(now_ms), is_tripped: AtomicBool::new(false) }
    }

    /// The next who asks panics.
    pub(crate) fn trip(&self) {
        self.is_tripped.store(true, SeqCst);
    }
}

impl Clock for TrippedClock {
    fn now_ms(&self) -> u64 {
        assert!(!self.is_tripped.swap(false, SeqCst), "as a test wants it");
        self.clock.now_ms()
    }
}
