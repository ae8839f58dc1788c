//! What there has to be in RabbitMQ, by name and with its settings.
//!
//! Guarantee: declaring twice changes nothing, and declaring what is there with other settings is an error that says so.

use std::time::Duration;

use lapin::options::{ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{Channel, ExchangeKind};

use super::broker::{BrokerError, bounded, short, undeclared};

/// Where everything is published. A message's routing key is what happened and the event: `booking.confirmed.winter-gala`.
pub const EXCHANGE: &str = "fairgate.events";

/// Messages that a queue takes; beyond it the broker refuses, and the log in Postgres grows instead.
const MESSAGES_MAX: i64 = 1_000_000;
/// A message that so many consumers died with, or gave back, is a dead letter. Our own workers count and give up sooner.
const DELIVERIES_MAX: i64 = 20;
/// Looking at a dead letter counts as a delivery; nothing happens to it for that.
const DELIVERIES_UNBOUNDED: i64 = 2_147_483_647;

/// The queue of a worker.
#[must_use]
pub fn worker_queue(worker: &str) -> String {
    format!("fairgate.{worker}")
}

/// Where a queue's dead letters are.
pub(super) fn dead_queue(queue: &str) -> String {
    format!("{queue}.dead")
}

/// Where messages of a queue wait for so long.
pub(super) fn wait_queue(queue: &str, wait: Duration) -> String {
    format!("{queue}.wait.{}", wait.as_millis())
}

/// Where a sink's last message is.
pub(super) fn mark_queue(sink: &str) -> String {
    format!("fairgate.mark.{sink}")
}

/// Makes the exchange.
pub(super) async fn declare_exchange(channel: &Channel) -> Result<(), BrokerError> {
    let durable = ExchangeDeclareOptions { durable: true, ..ExchangeDeclareOptions::default() };
    let declare = channel.exchange_declare(EXCHANGE.into(), ExchangeKind::Topic, durable, FieldTable::default());
    bounded(declare).await?.map_err(undeclared(format!("the exchange {EXCHANGE}")))
}

/// Makes a queue of work with its dead letters and its waits, and binds it. One without bindings is written to by its name.
pub(super) async fn declare_work(
    channel: &Channel,
    queue: &str,
    bindings: &[String],
    waits: &[Duration],
) -> Result<(), BrokerError> {
    declare_queue(channel, &dead_queue(queue), dead_arguments()).await?;
    for wait in waits {
        declare_queue(channel, &wait_queue(queue, *wait), wait_arguments(queue, *wait)).await?;
    }
    declare_queue(channel, queue, work_arguments(queue)).await?;
    if bindings.is_empty() {
        return Ok(());
    }
    declare_exchange(channel).await?;
    for binding in bindings {
        let (queue, key) = (short(queue)?, short(binding)?);
        let bind = channel.queue_bind(queue, EXCHANGE.into(), key, QueueBindOptions::default(), FieldTable::default());
        bounded(bind).await??;
    }
    Ok(())
}

/// Makes the queue of a sink's last message. It is a classic one: a quorum queue that was made seconds before its broker is killed may
/// not answer any more, and this one must not be in the way of the others.
pub(super) async fn declare_mark(channel: &Channel, sink: &str) -> Result<(), BrokerError> {
    let arguments = table([
        ("x-queue-type", word("classic")),
        ("x-max-length", AMQPValue::LongLongInt(1)),
        ("x-overflow", word("drop-head")),
    ]);
    declare_queue(channel, &mark_queue(sink), arguments).await
}

/// How many messages a queue has that nobody has taken.
pub(super) async fn count(channel: &Channel, queue: &str) -> Result<usize, BrokerError> {
    let passive = QueueDeclareOptions { passive: true, durable: true, ..QueueDeclareOptions::default() };
    let found = bounded(channel.queue_declare(short(queue)?, passive, FieldTable::default())).await??;
    Ok(usize::try_from(found.message_count()).unwrap_or(usize::MAX))
}

async fn declare_queue(channel: &Channel, queue: &str, arguments: FieldTable) -> Result<(), BrokerError> {
    let durable = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
    let declared = bounded(channel.queue_declare(short(queue)?, durable, arguments)).await?;
    declared.map(drop).map_err(undeclared(format!("the queue {queue}")))
}

fn work_arguments(queue: &str) -> FieldTable {
    table([
        ("x-queue-type", word("quorum")),
        ("x-overflow", word("reject-publish")),
        ("x-max-length", AMQPValue::LongLongInt(MESSAGES_MAX)),
        ("x-delivery-limit", AMQPValue::LongLongInt(DELIVERIES_MAX)),
        ("x-dead-letter-exchange", word("")),
        ("x-dead-letter-routing-key", word(&dead_queue(queue))),
        ("x-dead-letter-strategy", word("at-least-once")),
    ])
}

/// The whole queue has one wait, so that no message waits behind one that waits for longer.
fn wait_arguments(queue: &str, wait: Duration) -> FieldTable {
    let wait_ms = i64::try_from(wait.as_millis()).unwrap_or(i64::MAX);
    table([
        ("x-queue-type", word("quorum")),
        ("x-overflow", word("reject-publish")),
        ("x-message-ttl", AMQPValue::LongLongInt(wait_ms)),
        ("x-dead-letter-exchange", word("")),
        ("x-dead-letter-routing-key", word(queue)),
        ("x-dead-letter-strategy", word("at-least-once")),
    ])
}

fn dead_arguments() -> FieldTable {
    table([("x-queue-type", word("quorum")), ("x-delivery-limit", AMQPValue::LongLongInt(DELIVERIES_UNBOUNDED))])
}

fn table<const N: usize>(entries: [(&str, AMQPValue); N]) -> FieldTable {
    let mut table = FieldTable::default();
    for (name, value) in entries {
        table.insert(name.into(), value);
    }
    table
}

fn word(text: &str) -> AMQPValue {
    AMQPValue::LongString(text.into())
}
