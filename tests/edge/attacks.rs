//! Clients that mean ill: they trickle, flood, and reset. Each attack is bounded in number and time.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use pingora::connectors::TransportConnector;
use pingora::upstreams::peer::HttpPeer;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::fan::{Answer, connect, connect_from, read_answer};
use crate::world::{Setup, World};

#[test]
fn a_body_that_trickles_is_cut_off_and_its_slot_is_free_again() {
    let world = World::start(Setup {
        edge: "client_timeout = \"1s\"",
        upstream: "max_in_flight = 1\nqueue = 0",
        ..Setup::default()
    });
    for target in ["/assets/a", "/.fairgate/final/join"] {
        let mut stream = connect(world.address).unwrap();
        write!(stream, "POST {target} HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n").unwrap();
        let begun = Instant::now();
        assert_eq!(world.fan().get("/assets/c").status, 200, "{target}: a body that is not here yet has no slot");
        while stream.write_all(b"b").is_ok() && begun.elapsed() < Duration::from_secs(5) {
            std::thread::sleep(Duration::from_millis(100));
        }
        assert!(begun.elapsed() < Duration::from_secs(4), "{target}: {:?}", begun.elapsed());
        assert_eq!(world.fan().get("/assets/b").status, 200, "{target}");
    }
}

#[test]
fn a_network_has_so_many_connections_and_no_more() {
    let edge = "limits.network_connections = 10\nlimits.unlimited = []";
    let world = World::start(Setup { edge, tls: true, ..Setup::default() });
    // Over TLS those that are too many are closed before the handshake, which nobody here begins.
    for address in [world.address, world.tls_address] {
        let mut flood: Vec<TcpStream> = (0..200).map(|_| TcpStream::connect(address).unwrap()).collect();
        let (open, cut): (Vec<TcpStream>, Vec<TcpStream>) = flood.drain(..).partition(is_open);
        assert_eq!((open.len(), cut.len()), (10, 190));
        assert_eq!(status_from([127, 0, 0, 2], world.address).status, 200, "others are not touched");
        drop((open, cut));
        let until = Instant::now() + Duration::from_secs(5);
        while world.fan().try_get("/.fairgate/final/status").is_err() {
            assert!(Instant::now() < until, "connections that were closed do not count any more");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

/// True if a connection that says nothing is still open.
fn is_open(stream: &TcpStream) -> bool {
    stream.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    let heard = { stream }.read(&mut [0; 1]).map_err(|error| error.kind());
    match heard {
        Err(ErrorKind::WouldBlock | ErrorKind::TimedOut) => true,
        Ok(0) | Err(ErrorKind::ConnectionReset) => false,
        other => panic!("{other:?}"),
    }
}

/// Asks for the status from another address of this machine.
fn status_from(address: [u8; 4], edge: SocketAddr) -> Answer {
    let stream = connect_from(address, edge);
    (&stream).write_all(b"GET /.fairgate/final/status HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    read_answer(&mut { stream }, false).unwrap()
}

#[test]
fn a_clients_own_quota_is_429_and_our_lack_of_room_is_503() {
    let world = World::start(Setup {
        edge: "limits.session_per_minute = 60\nlimits.session_burst = 2",
        upstream: "max_in_flight = 1\nqueue = 0",
        ..Setup::default()
    });
    let (mut greedy, mut modest) = (world.fan(), world.fan());
    greedy.enter(1);
    modest.enter(2);
    let answers: Vec<Answer> = (0..4).map(|_| greedy.get("/seats")).collect();
    assert_eq!(answers.iter().map(|answer| answer.status).collect::<Vec<_>>(), [200, 200, 429, 429]);
    let left = |answer: &Answer| answer.header("ratelimit").map(str::to_owned);
    assert_eq!((left(&answers[0]), left(&answers[1])), (None, Some("\"session\";r=0;t=2".to_owned())));
    let over = &answers[3];
    assert_eq!((over.header("ratelimit-policy"), over.header("retry-after")), (Some("\"session\";q=2;w=2"), Some("1")));
    assert_eq!(over.header("ratelimit"), Some("\"session\";r=0;t=1"));
    let slow = std::thread::spawn({
        let mut modest = modest.clone();
        move || modest.get("/slow").status
    });
    world.shop.wait_for("/slow");
    let full = modest.get("/seats");
    assert_eq!((full.status, full.problem().as_str()), (503, "shop-full"));
    assert!(full.header("retry-after").is_some() && slow.join().unwrap() == 200);
}

#[test]
fn thousands_of_addresses_do_not_grow_memory() {
    const CONNECTIONS: u32 = 4;
    const EACH: u32 = 1_000;
    let world = World::start(Setup {
        edge: "trusted_proxies = [\"127.0.0.0/8\"]\nlimits.keys = 1_024\nlimits.network_per_minute = 1\nlimits.network_burst = 1",
        ..Setup::default()
    });
    let flood = |from: u32, to: u32| {
        let senders = (0..CONNECTIONS).map(|connection| {
            let address = world.address;
            std::thread::spawn(move || ask_as(address, connection * EACH + from..connection * EACH + to))
        });
        senders.collect::<Vec<_>>().into_iter().map(|sender| sender.join().unwrap()).sum::<usize>()
    };
    let first = flood(0, 200);
    let before = world.resident_kb();
    let served = first + flood(200, EACH);
    let grown_kb = world.resident_kb().saturating_sub(before);
    assert_eq!(served, (CONNECTIONS * EACH) as usize, "each address asked for the first time");
    assert!(grown_kb < 4_096, "{grown_kb} KB for {served} addresses");
    assert_eq!(ask_as(world.address, 1..2) + ask_as(world.address, 1..2), 1, "one that asks twice is counted");
}

/// Asks once as each of these clients, by way of a trusted proxy; answers how many were served.
fn ask_as(address: SocketAddr, clients: std::ops::Range<u32>) -> usize {
    let mut stream = connect(address).unwrap();
    let mut served = 0;
    for client in clients {
        let [_, a, b, c] = client.to_be_bytes();
        let head = "GET /.fairgate/jwks.json HTTP/1.1\r\nHost: x\r\nX-Forwarded-For";
        stream.write_all(format!("{head}: 10.{a}.{b}.{c}\r\n\r\n").as_bytes()).unwrap();
        served += usize::from(read_answer(&mut stream, false).unwrap().status == 200);
    }
    served
}

/// HTTP/2 in bytes: the preface with empty settings, and a request for `/assets/a` that is reset at once.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
const GOAWAY: u8 = 7;
const ENHANCE_YOUR_CALM: u32 = 0xb;

fn opened_and_reset(stream: u32) -> Vec<u8> {
    let block = [&[0x82, 0x87, 0x44, 9][..], b"/assets/a", &[0x41, 9], b"localhost"].concat();
    let (mut bytes, id) = (vec![0, 0, block.len() as u8, 1, 0x5], stream.to_be_bytes());
    bytes.extend(id);
    bytes.extend(block);
    bytes.extend([0, 0, 4, 3, 0]);
    bytes.extend(id);
    bytes.extend(8_u32.to_be_bytes());
    bytes
}

#[tokio::test(flavor = "multi_thread")]
async fn who_opens_streams_only_to_reset_them_is_shut_out() {
    const STREAMS: u32 = 1_000;
    let world = World::start(Setup { tls: true, ..Setup::default() });
    let mut peer = HttpPeer::new(world.tls_address, true, "localhost".to_owned());
    (peer.options.verify_cert, peer.options.verify_hostname) = (false, false);
    peer.options.set_http_version(2, 2);
    let mut stream = TransportConnector::new(None).new_stream(&peer).await.unwrap();
    let mut flood = PREFACE.to_vec();
    (0..STREAMS).for_each(|number| flood.extend(opened_and_reset(2 * number + 1)));
    // It may be cut off before all of it is sent.
    let _ = stream.write_all(&flood).await;
    let _ = stream.flush().await;
    let mut heard = Vec::new();
    let closed = tokio::time::timeout(Duration::from_secs(5), stream.read_to_end(&mut heard)).await;
    assert!(closed.is_ok(), "the connection is still open");
    assert_eq!(goaway(&heard), Some(ENHANCE_YOUR_CALM), "{heard:?}");
    let reached = world.shop.seen("/assets/a").len();
    assert!(reached < 100, "{reached} of {STREAMS} reached the shop");
    assert_eq!(world.fan().get("/assets/b").status, 200);
}

/// The reason of the first GOAWAY frame.
fn goaway(mut frames: &[u8]) -> Option<u32> {
    while let [a, b, c, kind, _, _, _, _, _, rest @ ..] = frames {
        let (payload, next) = rest.split_at_checked(u32::from_be_bytes([0, *a, *b, *c]) as usize)?;
        if *kind == GOAWAY {
            return payload.get(4..8)?.try_into().ok().map(u32::from_be_bytes);
        }
        frames = next;
    }
    None
}
