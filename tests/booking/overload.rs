//! More than the core can serve while its tables are locked by somebody else. Whoever cannot be served is told so in
//! time and when to come back, and money goes first. Everything is served again at once when the lock is gone.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use reqwest::{RequestBuilder, StatusCode};
use serde_json::json;
use tokio::time::sleep;

use crate::books::audit;
use crate::shop::{EVENT, Shop};

const PAYERS: u64 = 60;
const LOOKERS: u64 = 1500;
const RESERVERS: u64 = 400;

/// How a request ended.
struct Told {
    status: StatusCode,
    says_when: bool,
    took: Duration,
}

async fn ask(request: RequestBuilder) -> Told {
    let since = Instant::now();
    let answer = request.send().await.expect("everybody gets an answer");
    let says_when = answer.headers().contains_key("retry-after");
    Told { status: answer.status(), says_when, took: since.elapsed() }
}

/// Everybody was served or told when to come back; prints how many and how long it took, and says how many were served.
#[expect(clippy::print_stderr, reason = "the figures are what this test is run for")]
fn summary(who: &str, told: &mut [Told]) -> usize {
    told.sort_by_key(|told| told.took);
    let (served, refused): (Vec<&Told>, Vec<&Told>) = told.iter().partition(|told| told.status == StatusCode::OK);
    assert!(refused.iter().all(|it| it.status == StatusCode::SERVICE_UNAVAILABLE && it.says_when), "{who}");
    let at = |told: &[&Told], part: usize| {
        told.get((told.len() * part / 100).min(told.len().max(1) - 1)).map_or(0, |it| it.took.as_millis())
    };
    eprintln!(
        "{who}: {} served (half within {} ms, all within {} ms), {} told to come back (half within {} ms, all within {} ms)",
        served.len(),
        at(&served, 50),
        at(&served, 100),
        refused.len(),
        at(&refused, 50),
        at(&refused, 100),
    );
    served.len()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "thousands of requests against a locked table: figures for people, `cargo test --test booking overload -- --ignored --nocapture`"]
async fn a_locked_table_under_a_burst_is_survived_and_money_goes_first() {
    let shop = Shop::open();
    let api = format!("{}/api/v1/bookings", shop.url);
    let look = |place| ask(shop.http.get(&api).bearer_auth(shop.gate.pass(place)));
    let reserve = |section: &'static str, place: u64| {
        let body = json!({ "event": EVENT, "section": section, "quantity": 1 }).to_string();
        let request = shop.http.post(format!("{api}/reserve")).bearer_auth(shop.gate.pass(place));
        ask(request.header("idempotency-key", "k").header("content-type", "application/json").body(body))
    };
    let mut bookings = Vec::new();
    for place in 0..PAYERS {
        let held = shop.fan(place).reserve_best("hold", "pit", 1).await;
        bookings.push((place, held.field("booking_id").to_owned()));
    }
    let pay = |(place, booking): &(u64, String)| {
        let request = shop.http.post(format!("{api}/{booking}/payment")).bearer_auth(shop.gate.pass(*place));
        let body = json!({ "payment_token": "demo-visa" }).to_string();
        ask(request.header("idempotency-key", "p").header("content-type", "application/json").body(body))
    };

    let locker = shop.sql().await;
    locker.batch_execute("begin; lock table booking in access exclusive mode").await.expect("locked");
    let unlocking = async {
        sleep(Duration::from_secs(3)).await;
        locker.batch_execute("rollback").await.expect("unlocked");
    };
    let lookers = join_all((1000..1000 + LOOKERS).map(look));
    let reservers = join_all((5000..5000 + RESERVERS).map(|place| reserve("gallery", place)));
    // They come after everybody else.
    let payers = async {
        sleep(Duration::from_millis(500)).await;
        join_all(bookings.iter().map(pay)).await
    };
    let (mut lookers, mut reservers, mut payers, ()) = tokio::join!(lookers, reservers, payers, unlocking);
    assert!(summary("3 s locked: fans who look", &mut lookers) < LOOKERS as usize, "there was no room for all of them");
    let held = summary("3 s locked: fans who reserve", &mut reservers);
    let paid = summary("3 s locked: payments", &mut payers);
    assert_eq!(paid, PAYERS as usize, "money goes first, whoever else waits");

    locker.batch_execute("begin; lock table booking in access exclusive mode").await.expect("locked");
    let unlocking = async {
        sleep(Duration::from_secs(8)).await;
        locker.batch_execute("rollback").await.expect("unlocked");
    };
    let (mut reservers, ()) =
        tokio::join!(join_all((7000..7000 + RESERVERS).map(|place| reserve("balcony-centre", place))), unlocking);
    let served = summary("8 s locked: fans who reserve", &mut reservers);
    assert!(served < RESERVERS as usize, "the queue has a deadline");
    let mut again = join_all((7000..7000 + RESERVERS).map(|place| reserve("balcony-centre", place))).await;
    let served = summary("afterwards: the same fans again", &mut again);
    assert_eq!(served, RESERVERS as usize);
    let books = audit(&mut shop.sql().await).await;
    assert_eq!((books.sold, books.held), (PAYERS as i64, (held + served) as i64));
}
