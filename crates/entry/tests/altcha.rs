//! ALTCHA's own code takes our challenges: its widget solves them in Chromium, unchanged, and its library for servers checks
//! the signature.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use fairgate_entry::bond::Bond;
use fairgate_entry::keys::Key;
use fairgate_entry::way::{Judgement, Person, Scene, Shown, Way};
use fairgate_entry::work::altcha::Altcha;
use fairgate_entry::work::way::Work;
use fairgate_testkit::node::packages;
use serde_json::{Value, json};

const TESTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/altcha");
const BIRTHDAY: &str = include_str!("../../../pages/entry/birthday.js");
const DRAW: [u8; 32] = [9; 32];

fn run(command: &mut Command) -> Vec<u8> {
    let output = command.output().expect("node and npm run: make setup installs them");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {said} {}", String::from_utf8_lossy(&output.stdout));
    output.stdout
}

fn script(name: &str, arguments: &[&str]) -> Value {
    let script = Path::new(TESTS).join(name);
    let said =
        run(Command::new("node").arg(script).arg(packages(Path::new(env!("CARGO_TARGET_TMPDIR")))).args(arguments));
    serde_json::from_slice(&said).expect("JSON")
}

/// What a page serves to the widget: the solver as it is bundled.
fn solver() -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("birthday.js");
    fs::write(&path, fairgate_pages::bundle(&[BIRTHDAY])).expect("the solver is written");
    path
}

fn key() -> Key {
    Key::from_bytes([0x44; 32])
}

fn work() -> Work {
    Work::new(key())
}

/// Now, because ALTCHA's code looks at its own clock.
#[expect(clippy::disallowed_methods, reason = "a test's time is the machine's")]
fn scene() -> Scene<'static> {
    let now_ms = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_millis() as u64;
    let bond = Bond::of(&[3; 16], b"");
    Scene { now_ms, room: "final", draw: &DRAW, bond, hosts: &[], effort: 2 }
}

#[test]
fn the_widget_solves_our_challenge_and_the_library_checks_it() {
    let (altcha, scene) = (Altcha::new(work()), scene());
    let solver = solver();
    let said = script("widget.mjs", &[&solver.display().to_string(), &altcha.challenge(&scene)]);
    assert_eq!(said["states"], json!(["verifying", "verified"]), "{said}");
    let payload = said["payload"].as_str().expect("a payload");

    let (epoch, solutions) = altcha.open(payload, &scene).expect("ours");
    let shown = Shown::Work { epoch: epoch.0, solutions: &solutions };
    assert_eq!(work().judge(&shown, &scene), Judgement::Shown(Person::checked()));

    let secret = hex::encode(key().mac("fairgate/v2/altcha", &[]));
    let verdicts = script("library.mjs", &[&secret, payload]);
    let verdict = |verified: bool, signature: bool, solution: Value| json!({"verified": verified, "invalidSignature": signature, "invalidSolution": solution});
    assert_eq!(verdicts[0], verdict(true, false, json!(false)), "as it is");
    assert_eq!(verdicts[1], verdict(false, true, Value::Null), "another cost");
    assert_eq!(verdicts[2], verdict(false, false, json!(true)), "another solution");
    let others = script("library.mjs", &["another secret", payload]);
    assert_eq!(others[0], verdict(false, true, Value::Null), "another server");
}
