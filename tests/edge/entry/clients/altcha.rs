//! npm's `altcha-lib` solves the edge's challenge with the edge's own worker.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::client;
use crate::entry::{asking, assert_entered, assert_refused, bond, join};
use crate::world::World;

const WORK: &str = "[room.entry]\nall_of = [\"work\"]\n[room.entry.work]\neffort = 2\nstock_widget = true";

/// As the widget puts it into a form.
fn shown(payload: &Value) -> Value {
    json!({ "altcha": STANDARD.encode(payload.to_string()) })
}

#[test]
fn its_solver_enters_with_our_worker_and_a_wrong_solution_does_not() {
    let world = World::start(asking(WORK));
    let path = format!("/.fairgate/final/entry/altcha?bond={}", bond(1, "").to_base64url());
    let challenge = world.fan().get(&path).json();
    let script = world.fan().get("/.fairgate/entry/birthday.js").text();
    let payload = client("altcha.mjs").ask(&json!({"do": "solve", "challenge": challenge, "script": script}));
    assert!(payload["solution"]["counter"].as_u64() >= Some(1), "two tables at least: {payload}");
    let changed = |path: &str, value: Value| {
        let mut other = payload.clone();
        *other.pointer_mut(path).unwrap() = value;
        shown(&other)
    };
    let key = payload["solution"]["derivedKey"].as_str().unwrap();
    let last = if key.ends_with('0') { "1" } else { "0" };
    let wrong = [
        changed("/solution/derivedKey", json!(format!("{}{last}", &key[..key.len() - 1]))),
        changed("/challenge/parameters/cost", json!(1)),
        changed("/challenge/signature", json!("00".repeat(32))),
        json!({"altcha": "nonsense"}),
    ];
    for wrong in wrong {
        assert_refused(&join(&mut world.fan(), 1, &wrong), 403, "work-wrong");
    }
    assert_refused(&join(&mut world.fan(), 2, &shown(&payload)), 403, "work-wrong");
    let half = changed("/solution/derivedKey", json!(key[..80]));
    assert_refused(&join(&mut world.fan(), 1, &half), 428, "more-work");
    let first = assert_entered(&join(&mut world.fan(), 1, &shown(&payload)));
    let again = assert_entered(&join(&mut world.fan(), 1, &shown(&payload)));
    assert_eq!(first["index"], again["index"], "its replay is the same entry");
}
