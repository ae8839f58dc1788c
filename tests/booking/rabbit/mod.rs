//! RabbitMQ as a sink, as a queue of work, and as a way in. One broker is shared by all tests of this binary, one after the other.

mod faults;
mod mails;
mod payments;
mod sink;
mod work;

use std::collections::BTreeMap;
use std::process::{Command, Stdio};
use std::time::Duration;

use fairgate_booking::outbox::Message;
use fairgate_booking::outbox::amqp::EXCHANGE;
use fairgate_testkit::{ChildProcess, PrivateRabbit};
use futures_util::StreamExt;
use lapin::options::{
    BasicConsumeOptions, BasicPublishOptions, ConfirmSelectOptions, ExchangeDeleteOptions, QueueDeclareOptions,
    QueueDeleteOptions,
};
use lapin::types::FieldTable;
use lapin::{BasicProperties, Channel, Confirmation, Connection, ConnectionProperties};
use tokio::sync::{Mutex, MutexGuard};
use tokio::time::{sleep, timeout};

use crate::shop::Shop;

static BROKER: Mutex<Option<PrivateRabbit>> = Mutex::const_new(None);

/// Queues that tests make, and what belongs to them.
const QUEUES: [&str; 5] =
    ["fairgate.suite", "fairgate.mail", "fairgate.archive", "fairgate.small", "fairgate.payments.in"];
const WAITS_MS: [u64; 12] =
    [100, 300, 900, 1000, 5000, 10_000, 30_000, 60_000, 120_000, 600_000, 3_600_000, 21_600_000];

/// The shared broker, for one test at a time.
pub(crate) struct Rabbit(MutexGuard<'static, Option<PrivateRabbit>>);

impl Rabbit {
    /// The broker, with nothing in it.
    pub(crate) async fn open() -> Self {
        let mut shared = BROKER.lock().await;
        if shared.is_none() {
            *shared = Some(PrivateRabbit::start().expect("RabbitMQ is installed by `make setup`"));
        }
        let rabbit = Self(shared);
        rabbit.empty().await;
        rabbit
    }

    pub(crate) fn url(&self) -> String {
        self.0.as_ref().expect("it runs").url()
    }

    pub(crate) fn restart(&mut self) {
        self.0.as_mut().expect("it runs").restart().expect("it starts again");
    }

    /// How much memory the broker may use before it blocks those who publish.
    pub(crate) fn set_memory_bytes_max(&self, bytes: u64) {
        self.0.as_ref().expect("it runs").set_memory_bytes_max(bytes).expect("set");
    }

    pub(crate) fn kill9(&mut self) {
        self.0.as_mut().expect("it runs").kill9();
    }

    /// A channel of a client that is none of ours.
    pub(crate) async fn channel(&self) -> (Connection, Channel) {
        // Queues are there a moment after the broker answers.
        for _ in 0..100 {
            if let Ok(connection) = Connection::connect(&self.url(), ConnectionProperties::default()).await {
                let channel = connection.create_channel().await.expect("a channel");
                channel.confirm_select(ConfirmSelectOptions::default()).await.expect("confirms");
                return (connection, channel);
            }
            sleep(Duration::from_millis(100)).await;
        }
        panic!("the broker takes no connection");
    }

    async fn empty(&self) {
        let (_connection, channel) = self.channel().await;
        let delete = async |queue: String| {
            channel.queue_delete(queue.as_str().into(), QueueDeleteOptions::default()).await.expect("deleted");
        };
        channel.exchange_delete(EXCHANGE.into(), ExchangeDeleteOptions::default()).await.expect("deleted");
        for queue in QUEUES {
            delete(queue.to_owned()).await;
            delete(format!("{queue}.dead")).await;
            for wait in WAITS_MS {
                delete(format!("{queue}.wait.{wait}")).await;
            }
        }
        for sink in ["suite", "rabbitmq"] {
            delete(format!("fairgate.mark.{sink}")).await;
        }
    }

    /// Declares a queue as somebody else would.
    pub(crate) async fn declare(&self, queue: &str, arguments: FieldTable) {
        let (_connection, channel) = self.channel().await;
        let durable = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
        channel.queue_declare(queue.into(), durable, arguments).await.expect("declared");
    }

    /// Publishes to a queue by its name.
    pub(crate) async fn put(&self, queue: &str, body: &str, properties: BasicProperties) {
        let (_connection, channel) = self.channel().await;
        let mandatory = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
        // Whoever works on the queue makes it.
        until("the queue", async || {
            let sent = channel.basic_publish("".into(), queue.into(), mandatory, body.as_bytes(), properties.clone());
            sent.await.expect("sent").await.expect("confirmed") == Confirmation::Ack(None)
        })
        .await;
    }

    /// Takes everything out of a queue, until nothing comes for a second.
    pub(crate) async fn drain(&self, queue: &str) -> Vec<String> {
        let (_connection, channel) = self.channel().await;
        let all = BasicConsumeOptions { no_ack: true, ..BasicConsumeOptions::default() };
        let mut consumer =
            channel.basic_consume(queue.into(), "drain".into(), all, FieldTable::default()).await.expect("a consumer");
        let mut bodies = Vec::new();
        while let Ok(Some(delivery)) = timeout(Duration::from_secs(1), consumer.next()).await {
            bodies.push(String::from_utf8(delivery.expect("a message").data).expect("text"));
        }
        bodies
    }

    /// How many messages a queue has that nobody has taken.
    pub(crate) async fn count(&self, queue: &str) -> u32 {
        let (_connection, channel) = self.channel().await;
        let passive = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
        channel.queue_declare(queue.into(), passive, FieldTable::default()).await.expect("it is there").message_count()
    }

    pub(crate) fn command(&self, shop: &Shop, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_fairgate"));
        command.arg("outbox").args(args).env_remove("FAIRGATE_REDIS_URL");
        command.env("FAIRGATE_AMQP_URL", self.url()).env("FAIRGATE_DATABASE_URL", shop.postgres.url());
        command
    }

    pub(crate) fn run(&self, shop: &Shop, args: &[&str], ready: &str) -> ChildProcess {
        let mut command = self.command(shop, args);
        command.arg("--exit-with-stdin").stderr(Stdio::inherit());
        start(command, ready)
    }

    /// Runs a command to its end: whether it did what was asked, and what it said.
    pub(crate) fn says(&self, shop: &Shop, args: &[&str]) -> (bool, String) {
        let output = self.command(shop, args).output().expect("it runs");
        let said = if output.status.success() { output.stdout } else { output.stderr };
        (output.status.success(), String::from_utf8_lossy(&said).into_owned())
    }
}

pub(crate) fn start(command: Command, ready: &str) -> ChildProcess {
    let mut child = ChildProcess::spawn("the outbox", command).expect("the binary is built");
    child.wait_for_line(ready, Duration::from_secs(30)).expect("it starts");
    child
}

/// Waits until a condition holds.
pub(crate) async fn until(what: &str, done: impl AsyncFn() -> bool) {
    for _ in 0..1200 {
        if done().await {
            return;
        }
        sleep(Duration::from_millis(50)).await;
    }
    panic!("{what} never came");
}

/// A shop whose cores read nothing of the log themselves.
pub(crate) fn quiet_shop() -> Shop {
    Shop::open_with(&crate::shop::free_address(), vec![("FAIRGATE_WITHOUT", "mail,insight".to_owned())])
}

/// So many things happen.
pub(crate) async fn happen(shop: &Shop, changes: i32) {
    let insert =
        "insert into change_log (event_id, kind) select event_id, 'changed' from event, generate_series(1, $1)";
    shop.sql().await.execute(insert, &[&changes]).await.expect("rows");
}

/// True once everything that happened was published.
pub(crate) async fn is_carried(shop: &Shop) -> bool {
    let all = "select coalesce((select position from carried where sink = 'rabbitmq'), 0)
        = (select max(change_id) from change_log)";
    shop.sql().await.query_one(all, &[]).await.expect("an answer").get(0)
}

/// Checks that everything that happened is there, in order, and that what is there twice is the same. Answers how many are copies.
pub(crate) async fn check_all_there(shop: &Shop, bodies: &[String]) -> usize {
    let (mut first, mut seen) = (Vec::new(), BTreeMap::new());
    for body in bodies {
        let id = Message::read(body).expect("JSON").expect("of a known type").id;
        match seen.insert(id, body) {
            Some(before) => assert_eq!(before, body, "equal ids, equal bytes"),
            None => first.push(id),
        }
    }
    let happened = "select change_id from change_log order by 1";
    let rows = shop.sql().await.query(happened, &[]).await.expect("rows");
    assert_eq!(first, rows.iter().map(|row| row.get::<_, i64>(0)).collect::<Vec<_>>(), "all of it, in order");
    bodies.len() - first.len()
}
