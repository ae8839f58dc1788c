//! Money is taken once and ends in seats or comes back, whatever the provider does and whoever dies.

use std::collections::BTreeMap;
use std::time::Duration;

use fairgate_booking::payment::api::ChargeStatus;
use reqwest::StatusCode;
use tokio::time::sleep;

use crate::books::audit;
use crate::clock::hold_for;
use crate::payment_world::PaymentWorld;
use crate::shop::{Answer, Fan, Shop};

/// A fan's own seat in the pit, held.
async fn hold(world: &PaymentWorld, place: u64) -> (Fan, String) {
    let fan = world.shop.fan(place);
    let held = fan.reserve_seats("hold", &[&format!("pit-GA-{}", place + 1)]).await;
    assert_eq!(held.status, StatusCode::OK, "{}", held.text);
    (fan, held.field("booking_id").to_owned())
}

#[tokio::test]
async fn after_some_declined_payments_no_more_are_tried_for_a_booking() {
    let shop = Shop::open();
    let fan = shop.fan(1);
    let (first, second) = (fan.reserve_best("a", "pit", 1).await, fan.reserve_best("b", "pit", 1).await);
    let booking = first.field("booking_id");
    for attempt in 0..8 {
        let declined = fan.pay(booking, &format!("p{attempt}"), "demo-declined").await;
        assert_eq!(declined.status, StatusCode::PAYMENT_REQUIRED, "{attempt}: {}", declined.text);
    }
    for key in ["p8", "p8", "p9"] {
        let refused = fan.pay(booking, key, "demo-visa").await;
        assert_eq!((refused.status, refused.field("title")), (StatusCode::CONFLICT, "Declined too often"), "{key}");
    }
    assert_eq!(fan.pay(booking, "p0", "demo-declined").await.status, StatusCode::PAYMENT_REQUIRED, "the same answer");
    assert_eq!(fan.booking(booking).await.field("status"), "held");
    assert_eq!(fan.pay(second.field("booking_id"), "q", "demo-visa").await.status, StatusCode::OK, "another booking");
}

/// Asks with the same key until there is an answer.
async fn insist(fan: &Fan, booking: &str, token: &str) -> Answer {
    loop {
        match fan.try_pay(booking, "pay", token).await {
            Ok(answer) if answer.status == StatusCode::SERVICE_UNAVAILABLE => {}
            Ok(answer) if answer.text.contains("in-progress") => {}
            Ok(answer) => return answer,
            Err(_) => {}
        }
        sleep(Duration::from_millis(100)).await;
    }
}

/// What the provider has taken must be what was sold, to the payment.
async fn settle(world: &PaymentWorld) {
    audit(&mut world.shop.sql().await).await;
    let sql = world.shop.sql().await;
    let rows = sql.query("select payment_id::text, state from payment", &[]).await.expect("payments");
    let ours: BTreeMap<String, String> = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
    let theirs = world.charges().await;
    for charge in &theirs {
        let state = ours[&charge.payment_id.to_string()].as_str();
        let fits = match charge.status {
            ChargeStatus::Succeeded => state == "confirmed",
            ChargeStatus::Refunded => state == "refunded",
            ChargeStatus::Declined | ChargeStatus::Voided => state == "declined",
        };
        assert!(fits, "{charge:?} is {state}");
    }
    assert_eq!(theirs.len(), ours.len(), "every payment is in the provider's books");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_the_provider_does_a_payment_ends_once() {
    let mut world = PaymentWorld::open();
    let words =
        ["visa", "early", "twice", "early-twice", "silent", "flaky", "lost", "declined", "declined-early-twice"];
    for (place, words) in (0..).zip(words) {
        let (fan, booking) = hold(&world, place).await;
        let token = format!("demo-{words}");
        let first = insist(&fan, &booking, &token).await;
        let (status, standing) = if words.contains("declined") { (402, "held") } else { (200, "confirmed") };
        assert_eq!(first.status.as_u16(), status, "{words}: {}", first.text);
        assert_eq!(fan.booking(&booking).await.field("status"), standing, "{words}");
        assert_eq!(fan.pay(&booking, "pay", &token).await, first, "{words}: byte for byte");
        let other = fan.pay(&booking, "pay", "demo-other").await;
        assert_eq!(other.status, StatusCode::UNPROCESSABLE_ENTITY, "{words}: another body");
        let steps = world.steps(&booking).await;
        assert_eq!(steps.len(), 2, "{words}: {steps:?}");
        assert_eq!(steps[0], "started fan");
        let told_by_webhook = steps[1].ends_with("webhook");
        assert!(told_by_webhook || !(words.contains("early") || words == "lost"), "{words}: {steps:?}");
    }
    world.shop.restart_core();
    let (fan, booking) = (world.shop.fan(0), hold(&world, 0).await.1);
    assert_eq!(fan.pay(&booking, "pay", "demo-visa").await.field("status"), "confirmed", "known after a restart");
    assert_eq!(fan.pay(&booking, "pay", "demo-other").await.status, StatusCode::UNPROCESSABLE_ENTITY);
    settle(&world).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_core_killed_in_mid_payment_charges_once_and_goes_on() {
    let mut world = PaymentWorld::open();
    // One is told by webhook, one is asked for again by the fan, one is left to the cashier's round.
    let mut bookings = Vec::new();
    for (place, token) in [(0, "demo-slow"), (1, "demo-slow-silent"), (2, "demo-slow-silent")] {
        let (fan, booking) = hold(&world, place).await;
        let paying = (fan.clone(), booking.clone());
        tokio::spawn(async move { drop(paying.0.try_pay(&paying.1, "pay", token).await) });
        let payment = world.payment_of(&booking).await;
        bookings.push((fan, booking, payment));
    }
    sleep(Duration::from_millis(300)).await;
    world.shop.restart_core();
    assert_eq!(world.charges().await.len(), 0, "the provider is still at it");
    let (fan, booking, _) = &bookings[1];
    assert_eq!(insist(fan, booking, "demo-slow-silent").await.status, StatusCode::OK);
    world.make_due().await;
    for (fan, booking, payment) in &bookings {
        world.wait_for(payment, "confirmed").await;
        assert_eq!(fan.booking(booking).await.field("status"), "confirmed");
    }
    assert_eq!(world.charges().await.len(), 3);
    settle(&world).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_a_rush_with_kills_every_payment_is_charged_once() {
    const FANS: u64 = 60;
    let mut world = PaymentWorld::open();
    let mut fans = tokio::task::JoinSet::new();
    for place in 0..FANS {
        let (fan, booking) = hold(&world, place).await;
        let token = ["demo-visa", "demo-twice", "demo-flaky", "demo-early-twice", "demo-declined"][place as usize % 5];
        fans.spawn(async move { insist(&fan, &booking, token).await.status.as_u16() });
    }
    for wait_ms in [30, 120, 60] {
        sleep(Duration::from_millis(wait_ms)).await;
        world.shop.restart_core();
    }
    world.restart_provider();
    let statuses = fans.join_all().await;
    assert_eq!(statuses.iter().filter(|&&status| status == 200).count(), 48, "{statuses:?}");
    assert_eq!(statuses.iter().filter(|&&status| status == 402).count(), 12, "{statuses:?}");
    settle(&world).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn money_that_comes_too_late_buys_free_seats_or_goes_back() {
    let world = PaymentWorld::open();
    let sql = world.shop.sql().await;
    hold_for(&world.shop, 1).await;
    let (late, kept) = hold(&world, 1).await;
    let (unlucky, lost) = hold(&world, 2).await;
    // The holds last one second, the provider takes three.
    let (paid, refunded, ()) =
        tokio::join!(late.pay(&kept, "pay", "demo-slow"), unlucky.pay(&lost, "pay", "demo-slow-twice"), async {
            sleep(Duration::from_millis(1300)).await;
            let rival = world.shop.fan(3);
            let held = rival.reserve_seats("rival", &["pit-GA-3"]).await;
            assert_eq!(rival.pay(held.field("booking_id"), "pay", "demo-visa").await.status, StatusCode::OK);
        });
    assert_eq!(paid.status, StatusCode::OK, "{}", paid.text);
    assert_eq!(refunded.status, StatusCode::CONFLICT, "{}", refunded.text);
    assert_eq!(refunded.json["refunded"], true);
    let steps: Vec<String> =
        world.steps(&lost).await.iter().map(|step| step.split(' ').next().unwrap_or_default().to_owned()).collect();
    assert_eq!(steps, ["started", "refunding", "refunded"]);
    let emitted = "select count(*) from change_log where kind = 'refunded'";
    assert_eq!(sql.query_one(emitted, &[]).await.expect("a count").get::<_, i64>(0), 1, "emitted once");
    settle(&world).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_payment_that_nobody_hears_of_is_voided_at_last() {
    let world = PaymentWorld::open();
    let (fan, booking) = hold(&world, 0).await;
    tokio::spawn(async move { drop(fan.try_pay(&booking, "pay", "demo-down").await) });
    let payment =
        world.payment_of(world.shop.fan(0).reserve_seats("hold", &["pit-GA-1"]).await.field("booking_id")).await;
    sleep(Duration::from_millis(200)).await;
    world.shop.sql().await.batch_execute("update payment set drives = 6, due_at = now()").await.expect("due");
    world.wait_for(&payment, "declined").await;
    let charges = world.charges().await;
    assert_eq!(charges.iter().map(|charge| charge.status).collect::<Vec<_>>(), [ChargeStatus::Voided]);
}
