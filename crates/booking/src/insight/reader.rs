//! The reader: counts what the change log says, as one of its sinks.
//!
//! Guarantees:
//! - counts and position are written in one transaction, by whoever has the sink's turn
//! - whoever is killed, and whenever: nothing is counted twice or left out

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use prometheus::Registry;
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};
use tokio_postgres::types::ToSql;
use tracing::warn;

use super::flow::Flow;
use super::fold::{Counts, Happened};
use crate::db::listen::listen;
use crate::db::{Database, DbError, DbTime, Transaction};
use crate::outbox::{ChangeLog, Turn, Whose};
use crate::sql;
use fairgate_telemetry::metrics;

/// The name under which the reader is registered.
pub const INSIGHT: &str = "insight";
/// Rows of the log that are counted in one transaction.
const PAGE: i64 = 2000;
/// The longest that something may wait when its notification is lost.
const POLL: Duration = Duration::from_millis(500);
/// Between two rounds, however often we are woken.
const REST: Duration = Duration::from_millis(200);
const AGAIN_AFTER: Duration = Duration::from_secs(1);
/// Events whose rows are remembered; beyond it they are read again.
const EVENTS_MAX: usize = 10_000;

metrics! {
    /// The metrics themselves.
    struct Metrics {
        /// Changes that this core has counted for organizers.
        insight_changes_total: IntCounter,
        /// Rounds of counting that failed; what they left is counted later.
        insight_failures_total: IntCounter,
    }
}

/// What a reader measures of itself.
#[derive(Clone, Debug)]
pub struct InsightMetrics(Metrics);

impl InsightMetrics {
    /// Registers every metric.
    ///
    /// # Errors
    /// When the registry has one of them already.
    pub fn new(registry: &Registry) -> prometheus::Result<Self> {
        Metrics::new(registry).map(Self)
    }
}

/// Counts.
#[derive(Debug)]
pub struct InsightReader {
    database: Database,
    log: ChangeLog,
    turn: Turn,
    position: i64,
    metrics: InsightMetrics,
    /// Where the rows of an event begin, with their sections.
    sections: HashMap<i32, Vec<(i32, i16)>>,
}

impl InsightReader {
    /// A reader; any number may run.
    #[must_use]
    pub fn new(database: Database, metrics: InsightMetrics) -> Self {
        let (log, turn) = (ChangeLog::new(database.clone()), Turn::new(database.clone(), INSIGHT));
        Self { database, log, turn, position: 0, metrics, sections: HashMap::new() }
    }

    /// Counts for ever.
    pub async fn run(mut self) {
        let wake = Arc::new(Notify::new());
        // Where nothing can be listened for, polls have to do.
        let ears = listen(self.database.clone(), Arc::clone(&wake));
        tokio::join!(ears, self.count_on(&wake));
    }

    async fn count_on(&mut self, wake: &Notify) {
        let mut fails = false;
        loop {
            match self.run_once().await {
                Ok(()) => fails = false,
                Err(error) => {
                    self.metrics.0.insight_failures_total.inc();
                    // Once for each time that it begins to fail.
                    if !std::mem::replace(&mut fails, true) {
                        warn!(%error, "what organizers look at cannot be counted; it is tried again and again");
                    }
                    sleep(AGAIN_AFTER).await;
                }
            }
            sleep(REST).await;
            let _ = timeout(POLL, wake.notified()).await;
        }
    }

    /// Counts what has happened for good, where it is this reader's turn.
    ///
    /// # Errors
    /// When the database cannot be reached; nothing of the page is counted then.
    pub async fn run_once(&mut self) -> Result<(), DbError> {
        match self.turn.look().await? {
            Whose::Others => return Ok(()),
            Whose::Ours => {}
            Whose::OursNow(start) => self.position = start.position,
        }
        let Some(settled) = self.log.settled(self.position).await? else {
            self.turn.note(self.position).await?;
            return Ok(());
        };
        while self.position < settled && self.count_page(settled).await? {}
        Ok(())
    }

    /// Counts a page; false if the turn is lost.
    async fn count_page(&mut self, settled: i64) -> Result<bool, DbError> {
        let (rows, up_to) = self.page(settled).await?;
        let mut counts = Counts::default();
        rows.iter().for_each(|row| counts.add(row));
        let transaction = self.database.begin().await?;
        write(&transaction, &counts).await?;
        if !self.turn.note_in(&transaction, up_to).await? {
            transaction.roll_back().await?;
            return Ok(false);
        }
        transaction.commit().await?;
        self.position = up_to;
        self.metrics.0.insight_changes_total.inc_by(rows.len() as u64);
        Ok(true)
    }

    async fn page(&mut self, settled: i64) -> Result<(Vec<Happened>, i64), DbError> {
        let client = self.database.client().await?;
        let page = client.prepare_cached(sql::SALES_PAGE).await?;
        let rows = client.query(&page, &[&self.position, &settled, &PAGE]).await?;
        drop(client);
        let is_last = (rows.len() as i64) < PAGE;
        let up_to = rows.last().filter(|_| !is_last).map_or(settled, |row| row.get("change_id"));
        let mut happened = Vec::with_capacity(rows.len());
        for row in &rows {
            let (event_id, units): (i32, Vec<i32>) = (row.get("event_id"), row.get("units"));
            happened.push(Happened {
                at: row.get("at"),
                event_id,
                section: self.section(event_id, units.first().copied().unwrap_or(0)).await?,
                kind: row.get("kind"),
                seats: units.len() as i64,
                amount: row.get("amount"),
                created_at: row.get("created_at"),
                confirmed_at: row.get("confirmed_at"),
            });
        }
        Ok((happened, up_to))
    }

    /// The section of a seat, by its place in the event. Seats never change, so it is read once.
    async fn section(&mut self, event_id: i32, unit: i32) -> Result<i16, DbError> {
        if !self.sections.contains_key(&event_id) {
            let client = self.database.client().await?;
            let read = client.prepare_cached(sql::EVENT_ROWS).await?;
            let rows = client.query(&read, &[&event_id]).await?;
            let mut rows: Vec<(i32, i16)> =
                rows.iter().map(|row| (row.get("first_unit"), row.get("section"))).collect();
            rows.sort_unstable();
            if self.sections.len() >= EVENTS_MAX {
                self.sections.clear();
            }
            self.sections.insert(event_id, rows);
        }
        let rows = self.sections.get(&event_id).map_or(&[][..], Vec::as_slice);
        let after = rows.partition_point(|(first, _)| *first <= unit);
        Ok(after.checked_sub(1).and_then(|row| rows.get(row)).map_or(0, |(_, section)| *section))
    }
}

async fn write(transaction: &Transaction, counts: &Counts) -> Result<(), DbError> {
    if !counts.slices.is_empty() {
        let small = |of: fn(&Flow) -> i64| -> Vec<i32> {
            counts.slices.values().map(|flow| i32::try_from(of(flow)).unwrap_or(i32::MAX)).collect()
        };
        let large = |of: fn(&Flow) -> i64| -> Vec<i64> { counts.slices.values().map(of).collect() };
        let events: Vec<i32> = counts.slices.keys().map(|(event_id, ..)| *event_id).collect();
        let times: Vec<DbTime> = counts.slices.keys().map(|(_, at_ms, _)| DbTime(*at_ms)).collect();
        let sections: Vec<i16> = counts.slices.keys().map(|(.., section)| *section).collect();
        let parameters: [&(dyn ToSql + Sync); 16] = [
            &events,
            &times,
            &sections,
            &small(|flow| flow.holds),
            &small(|flow| flow.held_seats),
            &small(|flow| flow.payments),
            &small(|flow| flow.declined),
            &small(|flow| flow.bookings),
            &small(|flow| flow.sold_seats),
            &large(|flow| flow.gross),
            &small(|flow| flow.expired),
            &small(|flow| flow.expired_seats),
            &small(|flow| flow.returned),
            &small(|flow| flow.returned_seats),
            &small(|flow| flow.refunds),
            &large(|flow| flow.refunded),
        ];
        let add = transaction.prepare_cached(sql::SALES_ADD).await?;
        transaction.execute(&add, &parameters).await?;
    }
    if !counts.pay_times.is_empty() {
        let (events, buckets): (Vec<i32>, Vec<i16>) = counts.pay_times.keys().copied().unzip();
        let bookings: Vec<i32> = counts.pay_times.values().copied().collect();
        let add = transaction.prepare_cached(sql::SALES_ADD_PAY_TIMES).await?;
        transaction.execute(&add, &[&events, &buckets, &bookings]).await?;
    }
    Ok(())
}
