//! The town of a soak: Redis and Postgres that keep what they have, provider, booking core and two edges.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, ensure};
use fairgate::booking::db::Database;
use fairgate::booking::hall;
use fairgate::booking::plan::{Facts, Row, Section, SectionKind};
use fairgate::clock::{Clock, SystemClock};
use fairgate::pass::create_key;
use fairgate::sandbox::{ChildProcess, PrivatePostgres, PrivateRedis};
use fairgate_crowd::Target;
use jiff::{SignedDuration, Timestamp};
use ring::rand::SystemRandom;
use tempfile::TempDir;

use crate::edge::fairgate_program;
use crate::nginx::free_port;

pub(super) const ROOM: &str = "soak";
pub(super) const EVENT: &str = "soak";
/// More seats than all crowds of an hour buy.
const ROWS: u32 = 2_000;
const ROW_SEATS: u32 = 100;
const READY_WITHIN: Duration = Duration::from_secs(30);
const LOOK_EVERY: Duration = Duration::from_millis(100);
const SECRET: (&str, &str) = ("FAIRGATE_WEBHOOK_SECRET", "0123456789abcdef");

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
        create_key(&files.path().join("keys"), SystemClock.now_ms(), &SystemRandom::new())?;
        let provider = provider(ports, files.path())?;
        ready(ports.provider, "/healthz").await?;
        let core = core(ports, &postgres.url())?;
        ready(ports.core, "/healthz").await?;
        open_event(&postgres).await?;
        ready(ports.core, &format!("/api/v1/events/{EVENT}")).await?;
        let opened = SystemClock.now_ms();
        let edge = |number: usize| -> anyhow::Result<ChildProcess> {
            let config = config(files.path(), ports, number, &redis.url(), opened)?;
            run_edge(&config)
        };
        let (watched_edge, other_edge) = (edge(0)?, edge(1)?);
        for gate in ports.gates {
            ready(gate, &format!("/.fairgate/{ROOM}/status")).await?;
        }
        Ok(Self { watched_edge, other_edge, core, provider, redis, postgres, files, ports })
    }

    /// The processes that live through all of it.
    pub(super) fn survivors(&self) -> Vec<(&'static str, u32)> {
        vec![("edge", self.watched_edge.id()), ("core", self.core.id())]
    }

    pub(super) fn target(&self) -> anyhow::Result<Target> {
        let target = Target::on_this_machine(&format!("http://127.0.0.1:{}/", self.ports.gates[0]))?;
        Ok(target.spread_over([SocketAddr::from(([127, 0, 0, 1], self.ports.gates[1]))]))
    }

    pub(super) async fn replace_edge(&mut self, away: Duration) -> anyhow::Result<()> {
        self.other_edge.kill9();
        tokio::time::sleep(away).await;
        self.other_edge = run_edge(&config_path(self.files.path(), 1))?;
        ready(self.ports.gates[1], &format!("/.fairgate/{ROOM}/status")).await
    }

    pub(super) async fn replace_provider(&mut self, away: Duration) -> anyhow::Result<()> {
        self.provider.kill9();
        tokio::time::sleep(away).await;
        self.provider = provider(self.ports, self.files.path())?;
        ready(self.ports.provider, "/healthz").await
    }

    pub(super) async fn silence_redis(&mut self, silent: Duration) -> anyhow::Result<()> {
        let mut connection = redis::Client::open(self.redis.url())?.get_multiplexed_async_connection().await?;
        let ms = u64::try_from(silent.as_millis())?;
        redis::cmd("CLIENT").arg("PAUSE").arg(ms).arg("ALL").query_async::<()>(&mut connection).await?;
        tokio::time::sleep(silent).await;
        Ok(())
    }
}

fn start(name: &str, verb: &str, set: impl FnOnce(&mut Command)) -> anyhow::Result<ChildProcess> {
    let mut command = Command::new(fairgate_program()?);
    command.args([verb, "--exit-with-stdin"]).env(SECRET.0, SECRET.1).stdout(Stdio::null());
    // What goes wrong is meant to: the rounds say what came of it.
    command.stderr(Stdio::null());
    set(&mut command);
    Ok(ChildProcess::spawn(name, command)?)
}

fn provider(ports: Ports, files: &Path) -> anyhow::Result<ChildProcess> {
    start("the provider", "provider", |command| {
        command.args(["--listen", &format!("127.0.0.1:{}", ports.provider)]);
        command.arg("--ledger").arg(files.join("ledger"));
        command.args(["--webhook-url", &format!("http://127.0.0.1:{}/api/v1/webhooks/payment", ports.core)]);
    })
}

fn core(ports: Ports, database: &str) -> anyhow::Result<ChildProcess> {
    let metrics = free_port()?;
    start("the booking core", "booking", |command| {
        let local = |port: u16| format!("http://127.0.0.1:{port}");
        command.args(["--listen", &format!("127.0.0.1:{}", ports.core)]);
        command.args(["--metrics-listen", &format!("127.0.0.1:{metrics}"), "--room", ROOM]);
        command.args(["--jwks-url", &format!("{}/.fairgate/jwks.json", local(ports.gates[0]))]);
        command.args(["--provider-url", &local(ports.provider)]);
        command.env("FAIRGATE_DATABASE_URL", database);
    })
}

fn run_edge(config: &Path) -> anyhow::Result<ChildProcess> {
    start("an edge", "edge", |command| {
        command.arg("--config").arg(config);
    })
}

async fn ready(port: u16, path: &str) -> anyhow::Result<()> {
    let (client, url) = (reqwest::Client::new(), format!("http://127.0.0.1:{port}{path}"));
    let answered = async {
        while !client.get(&url).send().await.is_ok_and(|answer| answer.status().is_success()) {
            tokio::time::sleep(LOOK_EVERY).await;
        }
    };
    tokio::time::timeout(READY_WITHIN, answered).await.with_context(|| format!("{url} did not answer"))
}

async fn open_event(postgres: &PrivatePostgres) -> anyhow::Result<()> {
    let facts = Facts { slug: EVENT.to_owned(), hold_s: 60, ..hall::demo_facts() };
    let row = |row: u32| Row {
        label: format!("R{row}"),
        first_unit: row * ROW_SEATS,
        seats: (1..=ROW_SEATS).map(|seat| seat.to_string()).collect(),
    };
    let (slug, title, rows) = ("hall".into(), "HALL".into(), (0..ROWS).map(row).collect());
    let hall = Section { slug, title, kind: SectionKind::Seated, tier: 0, price: 5_000, rows };
    let made = hall::create(&Database::new(&postgres.url())?, facts, vec![hall], |_| ()).await?;
    ensure!(made, "there is an event already");
    Ok(())
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
