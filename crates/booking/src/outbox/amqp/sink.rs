//! RabbitMQ as a sink: a topic exchange. It cannot say itself how far it was carried, so the database does.
//!
//! Guarantees, beside those of every sink ([`Sink`]):
//! - the position moves after the broker has confirmed: a relay that dies in between publishes at most one batch twice, with the
//!   same ids
//! - a relay that was frozen, and carries beside another, publishes a batch twice and moves nothing
//! - after a queue has refused, one message is tried at a time, then two, then four: the other queues get few copies
//!
//! The last message is kept in a queue of its own. By it a database is found out that has lost its end.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use async_trait::async_trait;
use lapin::options::{BasicAckOptions, BasicGetOptions};
use lapin::{BasicProperties, Channel};
use tracing::debug;

use super::broker::{Broker, BrokerError, Publication, bounded, short};
use super::topology::{EXCHANGE, declare_exchange, declare_mark, mark_queue};
use crate::db::{Database, DbError};
use crate::outbox::envelope::type_of_topic;
use crate::outbox::sink::{Entry, LastEntry, Sink, SinkError};
use crate::sql;

const CONTENT: &str = "application/cloudevents+json";
const PERSISTENT: u8 = 2;
/// Messages that are on their way before the first is confirmed.
const BATCH_MAX: usize = 500;

/// A sink at a broker.
#[derive(Debug)]
pub struct RabbitSink {
    broker: Broker,
    database: Database,
    name: String,
    /// True once the exchange and the mark are known to be there.
    is_declared: AtomicBool,
    /// How many are tried at once. One after a refusal, and twice as many each time that all are taken.
    batch_max: AtomicUsize,
}

impl RabbitSink {
    /// A sink under its name in the registry.
    #[must_use]
    pub fn new(broker: Broker, database: Database, name: &str) -> Self {
        let (is_declared, batch_max) = (AtomicBool::new(false), AtomicUsize::new(BATCH_MAX));
        Self { broker, database, name: name.to_owned(), is_declared, batch_max }
    }

    async fn channel(&self) -> Result<Channel, BrokerError> {
        let channel = self.broker.channel().await?;
        if !self.is_declared.load(Ordering::Relaxed) {
            declare_exchange(&channel).await?;
            declare_mark(&channel, &self.name).await?;
            self.is_declared.store(true, Ordering::Relaxed);
        }
        Ok(channel)
    }

    /// Publishes until something is refused; answers how many are safe, and what was refused.
    async fn publish(&self, batch: &[Entry]) -> Result<(usize, Option<BrokerError>), BrokerError> {
        let channel = self.channel().await?;
        let mut publications = batch.iter().map(event).collect::<Result<Vec<_>, _>>()?;
        publications.extend(batch.last().map(|last| self.mark(last)).transpose()?);
        let mut answers = match self.broker.publish(&channel, publications).await {
            Ok(answers) => answers,
            Err(error) => {
                // The exchange may have been deleted.
                self.is_declared.store(false, Ordering::Relaxed);
                return Err(error);
            }
        };
        if let Some(Err(error)) = answers.pop() {
            debug!(%error, "the last message is not kept; without it a database that lost its end is not found out");
            self.is_declared.store(false, Ordering::Relaxed);
        }
        let safe = answers.iter().take_while(|answer| answer.is_ok()).count();
        Ok((safe, answers.into_iter().find_map(Result::err)))
    }

    fn mark(&self, last: &Entry) -> Result<Publication, BrokerError> {
        let properties = event(last)?.properties;
        let body = last.message.clone().into_bytes();
        Ok(Publication { exchange: "", key: short(&mark_queue(&self.name))?, body, properties })
    }

    /// Moves the position, unless somebody else has moved it meanwhile.
    async fn move_on(&self, after: i64, to: i64) -> Result<(), DbError> {
        let client = self.database.client().await?;
        let carry = client.prepare_cached(sql::CARRIED_MOVE).await?;
        client.execute(&carry, &[&self.name, &after, &to]).await?;
        Ok(())
    }

    async fn carried(&self) -> Result<i64, DbError> {
        let client = self.database.client().await?;
        let get = client.prepare_cached(sql::CARRIED_GET).await?;
        Ok(client.query_one(&get, &[&self.name]).await?.get("position"))
    }

    /// Takes the mark, and puts it back before it lets go of it: looking would count as a delivery otherwise.
    async fn read_mark(&self) -> Result<Option<LastEntry>, BrokerError> {
        let (channel, queue) = (self.channel().await?, short(&mark_queue(&self.name))?);
        let found = bounded(channel.basic_get(queue.clone(), BasicGetOptions::default())).await??;
        let Some(found) = found else { return Ok(None) };
        let (body, properties) = (found.data.clone(), found.properties.clone());
        let number = properties.message_id().as_ref().and_then(|id| id.as_str().parse().ok());
        let message = String::from_utf8_lossy(&body).into_owned();
        let properties = properties.with_headers(lapin::types::FieldTable::default());
        self.broker.publish_one(&channel, Publication { exchange: "", key: queue, body, properties }).await?;
        bounded(found.acker.ack(BasicAckOptions::default())).await??;
        Ok(number.map(|number| LastEntry { number, message }))
    }
}

fn event(entry: &Entry) -> Result<Publication, BrokerError> {
    let key = short(&format!("{}.{}", entry.topic, entry.event))?;
    let properties = BasicProperties::default()
        .with_content_type(CONTENT.into())
        .with_delivery_mode(PERSISTENT)
        .with_message_id(short(&entry.number.to_string())?)
        .with_type(short(&type_of_topic(entry.topic))?);
    Ok(Publication { exchange: EXCHANGE, key, body: entry.message.clone().into_bytes(), properties })
}

#[async_trait]
impl Sink for RabbitSink {
    async fn position(&self) -> Result<i64, SinkError> {
        Ok(self.carried().await?)
    }

    async fn append(&self, after: i64, batch: &[Entry]) -> Result<i64, SinkError> {
        let ends = self.carried().await?;
        if ends != after || batch.is_empty() {
            return Ok(ends);
        }
        let batch_max = self.batch_max.load(Ordering::Relaxed);
        let tried = &batch[..batch.len().min(batch_max)];
        let (safe, refused) = self.publish(tried).await?;
        let batch_max = if refused.is_some() { 1 } else { (batch_max * 2).min(BATCH_MAX) };
        self.batch_max.store(batch_max, Ordering::Relaxed);
        match (safe.checked_sub(1).and_then(|last| tried.get(last)), refused) {
            (Some(last), _) => self.move_on(after, last.number).await?,
            (None, Some(refused)) => return Err(refused.into()),
            (None, None) => {}
        }
        Ok(self.carried().await?)
    }

    async fn last(&self) -> Result<Option<LastEntry>, SinkError> {
        Ok(self.read_mark().await?)
    }

    async fn has_room(&self) -> Result<bool, SinkError> {
        // Queues say so themselves, by refusing.
        Ok(true)
    }

    async fn tidy(&self) -> Result<usize, SinkError> {
        // A queue drops what was handled by itself, and an exchange holds nothing.
        Ok(0)
    }
}
