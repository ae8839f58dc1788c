//! The provider's notices by way of a queue: heard once they are believed, let go of once they count, and never in the way of others.

use std::process::Stdio;

use fairgate_booking::payment::signature::WebhookSecret;
use lapin::BasicProperties;
use lapin::types::{AMQPValue, FieldTable};
use serde_json::json;
use tokio::task::JoinSet;

use super::{Rabbit, until};
use crate::books::audit;
use crate::payment_world::{PaymentWorld, event, sign};
use crate::shop::Env;

const QUEUE: &str = "fairgate.payments.in";

fn listening(rabbit: &Rabbit) -> Env {
    vec![("FAIRGATE_PAYMENTS_FROM", format!("{}/{QUEUE}", rabbit.url()))]
}

async fn put(rabbit: &Rabbit, body: &str, signature: &str) {
    let mut headers = FieldTable::default();
    headers.insert("Fairgate-Signature".into(), AMQPValue::LongString(signature.into()));
    rabbit.put(QUEUE, body, BasicProperties::default().with_delivery_mode(2).with_headers(headers)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn notices_from_a_queue_are_heard_as_webhooks_are_also_by_a_core_that_is_killed() {
    let rabbit = Rabbit::open().await;
    let mut world = PaymentWorld::open_with(listening(&rabbit));
    let (mut payments, mut waiting) = (Vec::new(), JoinSet::new());
    for place in 0..6u64 {
        let fan = world.shop.fan(place);
        let held = fan.reserve_seats("hold", &[&format!("pit-GA-{}", place + 1)]).await;
        let booking = held.field("booking_id").to_owned();
        let begun = booking.clone();
        waiting.spawn(async move { fan.pay(&begun, "pay", "demo-never").await.status });
        payments.push((world.payment_of(&booking).await, booking));
    }

    // What can never be heard is among the dead letters, and the others are heard.
    let good = event("charge.succeeded", &payments[0].0, "succeeded").to_string();
    let forged =
        WebhookSecret::new("another secret altogether").expect("long enough").sign(1_800_000_000, good.as_bytes());
    put(&rabbit, &good, &forged).await;
    put(&rabbit, "{\"type\":\"charge.succeeded\"}", &sign("{\"type\":\"charge.succeeded\"}", 0)).await;
    let unknown = event("charge.succeeded", "00000000-0000-8000-8000-000000000000", "succeeded").to_string();
    put(&rabbit, &unknown, &sign(&unknown, 0)).await;
    let mut cheap = event("charge.succeeded", &payments[0].0, "succeeded");
    cheap["charge"]["amount"] = json!(1);
    put(&rabbit, &cheap.to_string(), &sign(&cheap.to_string(), 0)).await;
    until("four dead letters", async || rabbit.count("fairgate.payments.in.dead").await == 4).await;
    assert_eq!(audit(&mut world.shop.sql().await).await.sold, 0, "nobody was believed");
    let list = rabbit.says(&world.shop, &["dead", "list", "--queue", QUEUE]).1;
    for part in ["it is not believed", "it cannot be read", "there is no such payment", "is not the payment's"] {
        assert!(list.contains(part), "{part} is not in\n{list}");
    }

    // In any number and order, signed long ago, while the core is killed.
    for (place, (payment, _)) in payments.iter().enumerate() {
        let kind = if place == 5 { "charge.declined" } else { "charge.succeeded" };
        let body = event(kind, payment, "succeeded").to_string();
        for _ in 0..2 {
            put(&rabbit, &body, &sign(&body, 7 * 3600)).await;
        }
        if place == 2 {
            world.shop.restart_core();
        }
    }
    for (place, (payment, booking)) in payments.iter().enumerate() {
        let (state, step) =
            if place == 5 { ("declined", "declined webhook") } else { ("confirmed", "confirmed webhook") };
        world.wait_for(payment, state).await;
        assert_eq!(world.steps(booking).await, ["started fan", step], "{place}");
    }
    until("an empty queue", async || rabbit.count(QUEUE).await == 0).await;
    assert_eq!(rabbit.count("fairgate.payments.in.dead").await, 4, "no other died");
    assert_eq!(audit(&mut world.shop.sql().await).await.sold, 5);
    drop(waiting);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_queue_of_notices_needs_a_provider_and_its_secret() {
    let rabbit = Rabbit::open().await;
    let start = |env: &[(&str, &str)]| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_fairgate"));
        command.args([
            "booking",
            "--room",
            "main",
            "--jwks-url",
            "http://127.0.0.1:1/",
            "--database-url",
            "postgresql://x",
        ]);
        command.args(["--payments-from", &format!("{}/{QUEUE}", rabbit.url())]).stdin(Stdio::null());
        command.env_remove("FAIRGATE_PROVIDER_URL").env_remove("FAIRGATE_WEBHOOK_SECRET").envs(env.iter().copied());
        String::from_utf8_lossy(&command.output().expect("it runs").stderr).into_owned()
    };
    let said = start(&[]);
    assert!(said.contains("--payments-from needs the payment provider: add --provider-url"), "{said}");
    let said = start(&[("FAIRGATE_PROVIDER_URL", "http://127.0.0.1:1")]);
    assert!(
        said.contains("--payments-from believes notices by their signature: set FAIRGATE_WEBHOOK_SECRET"),
        "{said}"
    );
    assert!(!said.contains("guest:guest"), "{said}");
}
