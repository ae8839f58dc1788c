//! A sale with tiers on a fleet, one edge of which is killed in the middle: what any edge serves of the draw is sound.

use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use fairgate_core::room::Rules;
use fairgate_draw::v2::{Methods, Nonce, Tier, Tiers};
use fairgate_testkit::PrivateRedis;
use serde_json::{Value, json};

use crate::edges::{Fleet, ROOM, Sale, program};
use crate::fan::Fan;
use crate::shop::Shop;

const SALE: Sale = Sale { starts_in_ms: 15_000, rate_per_minute: 6_000, burst: 50 };

fn rules() -> Rules {
    let tier = |band, name: &str| Tier { band, name: name.into(), share: 1 };
    let tiers = Tiers::new(vec![tier(0, "members"), tier(1, "fans")]).unwrap();
    Rules { identity: Methods::default(), tiers, retry: None, expected: 0 }
}

fn join(fleet: &Fleet, edge: usize, u: u8) -> Value {
    let nonce = URL_SAFE_NO_PAD.encode(Nonce::of(&[u; 16]).0);
    let joined = Fan::new(fleet.gates[edge]).call("join", &json!({ "nonce": nonce }).to_string());
    assert_eq!(joined.status, 200, "{}", joined.text());
    joined.json()
}

/// Waits for something that has to come.
fn eventually(what: &str, is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(90);
    while !is_so() {
        assert!(Instant::now() < deadline, "never {what}");
        sleep(Duration::from_millis(50));
    }
}

/// The edge that answered half of the fans is gone for good, with its disk, and Redis has lost everything. The other one has copies
/// of all that was published.
#[test]
fn one_edge_puts_the_rosters_of_all_tiers_back_though_others_answered_their_fans() {
    let (redis, shop) = (PrivateRedis::start().unwrap(), Shop::start());
    let mut fleet = Fleet::with_rules(2, redis.address(), shop.address, &SALE, Some(rules()));
    (0..6).for_each(|u| drop(join(&fleet, usize::from(u % 2), u)));
    (0..2).for_each(|edge| fleet.wait_until(edge, "serving", |status| status["phase"] == "serving"));
    let rosters = |fleet: &Fleet| {
        // A list whose store is gone ends before its end.
        [0, 1].map(|tier| {
            let path = format!("/.fairgate/{ROOM}/draw/roster/{tier}");
            Fan::new(fleet.gates[1]).try_get(&path).map_or_else(|_| Vec::new(), |answer| answer.body)
        })
    };
    let published = rosters(&fleet);
    assert_eq!(published.iter().map(Vec::len).sum::<usize>(), 6 * 32);
    let record = Fan::new(fleet.gates[1]).get(&format!("/.fairgate/{ROOM}/draw")).json();
    let roots = [0, 1].map(|tier| record["tiers"][tier]["root"].as_str().unwrap().to_owned());
    eventually("copies on the other edge's disk", || roots.iter().all(|root| fleet.copy_path(1, root).is_file()));
    fleet.kill(0);
    fleet.burn(0);
    let mut link = redis::Client::open(redis.url()).unwrap().get_connection().unwrap();
    redis::cmd("FLUSHALL").exec(&mut link).unwrap();
    eventually("rosters as they were published", || rosters(&fleet) == published);
    let said = "the frozen rosters of all tiers were put back from their copies";
    assert!(fleet.log(1).contains(said), "{}", fleet.log(1));
    let url = format!("http://{}/.fairgate/{ROOM}/draw", fleet.gates[1]);
    let verified = Command::new(program()).args(["draw", "verify", &url]).output().unwrap();
    assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stdout));
}

#[test]
fn edges_draw_with_tiers_together_though_one_is_killed() {
    let (redis, shop) = (PrivateRedis::start().unwrap(), Shop::start());
    let mut fleet = Fleet::with_rules(2, redis.address(), shop.address, &SALE, Some(rules()));
    let joined: Vec<Value> = (0..6).map(|u| join(&fleet, usize::from(u % 2), u)).collect();
    let indexes: Vec<u64> = joined.iter().map(|joined| joined["index"].as_u64().unwrap()).collect();
    assert_eq!(indexes, [0, 1, 2, 3, 4, 5]);
    fleet.kill(0);
    let again = join(&fleet, 1, 2);
    assert_eq!((&again["entry"], &again["again"]), (&joined[2]["entry"], &json!(true)), "known at another edge");
    fleet.start_edge(0);
    (0..2).for_each(|edge| fleet.wait_until(edge, "serving", |status| status["phase"] == "serving"));
    let mut places = Vec::new();
    for (u, joined) in (0_u8..).zip(&joined) {
        let bearer = format!("Bearer {}", joined["ticket"].as_str().unwrap());
        let headers = [("Authorization", &*bearer), ("Content-Type", "application/json")];
        let body = json!({ "u": URL_SAFE_NO_PAD.encode([u; 16]) }).to_string();
        let path = format!("/.fairgate/{ROOM}/claim");
        let claimed = Fan::new(fleet.gates[usize::from(u + 1) % 2]).send("POST", &path, &headers, &body);
        assert_eq!(claimed.status, 200, "{}", claimed.text());
        places.push(claimed.json()["place"].as_u64().unwrap());
    }
    places.sort_unstable();
    assert_eq!(places, [0, 1, 2, 3, 4, 5]);
    for gate in &fleet.gates {
        let url = format!("http://{gate}/.fairgate/{ROOM}/draw");
        let verified = Command::new(program()).args(["draw", "verify", &url]).output().unwrap();
        assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stdout));
    }
}
