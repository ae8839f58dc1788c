//! A small on-sale on paper time, and the waiting page's rules in Rust against those that browsers run.

use std::process::Command;

use clap::Parser;
use fairgate_crowd::pace::{Poll, join_delay_ms, poll_delay_ms};
use fairgate_sim::onsale::{Options, play};

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    options: Options,
}

fn options(line: &str) -> Options {
    Line::parse_from(std::iter::once("onsale").chain(line.split_whitespace())).options
}

#[test]
fn an_on_sale_keeps_its_promises_and_sells_out() {
    let report = play(&options("--fans 20000 --seats 1000 --pool-minutes 2 --edges 2")).expect("an on-sale");
    assert_eq!(report.broken_promises, Vec::<String>::new());
    assert!((17_900..=18_000).contains(&report.pool), "all but the latecomers are in the pool: {}", report.pool);
    assert!(report.places > report.pool, "latecomers have places behind them");
    assert_eq!(report.seats, 1_000);
    assert!(report.sold_out_after_s.is_some());
    assert!(report.admitted >= 500, "two seats a session: {}", report.admitted);
}

#[test]
fn the_same_seed_plays_the_same_on_sale() {
    let played = |seed: u32| {
        let line = format!("--fans 5000 --seats 200 --pool-minutes 1 --edges 1 --seed {seed}");
        serde_json::to_string(&play(&options(&line)).expect("an on-sale")).expect("JSON")
    };
    assert_eq!(played(7), played(7));
    assert_ne!(played(7), played(8));
}

#[test]
fn fans_here_wait_as_the_page_does() {
    let poll = Poll { floor_ms: 2_000, ceiling_ms: 180_000, divisor: 10 };
    let mut asked = Vec::new();
    let mut expected = Vec::new();
    for interest_ms in [0, 1_500, 30_000, 600_000, 90_000_000] {
        for random in [0.0, 0.25, 0.999] {
            asked.push(format!("pollDelay(poll, {interest_ms}, {random})"));
            expected.push(poll_delay_ms(poll, f64::from(interest_ms), random));
        }
    }
    for pool_ms in [0, 10_000, 1_800_000] {
        asked.push(format!("joinDelay({{opens_at_ms: 0, starts_at_ms: {pool_ms}}}, 0.5)"));
        expected.push(join_delay_ms(pool_ms, 0.5));
    }
    let script = format!(
        "import {{ pollDelay, joinDelay }} from '../pages/waiting/pace.js';
         const poll = {{ floor_ms: 2000, ceiling_ms: 180000, divisor: 10 }};
         console.log(JSON.stringify([{}]));",
        asked.join(",")
    );
    let node = Command::new("node").args(["--input-type=module", "-e", &script]).output().expect("node");
    assert!(node.status.success(), "{}", String::from_utf8_lossy(&node.stderr));
    let answered: Vec<u64> = serde_json::from_slice(&node.stdout).expect("numbers");
    assert_eq!(answered, expected);
}
