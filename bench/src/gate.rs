//! What the gate costs. CPU a request that gets through is set against the same Pingora proxy without a gate, and
//! against nginx's `proxy_pass`. CPU a request that is turned away is set against one that gets through.

use crate::bare::Bare;
use crate::cpu;
use crate::edge::Edge;
use crate::nginx::Nginx;
use crate::report::{Goal, Row};
use crate::wrk::Load;

const SECONDS: u32 = 5;
const CONNECTIONS: u32 = 64;

/// One request a minute: all that wrk asks but the first is turned away.
const NOTHING: &str = "session_per_minute = 1\nsession_burst = 1";

/// Microseconds of CPU an admitted request, and one that is turned away.
pub(crate) async fn run(rounds: usize) -> anyhow::Result<Vec<Row>> {
    let shop = Nginx::serving(&[b'x'; 1024])?;
    let edge = Edge::start(&shop.address()).await?;
    let bare = Bare::start(&shop.address())?;
    let alike = Bare::with_the_gates_allocator(&shop.address())?;
    let plain = Nginx::proxying(&shop.address())?;
    let fans = edge.admitted_fans(CONNECTIONS).await?;
    let closed = Edge::with_session_limit(&shop.address(), NOTHING).await?;
    let refused = closed.admitted_fans(1).await?;
    let (mut admitted, mut alike_admitted, mut beside_nginx, mut shed) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for _ in 0..rounds {
        let of = |pids: &[u32], url: &str| cpu_us_a_request(pids, url, &fans, false);
        let ours = of(&[edge.pid()], &edge.url("/status"))?;
        admitted.push((ours, of(&[bare.pid()], &bare.url("/status"))?));
        alike_admitted.push((ours, of(&[alike.pid()], &alike.url("/status"))?));
        beside_nginx.push((ours, of(&plain.pids()?, &plain.url())?));
        shed.push((cpu_us_a_request(&[closed.pid()], &closed.url("/status"), &refused, true)?, ours));
    }
    Ok(vec![
        Row::from_rounds("gate: CPU an admitted request, all limits on", "us", Goal::AtMost(1.10), &admitted),
        Row::from_rounds(
            "gate: the same, beside Pingora with our allocator",
            "us",
            Goal::AtMost(1.10),
            &alike_admitted,
        ),
        Row::from_rounds("gate: the same, beside nginx's proxy_pass", "us", Goal::AtMost(1.4), &beside_nginx),
        Row::from_rounds("gate: CPU a shed request, of an admitted one", "us", Goal::AtMost(0.2), &shed),
    ])
}

/// Each connection is another fan's, as long as there are so many.
fn cpu_us_a_request(pids: &[u32], url: &str, fans: &[String], is_refused: bool) -> anyhow::Result<f64> {
    let before = cpu::seconds(pids)?;
    let script = Some(concat!(env!("CARGO_MANIFEST_DIR"), "/gate.lua"));
    let (connections, seconds) = (CONNECTIONS, SECONDS);
    let answers = Load { url, connections, seconds, headers: &[], is_refused, script, arguments: fans }.run()?;
    Ok((cpu::seconds(pids)? - before) * 1e6 / answers)
}
