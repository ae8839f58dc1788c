//! What people change through one edge holds on every edge within a second. Every edge can tell who changed it, when, and
//! from which value to which, and every edge can undo it.

use std::time::{Duration, Instant};

use fairgate_testkit::PrivateRedis;
use serde_json::{Value, json};

use crate::edges::{ADMIN_TOKEN, Fleet, ROOM, Sale};
use crate::fan::{Answer, Fan};
use crate::shop::Shop;

const WITHIN: Duration = Duration::from_secs(1);
const PATIENCE: Duration = Duration::from_secs(30);
const SALE: Sale = Sale { starts_in_ms: 0, rate_per_minute: 6_000, burst: 50 };

/// What is asked for (a patch, or else a verb), and where each edge shows it: in its status, or in a metric.
type Change = (&'static str, Value, Shown);

enum Shown {
    Status(&'static str, Value),
    Metric(&'static str, f64),
}

fn changes() -> Vec<Change> {
    use Shown::{Metric, Status};
    let patch = |body| ("", body);
    let verb = |verb| (verb, Value::Null);
    [
        (patch(json!({"message": "Two gates are open."})), Status("message", json!("Two gates are open."))),
        (patch(json!({"rate_per_minute": 700})), Metric("fairgate_room_rate_set_per_minute", 700.0)),
        (patch(json!({"max_active": 50})), Metric("fairgate_room_active_sessions_set", 50.0)),
        (patch(json!({"mode": "adaptive", "target_ms": 250})), Metric("fairgate_room_target_seconds", 0.25)),
        (
            patch(json!({"ramp": {"to_per_minute": 900, "over_ms": 60_000}})),
            Metric("fairgate_room_rate_set_per_minute", 900.0),
        ),
        (patch(json!({"let_in": 3})), Metric("fairgate_room_let_in_total", 3.0)),
        (patch(json!({"mode": "fixed"})), Metric("fairgate_room_active_sessions_max", 50.0)),
        (patch(json!({"ends_at": "2040-01-01T00:00Z"})), Status("ends_at_ms", json!(2_208_988_800_000_u64))),
        (patch(json!({"ends_at": null})), Status("ends_at_ms", Value::Null)),
        (patch(json!({"sold_out": true})), Status("sold_out", json!(true))),
        (patch(json!({"sold_out": false})), Status("sold_out", json!(false))),
        (verb("pause"), Status("paused", json!(true))),
        (verb("resume"), Status("paused", json!(false))),
        (verb("drain"), Status("draining", json!(true))),
        (verb("resume"), Status("draining", json!(false))),
    ]
    .map(|((verb, body), shown)| (verb, body, shown))
    .into()
}

fn ask(fleet: &Fleet, edge: usize, method: &str, path: &str, body: &str) -> Answer {
    let authorization = format!("Bearer {ADMIN_TOKEN}");
    let headers = [("Authorization", &*authorization), ("Content-Type", "application/json")];
    let answer = Fan::new(fleet.admins[edge]).send(method, &format!("/api/v1/rooms/{ROOM}{path}"), &headers, body);
    assert_eq!(answer.status, 200, "{path}: {}", answer.text());
    answer
}

fn is_shown(fleet: &Fleet, edge: usize, shown: &Shown) -> bool {
    match shown {
        Shown::Status(key, value) => fleet.status(edge).is_some_and(|status| status[*key] == *value),
        Shown::Metric(name, value) => {
            let metrics = Fan::new(fleet.admins[edge]).get("/metrics").text();
            metrics.lines().any(|line| line == format!("{name}{{room=\"{ROOM}\"}} {value}"))
        }
    }
}

/// Waits until every edge is so.
fn everywhere(fleet: &Fleet, begun: Instant, what: &str, is_so: impl Fn(usize) -> bool) {
    for edge in 0..fleet.gates.len() {
        while !is_so(edge) {
            assert!(begun.elapsed() < WITHIN, "{what}: edge {edge} does not know after {:?}", begun.elapsed());
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

#[test]
fn what_one_edge_was_told_holds_on_all_within_a_second_and_is_written_down() {
    let (redis, shop) = (PrivateRedis::start().unwrap(), Shop::start());
    let fleet = Fleet::start(redis.address(), shop.address, &SALE);
    (0..fleet.gates.len()).for_each(|edge| fleet.wait_until(edge, "serving", |status| status["phase"] == "serving"));
    let mut fan = Fan::new(fleet.gates[0]);
    let session = fan.enter(1)["session"].as_str().unwrap().to_owned();
    for (at, (verb, body, shown)) in changes().into_iter().enumerate() {
        let (edge, begun) = (at % fleet.gates.len(), Instant::now());
        let answer = match verb {
            "" => ask(&fleet, edge, "PATCH", "", &body.to_string()),
            verb => ask(&fleet, edge, "POST", &format!("/{verb}"), ""),
        };
        everywhere(&fleet, begun, &format!("{verb}{body}"), |edge| is_shown(&fleet, edge, &shown));
        // Whichever edge is asked.
        is_written_down(&fleet, (edge + 1) % fleet.gates.len(), &answer.json()["changes"]);
        is_followed(&fleet, edge, &answer.json());
    }
    what_one_edge_changed_another_undoes(&fleet);
    assert_eq!(fan.get("/seats").status, 200);
    let begun = Instant::now();
    ask(&fleet, 1, "POST", "/revoke", &json!({ "session": session }).to_string());
    everywhere(&fleet, begun, "revoked", |edge| {
        Fan { address: fleet.gates[edge], ..fan.clone() }.get("/seats").status == 503
    });
}

/// All three edges say, in the end, that they show what was changed.
fn is_followed(fleet: &Fleet, edge: usize, changed: &Value) {
    let begun = Instant::now();
    loop {
        let edges = ask(fleet, edge, "GET", &format!("/edges?since={}", changed["room"]["now_ms"]), "").json();
        if edges["following"] == 3 && edges["known"] == 3 {
            return;
        }
        assert!(begun.elapsed() < PATIENCE, "{edges}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn what_one_edge_changed_another_undoes(fleet: &Fleet) {
    let rate = |edge| ask(fleet, edge, "GET", "", "").json()["rate_per_minute"].clone();
    let before = rate(0);
    let changed = ask(fleet, 0, "PATCH", "", &json!({"rate_per_minute": 123}).to_string()).json();
    let undo = format!("/undo/{}", changed["id"].as_str().unwrap());
    let undone = ask(fleet, 2, "POST", &undo, "").json();
    assert_eq!((&undone["room"]["rate_per_minute"], rate(1)), (&before, before.clone()));
    let newest = ask(fleet, 1, "GET", "/audit", "").json()["changes"][0].clone();
    assert_eq!((&newest["undoes"], &newest["after"]), (&changed["id"], &before));
}

/// The latest entries of the log are these changes, by the one who has the token.
fn is_written_down(fleet: &Fleet, edge: usize, changes: &Value) {
    let changes = changes.as_array().unwrap();
    let log = ask(fleet, edge, "GET", "/audit", "").json();
    let latest: Vec<&Value> = log["changes"].as_array().unwrap()[..changes.len()].iter().rev().collect();
    assert!(!changes.is_empty());
    for (entry, change) in latest.into_iter().zip(changes) {
        assert_eq!(
            (&entry["what"], &entry["before"], &entry["after"]),
            (&change["what"], &change["before"], &change["after"])
        );
        assert!(entry["who"].is_string() && entry["at_ms"].as_u64().is_some_and(|at_ms| at_ms > 0), "{entry}");
    }
}
