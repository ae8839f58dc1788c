//! What fans see when something behind the gate, or the gate itself, is in trouble.

use std::collections::BTreeSet;
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::fan::{Fan, HTML};
use crate::world::{Setup, World};

#[test]
fn a_shop_that_is_down_is_told_kindly() {
    let world = World::start(Setup::default());
    let mut fan = world.fan();
    fan.enter(1);
    world.shop.stop();
    let program = fan.get("/seats");
    assert_eq!((program.status, program.problem().as_str()), (503, "shop-down"));
    assert!(program.header("retry-after").is_some());
    let page = fan.visit("/seats");
    assert_eq!((page.status, page.header("content-type")), (503, Some("text/html; charset=utf-8")));
    assert!(page.text().contains("The shop does not answer") && page.header("retry-after").is_some());
    let page = fan.send("GET", "/seats", &[HTML, ("Accept-Language", "de-AT, en;q=0.5")], "");
    assert!(page.text().contains("Der Shop antwortet nicht") && page.text().contains("Cup final"), "{}", page.text());
    assert_eq!(page.header("content-language"), Some("de"));
    assert_eq!(world.status()["phase"], "serving", "the room goes on");
}

#[test]
fn a_request_has_a_name_and_a_shop_that_is_down_is_told_of_once() {
    let world = World::start(Setup::default());
    let mut fan = world.fan();
    fan.enter(1);
    for sent in ["cdn-7.a", "not plain"] {
        assert_eq!(fan.send("GET", "/seats", &[("X-Request-Id", sent)], "").status, 200);
    }
    let named: Vec<String> =
        world.shop.seen("/seats").iter().map(|seen| seen.all("x-request-id").join(" and ")).collect();
    assert_eq!((named[0].as_str(), named[1].len()), ("cdn-7.a", 24), "{named:?}");
    world.shop.stop();
    for _ in 0..6 {
        assert_eq!(fan.get("/seats").status, 503);
    }
    // Lines are written after their answers have been sent.
    sleep(Duration::from_millis(300));
    let log = world.log();
    let line = |has: &[&str]| log.lines().filter(|line| has.iter().all(|part| line.contains(part))).count();
    for name in &named {
        assert_eq!(line(&["kind=Proxy", "room=\"final\"", &format!("request_id=\"{name}\"")]), 1, "{name}: {log}");
    }
    assert_eq!(line(&["kind=Join", "room=\"final\"", "request_id="]), 1, "{log}");
    assert_eq!(line(&["the shop does not answer", "shop=\"shop\""]), 1, "{log}");
    assert!(line(&["kind=Proxy", "shop=\"shop\"", "error="]) >= 1 && line(&["pingora_proxy"]) == 0, "{log}");
}

#[test]
fn a_shop_that_hangs_up_is_asked_again_only_where_that_is_safe() {
    let world = World::start(Setup::default());
    let mut fan = world.fan();
    fan.enter(1);
    assert_eq!(fan.get("/hang-up").status, 503);
    assert_eq!(fan.send("POST", "/hang-up-once", &[], "a=b").status, 503);
    assert_eq!(world.shop.seen("/hang-up-once").len(), 1, "an order must not be sent twice");
}

#[test]
fn a_shop_that_is_full_is_not_overrun() {
    let world =
        World::start(Setup { upstream: "max_in_flight = 2\nqueue = 1\nqueue_wait = \"300ms\"", ..Setup::default() });
    let mut fans: Vec<Fan> = (0..8).map(|_| world.fan()).collect();
    for (fan, nonce) in fans.iter_mut().zip(0..) {
        fan.enter(nonce);
    }
    let asks: Vec<_> = fans.into_iter().map(|mut fan| std::thread::spawn(move || fan.get("/slow").status)).collect();
    let answers: Vec<u16> = asks.into_iter().map(|ask| ask.join().unwrap()).collect();
    let served = answers.iter().filter(|status| **status == 200).count();
    assert!((2..=3).contains(&served), "{answers:?}");
    assert!(answers.iter().all(|status| matches!(status, 200 | 503)), "{answers:?}");
    assert_eq!(world.fan().get("/assets/a").status, 200, "slots come back");
}

#[test]
fn a_killed_edge_forgets_nobody_and_admits_nobody_twice() {
    let mut world = World::start(Setup {
        opens_in_ms: -1_000,
        starts_in_ms: 7_000,
        admission: "rate_per_minute = 60000\nburst = 1000\nmax_active = 10000",
        ..Setup::default()
    });
    let mut fans: Vec<Fan> = (0..30).map(|_| world.fan()).collect();
    let pooled: Vec<_> = fans.iter_mut().zip(0..).map(|(fan, nonce)| fan.join(nonce).json()).collect();
    world.kill();
    world.start_edge();
    for (fan, (before, nonce)) in fans.iter_mut().zip(pooled.iter().zip(0..)) {
        assert_eq!(fan.join(nonce).json()["index"], before["index"]);
    }
    world.wait_until("serving", |status| status["phase"] == "serving");
    let first: Vec<_> = fans[..15].iter_mut().map(admitted).collect();
    world.kill();
    world.start_edge();
    assert_eq!(world.status()["admitted"], 15);
    let again: Vec<_> = fans[..15].iter_mut().map(admitted).collect();
    assert_eq!(first, again, "the same sessions, not new ones");
    assert_eq!(fans[0].get("/seats").status, 200, "passes outlive the edge");
    let rest: Vec<_> = fans[15..].iter_mut().map(admitted).collect();
    let places: BTreeSet<u64> = first.iter().chain(&rest).map(|(place, ..)| *place).collect();
    assert_eq!(places, (0..30).collect());
    world.wait_until("all admitted", |status| status["admitted"] == 30);
}

/// Place, session and when it was admitted.
fn admitted(fan: &mut Fan) -> (u64, String, u64) {
    for _ in 0..100 {
        let claim = fan.call("claim", "");
        if claim.status == 200 {
            let body = claim.json();
            let session = body["session"].as_str().unwrap().to_owned();
            return (body["place"].as_u64().unwrap(), session, body["admitted_at_ms"].as_u64().unwrap());
        }
        assert_eq!(claim.status, 202, "{}", claim.text());
        sleep(Duration::from_millis(50));
    }
    panic!("never let in");
}

#[test]
fn the_edge_stops_when_told_and_finishes_what_it_began() {
    let mut world = World::start(Setup::default());
    let mut fan = world.fan();
    fan.enter(1);
    let slow = std::thread::spawn(move || fan.get("/slow"));
    world.shop.wait_for("/slow");
    let (took, well) = world.terminate();
    assert!(well && took < Duration::from_secs(6), "{took:?}\n{}", world.log());
    assert_eq!(slow.join().unwrap().status, 200);
}

/// A parent that ends closes the pipe, and its supervisor signals: that is one reason to stop, and no hurry.
#[test]
fn an_edge_that_loses_its_parent_and_is_told_to_stop_finishes_what_it_began() {
    let mut world = World::start(Setup::default());
    let mut fan = world.fan();
    fan.enter(1);
    let slow = std::thread::spawn(move || fan.get("/slow"));
    world.shop.wait_for("/slow");
    world.lose_parent();
    sleep(Duration::from_millis(100));
    let (took, well) = world.terminate();
    assert!(well && took < Duration::from_secs(6), "{took:?}\n{}", world.log());
    assert_eq!(slow.join().unwrap().status, 200);
}

#[test]
fn the_edge_stops_with_its_parent() {
    let mut world = World::start(Setup::default());
    assert!(world.orphan());
}

#[test]
fn logs_hold_no_secrets() {
    let world = World::start(Setup::default());
    let mut fan = world.fan();
    let admitted = fan.enter(1);
    fan.get("/seats?token=secret-in-the-query");
    let ticket = &fan.cookies["fairgate-ticket-final"];
    // The line is written after the answer has been sent.
    let until = Instant::now() + Duration::from_secs(10);
    while !world.log().contains("/seats") {
        assert!(Instant::now() < until, "{}", world.log());
        sleep(Duration::from_millis(20));
    }
    let log = world.log();
    for secret in [ticket, admitted["pass"].as_str().unwrap(), "secret-in-the-query"] {
        assert!(!log.contains(secret), "{log}");
    }
}
