//! Where the log is carried to, and what every such place promises.
//!
//! Guarantees of every sink, held by one suite of tests (`tests/booking/sinks.rs`):
//! - it appends only if it ends at the number that the caller believes; otherwise nothing changes
//! - it answers the number with which it ends then, so a caller who was wrong goes on from there
//! - its position is kept with what was appended: both are there, or neither
//!
//! So whoever carries may be killed, frozen or doubled: there is no gap, and nothing comes twice. A sink that cannot compare by itself
//! keeps its position in the database, after it has what was appended. There a batch may come twice, with the same ids.

use async_trait::async_trait;

use super::streams::StreamError;
use crate::db::DbError;

/// Something that happened, as it is appended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its number in the log.
    pub number: i64,
    /// What happened, for sinks that sort by it ([`super::Kind::topic`]).
    pub topic: &'static str,
    /// The event's id: entries of one event stay in order.
    pub event: String,
    /// The message.
    pub message: String,
}

/// The entry with which a sink ends, as far as the sink itself can tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastEntry {
    /// Its number in the log that it came from.
    pub number: i64,
    /// The message.
    pub message: String,
}

/// A sink did not do what was asked; what it holds is found out by asking for its position.
#[derive(Debug, thiserror::Error)]
pub enum SinkError {
    /// It is a Redis stream.
    #[error(transparent)]
    Stream(#[from] StreamError),
    /// It keeps its position in the database.
    #[error(transparent)]
    Database(#[from] DbError),
    /// It is an exchange of RabbitMQ.
    #[cfg(feature = "amqp")]
    #[error(transparent)]
    Broker(#[from] super::amqp::BrokerError),
    /// It is a topic of Kafka.
    #[cfg(feature = "kafka")]
    #[error(transparent)]
    Kafka(#[from] super::kafka::KafkaError),
}

/// A place that the log is carried to.
#[async_trait]
pub trait Sink: std::fmt::Debug + Send + Sync {
    /// The number of the last entry; 0 where there is none.
    ///
    /// # Errors
    /// [`SinkError`].
    async fn position(&self) -> Result<i64, SinkError>;

    /// Appends a batch if the last entry has the number `after`; answers the number of the last entry now. The numbers of a
    /// batch ascend, and are higher than `after`.
    ///
    /// # Errors
    /// [`SinkError`].
    async fn append(&self, after: i64, batch: &[Entry]) -> Result<i64, SinkError>;

    /// The last entry that the sink knows of, from what the sink itself holds. Nothing where it holds none. By it a log is found out that
    /// has lost its end in a fail-over.
    ///
    /// # Errors
    /// [`SinkError`].
    async fn last(&self) -> Result<Option<LastEntry>, SinkError>;

    /// True if it takes more for now; otherwise the log grows instead.
    ///
    /// # Errors
    /// [`SinkError`].
    async fn has_room(&self) -> Result<bool, SinkError>;

    /// Drops what everybody has handled; answers how many entries it holds then.
    ///
    /// # Errors
    /// [`SinkError`].
    async fn tidy(&self) -> Result<usize, SinkError>;
}
