//! What organizers do: import, edit, cancel with refund, and compare the books.

use std::process::{Command, Output};

use fairgate_booking::payment::api::ChargeStatus;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::books::audit;
use crate::payment_world::{PaymentWorld, event};
use crate::shop::{EVENT, Shop};

const TOKEN: &str = "the organizer's own token";

fn organized() -> PaymentWorld {
    PaymentWorld::open_with(vec![("FAIRGATE_ORGANIZER_TOKEN", TOKEN.to_owned())])
}

/// The organizer's API is where the metrics are.
fn api(shop: &Shop, path: &str) -> String {
    format!("{}/api/v1/organizer/{path}", shop.metrics_url.trim_end_matches("/metrics"))
}

struct Answer {
    status: StatusCode,
    etag: String,
    text: String,
    json: Value,
}

async fn ask(shop: &Shop, method: Method, path: &str, headers: &[(&str, &str)], body: Option<Value>) -> Answer {
    let mut request = shop.http.request(method, api(shop, path)).bearer_auth(TOKEN);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    if let Some(body) = body {
        request = request.header("content-type", "application/json").body(body.to_string());
    }
    let response = request.send().await.expect("an answer");
    let etag = response.headers().get("etag").map_or("", |etag| etag.to_str().expect("text")).to_owned();
    let (status, text) = (response.status(), response.text().await.expect("text"));
    let json = serde_json::from_str(&text).unwrap_or(Value::Null);
    Answer { status, etag, text, json }
}

fn fairgate(world: &PaymentWorld, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fairgate"));
    command.args(args).env("FAIRGATE_DATABASE_URL", world.shop.postgres.url());
    command.env("FAIRGATE_PROVIDER_URL", &world.provider_url).env("FAIRGATE_ORGANIZER_TOKEN", TOKEN);
    command.env("FAIRGATE_BOOKING_ADMIN", world.shop.metrics_url.trim_end_matches("/metrics"));
    command.output().expect("it runs")
}

fn says(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn edits_are_versioned_and_seen_by_fans() {
    let world = organized();
    let shop = &world.shop;
    let path = format!("events/{EVENT}");
    let seen = ask(shop, Method::GET, &path, &[], None).await;
    assert_eq!((seen.status, seen.etag.as_str()), (StatusCode::OK, "\"v1\""));

    let stranger =
        shop.http.get(api(shop, &path)).bearer_auth("somebody else's token").send().await.expect("an answer");
    assert_eq!(stranger.status(), StatusCode::UNAUTHORIZED);
    let held = shop.fan(1).reserve_seats("a", &["pit-GA-1"]).await;
    let change = json!({ "title": "Midsummer Encore", "sections": { "pit": { "price": 7000 } } });
    let patch = |etag: &'static str, body: Value| {
        let path = path.clone();
        async move {
            let headers: &[(&str, &str)] = if etag.is_empty() { &[] } else { &[("if-match", etag)] };
            ask(shop, Method::PATCH, &path, headers, Some(body)).await
        }
    };
    assert_eq!(patch("", change.clone()).await.status, StatusCode::PRECONDITION_REQUIRED);
    let edited = patch("\"v1\"", change.clone()).await;
    assert_eq!((edited.status, edited.etag.as_str()), (StatusCode::OK, "\"v2\""), "{}", edited.text);
    assert_eq!(
        patch("\"v1\"", change).await.status,
        StatusCode::PRECONDITION_FAILED,
        "somebody else's edit is not lost"
    );
    let bad = patch("\"v2\"", json!({ "starts_at": "2027-03-28T01:30[Europe/Lisbon]" })).await;
    assert_eq!((bad.status, &bad.json["field"]), (StatusCode::UNPROCESSABLE_ENTITY, &json!("starts_at")));

    let public: Value = shop.get(&format!("/api/v1/events/{EVENT}")).await.json().await.expect("JSON");
    assert_eq!((&public["title"], &public["version"]), (&json!("Midsummer Encore"), &json!(2)));
    let dearer = shop.fan(2).reserve_seats("a", &["pit-GA-2"]).await;
    assert_eq!(
        (&held.json["amount"], &dearer.json["amount"]),
        (&json!(6500), &json!(7000)),
        "what is held keeps its price"
    );

    // The sale's window closes and opens again.
    assert_eq!(patch("\"v2\"", json!({ "sale_ends_at": "2020-01-01T00:00:00Z" })).await.status, StatusCode::OK);
    let closed = shop.fan(3).reserve_seats("a", &["pit-GA-3"]).await;
    assert_eq!(closed.status, StatusCode::CONFLICT);
    assert!(closed.text.contains("not-on-sale"), "{}", closed.text);
    let set = fairgate(&world, &["event", "set", EVENT, "--sale-ends-at", "none", "--price", "pit=100"]);
    assert!(set.status.success() && says(&set).contains("version \"v4\""), "{}", says(&set));
    let open = shop.fan(3).reserve_seats("b", &["pit-GA-3"]).await;
    assert_eq!((open.status, &open.json["amount"]), (StatusCode::OK, &json!(100)), "{}", open.text);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cancelled_booking_is_refunded_once_and_its_seats_are_free() {
    let mut world = organized();
    let fan = world.shop.fan(1);
    let held = fan.reserve_seats("a", &["pit-GA-1", "pit-GA-2"]).await;
    let booking = held.field("booking_id").to_owned();
    let paid = fan.pay(&booking, "p", "demo-visa").await;
    assert_eq!(paid.status, StatusCode::OK, "{}", paid.text);

    // The provider is down at first: the refund is under way, and is asked for again.
    let (http, behaviour_url) = (world.shop.http.clone(), format!("{}/v1/behaviour", world.provider_url));
    let behave = |words: &'static str| {
        let request = http.put(&behaviour_url);
        request.json(&json!({ "behaviour": words })).send()
    };
    assert_eq!(behave("down").await.expect("an answer").status(), StatusCode::NO_CONTENT);
    let path = format!("bookings/{}/cancel", held.field("number"));
    let body = |reason: &str| Some(json!({ "reason": reason }));
    let key = [("idempotency-key", "c1")];
    assert_eq!(
        ask(&world.shop, Method::POST, &path, &[], body("rain")).await.status,
        StatusCode::BAD_REQUEST,
        "no key"
    );
    let cancelled = ask(&world.shop, Method::POST, &path, &key, body("rain")).await;
    assert_eq!(cancelled.status, StatusCode::OK, "{}", cancelled.text);
    assert_eq!((&cancelled.json["status"], &cancelled.json["refunded_amount"]), (&json!("cancelled"), &json!(13_000)));
    world.shop.restart_core();
    let again = ask(&world.shop, Method::POST, &path, &key, body("rain")).await;
    assert_eq!((again.status, &again.text), (StatusCode::OK, &cancelled.text), "byte for byte, after a restart");
    let other = ask(&world.shop, Method::POST, &path, &key, body("snow")).await;
    assert_eq!(other.status, StatusCode::UNPROCESSABLE_ENTITY);

    assert_eq!(fan.pay(&booking, "p", "demo-visa").await.text, paid.text, "the fan's first answer stays");
    assert_eq!(fan.booking(&booking).await.field("status"), "cancelled");
    assert_eq!(world.shop.fan(2).reserve_seats("b", &["pit-GA-1"]).await.status, StatusCode::OK, "free for others");
    assert_eq!(world.charges().await[0].status, ChargeStatus::Succeeded);
    assert_eq!(behave("").await.expect("an answer").status(), StatusCode::NO_CONTENT);
    world.make_due().await;
    world.wait_for(paid.field("payment_id"), "refunded").await;
    assert_eq!(world.charges().await[0].status, ChargeStatus::Refunded);
    let shown = fairgate(&world, &["booking", "show", held.field("number")]);
    let shown = says(&shown);
    // The worker asks again, and hears of it at once; the provider's webhook may still be faster.
    for step in ["started    by fan", "confirmed  by", "refunding  by organizer  rain", "refunded   by "] {
        assert!(shown.contains(step), "{step:?} is not in\n{shown}");
    }
    let unpaid = world.shop.fan(3).reserve_seats("c", &["pit-GA-9"]).await;
    let cancel = fairgate(&world, &["booking", "cancel", unpaid.field("booking_id"), "--reason", "a test"]);
    assert!(says(&cancel).contains("cancelled; nothing goes back"), "{}", says(&cancel));
    assert_eq!(audit(&mut world.shop.sql().await).await.sold, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_books_are_compared_and_every_difference_is_told() {
    let world = organized();
    for place in 0..3u64 {
        let fan = world.shop.fan(place);
        let held = fan.reserve_seats("a", &[&format!("pit-GA-{}", place + 1)]).await;
        let token = if place == 2 { "demo-declined" } else { "demo-visa" };
        fan.pay(held.field("booking_id"), "p", token).await;
    }
    let same = fairgate(&world, &["booking", "reconcile"]);
    assert_eq!(same.status.code(), Some(0), "{}", says(&same));
    assert_eq!(says(&same), "3 payments here, 3 charges there: 0 differ\n");

    // Somebody charges without us, and somebody tells us of money that the provider does not have.
    let charge =
        json!({ "payment_id": "00000000-0000-8000-8000-00000000beef", "token": "x", "amount": 1, "currency": "EUR" });
    let charged = world.shop.http.post(format!("{}/v1/charges", world.provider_url)).json(&charge).send().await;
    assert_eq!(charged.expect("an answer").status(), StatusCode::OK);
    let fan = world.shop.fan(9);
    let held = fan.reserve_seats("a", &["pit-GA-9"]).await;
    let booking = held.field("booking_id").to_owned();
    let paying = (fan.clone(), booking.clone());
    tokio::spawn(async move { drop(paying.0.try_pay(&paying.1, "p", "demo-never").await) });
    let payment = world.payment_of(&booking).await;
    assert_eq!(world.tell(&event("charge.succeeded", &payment, "succeeded"), 0).await, StatusCode::NO_CONTENT);
    let differ = fairgate(&world, &["booking", "reconcile"]);
    assert_eq!(differ.status.code(), Some(2), "{}", says(&differ));
    for part in ["2 differ", "00000000beef  no booking", "no payment of ours", held.field("number"), "has no charge"] {
        assert!(says(&differ).contains(part), "{part:?} is not in\n{}", says(&differ));
    }
    let unreachable = fairgate(&world, &["booking", "reconcile", "--provider-url", "http://127.0.0.1:1"]);
    assert_eq!(unreachable.status.code(), Some(1), "{}", says(&unreachable));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plan_of_100_000_seats_is_imported_whole_or_not_at_all() {
    let world = organized();
    let files = tempfile::tempdir().expect("a directory");
    let file = files.path().join("arena.csv");
    let path = file.to_string_lossy().into_owned();
    let mut text = "section,title,kind,tier,price,row,seat\n".to_owned();
    for seat in 0..100_000 {
        let (section, row, seat) = (seat / 5000, seat % 5000 / 50, seat % 50 + 1);
        text.push_str(&format!("s{section},Stand {section},seated,1,5000,R{row},{seat}\n"));
    }
    let import = |path: &str| {
        let words = ["--title", "Arena", "--venue", "Field", "--currency", "EUR", "--id", "arena"];
        let starts_at = ["--starts-at", "2027-07-01T21:00[Europe/Lisbon]"];
        fairgate(&world, &[&["event", "import", path][..], &words, &starts_at].concat())
    };
    let broken = text.replacen("s7,Stand 7,seated,1,5000,R3,9\n", "s7,Stand 7,seated,1,free,R3,9\n", 1);
    std::fs::write(&file, broken + "s0,Stand 0,seated,1,5000,R0,1\n").expect("written");
    let refused = import(&path);
    assert_eq!(refused.status.code(), Some(1));
    let line = 7 * 5000 + 3 * 50 + 8 + 2;
    assert!(says(&refused).contains(&format!("arena.csv:{line}: price (column E): ")), "{}", says(&refused));
    assert!(says(&refused).contains("arena.csv:100002: seat s0-R0-1 is on line 2 already"), "{}", says(&refused));
    let events = world.shop.sql().await.query_one("select count(*) from event", &[]).await.expect("a count");
    assert_eq!(events.get::<_, i64>(0), 1, "nothing was written");

    std::fs::write(&file, &text).expect("written");
    let made = import(&path);
    assert_eq!(
        says(&made),
        "made arena: 100000 seats in 2000 rows and 20 sections, 50.00 EUR; running cores sell it within a second\n"
    );
    assert!(says(&import(&path)).contains("there is an event arena already"));
    let example = fairgate(&world, &["event", "import", "config/event.json"]);
    assert_eq!(
        says(&example),
        "made winter-gala: 247 seats in 4 rows and 2 sections, 45.00 EUR to 75.00 EUR; running cores sell it within a second\n"
    );
    let dry = fairgate(
        &world,
        &[
            "event",
            "import",
            "config/event.csv",
            "--dry-run",
            "--id",
            "x",
            "--title",
            "x",
            "--venue",
            "x",
            "--currency",
            "EUR",
            "--starts-at",
            "2027-07-01T21:00[Europe/Lisbon]",
        ],
    );
    assert_eq!(says(&dry), "no mistakes; would make x: 24 seats in 3 rows and 2 sections, 45.00 EUR to 75.00 EUR\n");

    // The running core has it within a moment, down to the last seat.
    let fan = world.shop.fan(1);
    let mut held = fan.reserve("a", json!({ "event": "arena", "seats": ["s19-R99-50"] })).await;
    for attempt in 0..50 {
        if held.status == StatusCode::OK {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        held = fan.reserve(&format!("a{attempt}"), json!({ "event": "arena", "seats": ["s19-R99-50"] })).await;
    }
    assert_eq!(held.status, StatusCode::OK, "{}", held.text);
    assert_eq!(fan.pay(held.field("booking_id"), "p", "demo-visa").await.status, StatusCode::OK);
}
