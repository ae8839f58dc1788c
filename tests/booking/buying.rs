//! One fan after another buys: the whole way of a seat.

use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::shop::{EVENT, Shop, bit};

#[tokio::test]
async fn a_fan_holds_pays_and_has_the_seats() {
    let shop = Shop::open();
    let event = shop.get(&format!("/api/v1/events/{EVENT}")).await.json::<serde_json::Value>().await.expect("JSON");
    assert_eq!(event["seats"], 5000);
    let first = event["sections"][2]["rows"][0]["first"].as_u64().expect("a bit") as usize;
    assert!(bit(&shop.bits().await, first + 13));

    let fan = shop.fan(1);
    let held = fan.reserve_seats("a", &["stalls-centre-A-15", "stalls-centre-A-14"]).await;
    assert_eq!(held.status, StatusCode::OK, "{}", held.text);
    assert_eq!(held.seats("seats"), ["stalls-centre-A-14", "stalls-centre-A-15"]);
    assert_eq!(held.json["amount"], 24_000);
    assert_eq!(held.json["together"], true);
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    assert!(!bit(&shop.bits().await, first + 13));

    let again = fan.reserve_seats("a", &["stalls-centre-A-15", "stalls-centre-A-14"]).await;
    assert_eq!(again, held, "the same request, the same answer, byte for byte");
    let other = fan.reserve_seats("a", &["stalls-centre-A-16"]).await;
    assert_eq!(other.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", other.text);

    let rival = shop.fan(2).reserve_seats("a", &["stalls-centre-A-13", "stalls-centre-A-14"]).await;
    assert_eq!(rival.status, StatusCode::CONFLICT);
    assert_eq!(rival.seats("taken"), ["stalls-centre-A-14"]);
    assert_eq!(rival.seats("nearby").len(), 2);

    let booking = held.field("booking_id");
    assert_eq!(
        shop.fan(2).pay(booking, "p", "demo-visa").await.status,
        StatusCode::NOT_FOUND,
        "somebody else's booking"
    );
    let declined = fan.pay(booking, "p0", "demo-declined").await;
    assert_eq!(declined.status, StatusCode::PAYMENT_REQUIRED, "{}", declined.text);
    let paid = fan.pay(booking, "p1", "demo-visa").await;
    assert_eq!(paid.status, StatusCode::OK, "{}", paid.text);
    assert!(paid.released, "the edge is told that the fan is done");
    assert_eq!(paid.field("status"), "confirmed");
    assert_eq!(fan.pay(booking, "p1", "demo-visa").await, paid, "the same payment, the same answer");
    assert_eq!(fan.pay(booking, "p1", "demo-other").await.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(fan.pay(booking, "p2", "demo-visa").await.status, StatusCode::CONFLICT, "paid already");
    assert_eq!(fan.cancel(booking).await.status, StatusCode::CONFLICT, "paid already");
    assert_eq!(fan.booking(booking).await.field("status"), "confirmed");
}

#[tokio::test]
async fn what_is_given_back_can_be_had_by_the_next() {
    let shop = Shop::open();
    let fan = shop.fan(1);
    let held = fan.reserve_best("a", "balcony-left", 4).await;
    assert_eq!(held.status, StatusCode::OK, "{}", held.text);
    assert_eq!(held.json["together"], true);
    let seats = held.seats("seats");
    let seats: Vec<&str> = seats.iter().map(String::as_str).collect();
    let booking = held.field("booking_id");
    assert_eq!(shop.fan(2).cancel(booking).await.status, StatusCode::NOT_FOUND);
    assert_eq!(fan.cancel(booking).await.status, StatusCode::NO_CONTENT);
    assert_eq!(fan.cancel(booking).await.status, StatusCode::NO_CONTENT, "again changes nothing");
    assert_eq!(shop.fan(2).reserve_seats("b", &seats).await.status, StatusCode::OK);
    assert_eq!(fan.pay(booking, "p", "demo-visa").await.status, StatusCode::CONFLICT, "cancelled");
    assert_eq!(fan.reserve_best("a", "balcony-left", 4).await, held, "the first answer stays the first answer");
}

#[tokio::test]
async fn a_fan_has_no_more_seats_than_the_limit() {
    let shop = Shop::open();
    let fan = shop.fan(1);
    assert_eq!(fan.reserve_best("a", "gallery", 4).await.status, StatusCode::OK);
    let refused = fan.reserve_best("b", "gallery", 3).await;
    assert_eq!(refused.status, StatusCode::CONFLICT);
    assert_eq!(refused.json["has"], 4);
    assert_eq!(fan.reserve_best("c", "gallery", 2).await.status, StatusCode::OK);
    let listed = fan.send(Method::GET, "/api/v1/bookings", "", None).await.expect("the core answers");
    assert_eq!(listed.json["bookings"].as_array().map(Vec::len), Some(2));
    let many = fan.reserve("d", json!({ "event": EVENT, "section": "gallery", "quantity": 7 })).await;
    assert_eq!(many.status, StatusCode::UNPROCESSABLE_ENTITY);
}
