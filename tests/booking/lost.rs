//! Replies that get lost between the core and Postgres: what happened is unknown, and the idempotency key finds out.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use fairgate_booking::server::{Core, Settings};
use reqwest::StatusCode;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::books::audit;
use crate::payment_world::PaymentWorld;
use crate::shop::{EVENT, Env, Fan, Shop, bit, free_address};

/// A core in this process, which reads every seat again after a gap of a second.
async fn forgetful_core(shop: &Shop, database_url: &str, stop: CancellationToken) -> String {
    let (database_url, feed_gap_max) = (database_url.to_owned(), Duration::from_secs(1));
    let core = Core::start(Settings { database_url, feed_gap_max, ..shop.settings() });
    let core = core.await.expect("it starts");
    let url = format!("http://{}", core.addresses().expect("bound").0);
    tokio::spawn(core.serve(stop));
    url
}

/// What was sold during a long gap cannot be read from the log any more: every seat is read again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_core_that_was_cut_off_for_long_reads_every_seat_again() {
    let shop = Shop::open();
    let (link, stop) = (shop.link(), CancellationToken::new());
    let url = forgetful_core(&shop, &link.url, stop.clone()).await;
    let bits = || async {
        let answer = shop.http.get(format!("{url}/api/v1/events/{EVENT}/availability")).send().await;
        let answer = answer.expect("the core answers");
        if answer.status() == StatusCode::OK { Some(answer.bytes().await.expect("a body")) } else { None }
    };
    let since = Instant::now();
    while bits().await.is_none() {
        assert!(since.elapsed() < Duration::from_secs(30), "it never knew the seats");
        sleep(Duration::from_millis(20)).await;
    }
    link.cut();
    assert_eq!(shop.fan(1).reserve_seats("a", &["pit-GA-1", "pit-GA-2"]).await.status, StatusCode::OK);
    shop.sql().await.batch_execute("delete from change_log").await.expect("the log is shortened");
    sleep(Duration::from_millis(1500)).await;
    link.mend();
    let since = Instant::now();
    let known = loop {
        if let Some(bits) = bits().await {
            break bits;
        }
        assert!(since.elapsed() < Duration::from_secs(30), "it never knows the seats again");
        sleep(Duration::from_millis(20)).await;
    };
    assert!(
        !bit(&known, 0) && !bit(&known, 1) && bit(&known, 2),
        "as soon as it shows seats again, it shows what was sold"
    );
    stop.cancel();
}

#[tokio::test]
async fn a_hold_whose_commit_got_lost_is_found_by_its_key() {
    let (shop, link) = Shop::open_linked(&free_address(), Env::new());
    let fan = shop.fan(1);
    link.lose_commits(2);
    let held = fan.reserve_best("a", "gallery", 2).await;
    assert_eq!(held.status, StatusCode::OK, "the core finds out by itself: {}", held.text);
    assert_eq!(link.still_to_lose(), 0, "the first answer was lost, and so was that of the second look");
    assert_eq!(fan.reserve_best("a", "gallery", 2).await, held);
    assert_eq!(audit(&mut shop.sql().await).await.held, 2);
}

#[tokio::test]
async fn a_hold_whose_core_dies_before_it_knows_is_found_by_the_next_core() {
    let (mut shop, link) = Shop::open_linked(&free_address(), Env::new());
    let fan = shop.fan(1);
    link.damage.then_down.store(true, Ordering::SeqCst);
    link.lose_commits(1);
    let asked = tokio::spawn({
        let fan = fan.clone();
        async move { fan.try_reserve("a", serde_json::json!({"event": EVENT, "section": "gallery", "quantity": 2})).await }
    });
    while link.still_to_lose() > 0 {
        sleep(Duration::from_millis(10)).await;
    }
    sleep(Duration::from_millis(100)).await;
    assert_eq!(audit(&mut shop.sql().await).await.held, 2, "it was committed, and nobody knows");
    shop.core.kill9();
    link.mend();
    shop.restart_core();
    let (first, fan) = (asked.await.expect("no panic"), shop.fan(1));
    let free: u32 = shop.bits().await.iter().map(|byte| byte.count_ones()).sum();
    assert_eq!(free, 4998, "a core that starts knows what was sold before");
    let held = fan.reserve_best("a", "gallery", 2).await;
    assert_eq!(held.status, StatusCode::OK, "{}", held.text);
    // No answer, or (where the client has asked again by itself) the same one.
    assert!(first.is_err() || first.is_ok_and(|first| first == held));
    assert_eq!(audit(&mut shop.sql().await).await.held, 2, "the same seats, once");
}

#[tokio::test]
async fn a_payment_whose_commits_get_lost_is_charged_once() {
    let mut linked = None;
    let world = PaymentWorld::around(Env::new(), |listen, env| {
        let (shop, link) = Shop::open_linked(listen, env);
        linked = Some(link);
        shop
    });
    let (fan, link) = (world.shop.fan(1), linked.expect("opened"));
    let held = fan.reserve_best("a", "gallery", 2).await;
    // Each of the commits on the way of a payment is lost once: the intent, the confirmation, whatever else there is.
    for key in ["p", "p", "p", "p"] {
        link.lose_commits(1);
        let paid = fan.pay(held.field("booking_id"), key, "demo-visa").await;
        if paid.status == StatusCode::OK {
            break;
        }
        assert!(paid.status == StatusCode::SERVICE_UNAVAILABLE || paid.status == StatusCode::CONFLICT, "{}", paid.text);
    }
    link.lose_commits(0);
    let mut paid = fan.pay(held.field("booking_id"), "p", "demo-visa").await;
    let patience = Instant::now() + Duration::from_secs(10);
    while paid.status != StatusCode::OK && Instant::now() < patience {
        sleep(Duration::from_millis(100)).await;
        paid = fan.pay(held.field("booking_id"), "p", "demo-visa").await;
    }
    assert_eq!(paid.status, StatusCode::OK, "{}", paid.text);
    assert_eq!(world.charges().await.len(), 1, "charged once");
    assert_eq!(audit(&mut world.shop.sql().await).await.sold, 2);
}

#[tokio::test]
async fn a_core_that_hears_no_notification_is_right_within_a_second() {
    let shop = Shop::open();
    let link = shop.link();
    link.damage.deaf.store(true, Ordering::SeqCst);
    let (_deaf, deaf_url) = shop.another_core_at(&link.url);
    let there = Fan { url: deaf_url.clone(), ..shop.fan(2) };
    for (round, seats) in
        [["pit-GA-1", "pit-GA-2"], ["pit-GA-3", "pit-GA-4"], ["pit-GA-5", "pit-GA-6"]].iter().enumerate()
    {
        let held = shop.fan(round as u64 + 10).reserve_seats("a", seats).await;
        assert_eq!(held.status, StatusCode::OK, "{}", held.text);
        let sold_at = Instant::now();
        sleep(Duration::from_millis(990).saturating_sub(sold_at.elapsed())).await;
        let bits =
            shop.http.get(format!("{deaf_url}/api/v1/events/{EVENT}/availability")).send().await.expect("an answer");
        // Not knowing is allowed, a free seat is not.
        if bits.status() == StatusCode::OK {
            let bits = bits.bytes().await.expect("a body");
            assert!(!bit(&bits, 2 * round) && !bit(&bits, 2 * round + 1) && bit(&bits, 2 * round + 2));
        }
    }
    assert_eq!(there.reserve_seats("b", &["pit-GA-1"]).await.status, StatusCode::CONFLICT);
}
