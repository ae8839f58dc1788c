//! The reader: counts what the change log says, as one of its sinks.
//!
//! Guarantees:
//! - counts and position are written in one transaction, by whoever has the sink's turn
//! - whoever is killed, and whenever: nothing is counted twice or left out
//! - signals are looked for in what was counted, and nothing waits for them

use std::sync::Arc;
use std::time::Duration;

use prometheus::Registry;
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};
use tokio_postgres::types::ToSql;
use tracing::warn;

use super::flow::Flow;
use super::fold::{Bought, Counts, Happened};
use super::halls::Halls;
use super::signals::Happening;
use super::watch::Watch;
use crate::db::listen::listen;
use crate::db::{Database, DbError, DbTime, Transaction};
use crate::outbox::{ChangeLog, Installation, Turn, Whose};
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
/// Rows of the log that are looked at again by whoever takes over, for signals.
const REMEMBERED: i64 = 50_000;

metrics! {
    /// The metrics themselves.
    struct Metrics {
        /// Changes that this core has counted for organizers.
        insight_changes_total: IntCounter,
        /// Rounds of counting that failed; what they left is counted later.
        insight_failures_total: IntCounter,
        /// Signals that this core has found in sales, by kind. Each is evidence, and nothing is refused because of it.
        insight_signals_total: IntCounterVec["kind"],
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
    halls: Halls,
    watch: Watch,
    /// True once it sees what whoever had the turn before has seen.
    remembers: bool,
    /// Makes the pseudonyms of fans.
    installation: Option<Installation>,
}

impl InsightReader {
    /// A reader; any number may run.
    #[must_use]
    pub fn new(database: Database, metrics: InsightMetrics) -> Self {
        let (log, turn) = (ChangeLog::new(database.clone()), Turn::new(database.clone(), INSIGHT));
        let halls = Halls::new(database.clone());
        let watch = Watch::new(database.clone(), metrics.0.insight_signals_total.clone());
        Self { database, log, turn, position: 0, metrics, halls, watch, remembers: false, installation: None }
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
            Whose::OursNow(start) => {
                (self.position, self.remembers) = (start.position, false);
            }
        }
        if !self.remembers {
            self.remember().await?;
            self.remembers = true;
        }
        if let Some(settled) = self.log.settled(self.position).await? {
            while self.position < settled && self.count_page(settled).await? {}
        } else {
            self.turn.note(self.position).await?;
        }
        self.watch.look(&mut self.halls, &mut self.turn, self.position).await?;
        Ok(())
    }

    /// Sees again what whoever had the turn before has seen.
    async fn remember(&mut self) -> Result<(), DbError> {
        self.watch.clear();
        let (mut after, up_to) = (self.position.saturating_sub(REMEMBERED).max(0), self.position);
        while after < up_to {
            let page = self.page(after, up_to).await?;
            self.watch.add(page.happenings());
            after = page.up_to;
        }
        Ok(())
    }

    /// Counts a page; false if the turn is lost.
    async fn count_page(&mut self, settled: i64) -> Result<bool, DbError> {
        let page = self.page(self.position, settled).await?;
        let mut counts = Counts::default();
        page.rows.iter().for_each(|(happened, _)| counts.add(happened));
        let transaction = self.database.begin().await?;
        write(&transaction, &counts).await?;
        if !self.turn.note_in(&transaction, page.up_to).await? {
            transaction.roll_back().await?;
            return Ok(false);
        }
        transaction.commit().await?;
        self.position = page.up_to;
        self.metrics.0.insight_changes_total.inc_by(page.rows.len() as u64);
        self.watch.add(page.happenings());
        Ok(true)
    }

    /// The next rows after a number, up to another one.
    async fn page(&mut self, after: i64, settled: i64) -> Result<Page, DbError> {
        let client = self.database.client().await?;
        let page = client.prepare_cached(sql::SALES_PAGE).await?;
        let rows = client.query(&page, &[&after, &settled, &PAGE]).await?;
        drop(client);
        let is_last = (rows.len() as i64) < PAGE;
        let up_to = rows.last().filter(|_| !is_last).map_or(settled, |row| row.get("change_id"));
        if self.installation.is_none() {
            self.installation = Some(Installation::load(&self.database).await?);
        }
        let fan = |session: &str| self.installation.as_ref().map_or(0, |installation| installation.fan_number(session));
        let happenings: Vec<Happening> = rows.iter().map(|row| read_happening(row, fan(row.get("session")))).collect();
        let mut page = Page { rows: Vec::with_capacity(rows.len()), up_to };
        for (row, happening) in rows.iter().zip(happenings) {
            let event_id: i32 = row.get("event_id");
            let happened = Happened {
                at: row.get("at"),
                event_id,
                section: self.halls.section(event_id, happening.units.first().copied().unwrap_or(0)).await?,
                kind: happening.kind.clone(),
                seats: happening.units.len() as i64,
                amount: row.get("amount"),
                created_at: row.get("created_at"),
                confirmed_at: row.get("confirmed_at"),
                fan: happening.fan,
                reason: row.get("reason"),
            };
            page.rows.push((happened, happening));
        }
        Ok(page)
    }
}

/// Rows of the log, for the counts and for the signals.
struct Page {
    rows: Vec<(Happened, Happening)>,
    /// The number up to which these are all.
    up_to: i64,
}

impl Page {
    fn happenings(&self) -> impl Iterator<Item = (i32, &Happening)> {
        self.rows.iter().map(|(happened, happening)| (happened.event_id, happening))
    }
}

fn read_happening(row: &tokio_postgres::Row, fan: u64) -> Happening {
    Happening {
        at: row.get::<_, DbTime>("at").0,
        booking_id: row.get("booking_id"),
        fan,
        kind: row.get("kind"),
        units: row.get("units"),
        network: row.get("network"),
        pass_age_ms: row.get("pass_age_ms"),
        mailbox: row.get("mailbox"),
        card: row.get("card"),
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
    if !counts.buyers.is_empty() {
        let (events, fans): (Vec<i32>, Vec<i64>) =
            counts.buyers.keys().map(|(event_id, fan)| (*event_id, fan.cast_signed())).unzip();
        let small = |of: fn(&Bought) -> i64| -> Vec<i32> {
            counts.buyers.values().map(|bought| i32::try_from(of(bought)).unwrap_or(i32::MAX)).collect()
        };
        let add = transaction.prepare_cached(sql::SALES_ADD_BUYERS).await?;
        let (bookings, seats) = (small(|bought| bought.bookings), small(|bought| bought.seats));
        transaction.execute(&add, &[&events, &fans, &bookings, &seats]).await?;
    }
    if !counts.declines.is_empty() {
        let (events, reasons): (Vec<i32>, Vec<&str>) =
            counts.declines.keys().map(|(event_id, reason)| (*event_id, reason.as_str())).unzip();
        let payments: Vec<i32> = counts.declines.values().copied().collect();
        let add = transaction.prepare_cached(sql::SALES_ADD_DECLINES).await?;
        transaction.execute(&add, &[&events, &reasons, &payments]).await?;
    }
    Ok(())
}
