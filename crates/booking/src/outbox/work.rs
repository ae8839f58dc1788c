//! Work that follows from what happened: taken, done, or tried again until it is dead.
//!
//! Guarantees of every queue, held by one suite of tests (`tests/booking/work.rs`):
//! - at least once: what was taken and not finished with comes again, also after its worker has died
//! - waits and attempts outlive every worker
//! - nothing vanishes: after its last attempt a message is among the dead letters, until somebody gives it back or drops it
//! - a message that kills its workers is among the dead letters in the end, too, and takes no other with it

use std::collections::BTreeMap;

use async_trait::async_trait;
use serde::Serialize;

use super::streams::StreamError;
use crate::db::DbError;

/// A queue did not do what was asked. What was taken comes again.
#[derive(Debug, thiserror::Error)]
pub enum QueueError {
    /// It is a group of a Redis stream.
    #[error(transparent)]
    Stream(#[from] StreamError),
    /// It is the change log in Postgres.
    #[error(transparent)]
    Database(#[from] DbError),
    /// It is a queue in RabbitMQ.
    #[cfg(feature = "amqp")]
    #[error(transparent)]
    Broker(#[from] super::amqp::BrokerError),
}

impl From<tokio_postgres::Error> for QueueError {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Database(error.into())
    }
}

/// A message that a worker has to finish with: done, failed or buried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// Where the queue has it.
    pub(super) origin: String,
    /// Its id there.
    pub(super) id: String,
    /// The message, as it was published.
    pub message: String,
    /// What whoever published it wrote on it beside, where the queue carries such a thing: names in small letters, and texts.
    pub headers: BTreeMap<String, String>,
    /// How often it was tried, this time included.
    pub attempts: usize,
}

/// A dead letter.
#[derive(Clone, Debug, Serialize)]
pub struct Dead {
    /// The message's id among the dead letters.
    pub id: String,
    /// The message, as it was published.
    pub message: String,
    /// Why it failed at last.
    pub reason: String,
    /// How often it was tried.
    pub attempts: usize,
}

/// What a worker has before it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// Messages that were taken and are not finished with, or wait for another attempt.
    pub pending: usize,
    /// Dead letters.
    pub dead: usize,
    /// When the oldest of them died, Unix ms by the queue's clock.
    pub oldest_dead_ms: Option<u64>,
}

/// The queue of one worker. Any number of processes may work on it.
#[async_trait]
pub trait WorkQueue: std::fmt::Debug + Send + Sync {
    /// The worker's name.
    fn name(&self) -> &str;

    /// Makes what the queue needs, where it is not there.
    ///
    /// # Errors
    /// [`QueueError`].
    async fn declare(&self) -> Result<(), QueueError>;

    /// What is to be worked on now: first what is due again, else what is new. Waits a moment where there is nothing. Whoever takes
    /// again has finished with what it took before, or that comes again.
    ///
    /// # Errors
    /// [`QueueError`].
    async fn take(&self, count: usize) -> Result<Vec<Delivery>, QueueError>;

    /// Done: it does not come again.
    ///
    /// # Errors
    /// [`QueueError`]; it may come again.
    async fn done(&self, delivery: &Delivery) -> Result<(), QueueError>;

    /// Failed: it comes again after its wait, or is buried when it was tried often enough. Says which.
    ///
    /// # Errors
    /// [`QueueError`]; it comes again.
    async fn failed(&self, delivery: &Delivery, reason: &str) -> Result<bool, QueueError>;

    /// Moves a message to the dead letters.
    ///
    /// # Errors
    /// [`QueueError`]; it comes again.
    async fn bury(&self, delivery: &Delivery, reason: &str) -> Result<(), QueueError>;

    /// The dead letters, the oldest first.
    ///
    /// # Errors
    /// [`QueueError`].
    async fn dead(&self, count: usize) -> Result<Vec<Dead>, QueueError>;

    /// Gives dead letters back to the worker, each with all its attempts; says how many were there.
    ///
    /// # Errors
    /// [`QueueError`].
    async fn retry(&self, ids: &[String]) -> Result<usize, QueueError>;

    /// Removes dead letters for good; says how many were there.
    ///
    /// # Errors
    /// [`QueueError`].
    async fn drop_dead(&self, ids: &[String]) -> Result<usize, QueueError>;

    /// What is pending, and what is dead.
    ///
    /// # Errors
    /// [`QueueError`].
    async fn standing(&self) -> Result<Standing, QueueError>;

    /// What has to go on beside the work, for ever.
    async fn tend(&self) {
        std::future::pending().await
    }
}

/// What a message is buried with that was taken as often as it may be, and never finished with.
pub(super) const WORKERS_DIED: &str = "whoever worked on it died, each time";
