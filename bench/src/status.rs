//! Status polls against nginx with a static file of the same bytes, and how many waiting fans that carries.

use crate::cpu;
use crate::edge::Edge;
use crate::nginx::Nginx;
use crate::report::{Goal, Row};
use crate::wrk::Load;

const SECONDS: u32 = 5;
const CONNECTIONS: u32 = 64;
/// The cores that the capacity is stated for.
const CORES: f64 = 2.0;
/// How often a page asks that is far from the front: the default ceiling of `[room.poll]`.
const CEILING_S: f64 = 180.0;
const FANS: f64 = 14e6;

/// Polls a CPU second, and fans that two cores hold.
pub(crate) async fn run(rounds: usize) -> anyhow::Result<Vec<Row>> {
    let shop = Nginx::serving(b"shop")?;
    let edge = Edge::start(&shop.address()).await?;
    let nginx = Nginx::serving(&edge.status().await?)?;
    let mut figures = Vec::new();
    for _ in 0..rounds {
        let ours = answers_a_cpu_second(&[edge.pid()], &edge.status_url())?;
        figures.push((ours, answers_a_cpu_second(&nginx.pids()?, &nginx.url())?));
    }
    let fans: Vec<_> = figures.iter().map(|(ours, _)| (ours * CORES * CEILING_S, FANS)).collect();
    Ok(vec![
        Row::from_rounds("status: polls a CPU second, against nginx", "polls/CPU s", Goal::AtLeast(1.0), &figures),
        Row::from_rounds("status: waiting fans on 2 cores (3 min polls)", "fans", Goal::AtLeast(1.0), &fans),
    ])
}

/// Answers that these processes give for each second of CPU that they use.
pub(crate) fn answers_a_cpu_second(pids: &[u32], url: &str) -> anyhow::Result<f64> {
    let before = cpu::seconds(pids)?;
    let answers =
        Load { url, connections: CONNECTIONS, seconds: SECONDS, headers: &[], is_refused: false, script: None }
            .run()?;
    Ok(answers / (cpu::seconds(pids)? - before))
}
