//! What open consoles cost the edge: 200 browsers that each have a live view of one room and fetch its charts.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, ensure};
use reqwest::header::{COOKIE, ORIGIN, SET_COOKIE};
use tokio::sync::Barrier;
use tokio::task::JoinSet;
use tokio::time::{interval, sleep, timeout};

use crate::cpu;
use crate::edge::{ADMIN_TOKEN, Edge};
use crate::nginx::Nginx;
use crate::report::{Goal, Row};
use crate::status::answers_a_cpu_second;

const CONSOLES: u16 = 200;
/// So many of one address are let in.
const OF_ONE_ADDRESS: u16 = 20;
/// As the console's script does.
const CHARTS_EVERY: Duration = Duration::from_secs(5);
const LOOK: Duration = Duration::from_secs(10);
const SOON: Duration = Duration::from_secs(30);
/// Of a core, for each console that is open.
const PERCENT_MAX: f64 = 0.1;

/// CPU of the edge for each open console, and status polls a CPU second with and without them.
pub(crate) async fn run(rounds: usize) -> anyhow::Result<Vec<Row>> {
    let shop = Nginx::serving(b"shop")?;
    let edge = Edge::start(&shop.address()).await?;
    let (mut percents, mut polls) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        let (idle, alone) = measure(&edge).await?;
        let mut consoles = open(&edge.admin_url()).await?;
        let (watched, beside) = measure(&edge).await?;
        ensure!(consoles.try_join_next().is_none(), "a console was closed");
        drop(consoles);
        percents.push((watched - idle) / LOOK.as_secs_f64() * 100.0 / f64::from(CONSOLES));
        polls.push((beside, alone));
    }
    Ok(vec![
        Row::within("console: an open one", "% of a core", PERCENT_MAX, percents.into_iter()),
        Row::from_rounds("console: polls beside 200 of them", "polls/CPU s", Goal::AtLeast(0.97), &polls),
    ])
}

/// CPU seconds of an edge that is left alone for a while, and polls that it answers for each CPU second.
async fn measure(edge: &Edge) -> anyhow::Result<(f64, f64)> {
    let pids = [edge.pid()];
    let before = cpu::seconds(&pids)?;
    sleep(LOOK).await;
    let used = cpu::seconds(&pids)? - before;
    Ok((used, answers_a_cpu_second(&pids, &edge.status_url(), &[])?))
}

/// Consoles that are all open; each ends when it is dropped.
async fn open(url: &str) -> anyhow::Result<JoinSet<anyhow::Result<()>>> {
    let cookie = log_in(url).await?;
    let (mut consoles, all) = (JoinSet::new(), Arc::new(Barrier::new(usize::from(CONSOLES) + 1)));
    for number in 0..CONSOLES {
        let [high, low] = (number / OF_ONE_ADDRESS + 2).to_be_bytes();
        let address = IpAddr::V4(Ipv4Addr::new(127, 0, high, low));
        let (url, cookie, all) = (url.to_owned(), cookie.clone(), Arc::clone(&all));
        consoles.spawn(async move { watch(&url, &cookie, address, &all).await });
    }
    timeout(SOON, all.wait()).await.context("not all consoles could be opened")?;
    Ok(consoles)
}

/// The cookie of a session.
async fn log_in(url: &str) -> anyhow::Result<String> {
    let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build()?;
    let body = format!("token={ADMIN_TOKEN}");
    let form = client.post(format!("{url}/console/login")).header(ORIGIN, url);
    let answer = form.header("content-type", "application/x-www-form-urlencoded").body(body).send().await?;
    let cookie = answer.headers().get(SET_COOKIE).context("the console lets nobody in")?.to_str()?;
    Ok(cookie.split(';').next().unwrap_or_default().to_owned())
}

/// One browser: reads each event, and fetches the charts now and then.
async fn watch(url: &str, cookie: &str, address: IpAddr, all: &Barrier) -> anyhow::Result<()> {
    let client = reqwest::Client::builder().local_address(address).build()?;
    let get = |path: &str| client.get(format!("{url}/console/rooms/bench/{path}")).header(COOKIE, cookie);
    let mut events = get("live").send().await?.error_for_status()?;
    events.chunk().await?.context("the live view has ended")?;
    all.wait().await;
    let mut charts = interval(CHARTS_EVERY);
    loop {
        tokio::select! {
            event = events.chunk() => drop(event?.context("the live view has ended")?),
            _ = charts.tick() => drop(get("charts?span=15m").send().await?.error_for_status()?.bytes().await?),
        }
    }
}
