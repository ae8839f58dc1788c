//! Two sales of a real edge, one after the other: what the second one is committed to outlives `kill -9`, and anyone verifies both
//! draws by their own addresses.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use fairgate_draw::InclusionProof;
use fairgate_draw::log::{Batch, Statement};
use fairgate_testkit::fan::Fan;
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

/// Checks that a single entry of a draw is proved, by the product's check and by the independent one.
fn proves(world: &World, path: &str, record: &Value) {
    let answer = world.fan().get(&format!("/.fairgate/final/{path}"));
    assert_eq!((answer.status, answer.header("access-control-allow-origin")), (200, Some("*")), "{}", answer.text());
    let proof = answer.json();
    let hash = |text: &Value| -> [u8; 32] { hex::decode(text.as_str().unwrap()).unwrap().try_into().unwrap() };
    let shown = InclusionProof {
        index: proof["index"].as_u64().unwrap(),
        entries: record["entries"].as_u64().unwrap(),
        path: proof["path"].as_array().unwrap().iter().map(hash).collect(),
    };
    assert!(shown.verify(&hash(&proof["entry"]), &hash(&record["root"])), "{proof}");
    let script = "import json, sys; sys.path.insert(0, sys.argv[1]); import verify_draw as v\n\
                  proof, of = json.load(sys.stdin), bytes.fromhex\n\
                  path = [of(step) for step in proof['path']]\n\
                  leaf = v.sha256(b'\\x00' + of(proof['entry']))\n\
                  print(v.root_of_inclusion(leaf, proof['index'], proof['entries'], path).hex())";
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests");
    let mut independent = Command::new("python3")
        .args(["-B", "-c", script, folder])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    independent.stdin.take().unwrap().write_all(&answer.body).unwrap();
    let said = independent.wait_with_output().unwrap();
    assert_eq!(String::from_utf8_lossy(&said.stdout).trim(), record["root"].as_str().unwrap());
}

/// The waiting page as a browser without scripts has it.
fn page(world: &World) -> String {
    let html = world.fan().visit("/").text();
    html[html.find("<noscript>\n<p").expect("a part for them")..].to_owned()
}

/// A figure of the edge's.
fn metric(world: &World, name: &str) -> i64 {
    let metrics = Fan::new(world.admin_address).get("/metrics").text();
    metrics.lines().find_map(|line| line.strip_prefix(name)).expect("a figure").trim().parse().expect("a number")
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
    let opens_at_ms = next["opens_at_ms"].as_i64().unwrap();
    let opens = jiff::Timestamp::from_millisecond(opens_at_ms).unwrap().strftime("%F %H:%M (UTC)").to_string();
    assert!(page(&world).contains(&opens), "{opens}: {}", page(&world));
    let opens_metric = "fairgate_room_next_sale_opens_timestamp_seconds{room=\"final\"} ";
    assert_eq!(metric(&world, opens_metric), opens_at_ms / 1_000);
    assert_eq!(kinds(&world), ["draw", "draw", "freeze", "reveal"], "the next draw is logged before it begins");
    let begun = world.wait_until("went on", |status| status["phase"] == "idle");
    assert_eq!(begun["draw"]["descriptor_digest"], next["descriptor_digest"]);
    assert_eq!(begun["next"], Value::Null);
    assert_eq!(metric(&world, opens_metric), 0, "there is none");
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
    for index in 0..3 {
        proves(&world, &format!("draws/{old}/draw/proof/{index}"), &record.json());
    }
    for (path, problem) in [
        (format!("draws/{old}/draw/proof/3"), "no-such-entry"),
        (format!("draws/{old}/draw/proof/0/0"), "not-found"),
        (format!("draws/{}/draw/proof/0", "00".repeat(32)), "no-such-draw"),
    ] {
        let refused = world.fan().get(&format!("/.fairgate/final/{path}"));
        assert_eq!((refused.status, refused.problem().as_str()), (404, problem), "{path}");
    }
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
    let present = world.fan().get("/.fairgate/final/draw").json();
    proves(&world, "draw/proof/4", &present);
    proves(&world, &format!("draws/{new}/draw/proof/4"), &present);
    verify(&world, "draw");
    verify(&world, &format!("draws/{new}/draw"));
    verify(&world, &format!("draws/{old}/draw"));
    let deadline = Instant::now() + Duration::from_secs(20);
    while kinds(&world) != ["draw", "draw", "freeze", "reveal", "freeze", "reveal"] {
        assert!(Instant::now() < deadline, "{:?}\n{}", kinds(&world), world.log());
        std::thread::sleep(Duration::from_millis(100));
    }
}
