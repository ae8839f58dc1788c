//! Accounts: a code by mail, all bookings of an address, sessions that can be ended, and an account that is deleted alone.

use std::path::Path;
use std::time::Duration;

use reqwest::{Method, Response, StatusCode};
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::shop::{Shop, free_address};

/// A browser: what it keeps, and how the edge forwards it.
#[derive(Default)]
struct Jar(Vec<(String, String)>);

impl Jar {
    async fn ask(&mut self, shop: &Shop, method: Method, path: &str, body: Option<Value>) -> Response {
        let kept: Vec<String> = self.0.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let mut request = shop.http.request(method, format!("{}{path}", shop.url)).header("cookie", kept.join("; "));
        request = request.header("x-forwarded-proto", "https").header("user-agent", "Browser 1.0");
        if let Some(body) = body {
            request = request.header("content-type", "application/json").body(body.to_string());
        }
        let answer = request.send().await.expect("an answer");
        for set in answer.headers().get_all("set-cookie") {
            let set = set.to_str().expect("text");
            assert!(set.contains("; Path=/; ") && set.contains("Secure; HttpOnly; SameSite=Lax"), "{set}");
            let (name, value) = set.split(';').next().and_then(|pair| pair.split_once('=')).expect("a cookie");
            assert!(name.starts_with("__Host-fairgate-account"), "{name}");
            self.0.retain(|(known, _)| known != name);
            if !value.is_empty() {
                self.0.push((name.to_owned(), value.to_owned()));
            }
        }
        answer
    }

    async fn ask_for_code(&mut self, shop: &Shop, email: &str) -> (StatusCode, String) {
        let answer = self.ask(shop, Method::POST, "/bookings/sign-in", Some(json!({ "email": email }))).await;
        (answer.status(), answer.text().await.expect("text"))
    }

    async fn type_code(&mut self, shop: &Shop, code: &str) -> StatusCode {
        self.ask(shop, Method::POST, "/bookings/sign-in/code", Some(json!({ "code": code }))).await.status()
    }

    async fn mine(&mut self, shop: &Shop) -> Value {
        let answer = self.ask(shop, Method::GET, "/bookings/mine", None).await;
        if answer.status() == StatusCode::NO_CONTENT { Value::Null } else { answer.json().await.expect("JSON") }
    }
}

async fn buy(shop: &Shop, place: u64, email: &str) -> String {
    let fan = shop.fan(place);
    let held = fan.reserve_best("buy", "pit", 1).await;
    let path = format!("/api/v1/bookings/{}/payment", held.field("booking_id"));
    let body = json!({ "payment_token": "demo-visa", "email": email });
    let paid = fan.send(Method::POST, &path, "buy", Some(body)).await.expect("an answer");
    assert_eq!(paid.status, StatusCode::OK, "{}", paid.text);
    held.field("number").to_owned()
}

/// The codes that were mailed so far, once there are as many.
pub(crate) async fn codes(directory: &Path, expected: usize) -> Vec<String> {
    let mut found = Vec::new();
    for _ in 0..600 {
        let files = std::fs::read_dir(directory).expect("a directory").flatten().map(|file| file.path());
        let codes = files.filter(|file| file.to_string_lossy().contains("/code.")).filter_map(|file| {
            let mail = std::fs::read_to_string(&file).expect("text");
            let code = mail.split("Subject: Your code: ").nth(1)?.lines().next()?.to_owned();
            Some((file.metadata().and_then(|about| about.modified()).expect("a time"), code))
        });
        let mut codes: Vec<_> = codes.collect();
        codes.sort();
        found = codes.into_iter().map(|(_, code)| code).collect();
        if found.len() == expected {
            return found;
        }
        sleep(Duration::from_millis(50)).await;
    }
    panic!("{} codes were mailed, and not {expected}", found.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_reads_the_mailbox_sees_its_bookings_and_ends_its_sessions() {
    let files = tempfile::tempdir().expect("a directory");
    let shop = Shop::open_with(
        &free_address(),
        vec![("FAIRGATE_MAIL_DIRECTORY", files.path().to_string_lossy().into_owned())],
    );
    let (first, second) = (buy(&shop, 1, "Maria@Example.com").await, buy(&shop, 2, "maria@example.com").await);
    buy(&shop, 3, "somebody@example.com").await;

    // Nobody learns whether an address is known.
    let (mut phone, mut stranger) = (Jar::default(), Jar::default());
    let unknown = stranger.ask_for_code(&shop, "nobody@example.com").await;
    assert_eq!(phone.ask_for_code(&shop, "MARIA@example.com").await, unknown);
    assert_eq!((unknown.0, stranger.0.len()), (StatusCode::OK, 1));
    assert_eq!(phone.mine(&shop).await, Value::Null);
    let code = codes(files.path(), 1).await.remove(0);

    // In the browser that asked, and once.
    assert_eq!(stranger.type_code(&shop, &code).await, StatusCode::UNPROCESSABLE_ENTITY);
    let before = Jar(phone.0.clone());
    assert_eq!(phone.type_code(&shop, "0000 0000").await, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(phone.type_code(&shop, &code).await, StatusCode::NO_CONTENT);
    assert_eq!(Jar(before.0).type_code(&shop, &code).await, StatusCode::UNPROCESSABLE_ENTITY, "it was used");
    let mine = phone.mine(&shop).await;
    let numbers: Vec<&str> =
        mine["bookings"].as_array().expect("bookings").iter().filter_map(|b| b["number"].as_str()).collect();
    assert_eq!(numbers, [&second, &first], "newest first, and nobody else's");
    assert!(mine["bookings"][0]["link"].as_str().is_some_and(|link| link.contains('#')));
    assert_eq!((&mine["email"], &mine["sessions"][0]["current"]), (&json!("maria@example.com"), &json!(true)));
    let sql = shop.sql().await;
    let kept = sql.query_one("select encode(token_hash, 'hex') as hash from person_session", &[]).await.expect("a row");
    assert!(!phone.0.iter().any(|(_, value)| value.contains(kept.get::<_, &str>("hash"))), "a digest");

    // Five tries, also of the right code.
    let mut laptop = Jar::default();
    laptop.ask_for_code(&shop, "maria@example.com").await;
    let code = codes(files.path(), 2).await.remove(1);
    for _ in 0..5 {
        assert_eq!(laptop.type_code(&shop, "99999999").await, StatusCode::UNPROCESSABLE_ENTITY);
    }
    assert_eq!(laptop.type_code(&shop, &code).await, StatusCode::UNPROCESSABLE_ENTITY);
    laptop.ask_for_code(&shop, "maria@example.com").await;
    let code = codes(files.path(), 3).await.remove(2);
    assert_eq!(laptop.type_code(&shop, &code).await, StatusCode::NO_CONTENT);
    // More codes than that are not sent; the answer is the same.
    assert_eq!(Jar::default().ask_for_code(&shop, "maria@example.com").await, unknown);

    // One ends the other.
    let sessions = laptop.mine(&shop).await["sessions"].as_array().expect("sessions").clone();
    assert_eq!(sessions.len(), 2);
    let other = sessions.iter().find(|session| session["current"] == false).expect("the phone's");
    let path = format!("/bookings/mine/sessions/{}", other["session"].as_str().expect("an id"));
    let foreign = shop.http.delete(format!("{}{path}", shop.url)).header("sec-fetch-site", "cross-site").send().await;
    assert_eq!(foreign.expect("an answer").status(), StatusCode::FORBIDDEN);
    assert_eq!(stranger.ask(&shop, Method::DELETE, &path, None).await.status(), StatusCode::FORBIDDEN);
    assert_eq!(laptop.ask(&shop, Method::DELETE, &path, None).await.status(), StatusCode::NO_CONTENT);
    assert_eq!(phone.mine(&shop).await, Value::Null);

    // The account goes, and the bookings stay.
    assert_eq!(laptop.ask(&shop, Method::DELETE, "/bookings/mine", None).await.status(), StatusCode::NO_CONTENT);
    assert_eq!(laptop.mine(&shop).await, Value::Null);
    let left = "select (select count(*) from person) + (select count(*) from person_session) as personal,
        (select count(*) from booking where status = 'confirmed') as bookings";
    let left = sql.query_one(left, &[]).await.expect("counts");
    assert_eq!((left.get::<_, i64>("personal"), left.get::<_, i64>("bookings")), (0, 3));
    assert_eq!(codes(files.path(), 3).await.len(), 3, "nobody else was sent one");
}
