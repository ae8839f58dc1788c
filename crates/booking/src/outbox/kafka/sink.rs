//! A topic as a sink ([`Sink`]).

use std::sync::Arc;

use async_trait::async_trait;
use rdkafka::error::{KafkaError as ClientError, RDKafkaErrorCode};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use tokio::sync::Mutex;
use tokio::task::{JoinError, spawn_blocking};

use super::ends::{Ends, ends};
use super::options::{KafkaOptions, PATIENCE};
use super::record::Record;
use crate::db::{Database, DbError};
use crate::outbox::sink::{Entry, LastEntry, Sink, SinkError};
use crate::sql;

/// Kafka did not do what was asked. What the topic holds is found out by asking for its end.
#[derive(Debug, thiserror::Error)]
pub enum KafkaError {
    /// What the client says.
    #[error("Kafka: {0}")]
    Client(#[from] ClientError),
    /// The topic is not there.
    #[error(
        "Kafka has no topic {0}: make it with `fairgate outbox topic`, with as many copies as its records are worth"
    )]
    NoTopic(String),
    /// Another relay has begun under the same transactional id.
    #[error("another relay of this sink has begun meanwhile, and Kafka takes nothing from this one any more")]
    Fenced,
    /// A message is larger than the topic takes.
    #[error("message {number} has {bytes} bytes, which is more than the topic takes: raise its max.message.bytes")]
    TooLarge {
        /// The message's number.
        number: i64,
        /// Its size.
        bytes: usize,
    },
    /// No answer in time.
    #[error("Kafka has not answered in {} s", PATIENCE.as_secs())]
    Silent,
    /// The call was not carried out to its end.
    #[error("a call to Kafka was cut short: {0}")]
    Cut(#[from] JoinError),
}

/// A sink in Kafka.
pub struct KafkaSink {
    options: KafkaOptions,
    id: String,
    name: String,
    database: Database,
    open: Arc<Mutex<Option<Open>>>,
}

impl std::fmt::Debug for KafkaSink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KafkaSink").field("options", &self.options).field("id", &self.id).finish_non_exhaustive()
    }
}

/// A producer that the broker takes for the only one, and the number with which the topic ends since.
struct Open {
    producer: BaseProducer,
    end: Option<i64>,
}

impl KafkaSink {
    /// A sink under its name in the registry.
    #[must_use]
    pub fn new(options: KafkaOptions, database: Database, name: &str) -> Self {
        let (id, name) = (format!("fairgate-{name}"), name.to_owned());
        Self { options, id, name, database, open: Arc::default() }
    }

    /// The number with which the topic ends. Where retention has dropped everything, the registry knows it.
    async fn number_of(&self, end: Option<i64>) -> Result<i64, SinkError> {
        match end {
            Some(number) => Ok(number),
            None => Ok(self.registered().await?),
        }
    }

    async fn registered(&self) -> Result<i64, DbError> {
        let client = self.database.client().await?;
        let get = client.prepare_cached(sql::SINK_POSITION).await?;
        Ok(client.query_opt(&get, &[&self.name]).await?.map_or(0, |row| row.get("position")))
    }

    async fn ends(&self) -> Result<Ends, KafkaError> {
        let options = self.options.clone();
        spawn_blocking(move || ends(&options)).await?
    }
}

/// The number, where the topic can say it.
fn number(ends: &Ends) -> Option<i64> {
    match ends {
        Ends::New => Some(0),
        Ends::Emptied => None,
        Ends::At(last) => Some(last.number),
    }
}

impl Open {
    /// Ends what an earlier producer under this id has left open, and shuts it out.
    fn begin(options: &KafkaOptions, id: &str) -> Result<Self, KafkaError> {
        let producer: BaseProducer = options.producer(id).create()?;
        producer.init_transactions(PATIENCE).map_err(told)?;
        Ok(Self { producer, end: number(&ends(options)?) })
    }

    fn append(&self, topic: &str, batch: &[Entry]) -> Result<(), KafkaError> {
        self.producer.begin_transaction().map_err(told)?;
        for entry in batch {
            self.send(topic, entry)?;
        }
        // With no time-out of its own, what became of the transaction is known in the end.
        loop {
            match self.producer.commit_transaction(PATIENCE) {
                Ok(()) => return Ok(()),
                Err(ClientError::Transaction(error)) if error.is_retriable() => {}
                Err(error) => return Err(told(error)),
            }
        }
    }

    fn send(&self, topic: &str, entry: &Entry) -> Result<(), KafkaError> {
        let Record { key, value, headers } = Record::new(entry);
        let mut record = BaseRecord::to(topic).key(&key).payload(&value).headers(headers);
        loop {
            let (error, back) = match self.producer.send(record) {
                Ok(()) => return Ok(()),
                Err(refused) => refused,
            };
            match error.rdkafka_error_code() {
                Some(RDKafkaErrorCode::QueueFull) => self.producer.poll(std::time::Duration::from_millis(50)),
                Some(RDKafkaErrorCode::MessageSizeTooLarge) => {
                    return Err(KafkaError::TooLarge { number: entry.number, bytes: value.len() });
                }
                _ => return Err(told(error)),
            }
            record = back;
        }
    }
}

/// Says what another relay has to do with it.
fn told(error: ClientError) -> KafkaError {
    match error.rdkafka_error_code() {
        Some(RDKafkaErrorCode::Fenced | RDKafkaErrorCode::ProducerFenced | RDKafkaErrorCode::InvalidProducerEpoch) => {
            KafkaError::Fenced
        }
        _ => error.into(),
    }
}

#[async_trait]
impl Sink for KafkaSink {
    async fn position(&self) -> Result<i64, SinkError> {
        let end = number(&self.ends().await?);
        self.number_of(end).await
    }

    async fn append(&self, after: i64, batch: &[Entry]) -> Result<i64, SinkError> {
        let mut slot = Arc::clone(&self.open).lock_owned().await;
        let (options, id) = (self.options.clone(), self.id.clone());
        let open = match slot.take() {
            Some(open) => open,
            None => spawn_blocking(move || Open::begin(&options, &id)).await.map_err(KafkaError::from)??,
        };
        let end = self.number_of(open.end).await?;
        if end != after || batch.is_empty() {
            *slot = Some(open);
            return Ok(end);
        }
        let (topic, batch) = (self.options.topic.clone(), batch.to_vec());
        // A producer that failed is dropped with its transaction, and the next one begins with what became of it.
        let carried = spawn_blocking(move || {
            open.append(&topic, &batch).map(|()| Open { end: batch.last().map(|last| last.number), ..open })
        });
        let open = carried.await.map_err(KafkaError::from)??;
        let end = self.number_of(open.end).await?;
        *slot = Some(open);
        Ok(end)
    }

    async fn last(&self) -> Result<Option<LastEntry>, SinkError> {
        match self.ends().await? {
            Ends::At(last) => Ok(Some(last)),
            Ends::New | Ends::Emptied => Ok(None),
        }
    }

    async fn has_room(&self) -> Result<bool, SinkError> {
        // Retention makes room.
        Ok(true)
    }

    async fn tidy(&self) -> Result<usize, SinkError> {
        // What consumers have read is theirs to say, and retention's to drop.
        Ok(0)
    }
}
