//! What operators watch of the tables: how far the relay is behind, and the oldest payment that has not come to its end.
//!
//! Guarantees: nothing depends on it; while the database cannot be read, the figures stay what they were.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;
use tracing::debug;

use crate::db::{Database, DbError};
use crate::metrics::BookingMetrics;
use crate::sql;

const LOOK_EVERY: Duration = Duration::from_secs(5);

/// Looks for ever.
pub(crate) async fn run(database: Database, metrics: Arc<BookingMetrics>) {
    loop {
        if let Err(error) = look(&database, &metrics).await {
            debug!(%error, "what operators watch could not be looked up");
        }
        sleep(LOOK_EVERY).await;
    }
}

async fn look(database: &Database, metrics: &BookingMetrics) -> Result<(), DbError> {
    let client = database.client().await?;
    let watch = client.prepare_cached(sql::WATCH).await?;
    let row = client.query_one(&watch, &[]).await?;
    metrics.set_backlog(row.get("unpublished_s"), row.get("open_payment_s"));
    Ok(())
}
