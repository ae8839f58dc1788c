//! The connection to RabbitMQ, and publishing.
//!
//! Guarantees:
//! - a connection is made when it is needed, and again after it broke; each call is bounded in time
//! - what was published counts only once it is confirmed; what reached no queue, or a full one, is an error that says which

use std::collections::HashSet;
use std::fmt;
use std::time::Duration;

use futures_util::future::maybe_done;
use futures_util::poll;
use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};
use lapin::types::ShortString;
use lapin::uri::AMQPUri;
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties, ErrorKind};
use tokio::sync::Mutex;
use tokio::time::timeout;

use super::topology::EXCHANGE;

const CONNECT_PATIENCE: Duration = Duration::from_secs(10);
/// Longer than a busy broker takes to write a batch down.
const ANSWER_PATIENCE: Duration = Duration::from_secs(30);
/// A broker that says nothing for twice as long is gone, in seconds.
const HEARTBEAT_S: u16 = 10;
const REPLY_PRECONDITION_FAILED: u16 = 406;

/// RabbitMQ did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum BrokerError {
    /// The URL is not one.
    #[error("the RabbitMQ URL is wrong: {0} (like amqp://user:password@127.0.0.1:5672/)")]
    Url(String),
    /// RabbitMQ cannot be reached, or refuses.
    #[error("RabbitMQ failed: {0}")]
    Failed(#[from] lapin::Error),
    /// No answer came in time.
    #[error("RabbitMQ did not answer within {} s", ANSWER_PATIENCE.as_secs())]
    Silent,
    /// RabbitMQ takes no messages for now.
    #[error(
        "RabbitMQ takes no messages for now: it is short of memory or disk (`rabbitmqctl list_connections` says blocked)"
    )]
    Blocked,
    /// A queue or an exchange is there, and is another than ours.
    #[error(
        "{what} exists in RabbitMQ with other settings than fairgate declares ({says}): delete it once it is empty, or undo the \
         policy or the program that made it"
    )]
    Differs {
        /// The queue or the exchange.
        what: String,
        /// What the broker says.
        says: String,
    },
    /// A message would have reached no queue.
    #[error(
        "no queue is bound for {key} at the exchange {exchange}, so nothing is published: bind one (`fairgate outbox relay --group \
         NAME` makes one for all messages), or publish only what is wanted (`--topic`)"
    )]
    Unroutable {
        /// The exchange.
        exchange: String,
        /// The routing key that no binding fits.
        key: String,
    },
    /// A queue is full, or cannot be written.
    #[error(
        "a queue that takes {key} is full or out of service, so RabbitMQ refused it; publishing goes on once there is room"
    )]
    Refused {
        /// The routing key.
        key: String,
    },
    /// What was taken is lost with its connection; it comes again.
    #[error("the connection to RabbitMQ was lost, and what was taken comes again")]
    Lost,
    /// A name or a message is longer than RabbitMQ takes.
    #[error("{0} is longer than RabbitMQ takes (255 bytes)")]
    TooLong(String),
}

/// A message on its way.
#[derive(Debug)]
pub(super) struct Publication {
    pub(super) exchange: &'static str,
    pub(super) key: ShortString,
    pub(super) body: Vec<u8>,
    pub(super) properties: BasicProperties,
}

/// A broker, and the one connection to it.
pub struct Broker {
    uri: AMQPUri,
    link: Mutex<Option<Link>>,
}

struct Link {
    connection: Connection,
    channel: Channel,
}

impl fmt::Debug for Broker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Without the password.
        f.debug_struct("Broker").field("host", &self.uri.authority.host).finish_non_exhaustive()
    }
}

impl Broker {
    /// A broker by its URL, like `amqp://user:password@127.0.0.1:5672/vhost`. Connects later.
    ///
    /// # Errors
    /// [`BrokerError::Url`].
    pub fn new(url: &str) -> Result<Self, BrokerError> {
        let mut uri: AMQPUri = url.parse().map_err(BrokerError::Url)?;
        if uri.vhost.is_empty() {
            "/".clone_into(&mut uri.vhost);
        }
        uri.query.heartbeat.get_or_insert(HEARTBEAT_S);
        Ok(Self { uri, link: Mutex::default() })
    }

    /// A broker and a queue there, by a URL that ends with the queue: `amqp://user:password@127.0.0.1:5672/fairgate.payments.in`,
    /// or `amqp://…/vhost/fairgate.payments.in`.
    ///
    /// # Errors
    /// [`BrokerError::Url`].
    pub fn with_queue(url: &str) -> Result<(Self, String), BrokerError> {
        let mut broker = Self::new(url)?;
        let path = broker.uri.vhost.clone();
        let (vhost, queue) = path.rsplit_once('/').unwrap_or(("/", path.as_str()));
        if queue.is_empty() {
            return Err(BrokerError::Url("it has to end with the name of the queue".to_owned()));
        }
        short(queue)?;
        broker.uri.vhost = if vhost.is_empty() { "/".to_owned() } else { vhost.to_owned() };
        Ok((broker, queue.to_owned()))
    }

    /// A channel on which messages are confirmed: the one before, while it lives.
    pub(super) async fn channel(&self) -> Result<Channel, BrokerError> {
        let mut link = self.link.lock().await;
        if let Some(Link { connection, channel }) = link.as_mut().filter(|link| link.connection.status().connected()) {
            if !channel.status().connected() {
                // An answer such as "not found" has closed it, and it alone.
                *channel = bounded(open(connection)).await??;
            }
            return Ok(channel.clone());
        }
        *link = None;
        let connecting = async {
            let name = format!("fairgate {}", std::process::id());
            let properties = ConnectionProperties::default().with_connection_name(name.into());
            let connection = Connection::connect_uri(self.uri.clone(), properties).await?;
            let channel = open(&connection).await?;
            Ok::<_, BrokerError>(Link { connection, channel })
        };
        let made = timeout(CONNECT_PATIENCE, connecting).await.map_err(|_| BrokerError::Silent)??;
        let channel = made.channel.clone();
        *link = Some(made);
        Ok(channel)
    }

    /// A channel of one's own: what is taken there goes back when it is closed.
    pub(super) async fn own_channel(&self) -> Result<Channel, BrokerError> {
        self.channel().await?;
        let link = self.link.lock().await;
        let link = link.as_ref().ok_or(BrokerError::Lost)?;
        bounded(open(&link.connection)).await?
    }

    /// Publishes all of it; answers for each, in order, whether it is safe.
    pub(super) async fn publish(
        &self,
        channel: &Channel,
        batch: Vec<Publication>,
    ) -> Result<Vec<Result<(), BrokerError>>, BrokerError> {
        if self.is_blocked().await {
            return Err(BrokerError::Blocked);
        }
        let published = bounded(publish_all(channel, &batch)).await;
        if matches!(published, Err(BrokerError::Silent)) {
            if self.is_blocked().await {
                return Err(BrokerError::Blocked);
            }
            // Nobody knows what became of it.
            *self.link.lock().await = None;
        }
        published?
    }

    /// Publishes one message.
    pub(super) async fn publish_one(&self, channel: &Channel, publication: Publication) -> Result<(), BrokerError> {
        self.publish(channel, vec![publication]).await?.into_iter().next().unwrap_or(Err(BrokerError::Lost))
    }

    async fn is_blocked(&self) -> bool {
        self.link.lock().await.as_ref().is_some_and(|link| link.connection.status().blocked())
    }
}

/// Waits for an answer, not for ever.
pub(super) async fn bounded<T>(call: impl Future<Output = T>) -> Result<T, BrokerError> {
    timeout(ANSWER_PATIENCE, call).await.map_err(|_| BrokerError::Silent)
}

/// The error of a declaration: in one clear line where the broker has another one of that name.
pub(super) fn undeclared(what: String) -> impl FnOnce(lapin::Error) -> BrokerError {
    move |error| match error.kind() {
        ErrorKind::ProtocolError(told) if told.get_id() == REPLY_PRECONDITION_FAILED => {
            BrokerError::Differs { what, says: told.get_message().as_str().to_owned() }
        }
        _ => BrokerError::Failed(error),
    }
}

/// A name as RabbitMQ takes it.
pub(super) fn short(name: &str) -> Result<ShortString, BrokerError> {
    ShortString::try_new(name).map_err(|_| BrokerError::TooLong(name.to_owned()))
}

async fn open(connection: &Connection) -> Result<Channel, BrokerError> {
    let channel = connection.create_channel().await?;
    channel.confirm_select(ConfirmSelectOptions::default()).await?;
    Ok(channel)
}

/// Sends all of it before the first confirmation is waited for.
async fn publish_all(channel: &Channel, batch: &[Publication]) -> Result<Vec<Result<(), BrokerError>>, BrokerError> {
    let mandatory = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
    let mut calls = Vec::with_capacity(batch.len());
    for Publication { exchange, key, body, properties } in batch {
        let (key, properties) = (key.clone(), properties.clone());
        let call = channel.basic_publish((*exchange).into(), key, mandatory, body, properties);
        let mut call = Box::pin(maybe_done(call));
        // The first look puts it in line; what it waits for then is only that the thread of the connection has written it.
        let _ = poll!(call.as_mut());
        calls.push(call);
    }
    let mut sent = Vec::with_capacity(batch.len());
    for (mut call, Publication { exchange, key, properties, .. }) in calls.into_iter().zip(batch) {
        call.as_mut().await;
        let confirm = call.as_mut().take_output().ok_or(BrokerError::Lost)??;
        sent.push((*exchange, (key.clone(), properties.message_id().clone()), confirm));
    }
    // One answer may be for many messages, and says only of all of them together that one came back.
    let (mut refused, mut returned) = (Vec::with_capacity(sent.len()), HashSet::new());
    let mut addressed = Vec::with_capacity(sent.len());
    for (exchange, address, confirm) in sent {
        let confirmation = confirm.await?;
        refused.push(!confirmation.is_ack());
        addressed.push((exchange, address));
        if let Some(back) = confirmation.take_message() {
            returned.insert((back.routing_key.clone(), back.properties.message_id().clone()));
        }
    }
    let judge = |((exchange, address), is_refused): ((&str, (ShortString, Option<ShortString>)), bool)| {
        let key = address.0.as_str().to_owned();
        match (is_refused, returned.contains(&address)) {
            (_, true) => Err(BrokerError::Unroutable { exchange: named(exchange), key }),
            (true, _) => Err(BrokerError::Refused { key }),
            _ => Ok(()),
        }
    };
    Ok(addressed.into_iter().zip(refused).map(judge).collect())
}

/// The exchange without a name leads to the queue that the key names.
fn named(exchange: &str) -> String {
    if exchange.is_empty() { "(default)".to_owned() } else { EXCHANGE.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_says_where_and_is_told_without_its_password() {
        for (url, vhost) in
            [("amqp://a:secret@host:1/", "/"), ("amqp://host", "/"), ("amqps://host/%2Fother", "/other")]
        {
            let broker = Broker::new(url).expect(url);
            assert_eq!(broker.uri.vhost, vhost, "{url}");
            assert!(!format!("{broker:?}").contains("secret"));
        }
        for wrong in ["", "host", "redis://host/"] {
            let told = Broker::new(wrong).expect_err(wrong).to_string();
            assert!(told.contains("amqp://user:password@127.0.0.1:5672/"), "{told}");
        }
    }

    #[test]
    fn a_url_may_end_with_a_queue() {
        for (url, vhost, queue) in [
            ("amqp://host/payments.in", "/", "payments.in"),
            ("amqp://host/shop/payments.in", "shop", "payments.in"),
            ("amqp://host/%2F/payments.in", "/", "payments.in"),
        ] {
            let (broker, found) = Broker::with_queue(url).expect(url);
            assert_eq!((broker.uri.vhost.as_str(), found.as_str()), (vhost, queue), "{url}");
        }
        for wrong in ["amqp://host", "amqp://host/", "amqp://host/shop/", "nothing"] {
            assert!(matches!(Broker::with_queue(wrong), Err(BrokerError::Url(_))), "{wrong}");
        }
    }

    #[test]
    fn a_name_that_is_too_long_is_an_error() {
        assert!(short(&"a".repeat(255)).is_ok());
        assert!(matches!(short(&"a".repeat(256)), Err(BrokerError::TooLong(_))));
    }
}
