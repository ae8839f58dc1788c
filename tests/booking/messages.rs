//! Live messages of every kind fit their descriptions, and say nothing personal.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use fairgate_booking::outbox::{CloudEvent, Kind, Message, schemas};
use fairgate_telemetry::clock::{Clock, ManualClock, SystemClock};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::reminders::keeper;
use crate::shop::EVENT;
use crate::world::World;

const TOKEN: &str = "the organizer's own token";

/// A shop in which everything happens once.
async fn everything_happens(world: &World) {
    let shop = &world.shop;
    let fan = shop.fan(1);
    let held = fan.reserve_seats("a", &["pit-GA-1"]).await;
    let booking = held.field("booking_id");
    let body = |token: &str| Some(json!({ "payment_token": token, "email": "somebody@example.com" }));
    let path = format!("/api/v1/bookings/{booking}/payment");
    let declined = fan.send(Method::POST, &path, "first", body("demo-declined")).await.expect("an answer");
    assert_eq!(declined.status, StatusCode::PAYMENT_REQUIRED, "{}", declined.text);
    let paid = fan.send(Method::POST, &path, "second", body("demo-visa")).await.expect("an answer");
    assert_eq!(paid.status, StatusCode::OK, "{}", paid.text);

    let due = "insert into due (booking_id, event_id, wall, zone, planned_for, at)
        select booking_id, event_id, now(), 'UTC', now(), now() from booking";
    shop.sql().await.batch_execute(due).await.expect("a reminder is due");
    let clock = Arc::new(ManualClock::at(SystemClock.now_ms() + 60_000));
    assert_eq!(keeper(shop, &clock).fire_once().await.expect("Postgres answers"), 1);

    let given_back = shop.fan(2).reserve_seats("a", &["pit-GA-2"]).await;
    assert_eq!(shop.fan(2).cancel(given_back.field("booking_id")).await.status, StatusCode::NO_CONTENT);
    shop.fan(3).reserve_seats("a", &["pit-GA-3"]).await;
    let ended = "update seat set held_until = now() where held_until > now() and held_until < 'infinity';
        update booking set expires_at = now() where status = 'held'";
    shop.sql().await.batch_execute(ended).await.expect("the hold has ended");
    world.when_nothing_is_held().await;

    let api = format!("{}/api/v1/organizer", shop.metrics_url.trim_end_matches("/metrics"));
    let edit = shop.http.patch(format!("{api}/events/{EVENT}")).bearer_auth(TOKEN).header("if-match", "\"v1\"");
    let edit = edit.header("content-type", "application/json").body(r#"{"venue":"The Other Hall"}"#);
    assert_eq!(edit.send().await.expect("an answer").status(), StatusCode::OK);
    let cancel = shop.http.post(format!("{api}/bookings/{}/cancel", held.field("number"))).bearer_auth(TOKEN);
    let cancel = cancel.header("idempotency-key", "c").header("content-type", "application/json");
    let cancelled = cancel.body(r#"{"reason":"rain"}"#).send().await.expect("an answer");
    assert_eq!(cancelled.status(), StatusCode::OK, "{}", cancelled.text().await.unwrap_or_default());
}

/// What a schema finds wrong.
fn faults(schema: &Value, value: &Value) -> Vec<String> {
    let validator = jsonschema::validator_for(schema).expect("a schema");
    validator.iter_errors(value).map(|error| format!("{}: {error}", error.instance_path())).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn live_messages_of_every_kind_fit_their_schemas_and_the_description() {
    let world = World::open_with(vec![("FAIRGATE_ORGANIZER_TOKEN", TOKEN.to_owned())]);
    let mut relay = world.relay();
    everything_happens(&world).await;
    let messages = world.all_messages().await;
    let kinds: BTreeSet<&str> = messages.iter().map(|message| message.kind.name()).collect();
    assert_eq!(kinds, Kind::ALL.into_iter().map(Kind::name).collect(), "each kind happened");

    let description: Value = serde_json::from_str(&world.says(&["asyncapi"])).expect("JSON");
    let schemas: BTreeMap<String, Value> = schemas().into_iter().collect();
    let (mut sources, mut fans) = (BTreeSet::new(), BTreeMap::new());
    for (_, text) in world.texts().await {
        let value: Value = serde_json::from_str(&text).expect("JSON");
        let event: CloudEvent = serde_json::from_str(&text).expect("a CloudEvent");
        let topic = event.data.kind.topic();
        let payload =
            json!({ "$ref": format!("#/components/schemas/{topic}"), "components": description["components"] });
        assert_eq!(faults(&payload, &value), Vec::<String>::new(), "{text}");
        let schema = &schemas[&format!("{topic}.v1.json")];
        assert_eq!(faults(schema, &value["data"]), Vec::<String>::new(), "{text}");
        assert!(event.dataschema.ends_with(&format!("/docs/schemas/{topic}.v1.json")), "{}", event.dataschema);
        // A schema that takes everything would be none.
        let mut wrong = value.clone();
        wrong["data"]["event"]["starts_at"] = json!(7);
        assert!(!faults(&payload, &wrong).is_empty() && !faults(schema, &wrong["data"]).is_empty());

        assert_eq!((&event.id, &event.partitionkey), (&event.sequence, &EVENT.to_owned()));
        assert!(!text.contains("somebody@") && !text.contains("demo-"), "{text}");
        let money = [Kind::PaymentStarted, Kind::Declined, Kind::Booked, Kind::RefundStarted, Kind::Refunded];
        assert_eq!(event.data.cause.is_some(), money.contains(&event.data.kind), "{text}");
        sources.insert(event.source);
        if let Some(booking) = event.data.booking {
            let fan = booking.fan.expect("a pseudonym");
            fans.entry(booking.booking_id).or_insert_with(BTreeSet::new).insert(fan);
        }
    }
    assert_eq!(sources.len(), 1);
    assert_eq!(fans.len(), 3);
    assert!(fans.values().all(|of_booking| of_booking.len() == 1), "{fans:?}");
    assert_eq!(fans.into_values().flatten().collect::<BTreeSet<_>>().len(), 3, "three fans have three pseudonyms");
    relay.stop();
}

/// Programs of the version before read what they know; so does this one, whoever wrote.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn plain_messages_are_those_of_the_version_before() {
    let world = World::open_with(vec![("FAIRGATE_ORGANIZER_TOKEN", TOKEN.to_owned())]);
    let mut relay = world.outbox(&["relay", "--envelope", "plain"], "publishing to");
    everything_happens(&world).await;
    let known = "select count(*) from change_log
        where kind in ('held', 'booked', 'expired', 'cancelled', 'refunded', 'edited')";
    let known: i64 = world.shop.sql().await.query_one(known, &[]).await.expect("a count").get(0);
    for _ in 0..200 {
        if world.messages().await.len() as i64 == known {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    for (_, text) in world.texts().await {
        let value: Value = serde_json::from_str(&text).expect("JSON");
        assert!(value.get("specversion").is_none() && value["kind"].is_string(), "{text}");
    }
    assert_eq!(world.messages().await.len() as i64, known);

    // The envelope is taken into use in the middle of the stream.
    relay.stop();
    let mut relay = world.relay();
    let held = world.shop.fan(9).reserve_seats("a", &["pit-GA-9"]).await;
    assert_eq!(held.status, StatusCode::OK);
    for _ in 0..200 {
        if world.messages().await.len() as i64 > known {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    let messages: Vec<Message> = world.messages().await;
    assert_eq!(messages.last().map(|message| message.kind), Some(Kind::Held));
    assert!(messages.is_sorted_by_key(|message| message.id));
    relay.stop();
}
