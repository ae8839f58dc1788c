//! What the gate costs: CPU a request that gets through, against the same Pingora proxy without a gate.

use crate::bare::Bare;
use crate::cpu;
use crate::edge::Edge;
use crate::nginx::Nginx;
use crate::report::{Goal, Row};
use crate::wrk::Load;

const SECONDS: u32 = 5;
const CONNECTIONS: u32 = 64;

/// Microseconds of CPU an admitted request.
pub(crate) async fn run(rounds: usize) -> anyhow::Result<Vec<Row>> {
    let shop = Nginx::serving(&[b'x'; 1024])?;
    let edge = Edge::start(&shop.address()).await?;
    let bare = Bare::start(&shop.address())?;
    let headers = [edge.admitted_cookie().await?];
    let mut figures = Vec::new();
    for _ in 0..rounds {
        let ours = cpu_us_a_request(edge.pid(), &edge.url("/status"), &headers)?;
        figures.push((ours, cpu_us_a_request(bare.pid(), &bare.url("/status"), &headers)?));
    }
    Ok(vec![Row::from_rounds("gate: CPU an admitted request", "us", Goal::AtMost(1.05), &figures)])
}

fn cpu_us_a_request(pid: u32, url: &str, headers: &[String]) -> anyhow::Result<f64> {
    let before = cpu::seconds(&[pid])?;
    let answers = Load { url, connections: CONNECTIONS, seconds: SECONDS, headers, script: None }.run()?;
    Ok((cpu::seconds(&[pid])? - before) * 1e6 / answers)
}
