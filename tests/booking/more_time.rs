//! More time for a hold: as often as the seller allows, never beyond, and only while everything is as it must be.

use std::time::Duration;

use reqwest::{Method, StatusCode};
use tokio::time::{Instant, sleep};

use crate::clock::hold_for;
use crate::shop::{Answer, EVENT, Fan, Shop};

async fn extend(fan: &Fan, booking: &str) -> Answer {
    let path = format!("/api/v1/bookings/{booking}/extend");
    fan.send(Method::POST, &path, "", None).await.expect("an answer")
}

fn end_of(answer: &Answer) -> i64 {
    answer.json["expires_at_ms"].as_i64().unwrap_or_else(|| panic!("no end in {}", answer.text))
}

async fn set(shop: &Shop, change: &str) {
    let edit = format!("update event set {change}, version = version + 1 where slug = '{EVENT}'");
    let tell = "insert into change_log (event_id, kind) select event_id, 'edited' from event";
    shop.sql().await.batch_execute(&format!("{edit}; {tell}; notify fairgate")).await.expect("edited");
    sleep(Duration::from_millis(700)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hold_is_kept_as_long_as_the_seller_allows_and_not_longer() {
    let shop = Shop::open();
    hold_for(&shop, 2).await;
    set(&shop, "hold_total_max_s = 5").await;
    let (second_core, url) = shop.another_core();
    let fan = shop.fan(0);
    let held = fan.reserve_seats("hold", &["pit-GA-1"]).await;
    let (id, began) = (held.field("booking_id").to_owned(), Instant::now());
    let first = end_of(&held);
    assert_eq!(fan.booking(&id).await.json["more_time_until_ms"], first + 3000);
    assert_eq!(end_of(&extend(&fan, &id).await), first, "with more than half of the time left nothing changes");

    let mut end = first;
    for (after_ms, last) in [(1400, false), (2900, false), (4400, true)] {
        sleep(Duration::from_millis(after_ms).saturating_sub(began.elapsed())).await;
        // At any core, and again at once: the answer may have been lost.
        let kept = extend(&Fan { url: url.clone(), ..fan.clone() }, &id).await;
        assert_eq!(kept.status, StatusCode::OK, "{}", kept.text);
        assert!(end_of(&kept) > end && end_of(&kept) <= first + 3000, "{}", kept.text);
        end = end_of(&kept);
        assert_eq!(kept.json.get("more_time_until_ms").is_none(), last, "{}", kept.text);
        assert_eq!(
            shop.fan(1).reserve_seats(&format!("rival{after_ms}"), &["pit-GA-1"]).await.status,
            StatusCode::CONFLICT
        );
    }
    assert_eq!(end, first + 3000);
    let refused = extend(&fan, &id).await;
    assert!(refused.text.contains("no-more-time"), "{}", refused.text);
    // Then it ends, is swept once, and somebody else can have the seat.
    sleep(Duration::from_millis(5800).saturating_sub(began.elapsed())).await;
    assert!(extend(&fan, &id).await.text.contains("hold-ended"));
    assert_eq!(fan.booking(&id).await.field("status"), "expired");
    assert_eq!(shop.fan(1).reserve_seats("at-last", &["pit-GA-1"]).await.status, StatusCode::OK);
    let emitted = "select count(*) from change_log where kind = 'expired' and booking_id = $1::text::uuid";
    assert_eq!(shop.sql().await.query_one(emitted, &[&id]).await.expect("a count").get::<_, i64>(0), 1);
    drop(second_core);
}

/// Holds have a second left, whatever they were before. `also`: what else is changed of them.
async fn end_in_a_second(shop: &Shop, also: &str) {
    let sql = shop.sql().await;
    let booking = format!("update booking set expires_at = now() + interval '1 s', {also}");
    let seats = "update seat set held_until = (select max(expires_at) from booking) where booking_id is not null";
    for change in [booking.as_str(), seats] {
        sql.execute(change, &[]).await.expect("late");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_check_is_made_again() {
    let shop = Shop::open();
    hold_for(&shop, 3).await;
    let fan = shop.fan(0);
    let held = fan.reserve_seats("hold", &["pit-GA-1", "pit-GA-2"]).await;
    let id = held.field("booking_id").to_owned();
    sleep(Duration::from_millis(1600)).await;
    assert_eq!(extend(&shop.fan(1), &id).await.status, StatusCode::NOT_FOUND, "somebody else's");
    let outside = Fan { pass: shop.gate.pass_for(crate::shop::ROOM, 0, -1000), ..fan.clone() };
    assert_eq!(extend(&outside, &id).await.status, StatusCode::UNAUTHORIZED, "whose visit is over");
    for (change, back, problem) in [
        ("on_sale = false", "on_sale = true", "not-on-sale"),
        ("fan_seats_max = 1", "fan_seats_max = 6", "seats-limit"),
        ("hold_total_max_s = 3", "hold_total_max_s = null", "no-more-time"),
    ] {
        end_in_a_second(&shop, "created_at = now() - interval '2 s'").await;
        set(&shop, change).await;
        let refused = extend(&fan, &id).await;
        assert!(refused.text.contains(problem), "{change}: {}", refused.text);
        end_in_a_second(&shop, "status = 'held'").await;
        set(&shop, back).await;
        let kept = extend(&fan, &id).await;
        assert_eq!(kept.status, StatusCode::OK, "{back}: {}", kept.text);
    }
    let paying = (fan.clone(), id.clone());
    let paying = tokio::spawn(async move { paying.0.pay(&paying.1, "pay", "demo-slow").await });
    sleep(Duration::from_millis(300)).await;
    assert!(extend(&fan, &id).await.text.contains("payment-under-way"));
    assert_eq!(paying.await.expect("paid").status, StatusCode::OK);
    assert!(extend(&fan, &id).await.text.contains("already-paid"));
}
