//! The core and Postgres are killed in the middle of a rush: nothing is sold twice, nothing is lost.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use reqwest::StatusCode;
use serde_json::json;
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::books::audit;
use crate::shop::{Answer, EVENT, Fan, Shop};

const FANS: u64 = 120;
const SEATS: usize = 200;

/// A fan who wants two seats, pays for them, and asks again with the same key whenever no answer comes.
async fn buy(fan: Fan, place: u64, stop: Arc<AtomicBool>) -> Option<Vec<String>> {
    for attempt in 0.. {
        if stop.load(Ordering::Relaxed) {
            return None;
        }
        let at = (place as usize * 31 + attempt * 17) % (SEATS - 1);
        let seats = json!({ "event": EVENT, "seats": [format!("pit-GA-{}", at + 1), format!("pit-GA-{}", at + 2)] });
        let key = format!("r{attempt}");
        let held = insist(|| fan.try_reserve(&key, seats.clone())).await;
        if held.status != StatusCode::OK {
            assert_eq!(held.status, StatusCode::CONFLICT, "{}", held.text);
            sleep(Duration::from_millis(30)).await;
            continue;
        }
        let paid = insist(|| fan.try_pay(held.field("booking_id"), "p", "demo-visa")).await;
        assert_eq!(paid.status, StatusCode::OK, "{}", paid.text);
        return Some(paid.seats("seats"));
    }
    None
}

/// Asks the same thing until there is an answer.
pub(crate) async fn insist<F: Future<Output = reqwest::Result<Answer>>>(ask: impl Fn() -> F) -> Answer {
    loop {
        match ask().await {
            Ok(answer) if answer.status == StatusCode::SERVICE_UNAVAILABLE => {}
            Ok(answer) if answer.text.contains("in-progress") || answer.text.contains("under-way") => {}
            Ok(answer) => return answer,
            Err(_) => {}
        }
        sleep(Duration::from_millis(50)).await;
    }
}

fn everybody(shop: &Shop, stop: &Arc<AtomicBool>) -> JoinSet<Option<Vec<String>>> {
    (0..FANS).map(|place| buy(shop.fan(place), place, Arc::clone(stop))).collect()
}

async fn check(shop: &Shop, mut fans: JoinSet<Option<Vec<String>>>, stop: &AtomicBool) {
    let mut sql = shop.sql().await;
    // After the last kill it goes on: well over half of the seats are sold in the end.
    for _ in 0..600 {
        if audit(&mut sql).await.sold > 2 * SEATS as i64 / 3 {
            break;
        }
        sleep(Duration::from_millis(50)).await;
    }
    stop.store(true, Ordering::Relaxed);
    let mut owners: HashMap<String, u32> = HashMap::new();
    while let Some(bought) = fans.join_next().await {
        for seat in bought.expect("no fan met a wrong answer").unwrap_or_default() {
            *owners.entry(seat).or_default() += 1;
        }
    }
    assert!(owners.values().all(|&times| times == 1), "a seat was sold twice");
    let books = audit(&mut sql).await;
    assert_eq!(books.sold, owners.len() as i64, "every seat that a fan was told of is sold, and no other");
    assert!(owners.len() > SEATS / 2, "the rush went on: {} seats", owners.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killing_the_core_sells_nothing_twice() {
    let mut shop = Shop::open();
    let stop = Arc::new(AtomicBool::new(false));
    let fans = everybody(&shop, &stop);
    for wait_ms in [150, 400, 250] {
        sleep(Duration::from_millis(wait_ms)).await;
        shop.restart_core();
    }
    check(&shop, fans, &stop).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killing_postgres_sells_nothing_twice() {
    let mut shop = Shop::open();
    let stop = Arc::new(AtomicBool::new(false));
    let fans = everybody(&shop, &stop);
    for wait_ms in [200, 500] {
        sleep(Duration::from_millis(wait_ms)).await;
        shop.postgres.kill9();
        shop.postgres.restart().expect("it recovers");
    }
    check(&shop, fans, &stop).await;
    assert_eq!(shop.get("/readyz").await.status(), StatusCode::OK);
}
