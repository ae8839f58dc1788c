//! Readiness of a core: can it serve, and what is missing if not.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use fairgate_telemetry::supervise::Supervisor;

/// What others sold so long ago is never shown as free.
const AVAILABILITY_AGE_MAX: Duration = Duration::from_secs(1);
/// A core whose feed has been silent for so long does not know what others sell.
const FEED_SILENCE_MAX: Duration = Duration::from_secs(5);

/// What a core needs to be ready to serve.
#[derive(Debug)]
pub struct Health {
    supervisor: Supervisor,
    started: Instant,
    feed_read_ms: AtomicU64,
    stopping: AtomicBool,
}

impl Health {
    /// Healthy as soon as the feed has been read.
    pub(crate) fn new(supervisor: Supervisor) -> Self {
        let (feed_read_ms, stopping) = (AtomicU64::new(0), AtomicBool::new(false));
        Self { supervisor, started: Instant::now(), feed_read_ms, stopping }
    }

    /// Takes note of a round of the feed that went well.
    pub(crate) fn feed_was_read(&self) {
        let now_ms = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.feed_read_ms.store(now_ms, Ordering::Relaxed);
    }

    /// The core stops: nothing new is to be sent to it.
    pub(crate) fn stop(&self) {
        self.stopping.store(true, Ordering::Relaxed);
    }

    /// True if other cores may have sold what this one still shows as free.
    #[must_use]
    pub fn is_deaf(&self) -> bool {
        self.silent_for() > AVAILABILITY_AGE_MAX
    }

    fn silent_for(&self) -> Duration {
        let read_at = Duration::from_millis(self.feed_read_ms.load(Ordering::Relaxed));
        self.started.elapsed().saturating_sub(read_at)
    }

    /// What is missing, if anything.
    #[must_use]
    pub fn missing(&self, has_keys: bool) -> Option<String> {
        let silent = self.supervisor.silent();
        if self.stopping.load(Ordering::Relaxed) {
            Some("stopping".to_owned())
        } else if self.silent_for() > FEED_SILENCE_MAX {
            Some("the database does not answer".to_owned())
        } else if !silent.is_empty() {
            Some(silent.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "))
        } else if !has_keys {
            Some("the gate's keys have not been fetched".to_owned())
        } else {
            None
        }
    }
}
