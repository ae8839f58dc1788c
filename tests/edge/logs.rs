//! An edge whose log goes nowhere: the disk is full, the reader has died, or nobody reads.

use std::fs::File;
use std::process::Stdio;
use std::time::Duration;

use crate::fan::Fan;
use crate::world::{Setup, World};

/// Everything goes on that would say something in the log, and the edge ends when it is told to.
fn goes_on(mut world: World, loses_all: bool) {
    let before_ms = world.status()["now_ms"].as_u64().unwrap();
    let mut fans: Vec<Fan> = (0..20).map(|_| world.fan()).collect();
    for (fan, nonce) in fans.iter_mut().zip(0..) {
        fan.enter(nonce);
        assert_eq!(fan.get("/seats").status, 200);
    }
    world.wait_until("a second later", |status| status["now_ms"].as_u64().unwrap() > before_ms + 1_000);
    let mut admin = Fan::new(world.admin_address);
    let ready = admin.get("/readyz");
    assert_eq!((ready.status, ready.text().as_str()), (200, "ok\n"));
    let metrics = admin.get("/metrics").text();
    let lost = metrics.lines().find_map(|line| line.strip_prefix("fairgate_log_lines_lost_total ")).unwrap();
    assert!(!loses_all || lost.parse::<u64>().unwrap() > 20, "{lost} lines were lost");
    assert!(metrics.contains("fairgate_heartbeat_age_seconds{task=\"room final\"}"), "{metrics}");
    let (took, ended_well) = world.terminate();
    assert!(ended_well && took < Duration::from_secs(20), "{took:?}");
}

fn start(level: &str, log: Stdio) -> World {
    let mut world = World::start(Setup { edge: "shutdown_delay = \"0s\"", ..Setup::default() });
    world.kill();
    world.start_edge_logging(level, log);
    world
}

#[test]
fn a_full_disk_does_not_stop_an_edge() {
    goes_on(start("info", File::options().write(true).open("/dev/full").unwrap().into()), true);
}

#[test]
fn a_dead_reader_does_not_stop_an_edge() {
    let mut world = start("info", Stdio::piped());
    drop(world.log_pipe());
    goes_on(world, true);
}

#[test]
fn a_reader_that_reads_nothing_does_not_stop_an_edge() {
    let mut world = start("trace", Stdio::piped());
    let unread = world.log_pipe();
    goes_on(world, false);
    drop(unread);
}
