//! What goes wrong with a broker: killed in the middle, full, without a queue, and with a queue that is another than ours.

use std::time::Duration;

use lapin::options::QueueBindOptions;
use lapin::types::{AMQPValue, FieldTable};
use reqwest::StatusCode;
use tokio::time::sleep;

use super::{Rabbit, check_all_there, happen, is_carried, quiet_shop, start, until};
use fairgate_booking::outbox::amqp::EXCHANGE;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_killed_in_the_middle_of_publishing_loses_nothing_that_it_confirmed() {
    let (mut rabbit, shop) = (Rabbit::open().await, quiet_shop());
    let mut relay = rabbit.run(&shop, &["relay", "--group", "archive"], "publishing to fairgate.events");
    until("the beginning", async || is_carried(&shop).await).await;
    let sql = shop.sql().await;
    // RabbitMQ writes down every five seconds which quorum queues it has.
    sleep(Duration::from_secs(7)).await;
    happen(&shop, 4000).await;
    // In the middle: some are confirmed, and not all.
    let begun = "select position > (select max(change_id) - 3900 from change_log) from carried where sink = 'rabbitmq'";
    while !sql.query_one(begun, &[]).await.expect("an answer").get::<_, bool>(0) {
        sleep(Duration::from_millis(2)).await;
    }
    rabbit.kill9();
    sleep(Duration::from_millis(300)).await;
    rabbit.restart();
    // And a relay that dies, too.
    happen(&shop, 1000).await;
    relay.kill9();
    let mut relay = rabbit.run(&shop, &["relay", "--group", "archive"], "publishing to fairgate.events");
    until("all of it", async || is_carried(&shop).await).await;
    let copies = check_all_there(&shop, &rabbit.drain("fairgate.archive").await).await;
    assert!(copies <= 2 * 500 + 10, "a batch may come twice at each death: {copies}");
    relay.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_queue_stops_publishing_until_there_is_room_and_others_get_few_copies() {
    let (rabbit, shop) = (Rabbit::open().await, quiet_shop());
    let mut relay = rabbit.run(&shop, &["relay", "--group", "archive"], "publishing to fairgate.events");
    until("the beginning", async || is_carried(&shop).await).await;
    rabbit.drain("fairgate.archive").await;
    shop.sql().await.batch_execute("delete from change_log").await.expect("a new beginning");
    let mut small = FieldTable::default();
    small.insert("x-queue-type".into(), AMQPValue::LongString("quorum".into()));
    small.insert("x-max-length".into(), AMQPValue::LongLongInt(20));
    small.insert("x-overflow".into(), AMQPValue::LongString("reject-publish".into()));
    rabbit.declare("fairgate.small", small).await;
    let (_connection, channel) = rabbit.channel().await;
    let bind = channel.queue_bind(
        "fairgate.small".into(),
        EXCHANGE.into(),
        "#".into(),
        QueueBindOptions::default(),
        FieldTable::default(),
    );
    bind.await.expect("bound");

    // A broker sees a little late that a queue is full.
    happen(&shop, 30).await;
    until("that it is full", async || rabbit.count("fairgate.small").await >= 20).await;
    sleep(Duration::from_secs(2)).await;
    happen(&shop, 300).await;
    sleep(Duration::from_secs(3)).await;
    assert!(!is_carried(&shop).await, "{}", rabbit.says(&shop, &["sinks"]).1);
    let mut small = Vec::new();
    while !is_carried(&shop).await || rabbit.count("fairgate.small").await > 0 {
        small.extend(rabbit.drain("fairgate.small").await);
        assert!(small.len() < 5000, "there is no end");
    }
    let copies = check_all_there(&shop, &rabbit.drain("fairgate.archive").await).await;
    check_all_there(&shop, &small).await;
    assert!(copies < 900, "while one queue is full, the others get few messages again: {copies}");
    relay.stop();
}

/// Memory that no broker gets by with, and what it may use otherwise.
const TOO_LITTLE_BYTES: u64 = 1_000_000;
const USUAL_BYTES: u64 = 512_000_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_is_out_of_memory_blocks_the_relay_alone_and_gets_everything_afterwards() {
    let (rabbit, shop) = (Rabbit::open().await, quiet_shop());
    let mut relay = rabbit.run(&shop, &["relay", "--group", "archive"], "publishing to fairgate.events");
    until("the beginning", async || is_carried(&shop).await).await;
    rabbit.set_memory_bytes_max(TOO_LITTLE_BYTES);
    happen(&shop, 300).await;
    // Nothing can be seen of what does not happen: fans buy meanwhile.
    for place in 0..5 {
        let fan = shop.fan(place);
        let held = fan.reserve_best("r", "pit", 1).await;
        assert_eq!(fan.pay(held.field("booking_id"), "p", "demo-visa").await.status, StatusCode::OK);
    }
    sleep(Duration::from_secs(3)).await;
    assert!(!is_carried(&shop).await, "a broker without memory takes nothing");
    rabbit.set_memory_bytes_max(USUAL_BYTES);
    until("all of it", async || is_carried(&shop).await).await;
    let copies = check_all_there(&shop, &rabbit.drain("fairgate.archive").await).await;
    assert!(copies <= 2 * 500 + 10, "a batch may come twice: {copies}");
    relay.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_reaches_no_queue_is_an_error_that_names_the_binding_and_waits_for_it() {
    let (rabbit, shop) = (Rabbit::open().await, quiet_shop());
    let log = tempfile::NamedTempFile::new().expect("a file");
    let mut command = rabbit.command(&shop, &["relay"]);
    command.arg("--exit-with-stdin").stderr(log.reopen().expect("a file"));
    let mut relay = start(command, "publishing to fairgate.events");
    let said = || std::fs::read_to_string(log.path()).expect("text");
    let expected = "no queue is bound for event.edited.midsummer-night at the exchange fairgate.events";
    until("the error", async || said().contains(expected)).await;
    assert!(!said().contains("starts_at"), "no message is in the log: {}", said());
    assert!(!is_carried(&shop).await, "nothing was passed over");

    let mut quorum = FieldTable::default();
    quorum.insert("x-queue-type".into(), AMQPValue::LongString("quorum".into()));
    rabbit.declare("fairgate.small", quorum).await;
    let (_connection, channel) = rabbit.channel().await;
    let bind = channel.queue_bind(
        "fairgate.small".into(),
        EXCHANGE.into(),
        "event.#".into(),
        QueueBindOptions::default(),
        FieldTable::default(),
    );
    bind.await.expect("bound");
    until("all of it", async || is_carried(&shop).await).await;
    check_all_there(&shop, &rabbit.drain("fairgate.small").await).await;
    relay.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_queue_that_is_another_than_ours_is_said_in_one_line() {
    let (rabbit, shop) = (Rabbit::open().await, quiet_shop());
    rabbit.declare("fairgate.mail", FieldTable::default()).await;
    let (is_done, said) = rabbit.says(&shop, &["mail", "--directory", "/tmp"]);
    let line =
        said.lines().find(|line| line.contains("the queue fairgate.mail exists in RabbitMQ with other settings"));
    let line = line.unwrap_or_else(|| panic!("{said}"));
    assert!(!is_done && line.contains("delete it once it is empty"), "{line}");
    assert!(line.contains("x-queue-type") || line.contains("x-dead-letter-exchange"), "what differs: {line}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_place_that_is_none_is_said_before_anything_begins() {
    let (rabbit, shop) = (Rabbit::open().await, quiet_shop());
    let both = rabbit.command(&shop, &["relay"]).env("FAIRGATE_REDIS_URL", "redis://127.0.0.1:1/").output();
    let said = String::from_utf8_lossy(&both.expect("it runs").stderr).into_owned();
    assert!(said.contains("name one place"), "{said}");
    let (is_done, said) = rabbit.says(&shop, &["relay", "--envelope", "plain"]);
    assert!(!is_done && said.contains("--envelope plain is for programs that read a Redis stream"), "{said}");
    let (is_done, said) = rabbit.says(&shop, &["relay", "--topic", "seat.levitated"]);
    assert!(!is_done && said.contains("booking.held"), "{said}");
    let nowhere = rabbit.command(&shop, &["relay"]).env("FAIRGATE_AMQP_URL", "http://host/").output();
    let said = String::from_utf8_lossy(&nowhere.expect("it runs").stderr).into_owned();
    assert!(said.contains("the RabbitMQ URL is wrong"), "{said}");
}
