//! The two calls of a rush, byte for byte over a socket: however a request is framed, it is answered as any other.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::books::audit;
use crate::shop::{EVENT, Shop};

const PATIENCE: Duration = Duration::from_secs(30);

fn connect(shop: &Shop) -> TcpStream {
    let stream = TcpStream::connect(shop.url.trim_start_matches("http://")).expect("connected");
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    stream
}

/// Sends everything at once, closes that side, and reads to the end.
fn exchange(shop: &Shop, bytes: &str) -> String {
    let mut stream = connect(shop);
    stream.write_all(bytes.as_bytes()).expect("sent");
    stream.shutdown(Shutdown::Write).expect("half closed");
    let mut answers = String::new();
    stream.read_to_string(&mut answers).expect("answers");
    answers
}

fn body() -> String {
    json!({ "event": EVENT, "section": "pit", "quantity": 1 }).to_string()
}

/// A reservation; `framing` has the lines about its body.
fn reservation(shop: &Shop, place: u64, framing: &str, body: &str) -> String {
    let pass = shop.gate.pass(place);
    format!(
        "POST /api/v1/bookings/reserve HTTP/1.1\r\nHost: shop\r\nX-Fairgate-Pass: {pass}\r\nIdempotency-Key: k\r\n\
         Content-Type: application/json\r\n{framing}\r\n\r\n{body}"
    )
}

fn statuses(answers: &str) -> Vec<&str> {
    answers.match_indices("HTTP/1.1 ").map(|(at, _)| &answers[at + 9..at + 12]).collect()
}

#[tokio::test]
async fn both_calls_may_be_sent_together_and_are_answered_in_order() {
    let shop = Shop::open();
    let body = body();
    let length = format!("Content-Length: {}", body.len());
    let look = format!("GET /api/v1/events/{EVENT}/availability HTTP/1.1\r\nHost: shop\r\n\r\n");
    let all: String = (0..5).flat_map(|place| [reservation(&shop, place, &length, &body), look.clone()]).collect();
    let mut stream = connect(&shop);
    stream.write_all(all.as_bytes()).expect("sent");
    stream.shutdown(Shutdown::Write).expect("half closed");
    let mut answers = Vec::new();
    stream.read_to_end(&mut answers).expect("answers");
    let answers = String::from_utf8_lossy(&answers);
    assert_eq!(statuses(&answers), ["200"; 10], "{answers}");
    for line in ["date: ", "x-content-type-options: nosniff", "server-timing: total;dur=", "content-length: "] {
        assert_eq!(answers.matches(&format!("\r\n{line}")).count(), 10, "{line}: {answers}");
    }
    assert_eq!(answers.matches("stock;desc=").count(), 5, "those that reserved say how many are left");
    assert_eq!(answers.matches("\r\ncache-control: no-store\r\n").count(), 5);
    assert_eq!(answers.matches("\r\nvary: accept-encoding\r\n").count(), 5);
    assert_eq!(audit(&mut shop.sql().await).await.held, 5);
}

#[tokio::test]
async fn a_body_may_be_framed_in_any_way_and_has_a_bound() {
    let shop = Shop::open();
    let body = body();
    let length = format!("Content-Length: {}", body.len());
    let (first, second) = body.split_at(7);
    let chunks = format!("{:x}\r\n{first}\r\n{:x}\r\n{second}\r\n0\r\n\r\n", first.len(), second.len());
    let expecting = exchange(&shop, &reservation(&shop, 1, &format!("{length}\r\nExpect: 100-continue"), &body));
    assert_eq!(statuses(&expecting).last(), Some(&"200"), "{expecting}");
    let chunked = exchange(&shop, &reservation(&shop, 2, "Transfer-Encoding: chunked", &chunks));
    assert_eq!(statuses(&chunked), ["200"], "{chunked}");
    let old = reservation(&shop, 3, &length, &body).replacen("HTTP/1.1", "HTTP/1.0", 1);
    assert!(exchange(&shop, &old).starts_with("HTTP/1.0 200 "));
    let spaces = " ".repeat(256 * 1024 + 1);
    let large = reservation(&shop, 4, &format!("Content-Length: {}", spaces.len()), &spaces);
    assert_eq!(statuses(&exchange(&shop, &large)), ["413"]);
    let short = exchange(&shop, &reservation(&shop, 5, "Content-Length: 5000", &body));
    assert_eq!(statuses(&short), ["400"], "its end never came: {short}");
    assert_eq!(audit(&mut shop.sql().await).await.held, 3);
}

#[tokio::test]
async fn what_is_not_plainly_a_call_of_a_rush_goes_to_the_routes() {
    let shop = Shop::open();
    let get = |method: &str, path: &str| {
        exchange(&shop, &format!("{method} {path} HTTP/1.1\r\nHost: shop\r\nConnection: close\r\n\r\n"))
    };
    let path = format!("/api/v1/events/{EVENT}/availability");
    let head = get("HEAD", &path);
    assert!(statuses(&head) == ["200"] && head.ends_with("\r\n\r\n"), "{head}");
    for (method, path, status) in [
        ("GET", path.replace('-', "%2d").as_str(), "200"),
        ("GET", "/api/v1/events/a%2fb/availability", "404"),
        ("POST", &path, "405"),
        ("GET", "/api/v1/bookings/reserve", "405"),
    ] {
        // Availability is bits, which are no text.
        let answer = if status == "200" { get("HEAD", path) } else { get(method, path) };
        assert_eq!(statuses(&answer), [status], "{method} {path}: {answer}");
    }
}

/// One that trickles keeps no place, whatever it is on the way to say.
#[tokio::test]
async fn a_head_that_does_not_end_is_cut_off() {
    let shop = Shop::open();
    let mut stream = connect(&shop);
    let begun = Instant::now();
    for byte in "POST /api/v1/bookings/reserve HTTP/1.1\r\nHost: shop\r\nA: ".bytes().chain(std::iter::repeat(b'a')) {
        if stream.write_all(&[byte]).is_err() {
            break;
        }
        assert!(begun.elapsed() < 2 * PATIENCE, "nobody cut it off");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(begun.elapsed() >= Duration::from_secs(10), "it has ten seconds");
}
