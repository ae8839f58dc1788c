//! What strangers cost, measured: the table in docs/internals/strangers.md ("How much a stranger can cost").
//!
//! `cargo test --release -p fairgate --test edge what_strangers_cost -- --ignored --nocapture`: some two minutes, on loopback.

#![expect(clippy::print_stdout, reason = "it reports on the terminal")]

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

use crate::fan::Fan;
use crate::http2;
use crate::world::{Setup, World};

/// Connections of each attack over HTTP/1, and over TLS with HTTP/2.
const PLAIN: usize = 3_000;
const TLS: usize = 1_000;
/// How often the same comes over TLS: what is left is an allocator's if it does not grow, and a leak if it does.
const WAVES: usize = 4;
/// Longer than the edge waits for anything.
const WATCHED: Duration = Duration::from_secs(20);

/// What one attack came to.
struct Row {
    name: &'static str,
    addresses: usize,
    connections: usize,
    kb: u64,
    slots: u64,
    freed: Option<Duration>,
}

/// The addresses of a machine that are a stranger's each.
fn address(number: usize) -> [u8; 4] {
    let [.., high, low] = (number as u32).to_be_bytes();
    [127, 9, high, low]
}

/// Connects from so many addresses in turn, and says something on each connection.
async fn plain(to: SocketAddr, addresses: usize, says: &[u8]) -> Vec<TcpStream> {
    let mut open = Vec::with_capacity(PLAIN);
    for number in 0..PLAIN {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(SocketAddr::from((address(number % addresses), 0))).unwrap();
        let mut stream = socket.connect(to).await.unwrap();
        stream.write_all(says).await.unwrap();
        open.push(stream);
    }
    open
}

fn slots(world: &World) -> u64 {
    let metrics = Fan::new(world.admin_address).get("/metrics").text();
    let line = metrics.lines().find(|line| line.contains("upstream_in_flight_requests{")).unwrap();
    line.rsplit(' ').next().unwrap().parse().unwrap()
}

/// What the edge has taken on at its worst within a second.
async fn worst(world: &World, before_kb: u64) -> (u64, u64) {
    let (begun, mut kb, mut taken) = (Instant::now(), 0, 0);
    while begun.elapsed() < Duration::from_secs(1) {
        kb = kb.max(world.resident_kb().saturating_sub(before_kb));
        taken = taken.max(tokio::task::block_in_place(|| slots(world)));
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    (kb, taken)
}

/// When the last of some connections is closed, or answered.
async fn freed(mut open: Vec<TcpStream>, since: Instant) -> Option<Duration> {
    let mut heard = [0; 512];
    for stream in &mut open {
        let left = WATCHED.saturating_sub(since.elapsed());
        tokio::time::timeout(left, stream.read(&mut heard)).await.ok()?.unwrap_or(0);
    }
    Some(since.elapsed())
}

async fn measure_plain(name: &'static str, addresses: usize, says: &[u8], upstream: &'static str) -> Row {
    let world = World::start(Setup { edge: "limits.unlimited = []", upstream, ..Setup::default() });
    let before_kb = world.resident_kb();
    let begun = Instant::now();
    let open = plain(world.address, addresses, says).await;
    let (kb, slots) = worst(&world, before_kb).await;
    Row { name, addresses, connections: open.len(), kb, slots, freed: freed(open, begun).await }
}

/// What one attack comes to at its worst, KB, and what is left three seconds after each wave.
async fn measure_tls(says: &[u8]) -> (u64, [u64; WAVES]) {
    let world = World::start(Setup { edge: "limits.unlimited = []", tls: true, ..Setup::default() });
    tokio::task::block_in_place(|| drop(world.fan().visit("/seats")));
    let before_kb = world.resident_kb();
    let (mut most_kb, mut left_kb) = (0, [0; WAVES]);
    for left_kb in &mut left_kb {
        let mut open = Vec::new();
        for _ in 0..TLS {
            let mut stream = http2::handshake(&world).await;
            stream.write_all(says).await.unwrap();
            stream.flush().await.unwrap();
            open.push(stream);
        }
        most_kb = most_kb.max(worst(&world, before_kb).await.0);
        drop(open);
        tokio::time::sleep(Duration::from_secs(3)).await;
        *left_kb = world.resident_kb().saturating_sub(before_kb);
    }
    (most_kb, left_kb)
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "measures for two minutes"]
async fn what_strangers_cost() {
    let small = b"POST /assets/x HTTP/1.1\r\nHost: x\r\nContent-Length: 49152\r\n\r\nx";
    let long = b"POST /assets/x HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\nx";
    let mut rows = Vec::new();
    for addresses in [1, 1_000] {
        rows.push(measure_plain("says nothing", addresses, b"", "").await);
        rows.push(measure_plain("half a head", addresses, b"GET /seats HTTP/1.1\r\nHo", "").await);
        rows.push(measure_plain("a body of 48 KB that does not come", addresses, small, "").await);
        rows.push(measure_plain("a body of 1 MB that does not come", addresses, long, "").await);
    }
    println!("| what | addresses | connections | KB a connection | slots | seconds until it is over |");
    println!("|---|---|---|---|---|---|");
    for Row { name, addresses, connections, kb, slots, freed } in &rows {
        let freed = freed.map_or_else(|| "-".to_owned(), |freed| format!("{:.0}", freed.as_secs_f64()));
        let each = *kb as f64 / *connections as f64;
        println!("| {name} | {addresses} | {connections} | {each:.1} | {slots} | {freed} |");
    }
    println!("| over TLS, HTTP/2 | connections | KB a connection | KB a connection once each wave is gone |");
    let mut pages = http2::preface_without_window();
    (0..5).for_each(|number| pages.extend(http2::get(2 * number + 1, &format!("/seats?n={number}"))));
    let attacks = [
        ("says nothing", Vec::new()),
        ("an idle client", http2::PREFACE.to_vec()),
        ("five pages that are not read", pages),
    ];
    for (name, says) in attacks {
        let (most_kb, left_kb) = measure_tls(&says).await;
        let each = |kb: u64| format!("{:.1}", kb as f64 / TLS as f64);
        println!("| {name} | {TLS} | {} | {} |", each(most_kb), left_kb.map(each).join("; "));
    }
}
