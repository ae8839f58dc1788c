//! The change feed: what other cores did, so that every core's memory is right again within a moment.
//!
//! Guarantees:
//! - notifications only wake
//! - the tables are read from the oldest transaction that had not ended last time, so nothing that commits late is
//!   passed over
//! - a notification that got lost costs a third of a second
//! - an edit costs the event that was edited; what happened to an event without a desk costs nothing
//!
//! Two kinds of core read every seat of their desks again. One was cut off for so long that rows of the change log may have been
//! removed ([`GAP_MAX`]). The other finds another server than before: a standby that took over may lack the last
//! changes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep, timeout};
use tracing::warn;
use uuid::Uuid;

use super::on_sale::{Desk, Events};
use crate::db::listen::listen;
use crate::db::{Database, DbError};
use crate::metrics::BookingMetrics;
use crate::sql;
use crate::units::unsigned;
use crate::upkeep::prune::KEPT_MIN;
use fairgate_telemetry::supervise::Pulse;

/// The longest that a change may go unseen when its notification is lost.
const POLL: Duration = Duration::from_millis(300);
/// Between two rounds, however often we are woken.
const REST: Duration = Duration::from_millis(50);

/// After a gap of this length every seat is read again: the log of what happened may have been shortened meanwhile.
pub const GAP_MAX: Duration = Duration::from_secs(KEPT_MIN.as_secs() / 2);

/// Seats of an event that have to be read anew.
#[derive(Debug, Default)]
struct Unread {
    units: Vec<u32>,
    /// Every seat, however many there are: the event's desk may not be open yet.
    all: bool,
}

/// Follows the other cores.
#[derive(Debug)]
pub struct Feed {
    database: Database,
    events: Arc<Events>,
    core: Uuid,
    metrics: Arc<BookingMetrics>,
    gap_max: Duration,
    horizon: i64,
    epoch: u64,
    read_at: Instant,
    unread: BTreeMap<i32, Unread>,
}

impl Feed {
    /// Begins where the database stands now; to be called before the events are read. After a gap of `gap_max` ([`GAP_MAX`])
    /// every seat is read again.
    ///
    /// # Errors
    /// When the database cannot be reached.
    pub async fn begin(
        database: Database,
        events: Arc<Events>,
        core: Uuid,
        metrics: Arc<BookingMetrics>,
        gap_max: Duration,
    ) -> Result<Self, DbError> {
        let (read_at, unread) = (Instant::now(), BTreeMap::new());
        let mut feed = Self { database, events, core, metrics, gap_max, horizon: 0, epoch: 0, read_at, unread };
        feed.horizon = feed.read_horizon().await?;
        feed.epoch = feed.database.epoch();
        Ok(feed)
    }

    /// Follows for ever. The pulse is felt in each round, and `alive` is told after each that went well.
    pub async fn run(&mut self, pulse: &Pulse, alive: impl Fn()) {
        let (database, wake) = (self.database.clone(), Arc::new(Notify::new()));
        // Where nothing can be listened for, polls have to do.
        tokio::join!(listen(database, Arc::clone(&wake)), self.follow(&wake, pulse, alive));
    }

    async fn follow(&mut self, wake: &Notify, pulse: &Pulse, alive: impl Fn()) {
        loop {
            pulse.beat();
            match self.run_once().await {
                Ok(()) => alive(),
                Err(error) => {
                    warn!(%error, "the change feed could not be read and is read again");
                    self.metrics.count_failed_feed();
                }
            }
            sleep(REST).await;
            let _ = timeout(POLL, wake.notified()).await;
        }
    }

    /// Takes over what happened since the last round.
    ///
    /// # Errors
    /// When the database cannot be read; the next round begins at the same place.
    pub async fn run_once(&mut self) -> Result<(), DbError> {
        let horizon = self.read_horizon().await?;
        let began = Instant::now();
        let epoch = self.database.epoch();
        if self.read_at.elapsed() > self.gap_max || epoch != self.epoch {
            self.events.load().await?;
            self.doubt_everything();
            self.epoch = epoch;
        }
        let client = self.database.client().await?;
        let statement = client.prepare_cached(sql::FEED_READ).await?;
        let mut edited = BTreeSet::new();
        for row in client.query(&statement, &[&self.horizon, &self.core]).await? {
            let (event_id, units): (i32, Vec<i32>) = (row.get("event_id"), row.get("units"));
            if row.get::<_, &str>("kind") == "edited" {
                edited.insert(event_id);
            }
            if !units.is_empty() {
                self.unread.entry(event_id).or_default().units.extend(units.into_iter().map(unsigned));
            }
        }
        drop(client);
        if !edited.is_empty() {
            self.events.take_over(&edited.into_iter().collect::<Vec<_>>()).await?;
        }
        self.refresh().await?;
        (self.horizon, self.read_at) = (horizon, began);
        Ok(())
    }

    /// Has every seat of every desk read again.
    fn doubt_everything(&mut self) {
        for event_id in self.events.with_desks() {
            self.unread.entry(event_id).or_default().all = true;
        }
    }

    /// Reads anew what has changed. What happened to an event whose desk is just being opened waits for that: its seats
    /// may have been read before.
    async fn refresh(&mut self) -> Result<(), DbError> {
        for (event_id, unread) in &mut self.unread {
            match self.events.look(*event_id) {
                Desk::Open(desk) => {
                    if std::mem::take(&mut unread.all) {
                        unread.units = (0..desk.state.seat_map().seats()).collect();
                    }
                    tidy(&mut unread.units);
                    unread.units = self.events.refresh(&desk.state, &unread.units).await?;
                }
                Desk::Opening => tidy(&mut unread.units),
                Desk::Closed => *unread = Unread::default(),
            }
        }
        self.unread.retain(|_, unread| unread.all || !unread.units.is_empty());
        Ok(())
    }

    async fn read_horizon(&self) -> Result<i64, DbError> {
        let client = self.database.client().await?;
        let statement = client.prepare_cached(sql::FEED_HORIZON).await?;
        Ok(client.query_one(&statement, &[]).await?.get("horizon"))
    }
}

fn tidy(units: &mut Vec<u32>) {
    units.sort_unstable();
    units.dedup();
}
