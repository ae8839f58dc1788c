//! A storm of fans, while the core, Postgres and the relay are killed at random moments. The books are right at every
//! moment, and everything that happened is published in order, once.
//!
//! `make chaos` runs a hundred rounds; `make test` a few.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use fairgate_booking::outbox::{Kind, Message, STREAM};
use fairgate_testkit::ChildProcess;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use reqwest::StatusCode;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::books::audit;
use crate::chaos::insist;
use crate::clock::hold_for;
use crate::shop::{EVENT, Fan};
use crate::world::World;

const VISITORS: u64 = 40;
const ROUNDS: u64 = 4;
/// Between two visitors, so that a hundred rounds stay a storm and not a flood of rows.
const PAUSE: Duration = Duration::from_millis(50);
/// Short, so that holds end in the middle of everything.
const HOLD_S: i32 = 2;

/// Who is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Victim {
    Core,
    Postgres,
    Relay,
}

impl Victim {
    /// Three rounds kill everybody once, in an order that nobody knows beforehand.
    fn of_the_next_three(random: &mut ChaCha8Rng) -> Vec<Self> {
        let mut left = vec![Self::Core, Self::Postgres, Self::Relay];
        let mut victims = Vec::new();
        while !left.is_empty() {
            victims.push(left.swap_remove(random.next_u32() as usize % left.len()));
        }
        victims
    }

    fn kill(self, world: &mut World, relay: &mut ChildProcess) {
        match self {
            Self::Core => world.shop.restart_core(),
            Self::Postgres => {
                world.shop.postgres.kill9();
                world.shop.postgres.restart().expect("it recovers");
            }
            Self::Relay => {
                relay.kill9();
                *relay = world.relay();
            }
        }
    }
}

/// From the environment of `make chaos`.
fn number(name: &str, usual: u64) -> u64 {
    std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(usual)
}

/// What everybody at the storm shares.
struct Storm {
    next_fan: AtomicU64,
    is_over: AtomicBool,
}

/// One fan after the other comes, reserves, and pays, gives back or walks away. Returns the seats that were paid.
async fn visitors(storm: Arc<Storm>, template: Fan, passes: Arc<[String]>, seed: u64) -> Vec<String> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut bought = Vec::new();
    while !storm.is_over.load(Ordering::Relaxed) {
        let number = storm.next_fan.fetch_add(1, Ordering::Relaxed) as usize;
        let Some(pass) = passes.get(number) else { break };
        bought.extend(visit(&Fan { pass: pass.clone(), ..template.clone() }, &mut random).await);
        sleep(PAUSE).await;
    }
    bought
}

async fn visit(fan: &Fan, random: &mut ChaCha8Rng) -> Vec<String> {
    let wish = wish(random);
    let held = insist(|| fan.try_reserve("r", wish.clone())).await;
    if held.status != StatusCode::OK {
        assert_eq!(held.status, StatusCode::CONFLICT, "{}", held.text);
        return Vec::new();
    }
    let booking = held.field("booking_id");
    match random.next_u32() % 16 {
        0..=1 => {
            let paid = insist(|| fan.try_pay(booking, "p", "demo-visa")).await;
            let was_late = paid.status == StatusCode::CONFLICT;
            assert!(paid.status == StatusCode::OK || was_late, "{}", paid.text);
            if was_late { Vec::new() } else { paid.seats("seats") }
        }
        2..=11 => {
            let given_back = insist(|| fan.try_cancel(booking)).await;
            assert_eq!(given_back.status, StatusCode::NO_CONTENT, "{}", given_back.text);
            Vec::new()
        }
        _ => Vec::new(),
    }
}

/// Where fans go who leave the choice to us: enough for a hundred rounds.
const SECTIONS: [&str; 6] =
    ["gallery", "balcony-left", "balcony-centre", "balcony-right", "circle-centre", "parterre-centre"];

/// One to three places, named in a part of the hall that is small enough to be fought for, or the best that are left.
fn wish(random: &mut ChaCha8Rng) -> Value {
    let (first, quantity) = (random.next_u32() % 297 + 1, random.next_u32() % 3 + 1);
    if random.next_u32().is_multiple_of(2) {
        let seats: Vec<String> = (first..first + quantity).map(|seat| format!("pit-GA-{seat}")).collect();
        json!({ "event": EVENT, "seats": seats })
    } else {
        let section = SECTIONS[random.next_u32() as usize % SECTIONS.len()];
        json!({ "event": EVENT, "section": section, "quantity": quantity })
    }
}

/// Nothing is trimmed from the stream before this consumer, who never reads, has handled it.
async fn keep_everything(world: &World) {
    let client = redis::Client::open(world.redis.url()).expect("a URL");
    let mut connection = client.get_multiplexed_async_connection().await.expect("Redis answers");
    let mut group = redis::cmd("XGROUP");
    group.arg("CREATE").arg(STREAM).arg("audit").arg(0).arg("MKSTREAM");
    group.exec_async(&mut connection).await.expect("a group");
}

/// The story of every booking that was published makes sense. (That a hold ended may be told late, even after the payment.)
fn check_stories(messages: &[Message]) {
    let mut stories: BTreeMap<&str, Vec<Kind>> = BTreeMap::new();
    for message in messages {
        let is_step = matches!(message.kind, Kind::PaymentStarted | Kind::Declined | Kind::RefundStarted);
        if let Some(booking) = message.booking.as_ref().filter(|_| !is_step) {
            stories.entry(&booking.number).or_default().push(message.kind);
        }
    }
    for (booking, kinds) in stories {
        let fits = match kinds[..] {
            [Kind::Held] => true,
            [Kind::Held, end] => end != Kind::Held,
            // Paid after it had ended: the seats were free or had gone.
            [Kind::Held, Kind::Expired, end] | [Kind::Held, end, Kind::Expired] => {
                end == Kind::Refunded || kinds[1..] == [Kind::Expired, Kind::Booked]
            }
            _ => false,
        };
        assert!(fits, "{booking}: {kinds:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[expect(clippy::print_stderr, reason = "a hundred rounds show how far they are")]
async fn whatever_is_killed_and_whenever_the_books_are_right() {
    let (rounds, seed) = (number("CHAOS_ROUNDS", ROUNDS), number("CHAOS_SEED", 1));
    let mut world = World::open();
    hold_for(&world.shop, HOLD_S).await;
    keep_everything(&world).await;
    let mut relay = world.relay();
    let storm = Arc::new(Storm { next_fan: AtomicU64::new(0), is_over: AtomicBool::new(false) });
    let passes: Arc<[String]> = (0..rounds * 500).map(|place| world.shop.gate.pass(place)).collect();
    let mut fans: JoinSet<Vec<String>> = (0..VISITORS)
        .map(|fan| visitors(Arc::clone(&storm), world.shop.fan(0), Arc::clone(&passes), seed ^ fan << 32))
        .collect();
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut victims = Vec::new();
    let mut killed: BTreeMap<Victim, u32> = BTreeMap::new();
    for round in 0..rounds {
        if victims.is_empty() {
            victims = Victim::of_the_next_three(&mut random);
        }
        sleep(Duration::from_millis(u64::from(random.next_u32() % 500))).await;
        let victim = victims.pop().expect("filled");
        victim.kill(&mut world, &mut relay);
        *killed.entry(victim).or_default() += 1;
        let books = audit(&mut world.shop.sql().await).await;
        eprintln!("round {round} of seed {seed}, {victim:?}: {books:?}");
    }
    sleep(Duration::from_secs(1)).await;
    storm.is_over.store(true, Ordering::Relaxed);
    let mut owners: HashMap<String, u32> = HashMap::new();
    while let Some(bought) = fans.join_next().await {
        bought.expect("no fan met a wrong answer").into_iter().for_each(|seat| *owners.entry(seat).or_default() += 1);
    }
    assert!(owners.values().all(|&times| times == 1), "a seat was sold twice");
    let books = audit(&mut world.shop.sql().await).await;
    assert_eq!(books.sold, owners.len() as i64, "every seat that a fan was told of is sold, and no other");
    assert!(!owners.is_empty(), "the storm went on");
    world.when_nothing_is_held().await;
    let messages = world.all_messages().await;
    world.check_published(&messages).await;
    check_stories(&messages);
    let visitors = storm.next_fan.load(Ordering::Relaxed);
    eprintln!("{visitors} visitors, killed {killed:?}, {} seats sold, {} published", owners.len(), messages.len());
}
