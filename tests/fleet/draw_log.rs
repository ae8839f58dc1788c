//! The draw log of a fleet: all edges serve the same bytes, and each statement stands there once.

use std::thread::sleep;
use std::time::{Duration, Instant};

use fairgate_draw::log::{Batch, Checkpoint, KeyKind, NoteSigner, SignedNote, Statement};
use fairgate_testkit::PrivateRedis;

use crate::edges::{Fleet, Sale};
use crate::fan::Fan;
use crate::faults::ask;
use crate::shop::Shop;

const NAME: &str = "tickets.example/.fairgate/draw.log";
const SALE: Sale = Sale { starts_in_ms: 14_000, rate_per_minute: 30_000, burst: 50 };

/// What an edge shows of the log: the checkpoint's text, and the statements.
fn shown(fleet: &Fleet, edge: usize) -> Option<(Checkpoint, Vec<Statement>)> {
    let get = |path: &str| Fan::new(fleet.gates[edge]).try_get(&format!("/.fairgate/draw.log/{path}")).ok();
    let key = NoteSigner::new(NAME, KeyKind::Log, &[7; 32]).unwrap().key().clone();
    let note = get("checkpoint").filter(|answer| answer.status == 200)?;
    let checkpoint = Checkpoint::open(&SignedNote::parse(&note.text()).unwrap(), &key).unwrap();
    let bundle = get(&format!("tile/entries/000.p/{}", checkpoint.size)).filter(|answer| answer.status == 200)?;
    Some((checkpoint, Batch::from_bytes(bundle.body).statements().unwrap()))
}

/// Waits until all edges show the same log with so many statements.
fn wait_for(fleet: &Fleet, size: u64) -> Vec<Statement> {
    let deadline = Instant::now() + Duration::from_secs(90);
    loop {
        let logs: Vec<_> = (0..3).map(|edge| shown(fleet, edge)).collect();
        if let Some((checkpoint, statements)) = &logs[0]
            && checkpoint.size >= size
            && logs.iter().all(|log| *log == logs[0])
        {
            return statements.clone();
        }
        let sizes: Vec<_> = logs.iter().map(|log| log.as_ref().map(|(checkpoint, _)| checkpoint.size)).collect();
        assert!(
            Instant::now() < deadline,
            "the edges never show the same {size} statements: {sizes:?}\n{}",
            fleet.log(0)
        );
        sleep(Duration::from_millis(100));
    }
}

fn kinds(statements: &[Statement]) -> Vec<String> {
    let kind = |statement: &Statement| statement.to_string().lines().next().unwrap()[12..].to_owned();
    let mut kinds: Vec<String> = statements.iter().map(kind).collect();
    kinds.sort();
    kinds
}

#[test]
fn all_edges_serve_the_same_log_and_what_disks_and_redis_lose_is_put_back() {
    let (redis, shop) = (PrivateRedis::start().unwrap(), Shop::start());
    let key = NoteSigner::private_text(NAME, KeyKind::Log, &[7; 32]).unwrap();
    let mut fleet = Fleet::logged(redis.address(), shop.address, &SALE, &key);
    // The schedule of the files, and the one that has replaced it.
    let begun = wait_for(&fleet, 2);
    assert_eq!(kinds(&begun), ["draw", "draw"]);
    fleet.wait_until(0, "pooling", |status| status["phase"] == "pooling");
    assert_eq!(Fan::new(fleet.gates[0]).join(1).status, 200);
    (0..3).for_each(|edge| fleet.wait_until(edge, "serving", |status| status["phase"] == "serving"));
    let all = wait_for(&fleet, 5);
    assert_eq!(kinds(&all), ["draw", "draw", "freeze", "reveal", "void"], "each once, and what was replaced is void");
    assert_eq!(all[..2], begun[..], "nothing that was signed is changed");

    fleet.kill(2);
    fleet.burn(2);
    fleet.start_edge(2);
    fleet.wait_until(2, "back", |status| status["phase"] == "serving");
    assert_eq!(wait_for(&fleet, 5), all, "an edge with a new disk has all of it");

    // An edge that starts with the times of its file keeps what it finds.
    fleet.write_times();
    fleet.kill(1);
    ask(&redis, &["FLUSHALL"]);
    fleet.start_edge(1);
    (0..3).for_each(|edge| fleet.wait_until(edge, "back", |status| status["phase"] == "serving"));
    assert_eq!(wait_for(&fleet, 5), all, "the edges put back what the store has lost, and append nothing");
}
