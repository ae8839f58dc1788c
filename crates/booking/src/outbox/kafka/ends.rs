//! Where a topic ends: the record with the greatest number, of those that are committed.
//!
//! It is exact, since a transaction is an unbroken range of numbers, and since within a partition numbers ascend.

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError as ClientError;
use rdkafka::{Offset, TopicPartitionList};

use super::options::{KafkaOptions, PATIENCE};
use super::record;
use super::sink::KafkaError;
use crate::outbox::sink::LastEntry;

/// How far back is looked first. The last offsets may be marks of transactions, which no reader is given.
const BACK: i64 = 4;

/// What a topic ends with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Ends {
    /// No record was ever in it.
    New,
    /// There were records, and retention has dropped all of them.
    Emptied,
    /// The record with the greatest number.
    At(LastEntry),
}

/// Reads the ends of all partitions.
pub(super) fn ends(options: &KafkaOptions) -> Result<Ends, KafkaError> {
    let reader: BaseConsumer = options.reader().create()?;
    let topic = options.topic.as_str();
    let metadata = reader.fetch_metadata(Some(topic), PATIENCE)?;
    let found = metadata.topics().iter().find(|found| found.name() == topic);
    let partitions = found.map_or_else(Vec::new, |found| found.partitions().iter().map(|one| one.id()).collect());
    if partitions.is_empty() {
        return Err(KafkaError::NoTopic(topic.to_owned()));
    }
    let (mut ends, mut was_used) = (None::<LastEntry>, false);
    for partition in partitions {
        let (low, high) = reader.fetch_watermarks(topic, partition, PATIENCE)?;
        was_used |= high > 0;
        let last = last_of(&reader, (topic, partition), low, high)?;
        ends = ends.into_iter().chain(last).max_by_key(|last| last.number);
    }
    Ok(match ends {
        Some(last) => Ends::At(last),
        None if was_used => Ends::Emptied,
        None => Ends::New,
    })
}

/// The last record of a partition that a relay has written.
fn last_of(
    reader: &BaseConsumer,
    (topic, partition): (&str, i32),
    low: i64,
    high: i64,
) -> Result<Option<LastEntry>, KafkaError> {
    let mut back = BACK;
    loop {
        let from = low.max(high.saturating_sub(back));
        if from >= high {
            return Ok(None);
        }
        let mut at = TopicPartitionList::new();
        at.add_partition_offset(topic, partition, Offset::Offset(from))?;
        reader.assign(&at)?;
        let last = read_to_end(reader)?;
        if last.is_some() || from == low {
            return Ok(last);
        }
        back = back.saturating_mul(8);
    }
}

fn read_to_end(reader: &BaseConsumer) -> Result<Option<LastEntry>, KafkaError> {
    let mut last = None;
    loop {
        match reader.poll(PATIENCE) {
            Some(Ok(found)) => last = record::read(&found).or(last),
            Some(Err(ClientError::PartitionEOF(_))) => return Ok(last),
            Some(Err(error)) => return Err(error.into()),
            None => return Err(KafkaError::Silent),
        }
    }
}
