//! A Redis with replicas that would go on answering when it is cut off from them.

use std::time::{Duration, Instant};

use fairgate_testkit::PrivateRedis;

use crate::edges::{Fleet, Sale};
use crate::faults::{ask, replica_of};
use crate::shop::Shop;

const PATIENCE: Duration = Duration::from_secs(60);
const SALE: Sale = Sale { starts_in_ms: 0, rate_per_minute: 6_000, burst: 50 };

fn until(what: &str, is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < deadline, "never {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn replicas(redis: &PrivateRedis) -> bool {
    let mut link = redis::Client::open(redis.url()).unwrap().get_connection().unwrap();
    let info: String = redis::cmd("INFO").arg("replication").query(&mut link).unwrap();
    info.contains("connected_slaves:1") && info.contains("state=online")
}

/// What the log says about two masters.
fn warning(fleet: &Fleet) -> Option<String> {
    let log = fleet.log(0);
    log.lines().find(|line| line.contains("min-replicas-to-write")).map(ToOwned::to_owned)
}

#[test]
fn a_master_that_would_go_on_without_its_replicas_is_warned_of_with_the_remedy() {
    let (redis, shop) = (PrivateRedis::start().unwrap(), Shop::start());
    let _replica = replica_of(redis.address());
    until("replicated", || replicas(&redis));
    ask(&redis, &["CONFIG", "SET", "min-replicas-to-write", "1"]);
    let mut fleet = Fleet::of(1, redis.address(), shop.address, &SALE);
    assert_eq!(warning(&fleet), None, "it stops answering when it is cut off");

    ask(&redis, &["CONFIG", "SET", "min-replicas-to-write", "0"]);
    fleet.kill(0);
    fleet.start_edge(0);
    fleet.wait_until(0, "back", |_| true);
    until("warned of", || warning(&fleet).is_some());
    let warning = warning(&fleet).unwrap_or_default();
    let remedy = "Set `min-replicas-to-write 1` and `min-replicas-max-lag 2`";
    assert!(warning.contains("WARN") && warning.contains(remedy), "{warning}");
}
