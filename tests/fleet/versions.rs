//! Edges with the last configuration beside edges with the next one: the newer file says how the room admits people, whoever
//! starts last.

use std::time::{Duration, Instant};

use fairgate_testkit::PrivateRedis;

use crate::edges::{Fleet, ROOM, Sale};
use crate::fan::Fan;
use crate::shop::Shop;

const PATIENCE: Duration = Duration::from_secs(60);
const SALE: Sale = Sale { starts_in_ms: 0, rate_per_minute: 6_000, burst: 50 };

fn rate_per_minute(fleet: &Fleet, edge: usize) -> Option<u64> {
    let metrics = Fan::new(fleet.admins[edge]).try_get("/metrics").ok()?.text();
    let name = format!("fairgate_room_rate_set_per_minute{{room=\"{ROOM}\"}} ");
    metrics.lines().find_map(|line| line.strip_prefix(&name)?.parse().ok())
}

/// Gives an edge a file, and starts it anew.
fn restart_with(fleet: &mut Fleet, edge: usize, version: u64, rate_per_minute: u64) {
    let values = [("config_version", version.to_string()), ("rate_per_minute", rate_per_minute.to_string())];
    fleet.rewrite(edge, &values);
    fleet.kill(edge);
    fleet.start_edge(edge);
}

fn wait_until(what: &str, fleet: &Fleet, is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < deadline, "never {what}\n{}", fleet.log(0));
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn an_edge_that_starts_with_an_older_file_does_not_set_the_room_back() {
    let (redis, shop) = (PrivateRedis::start().unwrap(), Shop::start());
    let mut fleet = Fleet::of(2, redis.address(), shop.address, &SALE);
    fleet.write_times();
    let everywhere = |fleet: &Fleet, rate| (0..2).all(|edge| rate_per_minute(fleet, edge) == Some(rate));

    restart_with(&mut fleet, 1, 2, 1_200);
    wait_until("at the newer file's rate", &fleet, || everywhere(&fleet, 1_200));

    restart_with(&mut fleet, 0, 1, 6_000);
    let file = fleet.config_path(0).display().to_string();
    wait_until("said to be older", &fleet, || {
        fleet
            .log(0)
            .lines()
            .any(|line| line.contains("config_version") && line.contains(&file) && line.contains("above 2"))
    });
    wait_until("back", &fleet, || everywhere(&fleet, 1_200));

    // To go back on purpose takes a higher version.
    restart_with(&mut fleet, 0, 3, 6_000);
    wait_until("at the rate of before", &fleet, || everywhere(&fleet, 6_000));
}
