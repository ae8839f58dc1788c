//! What an auditor, and a fan with a receipt, find at a real edge.

use std::process::{Command, Output};
use std::sync::Arc;

use fairgate_core::room;
use fairgate_store::Store;
use fairgate_store::embedded::EmbeddedStore;
use fairgate_telemetry::clock::SystemClock;

use crate::world::{Setup, World};

/// More than the edge answers at once, so that the roster comes in several ranges.
const CROWD: u64 = 40_000;

fn said(output: &Output) -> String {
    [&*output.stdout, &*output.stderr].iter().map(|bytes| String::from_utf8_lossy(bytes)).collect()
}

fn fairgate(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_fairgate")).arg("draw").args(args).output().unwrap()
}

/// Enters a crowd while the edge is down: one by one over HTTP it would take a minute.
fn enter_crowd(world: &mut World) {
    world.kill();
    let store = EmbeddedStore::open(world.data(), Arc::new(SystemClock)).unwrap();
    let entry = |fan: u64| {
        let mut entry = [0xc0; 32];
        entry[..8].copy_from_slice(&fan.to_be_bytes());
        entry
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let entered = runtime.block_on(store.apply("final", room::Command::Enter((0..CROWD).map(entry).collect())));
    assert!(entered.is_ok(), "{entered:?}");
    drop((runtime, store));
    world.start_edge();
}

fn assert_record_is_final_and_fits_its_schema(world: &World) {
    let record = world.fan().get("/.fairgate/final/draw");
    let digest = world.status()["draw"]["descriptor_digest"].as_str().unwrap().to_owned();
    for path in ["draw", "draw/roster", "draw/proof/0"] {
        let ask = |query: &str| world.fan().get(&format!("/.fairgate/final/{path}{query}"));
        let kept = |query: &str| ask(query).header("cache-control").unwrap().to_owned();
        assert_eq!(kept(&format!("?d={digest}")), "public, max-age=31536000, immutable", "{path}");
        assert_eq!(kept(""), "public, max-age=1", "{path}: the next draw has the same address");
        let other = ask("?d=anything");
        assert_eq!(
            (other.status, other.header("cache-control"), other.problem().as_str()),
            (404, Some("no-store"), "no-such-draw")
        );
    }
    assert_eq!(record.header("link"), Some("</.fairgate/draw-record.schema.json>; rel=\"describedby\""));
    let schema = world.fan().get("/.fairgate/draw-record.schema.json").json();
    assert!(jsonschema::validator_for(&schema).unwrap().is_valid(&record.json()), "{}", record.text());
    let claims = world.fan().get("/.fairgate/final/draw/claims");
    assert_eq!((claims.status, claims.body.len()), (200, 0), "nobody was let in yet");
}

#[test]
fn the_draw_of_an_edge_holds_and_its_tickets_are_honoured() {
    let admission = "rate_per_minute = 6000000\nburst = 100000\nmax_active = 100000";
    let mut world = World::start(Setup { opens_in_ms: -1_000, starts_in_ms: 15_000, admission, ..Setup::default() });
    let url = format!("http://{}/.fairgate/final/draw", world.address);
    let mut early = world.fan();
    let receipt = early.join(1).json()["ticket"].as_str().unwrap().to_owned();
    let unfinished = fairgate(&["verify", &url]);
    assert_eq!(unfinished.status.code(), Some(3), "{}", said(&unfinished));
    let too_early = fairgate(&["dispute", &receipt, &url]);
    assert_eq!(too_early.status.code(), Some(2), "{}", said(&too_early));

    enter_crowd(&mut world);
    world.wait_until("serving", |status| status["phase"] == "serving");
    let verified = fairgate(&["verify", &url]);
    assert_eq!(verified.status.code(), Some(0), "{}", said(&verified));
    assert!(said(&verified).contains("ok    signature: signed by key "), "{}", said(&verified));
    assert!(said(&verified).contains(&format!("ok    roster: {} entries", CROWD + 1)), "{}", said(&verified));

    assert_record_is_final_and_fits_its_schema(&world);
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/verify_draw.py");
    let independent = Command::new("python3").args([script, &url, "--samples", "20"]).output().unwrap();
    assert_eq!(independent.status.code(), Some(0), "{}", said(&independent));

    let mut late = world.fan();
    let late_receipt = late.join(2).json()["ticket"].as_str().unwrap().to_owned();
    let pass = late.enter(2)["pass"].as_str().unwrap().to_owned();
    for arguments in [&["dispute", &*receipt, &url][..], &["dispute", &late_receipt, &url, "--pass", &pass]] {
        let honoured = fairgate(arguments);
        assert_eq!(honoured.status.code(), Some(0), "{}", said(&honoured));
    }
    let someone_elses = fairgate(&["dispute", &receipt, &url, "--pass", &pass]);
    assert_eq!(someone_elses.status.code(), Some(1), "{}", said(&someone_elses));
}
