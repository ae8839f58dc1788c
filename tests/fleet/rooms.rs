//! Rooms as data in a fleet: made at one edge, served by all within seconds, and still there after Redis has lost everything.

use std::thread::sleep;
use std::time::{Duration, Instant};

use fairgate_testkit::PrivateRedis;
use serde_json::{Value, json};

use crate::edges::{ADMIN_TOKEN, Fleet, Sale};
use crate::fan::{Answer, Fan};
use crate::shop::Shop;

const PATIENCE: Duration = Duration::from_secs(60);
const SALE: Sale = Sale { starts_in_ms: 0, rate_per_minute: 6_000, burst: 50 };
const ROOM: &str = "[[room]]\nname = \"second\"\ntitle = \"The second\"\nupstream = \"shop\"\npaths = [\"/second\"]\n\
    opens_at = \"2026-01-01T10:00Z\"\nstarts_at = \"2026-01-01T10:00Z\"\nadmission.rate_per_minute = 6000\n";

/// Two edges whose files protect `/final` alone.
fn fleet(redis: &PrivateRedis, shop: &Shop) -> Fleet {
    let mut fleet = Fleet::of(2, redis.address(), shop.address, &SALE);
    for edge in 0..2 {
        fleet.kill(edge);
        fleet.rewrite(edge, &[("upstream", "\"shop\"\npaths = [\"/final\"]".to_owned())]);
        fleet.start_edge(edge);
        fleet.wait_until(edge, "ready", |_| true);
    }
    fleet
}

fn ask(fleet: &Fleet, edge: usize, method: &str, path: &str, body: &str) -> Answer {
    let authorization = format!("Bearer {ADMIN_TOKEN}");
    let headers = [("Authorization", &*authorization), ("Content-Type", "application/json")];
    Fan::new(fleet.admins[edge]).send(method, &format!("/api/v1/rooms/second/{path}"), &headers, body)
}

#[track_caller]
fn done(answer: Answer) -> Value {
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()
}

fn publish(fleet: &Fleet, edge: usize, text: &str) -> Value {
    done(ask(fleet, edge, "PUT", "definition", &json!({ "toml": text }).to_string()));
    done(ask(fleet, edge, "POST", "publish", ""))
}

fn title(fleet: &Fleet, edge: usize) -> Option<Value> {
    let answer = Fan::new(fleet.gates[edge]).get("/.fairgate/second/status");
    (answer.status == 200).then(|| answer.json()["title"].clone())
}

fn everywhere(fleet: &Fleet, what: &str, is_so: impl Fn(Option<Value>) -> bool) {
    let begun = Instant::now();
    while !(0..2).all(|edge| is_so(title(fleet, edge))) {
        assert!(begun.elapsed() < PATIENCE, "not {what} at both edges: {:?}", [0, 1].map(|edge| title(fleet, edge)));
        sleep(Duration::from_millis(50));
    }
}

fn wait_for_following(fleet: &Fleet, edge: usize) {
    let begun = Instant::now();
    loop {
        let told = done(ask(fleet, edge, "GET", "definition", ""));
        if (&told["edges_known"], &told["edges_following"]) == (&json!(2), &json!(2)) {
            return;
        }
        assert!(begun.elapsed() < PATIENCE, "{told}");
        sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_room_made_at_one_edge_is_served_by_all_and_outlives_a_redis_that_lost_it() {
    let (redis, shop) = (PrivateRedis::start().unwrap(), Shop::start());
    let mut fleet = fleet(&redis, &shop);
    assert_eq!(title(&fleet, 1), None);
    publish(&fleet, 0, ROOM);
    everywhere(&fleet, "served", |title| title == Some(json!("The second")));
    wait_for_following(&fleet, 1);
    // A fan joins at the other edge.
    let call = |call: &str| {
        let nonce = "AAAAAAAAAAAAAAAAAAAAAA";
        let body = json!({ "nonce": nonce }).to_string();
        let path = format!("/.fairgate/second/{call}");
        Fan::new(fleet.gates[1]).send("POST", &path, &[("Content-Type", "application/json")], &body)
    };
    let begun = Instant::now();
    while call("join").status != 200 {
        assert!(begun.elapsed() < PATIENCE, "{}", call("join").text());
        sleep(Duration::from_millis(50));
    }
    // Whoever has not seen what was written at the other edge changes nothing.
    let seen = ask(&fleet, 0, "GET", "definition", "").header("etag").unwrap().to_owned();
    publish(&fleet, 1, &ROOM.replace("The second", "The same"));
    everywhere(&fleet, "renamed", |title| title == Some(json!("The same")));
    let authorization = format!("Bearer {ADMIN_TOKEN}");
    let headers = [("Authorization", &*authorization), ("Content-Type", "application/json"), ("If-Match", &*seen)];
    let body = json!({ "toml": ROOM }).to_string();
    let late = Fan::new(fleet.admins[0]).send("PUT", "/api/v1/rooms/second/definition", &headers, &body);
    assert_eq!((late.status, late.problem().as_str()), (412, "definition-changed"));
    // Redis loses everything; an edge starts anew beside the other one.
    let mut link = redis::Client::open(redis.url()).unwrap().get_connection().unwrap();
    redis::cmd("FLUSHALL").exec(&mut link).unwrap();
    fleet.kill(0);
    fleet.start_edge(0);
    fleet.wait_until(0, "ready", |_| true);
    everywhere(&fleet, "there again", |title| title == Some(json!("The same")));
    wait_for_following(&fleet, 0);
    let told = redis::cmd("HKEYS").arg("fairgate:{.rooms}:texts").query::<Vec<String>>(&mut link).unwrap();
    assert!(told.contains(&"room/second".to_owned()), "{told:?}");
    // An edge with an empty disk learns it from the fleet.
    fleet.kill(1);
    fleet.burn(1);
    fleet.start_edge(1);
    fleet.wait_until(1, "ready", |_| true);
    everywhere(&fleet, "learned", |title| title == Some(json!("The same")));
}
