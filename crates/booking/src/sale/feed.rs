//! The change feed: what other cores did, so that every core's memory is right again within a moment.
//!
//! Guarantees:
//! - notifications only wake
//! - the tables are read from the oldest transaction that had not ended last time, so nothing that commits late is
//!   passed over
//! - a notification that got lost costs a third of a second
//!
//! Two kinds of core read every seat again. One was cut off for so long that rows of the change log may have been
//! removed ([`GAP_MAX`]). The other finds another server than before: a standby that took over may lack the last
//! changes.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep, timeout};
use tracing::warn;
use uuid::Uuid;

use super::on_sale::Events;
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
    unread: BTreeMap<i32, Vec<u32>>,
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
            self.doubt_everything();
            self.epoch = epoch;
        }
        let client = self.database.client().await?;
        let statement = client.prepare_cached(sql::FEED_READ).await?;
        let mut edited = false;
        for row in client.query(&statement, &[&self.horizon, &self.core]).await? {
            edited |= row.get::<_, &str>("kind") == "edited";
            let units: Vec<i32> = row.get("units");
            self.unread.entry(row.get("event_id")).or_default().extend(units.into_iter().map(unsigned));
        }
        drop(client);
        if edited {
            self.events.reload().await?;
        }
        self.refresh().await?;
        (self.horizon, self.read_at) = (horizon, began);
        Ok(())
    }

    /// Has every seat read again.
    fn doubt_everything(&mut self) {
        for event in self.events.all() {
            let seat_map = event.state.seat_map();
            self.unread.entry(seat_map.facts.event_id).or_default().extend(0..seat_map.seats());
        }
    }

    async fn refresh(&mut self) -> Result<(), DbError> {
        for (event_id, units) in &mut self.unread {
            if let Some(event) = self.events.find_by_id(*event_id).filter(|_| !units.is_empty()) {
                units.sort_unstable();
                units.dedup();
                *units = self.events.refresh(&event, units).await?;
            }
        }
        self.unread.retain(|_, units| !units.is_empty());
        Ok(())
    }

    async fn read_horizon(&self) -> Result<i64, DbError> {
        let client = self.database.client().await?;
        let statement = client.prepare_cached(sql::FEED_HORIZON).await?;
        Ok(client.query_one(&statement, &[]).await?.get("horizon"))
    }
}
