//! What does not look like people who buy for themselves is found in a sale that goes on, whoever is killed. An organizer looks at
//! it, keeps a booking back and releases it.

use std::process::Command;
use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::shop::{Answer, EVENT, Env, Shop, free_address};

const TOKEN: &str = "the organizer's own token";

fn env() -> Env {
    vec![("FAIRGATE_ORGANIZER_TOKEN", TOKEN.to_owned()), ("FAIRGATE_WITHOUT", "mail".to_owned())]
}

fn api(shop: &Shop, path: &str) -> String {
    format!("{}/api/v1/organizer/{path}", shop.metrics_url.trim_end_matches("/metrics"))
}

/// A fan from some address buys with a card, and gives a mail address.
async fn buy(shop: &Shop, place: u64, address: &str, card: &str, email: &str) -> String {
    let pass = shop.gate.pass(place);
    let call = |path: &str, key: &str| {
        let call = shop.http.request(Method::POST, format!("{}{path}", shop.url)).header("x-fairgate-pass", &pass);
        call.header("idempotency-key", key).header("x-forwarded-for", address)
    };
    let wish = json!({ "event": EVENT, "section": "pit", "quantity": 2 });
    let held = Answer::read(call("/api/v1/bookings/reserve", "r").json(&wish).send().await.expect("an answer")).await;
    assert_eq!(held.status, StatusCode::OK, "{}", held.text);
    let booking = held.field("booking_id").to_owned();
    let payment = json!({ "payment_token": format!("demo-{card}"), "email": email });
    let path = format!("/api/v1/bookings/{booking}/payment");
    let paid = Answer::read(call(&path, "p").json(&payment).send().await.expect("an answer")).await;
    assert_eq!(paid.status, StatusCode::OK, "{}", paid.text);
    booking
}

async fn signals(shop: &Shop) -> Value {
    let url = api(shop, &format!("events/{EVENT}/signals"));
    let answer = shop.http.get(url).bearer_auth(TOKEN).send().await.expect("an answer");
    answer.json().await.unwrap_or(Value::Null)
}

/// The signal of a kind about so many fans, once it is there.
async fn signal(shop: &Shop, kind: &str, fans: usize) -> Value {
    let mut last = Value::Null;
    for _ in 0..400 {
        last = signals(shop).await;
        let mut found = last["signals"].as_array().into_iter().flatten();
        let is_it = |signal: &&Value| signal["kind"] == kind && signal["fans"].as_array().map(Vec::len) == Some(fans);
        if let Some(signal) = found.find(is_it) {
            return signal.clone();
        }
        sleep(Duration::from_millis(100)).await;
    }
    panic!("no {kind} of {fans} fans in {last:#}");
}

/// Waits until the log was looked at to its end.
async fn looked_through(shop: &Shop) {
    let sql = shop.sql().await;
    let question = "select position >= (select max(change_id) from change_log) from sink where name = 'insight'";
    for _ in 0..400 {
        if sql.query_opt(question, &[]).await.expect("an answer").is_some_and(|row| row.get(0)) {
            return;
        }
        sleep(Duration::from_millis(50)).await;
    }
    panic!("nobody reads the log");
}

async fn review(shop: &Shop, booking: &str, key: &str, body: Value) -> Answer {
    let call = shop.http.post(api(shop, &format!("bookings/{booking}/review"))).bearer_auth(TOKEN);
    Answer::read(call.header("idempotency-key", key).json(&body).send().await.expect("an answer")).await
}

fn fairgate(shop: &Shop, args: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fairgate"));
    command.args(args).env("FAIRGATE_ORGANIZER_TOKEN", TOKEN);
    command.env("FAIRGATE_BOOKING_ADMIN", shop.metrics_url.trim_end_matches("/metrics"));
    let output = command.output().expect("it runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_fans_with_one_card_are_found_and_one_is_kept_back() {
    let mut shop = Shop::open_with(&free_address(), env());
    shop.get("/readyz").await;
    let sql = shop.sql().await;
    // The day's key is there before the first fan is.
    for _ in 0..200 {
        if sql.query_opt("select 1 from trace_key", &[]).await.expect("an answer").is_some() {
            break;
        }
        sleep(Duration::from_millis(50)).await;
    }
    sleep(Duration::from_millis(200)).await;
    buy(&shop, 1, "192.0.2.1", "card1", "first@example.com").await;
    buy(&shop, 2, "192.0.2.77", "card4242", "a.fan@example.com").await;
    buy(&shop, 3, "198.51.100.1", "card4242", "afan+two@example.com").await;
    looked_through(&shop).await;
    assert!(
        signals(&shop).await["signals"].as_array().is_some_and(|found| {
            found.iter().all(|signal| signal["kind"] != "many_fans_one_card" && signal["kind"] != "mailbox_family")
        }),
        "two are a couple"
    );

    // Whoever takes over sees what the one before has seen.
    shop.restart_core();
    let third = buy(&shop, 4, "203.0.113.9", "card4242", "AFAN+3@example.com").await;
    let card = signal(&shop, "many_fans_one_card", 3).await;
    assert_eq!(card["why"], "3 fans have bought 6 seats with one card");
    assert_eq!((&card["evidence"]["fans"], &card["evidence"]["seats"]), (&json!(3.0), &json!(6.0)));
    let family = signal(&shop, "mailbox_family", 3).await;
    assert_eq!(family["bookings"], card["bookings"]);
    assert_eq!(card["bookings"].as_array().map(Vec::len), Some(3));

    // Only digests are kept: equal for one network, and nothing else of it.
    let networks = "select array_agg(network order by change_id) from change_log where kind = 'held'";
    let networks: Vec<i64> = sql.query_one(networks, &[]).await.expect("a row").get(0);
    assert!(networks[0] == networks[1] && networks[1] != networks[2] && networks[2] != networks[3], "{networks:?}");
    let dump = "select coalesce(string_agg(row_to_json(signal)::text || row_to_json(payment_trace)::text, ''), '')
        from signal, payment_trace";
    let dump: String = sql.query_one(dump, &[]).await.expect("a row").get(0);
    assert!(!dump.is_empty() && !dump.contains("example.com") && !dump.contains("4242") && !dump.contains("203.0.113"));

    // A person decides, once for each key.
    let hold = json!({ "decision": "hold", "reason": "three fans, one card" });
    let first = review(&shop, &third, "k", hold.clone()).await;
    assert_eq!((first.status, &first.json["in_review"]), (StatusCode::OK, &json!(true)), "{}", first.text);
    shop.restart_core();
    assert_eq!(review(&shop, &third, "k", hold.clone()).await.text, first.text, "the same request is the same answer");
    let other = review(&shop, &third, "k", json!({ "decision": "release", "reason": "three fans, one card" })).await;
    assert_eq!(other.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", other.text);
    let nameless = review(&shop, &third, "l", json!({ "decision": "hold", "reason": " " })).await;
    assert_eq!((nameless.status, &nameless.json["field"]), (StatusCode::UNPROCESSABLE_ENTITY, &json!("reason")));
    let table = fairgate(&shop, &["event", "signals", EVENT]);
    assert!(table.contains("many_fans_one_card") && table.contains("confirmed, in review"), "{table}");
    let shown = fairgate(&shop, &["booking", "show", &third]);
    assert!(shown.contains("in review since") && shown.contains("confirmed"), "its seats stay: {shown}");
    let packs = tempfile::tempdir().expect("a directory");
    let pack = packs.path().join("pack").to_str().expect("text").to_owned();
    let pack = ["checkin", "pack", EVENT, "--out", &pack];
    assert!(fairgate(&shop, &pack).contains(" 2 tickets revoked"), "what is in review admits nobody");
    let released = fairgate(&shop, &["booking", "review", &third, "--release", "--reason", "they are a family"]);
    assert!(released.contains("is released"), "{released}");
    assert!(fairgate(&shop, &pack).contains(" 0 tickets revoked"), "what is released does");
    assert_eq!(signal(&shop, "many_fans_one_card", 3).await["bookings"][2]["in_review"], false);
    let sales = shop.http.get(api(&shop, &format!("events/{EVENT}/sales"))).bearer_auth(TOKEN).send().await;
    let sales: Value = sales.expect("an answer").json().await.expect("JSON");
    assert!(sales["signals"].as_i64().is_some_and(|signals| signals >= 2), "{sales:#}");
}
