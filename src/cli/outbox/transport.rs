//! Where messages go and come from, as options of the commands: Redis, RabbitMQ, Kafka, or the change log alone.

use std::sync::Arc;

use anyhow::{Context, bail, ensure};
use clap::Args;

use fairgate_booking::db::Database;
use fairgate_booking::outbox::mail::MAILED;
use fairgate_booking::outbox::{LogQueue, Redis, STREAM, Schedule, Sink, WorkQueue};

/// A topic is no queue of work.
const NO_QUEUE: &str =
    "mails are not taken from Kafka: leave --kafka-brokers (FAIRGATE_KAFKA_BROKERS) out, and the change log is read";

/// The servers that may be named.
#[derive(Debug, Args)]
pub(super) struct Transport {
    /// The Redis server that holds the stream. `relay` needs it, or --amqp-url.
    #[arg(long, global = true, env = "FAIRGATE_REDIS_URL", value_name = "redis://…", hide_env_values = true)]
    redis_url: Option<String>,
    /// The RabbitMQ broker to publish to, or to take messages from, such as amqp://user:password@127.0.0.1:5672/vhost.
    #[arg(long, global = true, env = "FAIRGATE_AMQP_URL", value_name = "amqp://…", hide_env_values = true)]
    amqp_url: Option<String>,
    /// The Kafka brokers to publish to, such as kafka-1:9092,kafka-2:9092.
    #[arg(long, global = true, env = "FAIRGATE_KAFKA_BROKERS", value_name = "HOST:PORT,…")]
    kafka_brokers: Option<String>,
    /// An option of Kafka's client, such as compression.type=zstd. Can be repeated; in the environment spaces are between them.
    #[arg(
        long = "kafka-option",
        global = true,
        env = "FAIRGATE_KAFKA_OPTIONS",
        value_name = "NAME=VALUE",
        value_delimiter = ' ',
        hide_env_values = true
    )]
    kafka_options: Vec<String>,
}

/// The one server that is named.
enum Named<'t> {
    Redis(&'t str),
    Rabbit(&'t str),
    Kafka(&'t str),
    None,
}

/// A sink that is open.
pub(super) struct OpenSink {
    pub(super) name: String,
    pub(super) sink: Arc<dyn Sink>,
    /// Where it is, for people.
    pub(super) place: &'static str,
}

impl Transport {
    fn named(&self) -> anyhow::Result<Named<'_>> {
        Ok(match (&self.redis_url, &self.amqp_url, &self.kafka_brokers) {
            (Some(url), None, None) => Named::Redis(url),
            (None, Some(url), None) => Named::Rabbit(url),
            (None, None, Some(brokers)) => Named::Kafka(brokers),
            (None, None, None) => Named::None,
            _ => bail!(
                "name one place: --redis-url (FAIRGATE_REDIS_URL), --amqp-url (FAIRGATE_AMQP_URL) or --kafka-brokers \
                 (FAIRGATE_KAFKA_BROKERS)"
            ),
        })
    }

    /// Opens the sink, with a group or a queue for each of these names.
    ///
    /// # Errors
    /// When no server is named, or it does not answer.
    pub(super) async fn sink(
        &self,
        database: &Database,
        name: Option<String>,
        groups: &[String],
    ) -> anyhow::Result<OpenSink> {
        match self.named()? {
            Named::Redis(url) => {
                let redis = Redis::connect(url).await?;
                for group in groups {
                    redis.group(group, Schedule::default()).declare().await?;
                }
                let name = name.unwrap_or_else(|| "redis".to_owned());
                Ok(OpenSink { name, sink: Arc::new(redis), place: STREAM })
            }
            Named::Rabbit(url) => {
                for group in groups {
                    rabbit::queue(url, &rabbit::of_worker(group), &["#".to_owned()], Schedule::default())?
                        .declare()
                        .await?;
                }
                let name = name.unwrap_or_else(|| "rabbitmq".to_owned());
                let sink = rabbit::sink(url, database.clone(), &name)?;
                Ok(OpenSink { name, sink, place: rabbit::EXCHANGE })
            }
            Named::Kafka(brokers) => {
                ensure!(
                    groups.is_empty(),
                    "--group is for Redis and RabbitMQ: Kafka's consumers begin where they like"
                );
                let name = name.unwrap_or_else(|| "kafka".to_owned());
                let sink = kafka::sink(brokers, &self.kafka_options, database.clone(), &name)?;
                Ok(OpenSink { name, sink, place: kafka::TOPIC })
            }
            Named::None => bail!(
                "the place to publish to is missing: add --redis-url or set FAIRGATE_REDIS_URL, for example \
                 redis://127.0.0.1:6379/; or add --amqp-url or set FAIRGATE_AMQP_URL, for example amqp://127.0.0.1:5672/"
            ),
        }
    }

    /// Opens the queue of the mail worker: of the server that is named, else the change log.
    ///
    /// # Errors
    /// When the server does not answer.
    pub(super) async fn mails(
        &self,
        database: Database,
        worker: &str,
        schedule: Schedule,
    ) -> anyhow::Result<Arc<dyn WorkQueue>> {
        Ok(match self.named()? {
            Named::Redis(url) => Arc::new(Redis::connect(url).await?.group(worker, schedule)),
            Named::Rabbit(url) => {
                let keys = MAILED.map(|kind| format!("{}.#", kind.topic()));
                rabbit::queue(url, &rabbit::of_worker(worker), &keys, schedule)?
            }
            Named::Kafka(_) => bail!(NO_QUEUE),
            Named::None => Arc::new(LogQueue::new(database, worker, &MAILED, schedule)),
        })
    }

    /// Opens a queue to look at its dead letters: that of a worker, or in RabbitMQ any by its name.
    ///
    /// # Errors
    /// When the server or the database does not answer, or none is named.
    pub(super) async fn dead_letters(
        &self,
        database_url: Option<&str>,
        worker: &str,
        queue: Option<&str>,
    ) -> anyhow::Result<Arc<dyn WorkQueue>> {
        match (self.named()?, database_url) {
            (Named::Rabbit(url), _) => {
                let queue = queue.map_or_else(|| rabbit::of_worker(worker), str::to_owned);
                rabbit::queue(url, &queue, &[], Schedule::default())
            }
            _ if queue.is_some() => bail!("--queue names a queue in RabbitMQ: add --amqp-url, or name a --worker"),
            (Named::Redis(url), _) => Ok(Arc::new(Redis::connect(url).await?.group(worker, Schedule::default()))),
            (Named::Kafka(_), _) => bail!(NO_QUEUE),
            (Named::None, Some(url)) => {
                Ok(Arc::new(LogQueue::new(Database::new(url)?, worker, &MAILED, Schedule::default())))
            }
            (Named::None, None) => bail!(
                "the database is missing: add --database-url or set FAIRGATE_DATABASE_URL (or --redis-url or --amqp-url, where a \
                 relay publishes to Redis or RabbitMQ)"
            ),
        }
    }

    /// Makes the topic in Kafka; answers its name, and false where it is there already.
    ///
    /// # Errors
    /// When no brokers are named, or they refuse.
    pub(super) async fn make_topic(&self, partitions: u16, replicas: u16) -> anyhow::Result<(&'static str, bool)> {
        let Named::Kafka(brokers) = self.named()? else {
            bail!(
                "the brokers are missing: add --kafka-brokers or set FAIRGATE_KAFKA_BROKERS, for example kafka-1:9092"
            )
        };
        Ok((kafka::TOPIC, kafka::make_topic(brokers, &self.kafka_options, partitions, replicas).await?))
    }

    /// True if messages go to Redis, which is where programs of the version before read them.
    ///
    /// # Errors
    /// When two places are named.
    pub(super) fn is_redis(&self) -> anyhow::Result<bool> {
        Ok(matches!(self.named().context("where to publish")?, Named::Redis(_)))
    }
}

#[cfg(feature = "amqp")]
mod rabbit {
    use std::sync::Arc;

    use fairgate_booking::db::Database;
    use fairgate_booking::outbox::amqp::{Broker, RabbitQueue, RabbitSink, worker_queue};
    use fairgate_booking::outbox::{Schedule, Sink, WorkQueue};

    pub(super) use fairgate_booking::outbox::amqp::EXCHANGE;

    pub(super) fn of_worker(worker: &str) -> String {
        worker_queue(worker)
    }

    pub(super) fn sink(url: &str, database: Database, name: &str) -> anyhow::Result<Arc<dyn Sink>> {
        Ok(Arc::new(RabbitSink::new(Broker::new(url)?, database, name)))
    }

    pub(super) fn queue(
        url: &str,
        queue: &str,
        keys: &[String],
        schedule: Schedule,
    ) -> anyhow::Result<Arc<dyn WorkQueue>> {
        Ok(Arc::new(RabbitQueue::new(Broker::new(url)?, queue, keys, schedule)))
    }
}

/// A program that was built without RabbitMQ says so.
#[cfg(not(feature = "amqp"))]
mod rabbit {
    use std::sync::Arc;

    use anyhow::bail;
    use fairgate_booking::db::Database;
    use fairgate_booking::outbox::{Schedule, Sink, WorkQueue};

    pub(super) const EXCHANGE: &str = "RabbitMQ";
    const WITHOUT: &str = "this program was built without RabbitMQ: build it with the feature `amqp`";

    pub(super) fn of_worker(worker: &str) -> String {
        worker.to_owned()
    }

    pub(super) fn sink(_: &str, _: Database, _: &str) -> anyhow::Result<Arc<dyn Sink>> {
        bail!(WITHOUT)
    }

    pub(super) fn queue(_: &str, _: &str, _: &[String], _: Schedule) -> anyhow::Result<Arc<dyn WorkQueue>> {
        bail!(WITHOUT)
    }
}

#[cfg(feature = "kafka")]
mod kafka {
    use std::sync::Arc;

    use fairgate_booking::db::Database;
    use fairgate_booking::outbox::Sink;
    use fairgate_booking::outbox::kafka::{self, KafkaOptions, KafkaSink, TopicPlan};

    pub(super) use fairgate_booking::outbox::kafka::TOPIC;

    pub(super) fn sink(
        brokers: &str,
        options: &[String],
        database: Database,
        name: &str,
    ) -> anyhow::Result<Arc<dyn Sink>> {
        Ok(Arc::new(KafkaSink::new(KafkaOptions::parse(brokers, options)?, database, name)))
    }

    pub(super) async fn make_topic(
        brokers: &str,
        options: &[String],
        partitions: u16,
        replicas: u16,
    ) -> anyhow::Result<bool> {
        let options = KafkaOptions::parse(brokers, options)?;
        Ok(kafka::make_topic(&options, TopicPlan { partitions, replicas }).await?)
    }
}

/// A program that was built without Kafka says so.
#[cfg(not(feature = "kafka"))]
mod kafka {
    use std::sync::Arc;

    use anyhow::bail;
    use fairgate_booking::db::Database;
    use fairgate_booking::outbox::Sink;

    pub(super) const TOPIC: &str = "Kafka";
    const WITHOUT: &str = "this program was built without Kafka: build it with the feature `kafka`";

    pub(super) fn sink(_: &str, _: &[String], _: Database, _: &str) -> anyhow::Result<Arc<dyn Sink>> {
        bail!(WITHOUT)
    }

    #[expect(clippy::unused_async, reason = "as it is with Kafka")]
    pub(super) async fn make_topic(_: &str, _: &[String], _: u16, _: u16) -> anyhow::Result<bool> {
        bail!(WITHOUT)
    }
}
