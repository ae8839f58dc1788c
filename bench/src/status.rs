//! Status polls against nginx with `return 200` of the same bytes, and how many waiting fans that carries. The polls
//! are plain, and as browsers ask: TLS, HTTP/2, a connection that did not outlive the time between two polls.

use crate::cpu;
use crate::edge::Edge;
use crate::h2load::H2Load;
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
/// Streams of an HTTP/2 connection that are under way at once.
const STREAMS: u32 = 10;

/// Polls a CPU second in one way of asking: ours and nginx's by turns.
type Rounds = Vec<(f64, f64)>;

/// Polls a CPU second, and fans that two cores hold.
pub(crate) async fn run(rounds: usize) -> anyhow::Result<Vec<Row>> {
    let shop = Nginx::serving(b"shop")?;
    let edge = Edge::start(&shop.address()).await?;
    let nginx = Nginx::returning(&edge.status().await?)?;
    let close = ["Connection: close".to_owned()];
    let (mut plain, mut tls, mut anew, mut one, mut ten): (Rounds, Rounds, Rounds, Rounds, Rounds) = Default::default();
    for _ in 0..rounds {
        let both = |ask: &dyn Fn(&[u32], bool) -> anyhow::Result<f64>| -> anyhow::Result<(f64, f64)> {
            Ok((ask(&[edge.pid()], true)?, ask(&nginx.pids()?, false)?))
        };
        let url = |is_ours: bool| if is_ours { edge.status_url() } else { nginx.url() };
        let tls_url = |is_ours: bool| if is_ours { edge.tls_status_url() } else { nginx.tls_url() };
        plain.push(both(&|pids, is_ours| answers_a_cpu_second(pids, &url(is_ours), &[]))?);
        tls.push(both(&|pids, is_ours| answers_a_cpu_second(pids, &tls_url(is_ours), &[]))?);
        anew.push(both(&|pids, is_ours| answers_a_cpu_second(pids, &tls_url(is_ours), &close))?);
        one.push(both(&|pids, is_ours| streams_a_cpu_second(pids, &tls_url(is_ours), 1))?);
        ten.push(both(&|pids, is_ours| streams_a_cpu_second(pids, &tls_url(is_ours), STREAMS))?);
    }
    let hold =
        |figures: &Rounds| -> Rounds { figures.iter().map(|(ours, _)| (ours * CORES * CEILING_S, FANS)).collect() };
    let (a_second, at_least) = ("polls/CPU s", Goal::AtLeast);
    Ok(vec![
        Row::from_rounds("status: polls, against nginx return 200", a_second, at_least(1.0), &plain),
        Row::from_rounds("status: the same over TLS, HTTP/1", a_second, at_least(1.0), &tls),
        Row::from_rounds("status: over HTTP/2, one stream", a_second, at_least(1.0 / 1.15), &one),
        Row::from_rounds("status: over HTTP/2, ten streams", a_second, at_least(1.0 / 1.15), &ten),
        Row::from_rounds("status: a TLS connection for each poll", a_second, at_least(1.0), &anew),
        Row::from_rounds("status: waiting fans, a TLS connection a poll", "fans", at_least(1.0), &hold(&anew)),
        Row::from_rounds("status: waiting fans, connections that last", "fans", at_least(1.0), &hold(&tls)),
    ])
}

/// Answers that these processes give for each second of CPU that they use.
pub(crate) fn answers_a_cpu_second(pids: &[u32], url: &str, headers: &[String]) -> anyhow::Result<f64> {
    let load = Load {
        url,
        connections: CONNECTIONS,
        seconds: SECONDS,
        headers,
        is_refused: false,
        script: None,
        arguments: &[],
    };
    a_cpu_second(pids, || load.run())
}

fn streams_a_cpu_second(pids: &[u32], url: &str, streams: u32) -> anyhow::Result<f64> {
    let load = H2Load { url, connections: CONNECTIONS, streams, seconds: SECONDS };
    a_cpu_second(pids, || load.run())
}

fn a_cpu_second(pids: &[u32], load: impl FnOnce() -> anyhow::Result<f64>) -> anyhow::Result<f64> {
    let before = cpu::seconds(pids)?;
    Ok(load()? / (cpu::seconds(pids)? - before))
}
