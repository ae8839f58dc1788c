//! A room that waits for public randomness where there is no network: the way out is in its descriptor, and on its label.

use std::fs;
use std::process::{Command, Output};

use serde_json::json;

use crate::world::{Setup, World};

/// Round 1000 of quicknet: genuine, and of long ago.
const ROUND: &str = r#"{"round":1000,"signature":"b44679b9a59af2ec876b1a6b1ad52ea9b1615fc3982b19576350f93447cb1125e342b73a8dd2bacbe47e4b6b63ed5e39"}"#;

fn fairgate(args: &[&str]) -> (Option<i32>, String) {
    let output: Output = Command::new(env!("CARGO_BIN_EXE_fairgate")).arg("draw").args(args).output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8_lossy(&said).into_owned())
}

#[test]
fn without_a_network_the_draw_waits_refuses_other_rounds_and_goes_on_as_committed() {
    let room = "draw = { beacon = \"quicknet\", relays = [\"http://127.0.0.1:1\"], delay = \"2s\", fallback = \"2s\" }";
    let world = World::start(Setup { opens_in_ms: -1_000, starts_in_ms: 5_000, room, ..Setup::default() });
    let url = format!("http://{}/.fairgate/final/draw", world.address);
    let mut fan = world.fan();
    fan.join(1);
    let waiting = world.wait_until("frozen", |status| !status["draw"]["root"].is_null());
    let named = waiting["draw"]["descriptor"]["beacon"]["round"].as_u64().unwrap();
    assert_eq!(waiting["draw"]["label"], "committed", "who may go on without the round could aim the draw");

    let file = world.data().join("round.json");
    fs::write(&file, ROUND).unwrap();
    let hand_in = || fairgate(&["beacon", &url, "--file", file.to_str().unwrap()]);
    world.wait_until("waiting for the round", |_| hand_in().1.contains("this is round 1000"));
    let (code, said) = hand_in();
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains(&format!("this is round 1000, and the draw waits for round {named}")), "{said}");

    let serving = world.wait_until("serving", |status| status["phase"] == "serving");
    assert_eq!((&serving["draw"]["label"], &serving["draw"]["beacon"]), (&json!("committed"), &json!(null)));
    assert!(world.log().contains("a relay's answer is of no use"), "{}", world.log());
    let (_, said) = hand_in();
    assert!(said.contains("comes too late"), "{said}");
    let (code, said) = fairgate(&["verify", &url]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains(&format!("ok    beacon: round {named} did not come in time")), "{said}");
}
