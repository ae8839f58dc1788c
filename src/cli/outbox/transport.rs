//! Where messages go and come from, as options of the commands: Redis, RabbitMQ, or the change log alone.

use std::sync::Arc;

use anyhow::{Context, bail};
use clap::Args;

use fairgate_booking::db::Database;
use fairgate_booking::outbox::mail::MAILED;
use fairgate_booking::outbox::{LogQueue, Redis, STREAM, Schedule, Sink, WorkQueue};

/// The servers that may be named.
#[derive(Debug, Args)]
pub(super) struct Transport {
    /// The Redis server that holds the stream. `relay` needs it, or --amqp-url.
    #[arg(long, global = true, env = "FAIRGATE_REDIS_URL", value_name = "redis://…", hide_env_values = true)]
    redis_url: Option<String>,
    /// The RabbitMQ broker to publish to, or to take messages from, such as amqp://user:password@127.0.0.1:5672/vhost.
    #[arg(long, global = true, env = "FAIRGATE_AMQP_URL", value_name = "amqp://…", hide_env_values = true)]
    amqp_url: Option<String>,
}

/// The one server that is named.
enum Named<'t> {
    Redis(&'t str),
    Rabbit(&'t str),
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
        Ok(match (&self.redis_url, &self.amqp_url) {
            (Some(_), Some(_)) => {
                bail!("name one place: --redis-url (FAIRGATE_REDIS_URL) or --amqp-url (FAIRGATE_AMQP_URL)")
            }
            (Some(url), None) => Named::Redis(url),
            (None, Some(url)) => Named::Rabbit(url),
            (None, None) => Named::None,
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
            (Named::None, Some(url)) => {
                Ok(Arc::new(LogQueue::new(Database::new(url)?, worker, &MAILED, Schedule::default())))
            }
            (Named::None, None) => bail!(
                "the database is missing: add --database-url or set FAIRGATE_DATABASE_URL (or --redis-url or --amqp-url, where a \
                 relay publishes to Redis or RabbitMQ)"
            ),
        }
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
