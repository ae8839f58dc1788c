//! The database's clock, as this process can tell it without asking: holds end by that clock alone.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use super::DbTime;
use fairgate_telemetry::clock::Clock;

/// Our own clock, corrected by what the database last said.
pub struct DatabaseTime {
    clock: Arc<dyn Clock>,
    ahead_ms: AtomicI64,
}

impl std::fmt::Debug for DatabaseTime {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DatabaseTime").field("ahead_ms", &self.ahead_ms).finish_non_exhaustive()
    }
}

impl DatabaseTime {
    /// Starts with the two clocks taken to be equal.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, ahead_ms: AtomicI64::new(0) }
    }

    /// Our own clock, Unix ms: to be read just before the database is asked, for [`Self::observe`].
    #[must_use]
    pub fn own_ms(&self) -> i64 {
        i64::try_from(self.clock.now_ms()).unwrap_or(i64::MAX)
    }

    /// Takes note of what the database's clock said after `asked_ms` of ours.
    pub fn observe(&self, asked_ms: i64, database: DbTime) {
        self.ahead_ms.store(database.0 - asked_ms, Ordering::Relaxed);
    }

    /// What the database's clock says now, at most a query's duration early.
    #[must_use]
    pub fn now(&self) -> DbTime {
        DbTime(self.own_ms().saturating_add(self.ahead_ms.load(Ordering::Relaxed)))
    }
}
