//! Where Kafka is, and what librdkafka is told.

use std::fmt;
use std::time::Duration;

use rdkafka::ClientConfig;

/// Any question to a broker is answered within this time, or not at all.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);
/// The topic to which a relay publishes.
pub const TOPIC: &str = "fairgate.events";
/// What the program says itself; another value would break a guarantee.
const OURS: [&str; 6] = [
    "bootstrap.servers",
    "transactional.id",
    "enable.idempotence",
    "isolation.level",
    "enable.auto.commit",
    "allow.auto.create.topics",
];

/// An address or an option that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OptionsError {
    /// Not `host:port`, comma, `host:port`.
    #[error("{0:?} is no list of Kafka brokers: write host:port, and more of them after commas")]
    Brokers(String),
    /// Not `name=value`.
    #[error("{0:?} is no option of Kafka's client: write name=value, such as compression.type=zstd")]
    Form(String),
    /// The program sets it.
    #[error("the option {0} is the relay's own, since its promises rest on it: leave it out")]
    Ours(String),
}

/// Where Kafka is, and what its client is told.
#[derive(Clone, PartialEq, Eq)]
pub struct KafkaOptions {
    brokers: String,
    /// The topic.
    pub topic: String,
    /// Options of librdkafka: names and values.
    more: Vec<(String, String)>,
}

impl fmt::Debug for KafkaOptions {
    /// Without the values of options: a password may be one.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.more.iter().map(|(name, _)| name).collect();
        f.debug_struct("KafkaOptions")
            .field("brokers", &self.brokers)
            .field("topic", &self.topic)
            .field("options", &names)
            .finish()
    }
}

impl KafkaOptions {
    /// Reads a list of brokers, `host:port` with commas between them, and options of librdkafka as `name=value`.
    ///
    /// # Errors
    /// What cannot be used.
    pub fn parse(brokers: &str, more: &[String]) -> Result<Self, OptionsError> {
        let is_broker = |broker: &str| {
            let port = broker.trim().rsplit_once(':').filter(|(host, _)| !host.is_empty() && !host.contains('/'));
            port.is_some_and(|(_, port)| port.parse::<u16>().is_ok_and(|port| port > 0))
        };
        if !brokers.split(',').all(is_broker) {
            return Err(OptionsError::Brokers(brokers.to_owned()));
        }
        let more = more.iter().map(|option| read_option(option)).collect::<Result<_, _>>()?;
        Ok(Self { brokers: brokers.to_owned(), topic: TOPIC.to_owned(), more })
    }

    /// The same with another topic.
    #[must_use]
    pub fn with_topic(self, topic: &str) -> Self {
        Self { topic: topic.to_owned(), ..self }
    }

    fn client(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set("client.id", "fairgate");
        for (name, value) in &self.more {
            config.set(name, value);
        }
        config.set("bootstrap.servers", &self.brokers).set("allow.auto.create.topics", "false");
        config
    }

    /// A producer under this transactional id. Batches are compressed, unless an option says otherwise.
    pub(super) fn producer(&self, id: &str) -> ClientConfig {
        let mut config = self.client();
        if config.get("compression.type").is_none() {
            config.set("compression.type", "lz4");
        }
        config.set("transactional.id", id).set("enable.idempotence", "true");
        config
    }

    /// A reader of what is committed, who keeps no position.
    pub(super) fn reader(&self) -> ClientConfig {
        let mut config = self.client();
        // A group is asked for and never joined.
        config.set("group.id", "fairgate-ends").set("enable.auto.commit", "false").set("auto.offset.reset", "error");
        config.set("isolation.level", "read_committed").set("enable.partition.eof", "true");
        // An end is there or not: nothing is gained by waiting for more.
        config.set("fetch.wait.max.ms", "10");
        config
    }

    /// Whoever makes topics.
    pub(super) fn admin(&self) -> ClientConfig {
        self.client()
    }
}

fn read_option(text: &str) -> Result<(String, String), OptionsError> {
    let (name, value) = text.split_once('=').ok_or_else(|| OptionsError::Form(text.to_owned()))?;
    let name = name.trim();
    if name.is_empty() {
        return Err(OptionsError::Form(text.to_owned()));
    }
    if OURS.contains(&name) {
        return Err(OptionsError::Ours(name.to_owned()));
    }
    Ok((name.to_owned(), value.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brokers_and_options_are_read_and_what_the_relay_rests_on_is_refused() {
        let options = KafkaOptions::parse("a:9092, b:9092", &["sasl.password=secret=1".to_owned()]).expect("good");
        assert_eq!(options.client().get("sasl.password"), Some("secret=1"));
        assert!(!format!("{options:?}").contains("secret"), "no value is shown");
        for wrong in ["", "a", "a:", "a:0", ":9092", "kafka://a:9092", "a:9092,"] {
            assert_eq!(KafkaOptions::parse(wrong, &[]), Err(OptionsError::Brokers(wrong.to_owned())));
        }
        let with = |option: &str| KafkaOptions::parse("a:9092", &[option.to_owned()]).map(drop);
        assert_eq!(with("linger.ms"), Err(OptionsError::Form("linger.ms".to_owned())));
        assert_eq!(with("isolation.level=x"), Err(OptionsError::Ours("isolation.level".to_owned())));
    }
}
