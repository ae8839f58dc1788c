//! Sessions inside: renewal, release, the hard end, and what becomes of tunnels.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::fan::{Fan, connect, read_answer};
use crate::world::{Setup, World};

const PASS: &str = "fairgate-pass-final";

#[test]
fn a_session_slides_while_it_is_used_up_to_its_hard_end() {
    let world = World::start(Setup { session: "idle = \"3s\"\nmax = \"6s\"", ..Setup::default() });
    let mut fan = world.fan();
    fan.enter(1);
    let (begun, mut passes) = (Instant::now(), vec![fan.cookies[PASS].clone()]);
    while fan.get("/seats").status == 200 {
        if fan.cookies.get(PASS).is_some_and(|pass| pass != passes.last().unwrap()) {
            passes.push(fan.cookies[PASS].clone());
        }
        assert!(begun.elapsed() < Duration::from_secs(8), "a session has an end");
        sleep(Duration::from_millis(200));
    }
    assert!(begun.elapsed() > Duration::from_millis(4_500), "it lasts beyond its idle time: {:?}", begun.elapsed());
    assert!(passes.len() >= 3, "{}", passes.len());
}

#[test]
fn an_idle_session_ends() {
    let world = World::start(Setup { session: "idle = \"2s\"\nmax = \"60s\"", ..Setup::default() });
    let mut fan = world.fan();
    fan.enter(1);
    assert_eq!(fan.get("/seats").status, 200);
    sleep(Duration::from_millis(2_500));
    assert_eq!(fan.get("/seats").status, 503);
    world.wait_until("empty", |status| status["active"] == 0);
}

#[test]
fn what_everyone_may_keep_carries_no_pass() {
    let world = World::start(Setup { session: "idle = \"9s\"\nmax = \"60s\"", ..Setup::default() });
    let mut fan = world.fan();
    fan.enter(1);
    sleep(Duration::from_millis(3_300));
    for shared in ["/public", "/shared", "/cdn"] {
        let answer = fan.get(shared);
        assert!(answer.status == 200 && answer.all("set-cookie").is_empty(), "{answer:?}");
    }
    let private = fan.get("/seats");
    assert_eq!((private.all("set-cookie").len(), private.all("cache-control")), (1, vec!["private"]), "{private:?}");
}

#[test]
fn a_session_that_only_sees_shared_pages_goes_on() {
    let world = World::start(Setup { session: "idle = \"2s\"\nmax = \"60s\"", ..Setup::default() });
    let mut fan = world.fan();
    fan.enter(1);
    let shown = fan.cookies[PASS].clone();
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_millis(4_500) {
        let answer = fan.get("/shared");
        assert!(answer.status == 200 && answer.all("set-cookie").is_empty(), "after {:?}: {answer:?}", begun.elapsed());
        sleep(Duration::from_millis(300));
    }
    let seen = world.shop.seen("/shared");
    let (first, last) = (seen[0].header("x-fairgate-pass"), seen[seen.len() - 1].header("x-fairgate-pass"));
    assert!(first == Some(&shown) && first != last, "the shop gets a pass that is good now");
    let private = fan.get("/seats");
    assert_eq!((private.status, private.all("set-cookie").len()), (200, 1), "the new pass comes with the next answer");
    assert_ne!(fan.cookies[PASS], shown);
    fan.cookies.insert(PASS.to_owned(), shown);
    sleep(Duration::from_millis(2_500));
    assert_eq!(fan.get("/shared").status, 503, "and unused it ends, whatever pass is shown");
}

#[test]
fn an_edge_that_knows_of_no_newer_pass_asks_the_room() {
    let mut world = World::start(Setup { session: "idle = \"9s\"\nmax = \"60s\"", ..Setup::default() });
    let mut fan = world.fan();
    fan.enter(1);
    let begun = Instant::now();
    sleep(Duration::from_millis(4_500));
    assert_eq!(fan.get("/shared").status, 200, "it is renewed, and the fan has the old pass still");
    world.kill();
    world.start_edge();
    sleep(Duration::from_millis(9_500).saturating_sub(begun.elapsed()));
    let answer = fan.get("/seats");
    assert_eq!((answer.status, answer.all("set-cookie").len()), (200, 1), "{}", world.log());
}

#[test]
fn an_answer_that_ends_a_session_is_kept_by_no_cache() {
    let world = World::start(Setup::default());
    let mut fan = world.fan();
    fan.enter(1);
    let done = fan.get("/done-for-all");
    assert_eq!((done.all("set-cookie").len(), done.all("cache-control")), (2, vec!["private, no-store"]), "{done:?}");
    assert!(done.all("surrogate-control").is_empty());
}

#[test]
fn the_shop_releases_a_session_and_the_next_fan_gets_in() {
    let world =
        World::start(Setup { admission: "rate_per_minute = 60000\nburst = 1000\nmax_active = 1", ..Setup::default() });
    let (mut first, mut second) = (world.fan(), world.fan());
    first.enter(1);
    second.join(2);
    assert_eq!(second.call("claim", "").status, 202);
    let kept = first.cookies.clone();
    assert_eq!(first.get("/seats").status, 200);
    let ended = "/.fairgate/ended/final.json";
    assert_eq!(first.get(ended).json()["places"], serde_json::json!([]));
    let done = first.get("/done");
    assert_eq!((done.status, done.all("set-cookie").len()), (200, 2));
    assert!(first.cookies.is_empty(), "pass and ticket are gone");
    assert!(done.headers.iter().all(|(name, _)| !name.to_ascii_lowercase().starts_with("x-fairgate")), "{done:?}");
    second.enter(2);
    let mut cheat = Fan { cookies: kept, ..first };
    assert_eq!(cheat.get("/seats").status, 503, "a pass that was kept is of no use");
    let told = cheat.get(ended);
    let document: fairgate_token::Ended = serde_json::from_slice(&told.body).expect("the document");
    assert_eq!((&*document.room, &*document.issuer, document.places.len()), ("final", "fairgate", 1));
    let seen = world.shop.seen("/seats").remove(0);
    assert_eq!(seen.all("x-fairgate-place"), [document.places[0].to_string()], "those who judge passes are told");
    let etag = told.header("etag").expect("a tag").to_owned();
    assert_eq!(cheat.send("GET", ended, &[("If-None-Match", &etag)], "").status, 304);
}

#[test]
fn tunnels_need_a_pass_and_end_with_it() {
    let world = World::start(Setup { session: "idle = \"2s\"\nmax = \"5s\"", ..Setup::default() });
    let mut fan = world.fan();
    assert_eq!(upgrade(&fan).0, 503);
    assert!(world.shop.seen("/socket").is_empty());
    fan.enter(1);
    let (status, mut tunnel) = upgrade(&fan);
    assert_eq!(status, 101);
    let begun = Instant::now();
    while echoes(&mut tunnel) {
        assert!(begun.elapsed() < Duration::from_secs(8), "a tunnel ends with its session");
        sleep(Duration::from_millis(100));
    }
    assert!(begun.elapsed() > Duration::from_millis(3_500), "traffic keeps the session: {:?}", begun.elapsed());
}

#[test]
fn silent_tunnels_end_when_the_session_is_idle() {
    let world = World::start(Setup { session: "idle = \"2s\"\nmax = \"60s\"", ..Setup::default() });
    let mut fan = world.fan();
    fan.enter(1);
    let (_, mut tunnel) = upgrade(&fan);
    let begun = Instant::now();
    assert_eq!(tunnel.read(&mut [0; 1]).unwrap_or(0), 0);
    assert!((1..5).contains(&begun.elapsed().as_secs()), "{:?}", begun.elapsed());
}

#[test]
fn a_tunnel_ends_when_the_session_is_released() {
    let world = World::start(Setup::default());
    let mut fan = world.fan();
    fan.enter(1);
    let (_, mut tunnel) = upgrade(&fan);
    assert!(echoes(&mut tunnel));
    fan.get("/done");
    let begun = Instant::now();
    while echoes(&mut tunnel) {
        assert!(begun.elapsed() < Duration::from_secs(5));
        sleep(Duration::from_millis(50));
    }
}

pub(crate) fn upgrade(fan: &Fan) -> (u16, TcpStream) {
    let cookies: Vec<String> = fan.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let mut stream = connect(fan.address).unwrap();
    let request = format!(
        "GET /socket HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nCookie: {}\r\n\r\n",
        cookies.join("; ")
    );
    stream.write_all(request.as_bytes()).unwrap();
    (read_answer(&mut stream, false).unwrap().status, stream)
}

pub(crate) fn echoes(tunnel: &mut TcpStream) -> bool {
    let mut bytes = [0; 4];
    tunnel.write_all(b"ping").is_ok() && tunnel.read_exact(&mut bytes).is_ok() && bytes == *b"ping"
}
