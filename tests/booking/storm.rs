//! A storm of fans, while the core and Postgres are killed at random moments: the books are right at every moment.
//!
//! `make chaos` runs a hundred rounds; `make test` a few.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use reqwest::StatusCode;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::books::audit;
use crate::chaos::insist;
use crate::clock::hold_for;
use crate::shop::{EVENT, Fan, Shop};

const VISITORS: u64 = 40;
const ROUNDS: u64 = 4;
/// Between two visitors, so that a hundred rounds stay a storm and not a flood of rows.
const PAUSE: Duration = Duration::from_millis(50);
/// Short, so that holds end in the middle of everything.
const HOLD_S: i32 = 2;

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
    match random.next_u32() % 8 {
        0..=2 => {
            let paid = insist(|| fan.try_pay(booking, "p", "demo-visa")).await;
            let was_late = paid.status == StatusCode::CONFLICT;
            assert!(paid.status == StatusCode::OK || was_late, "{}", paid.text);
            if was_late { Vec::new() } else { paid.seats("seats") }
        }
        3..=5 => {
            let given_back = insist(|| fan.try_cancel(booking)).await;
            assert_eq!(given_back.status, StatusCode::NO_CONTENT, "{}", given_back.text);
            Vec::new()
        }
        _ => Vec::new(),
    }
}

/// One to three places, named or not, in a part of the hall that is small enough to be fought for.
fn wish(random: &mut ChaCha8Rng) -> Value {
    let (first, quantity) = (random.next_u32() % 297 + 1, random.next_u32() % 3 + 1);
    if random.next_u32().is_multiple_of(2) {
        let seats: Vec<String> = (first..first + quantity).map(|seat| format!("pit-GA-{seat}")).collect();
        json!({ "event": EVENT, "seats": seats })
    } else {
        json!({ "event": EVENT, "section": "gallery", "quantity": quantity })
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[expect(clippy::print_stderr, reason = "a hundred rounds show how far they are")]
async fn whatever_is_killed_and_whenever_the_books_are_right() {
    let (rounds, seed) = (number("CHAOS_ROUNDS", ROUNDS), number("CHAOS_SEED", 1));
    let mut shop = Shop::open();
    hold_for(&shop, HOLD_S).await;
    let storm = Arc::new(Storm { next_fan: AtomicU64::new(0), is_over: AtomicBool::new(false) });
    let passes: Arc<[String]> = (0..rounds * 500).map(|place| shop.gate.pass(place)).collect();
    let mut fans: JoinSet<Vec<String>> = (0..VISITORS)
        .map(|fan| visitors(Arc::clone(&storm), shop.fan(0), Arc::clone(&passes), seed ^ fan << 32))
        .collect();
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    for round in 0..rounds {
        sleep(Duration::from_millis(u64::from(random.next_u32() % 500))).await;
        if random.next_u32().is_multiple_of(2) {
            shop.restart_core();
        } else {
            shop.postgres.kill9();
            shop.postgres.restart().expect("it recovers");
        }
        let books = audit(&mut shop.sql().await).await;
        eprintln!("round {round} of seed {seed}: {books:?}");
    }
    sleep(Duration::from_secs(1)).await;
    storm.is_over.store(true, Ordering::Relaxed);
    let mut owners: HashMap<String, u32> = HashMap::new();
    while let Some(bought) = fans.join_next().await {
        bought.expect("no fan met a wrong answer").into_iter().for_each(|seat| *owners.entry(seat).or_default() += 1);
    }
    assert!(owners.values().all(|&times| times == 1), "a seat was sold twice");
    let books = audit(&mut shop.sql().await).await;
    assert_eq!(books.sold, owners.len() as i64, "every seat that a fan was told of is sold, and no other");
    assert!(!owners.is_empty(), "the storm went on");
}
