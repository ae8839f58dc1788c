//! The demo's servers: started in the order in which they need each other, stopped in the reverse order.

use std::fmt::{Display, Formatter};
use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use jiff::{SignedDuration, Timestamp};
use tempfile::TempDir;

use super::farm;
use super::plan::{DemoPlan, ROOM};
use super::ports::{EdgePorts, Ports};
use crate::admin::Client;
use crate::config::{IDENTITY_KEY_ENV, Secret};
use fairgate_entry::keys::IdentityKey;
use fairgate_telemetry::clock::{Clock, SystemClock};
use fairgate_telemetry::entropy;
use fairgate_testkit::{ChildProcess, PrivatePostgres, PrivateRedis};
use fairgate_token::create_key;

const READY_WITHIN: Duration = Duration::from_secs(30);
const LOOK_EVERY: Duration = Duration::from_millis(50);
const TOKEN_VARIABLE: &str = "FAIRGATE_ADMIN_TOKEN";
const WEBHOOK_SECRET_VARIABLE: &str = "FAIRGATE_WEBHOOK_SECRET";

/// Everything that runs. Fields are dropped in order: the gate closes first, the database last.
#[derive(Debug)]
pub(super) struct Servers {
    edges: Vec<Server>,
    booking: Server,
    provider: Server,
    _redis: Option<PrivateRedis>,
    _postgres: PrivatePostgres,
    _files: TempDir,
}

/// Where everything is.
#[derive(Debug)]
pub(super) struct Addresses {
    ports: Ports,
    files: PathBuf,
    /// The way into the console, once.
    console: Option<String>,
    /// Codes of the farm's last room; `None` without a farm.
    codes: Option<Vec<String>>,
}

#[derive(Debug)]
struct Server {
    name: String,
    process: ChildProcess,
    log: PathBuf,
}

impl Servers {
    /// Starts Postgres, if wanted Redis, and the payment provider, then the booking core, then the gate; returns once all of
    /// them answer.
    pub(super) async fn start(plan: &DemoPlan) -> anyhow::Result<(Self, Addresses)> {
        let files =
            tempfile::Builder::new().prefix("fairgate-demo-").tempdir().context("no place for the demo's files")?;
        let ports = Ports::find(plan.edges).context("no free port on 127.0.0.1")?;
        let mut addresses = Addresses { ports, files: files.path().to_owned(), console: None, codes: None };
        super::say(match plan.redis {
            false => "Starting a private Postgres, a payment provider, the booking core and the gate …",
            true => "Starting a private Postgres, a private Redis, a payment provider, the booking core and the gate …",
        });
        let postgres = tokio::task::spawn_blocking(PrivatePostgres::start).await??;
        let redis = if plan.redis { Some(tokio::task::spawn_blocking(PrivateRedis::start).await??) } else { None };
        let secret = new_token()?;
        let mut provider = Server::start("provider", provider_command(&addresses, &secret)?, files.path())?;
        provider.ready(&format!("{}/healthz", addresses.provider_url())).await?;
        let booking_command = booking_command(&addresses, &postgres, &secret)?;
        let mut booking = Server::start("booking", booking_command, files.path())?;
        booking.ready(&format!("{}/healthz", addresses.booking_url())).await?;
        create_key(&files.path().join("keys"), SystemClock.now_ms(), &entropy::system())?;
        let opens_at = Timestamp::from_millisecond(i64::try_from(SystemClock.now_ms())?)?;
        let mut edges = start_edges(plan, &addresses, redis.as_ref(), opens_at).await?;
        addresses.console = Some(console_link(&addresses).await?);
        if plan.farm {
            let identity = hex::encode(entropy::random_bytes::<32>()?);
            let key = IdentityKey::from_hex(&identity).context("the identity key")?;
            addresses.codes = Some(farm::make_list(files.path(), &key)?);
            edges.push(start_farm_edge(plan, &addresses, opens_at, &identity).await?);
        }
        Ok((Self { edges, booking, provider, _redis: redis, _postgres: postgres, _files: files }, addresses))
    }

    /// Waits until a server ends although nobody told it to, and says which and why.
    pub(super) async fn one_ends(&mut self) -> anyhow::Error {
        loop {
            for server in self.edges.iter_mut().chain([&mut self.booking, &mut self.provider]) {
                if let Err(ended) = server.still_runs() {
                    return ended;
                }
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }
}

/// Starts all edges at once; they share keys, times and the admin token.
async fn start_edges(
    plan: &DemoPlan,
    addresses: &Addresses,
    redis: Option<&PrivateRedis>,
    opens_at: Timestamp,
) -> anyhow::Result<Vec<Server>> {
    let files = &addresses.files;
    let token = admin_token(files)?;
    let url = redis.map(PrivateRedis::url);
    let mut edges = Vec::new();
    for (number, ports) in (1..).zip(&addresses.ports.edges) {
        let config = plan.config(*ports, addresses.ports.booking, url.as_deref(), files, opens_at);
        let path = files.join(format!("edge-{number}.toml"));
        std::fs::write(&path, config.context("the sale cannot start that late")?)
            .with_context(|| format!("cannot write {}", path.display()))?;
        edges.push(Server::start(&format!("edge-{number}"), edge_command(&path, &token)?, files)?);
    }
    for (edge, ports) in edges.iter_mut().zip(&addresses.ports.edges) {
        edge.ready(&status_url(*ports)).await?;
    }
    Ok(edges)
}

/// Starts the edge of the side rooms.
async fn start_farm_edge(
    plan: &DemoPlan,
    addresses: &Addresses,
    opens_at: Timestamp,
    identity: &str,
) -> anyhow::Result<Server> {
    let (files, ports) = (&addresses.files, addresses.ports.farm);
    let starts_at = opens_at.checked_add(SignedDuration::try_from(plan.starts_in)?)?;
    let path = files.join("edge-farm.toml");
    let config = farm::config(ports, addresses.ports.booking, files, opens_at, starts_at);
    std::fs::write(&path, config).with_context(|| format!("cannot write {}", path.display()))?;
    let mut command = edge_command(&path, &new_token()?)?;
    command.env(IDENTITY_KEY_ENV, identity);
    let mut edge = Server::start("edge-farm", command, files)?;
    edge.ready(&format!("http://127.0.0.1:{}/readyz", ports.admin)).await?;
    Ok(edge)
}

impl Server {
    fn start(name: &str, mut command: Command, files: &Path) -> anyhow::Result<Self> {
        let log = files.join(format!("{name}.log"));
        let errors = File::create(&log).with_context(|| format!("cannot write {}", log.display()))?;
        command.stderr(errors);
        Ok(Self { name: name.to_owned(), process: ChildProcess::spawn(name, command)?, log })
    }

    /// Waits until `url` answers with success.
    async fn ready(&mut self, url: &str) -> anyhow::Result<()> {
        let client = reqwest::Client::new();
        let until = Instant::now() + READY_WITHIN;
        loop {
            self.still_runs()?;
            if let Ok(answer) = client.get(url).send().await
                && answer.status().is_success()
            {
                return Ok(());
            }
            if Instant::now() > until {
                bail!(
                    "the {} was not ready within {} s; its log:\n{}",
                    self.name,
                    READY_WITHIN.as_secs(),
                    self.log_tail()
                );
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    fn still_runs(&mut self) -> anyhow::Result<()> {
        match self.process.exited() {
            None => Ok(()),
            Some(status) => bail!("the {} ended by itself ({status}); its log:\n{}", self.name, self.log_tail()),
        }
    }

    fn log_tail(&self) -> String {
        const LINES: usize = 20;
        let text = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(LINES)..].join("\n")
    }
}

fn gate_url(edge: EdgePorts) -> String {
    format!("http://127.0.0.1:{}/", edge.gate)
}

fn status_url(edge: EdgePorts) -> String {
    format!("{}.fairgate/{ROOM}/status", gate_url(edge))
}

impl Addresses {
    pub(super) fn shop_url(&self) -> String {
        gate_url(self.ports.edges[0])
    }

    pub(super) fn status_url(&self) -> String {
        status_url(self.ports.edges[0])
    }

    /// The gates of the other edges.
    pub(super) fn more_gates(&self) -> impl Iterator<Item = SocketAddr> {
        self.ports.edges[1..].iter().map(|edge| (Ipv4Addr::LOCALHOST, edge.gate).into())
    }

    /// The farm's edge, where there is one.
    pub(super) fn farm_url(&self) -> Option<String> {
        self.codes.is_some().then(|| gate_url(self.ports.farm))
    }

    /// A code for each fan of the farm's last room, then one for each of the farm's people.
    pub(super) fn codes(&self) -> &[String] {
        self.codes.as_deref().unwrap_or_default()
    }

    fn booking_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.ports.booking)
    }

    fn provider_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.ports.provider)
    }

    fn jwks_url(&self) -> String {
        format!("{}.fairgate/jwks.json", self.shop_url())
    }
}

impl Display for Addresses {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        let (booking, admin) = (self.booking_url(), self.ports.edges[0].admin);
        writeln!(f, "\n  shop, through the gate  {}", self.shop_url())?;
        for (number, edge) in (2..).zip(&self.ports.edges[1..]) {
            writeln!(f, "  through edge {number}          {}  (metrics on port {})", gate_url(*edge), edge.admin)?;
        }
        writeln!(f, "  booking core, directly  {booking}/  (refuses who has no pass)")?;
        writeln!(f, "  payment provider        {}/v1/charges  (its books; takes no money)", self.provider_url())?;
        writeln!(f, "  status                  {}", self.status_url())?;
        let booking_metrics = self.ports.booking_metrics;
        writeln!(f, "  metrics                 http://127.0.0.1:{admin}/metrics (gate)")?;
        writeln!(f, "                          http://127.0.0.1:{booking_metrics}/metrics (booking core)")?;
        writeln!(
            f,
            "  admin                   http://127.0.0.1:{admin}/  (token in {})",
            token_file(&self.files).display()
        )?;
        if let Some(link) = &self.console {
            writeln!(f, "  console, once           {link}  (within a minute; then /console/ with the token)")?;
        }
        writeln!(f, "  logs                    {}/*.log", self.files.display())
    }
}

/// A link into the console of the first edge.
async fn console_link(addresses: &Addresses) -> anyhow::Result<String> {
    let token = std::fs::read_to_string(token_file(&addresses.files)).context("the demo's admin token")?;
    let base = format!("http://127.0.0.1:{}", addresses.ports.edges[0].admin);
    let link = Client::new(&base, Secret::new(token)).console_link().await.context("a link into the console")?;
    Ok(format!("{base}{}", link.path))
}

fn provider_command(addresses: &Addresses, secret: &str) -> anyhow::Result<Command> {
    let mut command = itself("provider")?;
    let webhook_url = format!("{}/api/v1/webhooks/payment", addresses.booking_url());
    command.args(["--exit-with-stdin", "--webhook-url", &webhook_url]);
    command.arg("--listen").arg(format!("127.0.0.1:{}", addresses.ports.provider));
    command.env(WEBHOOK_SECRET_VARIABLE, secret);
    Ok(command)
}

fn booking_command(addresses: &Addresses, postgres: &PrivatePostgres, secret: &str) -> anyhow::Result<Command> {
    let mut command = itself("booking")?;
    command
        .arg("--exit-with-stdin")
        .arg("--listen")
        .arg(format!("127.0.0.1:{}", addresses.ports.booking))
        .arg("--metrics-listen")
        .arg(format!("127.0.0.1:{}", addresses.ports.booking_metrics))
        .arg("--jwks-url")
        .arg(addresses.jwks_url())
        .arg("--room")
        .arg(ROOM)
        .args(["--without", "mail,insight"])
        .arg("--seed-demo")
        .arg("--provider-url")
        .arg(addresses.provider_url())
        .env(WEBHOOK_SECRET_VARIABLE, secret)
        .env("FAIRGATE_DATABASE_URL", postgres.url());
    Ok(command)
}

fn edge_command(config: &Path, token: &str) -> anyhow::Result<Command> {
    let mut command = itself("edge")?;
    command.arg("--exit-with-stdin").arg("--config").arg(config);
    command.env(TOKEN_VARIABLE, token);
    Ok(command)
}

fn itself(verb: &str) -> anyhow::Result<Command> {
    let mut command = Command::new(std::env::current_exe().context("cannot find the fairgate program")?);
    command.arg(verb);
    Ok(command)
}

/// The admin API's token: the one from the environment, or a new one. It is in a file that only its owner can read.
fn admin_token(files: &Path) -> anyhow::Result<String> {
    let token = match std::env::var(TOKEN_VARIABLE) {
        Ok(token) if !token.is_empty() => token,
        _ => new_token()?,
    };
    let mut file = File::options().write(true).create_new(true).mode(0o600).open(token_file(files))?;
    std::io::Write::write_all(&mut file, token.as_bytes())?;
    Ok(token)
}

fn new_token() -> anyhow::Result<String> {
    Ok(hex::encode(entropy::random_bytes::<16>()?))
}

fn token_file(files: &Path) -> PathBuf {
    files.join("admin-token")
}
