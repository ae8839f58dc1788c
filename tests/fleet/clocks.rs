//! An edge whose machine's clock is set while it runs. It says that it should get no visitors. Those that it gets all
//! the same are served as at every other edge.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use fairgate_testkit::PrivateRedis;
use tempfile::TempDir;

use crate::edges::{Fleet, Sale};
use crate::fan::Fan;
use crate::shop::Shop;

const PATIENCE: Duration = Duration::from_secs(60);
const SALE: Sale = Sale { starts_in_ms: 0, rate_per_minute: 6_000, burst: 50 };
const TEN_MINUTES_S: i64 = 600;

/// A wall clock that a test sets.
struct WallClock {
    dir: TempDir,
}

impl WallClock {
    fn new() -> Self {
        let clock = Self { dir: TempDir::new().unwrap() };
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fleet/wall_clock.c");
        let made = Command::new("cc").args(["-shared", "-fPIC", "-o"]).arg(clock.library()).arg(source).status();
        assert!(made.expect("a C compiler: whoever links Rust has one").success());
        clock.set(0);
        clock
    }

    /// Sets it ahead by so much (behind, where negative).
    fn set(&self, ahead_s: i64) {
        let next = self.dir.path().join("next");
        fs::write(&next, ahead_s.to_string()).unwrap();
        fs::rename(next, self.file()).unwrap();
    }

    /// Starts an edge of a fleet anew on a machine with this clock.
    fn is_of(&self, fleet: &mut Fleet, edge: usize) {
        fleet.kill(edge);
        fleet.start_edge_with(edge, &[("LD_PRELOAD", &self.library()), ("WALL_CLOCK_AHEAD", &self.file())]);
        fleet.wait_until(edge, "back", |_| true);
    }

    fn library(&self) -> PathBuf {
        self.dir.path().join("wall_clock.so")
    }

    fn file(&self) -> PathBuf {
        self.dir.path().join("ahead")
    }
}

/// What an edge says at `/readyz` as soon as that has this status.
fn readiness(fleet: &Fleet, edge: usize, status: u16) -> String {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let answer = Fan::new(fleet.admins[edge]).get("/readyz");
        if answer.status == status {
            return answer.text();
        }
        assert!(Instant::now() < deadline, "never {status}: {} {}", answer.status, answer.text());
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// True if a page of the shop is shown at an edge, and not the waiting page.
fn is_inside(fan: &mut Fan, gate: SocketAddr, shop: &Shop) -> bool {
    fan.address = gate;
    let before = shop.seen("/seats").len();
    let answer = fan.visit("/seats");
    answer.status == 200 && shop.seen("/seats").len() > before
}

#[test]
fn an_edge_whose_clock_is_set_is_not_ready_and_turns_nobody_away_who_is_inside() {
    let (redis, shop) = (PrivateRedis::start().unwrap(), Shop::start());
    let mut fleet = Fleet::of(2, redis.address(), shop.address, &SALE);
    let clock = WallClock::new();
    clock.is_of(&mut fleet, 1);
    readiness(&fleet, 1, 200);
    let mut before = Fan::new(fleet.gates[0]);
    before.enter(1);
    for ahead_s in [TEN_MINUTES_S, -TEN_MINUTES_S] {
        clock.set(ahead_s);
        let said = readiness(&fleet, 1, 503);
        let (start, way) = ("this machine's clock is ", if ahead_s > 0 { "s ahead of" } else { "s behind" });
        assert!(said.starts_with(start) && said.contains(way) && said.contains("look after NTP"), "{said}");
        assert!(said.contains(" 600.") || said.contains(" 599."), "by how much: {said}");
        assert_eq!(readiness(&fleet, 0, 200), "ok\n");

        // Whoever came in at one edge is in at the other.
        let mut since = Fan::new(fleet.gates[1]);
        since.enter(if ahead_s > 0 { 2 } else { 3 });
        for fan in [&mut before, &mut since] {
            for gate in fleet.gates.iter().copied() {
                assert!(is_inside(fan, gate, &shop), "turned away at {gate}, {ahead_s} s: {}", fleet.log(1));
            }
        }
        clock.set(0);
        assert_eq!(readiness(&fleet, 1, 200), "ok\n");
    }
}
