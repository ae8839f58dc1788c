//! A Kafka broker of one's own, on free ports of the loopback; what it holds is gone when it stops.
//!
//! Debian has no package of it. `make engines` fetches its JARs and names their class path in `FAIRGATE_KAFKA_CLASSPATH`.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};
use std::{env, fs, io};

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError as ClientError;
use rdkafka::message::{BorrowedMessage, Headers, Message};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};
use tempfile::TempDir;

use crate::free_port;
use crate::watched::Watched;

/// A JVM starts in seconds, and on a busy machine in many.
const PATIENCE: Duration = Duration::from_secs(120);
/// The variable with the class path.
const CLASSPATH: &str = "FAIRGATE_KAFKA_CLASSPATH";
/// Any cluster's id would do: 16 bytes in base64url.
const CLUSTER: &str = "ZmFpcmdhdGUtdGVzdGtpdA";

/// Why there is no private Kafka.
#[derive(Debug, thiserror::Error)]
pub enum KafkaError {
    /// No JARs.
    #[error("{CLASSPATH} does not name the class path of Kafka's JARs; `make engines` fetches them and sets it")]
    NoJars,
    /// A file or a port is missing, or `java` does not run.
    #[error("cannot run Kafka: {0}")]
    Run(#[from] io::Error),
    /// What is committed cannot be read.
    #[error("Kafka: {0}")]
    Read(#[from] ClientError),
    /// It did not come up.
    #[error("Kafka did not start within {} s; the end of its log:\n{log}", PATIENCE.as_secs())]
    Start {
        /// The end of its log.
        log: String,
    },
}

/// A record as a consumer has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Committed {
    /// Its key; empty where it has none.
    pub key: String,
    /// Its headers, by name.
    pub headers: Vec<(String, String)>,
    /// Its value; empty where it has none.
    pub value: String,
}

/// A running private broker, which is its own controller; stopped on drop, and when this process dies.
#[derive(Debug)]
pub struct PrivateKafka {
    classpath: String,
    dir: TempDir,
    port: u16,
    server: Option<Watched>,
}

impl PrivateKafka {
    /// Starts an empty broker that makes no topic by itself.
    ///
    /// # Errors
    /// [`KafkaError`], worded for the person at the terminal.
    pub fn start() -> Result<Self, KafkaError> {
        let classpath = env::var(CLASSPATH).map_err(|_| KafkaError::NoJars)?;
        let dir = tempfile::Builder::new().prefix("fairgate-kafka-").tempdir()?;
        let mut broker = Self { classpath, dir, port: free_port()?, server: None };
        let controller = free_port()?;
        fs::write(broker.settings_file(), broker.settings(controller))?;
        let mut format = broker.java("kafka.tools.StorageTool");
        let formatted = format.args(["format", "-t", CLUSTER, "-c"]).arg(broker.settings_file()).output()?;
        if !formatted.status.success() {
            return Err(KafkaError::Start { log: String::from_utf8_lossy(&formatted.stderr).into_owned() });
        }
        broker.run()?;
        Ok(broker)
    }

    /// Where to connect, as clients want it.
    #[must_use]
    pub fn brokers(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Everything in a topic, as a consumer has it that reads what is committed; each partition in its order.
    ///
    /// # Errors
    /// The topic is not there, or the broker does not answer.
    pub fn committed(&self, topic: &str) -> Result<Vec<Committed>, KafkaError> {
        let mut config = ClientConfig::new();
        config
            .set("bootstrap.servers", self.brokers())
            .set("group.id", "a-consumer")
            .set("enable.auto.commit", "false");
        config.set("isolation.level", "read_committed").set("enable.partition.eof", "true");
        config.set("fetch.wait.max.ms", "10");
        let reader: BaseConsumer = config.set("auto.offset.reset", "earliest").create()?;
        let metadata = reader.fetch_metadata(Some(topic), PATIENCE)?;
        let mut beginnings = TopicPartitionList::new();
        for partition in metadata.topics().iter().flat_map(|found| found.partitions()) {
            beginnings.add_partition_offset(topic, partition.id(), Offset::Beginning)?;
        }
        reader.assign(&beginnings)?;
        let (mut records, mut read) = (Vec::new(), HashSet::new());
        while read.len() < beginnings.count() {
            match reader.poll(PATIENCE) {
                Some(Ok(record)) => records.push(Committed::of(&record)),
                Some(Err(ClientError::PartitionEOF(partition))) => {
                    read.insert(partition);
                }
                Some(Err(error)) => return Err(error.into()),
                None => return Err(KafkaError::Start { log: format!("{topic} cannot be read") }),
            }
        }
        Ok(records)
    }

    /// Kills the broker at once (SIGKILL); [`Self::restart`] recovers.
    pub fn kill9(&mut self) {
        self.server = None;
    }

    /// Starts the broker again after [`Self::kill9`], at the same address with the same data.
    ///
    /// # Errors
    /// [`KafkaError`].
    pub fn restart(&mut self) -> Result<(), KafkaError> {
        self.kill9();
        self.run()
    }

    fn run(&mut self) -> Result<(), KafkaError> {
        let settings = self.settings_file();
        let args = ["-Xms256m", "-Xmx512m", "-XX:+UseSerialGC", "-cp", &self.classpath, "kafka.Kafka"];
        let args = args.map(OsStr::new).into_iter().chain([settings.as_os_str()]);
        self.server = Some(Watched::start("java", args, fs::File::create(self.log())?)?);
        let deadline = Instant::now() + PATIENCE;
        while TcpStream::connect(SocketAddr::from((Ipv4Addr::LOCALHOST, self.port))).is_err() {
            if Instant::now() > deadline {
                let log = fs::read_to_string(self.log()).unwrap_or_default();
                return Err(KafkaError::Start { log: log.lines().rev().take(20).collect::<Vec<_>>().join("\n") });
            }
            sleep(Duration::from_millis(50));
        }
        Ok(())
    }

    fn java(&self, class: &str) -> Command {
        let mut command = Command::new("java");
        command.args(["-cp", &self.classpath, class]);
        command
    }

    fn settings_file(&self) -> PathBuf {
        self.dir.path().join("server.properties")
    }

    fn log(&self) -> PathBuf {
        self.dir.path().join("log")
    }

    /// One broker that is a cluster by itself: every count of copies is one.
    fn settings(&self, controller: u16) -> String {
        let (port, data) = (self.port, self.dir.path().join("data"));
        format!(
            "process.roles=broker,controller\nnode.id=1\ncontroller.quorum.voters=1@127.0.0.1:{controller}\n\
             listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}\n\
             advertised.listeners=PLAINTEXT://127.0.0.1:{port}\ncontroller.listener.names=CONTROLLER\n\
             listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT\nlog.dirs={}\n\
             offsets.topic.replication.factor=1\noffsets.topic.num.partitions=1\n\
             transaction.state.log.replication.factor=1\ntransaction.state.log.min.isr=1\n\
             transaction.state.log.num.partitions=1\nshare.coordinator.state.topic.replication.factor=1\n\
             share.coordinator.state.topic.min.isr=1\ngroup.initial.rebalance.delay.ms=0\n\
             auto.create.topics.enable=false\n",
            data.display()
        )
    }
}

impl Committed {
    fn of(record: &BorrowedMessage<'_>) -> Self {
        let text = |bytes: Option<&[u8]>| String::from_utf8_lossy(bytes.unwrap_or_default()).into_owned();
        let header = |at: usize| record.headers().map(|headers| headers.get(at));
        let headers = (0..record.headers().map_or(0, Headers::count)).filter_map(header);
        let headers = headers.map(|header| (header.key.to_owned(), text(header.value))).collect();
        Self { key: text(record.key()), headers, value: text(record.payload()) }
    }

    /// The value of a header.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}
