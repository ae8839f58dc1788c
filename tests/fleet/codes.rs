//! A fleet whose edges have lists of codes in directories of their own: what is made, replaced or revoked at one edge is so at all.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use fairgate_testkit::PrivateRedis;
use serde_json::json;

use crate::edges::{Fleet, IDENTITY, Sale, program};
use crate::fan::{Answer, Fan};
use crate::shop::Shop;

const SALE: Sale = Sale { starts_in_ms: 3_600_000, rate_per_minute: 60_000, burst: 1_000 };
const ENTRY: &str = "[room.entry]\nany_of = [\"code\"]\n[[room.entry.codes]]\ncampaign = \"spring\"\n";
const PATIENCE: Duration = Duration::from_secs(60);

/// Where an edge has its lists.
fn codes_of(fleet: &Fleet, edge: usize) -> PathBuf {
    fleet.config_path(edge).with_file_name(format!("codes-{edge}"))
}

/// Starts an edge that has its lists in a directory of its own.
fn start_apart(fleet: &mut Fleet, edge: usize) {
    fleet.kill(edge);
    let file = fleet.config_path(edge);
    let text = fs::read_to_string(&file).unwrap();
    let codes = codes_of(fleet, edge);
    fs::write(&file, text.replacen("[edge]\n", &format!("[edge]\ncodes = {:?}\n", codes.to_str().unwrap()), 1))
        .unwrap();
    start(fleet, edge);
}

fn start(fleet: &mut Fleet, edge: usize) {
    fleet.start_edge(edge);
    fleet.wait_until(edge, "ready", |_| true);
}

/// `fairgate codes` with the keys of the fleet.
fn make(fleet: &Fleet, edge: usize, step: &[&str]) {
    let keys = fleet.config_path(edge).with_file_name("keys");
    let mut command = Command::new(program());
    command.arg("codes").args(step).env("FAIRGATE_IDENTITY_KEY", IDENTITY);
    let done = command.arg("--dir").arg(codes_of(fleet, edge)).arg("--keys").arg(keys).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}

/// Each join is another browser's.
fn join(fleet: &Fleet, edge: usize, code: &str) -> Answer {
    static JOINS: AtomicU64 = AtomicU64::new(0);
    let mut nonce = [0; 16];
    nonce[..8].copy_from_slice(&JOINS.fetch_add(1, Ordering::Relaxed).to_be_bytes());
    let body = json!({ "nonce": URL_SAFE_NO_PAD.encode(nonce), "show": { "code": code } }).to_string();
    Fan::new(fleet.gates[edge]).call("join", &body)
}

/// Waits until a code is answered so at an edge.
fn until(fleet: &Fleet, edge: usize, code: &str, is_so: impl Fn(&Answer) -> bool) {
    let begun = Instant::now();
    loop {
        let answer = join(fleet, edge, code);
        if is_so(&answer) {
            return;
        }
        assert!(begun.elapsed() < PATIENCE, "edge {edge}: {}\n{}", answer.text(), fleet.log(edge));
        sleep(Duration::from_millis(200));
    }
}

fn has_entered(answer: &Answer) -> bool {
    answer.status == 200
}

fn is_unknown(answer: &Answer) -> bool {
    answer.status != 200 && answer.problem() == "code-unknown"
}

#[test]
fn a_list_of_one_edge_is_that_of_all_and_so_is_what_is_revoked_of_it() {
    let (redis, shop) = (PrivateRedis::start().unwrap(), Shop::start());
    let mut fleet = Fleet::asking(2, redis.address(), shop.address, &SALE, ENTRY);
    let made = fleet.config_path(0).with_file_name("made.csv");
    make(&fleet, 0, &["new", "spring", "--count", "4", "--out", made.to_str().unwrap()]);
    (0..2).for_each(|edge| start_apart(&mut fleet, edge));
    let text = fs::read_to_string(made).unwrap();
    let [first, second, third, last] = text.lines().skip(1).collect::<Vec<_>>()[..] else { panic!("{text}") };
    let revoke = |fleet: &Fleet, edge, code: &str| {
        let lost = fleet.config_path(edge).with_file_name("lost.csv");
        fs::write(&lost, code).unwrap();
        make(fleet, edge, &["revoke", "spring", lost.to_str().unwrap()]);
    };
    until(&fleet, 0, first, has_entered);
    until(&fleet, 1, second, has_entered);

    // The plan of this sale counts no uses: only that it is revoked ends a code.
    until(&fleet, 1, first, has_entered);
    revoke(&fleet, 0, first);
    until(&fleet, 1, first, is_unknown);
    revoke(&fleet, 1, second);
    until(&fleet, 0, second, is_unknown);

    fleet.kill(1);
    revoke(&fleet, 0, third);
    until(&fleet, 0, third, is_unknown);
    start(&mut fleet, 1);
    until(&fleet, 1, last, has_entered);
    until(&fleet, 1, third, is_unknown);
    assert!([first, second].iter().all(|code| is_unknown(&join(&fleet, 1, code))), "it is written down");

    // The list is replaced at the edge that had got it: revoked codes that stand in it again stay revoked.
    let replaced = fleet.config_path(1).with_file_name("replaced.csv");
    fs::write(&replaced, format!("{first}\n7H3K-Q9XW-2MVK\n")).unwrap();
    make(&fleet, 1, &["import", "spring", replaced.to_str().unwrap(), "--replace"]);
    until(&fleet, 0, "7H3K-Q9XW-2MVK", has_entered);
    until(&fleet, 0, last, is_unknown);
    assert!([0, 1].iter().all(|edge| is_unknown(&join(&fleet, *edge, first))));
    let lists = [0, 1].map(|edge| fs::read(codes_of(&fleet, edge).join("spring.fgc")).unwrap());
    assert_eq!(lists[0], lists[1]);
}
