//! A whole shop with its gate: Postgres behind a cable that can be throttled, provider, booking core and edge.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use fairgate::booking::db::Database;
use fairgate::booking::hall;
use fairgate::booking::plan::{Facts, Row, Section, SectionKind};
use fairgate::clock::{Clock, SystemClock};
use fairgate::pass::create_key;
use fairgate::sandbox::{ChildProcess, PrivatePostgres};
use jiff::{SignedDuration, Timestamp};
use ring::rand::SystemRandom;
use serde_json::Value;
use tempfile::TempDir;

use super::throttle::Throttle;
use crate::edge::fairgate_program;
use crate::nginx::free_port;

pub(super) const ROOM: &str = "leak";
pub(super) const EVENT: &str = "leak";
const ROW_SEATS: u32 = 100;
const READY_WITHIN: Duration = Duration::from_secs(30);
const LOOK_EVERY: Duration = Duration::from_millis(100);
const SECRET: (&str, &str) = ("FAIRGATE_WEBHOOK_SECRET", "0123456789abcdef");

/// What is on sale, and how fans come in.
pub(super) struct Sale {
    /// The lines of `[room.admission]`.
    pub(super) admission: &'static str,
    /// How long the pool is open before.
    pub(super) pool: SignedDuration,
    /// Rows of a hundred seats.
    pub(super) rows: u32,
}

/// Everything that runs. Fields are dropped in order: the gate closes first, the database last.
pub(super) struct Stage {
    _edge: ChildProcess,
    _core: ChildProcess,
    _provider: ChildProcess,
    pub(super) throttle: Throttle,
    _postgres: PrivatePostgres,
    _files: TempDir,
    gate: u16,
    #[cfg_attr(not(test), expect(dead_code, reason = "for the tests"))]
    admin: u16,
}

impl Stage {
    /// Starts it; the sale begins after the pool.
    pub(super) async fn open(sale: &Sale) -> anyhow::Result<Self> {
        let files = tempfile::tempdir()?;
        let postgres = tokio::task::spawn_blocking(PrivatePostgres::start).await??;
        let throttle = Throttle::start(postgres.socket_dir())?;
        let [gate, admin, core_port, provider_port] = [free_port()?, free_port()?, free_port()?, free_port()?];
        let (core_url, provider_url) = (local(core_port), local(provider_port));
        let provider = provider(provider_port, &core_url)?;
        ready(&format!("{provider_url}/healthz")).await?;
        let database = postgres.url().replace(&encoded(postgres.socket_dir()), &encoded(throttle.socket_dir()));
        let core = core(core_port, &database, &provider_url, &format!("{}/.fairgate/jwks.json", local(gate)))?;
        ready(&format!("{core_url}/healthz")).await?;
        open_event(&postgres, &core_url, sale.rows).await?;
        let edge = edge(files.path(), gate, admin, core_port, sale)?;
        ready(&format!("{}/.fairgate/{ROOM}/status", local(gate))).await?;
        let (_edge, _core, _provider, _postgres, _files) = (edge, core, provider, postgres, files);
        Ok(Self { _edge, _core, _provider, throttle, _postgres, _files, gate, admin })
    }

    pub(super) fn url(&self) -> String {
        format!("{}/", local(self.gate))
    }

    /// A figure of the edge, by the name and the labels of its metric.
    #[cfg(test)]
    pub(super) async fn figure(&self, metric: &str) -> anyhow::Result<f64> {
        let text = reqwest::get(format!("{}/metrics", local(self.admin))).await?.text().await?;
        let line = text.lines().find_map(|line| line.strip_prefix(metric)?.strip_prefix(' '));
        line.with_context(|| format!("no {metric}"))?.parse().context("a number")
    }

    /// Waits until the first are let in.
    pub(super) async fn serving(&self) -> anyhow::Result<()> {
        let (client, url) = (reqwest::Client::new(), format!("{}.fairgate/{ROOM}/status", self.url()));
        for _ in 0..600 {
            let status: Value = client.get(&url).send().await?.json().await?;
            if status["phase"] == "serving" {
                return Ok(());
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
        bail!("the sale did not begin within a minute")
    }
}

fn local(port: u16) -> String {
    format!("http://127.0.0.1:{port}")
}

/// A socket's directory as the host of a URL.
fn encoded(socket_dir: &Path) -> String {
    socket_dir.to_string_lossy().replace('/', "%2F")
}

async fn ready(url: &str) -> anyhow::Result<()> {
    let client = reqwest::Client::new();
    let answered = async {
        while !client.get(url).send().await.is_ok_and(|answer| answer.status().is_success()) {
            tokio::time::sleep(LOOK_EVERY).await;
        }
    };
    tokio::time::timeout(READY_WITHIN, answered).await.with_context(|| format!("{url} did not answer"))
}

fn start(name: &str, verb: &str, set: impl FnOnce(&mut Command)) -> anyhow::Result<ChildProcess> {
    let mut command = Command::new(fairgate_program()?);
    command.args([verb, "--exit-with-stdin"]).env(SECRET.0, SECRET.1).stderr(Stdio::inherit());
    command.env("RUST_LOG", "error").stdout(Stdio::null());
    set(&mut command);
    Ok(ChildProcess::spawn(name, command)?)
}

fn provider(port: u16, core_url: &str) -> anyhow::Result<ChildProcess> {
    start("the provider", "provider", |command| {
        command.args(["--listen", &format!("127.0.0.1:{port}")]);
        command.args(["--webhook-url", &format!("{core_url}/api/v1/webhooks/payment")]);
    })
}

fn core(port: u16, database: &str, provider_url: &str, jwks_url: &str) -> anyhow::Result<ChildProcess> {
    let metrics = free_port()?;
    start("the booking core", "booking", |command| {
        command.args(["--listen", &format!("127.0.0.1:{port}"), "--metrics-listen", &format!("127.0.0.1:{metrics}")]);
        command.args(["--room", ROOM, "--jwks-url", jwks_url, "--provider-url", provider_url]);
        command.env("FAIRGATE_DATABASE_URL", database);
    })
}

async fn open_event(postgres: &PrivatePostgres, core_url: &str, rows: u32) -> anyhow::Result<()> {
    let facts = Facts { slug: EVENT.to_owned(), hold_s: 300, ..hall::demo_facts() };
    let row = |row: u32| Row {
        label: format!("R{row}"),
        first_unit: row * ROW_SEATS,
        seats: (1..=ROW_SEATS).map(|seat| seat.to_string()).collect(),
    };
    let (slug, title, rows) = ("hall".into(), "HALL".into(), (0..rows).map(row).collect());
    let hall = Section { slug, title, kind: SectionKind::Seated, tier: 0, price: 5_000, rows };
    ensure!(
        hall::create(&Database::new(&postgres.url())?, facts, vec![hall], |_| ()).await?,
        "there is an event already"
    );
    ready(&format!("{core_url}/api/v1/events/{EVENT}")).await
}

fn edge(files: &Path, gate: u16, admin: u16, core: u16, sale: &Sale) -> anyhow::Result<ChildProcess> {
    let now_ms = SystemClock.now_ms();
    create_key(&files.join("keys"), now_ms, &SystemRandom::new())?;
    let opens_at = Timestamp::from_millisecond(i64::try_from(now_ms)?)?;
    let (starts_at, files) = (opens_at.checked_add(sale.pool)?, files.display());
    let admission = sale.admission;
    let config = format!(
        r#"
[edge]
listen = ["127.0.0.1:{gate}"]
keys = "{files}/keys"
shutdown_grace = "1s"
[store]
path = "{files}/rooms"
[admin]
listen = "127.0.0.1:{admin}"
[[upstream]]
name = "shop"
address = "127.0.0.1:{core}"
[[room]]
name = "{ROOM}"
upstream = "shop"
opens_at = "{opens_at}"
starts_at = "{starts_at}"
[room.session]
idle = "10s"
[room.admission]
{admission}
"#
    );
    let path = Path::new(&files.to_string()).join("fairgate.toml");
    std::fs::write(&path, config)?;
    start("the edge", "edge", |command| {
        command.arg("--config").arg(&path);
    })
}
