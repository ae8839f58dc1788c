//! The relay: carries the log to Redis Streams.
//!
//! Guarantees:
//! - messages are published in the order of the log's numbers, without a gap
//! - a change of a kind that this relay does not know is left out, counted and said, and holds nothing up
//! - a message's number is its id in the stream, so the stream itself says how far publishing has come, whoever was
//!   killed and when
//! - a relay starts where the stream ends, several relays do not repeat each other, and a stream that lost its end
//!   gets it again
//! - its heartbeat is felt for each round that went well, so that one which gets nowhere is known

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep, timeout};
use tracing::{info, warn};

use super::log::{Change, ChangeLog};
use super::message::{Kind, Message};
use super::metrics::OutboxMetrics;
use super::streams::{Redis, StreamError};
use crate::db::listen::listen;
use crate::db::{Database, DbError};
use crate::events::read::read_event;
use crate::events::seat_map::SeatMap;
use crate::sql;
use fairgate_telemetry::supervise::{Pulse, Supervisor};

/// Messages in one call to Redis.
const BATCH: i64 = 500;
/// The longest that something may wait when its notification is lost.
const POLL: Duration = Duration::from_millis(500);
const AGAIN_AFTER: Duration = Duration::from_secs(1);
const TIDY_EVERY: Duration = Duration::from_secs(10);
/// Events that are remembered; beyond it they are read again.
const SEAT_MAPS_MAX: usize = 512;
/// Unknown kinds that are told one by one.
const UNKNOWN_MAX: usize = 16;
/// A relay that has got nowhere for so long is not well.
const SILENCE_MAX: Duration = Duration::from_secs(10);

/// Why a round did not come to its end; the next one begins where the stream ends.
#[derive(Debug, thiserror::Error)]
pub enum RelayError {
    /// The log cannot be read.
    #[error(transparent)]
    Database(#[from] DbError),
    /// Redis cannot be reached, or refuses.
    #[error(transparent)]
    Stream(#[from] StreamError),
}

impl From<tokio_postgres::Error> for RelayError {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Database(error.into())
    }
}

/// By what a relay is watched; it outlives a relay that panics.
#[derive(Debug)]
pub struct Watched {
    metrics: OutboxMetrics,
    pulse: Pulse,
}

impl Watched {
    /// A pulse named `relay`, and metrics.
    #[must_use]
    pub fn new(supervisor: &Supervisor, metrics: OutboxMetrics) -> Self {
        Self { metrics, pulse: supervisor.pulse_within("relay", SILENCE_MAX) }
    }
}

/// Carries the log.
#[derive(Debug)]
pub struct Relay {
    database: Database,
    log: ChangeLog,
    redis: Redis,
    seat_maps: HashMap<i32, Arc<SeatMap>>,
    at: Position,
    /// Kinds that were left out.
    unknown: HashSet<String>,
    watched: Arc<Watched>,
}

/// How far a relay has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Position {
    /// The number with which the stream ends.
    stream: i64,
    /// The number up to which the log was read for that: what lies between the two was left out.
    read: i64,
}

impl Relay {
    /// A relay; any number may run.
    #[must_use]
    pub fn new(database: Database, redis: Redis, watched: Arc<Watched>) -> Self {
        let (seat_maps, unknown, at) = (HashMap::new(), HashSet::new(), Position::default());
        Self { log: ChangeLog::new(database.clone()), database, redis, seat_maps, at, unknown, watched }
    }

    /// Carries for ever.
    pub async fn run(mut self, supervisor: &Supervisor) {
        let (database, wake) = (self.database.clone(), Arc::new(Notify::new()));
        // Where nothing can be listened for, polls have to do.
        let ears = supervisor.keep_until_done("relay's ears", || listen(database.clone(), Arc::clone(&wake)));
        tokio::join!(ears, self.carry(&wake));
    }

    async fn carry(&mut self, wake: &Notify) {
        let mut tidied_at: Option<Instant> = None;
        loop {
            match self.run_once().await {
                Ok(published) => {
                    self.watched.pulse.beat();
                    if published > 0 {
                        info!(published, "published");
                    }
                }
                Err(error) => {
                    self.watched.metrics.count_failed_relay();
                    warn!(%error, "what happened could not be published and is published later");
                    sleep(AGAIN_AFTER).await;
                }
            }
            if tidied_at.is_none_or(|at| at.elapsed() > TIDY_EVERY) {
                tidied_at = Some(Instant::now());
                if let Err(error) = self.tidy().await {
                    warn!(%error, "what everybody has handled is dropped later");
                }
            }
            let _ = timeout(POLL, wake.notified()).await;
        }
    }

    /// Publishes what has happened for good; says how much.
    ///
    /// # Errors
    /// [`RelayError`].
    pub async fn run_once(&mut self) -> Result<u64, RelayError> {
        let mut at = self.position().await?;
        let settled = self.log.settled(at.read).await?;
        self.watched.metrics.set_unpublished(settled.map_or(0, |settled| settled - at.read));
        let Some(settled) = settled else { return Ok(0) };
        let mut published = 0;
        while at.read < settled {
            self.redis.wait_for_room().await?;
            let page = self.log.page(at.read, settled, BATCH).await?;
            let Some(last) = page.last().map(|row| row.change_id) else { break };
            let messages = self.describe(&page).await?;
            let ends = messages.last().map_or(at.stream, |(id, _)| *id);
            let stands = self.redis.publish(Some(at.stream), &messages).await?;
            // Where somebody else published meanwhile, or the stream lost its end, it goes on from there.
            at = Position { stream: stands, read: if stands == ends { last } else { stands } };
            if stands == ends {
                published += messages.len() as u64;
                self.watched.metrics.count_published(messages.len() as u64);
            }
            self.at = at;
            self.watched.pulse.beat();
            self.watched.metrics.set_unpublished(settled - at.read);
        }
        Ok(published)
    }

    /// Where the stream ends, and how far the log was read for that.
    async fn position(&self) -> Result<Position, RelayError> {
        let stream = self.redis.publish(None, &[]).await?;
        Ok(if stream == self.at.stream { self.at } else { Position { stream, read: stream } })
    }

    /// Drops messages that every consumer has handled, and notes how far the stream has come, so that cores can drop what it
    /// is told from.
    async fn tidy(&self) -> Result<(), RelayError> {
        self.redis.trim().await?;
        let position = self.position().await?;
        let client = self.database.client().await?;
        let note = client.prepare_cached(sql::OUTBOX_PUBLISHED).await?;
        client.execute(&note, &[&position.read]).await?;
        drop(client);
        self.watched.metrics.set_stream(self.redis.messages().await?);
        Ok(())
    }

    async fn describe(&mut self, page: &[Change]) -> Result<Vec<(i64, String)>, DbError> {
        let mut messages = Vec::with_capacity(page.len());
        for row in page {
            let Some(kind) = Kind::from_name(&row.kind) else {
                self.skip(row);
                continue;
            };
            let message = Message::new(kind, &*self.seat_map(row).await?, row);
            messages.push((row.change_id, serde_json::to_string(&message).expect("a struct of strings and numbers")));
        }
        Ok(messages)
    }

    /// Leaves out what a newer core has written, and says so once for each kind.
    fn skip(&mut self, row: &Change) {
        self.watched.metrics.count_skipped();
        if self.unknown.len() < UNKNOWN_MAX && self.unknown.insert(row.kind.clone()) {
            warn!(
                kind = row.kind,
                first = row.change_id,
                "a kind of change is unknown here and is left out: upgrade the relay"
            );
        }
    }

    async fn seat_map(&mut self, row: &Change) -> Result<Arc<SeatMap>, DbError> {
        let event_id = row.event_id;
        if let Some(seat_map) = self.seat_maps.get(&event_id).filter(|_| row.kind != "edited") {
            return Ok(Arc::clone(seat_map));
        }
        let client = self.database.client().await?;
        let seat_map = read_event(&client, event_id).await?;
        let seat_map = Arc::new(seat_map.ok_or_else(|| DbError::Odd(format!("there is no event {event_id}")))?);
        if self.seat_maps.len() >= SEAT_MAPS_MAX {
            self.seat_maps.clear();
        }
        self.seat_maps.insert(event_id, Arc::clone(&seat_map));
        Ok(seat_map)
    }
}
