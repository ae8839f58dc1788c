//! A whole shop with its gate: Postgres behind a cable that can be throttled, provider, booking core and edge.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

#[cfg(test)]
use anyhow::Context;
use anyhow::bail;
use fairgate_telemetry::clock::{Clock, SystemClock};
use fairgate_telemetry::entropy;
use fairgate_testkit::{ChildProcess, PrivatePostgres};
use fairgate_token::create_key;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use tempfile::TempDir;

use super::throttle::Throttle;
use crate::nginx::free_port;
use crate::servers::{CoreLinks, core, local, open_event, provider, ready, start};

pub(super) const ROOM: &str = "leak";
pub(super) const EVENT: &str = "leak";
const LOOK_EVERY: Duration = Duration::from_millis(100);
const HOLD_S: i32 = 300;

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
        let provider = provider(provider_port, &core_url, None, Stdio::inherit())?;
        ready(&format!("{provider_url}/healthz")).await?;
        let database = postgres.url().replace(&encoded(postgres.socket_dir()), &encoded(throttle.socket_dir()));
        let links =
            CoreLinks { room: ROOM, database_url: &database, provider_url: &provider_url, edge_url: &local(gate) };
        let core = core(core_port, &links, Stdio::inherit())?;
        ready(&format!("{core_url}/healthz")).await?;
        open_event(&postgres, &core_url, EVENT, sale.rows, HOLD_S).await?;
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

/// A socket's directory as the host of a URL.
fn encoded(socket_dir: &Path) -> String {
    socket_dir.to_string_lossy().replace('/', "%2F")
}

fn edge(files: &Path, gate: u16, admin: u16, core: u16, sale: &Sale) -> anyhow::Result<ChildProcess> {
    let now_ms = SystemClock.now_ms();
    create_key(&files.join("keys"), now_ms, &entropy::system())?;
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
    start("the edge", "edge", Stdio::inherit(), |command| {
        command.arg("--config").arg(&path);
    })
}
