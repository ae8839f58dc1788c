//! Nobody books around the gate.

use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::shop::{EVENT, Fan, Shop};

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
