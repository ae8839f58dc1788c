//! A place goes to another device in a fleet: any edge answers any of the calls, and offers end by Redis's own clock.

use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use fairgate_testkit::PrivateRedis;
use serde_json::{Value, json};

use crate::edges::{Fleet, ROOM, Sale};
use crate::fan::{Answer, Fan};
use crate::shop::Shop;
use device::Device;

#[expect(dead_code, reason = "the tests of one edge use more of it")]
#[path = "../edge/entry/device.rs"]
mod device;

const SALE: Sale = Sale { starts_in_ms: 3_600_000, rate_per_minute: 60_000, burst: 1_000 };

fn nonce(byte: u8) -> [u8; 16] {
    [byte; 16]
}

fn spelled(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// A call that a device proves at an edge.
fn call(
    fleet: &Fleet,
    edge: usize,
    fan: &mut Fan,
    device: &Device,
    (name, token): (&str, &str),
    body: &Value,
) -> Answer {
    fan.address = fleet.gates[edge];
    device.call(fan, name, token, &body.to_string())
}

fn expect(answer: &Answer, status: u16) -> Value {
    assert_eq!(answer.status, status, "{}", answer.text());
    answer.json()
}

fn fleet(redis: &PrivateRedis, shop: &Shop) -> Fleet {
    Fleet::asking(2, redis.address(), shop.address, &SALE, "[room.entry]\nbinding = \"key\"\n")
}

/// A fan who has joined at one edge and the ticket, and another browser at the other edge.
fn joined(redis: &PrivateRedis, shop: &Shop) -> (Fleet, [(Fan, Device); 2], String) {
    let fleet = fleet(redis, shop);
    let (mut fan, first) = (Fan::new(fleet.gates[0]), Device::new());
    let joined = expect(&first.join(&mut fan, 1), 200);
    let other = (Fan::new(fleet.gates[1]), Device::new());
    (fleet, [(fan, first), other], joined["ticket"].as_str().unwrap().to_owned())
}

#[test]
fn what_one_edge_offers_another_one_takes_and_an_offer_ends_by_itself() {
    let (redis, shop) = (PrivateRedis::start().unwrap(), Shop::start());
    let (fleet, [(mut fan, first), (mut other, second)], ticket) = joined(&redis, &shop);
    let by_letters = |offer: &Value| json!({"letters": offer["letters"], "jkt": second.jkt()});

    let offer = expect(&call(&fleet, 0, &mut fan, &first, ("move", &ticket), &json!({})), 200);
    let mut link = redis::Client::open(redis.url()).unwrap().get_connection().unwrap();
    let mut keys = redis::cmd("KEYS");
    let names: Vec<String> = keys.arg(format!("fairgate:{{{ROOM}}}:offer:*")).query(&mut link).unwrap();
    assert_eq!(names.len(), 3, "an offer, what stands for its place, and the list: {names:?}");
    let letters = offer["letters"].as_str().unwrap().to_owned();
    for name in &names {
        let left_ms: i64 = redis::cmd("PTTL").arg(name).query(&mut link).unwrap();
        assert!((100_000..=120_000).contains(&left_ms), "{name} ends in two minutes: {left_ms}");
        assert!(!name.contains(&letters.replace('-', "")), "{name}");
        redis::cmd("PEXPIRE").arg(name).arg(1).exec(&mut link).unwrap();
    }
    std::thread::sleep(std::time::Duration::from_millis(20));
    let over = call(&fleet, 1, &mut other, &second, ("move/accept", &letters), &by_letters(&offer));
    assert_eq!((over.status, over.problem()), (404, "offer-unknown".to_owned()));
    let asked = json!({"offer": offer["offer"]});
    let over = call(&fleet, 1, &mut fan, &first, ("move", &ticket), &asked);
    assert_eq!((over.status, over.problem()), (404, "offer-unknown".to_owned()));

    let offer = expect(&call(&fleet, 0, &mut fan, &first, ("move", &ticket), &json!({})), 200);
    let letters = offer["letters"].as_str().unwrap().to_owned();
    let seen = expect(&call(&fleet, 1, &mut other, &second, ("move/accept", &letters), &by_letters(&offer)), 202);
    let asked = json!({"offer": offer["offer"]});
    let first_sees = expect(&call(&fleet, 0, &mut fan, &first, ("move", &ticket), &asked), 200);
    assert_eq!(first_sees["number"], seen["number"]);
    let last = json!({"offer": offer["offer"], "number": seen["number"]});
    expect(&call(&fleet, 1, &mut fan, &first, ("move/confirm", &ticket), &last), 200);
    let got = expect(&call(&fleet, 0, &mut other, &second, ("move/accept", &letters), &by_letters(&offer)), 200);
    let token = got["ticket"].as_str().unwrap().to_owned();
    for edge in 0..2 {
        let moved = call(&fleet, edge, &mut fan, &first, ("leave", &ticket), &json!({}));
        assert_eq!((moved.status, moved.problem()), (409, "moved".to_owned()), "edge {edge}");
        let spent = call(&fleet, edge, &mut other, &second, ("move", &token), &json!({}));
        assert_eq!((spent.status, spent.problem()), (403, "move-spent".to_owned()), "edge {edge}");
    }
    expect_left(&call(&fleet, 1, &mut other, &second, ("leave", &token), &json!({})));
}

/// Who has guessed at one edge has guessed at all of them.
#[test]
fn letters_are_guessed_so_often_at_all_edges_together() {
    let (redis, shop) = (PrivateRedis::start().unwrap(), Shop::start());
    let fleet = fleet(&redis, &shop);
    let (mut stranger, device) = (Fan::new(fleet.gates[0]), Device::new());
    let mut guess = |edge: usize, letters: &str| {
        let body = json!({"letters": letters, "jkt": device.jkt()});
        call(&fleet, edge, &mut stranger, &device, ("move/accept", letters), &body)
    };
    for n in 0..20 {
        let wrong = guess(n % 2, &format!("{}", 10_000_000 + n));
        assert_eq!((wrong.status, wrong.problem()), (404, "offer-unknown".to_owned()), "{n}: {}", wrong.text());
    }
    for edge in 0..2 {
        let held = guess(edge, "10000099");
        assert_eq!((held.status, held.problem()), (429, "too-many-requests".to_owned()), "edge {edge}");
        assert!(held.json()["retry_after_ms"].as_u64() > Some(0), "{}", held.text());
    }
}

/// Redis loses everything. Each edge knows its own moves, so that both tickets of a place never count again.
#[test]
fn a_place_that_moved_stays_where_it_is_though_redis_loses_everything() {
    let (redis, shop) = (PrivateRedis::start().unwrap(), Shop::start());
    let (fleet, [(mut fan, first), (mut other, second)], ticket) = joined(&redis, &shop);
    let offer = expect(&call(&fleet, 0, &mut fan, &first, ("move", &ticket), &json!({})), 200);
    let letters = offer["letters"].as_str().unwrap().to_owned();
    let by_letters = json!({"letters": offer["letters"], "jkt": second.jkt()});
    let seen = expect(&call(&fleet, 1, &mut other, &second, ("move/accept", &letters), &by_letters), 202);
    let last = json!({"offer": offer["offer"], "number": seen["number"]});
    expect(&call(&fleet, 1, &mut fan, &first, ("move/confirm", &ticket), &last), 200);
    let got = expect(&call(&fleet, 0, &mut other, &second, ("move/accept", &letters), &by_letters), 200);
    let token = got["ticket"].as_str().unwrap().to_owned();

    let mut link = redis::Client::open(redis.url()).unwrap().get_connection().unwrap();
    redis::cmd("FLUSHALL").exec(&mut link).unwrap();
    // The room is put back, and then mends for two seconds.
    let once_whole = |edge: usize, fan: &mut Fan, device: &Device, of: (&str, &str)| {
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            let answer = call(&fleet, edge, fan, device, of, &json!({}));
            if answer.status != 503 {
                return answer;
            }
            assert!(Instant::now() < deadline, "it never came back: {}", answer.text());
            std::thread::sleep(Duration::from_millis(100));
        }
    };
    for edge in 0..2 {
        let moved = once_whole(edge, &mut fan, &first, ("leave", &ticket));
        assert_eq!((moved.status, moved.problem()), (409, "moved".to_owned()), "edge {edge}: {}", moved.text());
        let spent = once_whole(edge, &mut other, &second, ("move", &token));
        assert_eq!((spent.status, spent.problem()), (403, "move-spent".to_owned()), "edge {edge}: {}", spent.text());
    }
    expect_left(&once_whole(0, &mut other, &second, ("leave", &token)));
}

fn expect_left(answer: &Answer) {
    assert_eq!(answer.status, 204, "{}", answer.text());
}
