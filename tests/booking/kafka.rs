//! Kafka as a sink, against a real broker. `make engines` fetches one and runs these.

use std::collections::BTreeMap;
use std::process::Command;
use std::time::Duration;

use fairgate_booking::db::Database;
use fairgate_booking::outbox::kafka::{KafkaOptions, KafkaSink, TopicPlan, make_topic};
use fairgate_booking::outbox::{Entry, Kind, Sink, SinkError};
use fairgate_telemetry::entropy;
use fairgate_testkit::{ChildProcess, Committed, PrivateKafka};
use reqwest::StatusCode;
use tokio::time::sleep;

use crate::sinks::conforms;
use crate::world::World;

const PATIENCE: Duration = Duration::from_secs(60);
const PLAN: TopicPlan = TopicPlan { partitions: 6, replicas: 1 };

fn options(kafka: &PrivateKafka, topic: &str) -> KafkaOptions {
    KafkaOptions::parse(&kafka.brokers(), &[]).expect("an address").with_topic(topic)
}

fn entry(number: i64, event: &str) -> Entry {
    let message = format!("{{\"specversion\":\"1.0\",\"id\":\"{number}\",\"type\":\"t\",\"data\":{{\"n\":{number}}}}}");
    Entry { number, topic: Kind::Held.topic(), event: event.to_owned(), message }
}

fn committed(kafka: &PrivateKafka, topic: &str) -> Vec<Committed> {
    kafka.committed(topic).expect("it can be read")
}

fn number(record: &Committed) -> i64 {
    record.header("ce_id").and_then(|id| id.parse().ok()).expect("a number")
}

fn numbers(records: &[Committed]) -> Vec<i64> {
    let mut numbers: Vec<i64> = records.iter().map(number).collect();
    numbers.sort_unstable();
    numbers
}

#[tokio::test(flavor = "multi_thread")]
#[expect(clippy::print_stdout, reason = "a failure names its seed")]
async fn a_topic_is_a_sink() {
    let seed = u64::from_le_bytes(entropy::random_bytes().expect("the system's"));
    println!("seed {seed}");
    let (world, kafka) = (World::bare(), PrivateKafka::start().expect("make engines"));
    let options = options(&kafka, "conforms");
    assert!(make_topic(&options, PLAN).await.expect("it is made"));
    assert!(!make_topic(&options, PLAN).await.expect("it is there"));
    let open = async || {
        let database = Database::new(&world.shop.postgres.url()).expect("a URL");
        Box::new(KafkaSink::new(options.clone(), database, "kafka")) as Box<dyn Sink>
    };
    let model = conforms(open, seed).await;
    let mut got = committed(&kafka, "conforms");
    got.sort_by_key(number);
    let got: Vec<_> = got.into_iter().map(|got| (number(&got), got.value)).collect();
    assert_eq!(got, model.entries, "seed {seed}: all of it, byte for byte");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_was_frozen_is_shut_out_and_what_cannot_be_taken_is_named() {
    let (world, kafka) = (World::bare(), PrivateKafka::start().expect("make engines"));
    let database = Database::new(&world.shop.postgres.url()).expect("a URL");
    let sink = |topic: &str| KafkaSink::new(options(&kafka, topic), database.clone(), "kafka");
    let missing = sink("nowhere").position().await.expect_err("no topic");
    assert!(missing.to_string().contains("no topic nowhere"), "{missing}");

    make_topic(&options(&kafka, "fenced"), PLAN).await.expect("it is made");
    let (frozen, other) = (sink("fenced"), sink("fenced"));
    assert_eq!(frozen.append(0, &[entry(1, "a")]).await.expect("taken"), 1);
    assert_eq!(other.append(1, &[entry(2, "a"), entry(3, "b")]).await.expect("taken"), 3);
    let fenced = frozen.append(1, &[entry(2, "a")]).await.expect_err("another has begun");
    assert!(matches!(&fenced, SinkError::Kafka(error) if error.to_string().contains("another relay")), "{fenced}");
    assert_eq!(frozen.append(1, &[entry(2, "a")]).await.expect("it looks first"), 3);
    assert_eq!(numbers(&committed(&kafka, "fenced")), [1, 2, 3]);

    let large = Entry { message: "x".repeat(3_000_000), ..entry(4, "a") };
    let refused = frozen.append(3, &[entry(4, "a"), Entry { number: 5, ..large }]).await.expect_err("too large");
    assert!(refused.to_string().contains("message 5"), "{refused}");
    // A batch is taken as a whole or not at all.
    assert_eq!(frozen.position().await.expect("it answers"), 3);
    assert_eq!(frozen.append(3, &[entry(4, "a")]).await.expect("taken"), 4);
    assert_eq!(numbers(&committed(&kafka, "fenced")), [1, 2, 3, 4]);
}

fn outbox(kafka: &PrivateKafka, step: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fairgate"));
    command.args(["outbox", step, "--kafka-brokers", &kafka.brokers()]);
    command
}

fn relay(world: &World, kafka: &PrivateKafka) -> ChildProcess {
    let mut command = outbox(kafka, "relay");
    command.arg("--exit-with-stdin").env("FAIRGATE_DATABASE_URL", world.shop.postgres.url());
    let mut relay = ChildProcess::spawn("the relay", command).expect("the binary is built");
    relay.wait_for_line("publishing to", PATIENCE).expect("it starts");
    relay
}

async fn happened(world: &World) -> Vec<i64> {
    let sql = world.shop.sql().await;
    let rows = sql.query("select change_id from change_log order by 1", &[]).await.expect("rows");
    rows.iter().map(|row| row.get(0)).collect()
}

/// Whoever is killed, relay or broker, and wherever: consumers that read committed records see each number once, those of
/// an event in order.
#[tokio::test(flavor = "multi_thread")]
async fn through_deaths_of_relay_and_broker_nothing_is_lost_and_nothing_comes_twice() {
    let (world, mut kafka) = (World::bare(), PrivateKafka::start().expect("make engines"));
    let mut make = outbox(&kafka, "topic");
    let made = make.args(["--partitions", "6", "--replicas", "1"]).output().expect("it runs");
    let said = String::from_utf8_lossy(&made.stdout);
    assert_eq!(said, "fairgate.events is made: 6 partitions, 1 copy of each record\n", "{made:?}");
    let mut carrying = relay(&world, &kafka);
    for round in 0..6_u64 {
        for place in round * 20..(round + 1) * 20 {
            let held = world.shop.fan(place).reserve_best("r", "pit", 1).await;
            assert_eq!(held.status, StatusCode::OK, "{}", held.text);
        }
        if round % 3 == 2 {
            kafka.kill9();
            kafka.restart().expect("it recovers");
        } else {
            sleep(Duration::from_millis(20 * round)).await;
            carrying.kill9();
            carrying = relay(&world, &kafka);
        }
    }
    let wanted = happened(&world).await;
    let mut got = Vec::new();
    for _ in 0..120 {
        got = committed(&kafka, "fairgate.events");
        if got.len() >= wanted.len() {
            break;
        }
        sleep(Duration::from_millis(500)).await;
    }
    assert_eq!(numbers(&got), wanted);
    let mut by_event: BTreeMap<&str, Vec<i64>> = BTreeMap::new();
    for got in &got {
        by_event.entry(&got.key).or_default().push(number(got));
    }
    assert!(by_event.values().all(|numbers| numbers.is_sorted()), "those of an event are in order");
}
