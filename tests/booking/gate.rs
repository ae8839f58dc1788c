//! Nobody books around the gate.

use std::process::Command;
use std::time::{Duration, Instant};

use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::shop::{EVENT, Fan, ROOM, Shop};

async fn opens(shop: &Shop, pass: &str) -> bool {
    let answer = shop.http.get(format!("{}/api/v1/bookings", shop.url)).bearer_auth(pass).send().await;
    match answer.expect("an answer").status() {
        StatusCode::OK => true,
        // Or nobody knows yet: the pass names a key that may not have been fetched.
        StatusCode::UNAUTHORIZED | StatusCode::SERVICE_UNAVAILABLE => false,
        odd => panic!("a pass was judged with {odd}"),
    }
}

#[tokio::test]
async fn only_a_live_pass_for_this_room_opens_the_core() {
    let shop = Shop::open();
    let good = shop.gate.pass(1);
    let mut tampered = good.clone();
    let last = tampered.pop();
    tampered.push(if last == Some('A') { 'B' } else { 'A' });
    for (what, pass) in [
        ("no pass", String::new()),
        ("nonsense", "nonsense".to_owned()),
        ("a byte changed", tampered),
        ("another room", shop.gate.pass_for("other", 1, 60_000)),
        ("expired", shop.gate.pass_for("main", 1, -5_000)),
        ("a key nobody published", shop.gate.forged_pass(1)),
    ] {
        let fan = Fan { pass, ..shop.fan(1) };
        let booking = "/api/v1/bookings/00000000-0000-8000-8000-000000000000";
        for (method, path) in [
            (Method::GET, "/api/v1/bookings"),
            (Method::GET, booking),
            (Method::DELETE, booking),
            (Method::POST, "/api/v1/bookings/reserve"),
            (Method::POST, &format!("{booking}/payment")),
        ] {
            let body = json!({ "event": EVENT, "section": "pit", "quantity": 1 });
            let answer = fan.send(method.clone(), path, "k", Some(body)).await.expect("an answer");
            assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{what}: {method} {path}: {}", answer.text);
            assert!(answer.field("type").ends_with("/pass-required"));
        }
    }
    let bearer = shop.http.get(format!("{}/api/v1/bookings", shop.url)).bearer_auth(&good).send().await;
    assert_eq!(bearer.expect("an answer").status(), StatusCode::OK, "apps send the pass as a bearer token");
    assert_eq!(shop.get("/").await.status(), StatusCode::OK, "the page itself is public");
}

/// The edge ends a session early, by a fan who leaves or a shop that releases: its pass is still good, and buys nothing more.
#[tokio::test]
async fn a_session_that_ended_early_reserves_nothing_more() {
    let shop = Shop::open();
    let (left, inside) = (shop.fan(1), shop.fan(2));
    let held = left.reserve_best("a", "pit", 1).await;
    assert_eq!(held.status, StatusCode::OK);
    shop.gate.end_session(1);
    let since = Instant::now();
    for attempt in 0.. {
        let more = left.reserve_best(&format!("more{attempt}"), "pit", 1).await;
        if more.status == StatusCode::UNAUTHORIZED {
            assert!(more.field("detail").contains("the session was ended"), "{}", more.text);
            break;
        }
        // One fan may have six.
        assert!([StatusCode::OK, StatusCode::CONFLICT].contains(&more.status), "{}", more.text);
        assert!(since.elapsed() < Duration::from_secs(5), "it sells on");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(inside.reserve_best("a", "pit", 1).await.status, StatusCode::OK, "nobody else is meant");
    let paid = left.pay(held.field("booking_id"), "p", "demo-visa").await;
    assert_eq!(paid.status, StatusCode::OK, "what was held before can be paid for: {}", paid.text);
}

#[test]
fn a_core_that_could_sell_nothing_says_so_and_does_not_start() {
    let start = |args: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_fairgate"));
        command.arg("booking").args(args).env_clear();
        let output = command.output().expect("it runs");
        assert!(!output.status.success());
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    let database = ["--database-url", "postgresql://u@127.0.0.1:1/shop", "--seed-demo"];
    let told = start(&[&database[..], &["--jwks-url", "http://127.0.0.1:1/.fairgate/jwks.json"]].concat());
    assert!(told.contains("--room or set FAIRGATE_ROOM"), "{told}");
    let told = start(&[&database[..], &["--room", "final"]].concat());
    assert!(told.contains("--jwks-url or set FAIRGATE_JWKS_URL"), "{told}");
}

/// The core runs on while the edge takes another key: nobody is turned away, whichever key signed the pass.
#[tokio::test]
async fn a_new_key_of_the_edge_is_fetched_when_a_pass_names_it() {
    let mut shop = Shop::open();
    let (seen, unseen) = (shop.gate.pass(1), shop.gate.pass(2));
    let ending = shop.gate.pass_for(ROOM, 3, 4_000);
    assert!(opens(&shop, &seen).await && opens(&shop, &ending).await);
    shop.gate.rotate();
    let new = shop.gate.pass(4);
    // The keys may have been fetched a moment ago; they are asked for again once the bound has passed.
    let since = Instant::now();
    while !opens(&shop, &new).await {
        assert!(since.elapsed() < Duration::from_secs(30), "the new key was never fetched");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(opens(&shop, &seen).await, "the old key's passes go on");
    assert!(opens(&shop, &unseen).await, "also those that were not shown before");
    while opens(&shop, &ending).await {
        assert!(since.elapsed() < Duration::from_secs(30), "a pass has no end");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(opens(&shop, &seen).await, "and each ends at its own time");

    // Any number of passes with a key that nobody has published: the keys are fetched every two seconds at most.
    let (since, before) = (Instant::now(), shop.gate.fetches());
    let answer = shop.http.get(format!("{}/api/v1/bookings", shop.url)).bearer_auth(shop.gate.forged_pass(0)).send();
    assert_eq!(answer.await.expect("an answer").status(), StatusCode::UNAUTHORIZED, "an old key was withdrawn");
    for place in 0..300 {
        assert!(!opens(&shop, &shop.gate.forged_pass(place)).await);
    }
    let fetches = shop.gate.fetches() - before;
    let allowed = 1 + since.elapsed().as_secs() as usize / 2;
    assert!(fetches <= allowed, "{fetches} fetches, {allowed} allowed");
    assert!(opens(&shop, &new).await);
}
