//! The draw log of a real edge: what is logged, cosigned by witnesses, served and verified, and what faults do to it.

use std::fs;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use fairgate_draw::log::{
    Batch, Checkpoint, KeyKind, Logged, NoteSigner, SignedNote, Statement, TlogProof, VerifierKey,
};
use fairgate_testkit::fan::{Answer, Fan};

use crate::witness::{Outsider, log_key};
use crate::world::{Setup, World, free_address};

const PATIENCE: Duration = Duration::from_secs(60);

fn sale(witnesses: Vec<(String, String)>, starts_in_ms: i64) -> Setup {
    Setup { opens_in_ms: -1_000, starts_in_ms, log: Some(witnesses), ..Setup::default() }
}

fn file(world: &World, path: &str) -> Answer {
    world.fan().get(&format!("/.fairgate/draw.log/{path}"))
}

/// The log's last checkpoint, which its key has signed.
fn checkpoint(world: &World) -> Option<Checkpoint> {
    let answer = file(world, "checkpoint");
    let note = (answer.status == 200).then(|| SignedNote::parse(&answer.text()).unwrap())?;
    Some(Checkpoint::open(&note, &log_key()).unwrap())
}

/// All statements, as the log's bundle has them.
fn statements(world: &World) -> Vec<Statement> {
    let size = checkpoint(world).map_or(0, |checkpoint| checkpoint.size);
    if size == 0 {
        return Vec::new();
    }
    let bundle = file(world, &format!("tile/entries/000.p/{size}"));
    assert_eq!((bundle.status, bundle.header("cache-control").unwrap().contains("immutable")), (200, true));
    Batch::from_bytes(bundle.body).statements().unwrap()
}

fn kinds(statements: &[Statement]) -> Vec<String> {
    statements.iter().map(|statement| statement.to_string().lines().next().unwrap()[12..].to_owned()).collect()
}

/// Waits until the log has so many statements.
fn wait_for_size(world: &World, size: u64) -> Vec<Statement> {
    let deadline = Instant::now() + PATIENCE;
    while checkpoint(world).is_none_or(|checkpoint| checkpoint.size < size) {
        assert!(Instant::now() < deadline, "the log never has {size} statements:\n{}", world.log());
        std::thread::sleep(Duration::from_millis(50));
    }
    statements(world)
}

/// What the published proof of a statement shows to somebody who knows this witness.
fn logged(world: &World, kind: &str, statement: &Statement, witness: &VerifierKey) -> Logged {
    let answer = world.fan().get(&format!("/.fairgate/final/draw/{kind}.tlog-proof"));
    assert_eq!(answer.status, 200, "{kind}: {}", answer.text());
    let proof = TlogProof::parse(&answer.text()).unwrap();
    proof.verify(statement, &log_key(), std::slice::from_ref(witness)).unwrap()
}

fn metric(world: &World, line: &str) -> Option<f64> {
    let text = Fan::new(world.admin_address).get("/metrics").text();
    let found = text.lines().find_map(|found| found.strip_prefix(line))?;
    found.trim().parse().ok()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&[output.stdout.clone(), output.stderr.clone()].concat()).into_owned()
}

#[test]
fn a_sale_is_logged_cosigned_by_outsiders_and_verified_by_anyone() {
    let witness = Outsider::start("witness.example/w1", 8, &[log_key().to_string()]);
    let absent = NoteSigner::new("absent.example/w9", KeyKind::Witness, &[9; 32]);
    let absent = (absent.unwrap().key().to_string(), format!("http://{}", free_address()));
    let mut world = World::start(sale(vec![witness.named(), absent], 20_000));
    let key = VerifierKey::parse(&witness.vkey).unwrap();
    assert_eq!(kinds(&wait_for_size(&world, 1)), ["draw"], "before anything is drawn");
    (1..=3).for_each(|fan| assert_eq!(world.fan().join(fan).status, 200));
    let status = world.wait_until("serving", |status| status["phase"] == "serving");
    let all = wait_for_size(&world, 3);
    assert_eq!(kinds(&all), ["draw", "freeze", "reveal"]);

    let vkey = log_key().to_string();
    let record = world.fan().get("/.fairgate/final/draw").json();
    assert_eq!((&record["log"], &status["draw"]["log"]), (&vkey.clone().into(), &vkey.into()));
    let root = file(&world, "tile/0/000.p/3").body;
    assert_eq!(root.len(), 96);
    let deadline = Instant::now() + PATIENCE;
    while logged(&world, "reveal", &all[2], &key).cosignatures.is_empty() {
        assert!(Instant::now() < deadline, "{}", world.log());
        std::thread::sleep(Duration::from_millis(50));
    }
    let freeze = logged(&world, "freeze", &all[1], &key);
    assert_eq!((freeze.checkpoint.size, freeze.cosignatures.len()), (2, 1), "before the secret was public");
    assert_eq!(logged(&world, "draw", &all[0], &key).cosignatures.len(), 1);
    for path in ["checkpoint/", "tile/0/001.p/1", "tile/entries/000", "tile/0/000.p/4", "2/checkpoint"] {
        assert_eq!(file(&world, path).status, 404, "{path}");
    }
    assert_eq!(world.fan().get("/.fairgate/final/draw/void.tlog-proof").status, 404);
    let other = format!("/.fairgate/final/draw/freeze.tlog-proof?d={}", "0".repeat(64));
    assert_eq!(world.fan().get(&other).status, 404, "another draw");

    let url = format!("http://{}/.fairgate/final/draw", world.address);
    let verified = Command::new(env!("CARGO_BIN_EXE_fairgate"))
        .args(["draw", "verify", &url, "--witness-key", &witness.vkey])
        .output()
        .unwrap();
    assert_eq!(verified.status.code(), Some(0), "{}", said(&verified));
    for part in [
        "ok    log: the log of 3 statements has 3 of the draw",
        "the outside witness witness.example/w1 saw the freeze",
    ] {
        assert!(said(&verified).contains(part), "{part}: {}", said(&verified));
    }
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/verify_draw.py");
    let independent = Command::new("python3").args([script, &url, "--witness-key", &witness.vkey]).output().unwrap();
    assert_eq!(independent.status.code(), Some(0), "{}", said(&independent));

    assert_eq!(metric(&world, "fairgate_draw_log_size "), Some(3.0));
    assert_eq!(metric(&world, "fairgate_draw_log_overdue_statements "), Some(0.0));
    let of = |witness: &str, outcome: &str| {
        metric(&world, &format!("fairgate_draw_log_witness_total{{outcome=\"{outcome}\",witness=\"{witness}\"}} "))
    };
    assert!(of("witness.example/w1", "cosigned").unwrap() >= 3.0);
    assert!(of("absent.example/w9", "unreachable").unwrap() >= 1.0);
    assert!(
        metric(&world, "fairgate_draw_log_cosigned_timestamp_seconds{witness=\"witness.example/w1\"} ").unwrap() > 1e9
    );

    let before = file(&world, "checkpoint").text();
    world.kill();
    world.start_edge();
    wait_for_size(&world, 3);
    std::thread::sleep(Duration::from_secs(3));
    assert_eq!(statements(&world), all, "each statement once, after kill -9, too");
    assert_eq!(
        SignedNote::parse(&before).unwrap().text(),
        SignedNote::parse(&file(&world, "checkpoint").text()).unwrap().text()
    );
}

#[test]
fn without_a_key_there_is_no_log_and_the_record_names_none() {
    let world = World::start(Setup { opens_in_ms: -1_000, starts_in_ms: 60_000, ..Setup::default() });
    assert_eq!(file(&world, "checkpoint").status, 404);
    assert_eq!(world.fan().get("/.fairgate/final/draw/draw.tlog-proof").status, 404);
    let record = world.fan().get("/.fairgate/final/draw").json();
    assert!(record.get("log").is_none() && world.status()["draw"].get("log").is_none());
}

/// A draw never waits for its log.
#[test]
fn a_log_that_cannot_be_written_stops_no_draw_and_is_caught_up() {
    let mut world = World::start(sale(vec![], 8_000));
    assert_eq!(kinds(&wait_for_size(&world, 1)), ["draw"]);
    world.kill();
    let (log, aside) = (world.data().join("draw.log"), world.data().join("draw.log.aside"));
    fs::rename(&log, &aside).unwrap();
    fs::write(&log, "a file where a directory should be").unwrap();
    world.start_edge();
    (1..=3).for_each(|fan| assert_eq!(world.fan().join(fan).status, 200));
    world.wait_until("serving", |status| status["phase"] == "serving");
    assert_eq!(file(&world, "checkpoint").status, 404, "nothing is shown of it");
    assert!(metric(&world, "fairgate_draw_log_failures_total ").unwrap() >= 1.0);
    assert!(world.log().contains("the draw log stands still; draws go on without it"), "{}", world.log());
    fs::remove_file(&log).unwrap();
    fs::rename(&aside, &log).unwrap();
    assert_eq!(kinds(&wait_for_size(&world, 3)), ["draw", "freeze", "reveal"]);
    assert!(world.log().contains("the draw log goes on"));
}

#[test]
fn a_log_that_lost_its_end_signs_nothing_until_it_is_put_back() {
    let witness = Outsider::start("witness.example/w1", 8, &[log_key().to_string()]);
    let mut world = World::start(sale(vec![witness.named()], 6_000));
    wait_for_size(&world, 1);
    let dir = world.data().join("draw.log/tickets.example");
    let (file_path, signed) = (dir.join("1.statements"), dir.join("1.signed"));
    let backup = fs::read(&file_path).unwrap();
    world.wait_until("serving", |status| status["phase"] == "serving");
    wait_for_size(&world, 3);
    let whole = fs::read(&file_path).unwrap();
    std::thread::sleep(Duration::from_secs(1));
    world.kill();
    // An old backup is put back, and nothing on this disk knows better: the witness does.
    fs::write(&file_path, &backup).unwrap();
    fs::remove_file(&signed).unwrap();
    world.start_edge();
    let deadline = Instant::now() + PATIENCE;
    while !world.log().contains("the log has lost its end: 3 statements were signed for, and 1 are there") {
        assert!(Instant::now() < deadline, "{}", world.log());
        std::thread::sleep(Duration::from_millis(100));
    }
    assert_eq!(checkpoint(&world).unwrap().size, 1);
    assert_eq!(fs::read(&file_path).unwrap().len(), backup.len(), "nothing is appended to it");
    world.kill();
    fs::write(&file_path, &whole).unwrap();
    world.start_edge();
    assert_eq!(kinds(&wait_for_size(&world, 3)), ["draw", "freeze", "reveal"]);
    assert_eq!(file(&world, "tile/0/000.p/3").body.len(), 96);
}
