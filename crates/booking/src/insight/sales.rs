//! Reading the counts of an event, for its report.

use std::collections::BTreeMap;

use super::flow::Flow;
use super::reader::INSIGHT;
use super::report::{DeclineReason, Given, RECENT_S, Sales, Slice, report};
use crate::db::{Database, DbError};
use crate::events::seat_map::SeatMap;
use crate::sql;
use crate::stock::Stock;

/// Answers what organizers ask about a sale.
#[derive(Clone, Debug)]
pub struct SalesDesk {
    pub(super) database: Database,
}

impl SalesDesk {
    /// A desk over a database in which some core counts.
    #[must_use]
    pub fn new(database: Database) -> Self {
        Self { database }
    }

    /// How an event sells; `stock_of` is how the seats of a section stand. Nothing where nobody counts.
    ///
    /// # Errors
    /// When the database cannot be reached.
    pub async fn sales(
        &self,
        seat_map: &SeatMap,
        stock_of: impl Fn(std::ops::Range<u32>) -> Stock,
    ) -> Result<Option<Sales>, DbError> {
        let event_id = seat_map.facts.event_id;
        let client = self.database.client().await?;
        let sink = client.prepare_cached(sql::SINK_GET).await?;
        let Some(sink) = client.query_opt(&sink, &[&INSIGHT]).await? else { return Ok(None) };
        let totals = client.prepare_cached(sql::SALES_TOTALS).await?;
        let totals = client.query(&totals, &[&event_id]).await?;
        let recent = client.prepare_cached(sql::SALES_RECENT).await?;
        let recent = client.query(&recent, &[&event_id, &(RECENT_S as f64)]).await?;
        let pay_times = client.prepare_cached(sql::SALES_PAY_TIMES).await?;
        let pay_times = client.query(&pay_times, &[&event_id]).await?;
        let declines = client.prepare_cached(sql::SALES_DECLINES).await?;
        let declines = client.query(&declines, &[&event_id]).await?;
        let open_long = client.prepare_cached(sql::SALES_PAYMENTS_OPEN).await?;
        let open_long = client.query_one(&open_long, &[&event_id]).await?;
        let signals = client.prepare_cached(sql::SIGNAL_COUNT).await?;
        let signals = client.query_one(&signals, &[&event_id]).await?;
        drop(client);
        let read = |row: &tokio_postgres::Row| Slice {
            at: row.get("at"),
            section: usize::try_from(row.get::<_, i16>("section")).unwrap_or(0),
            flow: Flow::read(row),
        };
        let totals: Vec<Slice> = totals.iter().map(read).collect();
        Ok(Some(report(&Given {
            now: sink.get("now"),
            knows_from: sink.get("knows_from"),
            behind_s: sink.get("lag_s"),
            seat_map,
            stock: seat_map.sections.iter().map(|section| stock_of(section.units())).collect(),
            began: totals.iter().map(|slice| slice.at).min(),
            totals: totals.iter().map(|slice| (slice.section, slice.flow)).collect::<BTreeMap<_, _>>(),
            recent: recent.iter().map(read).collect(),
            declines: declines.iter().map(read_decline).collect(),
            signals: signals.get("signals"),
            open_long: open_long.get("payments"),
            pay_times: pay_times.iter().map(|row| (row.get("bucket"), row.get("bookings"))).collect(),
        })))
    }
}

fn read_decline(row: &tokio_postgres::Row) -> DeclineReason {
    DeclineReason { reason: row.get("reason"), payments: row.get("payments") }
}
