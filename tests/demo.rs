//! `fairgate demo`, as somebody at a terminal uses it: the real program, with a real Postgres.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use serde_json::Value;

const UP_WITHIN: Duration = Duration::from_secs(120);
const DOWN_WITHIN: Duration = Duration::from_secs(20);

/// Demos want the same ports of the machine: one at a time.
static TURN: Mutex<()> = Mutex::new(());

struct Demo {
    child: Child,
    lines: BufReader<ChildStdout>,
    _turn: MutexGuard<'static, ()>,
}

impl Demo {
    fn start(args: &[&str]) -> Self {
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let mut child = Command::new(env!("CARGO_BIN_EXE_fairgate"))
            .arg("demo")
            .args(args)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the program runs");
        let lines = BufReader::new(child.stdout.take().expect("piped"));
        Self { child, lines, _turn: turn }
    }

    /// Everything up to the first line with `text`.
    fn read_until(&mut self, text: &str) -> String {
        let mut read = String::new();
        while !read.lines().last().is_some_and(|line| line.contains(text)) {
            assert_ne!(self.lines.read_line(&mut read).expect("text"), 0, "ended without {text:?}:\n{read}");
        }
        read
    }

    fn signal(&self, signal: Signal) {
        kill_process(pid(self.child.id()), signal).expect("it runs");
    }

    fn ended(&mut self) -> ExitStatus {
        let until = Instant::now() + DOWN_WITHIN;
        loop {
            if let Some(status) = self.child.try_wait().expect("a child of ours") {
                return status;
            }
            assert!(Instant::now() < until, "still there after {DOWN_WITHIN:?}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn pid(id: u32) -> Pid {
    Pid::from_raw(i32::try_from(id).expect("a process id")).expect("not zero")
}

/// The process, its children, theirs, and so on.
fn family(id: u32) -> BTreeSet<u32> {
    let parents: Vec<(u32, u32)> = fs::read_dir("/proc")
        .expect("Linux")
        .flatten()
        .filter_map(|entry| {
            let stat = fs::read_to_string(entry.path().join("stat")).ok()?;
            let (id, rest) = (stat.split(' ').next()?.parse().ok()?, stat.rsplit_once(") ")?.1);
            Some((id, rest.split(' ').nth(1)?.parse().ok()?))
        })
        .collect();
    let mut family = BTreeSet::from([id]);
    while let Some((child, _)) = parents.iter().find(|(id, parent)| family.contains(parent) && !family.contains(id)) {
        family.insert(*child);
    }
    family
}

fn assert_all_gone(family: &BTreeSet<u32>) {
    let until = Instant::now() + DOWN_WITHIN;
    let alive = |id: &&u32| test_kill_process(pid(**id)).is_ok() && !is_zombie(**id);
    while let Some(id) = family.iter().find(alive) {
        let command = fs::read_to_string(format!("/proc/{id}/cmdline")).unwrap_or_default().replace('\0', " ");
        assert!(Instant::now() < until, "left behind: {id} {command}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn is_zombie(id: u32) -> bool {
    fs::read_to_string(format!("/proc/{id}/stat")).is_ok_and(|stat| stat.contains(") Z "))
}

#[test]
fn a_crowd_buys_out_and_the_report_says_so() {
    let files = tempfile::tempdir().expect("a directory");
    let report = files.path().join("report.json");
    let history = files.path().join("history.jsonl");
    let (report_path, history_path) = (report.to_string_lossy(), history.to_string_lossy());
    let mut demo = Demo::start(&[
        "--starts-in",
        "20s",
        "--farm",
        "--fans",
        "150",
        "--bots",
        "20",
        "--rate",
        "1200",
        "--report",
        &report_path,
        "--history",
        &history_path,
    ]);
    demo.read_until("pooling");
    let family = family(demo.child.id());
    assert!(family.len() >= 4, "postgres, booking and edge run: {family:?}");
    let text = demo.read_until("promise");
    let mut rest = String::new();
    std::io::Read::read_to_string(&mut demo.lines, &mut rest).expect("text");
    let status = demo.ended();
    assert!(status.success(), "{status}:\n{text}{rest}");
    assert_all_gone(&family);

    let report: Value = serde_json::from_str(&fs::read_to_string(&report).expect("written")).expect("JSON");
    let number = |name: &str| report[name].as_f64().unwrap_or_else(|| panic!("{name} in {report:#}"));
    assert_eq!(number("errors"), 0.0, "{:#}", report["errors_by_kind"]);
    assert_eq!(number("seats_sold_twice"), 0.0);
    assert!(number("pooled") > 100.0 && number("admitted") > 100.0 && number("booked") > 50.0, "{report:#}");
    assert!(number("seats_sold") >= number("booked"));
    assert!(number("admitted_max_in_1s") <= number("cap_in_1s"));
    assert!((0.0..=1.0).contains(&number("places_p_value")) && (0.0..=1.0).contains(&number("bots_p_value")));
    for request in ["page", "status", "join", "claim", "event", "availability", "reserve", "payment"] {
        for figure in ["mean", "p50", "p99"] {
            assert!(report["latency_ms"][request][figure].is_number(), "{request} {figure} in {report:#}");
        }
    }
    let invariants = report["invariants"].as_array().expect("a list");
    assert!(invariants.iter().all(|invariant| invariant["held"] == true && invariant["checked"].as_u64() > Some(0)));
    let farm = |rule: &str, figure: &str| {
        let mut rules = report["farm"].as_array().expect("three rooms").iter();
        let found = rules.find(|room| room["rule"] == rule).unwrap_or_else(|| panic!("{rule} in {report:#}"));
        found[figure].as_f64().unwrap_or_else(|| panic!("{figure} in {found:#}"))
    };
    let people = farm("a code", "share_of_people");
    assert!(farm("nothing", "share_of_entries") > 0.6, "{report:#}");
    assert!((farm("a code", "share_of_entries") - people).abs() < 0.001, "one entry a person");
    assert!(farm("work", "share_of_entries") > people, "work is a brake and no price");
    assert!(farm("nothing", "people_p_value") < 1e-6, "it has more than ten people have");
    assert!(farm("a code", "people_p_value") > 1e-6, "it has what ten people have");
    let history = fs::read_to_string(&history).expect("written");
    let invoked = history.lines().filter(|line| line.contains(r#""type":"invoke""#)).count();
    assert_eq!(invoked * 2, history.lines().count(), "every operation ends once");
}

#[test]
fn ctrl_c_stops_everything() {
    let mut demo = Demo::start(&[]);
    let before = Instant::now();
    let text = demo.read_until("pooling");
    assert!(before.elapsed() < UP_WITHIN);
    for what in ["shop, through the gate", "booking core", "status", "metrics", "admin"] {
        assert!(text.contains(what), "{what:?} is not in\n{text}");
    }
    let family = family(demo.child.id());
    demo.signal(Signal::INT);
    assert_eq!(demo.ended().code(), Some(130));
    assert_all_gone(&family);
}

#[test]
fn nothing_outlives_a_demo_that_is_killed() {
    let mut demo = Demo::start(&[]);
    demo.read_until("pooling");
    let family = family(demo.child.id());
    demo.signal(Signal::KILL);
    demo.ended();
    assert_all_gone(&family);
}
