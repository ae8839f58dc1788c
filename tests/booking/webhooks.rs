//! Webhooks: believed only when they are signed and fresh, and then in any number and order, before or after the answer.

use std::time::Duration;

use fairgate_booking::payment::signature::WebhookSecret;
use reqwest::StatusCode;
use serde_json::json;
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::books::audit;
use crate::payment_world::{PaymentWorld, event, insist_to_tell};
use crate::shop::Fan;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn copies_in_any_order_change_nothing_and_strangers_are_not_believed() {
    let world = PaymentWorld::open();
    let (mut payments, mut waiting) = (Vec::new(), tokio::task::JoinSet::new());
    for place in 0..3u64 {
        let fan = world.shop.fan(place);
        let held = fan.reserve_seats("hold", &[&format!("pit-GA-{}", place + 1)]).await;
        let booking = held.field("booking_id").to_owned();
        let paying = (fan.clone(), booking.clone());
        waiting.spawn(async move { (place, paying.0.pay(&paying.1, "pay", "demo-never").await) });
        payments.push((world.payment_of(&booking).await, booking));
    }
    let (bought, declined, turned) = (&payments[0].0, &payments[1].0, &payments[2].0);

    let good = event("charge.succeeded", bought, "succeeded");
    let forged = WebhookSecret::new("another secret altogether").expect("long enough").sign(1_800_000_000, b"{}");
    assert_eq!(world.send(good.to_string(), &forged).await, StatusCode::UNAUTHORIZED, "forged");
    assert_eq!(world.send(good.to_string(), "").await, StatusCode::UNAUTHORIZED, "not signed");
    assert_eq!(world.tell(&good, 301).await, StatusCode::UNAUTHORIZED, "old");
    assert_eq!(world.tell(&good, -310).await, StatusCode::UNAUTHORIZED, "from the future");
    let huge = json!({ "id": "x".repeat(20_000) });
    assert_eq!(world.tell(&huge, 0).await, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(world.tell(&json!({ "type": "charge.succeeded" }), 0).await, StatusCode::UNPROCESSABLE_ENTITY);
    let unknown = event("charge.succeeded", "00000000-0000-8000-8000-000000000000", "succeeded");
    assert_eq!(world.tell(&unknown, 0).await, StatusCode::NOT_FOUND);
    let mut cheap = good.clone();
    cheap["charge"]["amount"] = json!(1);
    assert_eq!(world.tell(&cheap, 0).await, StatusCode::UNPROCESSABLE_ENTITY, "another amount");
    assert_eq!(audit(&mut world.shop.sql().await).await.sold, 0, "nobody was believed");

    // Before the synchronous answer, which never comes; then copies, old ones within the tolerance, and contradictions.
    let stories = [
        (bought, ["charge.succeeded", "charge.succeeded", "charge.refunded", "charge.declined"], "confirmed"),
        (declined, ["charge.declined", "charge.declined", "charge.refunded", "charge.declined"], "declined"),
        // The provider has no such charge, so the refund stays open until people look.
        (turned, ["charge.declined", "charge.succeeded", "charge.succeeded", "charge.declined"], "refunding"),
    ];
    for (payment, kinds, state) in stories {
        for (ago_s, kind) in (0..).map(|step| step * 90).zip(kinds) {
            assert_eq!(world.tell(&event(kind, payment, "succeeded"), ago_s).await, StatusCode::NO_CONTENT, "{kind}");
        }
        world.wait_for(payment, state).await;
    }
    for (place, answer) in waiting.join_all().await {
        let expected = if place == 0 { StatusCode::OK } else { StatusCode::PAYMENT_REQUIRED };
        assert_eq!(answer.status, expected, "{place}: {}", answer.text);
    }
    assert_eq!(world.steps(&payments[0].1).await, ["started fan", "confirmed webhook"]);
    assert_eq!(world.steps(&payments[1].1).await, ["started fan", "declined webhook"]);
    assert_eq!(world.steps(&payments[2].1).await, ["started fan", "declined webhook", "refunding webhook"]);
    assert_eq!(audit(&mut world.shop.sql().await).await.sold, 1);
}

/// What becomes of the payments is told to two cores at once, three times to each, while one of them is killed twice.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_cores_hear_the_same_news_at_once_while_one_of_them_is_killed() {
    const FANS: u64 = 18;
    let mut world = PaymentWorld::open();
    let (_other, other_url) = world.shop.another_core();
    let (mut payments, mut paying) = (Vec::new(), JoinSet::new());
    for place in 0..FANS {
        let fan = Fan { url: other_url.clone(), ..world.shop.fan(place) };
        let held = fan.reserve_seats("hold", &[&format!("pit-GA-{}", place + 1)]).await;
        let booking = held.field("booking_id").to_owned();
        let begun = booking.clone();
        paying.spawn(async move { fan.pay(&begun, "pay", "demo-never").await.status });
        payments.push((world.payment_of(&booking).await, booking));
    }
    let mut telling = JoinSet::new();
    for (place, (payment, _)) in payments.iter().enumerate() {
        // One in three is declined; the others buy.
        let kind = if place % 3 == 0 { "charge.declined" } else { "charge.succeeded" };
        for url in [&world.shop.url, &other_url].into_iter().cycle().take(6) {
            let http = reqwest::Client::new();
            telling.spawn(insist_to_tell(http, url.clone(), event(kind, payment, "succeeded")));
        }
    }
    let sql = world.shop.sql().await;
    for settled in [1, 6] {
        let so_far = "select count(*) from payment where state <> 'started'";
        while sql.query_one(so_far, &[]).await.expect("a count").get::<_, i64>(0) < settled {
            sleep(Duration::from_millis(2)).await;
        }
        world.shop.restart_core();
    }
    telling.join_all().await;
    for (place, (_, booking)) in payments.iter().enumerate() {
        let (step, standing) = if place % 3 == 0 { ("declined", "held") } else { ("confirmed", "confirmed") };
        assert_eq!(world.steps(booking).await, ["started fan".to_owned(), format!("{step} webhook")], "{place}");
        assert_eq!(world.shop.fan(place as u64).booking(booking).await.field("status"), standing);
    }
    let statuses = paying.join_all().await;
    assert_eq!(statuses.iter().filter(|&&status| status == StatusCode::OK).count(), 12, "{statuses:?}");
    assert_eq!(audit(&mut world.shop.sql().await).await.sold, 12);
}
