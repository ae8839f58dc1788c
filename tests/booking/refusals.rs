//! Everything that cannot be right is told by name, and changes nothing.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::books::{Books, audit};
use crate::shop::{EVENT, Shop};

const RESERVE: &str = "/api/v1/bookings/reserve";

#[tokio::test]
async fn bad_reservations_are_refused_by_field() {
    let shop = Shop::open();
    let fan = shop.fan(1);
    let seats = |seats: Value| json!({ "event": EVENT, "seats": seats });
    let best = |section: Value, quantity: Value| json!({ "event": EVENT, "section": section, "quantity": quantity });
    let many: Vec<String> = (0..10_000).map(|seat| format!("stalls-centre-A-{seat}")).collect();
    let table: Vec<(&str, Value, u16, &str)> = vec![
        ("unknown event", json!({ "event": "nowhere", "section": "pit", "quantity": 1 }), 404, "event"),
        ("no event", json!({ "section": "pit", "quantity": 1 }), 422, "event"),
        ("seat of another event", seats(json!(["pit-GA-1", "royal-box-A-1"])), 422, "seats[1]"),
        ("duplicate seats", seats(json!(["pit-GA-1", "pit-GA-2", "pit-GA-1"])), 422, "seats[2]"),
        ("no seats", seats(json!([])), 422, "seats"),
        ("10,000 seats", seats(json!(many)), 422, "seats"),
        ("a number for a seat", seats(json!([7])), 422, "seats[0]"),
        ("seats that are no list", seats(json!("pit-GA-1")), 422, "seats"),
        ("quantity 0", best(json!("pit"), json!(0)), 422, "quantity"),
        ("quantity -1", best(json!("pit"), json!(-1)), 422, "quantity"),
        ("quantity 7", best(json!("pit"), json!(7)), 422, "quantity"),
        ("quantity in words", best(json!("pit"), json!("two")), 422, "quantity"),
        ("half a seat", best(json!("pit"), json!(1.5)), 422, "quantity"),
        ("unknown section", best(json!("moon"), json!(1)), 422, "section"),
        ("a section and no quantity", json!({ "event": EVENT, "section": "pit" }), 422, "quantity"),
        ("a quantity and no section", json!({ "event": EVENT, "quantity": 1 }), 422, "section"),
        ("nothing", json!({ "event": EVENT }), 422, "seats"),
        ("both", json!({ "event": EVENT, "seats": ["pit-GA-1"], "section": "pit", "quantity": 1 }), 422, "seats"),
        (
            "an unknown field",
            json!({ "event": EVENT, "section": "pit", "quantity": 1, "discount": 100 }),
            422,
            "discount",
        ),
        ("not an object", json!([1, 2]), 422, "body"),
    ];
    for (number, (what, body, status, field)) in table.into_iter().enumerate() {
        let answer = fan.reserve(&format!("k{number}"), body).await;
        assert_eq!(answer.status.as_u16(), status, "{what}: {}", answer.text);
        assert_eq!(answer.field("field"), field, "{what}: {}", answer.text);
        assert_eq!(answer.json["status"], status, "{what}");
        assert!(answer.field("type").starts_with("https://fairgate.dev/problems/"), "{what}");
        assert!(!answer.field("detail").is_empty() && answer.text.len() < 1000, "{what}");
    }
    assert_eq!(audit(&mut shop.sql().await).await, Books { free: 5000, held: 0, sold: 0 });
}

#[tokio::test]
async fn bad_messages_are_refused() {
    let shop = Shop::open();
    let pass = shop.gate.pass(1);
    let post = |path: &str, kind: &'static str, key: &'static str, body: Vec<u8>| {
        let request = shop.http.post(format!("{}{path}", shop.url)).header("x-fairgate-pass", &pass);
        let request = if key.is_empty() { request } else { request.header("idempotency-key", key) };
        request.header("content-type", kind).body(body).send()
    };
    let good = json!({ "event": EVENT, "section": "pit", "quantity": 1 }).to_string().into_bytes();
    let json = "application/json";
    for (what, kind, key, body, status, field) in [
        ("broken JSON", json, "k", b"{\"event\": ".to_vec(), 400, "body"),
        ("more after the JSON", json, "k", [good.clone(), b"x".to_vec()].concat(), 400, "body"),
        ("not UTF-8", json, "k", b"{\"event\": \"\xff\"}".to_vec(), 400, "body"),
        ("an empty body", json, "k", Vec::new(), 400, "body"),
        ("deeply nested", json, "k", b"[".repeat(100_000), 422, "body"),
        ("oversized", json, "k", vec![b' '; 300_000], 413, "body"),
        ("a form", "application/x-www-form-urlencoded", "k", b"event=x".to_vec(), 415, "Content-Type"),
        ("no key", json, "", good.clone(), 400, "Idempotency-Key"),
        ("a key of spaces", json, "a b", good.clone(), 422, "Idempotency-Key"),
    ] {
        let answer = post(RESERVE, kind, key, body).await.expect("an answer");
        assert_eq!(answer.status().as_u16(), status, "{what}");
        assert_eq!(answer.headers()["content-type"], "application/problem+json", "{what}");
        let problem: Value = answer.json().await.expect("a problem");
        assert_eq!(problem["field"], field, "{what}: {problem}");
    }
    let fan = shop.fan(1);
    let unknown = "00000000-0000-8000-8000-000000000000";
    for (method, path, status) in [
        (Method::GET, format!("/api/v1/bookings/{unknown}"), 404),
        (Method::GET, "/api/v1/bookings/7".to_owned(), 404),
        (Method::DELETE, format!("/api/v1/bookings/{unknown}"), 404),
        (Method::PUT, RESERVE.to_owned(), 405),
        (Method::GET, "/api/v2/bookings".to_owned(), 404),
        (Method::GET, "/api/v1/events/nowhere".to_owned(), 404),
        (Method::GET, "/api/v1/events/nowhere/availability".to_owned(), 404),
    ] {
        let answer = fan.send(method, &path, "", None).await.expect("an answer");
        assert_eq!(answer.status.as_u16(), status, "{path}: {}", answer.text);
        assert_eq!(answer.json["status"], status, "{path}");
    }
    assert_eq!(fan.pay(unknown, "p", "demo-visa").await.status, StatusCode::NOT_FOUND);
    assert_eq!(fan.pay(unknown, "p", "").await.field("field"), "payment_token");
    assert_eq!(audit(&mut shop.sql().await).await, Books { free: 5000, held: 0, sold: 0 });
}

#[tokio::test]
async fn what_is_public_is_cached_and_described() {
    let shop = Shop::open();
    for path in
        ["/", "/openapi.json", &format!("/api/v1/events/{EVENT}"), &format!("/api/v1/events/{EVENT}/availability")]
    {
        let first = shop.get(path).await;
        assert_eq!(first.status(), StatusCode::OK, "{path}");
        let etag = first.headers()["etag"].clone();
        let again = shop.http.get(format!("{}{path}", shop.url)).header("if-none-match", etag).send().await;
        assert_eq!(again.expect("an answer").status(), StatusCode::NOT_MODIFIED, "{path}");
    }
    let page = shop.get("/").await;
    let policy = page.headers()["content-security-policy"].to_str().expect("text").to_owned();
    assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
    let api: Value = shop.get("/openapi.json").await.json().await.expect("JSON");
    for path in ["/api/v1/events/{event}", "/api/v1/bookings/reserve", "/api/v1/bookings/{booking}/payment"] {
        assert!(api["paths"][path].is_object(), "{path} is not described");
    }
    assert_eq!(shop.get("/healthz").await.status(), StatusCode::OK);
    assert_eq!(shop.get("/readyz").await.status(), StatusCode::OK);
}
