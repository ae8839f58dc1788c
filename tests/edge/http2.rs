//! HTTP/2 to the byte: what browsers send that a client library would not.

use std::io::Write;
use std::time::{Duration, Instant};

use pingora::connectors::TransportConnector;
use pingora::protocols::Stream;
use pingora::upstreams::peer::HttpPeer;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::fan::{Fan, connect_from, read_answer};
use crate::world::{Setup, World};

/// The preface, with empty settings.
pub(crate) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

async fn connect(world: &World) -> Stream {
    let mut stream = handshake(world).await;
    stream.write_all(PREFACE).await.unwrap();
    stream
}

/// TLS, and not a word of HTTP/2 yet.
pub(crate) async fn handshake(world: &World) -> Stream {
    let mut peer = HttpPeer::new(world.tls_address, true, "localhost".to_owned());
    (peer.options.verify_cert, peer.options.verify_hostname) = (false, false);
    peer.options.set_http_version(2, 2);
    TransportConnector::new(None).new_stream(&peer).await.unwrap()
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut bytes = vec![length[1], length[2], length[3], kind, flags];
    bytes.extend(stream.to_be_bytes());
    bytes.extend(payload);
    bytes
}

/// The preface of a client that takes no answer's body: its streams have a window of 0.
pub(crate) fn preface_without_window() -> Vec<u8> {
    let mut bytes = PREFACE[..PREFACE.len() - 9].to_vec();
    bytes.extend(frame(SETTINGS, 0, 0, &[0, 4, 0, 0, 0, 0]));
    bytes
}

/// A navigation.
pub(crate) fn get(stream: u32, path: &str) -> Vec<u8> {
    let mut block = vec![0x82, 0x87, 0x04, path.len() as u8];
    block.extend(path.bytes());
    block.extend([0x01, 9]);
    block.extend(b"localhost");
    block.extend([0x0f, 0x04, 9]);
    block.extend(b"text/html");
    frame(HEADERS, END_HEADERS | END_STREAM, stream, &block)
}

/// The head of a `POST` whose body has no length, as of a streamed `fetch`.
fn post(stream: u32, path: &str) -> Vec<u8> {
    let mut block = vec![0x83, 0x87, 0x04, path.len() as u8];
    block.extend(path.bytes());
    block.extend([0x01, 9]);
    block.extend(b"localhost");
    frame(HEADERS, END_HEADERS, stream, &block)
}

/// Reads the answer on a stream to its end: its body.
async fn answer(stream: &mut Stream, on: u32) -> Vec<u8> {
    let mut body = Vec::new();
    loop {
        let mut head = [0; 9];
        stream.read_exact(&mut head).await.unwrap();
        let mut payload = vec![0; u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize];
        stream.read_exact(&mut payload).await.unwrap();
        if u32::from_be_bytes([head[5], head[6], head[7], head[8]]) != on {
            continue;
        }
        match head[3] {
            DATA => body.extend(payload),
            HEADERS => {}
            3 => panic!("the stream was reset: {payload:?}"),
            _ => continue,
        }
        if head[4] & END_STREAM != 0 {
            return body;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_ends_by_an_empty_frame_ends_once_for_the_shop() {
    let world = World::start(Setup { tls: true, ..Setup::default() });
    let mut stream = connect(&world).await;
    // One that is read before it goes on, and one that is streamed; each ends by an empty frame of its own.
    for (on, piece, pieces) in [(1, &b"hello"[..], 1), (3, &[b'x'; 12_400], 4)] {
        let mut request = post(on, "/assets/upload");
        (0..pieces).for_each(|_| request.extend(frame(DATA, 0, on, piece)));
        stream.write_all(&request).await.unwrap();
        stream.flush().await.unwrap();
        tokio::time::sleep(Duration::from_millis(100)).await;
        stream.write_all(&frame(DATA, END_STREAM, on, &[])).await.unwrap();
        stream.flush().await.unwrap();
        let told = tokio::time::timeout(Duration::from_secs(10), answer(&mut stream, on)).await;
        assert_eq!(told.expect("an answer"), b"shop");
        let seen = world.shop.seen("/assets/upload").pop().unwrap();
        assert_eq!(seen.body.len(), pieces * piece.len());
        let framing = (seen.header("content-length").is_some(), seen.header("transfer-encoding").is_some());
        assert_eq!(framing, if pieces == 1 { (true, false) } else { (false, true) }, "{seen:?}");
        // Whoever comes next on that connection of the shop's gets an answer of their own.
        assert_eq!(world.fan().get(&format!("/assets/next-{on}")).status, 200);
    }
    let lines = world.shop.lines();
    let expected = ["POST /assets/upload", "GET /assets/next-1", "POST /assets/upload", "GET /assets/next-3"];
    assert_eq!(lines, expected.map(|line| format!("{line} HTTP/1.1")), "nothing else reached the shop");
}

/// How long it takes until the edge closes a connection on which somebody may still say something.
async fn closed_after(mut stream: Stream, says: impl Fn() -> Vec<u8>) -> Duration {
    let begun = Instant::now();
    let mut heard = [0; 4_096];
    while begun.elapsed() < Duration::from_secs(10) {
        let said = says();
        let is_gone = !said.is_empty() && (stream.write_all(&said).await.is_err() || stream.flush().await.is_err());
        let read = tokio::time::timeout(Duration::from_millis(100), stream.read(&mut heard)).await;
        if is_gone || matches!(read, Ok(Ok(0) | Err(_))) {
            break;
        }
    }
    begun.elapsed()
}

#[tokio::test(flavor = "multi_thread")]
async fn who_says_nothing_or_only_pings_is_idle() {
    let edge = "client_timeout = \"1s\"\nkeepalive_timeout = \"2s\"";
    let world = World::start(Setup { edge, tls: true, ..Setup::default() });
    let without_preface = closed_after(handshake(&world).await, Vec::new).await;
    assert!((1..3).contains(&without_preface.as_secs()), "{without_preface:?}");
    let silent = closed_after(connect(&world).await, Vec::new).await;
    assert!((2..5).contains(&silent.as_secs()), "{silent:?}");
    let pinging = closed_after(connect(&world).await, || frame(PING, 0, 0, &[7; 8])).await;
    assert!((2..5).contains(&pinging.as_secs()), "{pinging:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_have_ended_give_their_memory_back() {
    const CONNECTIONS: usize = 200;
    let world = World::start(Setup { tls: true, ..Setup::default() });
    let mut after_kb = Vec::new();
    for _ in 0..4 {
        let mut open = Vec::new();
        for _ in 0..CONNECTIONS {
            let mut stream = connect(&world).await;
            stream.write_all(&get(1, "/seats")).await.unwrap();
            stream.flush().await.unwrap();
            answer(&mut stream, 1).await;
            open.push(stream);
        }
        drop(open);
        tokio::time::sleep(Duration::from_millis(500)).await;
        after_kb.push(world.resident_kb());
    }
    let grown_kb = after_kb[3].saturating_sub(after_kb[1]);
    // An idle connection takes some 60 KB: what were kept of 400 would be twice as much.
    assert!(grown_kb < 12_288, "{after_kb:?} KB after {CONNECTIONS} connections each time");
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_that_nobody_takes_are_bounded_and_given_up_on() {
    const CONNECTIONS: u32 = 20;
    const STREAMS: u32 = 60;
    let edge = "limits.unlimited = []\nclient_timeout = \"4s\"";
    let world = World::start(Setup { edge, tls: true, ..Setup::default() });
    let mut open = Vec::new();
    for _ in 0..CONNECTIONS {
        let mut stream = handshake(&world).await;
        let mut bytes = preface_without_window();
        (0..STREAMS).for_each(|number| bytes.extend(get(2 * number + 1, &format!("/seats?n={number}"))));
        stream.write_all(&bytes).await.unwrap();
        stream.flush().await.unwrap();
        open.push(stream);
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    let refused = tokio::task::block_in_place(|| {
        let metrics = Fan::new(world.admin_address).get("/metrics").text();
        let line = metrics.lines().find(|line| line.contains("shed_total{reason=\"requests\"}")).unwrap_or("0 0");
        line.rsplit(' ').next().unwrap().parse::<u32>().unwrap()
    });
    assert!(refused >= CONNECTIONS * STREAMS - 1_000, "{refused} of {} were turned away", CONNECTIONS * STREAMS);
    // They are given up on, and the connection is of use again.
    let mut reset = 0;
    let deadline = Instant::now() + Duration::from_secs(10);
    while reset < STREAMS && Instant::now() < deadline {
        let mut head = [0; 9];
        open[0].read_exact(&mut head).await.unwrap();
        let mut payload = vec![0; u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize];
        open[0].read_exact(&mut payload).await.unwrap();
        reset += u32::from(head[3] == 3);
    }
    assert_eq!(reset, STREAMS);
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_are_read_by_so_many_of_one_network_at_once() {
    let edge = "limits.unlimited = []\nclient_timeout = \"4s\"";
    let setup = Setup { edge, opens_in_ms: -1_000, starts_in_ms: 15_000, tls: true, ..Setup::default() };
    let world = World::start(setup);
    world.fan().join(1);
    world.wait_until("serving", |status| status["phase"] == "serving");
    let roster = "/.fairgate/final/draw/roster";
    let mut slow = handshake(&world).await;
    let mut bytes = preface_without_window();
    (0..20).for_each(|number| bytes.extend(get(2 * number + 1, roster)));
    slow.write_all(&bytes).await.unwrap();
    slow.flush().await.unwrap();
    let ask = |from| {
        let mut stream = connect_from(from, world.address);
        write!(stream, "GET {roster} HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
        read_answer(&mut stream, false).unwrap()
    };
    let (busy, other) = tokio::task::block_in_place(|| {
        let ask = |from| std::thread::scope(|scope| scope.spawn(|| ask(from)).join().unwrap());
        // Until the edge has come to all of them; they are given up on after four seconds.
        let asked = std::iter::repeat_with(|| {
            std::thread::sleep(Duration::from_millis(100));
            ask([127, 0, 0, 1])
        });
        let busy = asked.take(30).find(|answer| answer.status != 200);
        (busy.expect("one that is refused"), ask([127, 0, 0, 2]))
    });
    assert_eq!((busy.status, busy.problem().as_str(), other.status), (503, "busy", 200));
    tokio::time::sleep(Duration::from_secs(4)).await;
    let again =
        tokio::task::block_in_place(|| std::thread::scope(|scope| scope.spawn(|| ask([127, 0, 0, 1])).join().unwrap()));
    assert_eq!(again.status, 200, "who does not read is given up on");
}
