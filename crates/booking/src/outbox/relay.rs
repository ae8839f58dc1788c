//! The relay: carries the log to a sink.
//!
//! Guarantees:
//! - messages are published in the order of the log's numbers, without a gap
//! - a change of a kind that this relay does not know is left out, counted and said, and holds nothing up
//! - a relay starts where its sink ends, whoever was killed and when; a sink that lost its end gets it again
//! - of several relays of one sink one carries, and the others stand by ([`Turn`])
//! - what it has carried is noted in the registry, so that the log is kept for as long as it is needed
//! - where the sink knows what the log has lost in a fail-over, nothing is carried until a person accepts it: no number comes to mean
//!   something else ([`super::Registry::accept_loss`])
//! - its heartbeat is felt for each round that went well, so that one which gets nowhere is known

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep, timeout};
use tracing::{info, warn};

use super::describe::Describer;
use super::envelope::Envelope;
use super::log::{Change, ChangeLog};
use super::message::{Kind, Message};
use super::metrics::OutboxMetrics;
use super::sink::{Entry, LastEntry, Sink, SinkError};
use super::turn::{Turn, Whose};
use crate::db::listen::listen;
use crate::db::{Database, DbError};
use crate::sql;
use fairgate_telemetry::supervise::{Pulse, Supervisor};

/// Messages in one call to the sink.
const BATCH: i64 = 500;
/// The longest that something may wait when its notification is lost.
const POLL: Duration = Duration::from_millis(500);
const AGAIN_AFTER: Duration = Duration::from_secs(1);
const TIDY_EVERY: Duration = Duration::from_secs(10);
/// A relay that has got nowhere for so long is not well.
const SILENCE_MAX: Duration = Duration::from_secs(10);

/// Why a round did not come to its end; the next one begins where the sink ends.
#[derive(Debug, thiserror::Error)]
pub enum RelayError {
    /// The log cannot be read.
    #[error(transparent)]
    Database(#[from] DbError),
    /// The sink cannot be reached, or refuses.
    #[error(transparent)]
    Sink(#[from] SinkError),
    /// The sink was given what the log has lost.
    #[error(
        "the sink {sink} knows change {number}, which this database has lost or has given to something else, as after a fail-over. \
         Nothing is published there until you accept that: `fairgate outbox sink accept-loss {sink}`"
    )]
    Ahead {
        /// The sink's name.
        sink: String,
        /// The number with which it ends.
        number: i64,
    },
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
    name: String,
    sink: Arc<dyn Sink>,
    /// The database ([`Database::epoch`]) to which the sink was compared.
    compared_to: Option<u64>,
    turn: Turn,
    describer: Describer,
    envelope: Envelope,
    /// What is published; everything where it is empty.
    kinds: Vec<Kind>,
    at: Position,
    watched: Arc<Watched>,
}

/// How far a relay has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Position {
    /// The number with which the sink ends.
    end: i64,
    /// The number up to which the log was read for that: what lies between the two was left out.
    read: i64,
}

impl Relay {
    /// A relay for a sink that is registered under a name; any number may run.
    #[must_use]
    pub fn new(database: Database, (name, sink): (&str, Arc<dyn Sink>), watched: Arc<Watched>) -> Self {
        let (log, turn) = (ChangeLog::new(database.clone()), Turn::new(database.clone(), name));
        let (describer, at) = (Describer::new(database.clone()), Position::default());
        let (name, envelope) = (name.to_owned(), Envelope::default());
        Self { database, log, name, sink, compared_to: None, turn, describer, envelope, kinds: Vec::new(), at, watched }
    }

    /// The same with another envelope.
    #[must_use]
    pub fn with_envelope(self, envelope: Envelope) -> Self {
        Self { envelope, ..self }
    }

    /// The same for some kinds of changes only; none means all.
    #[must_use]
    pub fn with_kinds(self, kinds: Vec<Kind>) -> Self {
        Self { kinds, ..self }
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
                match self.sink.tidy().await {
                    Ok(held) => self.watched.metrics.set_stream(held),
                    Err(error) => warn!(%error, "what everybody has handled is dropped later"),
                }
            }
            let _ = timeout(POLL, wake.notified()).await;
        }
    }

    /// Publishes what has happened for good, where it is this relay's turn; says how much.
    ///
    /// # Errors
    /// [`RelayError`].
    pub async fn run_once(&mut self) -> Result<u64, RelayError> {
        match self.turn.look().await? {
            Whose::Others => {
                self.watched.metrics.set_unpublished(0);
                return Ok(0);
            }
            Whose::OursNow(_) => self.compared_to = None,
            Whose::Ours => {}
        }
        self.compare().await?;
        self.at = self.position().await?;
        let published = match self.log.settled(self.at.read).await? {
            Some(settled) => self.carry_up_to(settled).await?,
            None => {
                self.watched.metrics.set_unpublished(0);
                0
            }
        };
        self.turn.note(self.at.read).await?;
        Ok(published)
    }

    async fn carry_up_to(&mut self, settled: i64) -> Result<u64, RelayError> {
        let mut published = 0;
        while self.at.read < settled {
            self.watched.metrics.set_unpublished(settled - self.at.read);
            if !self.sink.has_room().await? {
                warn!("the stream is full: consumers are behind, and the relay waits for them");
                break;
            }
            let page = self.log.page(self.at.read, settled, BATCH).await?;
            let Some(last) = page.last().map(|row| row.change_id) else { break };
            let entries = self.entries(&page).await?;
            let ends = entries.last().map_or(self.at.end, |entry| entry.number);
            let end = self.sink.append(self.at.end, &entries).await?;
            // Where somebody else published meanwhile, or the sink lost its end, it goes on from there.
            self.at = Position { end, read: if end == ends { last } else { end } };
            if end == ends {
                published += entries.len() as u64;
                self.watched.metrics.count_published(entries.len() as u64);
            }
            self.watched.pulse.beat();
            self.watched.metrics.set_unpublished(settled - self.at.read);
            if !self.turn.note(self.at.read).await? {
                break;
            }
        }
        Ok(published)
    }

    async fn entries(&mut self, page: &[Change]) -> Result<Vec<Entry>, DbError> {
        let source = self.describer.installation().await?.source();
        let messages = self.describer.messages(page).await?;
        self.watched.metrics.count_skipped((page.len() - messages.len()) as u64);
        let entry = |message: &Message| {
            if !self.kinds.is_empty() && !self.kinds.contains(&message.kind) {
                return None;
            }
            let text = self.envelope.wrap(&source, message)?;
            let (topic, event) = (message.kind.topic(), message.event.id.clone());
            Some(Entry { number: message.id, topic, event, message: text })
        };
        Ok(messages.iter().filter_map(entry).collect())
    }

    /// Makes sure that the log knows what the sink ends with. It may not after a fail-over, and that begins another turn.
    async fn compare(&mut self) -> Result<(), RelayError> {
        let epoch = Some(self.database.epoch());
        if self.compared_to == epoch {
            return Ok(());
        }
        if let Some(LastEntry { number, message }) = self.sink.last().await? {
            let message = Message::read(&message).ok().flatten();
            let kind = message.as_ref().map(|message| message.kind.name());
            let booking = message.and_then(|message| message.booking).map(|booking| booking.booking_id);
            let client = self.database.client().await?;
            let check = client.prepare_cached(sql::SINK_CHECK).await?;
            let row = client.query_opt(&check, &[&self.name, &number, &kind, &booking]).await?;
            if row.is_some_and(|row| row.get("is_ahead")) {
                // It waits for a person, and is not frozen.
                self.turn.note_now(None, None).await?;
                return Err(RelayError::Ahead { sink: self.name.clone(), number });
            }
        }
        self.compared_to = epoch;
        Ok(())
    }

    /// Where the sink ends, and how far the log was read for that.
    async fn position(&self) -> Result<Position, RelayError> {
        let end = self.sink.position().await?;
        Ok(if end == self.at.end { self.at } else { Position { end, read: end } })
    }
}
