//! A room with tiers over real sockets, from the first join to the verification of what was served, across `kill -9`.

use std::process::Command;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use fairgate_draw::v2::{NO_TAG, Nonce, entry};
use serde_json::{Value, json};

use crate::world::{Setup, World};

const ROOM: &str = "tier = [{ name = \"members\", label = { en = \"Members\" } }, { name = \"fans\", band = 1 }]";

/// Joins with what is made of a number that only this fan knows.
fn join(world: &World, u: u8) -> Value {
    let nonce = URL_SAFE_NO_PAD.encode(Nonce::of(&[u; 16]).0);
    let joined = world.fan().call("join", &json!({ "nonce": nonce }).to_string());
    assert_eq!(joined.status, 200, "{}", joined.text());
    joined.json()
}

fn claim(world: &World, joined: &Value, u: u8) -> Value {
    let bearer = format!("Bearer {}", joined["ticket"].as_str().unwrap());
    let body = json!({ "u": URL_SAFE_NO_PAD.encode([u; 16]) }).to_string();
    let headers = [("Authorization", &*bearer), ("Content-Type", "application/json")];
    let claimed = world.fan().send("POST", "/.fairgate/final/claim", &headers, &body);
    assert_eq!(claimed.status, 200, "{}", claimed.text());
    claimed.json()
}

fn hash(hex: &Value) -> [u8; 32] {
    hex::decode(hex.as_str().unwrap()).unwrap().try_into().unwrap()
}

fn run(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(output.status.success(), "{said}");
    said
}

#[test]
fn a_room_with_tiers_draws_across_kills_and_both_verifiers_find_it_sound() {
    let mut world = World::start(Setup { opens_in_ms: -1_000, starts_in_ms: 15_000, room: ROOM, ..Setup::default() });
    let first: Vec<Value> = (0..3).map(|u| join(&world, u)).collect();
    world.kill();
    world.start_edge();
    assert_eq!(join(&world, 1)["index"], 1, "who comes again has the same entry, though the edge was killed");
    let all: Vec<Value> = first.into_iter().chain((3..6).map(|u| join(&world, u))).collect();
    let draw = hash(&world.status()["draw"]["descriptor_digest"]);
    for (u, joined) in (0..).zip(&all) {
        let own = entry(&draw, 1, Nonce::of(&[u; 16]), &NO_TAG);
        assert_eq!((&joined["tier"], hash(&joined["entry"])), (&json!(1), own), "the last tier");
    }
    let pools = json!([{"name": "members", "label": {"en": "Members"}, "pool_size": 0}, {"name": "fans", "label": null, "pool_size": 6}]);
    world.wait_until("all in", |status| status["tiers"] == pools);
    world.wait_until("frozen", |status| !status["draw"]["tiers"].is_null());
    world.kill();
    world.start_edge();
    let serving = world.wait_until("serving", |status| status["phase"] == "serving");
    assert_eq!(serving["draw"]["tiers"][1]["entries"], 6);
    let mut places: Vec<u64> =
        (0..).zip(&all).map(|(u, joined)| claim(&world, joined, u)["place"].as_u64().unwrap()).collect();
    places.sort_unstable();
    assert_eq!(places, [0, 1, 2, 3, 4, 5]);
    let url = format!("http://{}/.fairgate/final/draw", world.address);
    let proof = world.fan().get("/.fairgate/final/draw/proof/1/4").json();
    assert_eq!((&proof["entry"], &proof["root"]), (&all[4]["entry"], &serving["draw"]["tiers"][1]["root"]));
    let range = world.fan().send("GET", "/.fairgate/final/draw/roster/1", &[("Range", "bytes=32-63")], "");
    assert_eq!((range.status, &*range.body), (206, &hash(&all[1]["entry"])[..]));
    let said = run(Command::new(env!("CARGO_BIN_EXE_fairgate")).args(["draw", "verify", &url]));
    assert!(said.contains("no identity is asked for"), "{said}");
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/verify_draw.py");
    run(Command::new("python3").args([script, &url]));
}
