//! What operators watch of the tables: how far each sink is behind the log, and the oldest payment that has not ended.
//!
//! Guarantees: nothing depends on it; while the database cannot be read, the figures stay what they were.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;
use tokio_postgres::Row;
use tracing::debug;

use crate::db::{Database, DbError};
use crate::metrics::{BookingMetrics, Lag};
use crate::sql;

const LOOK_EVERY: Duration = Duration::from_secs(5);

/// Looks for ever.
pub(crate) async fn run(database: Database, metrics: Arc<BookingMetrics>) {
    let mut known = BTreeMap::new();
    loop {
        if let Err(error) = look(&database, &metrics, &mut known).await {
            debug!(%error, "what operators watch could not be looked up");
        }
        sleep(LOOK_EVERY).await;
    }
}

async fn look(database: &Database, metrics: &BookingMetrics, known: &mut BTreeMap<String, Lag>) -> Result<(), DbError> {
    let client = database.client().await?;
    let watch = client.prepare_cached(sql::WATCH).await?;
    metrics.set_open_payment(client.query_one(&watch, &[]).await?.get("open_payment_s"));
    let list = client.prepare_cached(sql::SINK_LIST).await?;
    let sinks = client.query(&list, &[]).await?;
    let lag = |row: &Row| Lag { rows: row.get("lag_rows"), seconds: row.get("lag_s") };
    let sinks: BTreeMap<String, Lag> = sinks.iter().map(|row| (row.get("name"), lag(row))).collect();
    for gone in known.keys().filter(|sink| !sinks.contains_key(*sink)) {
        metrics.forget_sink(gone);
    }
    metrics.set_sinks(&sinks);
    *known = sinks;
    Ok(())
}
