//! The exchange as a sink: as all sinks, after a broker that lost everything, and with what nobody wants left out.

use fairgate_booking::db::Database;
use fairgate_booking::outbox::amqp::{Broker, RabbitQueue, RabbitSink, worker_queue};
use fairgate_booking::outbox::{Schedule, Sink, WorkQueue};
use fairgate_telemetry::entropy;
use fairgate_testkit::PostgresSetup;
use lapin::options::QueuePurgeOptions;

use super::{Rabbit, check_all_there, happen, is_carried, quiet_shop, until};
use crate::shop::Shop;
use crate::sinks::conforms;

#[tokio::test]
#[expect(clippy::print_stdout, reason = "a failure names its seed")]
async fn a_rabbitmq_exchange_is_a_sink() {
    let seed = u64::from_le_bytes(entropy::random_bytes().expect("the system's"));
    println!("seed {seed}");
    let (rabbit, postgres) = (Rabbit::open().await, Shop::postgres(PostgresSetup::default()));
    let database = Database::new(&postgres.url()).expect("a URL");
    database.migrate().await.expect("up to date");
    let broker = || Broker::new(&rabbit.url()).expect("a URL");
    let everything = RabbitQueue::new(broker(), &worker_queue("suite"), &["#".to_owned()], Schedule::default());
    everything.declare().await.expect("declared");
    let open = async || Box::new(RabbitSink::new(broker(), database.clone(), "suite")) as Box<dyn Sink>;
    let model = conforms(open, seed).await;

    let bodies = rabbit.drain("fairgate.suite").await;
    let expected: Vec<String> = model.entries.into_iter().map(|(_, message)| message).collect();
    assert_eq!(bodies, expected, "seed {seed}: all of it, byte for byte, once");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_lost_what_it_had_confirmed_gets_it_again_on_request() {
    let (rabbit, shop) = (Rabbit::open().await, quiet_shop());
    happen(&shop, 700).await;
    let mut relay = rabbit.run(&shop, &["relay", "--group", "archive"], "publishing to fairgate.events");
    until("all of it", async || is_carried(&shop).await).await;
    let (_connection, channel) = rabbit.channel().await;
    channel.queue_purge("fairgate.archive".into(), QueuePurgeOptions::default()).await.expect("it is lost");

    let (is_done, said) = rabbit.says(&shop, &["republish", "--from", "1"]);
    let all: i64 = shop.sql().await.query_one("select count(*) from change_log", &[]).await.expect("a count").get(0);
    assert!(is_done && said == format!("{all} changes are published to rabbitmq again\n"), "{said}");
    until("all of it", async || is_carried(&shop).await && i64::from(rabbit.count("fairgate.archive").await) >= all)
        .await;
    assert_eq!(check_all_there(&shop, &rabbit.drain("fairgate.archive").await).await, 0);

    let (is_done, said) = rabbit.says(&shop, &["republish", "--from", "99999999"]);
    assert!(!is_done && said.contains("can be carried again from a number between 1 and"), "{said}");
    let (is_done, said) = rabbit.says(&shop, &["republish", "--sink", "redis", "--from", "1"]);
    assert!(!is_done && said.contains("a Redis stream says itself where it ends"), "{said}");
    relay.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_relay_that_is_told_to_publishes_only_what_is_wanted() {
    let (rabbit, shop) = (Rabbit::open().await, quiet_shop());
    let args = ["relay", "--group", "archive", "--topic", "booking.held"];
    let mut relay = rabbit.run(&shop, &args, "publishing to fairgate.events");
    happen(&shop, 5).await;
    for place in 0..3 {
        let held = shop.fan(place).reserve_best("r", "pit", 1).await;
        assert_eq!(held.status.as_u16(), 200, "{}", held.text);
    }
    until("the holds", async || rabbit.count("fairgate.archive").await == 3).await;
    let bodies = rabbit.drain("fairgate.archive").await;
    assert!(bodies.len() == 3 && bodies.iter().all(|body| body.contains("com.fairgate.booking.held.v1")), "{bodies:?}");
    relay.stop();
}
