//! Kafka, as far as the outbox needs it: a sink with transactions.
//!
//! Guarantees:
//! - for whoever reads committed records, nothing comes twice and there is no gap: a batch is one transaction
//! - how far it was carried is at the ends of the partitions and nowhere else, so both are there, or neither
//! - a relay that was frozen while another began is fenced by the broker, by the transactional id
//! - a topic is made by a command, never by chance, with as many copies as a person says
//!
//! Records are CloudEvents in binary mode (Kafka protocol binding 1.0): `ce_…` headers, the event's id as the key, and `data` as
//! the value. So records of one event stay in order.
//!
//! Tried with Kafka 4.1; transactions need 2.5. By librdkafka. Its calls block, so they run where that keeps nobody waiting.

mod ends;
mod options;
mod record;
mod sink;
mod topic;

pub use options::{KafkaOptions, OptionsError, TOPIC};
pub use sink::{KafkaError, KafkaSink};
pub use topic::{TopicPlan, make_topic};
