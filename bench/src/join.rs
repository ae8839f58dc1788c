//! Joins against status polls of the same edge, and how many joins share a call to the store.

use crate::cpu;
use crate::edge::Edge;
use crate::nginx::Nginx;
use crate::report::{Goal, Row};
use crate::status::answers_a_cpu_second;
use crate::wrk::Load;

const SECONDS: u32 = 5;
const CONNECTIONS: u32 = 256;

/// Joins a CPU second, and store calls a join.
pub(crate) async fn run(rounds: usize) -> anyhow::Result<Vec<Row>> {
    let shop = Nginx::serving(b"shop")?;
    let edge = Edge::start(&shop.address()).await?;
    let url = edge.join_url();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/join.lua");
    let load = Load {
        url: &url,
        connections: CONNECTIONS,
        seconds: SECONDS,
        headers: &[],
        is_refused: false,
        script: Some(script),
        arguments: &[],
    };
    let mut speeds = Vec::new();
    let mut calls = Vec::new();
    for _ in 0..rounds {
        let (cpu_before, calls_before) = (cpu::seconds(&[edge.pid()])?, edge.metric(STORE_CALLS).await?);
        let joins = load.run()?;
        calls.push(((edge.metric(STORE_CALLS).await? - calls_before) / joins, 1.0));
        let ours = joins / (cpu::seconds(&[edge.pid()])? - cpu_before);
        speeds.push((ours, answers_a_cpu_second(&[edge.pid()], &edge.status_url(), &[])?));
    }
    Ok(vec![
        Row::from_rounds("join: joins a CPU second, against polls", "/CPU s", Goal::AtLeast(0.5), &speeds),
        Row::from_rounds("join: store calls a join (embedded)", "calls", Goal::AtMost(0.02), &calls),
    ])
}

const STORE_CALLS: &str = "fairgate_join_batch_fans_count";
