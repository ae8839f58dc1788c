//! Every queue of work keeps the same promises: on Postgres alone, on a Redis stream, and in RabbitMQ (`rabbit::work`).

use std::sync::Arc;
use std::time::{Duration, Instant};

use fairgate_booking::db::Database;
use fairgate_booking::outbox::{Delivery, Kind, LogQueue, Message, Redis, Schedule, WorkQueue};
use reqwest::StatusCode;
use tokio::task::JoinHandle;
use tokio::time::sleep;

use crate::world::World;

/// Three attempts.
pub(crate) const SCHEDULE: &str = "300ms,900ms";
/// Longer than a lease.
const PATIENCE: Duration = Duration::from_secs(45);

/// A worker's end of a queue. Dropped, it is as if its process had died.
pub(crate) struct Worker {
    pub(crate) queue: Arc<dyn WorkQueue>,
    tending: JoinHandle<()>,
}

impl Worker {
    pub(crate) async fn come(queue: Arc<dyn WorkQueue>) -> Self {
        queue.declare().await.expect("it is there");
        let tended = Arc::clone(&queue);
        let tending = tokio::spawn(async move { tended.tend().await });
        Self { queue, tending }
    }

    /// Takes until there is something.
    async fn take(&self, count: usize) -> Vec<Delivery> {
        let since = Instant::now();
        while since.elapsed() < PATIENCE {
            let taken = self.queue.take(count).await.expect("it answers");
            if !taken.is_empty() {
                return taken;
            }
        }
        panic!("nothing comes");
    }

    /// Takes for so long, and gets nothing.
    async fn take_nothing(&self, span: Duration) {
        let since = Instant::now();
        while since.elapsed() < span {
            let taken = self.queue.take(10).await.expect("it answers");
            assert_eq!(taken, []);
        }
    }

    async fn take_all(&self, count: usize) -> Vec<Delivery> {
        let mut all = Vec::new();
        while all.len() < count {
            for delivery in self.take(3).await {
                self.queue.done(&delivery).await.expect("it answers");
                all.push(delivery);
            }
        }
        all
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.tending.abort();
    }
}

fn number(delivery: &Delivery) -> i64 {
    Message::read(&delivery.message).expect("JSON").expect("of a known type").id
}

fn numbers(deliveries: &[Delivery]) -> Vec<i64> {
    deliveries.iter().map(number).collect()
}

/// Makes so many things happen; answers their numbers.
async fn happen(world: &World, places: std::ops::Range<u64>) -> Vec<i64> {
    let count = places.end - places.start;
    for place in places {
        let held = world.shop.fan(place).reserve_best("r", "pit", 1).await;
        assert_eq!(held.status, StatusCode::OK, "{}", held.text);
    }
    let last = format!("select change_id from change_log where kind = 'held' order by 1 desc limit {count}");
    let mut numbers: Vec<i64> =
        world.shop.sql().await.query(&last, &[]).await.expect("rows").iter().map(|row| row.get(0)).collect();
    numbers.reverse();
    numbers
}

/// The suite. `open` makes another worker's end of the same queue, `first` are the places of fans that nobody else has.
pub(crate) async fn keeps_its_promises(world: &World, open: impl AsyncFn() -> Worker, first: u64) {
    // In order, once, with one attempt each.
    let worker = open().await;
    let numbers_expected = happen(world, first..first + 7).await;
    let all = worker.take_all(7).await;
    assert_eq!(numbers(&all), numbers_expected);
    assert!(all.iter().all(|delivery| delivery.attempts == 1));
    worker.take_nothing(Duration::from_secs(1)).await;

    // Failed: again after its wait, and dead after the last attempt. Others go on meanwhile.
    let [poison, good] = happen(world, first + 7..first + 9).await[..] else { panic!("two") };
    let taken = worker.take_both().await;
    assert_eq!(numbers(&taken), [poison, good]);
    assert!(!worker.queue.failed(&taken[0], "the first time").await.expect("it answers"), "it comes again");
    worker.queue.done(&taken[1]).await.expect("it answers");
    for (attempt, wait_ms) in [(2, 300), (3, 900)] {
        let since = Instant::now();
        let again = worker.take(10).await;
        assert_eq!((numbers(&again), again[0].attempts), (vec![poison], attempt));
        assert!(since.elapsed() > Duration::from_millis(wait_ms - 100), "too soon: {:?}", since.elapsed());
        assert_eq!(worker.queue.standing().await.expect("it answers").pending, 1);
        let is_dead = worker.queue.failed(&again[0], "again").await.expect("it answers");
        assert_eq!(is_dead, attempt == 3);
    }
    let standing = worker.queue.standing().await.expect("it answers");
    assert_eq!((standing.pending, standing.dead), (0, 1));
    assert!(standing.oldest_dead_ms.is_some());
    worker.take_nothing(Duration::from_secs(1)).await;

    // Another worker sees the dead letter, and gives it back with all its attempts.
    drop(worker);
    let worker = open().await;
    let dead = worker.queue.dead(10).await.expect("it answers");
    assert_eq!((dead.len(), dead[0].attempts, dead[0].reason.as_str()), (1, 3, "again"));
    assert_eq!(Message::read(&dead[0].message).expect("JSON").expect("known").id, poison);
    assert_eq!(worker.queue.retry(&["77777777".to_owned()]).await.expect("it answers"), 0);
    assert_eq!(worker.queue.retry(&[dead[0].id.clone()]).await.expect("it answers"), 1);
    assert_eq!(worker.queue.retry(&[dead[0].id.clone()]).await.expect("it answers"), 0, "once");
    let again = worker.take(10).await;
    assert_eq!((numbers(&again), again[0].attempts), (vec![poison], 1));

    // What can never be is buried at once.
    worker.queue.bury(&again[0], "unreadable").await.expect("it answers");
    let dead = worker.queue.dead(10).await.expect("it answers");
    assert_eq!((dead.len(), dead[0].attempts, dead[0].reason.as_str()), (1, 1, "unreadable"));
    worker.take_nothing(Duration::from_millis(700)).await;

    // A worker dies with three that it has taken: they come again, each alone. One of them kills whoever takes it, and is a
    // dead letter in the end; the others are done.
    let [killer, others @ ..] = &happen(world, first + 9..first + 12).await[..] else { panic!("three") };
    let mut taken = 0;
    while taken < 3 {
        taken += worker.take(3).await.len();
    }
    let mut worker = {
        drop(worker);
        open().await
    };
    let (mut done, mut deaths) = (Vec::new(), 1);
    let since = Instant::now();
    while since.elapsed() < Duration::from_secs(120) {
        let one = worker.queue.take(3).await.expect("it answers");
        assert!(one.len() <= 1, "each alone: {one:?}");
        match one.first() {
            Some(one) if number(one) == *killer => {
                deaths += 1;
                assert_eq!(one.attempts, deaths);
                drop(worker);
                worker = open().await;
            }
            Some(one) => {
                assert_eq!(one.attempts, 2, "dying with others costs one attempt");
                worker.queue.done(one).await.expect("it answers");
                done.push(number(one));
            }
            None if worker.queue.dead(10).await.expect("it answers").len() == 2 => break,
            None => {}
        }
    }
    done.sort_unstable();
    assert_eq!((done.as_slice(), deaths), (others, 3));
    let dead = worker.queue.dead(10).await.expect("it answers");
    let dead = dead.iter().find(|letter| letter.reason != "unreadable").expect("the killer");
    assert_eq!((dead.attempts, Message::read(&dead.message).expect("JSON").expect("known").id), (3, *killer));
    let fresh = happen(world, first + 12..first + 13).await;
    assert_eq!(numbers(&worker.take_all(1).await), fresh, "all others go on");

    // What nobody wants any more is dropped, and the other dead letter stays.
    let dead = worker.queue.dead(10).await.expect("it answers");
    let unreadable = dead.iter().find(|letter| letter.reason == "unreadable").expect("buried").id.clone();
    assert_eq!(worker.queue.drop_dead(&["77777777".to_owned(), "none".to_owned()]).await.expect("it answers"), 0);
    assert_eq!(worker.queue.drop_dead(std::slice::from_ref(&unreadable)).await.expect("it answers"), 1);
    assert_eq!(worker.queue.drop_dead(&[unreadable]).await.expect("it answers"), 0, "once");
    let dead = worker.queue.dead(10).await.expect("it answers");
    assert_eq!(dead.iter().map(|letter| letter.attempts).collect::<Vec<_>>(), [3]);
    worker.take_nothing(Duration::from_millis(300)).await;
}

impl Worker {
    /// Two that belong together, also where they come one by one.
    async fn take_both(&self) -> Vec<Delivery> {
        let since = Instant::now();
        let taken = self.take(2).await;
        if taken.len() == 2 || since.elapsed() > PATIENCE {
            return taken;
        }
        [taken, self.queue.take(2).await.expect("it answers")].concat()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_change_log_is_a_queue_of_work() {
    let world = World::open();
    let schedule = Schedule::parse(SCHEDULE).expect("spans");
    let open = async || {
        let database = Database::new(&world.shop.postgres.url()).expect("a URL");
        Worker::come(Arc::new(LogQueue::new(database, "suite", &[Kind::Held], schedule.clone()))).await
    };
    keeps_its_promises(&world, open, 0).await;
    let sql = world.shop.sql().await;
    let rows = sql.query_one("select count(*) from parked", &[]).await.expect("a count");
    assert_eq!(rows.get::<_, i64>(0), 1, "only what is dead is a row");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_group_of_the_redis_stream_is_a_queue_of_work() {
    let world = World::open();
    let schedule = Schedule::parse(SCHEDULE).expect("spans");
    let redis = Redis::connect(&world.redis.url()).await.expect("Redis answers");
    let open = async || Worker::come(Arc::new(redis.group("suite", schedule.clone()))).await;
    // What the stream holds besides: that the event was made.
    let mut relay = world.relay();
    let worker = open().await;
    worker.take_all(1).await;
    drop(worker);
    keeps_its_promises(&world, open, 0).await;
    relay.stop();
}

/// Several processes, one turn: a second worker gets nothing while the first one lives, and everything once it is gone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_reader_of_the_log_stands_by() {
    let world = World::open();
    let open = async || {
        let database = Database::new(&world.shop.postgres.url()).expect("a URL");
        Worker::come(Arc::new(LogQueue::new(database, "suite", &[Kind::Held], Schedule::default()))).await
    };
    let first = open().await;
    first.take_nothing(Duration::from_millis(600)).await;
    let second = open().await;
    let expected = happen(&world, 0..3).await;
    second.take_nothing(Duration::from_secs(1)).await;
    assert_eq!(numbers(&first.take_all(3).await), expected);
    let sinks = world.says(&["sinks"]);
    assert!(sinks.contains("suite  at "), "{sinks}");
    drop(first);
    let expected = happen(&world, 3..5).await;
    assert_eq!(numbers(&second.take_all(2).await), expected, "and nothing of what was done");
    sleep(Duration::from_millis(100)).await;
}
