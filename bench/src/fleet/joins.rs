//! Joins through an edge on Redis: calls a join at 5,000 joins a second, and throughput against the embedded store.

use fairgate_testkit::PrivateRedis;

use super::room::{ask, connect};
use crate::cpu;
use crate::edge::Edge;
use crate::nginx::Nginx;
use crate::report::{Goal, Row};
use crate::wrk::Load;

const SECONDS: u32 = 5;

pub(super) async fn run(rounds: usize) -> anyhow::Result<Vec<Row>> {
    let shop = Nginx::serving(b"shop")?;
    let redis = PrivateRedis::start()?;
    let embedded = Edge::start(&shop.address()).await?;
    let fleet = Edge::on_redis(&shop.address(), &redis.url()).await?;
    let (mut calls, mut speeds) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        let before = scripts_run(&redis).await?;
        let joins = load(&fleet, 250, "join-paced.lua")?;
        println!("  {:.0} joins a second", joins / f64::from(SECONDS));
        calls.push((scripts_run(&redis).await? - before) / joins);
        speeds.push((joins_a_cpu_second(&fleet)?, joins_a_cpu_second(&embedded)?));
    }
    Ok(vec![
        Row::within("fleet: Redis calls a join at 5,000 joins/s", "calls", 0.02, calls.into_iter()),
        Row::from_rounds("fleet: an edge's joins on Redis, against embedded", "/CPU s", Goal::AtLeast(0.8), &speeds),
    ])
}

fn load(edge: &Edge, connections: u32, script: &str) -> anyhow::Result<f64> {
    let script = format!("{}/{script}", env!("CARGO_MANIFEST_DIR"));
    let url = edge.join_url();
    Load {
        url: &url,
        connections,
        seconds: SECONDS,
        headers: &[],
        is_refused: false,
        script: Some(&script),
        arguments: &[],
    }
    .run()
}

/// Of the edge alone: Redis is another machine.
fn joins_a_cpu_second(edge: &Edge) -> anyhow::Result<f64> {
    let before = cpu::seconds(&[edge.pid()])?;
    let joins = load(edge, 256, "join.lua")?;
    Ok(joins / (cpu::seconds(&[edge.pid()])? - before))
}

/// Scripts that Redis has run, whoever asked and whatever for.
async fn scripts_run(redis: &PrivateRedis) -> anyhow::Result<f64> {
    let stats: String = ask(&mut connect(redis).await?, &["INFO", "commandstats"]).await?;
    let calls = stats.lines().filter_map(|line| line.strip_prefix("cmdstat_evalsha:calls=")?.split(',').next());
    Ok(calls.filter_map(|calls| calls.parse::<f64>().ok()).sum())
}
