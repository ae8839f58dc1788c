//! Whoever reads the change log is registered and waited for; every sink keeps the same promises; one relay carries, another
//! stands by.

use std::time::{Duration, Instant};

use fairgate_booking::outbox::{Entry, Kind, Message, Redis, STREAM, Sink};
use fairgate_telemetry::entropy;
use fairgate_testkit::PrivateRedis;
use redis::AsyncCommands;
use redis::streams::StreamRangeReply;
use reqwest::StatusCode;
use serde_json::Value;
use tokio::time::sleep;
use tokio_postgres::Client;

use crate::world::World;

/// What a sink has to be equal to.
#[derive(Default)]
pub(crate) struct Model {
    pub(crate) entries: Vec<(i64, String)>,
}

impl Model {
    fn position(&self) -> i64 {
        self.entries.last().map_or(0, |(number, _)| *number)
    }

    fn append(&mut self, after: i64, batch: &[Entry]) -> i64 {
        if after == self.position() {
            self.entries.extend(batch.iter().map(|entry| (entry.number, entry.message.clone())));
        }
        self.position()
    }
}

/// Numbers that follow from a seed.
struct Dice(u64);

impl Dice {
    fn below(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

/// The suite that every sink passes: whatever a caller believes and however often it asks, the sink is what the model is.
pub(crate) async fn conforms(open: impl AsyncFn() -> Box<dyn Sink>, seed: u64) -> Model {
    let (mut dice, mut model, mut sink) = (Dice(seed), Model::default(), open().await);
    for _ in 0..200 {
        let ends = model.position();
        let after = match dice.below(4) {
            // A caller who has not heard of the last batch, or who believes in one that was lost.
            0 => model.entries.get(model.entries.len() / 2).map_or(0, |(number, _)| *number),
            1 => ends + 1 + dice.below(3).cast_signed(),
            _ => ends,
        };
        let mut number = after.max(ends);
        let entries: Vec<Entry> = (0..dice.below(5))
            .map(|_| {
                number += 1 + dice.below(3).cast_signed();
                let message = format!("{{\"n\":{number},\"ä\":\"{}\"}}", dice.below(1000));
                Entry { number, topic: Kind::Held.topic(), event: "night".to_owned(), message }
            })
            .collect();
        let stands = sink.append(after, &entries).await.expect("it answers");
        assert_eq!(stands, model.append(after, &entries), "seed {seed}: after {after} of {ends}");
        if dice.below(3) == 0 {
            // Whoever comes later learns the same.
            sink = open().await;
            assert_eq!(sink.position().await.expect("it answers"), model.position(), "seed {seed}");
            let last = sink.last().await.expect("it answers").map(|last| (last.number, last.message));
            assert_eq!(last.as_ref(), model.entries.last(), "seed {seed}: what it ends with");
            assert!(sink.has_room().await.expect("it answers"));
        }
        if dice.below(10) == 0 {
            sink.tidy().await.expect("it answers");
            assert_eq!(sink.position().await.expect("it answers"), model.position(), "tidying moves nothing");
        }
    }
    model
}

#[tokio::test]
#[expect(clippy::print_stdout, reason = "a failure names its seed")]
async fn a_redis_stream_is_a_sink() {
    let seed = u64::from_le_bytes(entropy::random_bytes().expect("the system's"));
    println!("seed {seed}");
    let server = PrivateRedis::start().expect("Redis is installed by `make setup`");
    let open = async || Box::new(Redis::connect(&server.url()).await.expect("Redis answers")) as Box<dyn Sink>;
    let model = conforms(open, seed).await;

    let client = redis::Client::open(server.url()).expect("a URL");
    let mut connection = client.get_multiplexed_async_connection().await.expect("Redis answers");
    let stream: StreamRangeReply = connection.xrange_all(STREAM).await.expect("a stream");
    let read = |entry: &redis::streams::StreamId| {
        let number = entry.id.split('-').next().expect("an id").parse::<i64>().expect("a number");
        (number, entry.get::<String>("message").expect("a message"))
    };
    assert_eq!(stream.ids.iter().map(read).collect::<Vec<_>>(), model.entries, "seed {seed}: all of it, byte for byte");
    // Its end is known also when everybody has handled everything.
    connection.xtrim::<_, ()>(STREAM, redis::streams::StreamMaxlen::Equals(0)).await.expect("trimmed");
    assert_eq!(open().await.position().await.expect("it answers"), model.position());
}

async fn sell(world: &World, places: std::ops::Range<u64>) {
    for place in places {
        let held = world.shop.fan(place).reserve_best("r", "pit", 1).await;
        assert_eq!(held.status, StatusCode::OK, "{}", held.text);
    }
}

fn sinks(world: &World) -> Vec<Value> {
    let text = world.says(&["sinks", "--json"]);
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

async fn until(what: &str, done: impl AsyncFn() -> bool) {
    for _ in 0..400 {
        if done().await {
            return;
        }
        sleep(Duration::from_millis(50)).await;
    }
    panic!("{what} never came");
}

async fn number(sql: &Client, question: &str) -> i64 {
    sql.query_one(question, &[]).await.expect("a number").get(0)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_reads_is_registered_and_waited_for_until_it_is_dropped() {
    let world = World::bare();
    let sql = world.shop.sql().await;
    assert_eq!(world.says(&["sinks"]), "nobody reads the change log\n");
    sell(&world, 0..3).await;

    let mut first = world.relay();
    let mut second = world.outbox(&["relay", "--sink", "archive"], "publishing to");
    until("both", async || sinks(&world).iter().filter(|sink| sink["lag_rows"] == 0).count() == 2).await;
    let said = world.command(&["sink", "drop", "archive"]).output().expect("it runs");
    assert!(!said.status.success() && String::from_utf8_lossy(&said.stderr).contains("stop it first"), "{said:?}");
    second.kill9();

    // One is gone: it falls behind, and what it has not read stays, however old that is.
    sell(&world, 3..6).await;
    until("the first", async || sinks(&world).iter().any(|sink| sink["sink"] == "redis" && sink["lag_rows"] == 0))
        .await;
    sql.batch_execute("update change_log set at = at - interval '3 days'").await.expect("it is old");
    let (mut pruning, _) = world.shop.another_core();
    until("the pruner", async || number(&sql, "select count(*) from change_log").await == 3).await;
    let behind = sinks(&world).into_iter().find(|sink| sink["sink"] == "archive").expect("registered");
    assert_eq!(behind["lag_rows"], 3);
    assert!(behind["lag_seconds"].as_i64().is_some_and(|age| age > 200_000), "{behind}");
    let text = world.says(&["sinks"]);
    assert!(text.lines().any(|line| line.starts_with("archive  at ") && line.contains("3 rows and ")), "{text}");
    let shown = async || {
        world.shop.http.get(&world.shop.metrics_url).send().await.expect("metrics").text().await.expect("text")
    };
    until("the metric", async || shown().await.contains("fairgate_booking_sink_lag_rows{sink=\"archive\"} 3")).await;
    pruning.stop();

    assert_eq!(world.says(&["sink", "drop", "archive"]), "archive is unregistered\n");
    let said = world.command(&["sink", "drop", "archive"]).output().expect("it runs");
    assert!(String::from_utf8_lossy(&said.stderr).contains("no sink is called archive"), "{said:?}");
    until("no metric", async || !shown().await.contains("sink=\"archive\"")).await;
    let (mut pruning, _) = world.shop.another_core();
    until("the pruner", async || number(&sql, "select count(*) from change_log").await == 0).await;
    pruning.stop();

    // A new one begins with what is left, and says so.
    sell(&world, 6..7).await;
    let mut third = world.outbox(&["relay", "--sink", "archive"], "publishing to");
    until("it again", async || sinks(&world).len() == 2).await;
    let knows = sinks(&world).into_iter().find(|sink| sink["sink"] == "archive").expect("registered");
    let oldest = "select to_char(min(at) at time zone 'utc', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"') from change_log";
    let oldest: String = sql.query_one(oldest, &[]).await.expect("a time").get(0);
    assert_eq!(knows["knows_from"], oldest.as_str());
    first.stop();
    third.stop();
}

/// Cores and relays of the version before look at `published`, and write to it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_older_program_finds_what_it_knows() {
    let world = World::bare();
    let sql = world.shop.sql().await;
    let looked = "select change_id from published where only_row";
    assert_eq!(number(&sql, looked).await, 0);
    let noted = "update published set change_id = $1 where only_row and change_id <> $1";
    for position in [7i64, 9, 3] {
        sql.execute(noted, &[&position]).await.expect("noted");
        assert_eq!(number(&sql, looked).await, position);
        assert_eq!(number(&sql, "select position from sink where name = 'redis'").await, position);
    }
    sql.batch_execute("insert into sink values ('other', 2, 2, 1, now(), now())").await.expect("registered");
    assert_eq!(number(&sql, looked).await, 2, "an older pruner waits for all of them");
}

async fn numbers(world: &World) -> Vec<i64> {
    world.messages().await.iter().map(|message: &Message| message.id).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_relay_stands_by_and_takes_over_from_one_that_died_or_is_frozen() {
    let world = World::bare();
    let sql = world.shop.sql().await;
    let mut first = world.relay();
    sell(&world, 0..1).await;
    world.all_messages().await;
    let mut second = world.relay();
    let holders = "select count(*) from pg_locks where locktype = 'advisory' and objsubid = 2 and granted
        and classid = (hashtext('fairgate.sink')::bigint & 4294967295)::oid";
    sleep(Duration::from_millis(500)).await;
    assert_eq!(number(&sql, holders).await, 1, "one carries");

    // Dead: at once.
    first.kill9();
    let since = Instant::now();
    sell(&world, 1..2).await;
    world.all_messages().await;
    assert!(since.elapsed() < Duration::from_secs(5), "{:?}", since.elapsed());

    // Frozen: after half a minute. Let go, it carries nothing that was carried, and stands by.
    let mut third = world.relay();
    freeze(&second, true);
    sell(&world, 2..6).await;
    let since = Instant::now();
    until("the third", async || since.elapsed() > Duration::from_secs(19) || numbers(&world).await.len() == 7).await;
    until("the third", async || numbers(&world).await.len() == 7).await;
    assert!(since.elapsed() > Duration::from_secs(20), "it was only frozen");
    freeze(&second, false);
    sell(&world, 6..9).await;
    let messages = world.all_messages().await;
    world.check_published(&messages).await;
    sleep(Duration::from_secs(2)).await;
    assert_eq!(numbers(&world).await.len(), messages.len(), "nothing twice");
    assert_eq!(number(&sql, "select epoch from sink where name = 'redis'").await, 3);
    assert_eq!(number(&sql, holders).await, 1);
    second.stop();
    third.stop();
}

fn freeze(process: &fairgate_testkit::ChildProcess, freeze: bool) {
    let signal = if freeze { "-STOP" } else { "-CONT" };
    let sent = std::process::Command::new("kill").args([signal, &process.id().to_string()]).status();
    assert!(sent.expect("kill runs").success());
}
