//! A shop with a Redis to which what happens in it is published.

use std::process::{Command, Stdio};
use std::time::Duration;

use fairgate_booking::outbox::{Message, STREAM};
use fairgate_testkit::{ChildProcess, PrivateRedis};
use redis::AsyncCommands;
use redis::streams::StreamRangeReply;
use tokio::time::sleep;

use crate::shop::{Env, Shop, free_address};

const PATIENCE: Duration = Duration::from_secs(30);

/// A shop, and a Redis for what happens in it.
pub(crate) struct World {
    pub(crate) shop: Shop,
    pub(crate) redis: PrivateRedis,
}

impl World {
    pub(crate) fn open() -> Self {
        Self::open_with(Env::new())
    }

    /// Whose cores read nothing of the log themselves.
    pub(crate) fn bare() -> Self {
        Self::open_with(vec![("FAIRGATE_WITHOUT", "mail,insight".to_owned())])
    }

    /// With cores that are told something.
    pub(crate) fn open_with(env: Env) -> Self {
        let redis = PrivateRedis::start().expect("Redis is installed by `make setup`");
        Self { shop: Shop::open_with(&free_address(), env), redis }
    }

    pub(crate) fn outbox(&self, args: &[&str], ready: &str) -> ChildProcess {
        let mut command = self.command(args);
        command.arg("--exit-with-stdin").stderr(Stdio::inherit());
        let mut child = ChildProcess::spawn("the outbox", command).expect("the binary is built");
        child.wait_for_line(ready, PATIENCE).expect("it starts");
        child
    }

    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_fairgate"));
        command.arg("outbox").args(args);
        command.env("FAIRGATE_REDIS_URL", self.redis.url()).env("FAIRGATE_DATABASE_URL", self.shop.postgres.url());
        command
    }

    pub(crate) fn relay(&self) -> ChildProcess {
        self.outbox(&["relay"], "publishing to")
    }

    pub(crate) fn says(&self, args: &[&str]) -> String {
        let output = self.command(args).output().expect("it runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// What the stream holds, by ids.
    pub(crate) async fn texts(&self) -> Vec<(String, String)> {
        let client = redis::Client::open(self.redis.url()).expect("a URL");
        let mut connection = client.get_multiplexed_async_connection().await.expect("Redis answers");
        let reply: StreamRangeReply = connection.xrange_all(STREAM).await.expect("a stream");
        reply.ids.iter().map(|entry| (entry.id.clone(), entry.get("message").expect("a message"))).collect()
    }

    pub(crate) async fn messages(&self) -> Vec<Message> {
        let read = |(id, text): (String, String)| {
            let message = Message::read(&text).expect("JSON").expect("of a type that is known");
            assert_eq!(id, format!("{}-1", message.id), "its number is its id");
            message
        };
        self.texts().await.into_iter().map(read).collect()
    }

    /// The messages, once as many have arrived as have happened.
    pub(crate) async fn all_messages(&self) -> Vec<Message> {
        let sql = self.shop.sql().await;
        for _ in 0..600 {
            let row = sql.query_one("select count(*) from change_log", &[]).await.expect("a count");
            let messages = self.messages().await;
            if messages.len() as i64 == row.get::<_, i64>(0) {
                return messages;
            }
            sleep(Duration::from_millis(50)).await;
        }
        panic!("not everything was published");
    }

    /// Waits until every hold has ended and was swept: from then on nothing happens by itself.
    pub(crate) async fn when_nothing_is_held(&self) {
        let sql = self.shop.sql().await;
        for _ in 0..200 {
            let held = sql.query_one("select count(*) from booking where status = 'held'", &[]).await.expect("a count");
            if held.get::<_, i64>(0) == 0 {
                return;
            }
            sleep(Duration::from_millis(50)).await;
        }
        panic!("some holds were never swept");
    }

    /// Checks that everything that happened was published once, in the order of the log.
    pub(crate) async fn check_published(&self, messages: &[Message]) {
        assert!(messages.is_sorted_by_key(|message| message.id), "in the order of the log");
        let happened = "select change_id from change_log order by 1";
        let rows = self.shop.sql().await.query(happened, &[]).await.expect("rows");
        let happened: Vec<i64> = rows.iter().map(|row| row.get(0)).collect();
        assert_eq!(messages.iter().map(|message| message.id).collect::<Vec<_>>(), happened, "all of it, once");
    }
}
