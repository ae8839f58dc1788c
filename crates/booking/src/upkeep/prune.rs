//! The pruner: removes what has served and grown old, so that the tables stay as small as the sale.
//!
//! Guarantees:
//! - nothing goes that a registered sink has not read, or that belongs to a payment which is not settled
//! - nothing goes that is younger than its time by the database's clock
//! - events, seats, bookings and payments never go
//!
//! A batch is small, so that nobody waits for it. Any number of pruners may run, and nothing depends on any.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;
use tokio_postgres::types::ToSql;
use tracing::warn;

use crate::db::{Database, DbError};
use crate::metrics::BookingMetrics;
use crate::sql;

/// Rows of a table in one statement.
const BATCH: i64 = 1000;
/// Between two batches while there is more to remove.
const STEP: Duration = Duration::from_millis(100);
/// Between two looks when there is nothing.
const REST: Duration = Duration::from_secs(60);
/// Whoever reads the log has read so much of it by then, or reads everything anew (the change feed).
pub(crate) const KEPT_MIN: Duration = Duration::from_secs(3600);

/// Evidence about a sale, after nothing was added to it any more.
const SIGNALS_KEPT: Duration = Duration::from_secs(30 * 86_400);

/// How long rows are kept once they have served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// What happened, after every sink has read it: what a Redis that lost everything is told again.
    pub change_log: Duration,
    /// What organizers' requests were answered: so long may they be repeated.
    pub answers: Duration,
    /// The steps of payments, after these were settled.
    pub payment_steps: Duration,
}

impl Retention {
    /// Reads a span like `36h` or `7d`.
    ///
    /// # Errors
    /// What is wrong, and what would be right.
    pub fn parse(text: &str) -> Result<Duration, String> {
        let days_have_24_hours = jiff::SpanRelativeTo::days_are_24_hours();
        let span = text.parse::<jiff::Span>().and_then(|span| span.to_duration(days_have_24_hours));
        match span.ok().and_then(|span| Duration::try_from(span).ok()) {
            Some(kept) if kept >= KEPT_MIN => Ok(kept),
            Some(_) => Err("keep it for an hour at least".to_owned()),
            None => Err(format!("{text:?} is not a span of time; write one like 36h or 7d")),
        }
    }
}

/// Removes what has grown old.
#[derive(Debug)]
pub struct Pruner {
    database: Database,
    retention: Retention,
    metrics: Arc<BookingMetrics>,
    /// Below it nothing is left of what happened: no batch looks through the remains of those before.
    changes_from: i64,
}

impl Pruner {
    /// A pruner for one core.
    #[must_use]
    pub fn new(database: Database, retention: Retention, metrics: Arc<BookingMetrics>) -> Self {
        Self { database, retention, metrics, changes_from: 0 }
    }

    /// Prunes for ever.
    pub async fn run(mut self) {
        loop {
            let rest = match self.run_once().await {
                Ok(true) => STEP,
                Ok(false) => REST,
                Err(error) => {
                    warn!(%error, "old rows could not be removed and are removed later");
                    REST
                }
            };
            sleep(rest).await;
        }
    }

    /// Removes a batch from each table; says whether there may be more.
    ///
    /// # Errors
    /// When the database cannot be reached.
    pub async fn run_once(&mut self) -> Result<bool, DbError> {
        let Retention { change_log, answers, payment_steps } = self.retention;
        let mut most = self.prune_changes(change_log).await?;
        most = most.max(self.prune("mail_sent", sql::PRUNE_MAILS, change_log).await?);
        most = most.max(self.prune("payment_trace", sql::PRUNE_TRACES, change_log).await?);
        most = most.max(self.prune("signal", sql::PRUNE_SIGNALS, SIGNALS_KEPT).await?);
        most = most.max(self.prune("answered", sql::PRUNE_ANSWERS, answers).await?);
        most = most.max(self.prune("payment_step", sql::PRUNE_STEPS, payment_steps).await?);
        Ok(most >= BATCH.unsigned_abs())
    }

    async fn prune_changes(&mut self, kept: Duration) -> Result<u64, DbError> {
        let client = self.database.client().await?;
        let lowest = client.prepare_cached(sql::SINK_LOWEST).await?;
        // Where nobody is registered, nobody is waited for.
        let lowest = client.query_one(&lowest, &[]).await?.get::<_, Option<i64>>("lowest").unwrap_or(i64::MAX);
        let statement = client.prepare_cached(sql::PRUNE_CHANGES).await?;
        let parameters: [&(dyn ToSql + Sync); 4] = [&kept.as_secs_f64(), &BATCH, &self.changes_from, &lowest];
        let row = client.query_one(&statement, &parameters).await?;
        self.changes_from = row.get::<_, Option<i64>>("last").unwrap_or(self.changes_from);
        let gone = row.get::<_, i64>("gone").unsigned_abs();
        self.metrics.count_pruned("change_log", gone);
        Ok(gone)
    }

    async fn prune(&self, table: &str, statement: &'static str, kept: Duration) -> Result<u64, DbError> {
        let client = self.database.client().await?;
        let statement = client.prepare_cached(statement).await?;
        let gone = client.execute(&statement, &[&kept.as_secs_f64(), &BATCH]).await?;
        self.metrics.count_pruned(table, gone);
        Ok(gone)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_have_units_and_an_hour_is_the_least() {
        assert_eq!(Retention::parse("7d"), Ok(Duration::from_secs(7 * 86_400)));
        assert_eq!(Retention::parse("36h"), Ok(Duration::from_secs(36 * 3600)));
        for wrong in ["59m", "7", "-2d", "1mo", "soon"] {
            assert!(Retention::parse(wrong).is_err(), "{wrong}");
        }
    }
}
