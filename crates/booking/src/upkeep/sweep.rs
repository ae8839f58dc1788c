//! The sweeper: tells the world that holds have ended. The seats were free already, by their own time.
//!
//! Guarantees: nothing depends on it running; any number of sweepers may run, and none waits for another.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;
use tracing::warn;
use uuid::Uuid;

use crate::db::{Database, DbError};
use crate::metrics::BookingMetrics;
use crate::sql;
use fairgate_telemetry::supervise::Pulse;

/// Holds tidied up in one statement.
const BATCH: i64 = 500;
/// New holds may end before those that were known when it went to sleep.
const SLEEP_MAX: Duration = Duration::from_secs(1);

/// Tidies up after holds.
#[derive(Debug)]
pub struct Sweeper {
    database: Database,
    core: Uuid,
    metrics: Arc<BookingMetrics>,
}

impl Sweeper {
    /// A sweeper for one core.
    #[must_use]
    pub fn new(database: Database, core: Uuid, metrics: Arc<BookingMetrics>) -> Self {
        Self { database, core, metrics }
    }

    /// Sweeps for ever: at once when a hold is due, else asleep until the next one is.
    pub async fn run(&self, pulse: &Pulse) {
        loop {
            pulse.beat();
            let rest = match self.run_once().await {
                Ok(rest) => rest,
                Err(error) => {
                    warn!(%error, "ended holds could not be swept and are swept later");
                    SLEEP_MAX
                }
            };
            sleep(rest).await;
        }
    }

    /// Sweeps one batch and says how long nothing is due.
    ///
    /// # Errors
    /// When the database cannot be reached.
    pub async fn run_once(&self) -> Result<Duration, DbError> {
        let client = self.database.client().await?;
        let sweep = client.prepare_cached(sql::SWEEP).await?;
        let swept = client.query_opt(&sweep, &[&BATCH, &self.core]).await?.map_or(0, |row| row.get::<_, i64>("swept"));
        self.metrics.count_expired(u64::try_from(swept).unwrap_or(0));
        if swept == BATCH {
            return Ok(Duration::ZERO);
        }
        let next = client.prepare_cached(sql::SWEEP_NEXT).await?;
        let wait_ms = client.query_opt(&next, &[]).await?.map(|row| row.get::<_, i64>("wait_ms"));
        let wait = wait_ms.map_or(SLEEP_MAX, |ms| Duration::from_millis(u64::try_from(ms).unwrap_or(0)));
        // A hold that a payment is just looking at is due but cannot be swept: no busy loop around it.
        Ok(wait.clamp(Duration::from_millis(10), SLEEP_MAX))
    }
}
