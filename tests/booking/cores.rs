//! Several cores over one database: each learns what the others do.

use std::time::Duration;

use reqwest::StatusCode;
use tokio::time::sleep;

use crate::books::audit;
use crate::clock::hold_for;
use crate::shop::{EVENT, Fan, Shop, bit};

#[tokio::test]
async fn what_one_core_sells_the_other_does_not_show_as_free_a_second_later() {
    let shop = Shop::open();
    let (_other, other_url) = shop.another_core();
    let there = |place| Fan { url: other_url.clone(), ..shop.fan(place) };
    let held = shop.fan(1).reserve_seats("a", &["pit-GA-1", "pit-GA-2"]).await;
    assert_eq!(held.status, StatusCode::OK);
    sleep(Duration::from_secs(1)).await;
    let bits = shop.http.get(format!("{other_url}/api/v1/events/{EVENT}/availability")).send().await;
    let bits = bits.expect("the other core answers").bytes().await.expect("a body");
    assert!(!bit(&bits, 0) && !bit(&bits, 1) && bit(&bits, 2));

    let again = there(1).reserve_seats("a", &["pit-GA-1", "pit-GA-2"]).await;
    assert_eq!(again, held, "any core knows the booking");
    assert_eq!(there(1).pay(held.field("booking_id"), "p", "demo-visa").await.status, StatusCode::OK);
    assert_eq!(shop.fan(1).booking(held.field("booking_id")).await.field("status"), "confirmed");
}

#[tokio::test]
async fn two_sweepers_tell_once_that_a_hold_has_ended() {
    let shop = Shop::open();
    let (_other, _) = shop.another_core();
    hold_for(&shop, 1).await;
    for place in 0..30 {
        assert_eq!(shop.fan(place).reserve_best("a", "balcony-centre", 2).await.status, StatusCode::OK);
    }
    let (sql, mut held) = (shop.sql().await, 30);
    for _ in 0..600 {
        let left = "select count(*) from booking where status = 'held'";
        held = sql.query_one(left, &[]).await.expect("a count").get::<_, i64>(0);
        if held == 0 {
            break;
        }
        sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(held, 0);
    // Whoever comes second finds nothing: a look later, still once.
    sleep(Duration::from_millis(300)).await;
    let emitted = "select count(*), count(distinct booking_id) from change_log where kind = 'expired'";
    let emitted = sql.query_one(emitted, &[]).await.expect("counts");
    assert_eq!((emitted.get::<_, i64>(0), emitted.get::<_, i64>(1)), (30, 30));
}

#[tokio::test]
async fn two_cores_never_sell_a_seat_twice() {
    let shop = Shop::open();
    let (_other, other_url) = shop.another_core();
    let mut fans = Vec::new();
    for place in 0..600u64 {
        let url = if place % 2 == 0 { shop.url.clone() } else { other_url.clone() };
        let fan = Fan { url, ..shop.fan(place) };
        fans.push(async move { fan.reserve_best("k", "gallery", 2).await });
    }
    let answers: Vec<_> = futures_util::future::join_all(fans).await;
    let held = answers.iter().filter(|answer| answer.status == StatusCode::OK).count() as i64;
    let odd = answers.iter().find(|answer| ![StatusCode::OK, StatusCode::CONFLICT].contains(&answer.status));
    assert_eq!(odd, None);
    let books = audit(&mut shop.sql().await).await;
    assert_eq!(books.held, 2 * held);
    assert_eq!(books.held, 468, "sold to the last seat");
}
