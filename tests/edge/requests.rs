//! Requests that are not what they seem, byte by byte over raw sockets.

use std::io::{ErrorKind, Read, Write};
use std::time::{Duration, Instant};

use crate::fan::{connect, exchange, read_answer};
use crate::world::{Setup, World};

/// What is sent, and the status that must come back.
type Row = (&'static str, &'static [u8], u16);

const HEADS: [Row; 22] = [
    ("CL and TE", b"POST /assets/a HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    ("TE and CL", b"POST /assets/a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n", 400),
    ("two lengths", b"POST /assets/a HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", 400),
    ("equal lengths", b"POST /assets/a HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\na", 400),
    ("list of lengths", b"POST /assets/a HTTP/1.1\r\nHost: x\r\nContent-Length: 1, 1\r\n\r\na", 400),
    ("signed length", b"POST /assets/a HTTP/1.1\r\nHost: x\r\nContent-Length: +1\r\n\r\na", 400),
    ("TE on 1.0", b"POST /assets/a HTTP/1.0\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    ("chunked not last", b"POST /assets/a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n", 400),
    ("two codings", b"POST /assets/a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    ("disguised coding", b"POST /assets/a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n", 400),
    ("space before colon", b"POST /assets/a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n", 400),
    ("folded line", b"GET /assets/a HTTP/1.1\r\nHost: x\r\nA: b\r\n c\r\n\r\n", 400),
    ("bare LF", b"GET /assets/a HTTP/1.1\nHost: x\n\n", 400),
    ("LF in the middle", b"GET /assets/a HTTP/1.1\r\nHost: x\nA: b\r\n\r\n", 400),
    ("NUL in a value", b"GET /assets/a HTTP/1.1\r\nHost: x\r\nA: b\0c\r\n\r\n", 400),
    ("no host", b"GET /assets/a HTTP/1.1\r\n\r\n", 400),
    ("two hosts", b"GET /assets/a HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n", 400),
    ("bad host", b"GET /assets/a HTTP/1.1\r\nHost: x y\r\n\r\n", 400),
    ("user in host", b"GET /assets/a HTTP/1.1\r\nHost: a@x\r\n\r\n", 400),
    ("HTTP/0.9", b"GET /assets/a\r\n\r\n", 400),
    ("HTTP/3", b"GET /assets/a HTTP/3.0\r\nHost: x\r\n\r\n", 400),
    ("CONNECT", b"CONNECT x:80 HTTP/1.1\r\nHost: x:80\r\n\r\n", 405),
];

const TARGETS: [(&str, u16); 26] = [
    ("/assets/a", 200),
    ("/assets/%61", 200),
    ("http://x/assets/a", 200),
    ("/assets/a?b=/../%2f\\", 200),
    ("http://y/assets/a", 400),
    ("/assets/../seats", 400),
    ("/assets/..", 400),
    ("/assets/./seats", 400),
    ("/assets/%2e%2e/seats", 400),
    ("/assets/%2E./seats", 400),
    ("/assets/..;/seats", 400),
    ("/assets/..%3b/seats", 400),
    ("/assets/%2fseats", 503),
    ("/assets%2fa", 503),
    ("/assets\\a", 400),
    ("/assets/%5c..%5cseats", 400),
    ("/assets/a%00.png", 400),
    ("/assets/a%0d%0aX: y", 400),
    ("/assets//a", 503),
    ("//assets/a", 503),
    ("/assets/%c0%ae%c0%ae/seats", 503),
    ("/assets/100%", 200),
    ("/assets/caf%E9", 200),
    ("/assets/\u{e9}", 400),
    ("assets/a", 400),
    ("*", 400),
];

#[test]
fn ambiguous_messages_are_refused_and_never_reach_the_shop() {
    let world = World::start(Setup::default());
    for (name, request, status) in HEADS {
        let mut stream = connect(world.address).unwrap();
        stream.write_all(request).unwrap();
        let answer = read_answer(&mut stream, false).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(answer.status, status, "{name}: {}", answer.text());
        let after = stream.read(&mut [0; 16]).map_err(|error| error.kind());
        assert!(matches!(after, Ok(0) | Err(ErrorKind::ConnectionReset)), "{name}: closed after it, not {after:?}");
    }
    assert!(world.shop.seen("").is_empty(), "{:?}", world.shop.seen(""));
}

#[test]
fn targets_have_one_spelling_and_only_that_is_forwarded() {
    let world = World::start(Setup::default());
    for (target, status) in TARGETS {
        let request = format!("GET {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        let answer = exchange(world.address, request.as_bytes(), false).unwrap();
        assert_eq!(answer.status, status, "{target}: {}", answer.text());
    }
    let lines: Vec<String> = world.shop.seen("").into_iter().map(|seen| seen.line).collect();
    let plain = "GET /assets/a HTTP/1.1";
    let queried = "GET /assets/a?b=/../%2f\\ HTTP/1.1";
    assert_eq!(lines, [plain, plain, plain, queried, "GET /assets/100%25 HTTP/1.1", "GET /assets/caf%E9 HTTP/1.1"]);
}

#[test]
fn what_a_shop_could_read_in_two_ways_is_for_those_inside() {
    let world =
        World::start(Setup { room: "paths = [\"/tickets\"]\nexempt = [\"/tickets/img/\"]", ..Setup::default() });
    let (mut stranger, mut fan) = (world.fan(), world.fan());
    fan.enter(1);
    for target in
        ["/Tickets/1", "/tickets.", "/tickets%20", "/%2574ickets", "//tickets", "/;x/tickets", "/tickets/img%2Fa"]
    {
        assert_eq!(stranger.get(target).status, 503, "{target}");
        assert_eq!(fan.get(target).status, 200, "{target}");
        assert_eq!(world.shop.seen("").last().unwrap().line, format!("GET {target} HTTP/1.1"), "as it was sent");
    }
    for target in ["/tickets/img/a", "/about", "/Ticketsale", "/robots.txt"] {
        assert_eq!(stranger.get(target).status, 200, "{target}");
    }
    let page = stranger.visit("//tickets/");
    assert!(
        page.status == 200 && !page.text().contains("value=\"//"),
        "no form leads to another host: {}",
        page.text()
    );
}

#[test]
fn sizes_are_bounded() {
    let world = World::start(Setup { edge: "max_body_bytes = 1000", ..Setup::default() });
    let fields = "A: b\r\n".repeat(101);
    let long = "a".repeat(33 * 1024);
    let chunked_body = format!("{:x}\r\n{}\r\n0\r\n\r\n", 1001, "b".repeat(1001));
    for (request, status) in [
        (format!("GET /assets/a HTTP/1.1\r\nHost: x\r\n{fields}\r\n"), 431),
        (format!("GET /assets/a HTTP/1.1\r\nHost: x\r\nA: {long}\r\n\r\n"), 431),
        (format!("GET /assets/{} HTTP/1.1\r\nHost: x\r\n\r\n", "a".repeat(9000)), 414),
        ("POST /assets/a HTTP/1.1\r\nHost: x\r\nContent-Length: 1001\r\n\r\n".to_owned(), 413),
        (format!("POST /assets/a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n{chunked_body}"), 413),
        (
            "POST /.fairgate/final/join HTTP/1.1\r\nHost: x\r\nContent-Length: 20000\r\n\r\n".to_owned()
                + &"x".repeat(20000),
            413,
        ),
    ] {
        let answer = exchange(world.address, request.as_bytes(), false).unwrap();
        assert_eq!(answer.status, status, "{}", &request[..60]);
    }
    let whole = world.fan().send("POST", "/assets/a", &[], &"b".repeat(1000));
    assert_eq!(whole.status, 200);
    assert_eq!(world.shop.seen("/assets/a").last().unwrap().body.len(), 1000);
}

#[test]
fn slow_heads_are_cut_off_however_they_trickle() {
    let world = World::start(Setup { edge: "client_timeout = \"1s\"\nkeepalive_timeout = \"1s\"", ..Setup::default() });
    let mut stream = connect(world.address).unwrap();
    let begun = Instant::now();
    for byte in b"GET /assets/a HTTP/1.1\r\nHost: x\r\nA: bbbbbbbbbb".iter().cycle() {
        if stream.write_all(&[*byte]).is_err() || begun.elapsed() > Duration::from_secs(5) {
            break;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    assert!(begun.elapsed() < Duration::from_secs(4), "{:?}", begun.elapsed());
    let mut idle = connect(world.address).unwrap();
    let begun = Instant::now();
    assert_eq!(idle.read(&mut [0; 1]).unwrap(), 0);
    assert!(begun.elapsed() < Duration::from_secs(4), "a connection that says nothing is closed");
}

#[test]
fn connections_are_kept_between_requests_and_may_be_pipelined() {
    let world = World::start(Setup::default());
    let mut stream = connect(world.address).unwrap();
    let status = b"GET /.fairgate/final/status HTTP/1.1\r\nHost: x\r\n\r\n";
    for _ in 0..3 {
        stream.write_all(status).unwrap();
        let answer = read_answer(&mut stream, false).unwrap();
        assert_eq!((answer.status, answer.header("connection")), (200, Some("keep-alive")));
    }
    stream.write_all(b"GET /assets/a HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    assert_eq!(read_answer(&mut stream, false).unwrap().text(), "shop");
    stream.write_all(b"GET /assets/../a HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    assert_eq!(read_answer(&mut stream, false).unwrap().status, 400);
    stream.write_all(status).unwrap();
    assert_eq!(read_answer(&mut stream, false).unwrap().status, 200);
}

#[test]
fn requests_that_do_not_wait_for_answers_are_all_answered() {
    let world = World::start(Setup::default());
    let mut stream = connect(world.address).unwrap();
    let mut sent = Vec::new();
    for number in 0..20 {
        sent.extend_from_slice(format!("GET /assets/{number} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes());
        sent.extend_from_slice(b"POST /assets/p HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nbody");
        sent.extend_from_slice(b"GET /.fairgate/final/status HTTP/1.1\r\nHost: x\r\n\r\n");
    }
    stream.write_all(&sent).unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    for number in 0..20 {
        for what in ["GET", "POST", "status"] {
            let answer = read_answer(&mut stream, false).unwrap_or_else(|error| panic!("{what} {number}: {error}"));
            assert_eq!(answer.status, 200, "{what} {number}");
        }
    }
    let bodies = world.shop.seen("/assets/p");
    assert!(bodies.len() == 20 && bodies.iter().all(|seen| seen.body == b"body"));
}

#[test]
fn an_http_1_0_client_gets_no_chunks_and_nobody_an_announced_trailer_that_does_not_come() {
    let world = World::start(Setup { room: "paths = [\"/tickets\"]", ..Setup::default() });
    for (version, chunked) in [("1.0", false), ("1.1", true)] {
        let request = format!("GET /streamed HTTP/{version}\r\nHost: x\r\nConnection: keep-alive\r\n\r\n");
        let answer = exchange(world.address, request.as_bytes(), false).unwrap();
        assert_eq!((answer.status, answer.text().as_str()), (200, "shop"));
        assert_eq!(answer.header("transfer-encoding").is_some(), chunked, "{answer:?}");
        assert!(answer.header("trailer").is_none(), "{answer:?}");
        assert_eq!(answer.header("connection") == Some("close"), !chunked, "{answer:?}");
    }
}

#[test]
fn too_many_cookies_are_explained_to_people() {
    let world = World::start(Setup::default());
    let cookies = format!("tracker={}; basket={}", "a".repeat(25_000), "b".repeat(15_000));
    let request = format!("GET /seats HTTP/1.1\r\nHost: x\r\nAccept: text/html\r\nCookie: {cookies}\r\n\r\n");
    let answer = exchange(world.address, request.as_bytes(), false).unwrap();
    assert_eq!((answer.status, answer.header("content-type")), (431, Some("text/html; charset=utf-8")));
    assert!(answer.text().contains("tracker, basket"), "{}", answer.text());
    let behind = format!("GET /seats HTTP/1.1\r\nHost: x\r\nCookie: {cookies}\r\nAccept: text/html\r\n\r\n");
    let behind = exchange(world.address, behind.as_bytes(), false).unwrap();
    assert!(behind.text().contains("40 KB") && behind.text().contains("<h1>"), "{}", behind.text());
    let script = exchange(world.address, request.replace("text/html", "*/*").as_bytes(), false).unwrap();
    assert_eq!((script.status, script.problem().as_str()), (431, "too-many-cookies"));
}

#[test]
fn wrong_methods_and_addresses_are_told_apart() {
    let world = World::start(Setup {
        room: "hosts = [\"shop.example\", \"127.0.0.1\"]\npaths = [\"/tickets\"]",
        ..Setup::default()
    });
    let ask = |method: &str, host: &str, path: &str| {
        let request =
            format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
        exchange(world.address, request.as_bytes(), method == "HEAD").unwrap()
    };
    for (method, host, path, status, allow) in [
        ("GET", "SHOP.example:1", "/.fairgate/final/status", 200, None),
        ("GET", "other.example", "/.fairgate/final/status", 404, None),
        ("POST", "shop.example", "/.fairgate/final/status", 405, Some("GET, HEAD, OPTIONS")),
        ("GET", "shop.example", "/.fairgate/final/join", 405, Some("POST, OPTIONS")),
        ("OPTIONS", "shop.example", "/.fairgate/final/join", 204, Some("POST, OPTIONS")),
        ("DELETE", "shop.example", "/.fairgate/jwks.json", 405, Some("GET, HEAD, OPTIONS")),
        ("GET", "shop.example", "/.fairgate/jwks.json", 200, None),
        ("HEAD", "shop.example", "/.fairgate/jwks.json", 200, None),
        ("GET", "shop.example", "/.fairgate/other/status", 404, None),
        ("GET", "shop.example", "/.fairgate/final/nothing", 404, None),
        ("TRACE", "shop.example", "/about", 405, Some("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS")),
        ("GET", "shop.example", "/about", 200, None),
        ("GET", "shop.example", "/tickets", 503, None),
        ("GET", "other.example", "/about", 421, None),
    ] {
        let answer = ask(method, host, path);
        assert_eq!((answer.status, answer.header("allow")), (status, allow), "{method} {host}{path}");
    }
}
