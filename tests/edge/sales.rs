//! Two sales of a real edge, one after the other: what the second one is committed to outlives `kill -9`, and anyone verifies both
//! draws by their own addresses.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use fairgate_draw::log::{Batch, Statement};
use serde_json::Value;

use crate::world::{Setup, World, now_ms};

const ENDS_IN_MS: i64 = 26_000;
const NEXT_OPENS_IN_MS: i64 = 60_000;
const NEXT_STARTS_IN_MS: i64 = 72_000;

/// Gives the room one more sale.
fn with_next(dir: &Path) {
    let time = |in_ms: i64| jiff::Timestamp::from_millisecond(now_ms() + in_ms).unwrap();
    let (opens_at, starts_at) = (time(NEXT_OPENS_IN_MS), time(NEXT_STARTS_IN_MS));
    let sale = format!("[[room.sale]]\nname = \"second\"\nopens_at = \"{opens_at}\"\nstarts_at = \"{starts_at}\"\n");
    let mut file = OpenOptions::new().append(true).open(dir.join("fairgate.toml")).unwrap();
    file.write_all(sale.as_bytes()).unwrap();
}

/// Verifies a draw by its address, with the product's verifier and with the independent one.
fn verify(world: &World, path: &str) {
    let url = format!("http://{}/.fairgate/final/{path}", world.address);
    let verified = Command::new(env!("CARGO_BIN_EXE_fairgate")).args(["draw", "verify", &url]).output().unwrap();
    let said = String::from_utf8_lossy(&[verified.stdout, verified.stderr].concat()).into_owned();
    assert!(verified.status.success(), "{url}: {said}");
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/verify_draw.py");
    let independent = Command::new("python3").args([script, &url]).output().unwrap();
    let said = String::from_utf8_lossy(&[independent.stdout, independent.stderr].concat()).into_owned();
    assert!(independent.status.success(), "{url}: {said}");
}

fn kinds(world: &World) -> Vec<String> {
    let checkpoint = world.fan().get("/.fairgate/draw.log/checkpoint").text();
    let Some(size) = checkpoint.lines().nth(1).and_then(|size| size.parse::<u64>().ok()) else { return Vec::new() };
    let bundle = world.fan().get(&format!("/.fairgate/draw.log/tile/entries/000.p/{size}"));
    let statements = Batch::from_bytes(bundle.body).statements().unwrap_or_default();
    let kind = |statement: &Statement| statement.to_string().lines().next().unwrap()[12..].to_owned();
    statements.iter().map(kind).collect()
}

#[test]
fn two_sales_follow_each_other_and_anyone_verifies_both_draws() {
    let mut world = World::start(Setup {
        opens_in_ms: -1_000,
        starts_in_ms: 12_000,
        ends_in_ms: Some(ENDS_IN_MS),
        log: Some(Vec::new()),
        before: with_next,
        ..Setup::default()
    });
    let first = world.wait_until("has prepared the next draw", |status| status["next"]["commitment"].is_string());
    let next = first["next"].clone();
    for fan in 1..=3 {
        assert_eq!(world.fan().join(fan).status, 200);
    }
    world.kill();
    world.start_edge();
    let again = world.wait_until("shows the next draw again", |status| status["next"]["commitment"].is_string());
    assert_eq!((&again["next"], &again["draw"]["commitment"]), (&next, &first["draw"]["commitment"]));

    let ended = world.wait_until("ended", |status| status["phase"] == "ended");
    assert_eq!(ended["next"], next);
    assert_eq!(kinds(&world), ["draw", "draw", "freeze", "reveal"], "the next draw is logged before it begins");
    let begun = world.wait_until("went on", |status| status["phase"] == "idle");
    assert_eq!(begun["draw"]["descriptor_digest"], next["descriptor_digest"]);
    assert_eq!(begun["next"], Value::Null);
    assert_eq!(world.fan().get("/.fairgate/final/draw?d=00").status, 404);

    let digest = |status: &Value| status["draw"]["descriptor_digest"].as_str().unwrap().to_owned();
    let (old, new) = (digest(&first), digest(&begun));
    let listed = world.fan().get("/.fairgate/final/draws").json();
    let digests: Vec<&str> =
        listed["draws"].as_array().unwrap().iter().filter_map(|draw| draw["descriptor_digest"].as_str()).collect();
    assert_eq!(digests, [&*new, &*old]);
    let record = world.fan().get(listed["draws"][1]["record"].as_str().unwrap());
    assert_eq!((record.status, record.header("cache-control")), (200, Some("public, max-age=31536000, immutable")));
    assert_eq!(record.json()["commitment"], first["draw"]["commitment"]);
    verify(&world, &format!("draws/{old}/draw"));
    // It is there after a restart, too, and so is the room's second sale.
    world.kill();
    world.start_edge();
    let roster = world.fan().get(&format!("/.fairgate/final/draws/{old}/draw/roster"));
    assert_eq!((roster.status, roster.body.len()), (200, 3 * 32));
    let part =
        world.fan().send("GET", &format!("/.fairgate/final/draws/{old}/draw/roster"), &[("range", "bytes=32-63")], "");
    assert_eq!((part.status, &part.body[..]), (206, &roster.body[32..64]));
    assert_eq!(world.fan().get(&format!("/.fairgate/final/draws/{}/draw", "00".repeat(32))).status, 404);
    assert_eq!(world.fan().get(&format!("/.fairgate/final/draws/{old}/draw/freeze.tlog-proof")).status, 200);

    world.wait_until("opened again", |status| status["phase"] == "pooling");
    for fan in 1..=5 {
        assert_eq!(world.fan().join(fan).status, 200);
    }
    let serving = world.wait_until("served again", |status| status["phase"] == "serving");
    assert_eq!((digest(&serving), &serving["draw"]["entries"]), (new.clone(), &Value::from(5)));
    verify(&world, "draw");
    verify(&world, &format!("draws/{new}/draw"));
    verify(&world, &format!("draws/{old}/draw"));
    let deadline = Instant::now() + Duration::from_secs(20);
    while kinds(&world) != ["draw", "draw", "freeze", "reveal", "freeze", "reveal"] {
        assert!(Instant::now() < deadline, "{:?}\n{}", kinds(&world), world.log());
        std::thread::sleep(Duration::from_millis(100));
    }
}
