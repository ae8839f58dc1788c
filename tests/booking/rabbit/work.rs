//! A queue in RabbitMQ keeps what every queue of work promises, and gives up by itself where workers die too fast to count.

use std::sync::Arc;

use fairgate_booking::outbox::amqp::{Broker, RabbitQueue, worker_queue};
use fairgate_booking::outbox::{Schedule, WorkQueue};
use lapin::BasicProperties;
use lapin::options::BasicGetOptions;

use super::{Rabbit, until};
use crate::work::{SCHEDULE, Worker, keeps_its_promises};
use crate::world::World;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_queue_in_rabbitmq_is_a_queue_of_work() {
    let (rabbit, world) = (Rabbit::open().await, World::open());
    let schedule = Schedule::parse(SCHEDULE).expect("spans");
    let open = async || {
        let broker = Broker::new(&rabbit.url()).expect("a URL");
        let keys = ["booking.held.#".to_owned()];
        Worker::come(Arc::new(RabbitQueue::new(broker, &worker_queue("suite"), &keys, schedule.clone()))).await
    };
    drop(open().await);
    let mut relay = rabbit.run(&world.shop, &["relay", "--topic", "booking.held"], "publishing to fairgate.events");
    keeps_its_promises(&world, open, 0).await;
    relay.stop();
}

#[tokio::test]
async fn rabbitmq_buries_what_consumers_die_with_that_count_nothing() {
    let rabbit = Rabbit::open().await;
    let broker = Broker::new(&rabbit.url()).expect("a URL");
    let queue = RabbitQueue::new(broker, &worker_queue("suite"), &[], Schedule::default());
    queue.declare().await.expect("declared");
    rabbit.put("fairgate.suite", "{}", BasicProperties::default().with_message_id("7".into())).await;
    let take_and_die = async || {
        let (_connection, channel) = rabbit.channel().await;
        let taken = channel.basic_get("fairgate.suite".into(), BasicGetOptions::default()).await;
        taken.expect("it answers").is_some()
    };
    let mut deaths = 0;
    while take_and_die().await {
        deaths += 1;
        assert!(deaths < 60, "it comes again for ever");
        // Whoever has taken it is gone; it is back, or buried, a moment later.
        let places = async || rabbit.count("fairgate.suite").await + rabbit.count("fairgate.suite.dead").await;
        until("it", async || places().await == 1).await;
    }
    assert_eq!(deaths, 21);
    let dead = queue.dead(10).await.expect("it answers");
    assert!(dead.len() == 1 && dead[0].id == "7" && dead[0].reason.contains("delivery_limit"), "{dead:?}");
    // What was looked at is back a moment later.
    until("its age", async || queue.standing().await.expect("it answers").oldest_dead_ms.is_some()).await;
}
