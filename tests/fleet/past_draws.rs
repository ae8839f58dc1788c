//! A room that goes from one sale to the next: an edge that was down in between gets the draw of the one that is over.

use std::thread::sleep;
use std::time::{Duration, Instant};

use fairgate_draw::log::{KeyKind, NoteSigner};
use fairgate_testkit::PrivateRedis;

use crate::edges::{Fleet, ROOM, Sale, now_ms};
use crate::fan::Fan;
use crate::shop::Shop;

const NAME: &str = "tickets.example/.fairgate/draw.log";
const SALE: Sale = Sale { starts_in_ms: 0, rate_per_minute: 30_000, burst: 50 };
/// Of the first sale, and of the pool after it, from the beginning of the test on.
const STARTS_IN_MS: u64 = 20_000;
const ENDS_IN_MS: u64 = 32_000;
const NEXT_OPENS_IN_MS: u64 = 46_000;

fn sales() -> String {
    let begun_ms = now_ms();
    let time = |in_ms: u64| jiff::Timestamp::from_millisecond(i64::try_from(begun_ms + in_ms).unwrap()).unwrap();
    let sale = |name, opens_at, starts_at| {
        format!("[[room.sale]]\nname = \"{name}\"\nopens_at = \"{opens_at}\"\nstarts_at = \"{starts_at}\"\n")
    };
    let first = sale("first", time(0), time(STARTS_IN_MS)) + &format!("ends_at = \"{}\"\n", time(ENDS_IN_MS));
    first + &sale("second", time(NEXT_OPENS_IN_MS), time(NEXT_OPENS_IN_MS + 60_000))
}

#[test]
fn an_edge_that_was_down_between_two_sales_serves_the_draw_that_the_other_one_has_kept() {
    let (redis, shop) = (PrivateRedis::start().unwrap(), Shop::start());
    let key = NoteSigner::private_text(NAME, KeyKind::Log, &[7; 32]).unwrap();
    let mut fleet = Fleet::recurring(redis.address(), shop.address, &SALE, &key, &sales());
    fleet.wait_until(0, "pooling", |status| status["phase"] == "pooling");
    for fan in 1..=3 {
        assert_eq!(Fan::new(fleet.gates[0]).join(fan).status, 200);
    }
    let digest = fleet.status(0).unwrap()["draw"]["descriptor_digest"].as_str().unwrap().to_owned();
    (0..2).for_each(|edge| fleet.wait_until(edge, "serving", |status| status["phase"] == "serving"));
    fleet.kill(1);
    assert!(!fleet.config_path(1).with_file_name("data-1").join("draws.kept").exists(), "its sale is not over");
    fleet.wait_until(0, "in the next sale", |status| status["draw"]["descriptor_digest"] != *digest);

    let gates = fleet.gates.clone();
    let get =
        |edge: usize, file: &str| Fan::new(gates[edge]).get(&format!("/.fairgate/{ROOM}/draws/{digest}/draw{file}"));
    let record = get(0, "");
    assert_eq!(record.status, 200, "{}", record.text());
    fleet.start_edge(1);
    fleet.wait_until(1, "ready", |_| true);
    let deadline = Instant::now() + Duration::from_secs(60);
    while get(1, "").status != 200 {
        assert!(Instant::now() < deadline, "{}\n{}", get(1, "").text(), fleet.log(1));
        sleep(Duration::from_millis(100));
    }
    for file in ["", "/roster", "/claims", "/proof/2"] {
        let [own, other] = [0, 1].map(|edge| get(edge, file));
        assert_eq!((own.status, other.status, own.body == other.body), (200, 200, true), "{file}");
    }
    assert_eq!(get(1, "").body, record.body);
    assert_eq!(get(1, "/roster").body.len(), 3 * 32);
    assert_eq!(get(1, "/freeze.tlog-proof").status, 200);
    let listed = Fan::new(fleet.gates[1]).get(&format!("/.fairgate/{ROOM}/draws")).json();
    assert_eq!(listed["draws"][1]["descriptor_digest"], *digest);
}
