//! What strangers can take: each row of the table in docs/internals/strangers.md.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::fan::{Fan, connect, connect_from, exchange, read_answer};
use crate::world::{Setup, World};

const STRANGER: [u8; 4] = [127, 0, 0, 9];

/// An edge on which this machine's addresses count like any others.
fn world(edge: &'static str, upstream: &'static str) -> World {
    World::start(Setup { edge, upstream, ..Setup::default() })
}

/// Begins an upload and sends a little of it.
fn upload(world: &World, bytes: usize) -> TcpStream {
    let mut stream = connect_from(STRANGER, world.address);
    write!(stream, "POST /assets/x HTTP/1.1\r\nHost: x\r\nContent-Length: {bytes}\r\n\r\nabc").unwrap();
    stream
}

#[test]
fn uploads_of_strangers_take_nothing_that_those_inside_need() {
    let world =
        world("limits.unlimited = []", "max_in_flight = 8\nqueue = 4\nqueue_wait = \"200ms\"\nread_timeout = \"5s\"");
    let mut fan = world.fan();
    fan.enter(1);
    let mut uploads: Vec<TcpStream> = (0..60).map(|_| upload(&world, 1_000_000)).collect();
    let refused = |upload: &mut TcpStream| {
        upload.set_read_timeout(Some(Duration::from_secs(2))).unwrap();
        read_answer(upload, false).is_ok_and(|answer| answer.status == 503)
    };
    assert_eq!(uploads.iter_mut().map(refused).filter(|refused| *refused).count(), 59, "one of them streams");
    for n in 0..20 {
        let path = format!("/seats/{n}");
        assert_eq!(fan.get(&path).status, 200, "somebody inside, while strangers upload");
        assert_eq!(fan.get("/assets/a").status, 200, "what somebody inside needs of the exempt pages");
    }
    // Another stranger's upload is turned away, a page of another network is not.
    assert_eq!(read_answer(&mut upload(&world, 1_000_000), false).unwrap().status, 503);
    let mut other = connect_from([127, 0, 0, 10], world.address);
    other.write_all(b"GET /assets/b HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    assert_eq!(read_answer(&mut other, false).unwrap().status, 200);
}

#[test]
fn a_body_that_does_not_come_is_not_the_shops_failure() {
    let world = world("client_timeout = \"1s\"", "read_timeout = \"2s\"");
    let mut fan = world.fan();
    fan.enter(1);
    let mut uploads: Vec<TcpStream> = (0..8).map(|_| upload(&world, 1_000_000)).collect();
    for upload in &mut uploads {
        let status = read_answer(upload, false).map(|answer| answer.status);
        assert!(matches!(status, Ok(408 | 503)), "{status:?}");
    }
    assert_eq!(fan.get("/seats").status, 200, "the shop is well");
    assert!(!world.log().contains("the shop does not answer"), "{}", world.log());
}

#[test]
fn bodies_of_one_network_take_no_more_memory_than_it_may_have() {
    let world = world("limits.unlimited = []\nlimits.network_body_bytes = 65_536\nclient_timeout = \"5s\"", "");
    let first = upload(&world, 40_000);
    std::thread::sleep(Duration::from_millis(200));
    let begun = Instant::now();
    let second = read_answer(&mut upload(&world, 40_000), false).unwrap();
    assert_eq!((second.status, second.problem().as_str()), (503, "busy"));
    assert!(second.header("retry-after").is_some() && begun.elapsed() < Duration::from_secs(2));
    let mut fan = world.fan();
    assert_eq!(fan.send("POST", "/assets/x", &[], &"x".repeat(40_000)).status, 200, "another network has its own");
    drop(first);
    let until = Instant::now() + Duration::from_secs(5);
    loop {
        let mut again = upload(&world, 40_000);
        again.write_all(&[b'x'; 40_000 - 3]).unwrap();
        match read_answer(&mut again, false).unwrap().status {
            200 => break,
            status => assert!(status == 503 && Instant::now() < until, "{status}: it is given back"),
        }
    }
}

#[test]
fn only_a_websocket_has_a_tunnels_rights_and_only_once_the_shop_has_opened_it() {
    let world = world("client_timeout = \"1s\"\nmax_body_bytes = 100_000", "read_timeout = \"1s\"");
    let mut fan = world.fan();
    fan.enter(1);
    let chunk = format!("4e20\r\n{}\r\n", "x".repeat(20_000));
    for upgrade in ["x", "h2c", "websocket"] {
        let head = format!(
            "POST /seats HTTP/1.1\r\nHost: x\r\nCookie: {}\r\nConnection: keep-alive, Upgrade, HTTP2-Settings\r\n\
             Upgrade: {upgrade}\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n",
            fan.cookie()
        );
        let declared = exchange(world.address, format!("{head}Content-Length: 200000\r\n\r\n").as_bytes(), false);
        assert_eq!(declared.unwrap().status, 413, "{upgrade}");
        let grown = format!("{head}Transfer-Encoding: chunked\r\n\r\n{}0\r\n\r\n", chunk.repeat(6));
        assert_eq!(
            exchange(world.address, grown.as_bytes(), false).map_or(413, |answer| answer.status),
            413,
            "{upgrade}"
        );
        let begun = Instant::now();
        let slow = exchange(world.address, format!("{head}Content-Length: 90000\r\n\r\nabc").as_bytes(), false);
        assert_eq!(slow.unwrap().status, 408, "{upgrade}");
        assert!(begun.elapsed() < Duration::from_secs(5), "{upgrade}: {:?}", begun.elapsed());
        let small = exchange(world.address, format!("{head}Content-Length: 3\r\n\r\nabc").as_bytes(), false);
        assert_eq!(small.unwrap().status, 200);
        let seen = world.shop.seen("/seats").pop().unwrap();
        for name in ["upgrade", "connection", "http2-settings"] {
            assert_eq!(seen.header(name), None, "{upgrade}: {seen:?}");
        }
    }
    let begun = Instant::now();
    let mute = socket(&fan, "/mute-socket");
    assert_eq!(mute.unwrap().0, 503, "a shop that does not answer is not waited for longer than with any request");
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
}

/// Asks for a tunnel.
fn socket(fan: &Fan, path: &str) -> std::io::Result<(u16, TcpStream)> {
    socket_on(connect(fan.address)?, path, &fan.cookie())
}

fn socket_on(mut stream: TcpStream, path: &str, cookie: &str) -> std::io::Result<(u16, TcpStream)> {
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nCookie: {cookie}\r\n\r\n"
    )?;
    Ok((read_answer(&mut stream, false)?.status, stream))
}

#[test]
fn tunnels_are_bounded_in_all_of_strangers_and_of_one_network() {
    let world = world("limits.unlimited = []", "max_streams = 8\nmax_in_flight = 2");
    let mut fan = world.fan();
    fan.enter(1);
    let stranger = |host| socket_on(connect_from([127, 0, 0, host], world.address), "/assets/socket", "").unwrap();
    let held: Vec<_> = [9, 9, 10, 11].map(stranger).into_iter().collect();
    assert_eq!(held.iter().map(|(status, _)| *status).collect::<Vec<_>>(), [101, 503, 101, 503]);
    let inside: Vec<_> = (0..7).map(|_| socket(&fan, "/socket").unwrap()).collect();
    assert_eq!(inside.iter().filter(|(status, _)| *status == 101).count(), 6, "eight in all");
    assert_eq!(fan.get("/seats").status, 200, "tunnels hold no slots");
}

#[test]
fn event_streams_hold_no_slots_and_end_with_the_pass() {
    let world = world("", "max_in_flight = 2\nqueue = 0\nmax_streams = 3");
    let mut fan = world.fan();
    fan.enter(1);
    let streams = |fan: &Fan| {
        let mut stream = connect(fan.address).unwrap();
        let cookie = fan.cookie();
        write!(stream, "GET /events HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\nCookie: {cookie}\r\n\r\n")
            .unwrap();
        let mut line = [0; 12];
        stream.read_exact(&mut line).unwrap();
        (String::from_utf8(line.to_vec()).unwrap(), stream)
    };
    let mut open: Vec<_> = (0..4).map(|_| streams(&fan)).collect();
    assert_eq!(open.pop().unwrap().0, "HTTP/1.1 503", "as many as the shop has of them");
    assert!(open.iter().all(|(line, _)| line == "HTTP/1.1 200"));
    assert_eq!(fan.get("/seats").status, 200, "they hold no slots");
    fan.get("/done");
    let begun = Instant::now();
    for (_, stream) in &mut open {
        let mut rest = Vec::new();
        let _ = stream.read_to_end(&mut rest);
        assert!(rest.windows(4).any(|bytes| bytes == b"tick"), "it was open");
    }
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
}

#[test]
fn those_inside_are_counted_by_session_and_strangers_by_network() {
    let world = world("limits.unlimited = []\nlimits.network_per_minute = 60\nlimits.network_burst = 100", "");
    let mut fan = world.fan();
    fan.enter(1);
    // One page with its pictures, and the checkout after it.
    for n in 0..200 {
        assert_eq!(fan.get(&format!("/assets/{n}")).status, 200, "picture {n}");
    }
    assert_eq!(fan.send("POST", "/reserve", &[], "seat=1").status, 200);
    let strangers: Vec<_> = (0..160).map(|_| world.fan().get("/assets/a")).collect();
    let over: Vec<_> = strangers.iter().filter(|answer| answer.status == 429).collect();
    assert!(over.len() >= 50, "{} of 160 strangers at the same address", over.len());
    let mut told: Vec<_> = over.iter().map(|answer| answer.header("retry-after").unwrap()).collect();
    told.sort_unstable();
    told.dedup();
    assert!(told.len() >= 5, "they are told to come back at different times: {told:?}");
}
