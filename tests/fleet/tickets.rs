//! Tickets from before a loss: each lets its fan in once as long as anybody knows the sale, and nobody in when nobody does.

use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use fairgate_testkit::PrivateRedis;
use serde_json::Value;

use crate::edges::{Fleet, ROOM, Sale};
use crate::fan::{Answer, Fan};
use crate::faults::ask;
use crate::shop::Shop;

const PATIENCE: Duration = Duration::from_secs(60);
const SALE: Sale = Sale { starts_in_ms: 0, rate_per_minute: 6_000, burst: 50 };

/// Claims with the ticket alone until the room is right again; answers what was said then.
fn claim(fan: &Fan, gate: std::net::SocketAddr) -> Answer {
    let mut fan = Fan { address: gate, cookies: fan.cookies.clone() };
    fan.cookies.retain(|name, _| name.contains("ticket"));
    assert_eq!(fan.cookies.len(), 1, "a ticket and no pass");
    let deadline = Instant::now() + PATIENCE;
    loop {
        let answer = fan.call("claim", "");
        if ![202, 503].contains(&answer.status) {
            return answer;
        }
        assert!(Instant::now() < deadline, "{} {}", answer.status, answer.text());
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// The session that a pass is for.
fn session(answer: &Answer) -> String {
    assert_eq!(answer.status, 200, "{}", answer.text());
    let pass = answer.json()["pass"].as_str().unwrap().to_owned();
    let claims = URL_SAFE_NO_PAD.decode(pass.split('.').nth(1).unwrap()).unwrap();
    serde_json::from_slice::<Value>(&claims).unwrap()["sub"].as_str().unwrap().to_owned()
}

fn inside(fleet: &Fleet, edge: usize) -> Option<u64> {
    let metrics = Fan::new(fleet.admins[edge]).get("/metrics").text();
    let name = format!("fairgate_room_active_sessions{{room=\"{ROOM}\"}} ");
    metrics.lines().find_map(|line| line.strip_prefix(&name)?.parse().ok())
}

#[test]
fn a_ticket_lets_in_once_across_a_loss_and_is_refused_when_nobody_knows_its_draw() {
    let (redis, shop) = (PrivateRedis::start().unwrap(), Shop::start());
    let mut fleet = Fleet::of(2, redis.address(), shop.address, &SALE);
    fleet.write_times();
    let (mut shopping, mut waiting) = (Fan::new(fleet.gates[0]), Fan::new(fleet.gates[1]));
    shopping.enter(1);
    assert_eq!(waiting.join(2).status, 200);
    let before = session(&claim(&shopping, fleet.gates[0]));

    ask(&redis, &["FLUSHALL"]);
    let first = session(&claim(&waiting, fleet.gates[0]));
    for gate in &fleet.gates {
        assert_eq!(session(&claim(&waiting, *gate)), first, "one ticket, one session");
        assert_eq!(session(&claim(&shopping, *gate)), before, "and so for who was inside");
    }
    assert_ne!(first, before);
    (0..2).for_each(|edge| fleet.wait_until(edge, "told of two inside", |_| inside(&fleet, edge) == Some(2)));

    (0..2).for_each(|edge| fleet.kill(edge));
    (0..2).for_each(|edge| fleet.burn(edge));
    ask(&redis, &["FLUSHALL"]);
    (0..2).for_each(|edge| fleet.start_edge(edge));
    for (edge, gate) in fleet.gates.iter().enumerate() {
        fleet.wait_until(edge, "serving", |status| status["phase"] == "serving");
        for fan in [&waiting, &shopping] {
            let refused = claim(fan, *gate);
            assert_eq!(refused.status, 409, "{}", refused.text());
        }
    }
    Fan::new(fleet.gates[0]).enter(3);
}
