//! Making the topic, once and by a person.

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::error::{KafkaError as ClientError, RDKafkaErrorCode};

use super::options::{KafkaOptions, PATIENCE};
use super::sink::KafkaError;

/// How a topic is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TopicPlan {
    /// Partitions. Records of one event are in one of them, so more would help nobody than there are events on sale at once.
    pub partitions: u16,
    /// Copies of each record; 1 where there is one broker.
    pub replicas: u16,
}

/// Makes the topic; answers false where it is there already. With two copies or more, a record counts once two brokers
/// have it.
///
/// # Errors
/// Kafka refuses, such as more copies than there are brokers.
pub async fn make_topic(options: &KafkaOptions, plan: TopicPlan) -> Result<bool, KafkaError> {
    let admin: AdminClient<DefaultClientContext> = options.admin().create()?;
    let in_sync = plan.replicas.min(2).to_string();
    let replication = TopicReplication::Fixed(i32::from(plan.replicas));
    let topic = NewTopic::new(&options.topic, i32::from(plan.partitions), replication);
    let topic = topic.set("min.insync.replicas", &in_sync);
    let asked = AdminOptions::new().operation_timeout(Some(PATIENCE)).request_timeout(Some(PATIENCE));
    let answers = admin.create_topics([&topic], &asked).await?;
    match answers.into_iter().next() {
        Some(Ok(_)) => Ok(true),
        Some(Err((_, RDKafkaErrorCode::TopicAlreadyExists))) => Ok(false),
        Some(Err((_, code))) => Err(ClientError::AdminOp(code).into()),
        None => Err(KafkaError::Silent),
    }
}
