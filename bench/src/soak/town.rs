//! The town of a soak: Redis and Postgres that keep what they have, provider, booking core and two edges.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use fairgate_crowd::Target;
use fairgate_telemetry::clock::{Clock, SystemClock};
use fairgate_telemetry::entropy;
use fairgate_testkit::{ChildProcess, PrivatePostgres, PrivateRedis};
use fairgate_token::create_key;
use jiff::{SignedDuration, Timestamp};
use tempfile::TempDir;

use crate::nginx::free_port;
use crate::servers::{self, CoreLinks, local, open_event, ready, start};

pub(super) const ROOM: &str = "soak";
pub(super) const EVENT: &str = "soak";
/// More seats than all crowds of an hour buy.
const ROWS: u32 = 2_000;
const HOLD_S: i32 = 60;

/// Everything that runs. Fields are dropped in order: the gates close first, the databases last.
pub(super) struct Town {
    watched_edge: ChildProcess,
    other_edge: ChildProcess,
    core: ChildProcess,
    provider: ChildProcess,
    pub(super) redis: PrivateRedis,
    pub(super) postgres: PrivatePostgres,
    files: TempDir,
    ports: Ports,
}

#[derive(Clone, Copy)]
struct Ports {
    gates: [u16; 2],
    admins: [u16; 2],
    core: u16,
    provider: u16,
}

impl Town {
    pub(super) async fn open() -> anyhow::Result<Self> {
        let files = tempfile::tempdir()?;
        let redis = PrivateRedis::start_with(&["save", "", "appendonly", "yes", "appendfsync", "always"])?;
        let postgres = tokio::task::spawn_blocking(PrivatePostgres::start).await??;
        let ports = Ports {
            gates: [free_port()?, free_port()?],
            admins: [free_port()?, free_port()?],
            core: free_port()?,
            provider: free_port()?,
        };
        create_key(&files.path().join("keys"), SystemClock.now_ms(), &entropy::system())?;
        let provider = ports.provider(files.path()).await?;
        let core = ports.core(&postgres.url()).await?;
        open_event(&postgres, &local(ports.core), EVENT, ROWS, HOLD_S).await?;
        let opened = SystemClock.now_ms();
        let edge = |number: usize| -> anyhow::Result<ChildProcess> {
            let config = config(files.path(), ports, number, &redis.url(), opened)?;
            run_edge(&config)
        };
        let (watched_edge, other_edge) = (edge(0)?, edge(1)?);
        for gate in ports.gates {
            ready(&status(gate)).await?;
        }
        Ok(Self { watched_edge, other_edge, core, provider, redis, postgres, files, ports })
    }

    /// The processes that live through all of it.
    pub(super) fn survivors(&self) -> Vec<(&'static str, u32)> {
        vec![("edge", self.watched_edge.id()), ("core", self.core.id())]
    }

    pub(super) fn target(&self) -> anyhow::Result<Target> {
        let target = Target::on_this_machine(&format!("{}/", local(self.ports.gates[0])))?;
        Ok(target.spread_over([SocketAddr::from(([127, 0, 0, 1], self.ports.gates[1]))]))
    }

    pub(super) async fn replace_edge(&mut self, away: Duration) -> anyhow::Result<()> {
        self.other_edge.kill9();
        tokio::time::sleep(away).await;
        self.other_edge = run_edge(&config_path(self.files.path(), 1))?;
        ready(&status(self.ports.gates[1])).await
    }

    pub(super) async fn replace_provider(&mut self, away: Duration) -> anyhow::Result<()> {
        self.provider.kill9();
        tokio::time::sleep(away).await;
        self.provider = self.ports.provider(self.files.path()).await?;
        Ok(())
    }

    pub(super) async fn silence_redis(&mut self, silent: Duration) -> anyhow::Result<()> {
        let mut connection = redis::Client::open(self.redis.url())?.get_multiplexed_async_connection().await?;
        let ms = u64::try_from(silent.as_millis())?;
        redis::cmd("CLIENT").arg("PAUSE").arg(ms).arg("ALL").query_async::<()>(&mut connection).await?;
        tokio::time::sleep(silent).await;
        Ok(())
    }
}

/// The servers behind the gates. What goes wrong there is meant to, so nobody reads their logs: the rounds say what came of it.
impl Ports {
    async fn provider(self, files: &Path) -> anyhow::Result<ChildProcess> {
        let ledger = files.join("ledger");
        let provider = servers::provider(self.provider, &local(self.core), Some(&ledger), Stdio::null())?;
        ready(&format!("{}/healthz", local(self.provider))).await?;
        Ok(provider)
    }

    async fn core(self, database_url: &str) -> anyhow::Result<ChildProcess> {
        let (provider_url, edge_url) = (local(self.provider), local(self.gates[0]));
        let links = CoreLinks { room: ROOM, database_url, provider_url: &provider_url, edge_url: &edge_url };
        let core = servers::core(self.core, &links, Stdio::null())?;
        ready(&format!("{}/healthz", local(self.core))).await?;
        Ok(core)
    }
}

fn status(gate: u16) -> String {
    format!("{}/.fairgate/{ROOM}/status", local(gate))
}

fn run_edge(config: &Path) -> anyhow::Result<ChildProcess> {
    start("an edge", "edge", Stdio::null(), |command| {
        command.arg("--config").arg(config);
    })
}

fn config_path(files: &Path, number: usize) -> PathBuf {
    files.join(format!("edge-{number}.toml"))
}

fn config(files: &Path, ports: Ports, number: usize, redis: &str, opened_ms: u64) -> anyhow::Result<PathBuf> {
    let opened = Timestamp::from_millisecond(i64::try_from(opened_ms)?)?.checked_sub(SignedDuration::from_secs(10))?;
    let (path, files) = (config_path(files, number), files.display());
    let Ports { gates, admins, core, .. } = ports;
    let text = format!(
        r#"
[edge]
listen = ["127.0.0.1:{}"]
keys = "{files}/keys"
shutdown_grace = "1s"
trusted_proxies = ["127.0.0.1"]
[store]
path = "{files}/edge-{number}"
redis = "{redis}"
[admin]
listen = "127.0.0.1:{}"
[[upstream]]
name = "shop"
address = "127.0.0.1:{core}"
[[room]]
name = "{ROOM}"
upstream = "shop"
opens_at = "{opened}"
starts_at = "{opened}"
[room.session]
idle = "10s"
[room.admission]
rate_per_minute = 3000
burst = 50
max_active = 500
grace = "15s"
"#,
        gates[number], admins[number]
    );
    std::fs::write(&path, text)?;
    Ok(path)
}
