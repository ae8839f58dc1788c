//! While a payment is under way it can be seen, and no second one begins. Not after a reload, not in a second tab, not
//! at another core, not for other seats of the same fan.

use std::time::Duration;

use reqwest::StatusCode;
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::clock::hold_for;
use crate::payment_world::PaymentWorld;
use crate::shop::{Answer, Fan, Shop};

async fn hold(shop: &Shop, place: u64, seat: u32) -> (Fan, String) {
    let fan = shop.fan(place);
    let held = fan.reserve_seats(&format!("hold-{seat}"), &[&format!("pit-GA-{seat}")]).await;
    assert_eq!(held.status, StatusCode::OK, "{}", held.text);
    (fan, held.field("booking_id").to_owned())
}

/// The fan's bookings as a page that is opened finds them: `seat status payment`.
async fn found(fan: &Fan) -> Vec<String> {
    let list = fan.send(reqwest::Method::GET, "/api/v1/bookings", "", None).await.expect("an answer");
    let bookings = list.json["bookings"].as_array().expect("a list").clone();
    let text = |value: &serde_json::Value| value.as_str().unwrap_or("-").to_owned();
    let line = |it: &serde_json::Value| {
        format!("{} {} {}", text(&it["seats"][0]), text(&it["status"]), text(&it["payment"]["state"]))
    };
    bookings.iter().map(line).collect()
}

fn is_under_way(answer: &Answer, booking: &str) -> bool {
    answer.status == StatusCode::CONFLICT
        && answer.field("type").ends_with("/payment-under-way")
        && answer.json["payment"]["state"] == "started"
        && answer.field("booking_id") == booking
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_payment_under_way_is_found_again_and_is_the_only_one() {
    let world = PaymentWorld::open();
    hold_for(&world.shop, 2).await;
    let (fan, booking) = hold(&world.shop, 0, 1).await;
    let (_, other) = hold(&world.shop, 0, 2).await;
    let paying = (fan.clone(), booking.clone());
    let paying = tokio::spawn(async move { paying.0.pay(&paying.1, "pay", "demo-slow").await });
    let payment = world.payment_of(&booking).await;

    let seen = fan.booking(&booking).await;
    assert_eq!((seen.field("status"), &seen.json["payment"]["payment_id"]), ("held", &payment.as_str().into()));
    assert!(!seen.released);
    assert!(found(&fan).await.contains(&"pit-GA-1 held started".to_owned()));
    // Another key is another tab; other seats are an impatient fan.
    assert!(is_under_way(&fan.pay(&booking, "again", "demo-visa").await, &booking));
    assert!(is_under_way(&fan.pay(&other, "other", "demo-visa").await, &booking));
    assert_eq!(fan.cancel(&booking).await.status, StatusCode::CONFLICT);

    // The hold ends meanwhile; what was being paid is not forgotten, and counts for the fan's limit.
    sleep(Duration::from_millis(2200)).await;
    assert_eq!(found(&fan).await, ["pit-GA-1 expired started"]);
    let most = fan.reserve_best("most", "gallery", 6).await;
    assert_eq!(most.status, StatusCode::CONFLICT, "{}", most.text);
    assert_eq!(most.json["has"], 1, "{}", most.text);

    assert_eq!(paying.await.expect("paid").status, StatusCode::OK);
    let seen = fan.booking(&booking).await;
    assert_eq!((seen.field("status"), &seen.json["payment"]["state"]), ("confirmed", &"confirmed".into()));
    assert!(seen.released, "the answer to the payment may have been lost");
    assert_eq!(world.charges().await.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_payments_at_the_same_moment_one_begins() {
    let world = PaymentWorld::open();
    let (second_core, url) = world.shop.another_core();
    let mut bookings = Vec::new();
    for seat in 1..=3 {
        bookings.push(hold(&world.shop, 0, seat).await);
    }
    let mut tabs = JoinSet::new();
    for tab in 0..24_usize {
        let (mut fan, booking) = bookings[tab % 3].clone();
        if tab % 2 == 1 {
            fan.url.clone_from(&url);
        }
        tabs.spawn(async move { fan.pay(&booking, &format!("tab-{tab}"), "demo-slow").await });
    }
    let answers = tabs.join_all().await;
    let paid = answers.iter().filter(|answer| answer.status == StatusCode::OK).count();
    let told = answers.iter().filter(|answer| answer.text.contains("/payment-under-way")).count();
    assert_eq!((paid, told), (1, 23), "{:?}", answers.iter().map(|answer| &answer.text).collect::<Vec<_>>());
    assert_eq!(world.charges().await.len(), 1);
    drop(second_core);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_declined_or_given_back_is_found_again() {
    let world = PaymentWorld::open();
    let (fan, booking) = hold(&world.shop, 0, 1).await;
    assert_eq!(fan.pay(&booking, "pay", "demo-declined").await.status, StatusCode::PAYMENT_REQUIRED);
    let seen = fan.booking(&booking).await;
    assert_eq!((seen.field("status"), &seen.json["payment"]["state"]), ("held", &"declined".into()));
    assert_eq!(seen.json["payment"]["reason"], "the card was declined");

    hold_for(&world.shop, 1).await;
    let (unlucky, lost) = hold(&world.shop, 1, 2).await;
    let (refunded, ()) = tokio::join!(unlucky.pay(&lost, "pay", "demo-slow"), async {
        sleep(Duration::from_millis(1300)).await;
        let (rival, rivals) = hold(&world.shop, 2, 2).await;
        assert_eq!(rival.pay(&rivals, "pay", "demo-visa").await.status, StatusCode::OK);
    });
    assert_eq!(refunded.json["refunded"], true, "{}", refunded.text);
    assert_eq!(found(&unlucky).await, ["pit-GA-2 expired refunded"]);
}
