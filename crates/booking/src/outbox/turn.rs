//! One at a time: whoever works for a sink has its turn, and others stand by.
//!
//! Guarantees:
//! - two processes have the same sink's turn only while one of them does not know yet that it has lost it
//! - what such a one notes is not written: each turn has its own epoch
//! - the turn of a process that died is free at once, that of a machine that vanished after some seconds
//! - a process that is frozen loses its turn to whoever stands by
//!
//! The turn is an advisory lock on a connection of its own. It keeps order, but does not fence: that is the sink's part
//! ([`super::Sink::append`]).

use std::time::{Duration, Instant};

use tokio_postgres::Client;
use tokio_postgres::types::ToSql;
use tracing::{info, warn};

use crate::db::{Database, DbError, DbTime, Transaction};
use crate::sql;

/// How often those who stand by look.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How often whoever has the turn says so, where there is nothing else to note.
const SEEN_EVERY: Duration = Duration::from_secs(2);
/// Not seen for so long, whoever has the turn is taken for frozen. Longer than any round takes.
const FROZEN_AFTER: Duration = Duration::from_secs(30);

/// Where a sink stood when its turn was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Start {
    /// The number up to which the log was read.
    pub(crate) position: i64,
    /// The number up to which work had begun.
    pub(crate) taken: i64,
}

/// Whose turn it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Whose {
    /// Ours, from this moment on.
    OursNow(Start),
    /// Ours, as it was.
    Ours,
    /// Somebody else's.
    Others,
}

/// The turn of one sink, as one process sees it.
#[derive(Debug)]
pub(crate) struct Turn {
    database: Database,
    sink: String,
    /// Kept while we stand by, too.
    connection: Option<Client>,
    held: Option<Held>,
    looked_at: Option<Instant>,
}

#[derive(Debug)]
struct Held {
    epoch: i64,
    noted_at: Instant,
    /// What was noted last.
    position: i64,
}

impl Turn {
    pub(crate) fn new(database: Database, sink: &str) -> Self {
        Self { database, sink: sink.to_owned(), connection: None, held: None, looked_at: None }
    }

    /// Looks whose turn it is, and takes it where it is nobody's.
    pub(crate) async fn look(&mut self) -> Result<Whose, DbError> {
        if self.connection.as_ref().is_some_and(Client::is_closed) {
            self.lose("its connection has ended");
        }
        if self.held.is_some() {
            return Ok(Whose::Ours);
        }
        if self.looked_at.is_some_and(|at| at.elapsed() < LOOK_EVERY) {
            return Ok(Whose::Others);
        }
        let stands_by = self.looked_at.replace(Instant::now()).is_some();
        if !self.take().await? {
            if !stands_by {
                info!(sink = self.sink, "another process works for this sink: standing by");
            }
            return self.end_frozen().await.map(|()| Whose::Others);
        }
        self.take_over().await.map(Whose::OursNow)
    }

    /// Notes how far the sink has come; false if somebody else has the turn by now. Says it to the database where it is news, or
    /// nothing was said for a while.
    pub(crate) async fn note(&mut self, position: i64) -> Result<bool, DbError> {
        let Some(held) = &self.held else { return Ok(false) };
        let quiet = held.noted_at.elapsed();
        let is_due = if held.position == position { quiet > SEEN_EVERY } else { quiet > LOOK_EVERY };
        if is_due { self.note_now(Some(position), None).await } else { Ok(true) }
    }

    /// Notes it at once; what is not given stays as it is.
    pub(crate) async fn note_now(&mut self, position: Option<i64>, taken: Option<i64>) -> Result<bool, DbError> {
        let Some(held) = &mut self.held else { return Ok(false) };
        let client = self.database.client().await?;
        let note = client.prepare_cached(sql::SINK_NOTE).await?;
        if client.execute(&note, &[&self.sink, &held.epoch, &position, &taken]).await? == 0 {
            self.lose("another process has taken it over, or the sink was unregistered");
            return Ok(false);
        }
        held.noted_at = Instant::now();
        held.position = position.unwrap_or(held.position);
        Ok(true)
    }

    /// Notes in a transaction of the caller how far the sink has come; false if somebody else has the turn by now, and nothing of
    /// the transaction may become true.
    pub(crate) async fn note_in(&mut self, transaction: &Transaction, position: i64) -> Result<bool, DbError> {
        let Some(held) = &mut self.held else { return Ok(false) };
        let note = transaction.prepare_cached(sql::SINK_NOTE).await?;
        let parameters: [&(dyn ToSql + Sync); 4] = [&self.sink, &held.epoch, &Some(position), &Some(position)];
        if transaction.execute(&note, &parameters).await? == 0 {
            self.lose("another process has taken it over, or the sink was unregistered");
            return Ok(false);
        }
        held.noted_at = Instant::now();
        held.position = position;
        Ok(true)
    }

    fn lose(&mut self, why: &str) {
        self.connection = None;
        if self.held.take().is_some() {
            warn!(sink = self.sink, "the sink's turn is lost: {why}");
        }
    }

    async fn take(&mut self) -> Result<bool, DbError> {
        let is_pooled = !self.database.has_sessions().await?;
        if self.connection.is_none() {
            self.connection = Some(self.database.patient_connection().await?);
        }
        let Some(connection) = &self.connection else { return Ok(false) };
        if is_pooled {
            connection.batch_execute("begin; set local idle_in_transaction_session_timeout = 0").await?;
        }
        let statement = if is_pooled { sql::TURN_TAKE_POOLED } else { sql::TURN_TAKE };
        let is_ours: bool = connection.query_one(statement, &[&self.sink]).await?.get("is_mine");
        if is_pooled && !is_ours {
            connection.batch_execute("rollback").await?;
        }
        Ok(is_ours)
    }

    async fn end_frozen(&self) -> Result<(), DbError> {
        let client = self.database.client().await?;
        let end = client.prepare_cached(sql::TURN_END_FROZEN).await?;
        if !client.query(&end, &[&self.sink, &FROZEN_AFTER.as_secs_f64()]).await?.is_empty() {
            warn!(sink = self.sink, "whoever has this sink's turn was not seen for long: it is taken over");
        }
        Ok(())
    }

    async fn take_over(&mut self) -> Result<Start, DbError> {
        let client = self.database.client().await?;
        let take_over = client.prepare_cached(sql::SINK_TAKE_OVER).await?;
        let row = client.query_one(&take_over, &[&self.sink]).await?;
        let start = Start { position: row.get("position"), taken: row.get("taken") };
        self.held = Some(Held { epoch: row.get("epoch"), noted_at: Instant::now(), position: start.position });
        if row.get("is_new") {
            let knows_from = row.get::<_, DbTime>("knows_from").to_rfc3339();
            info!(sink = self.sink, knows_from, "a new sink begins at the oldest row of the change log");
        }
        Ok(start)
    }
}
