//! Keeps the table `due`: what the change log says becomes rows, and what is due becomes a change.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use tokio::time::sleep;
use tokio_postgres::Row;
use tracing::{error, info, warn};
use uuid::Uuid;

use super::due::{Plan, derive, plan};
use crate::db::{Database, DbError, DbTime};
use crate::outbox::{Delivery, Kind, LogQueue, Message, QueueError, Schedule, WorkQueue};
use crate::sql;
use fairgate_telemetry::clock::Clock;

/// The name of the reader.
pub const REMINDERS: &str = "reminders";
/// What changes when somebody is reminded.
const KINDS: [Kind; 3] = [Kind::Booked, Kind::Cancelled, Kind::Changed];

/// Messages worked on at once.
const AT_ONCE: usize = 64;
const AGAIN_AFTER: Duration = Duration::from_secs(1);
/// How often it is looked for what is due.
const FIRE_EVERY: Duration = Duration::from_secs(2);
/// Reminders that become changes in one transaction.
const FIRE_AT_ONCE: i64 = 500;
/// How often every instant is derived again: the rules for clocks change with some days' notice.
const DERIVE_EVERY: Duration = Duration::from_secs(24 * 3600);
/// Rows that are derived from one page.
const DERIVE_PAGE: i64 = 500;

/// Reminds people.
pub struct ReminderKeeper {
    database: Database,
    queue: LogQueue,
    clock: Arc<dyn Clock>,
}

impl std::fmt::Debug for ReminderKeeper {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ReminderKeeper").finish_non_exhaustive()
    }
}

/// Why a message did not become a row.
#[derive(Debug, thiserror::Error)]
enum Unnoted {
    #[error("the message cannot be read: {0}")]
    Unreadable(#[from] serde_json::Error),
    #[error(transparent)]
    Database(#[from] DbError),
}

/// What a reminder follows from.
struct Source {
    event_id: i32,
    starts_at: DbTime,
    zone: String,
    recipient_zone: Option<String>,
}

impl ReminderKeeper {
    /// A keeper; any number may run.
    #[must_use]
    pub fn new(database: Database, schedule: Schedule, clock: Arc<dyn Clock>) -> Self {
        let queue = LogQueue::new(database.clone(), REMINDERS, &KINDS, schedule);
        Self { database, queue, clock }
    }

    /// Keeps for ever.
    pub async fn run(&self) {
        tokio::join!(self.read(), self.fire(), self.derive(), self.queue.tend());
    }

    async fn read(&self) {
        let mut fails = false;
        loop {
            match self.read_once().await {
                Ok(()) => fails = false,
                Err(error) => {
                    if !std::mem::replace(&mut fails, true) {
                        warn!(%error, "reminders cannot be planned; it is tried again and again");
                    }
                    sleep(AGAIN_AFTER).await;
                }
            }
        }
    }

    async fn fire(&self) {
        loop {
            match self.fire_once().await {
                Ok(fired) if fired == FIRE_AT_ONCE => continue,
                Ok(_) => {}
                Err(error) => warn!(%error, "reminders cannot be looked up; it is tried again and again"),
            }
            sleep(FIRE_EVERY).await;
        }
    }

    async fn derive(&self) {
        loop {
            match self.derive_again(None).await {
                Ok(0) => {}
                Ok(moved) => info!(moved, "reminders are due at another instant than before"),
                Err(error) => {
                    warn!(%error, "reminders cannot be derived again; it is tried again");
                    sleep(AGAIN_AFTER * 60).await;
                    continue;
                }
            }
            sleep(DERIVE_EVERY).await;
        }
    }

    /// Works on what the log says.
    ///
    /// # Errors
    /// When the database cannot be reached.
    pub async fn read_once(&self) -> Result<(), QueueError> {
        for delivery in self.queue.take(AT_ONCE).await? {
            match self.note(&delivery).await {
                Ok(()) => self.queue.done(&delivery).await?,
                Err(unreadable @ Unnoted::Unreadable(_)) => {
                    error!(error = %unreadable, "a message can never be read: it is among the dead letters");
                    self.queue.bury(&delivery, &unreadable.to_string()).await?;
                }
                Err(failed) => {
                    self.queue.failed(&delivery, &failed.to_string()).await?;
                }
            }
        }
        Ok(())
    }

    async fn note(&self, delivery: &Delivery) -> Result<(), Unnoted> {
        // What only a newer program knows is none of ours.
        let Some(message) = Message::read(&delivery.message)? else { return Ok(()) };
        match (message.kind, &message.booking) {
            (Kind::Booked, Some(booking)) => self.plan(booking.booking_id).await?,
            (Kind::Cancelled, Some(booking)) => self.forget(booking.booking_id).await?,
            (Kind::Changed, _) => {
                self.derive_again(Some(&message.event.id)).await?;
            }
            _ => {}
        }
        Ok(())
    }

    /// Plans the reminder of a booking, unless its time is over.
    async fn plan(&self, booking_id: Uuid) -> Result<(), DbError> {
        let client = self.database.client().await?;
        let statement = client.prepare_cached(sql::DUE_SOURCE).await?;
        let Some(row) = client.query_opt(&statement, &[&booking_id]).await? else { return Ok(()) };
        let source = Source::read(&row);
        let Some(Plan { wall, at }) = source.plan() else { return Ok(()) };
        if at <= self.now() {
            return Ok(());
        }
        let put = client.prepare_cached(sql::DUE_PUT).await?;
        let Source { event_id, starts_at, zone, recipient_zone } = source;
        let (wall, at) = (wall.to_string(), db_time(at));
        client.execute(&put, &[&booking_id, &event_id, &wall, &zone, &recipient_zone, &starts_at, &at]).await?;
        Ok(())
    }

    async fn forget(&self, booking_id: Uuid) -> Result<(), DbError> {
        let client = self.database.client().await?;
        let statement = client.prepare_cached(sql::DUE_DROP).await?;
        client.execute(&statement, &[&booking_id]).await?;
        Ok(())
    }

    /// Makes changes of what is due; says of how many.
    ///
    /// # Errors
    /// When the database cannot be reached.
    pub async fn fire_once(&self) -> Result<i64, DbError> {
        let client = self.database.client().await?;
        let statement = client.prepare_cached(sql::DUE_FIRE).await?;
        let row = client.query_one(&statement, &[&db_time(self.now()), &FIRE_AT_ONCE]).await?;
        Ok(row.get("fired"))
    }

    /// Derives every instant again, or those of one event, and forgets what is over. Says how many are others than before.
    ///
    /// # Errors
    /// When the database cannot be reached.
    pub async fn derive_again(&self, event: Option<&str>) -> Result<usize, DbError> {
        let client = self.database.client().await?;
        let over = client.prepare_cached(sql::DUE_OVER).await?;
        client.execute(&over, &[&db_time(self.now())]).await?;
        let page = client.prepare_cached(sql::DUE_PAGE).await?;
        let moving = client.prepare_cached(sql::DUE_MOVE).await?;
        let (mut after, mut moved) = (Uuid::nil(), 0);
        loop {
            let rows = client.query(&page, &[&after, &event, &DERIVE_PAGE]).await?;
            let Some(last) = rows.last() else { return Ok(moved) };
            after = last.get("booking_id");
            for row in &rows {
                let source = Source::read(row);
                let Some(Plan { wall, at }) = source.plan_of(row) else { continue };
                if db_time(at) == row.get("at") && source.starts_at == row.get("planned_for") {
                    continue;
                }
                let (booking_id, now): (Uuid, _) = (row.get("booking_id"), db_time(self.now()));
                let (wall, at) = (wall.to_string(), db_time(at));
                moved += 1;
                client.execute(&moving, &[&booking_id, &wall, &source.zone, &source.starts_at, &at, &now]).await?;
            }
        }
    }

    fn now(&self) -> Timestamp {
        let now_ms = i64::try_from(self.clock.now_ms()).unwrap_or(i64::MAX);
        Timestamp::from_millisecond(now_ms).unwrap_or(Timestamp::MAX)
    }
}

impl Source {
    fn read(row: &Row) -> Self {
        Self {
            event_id: row.get("event_id"),
            starts_at: row.get("starts_at"),
            zone: row.get("zone"),
            recipient_zone: row.get("recipient_zone"),
        }
    }

    fn starts_at(&self) -> Option<Timestamp> {
        Timestamp::from_millisecond(self.starts_at.0).ok()
    }

    /// The place's zone and the recipient's, who is at the place unless they said otherwise.
    fn zones(&self) -> (TimeZone, TimeZone) {
        let place = TimeZone::get(&self.zone).unwrap_or(TimeZone::UTC);
        let recipient = self.recipient_zone.as_deref().and_then(|zone| TimeZone::get(zone).ok());
        (place.clone(), recipient.unwrap_or(place))
    }

    fn plan(&self) -> Option<Plan> {
        let (place, recipient) = self.zones();
        Some(plan(self.starts_at()?, &place, &recipient))
    }

    /// The plan of a row: its wall time stays as long as its event does.
    fn plan_of(&self, row: &Row) -> Option<Plan> {
        let is_same = self.starts_at == row.get("planned_for") && self.zone == row.get::<_, &str>("planned_zone");
        let wall: Option<DateTime> = row.get::<_, &str>("wall").parse().ok().filter(|_| is_same);
        let Some(wall) = wall else { return self.plan() };
        let (place, recipient) = self.zones();
        Some(Plan { wall, at: derive(wall, self.starts_at()?, &place, &recipient) })
    }
}

fn db_time(at: Timestamp) -> DbTime {
    DbTime(at.as_millisecond())
}
