//! A fleet whose room asks something: counts of networks are those of all edges, and a decision counts on each of them.

use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use fairgate_testkit::PrivateRedis;
use serde_json::{Value, json};

use crate::edges::{ADMIN_TOKEN, Fleet, ROOM, Sale};
use crate::fan::{Answer, Fan};
use crate::faults::ask;
use crate::shop::Shop;

const SALE: Sale = Sale { starts_in_ms: 0, rate_per_minute: 60_000, burst: 1_000 };
const ENTRY: &str = "[room.entry]\nsuspicious = [\"mail\"]\nsuspicious_at = 40\n[room.entry.work]\nfree = 1\n\
                     [room.entry.mail]\nsmtp = \"smtp://127.0.0.1:1\"\nfrom = \"tickets@example.com\"\n";
const FARM: &str = "203.0.113.9";
const PATIENCE: Duration = Duration::from_secs(30);

fn call(fleet: &Fleet, edge: usize, fan: &mut Fan, name: &str, address: &str, body: &Value) -> Answer {
    fan.address = fleet.gates[edge];
    let headers = [("Content-Type", "application/json"), ("X-Forwarded-For", address)];
    fan.send("POST", &format!("/.fairgate/{ROOM}/{name}"), &headers, &body.to_string())
}

fn join(fleet: &Fleet, edge: usize, address: &str, n: u8) -> (Value, Fan) {
    let mut fan = Fan::new(fleet.gates[edge]);
    let body = json!({ "nonce": URL_SAFE_NO_PAD.encode([n; 16]) });
    let joined = call(fleet, edge, &mut fan, "join", address, &body);
    assert_eq!(joined.status, 200, "{}", joined.text());
    (joined.json(), fan)
}

fn admin(fleet: &Fleet, edge: usize, method: &str, path: &str, body: &Value) -> Answer {
    let token = format!("Bearer {ADMIN_TOKEN}");
    let headers = [("Authorization", &*token), ("Content-Type", "application/json")];
    let body = if body.is_null() { String::new() } else { body.to_string() };
    Fan::new(fleet.admins[edge]).send(method, &format!("/api/v1/rooms/{ROOM}/entry{path}"), &headers, &body)
}

fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < PATIENCE, "never {what}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn what_one_network_does_at_two_edges_is_known_at_both_and_a_decision_at_one_counts_at_the_other() {
    let (redis, shop) = (PrivateRedis::start().unwrap(), Shop::start());
    let mut fleet = Fleet::asking(2, redis.address(), shop.address, &SALE, ENTRY);
    (100..160).for_each(|n| drop(join(&fleet, usize::from(n % 2), &format!("198.51.100.{n}"), n)));
    // Twenty at each edge are no more than sixteen times the crowd's mean; forty are.
    let (first, mut fan) = join(&fleet, 0, FARM, 0);
    assert!(first.get("owes").is_none(), "{first}");
    (1..40).for_each(|n| drop(join(&fleet, usize::from(n % 2), FARM, n)));
    until("told", || admin(&fleet, 1, "GET", "", &Value::Null).json()["entries"] == 100);
    (40..44).for_each(|n| drop(join(&fleet, usize::from(n % 2), FARM, n)));
    until("told", || admin(&fleet, 1, "GET", "", &Value::Null).json()["entries"] == 104);
    for edge in 0..2 {
        let (late, _) = join(&fleet, edge, FARM, 50 + edge as u8);
        assert_eq!(late["owes"], json!(["mail"]), "edge {edge} knows what the other one has seen");
    }
    fleet.kill(0);
    fleet.start_edge(0);
    fleet.wait_until(0, "known again", |status| status["draw"]["entry"]["entries"].as_u64() >= Some(100));
    let (late, _) = join(&fleet, 0, FARM, 60);
    assert_eq!(late["owes"], json!(["mail"]), "an edge that was killed knows it, too");

    let owed = call(&fleet, 0, &mut fan, "claim", FARM, &json!({}));
    assert_eq!(owed.problem(), "owes", "{}", owed.text());
    let reference = owed.json()["reference"].as_str().unwrap().to_owned();
    until("written down", || admin(&fleet, 1, "GET", &format!("/refusals/{reference}"), &Value::Null).status == 200);
    let decision = json!({ "references": [reference], "because": "a hall of residence" });
    assert_eq!(admin(&fleet, 1, "POST", "/overrules", &decision).status, 200);
    let decided = Instant::now();
    until("let in", || call(&fleet, 0, &mut fan, "claim", FARM, &json!({})).status == 200);
    assert!(decided.elapsed() < Duration::from_secs(10), "{:?}", decided.elapsed());

    // What Redis loses of it the edges put back, as far as somebody has decided it.
    let draw = fleet.status(0).unwrap()["draw"]["descriptor_digest"].as_str().unwrap()[..16].to_owned();
    for part in ["meta", "overrules", "refusals", "heat", "edges", "tally"] {
        ask(&redis, &["DEL", &format!("fairgate:{{{ROOM}}}:book:{draw}:{part}")]);
    }
    until("put back", || admin(&fleet, 1, "GET", "", &Value::Null).json()["overruled"] == 1);
    let gone = admin(&fleet, 1, "GET", &format!("/refusals/{reference}"), &Value::Null);
    assert_eq!(gone.problem(), "no-refusal", "references are gone: {}", gone.text());
}
