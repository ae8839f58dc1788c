//! What breaks, when, and what has to hold nevertheless.

use std::net::SocketAddr;
use std::thread::sleep;
use std::time::Duration;

use fairgate_crowd::fleet::{Allowed, Kind, Outcome, judge};
use fairgate_draw::RootHasher;
use fairgate_testkit::PrivateRedis;

use crate::crowd::Crowd;
use crate::edges::{Fleet, ROOM, Sale};
use crate::fan::Fan;
use crate::proxy::{Proxy, Weather};
use crate::shop::Shop;

const FANS: u64 = 60;
const APART: Duration = Duration::from_millis(140);
const SALE: Sale = Sale { starts_in_ms: 10_000, rate_per_minute: 30_000, burst: 50 };

pub(crate) fn ask(redis: &PrivateRedis, words: &[&str]) {
    let mut link = redis::Client::open(redis.url()).unwrap().get_connection().unwrap();
    let mut command = redis::cmd(words[0]);
    words[1..].iter().for_each(|word| _ = command.arg(*word));
    command.exec(&mut link).unwrap();
}

pub(crate) fn replica_of(master: SocketAddr) -> PrivateRedis {
    let port = format!("127.0.0.1 {}", master.port());
    PrivateRedis::start_with(&["save", "", "replicaof", &port, "repl-diskless-sync-delay", "0"]).unwrap()
}

fn roster(gate: SocketAddr) -> Vec<[u8; 32]> {
    let answer = Fan::new(gate).get(&format!("/.fairgate/{ROOM}/draw/roster"));
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.body.as_chunks().0.to_vec()
}

#[test]
fn nobody_loses_a_place_whatever_breaks() {
    let (mut master, shop) = (PrivateRedis::start().unwrap(), Shop::start());
    let replica = replica_of(master.address());
    let proxy = Proxy::start(master.address());
    let mut fleet = Fleet::start(proxy.address, shop.address, &SALE);
    let crowd = Crowd::default();
    let fans = crowd.send(FANS, APART, &fleet.gates);
    break_the_pool(&mut fleet, &proxy, &mut master, &replica);
    let root = break_the_line(&mut fleet, &replica);
    let deadline = std::time::Instant::now() + Duration::from_secs(45);
    while !fans.iter().all(std::thread::JoinHandle::is_finished) && std::time::Instant::now() < deadline {
        sleep(Duration::from_millis(100));
    }
    crowd.end();
    fans.into_iter().for_each(|fan| fan.join().unwrap());
    judge_history(&fleet, &crowd, &root);
    let statuses: Vec<_> = (0..3).map(|edge| fleet.status(edge).unwrap()["draw"]["seed"].clone()).collect();
    assert!(statuses.iter().all(|seed| seed.is_string() && *seed == statuses[0]), "{statuses:?}");
}

/// While the pool is open: an edge, the cable, everything that Redis has, and then Redis itself.
fn break_the_pool(fleet: &mut Fleet, proxy: &Proxy, master: &mut PrivateRedis, replica: &PrivateRedis) {
    sleep(Duration::from_millis(1_500));
    fleet.kill(1);
    sleep(Duration::from_millis(500));
    fleet.start_edge(1);
    proxy.set(Weather::Slow(Duration::from_millis(30)));
    sleep(Duration::from_millis(800));
    proxy.half_close();
    sleep(Duration::from_millis(700));
    proxy.set(Weather::Cut);
    sleep(Duration::from_millis(1_000));
    fleet.wait_until(0, "stale", |status| status["stale"] == true);
    proxy.set(Weather::Fine);
    fleet.wait_until(0, "back", |status| status["stale"] == false);
    ask(master, &["FLUSHALL"]);
    sleep(Duration::from_millis(1_500));
    proxy.set(Weather::Silent);
    sleep(Duration::from_millis(1_200));
    proxy.set(Weather::Fine);
    ask(replica, &["REPLICAOF", "NO", "ONE"]);
    master.kill9();
    proxy.lead_to(replica.address());
}

/// While people are let in: an edge again, everything that Redis has, and all edges at once. Answers the roster's root.
fn break_the_line(fleet: &mut Fleet, redis: &PrivateRedis) -> String {
    fleet.wait_until(0, "serving", |status| status["phase"] == "serving");
    fleet.kill(2);
    let root = fleet.status(0).unwrap()["draw"]["root"].as_str().unwrap().to_owned();
    ask(redis, &["FLUSHALL"]);
    sleep(Duration::from_millis(300));
    // As if it had been away when the root was made.
    std::fs::remove_file(fleet.copy_path(2, &root)).unwrap();
    fleet.start_edge(2);
    sleep(Duration::from_millis(700));
    (0..3).for_each(|edge| fleet.kill(edge));
    (0..3).for_each(|edge| fleet.start_edge(edge));
    root
}

/// Nobody who was answered lost an entry, each edge has the roster, and what fans saw breaks no promise.
fn judge_history(fleet: &Fleet, crowd: &Crowd, root: &str) {
    let file = std::env::temp_dir().join("fairgate-fleet-history.jsonl");
    let history = crowd.history(&file);
    let (roster, record) = (roster(fleet.gates[0]), fleet.status(0).unwrap()["draw"].clone());
    // Every disk is there, so what is missing are the numbers that were left out after a loss, and nobody's entry.
    let entries = history.iter().filter_map(|event| match &event.outcome {
        Outcome::Joined { kind: Kind::Pool, number, entry, .. } => Some((*number, entry)),
        _ => None,
    });
    assert!(entries.clone().count() > 10, "the pool was not tried");
    for (number, entry) in entries {
        assert_eq!(hex::encode(roster[number as usize]), *entry, "entry {number}");
    }
    // Redis lost all of it after the draw: it is back to the byte, entries included whose fans were never answered.
    let mut hasher = RootHasher::new();
    roster.iter().for_each(|entry| hasher.push(entry));
    assert_eq!(record["root"], hex::encode(hasher.finish().1));
    for edge in 0..3 {
        assert!(fleet.copy_path(edge, root).is_file(), "edge {edge} has no copy of the roster");
    }
    let missing = record["missing"].as_u64().unwrap_or(0);
    let allowed = Allowed { rate_per_minute: SALE.rate_per_minute, burst: SALE.burst, missing };
    let broken = judge(&history, allowed, &roster);
    assert!(broken.is_empty(), "{broken:#?}\nthe history is in {}", file.display());
}

/// While the store is out of reach: what was given goes on, and nothing new is given.
#[test]
fn a_store_out_of_reach_stops_nobody_inside_and_lets_nobody_else_in() {
    let (redis, shop) = (PrivateRedis::start().unwrap(), Shop::start());
    let proxy = Proxy::start(redis.address());
    let fleet = Fleet::start(proxy.address, shop.address, &Sale { starts_in_ms: 0, ..SALE });
    fleet.wait_until(1, "serving", |status| status["phase"] == "serving");
    let (mut inside, mut outside) = (Fan::new(fleet.gates[0]), Fan::new(fleet.gates[1]));
    inside.enter(1);

    proxy.set(Weather::Cut);
    fleet.wait_until(1, "stale", |status| status["stale"] == true);
    for gate in &fleet.gates {
        inside.address = *gate;
        assert_eq!(inside.get("/seats").status, 200, "a pass is good at every edge, whatever the store does");
        outside.address = *gate;
        let refused = outside.join(2);
        assert_eq!((refused.status, refused.problem().as_str()), (503, "store-unavailable"));
        let wait_s: u64 = refused.header("retry-after").unwrap().parse().unwrap();
        assert!((1..=6).contains(&wait_s), "{wait_s}");
        assert_eq!(fleet.status(0).unwrap()["phase"], "serving", "the status goes on from memory");
    }
    proxy.set(Weather::Fine);
    fleet.wait_until(1, "back", |status| status["stale"] == false);
    outside.enter(2);
}
