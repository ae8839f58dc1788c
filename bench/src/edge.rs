//! An edge of its own for the benchmarks: a room without a pool that serves from the start, in front of an upstream.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, ensure};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use fairgate_crowd::BrowserKey;
use fairgate_telemetry::clock::{Clock, SystemClock};
use fairgate_telemetry::entropy;
use fairgate_testkit::ChildProcess;
use fairgate_token::create_key;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::nginx::{free_port, wait_for_port};
use crate::tls::{CHAIN, Certificate};

/// So much that one session never has too much.
const SESSION_AT_EASE: &str = "session_per_minute = 60_000_000\nsession_burst = 1_000_000";

/// Opens the admin API and the console.
pub(crate) const ADMIN_TOKEN: &str = "token-of-the-benchmark";

/// Stopped when dropped.
pub(crate) struct Edge {
    process: ChildProcess,
    port: u16,
    tls_port: u16,
    admin: u16,
    client: reqwest::Client,
    files: TempDir,
}

impl Edge {
    /// Starts an edge in front of `upstream` and waits until its room serves. All limits are on, and out of the way.
    pub(crate) async fn start(upstream: &str) -> anyhow::Result<Self> {
        Self::with_session_limit(upstream, SESSION_AT_EASE).await
    }

    /// Starts an edge that lets one session ask so much.
    pub(crate) async fn with_session_limit(upstream: &str, session: &str) -> anyhow::Result<Self> {
        Self::start_with(upstream, session, "", "").await
    }

    /// Starts an edge whose rooms are in this Redis.
    pub(crate) async fn on_redis(upstream: &str, redis: &str) -> anyhow::Result<Self> {
        Self::start_with(upstream, SESSION_AT_EASE, &format!("redis = \"{redis}\""), "").await
    }

    /// Starts an edge whose room binds places to a key of the fan's browser.
    pub(crate) async fn binding_keys(upstream: &str) -> anyhow::Result<Self> {
        Self::start_with(upstream, SESSION_AT_EASE, "", "[room.entry]\nbinding = \"key\"\n").await
    }

    /// `store` and `entry` are lines of the configuration: of `[store]`, and behind those of the room.
    async fn start_with(upstream: &str, session: &str, store: &str, entry: &str) -> anyhow::Result<Self> {
        let files = tempfile::tempdir()?;
        let (port, tls_port, admin) = (free_port()?, free_port()?, free_port()?);
        let now_ms = SystemClock.now_ms();
        create_key(&files.path().join("keys"), now_ms, &entropy::system())?;
        let path = files.path().join("fairgate.toml");
        let text = config(files.path(), port, admin, upstream, session, store, now_ms)?;
        std::fs::write(&path, text + entry + &tls(tls_port, &Certificate::make(files.path())?))?;
        let mut command = Command::new(fairgate_program()?);
        command.args(["edge", "--exit-with-stdin", "--config"]).arg(&path).stderr(Stdio::inherit());
        command.env("FAIRGATE_IDENTITY_KEY", "5a".repeat(32)).env("FAIRGATE_ADMIN_TOKEN", ADMIN_TOKEN);
        let process = ChildProcess::spawn("edge", command)?;
        wait_for_port(port)?;
        let edge = Self { process, port, tls_port, admin, client: reqwest::Client::new(), files };
        edge.wait_until_serving().await?;
        Ok(edge)
    }

    pub(crate) fn pid(&self) -> u32 {
        self.process.id()
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// The admin listener.
    pub(crate) fn admin_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.admin)
    }

    pub(crate) fn status_url(&self) -> String {
        self.url("/.fairgate/bench/status")
    }

    /// The same over TLS, HTTP/1 or HTTP/2 as the client likes.
    pub(crate) fn tls_status_url(&self) -> String {
        format!("https://127.0.0.1:{}/.fairgate/bench/status", self.tls_port)
    }

    /// Where it listens for TLS.
    pub(crate) fn tls_address(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.tls_port))
    }

    /// The file of the certificate that it shows.
    pub(crate) fn certificate(&self) -> PathBuf {
        self.files.path().join(CHAIN)
    }

    pub(crate) fn join_url(&self) -> String {
        self.url("/.fairgate/bench/join")
    }

    /// The status document as a client without compression gets it.
    pub(crate) async fn status(&self) -> anyhow::Result<Vec<u8>> {
        Ok(self.client.get(self.status_url()).send().await?.error_for_status()?.bytes().await?.to_vec())
    }

    /// So many fans join and are called; the values of their `Cookie` headers.
    pub(crate) async fn admitted_fans(&self, fans: u32) -> anyhow::Result<Vec<String>> {
        let mut cookies = Vec::new();
        for fan in 0..fans {
            cookies.push(self.admitted_fan(fan).await?);
        }
        Ok(cookies)
    }

    pub(crate) fn claim_url(&self) -> String {
        self.url("/.fairgate/bench/claim")
    }

    /// A fan who has joined and is let in; the ticket.
    pub(crate) async fn called_fan(&self, fan: u32) -> anyhow::Result<String> {
        let ticket = self.join(&json!({"nonce": nonce(fan)})).await?;
        self.let_in(&ticket, None).await?;
        Ok(ticket)
    }

    /// The same, in a room that binds places to a key.
    pub(crate) async fn bound_fan(&self, fan: u32) -> anyhow::Result<BoundFan> {
        let key = BrowserKey::make()?;
        let ticket = self.join(&json!({"nonce": nonce(fan), "jkt": key.thumbprint()?})).await?;
        let fan = BoundFan { key, ticket };
        self.let_in(&fan.ticket, Some(&self.claim_proof(&fan).await?)).await?;
        Ok(fan)
    }

    /// A proof of a fan's key for a claim; good for two minutes.
    pub(crate) async fn claim_proof(&self, fan: &BoundFan) -> anyhow::Result<String> {
        let status: Value = serde_json::from_slice(&self.status().await?)?;
        let nonce = status["proof_nonce"].as_str().context("the room asks for no proof")?;
        fan.key.proof(&self.claim_url(), nonce, &fan.ticket)
    }

    async fn join(&self, body: &Value) -> anyhow::Result<String> {
        let joined: Value = self.post("join", "", &body.to_string()).await?.json().await?;
        Ok(joined["ticket"].as_str().context("join answered no ticket")?.to_owned())
    }

    async fn admitted_fan(&self, fan: u32) -> anyhow::Result<String> {
        let ticket = self.join(&json!({"nonce": nonce(fan)})).await?;
        self.let_in(&ticket, None).await
    }

    /// Claims until let in; the value of the `Cookie` header from then on.
    async fn let_in(&self, ticket: &str, proof: Option<&str>) -> anyhow::Result<String> {
        for _ in 0..100 {
            let answer = self.post_with("claim", ticket, "{}", proof).await?;
            if answer.status() == 200 {
                let cookies = answer.headers().get_all("set-cookie").iter();
                let pairs = cookies.filter_map(|cookie| cookie.to_str().ok()?.split(';').next());
                return Ok(pairs.collect::<Vec<_>>().join("; "));
            }
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
        anyhow::bail!("the fan of the benchmark was not let in within 10 s")
    }

    /// The value of a counter of the edge's metrics, summed over its labels.
    pub(crate) async fn metric(&self, name: &str) -> anyhow::Result<f64> {
        let text = self.client.get(format!("http://127.0.0.1:{}/metrics", self.admin)).send().await?.text().await?;
        let samples = text
            .lines()
            .filter(|line| line.strip_prefix(name).is_some_and(|rest| rest.starts_with(' ') || rest.starts_with('{')));
        let values: Vec<f64> = samples.filter_map(|line| line.rsplit(' ').next()?.parse().ok()).collect();
        ensure!(!values.is_empty(), "the edge has no metric {name}");
        Ok(values.iter().sum())
    }

    async fn post(&self, verb: &str, ticket: &str, body: &str) -> anyhow::Result<reqwest::Response> {
        self.post_with(verb, ticket, body, None).await
    }

    async fn post_with(
        &self,
        verb: &str,
        ticket: &str,
        body: &str,
        proof: Option<&str>,
    ) -> anyhow::Result<reqwest::Response> {
        let request = self.client.post(self.url(&format!("/.fairgate/bench/{verb}")));
        let request = request.header("Content-Type", "application/json").body(body.to_owned());
        let request = if ticket.is_empty() { request } else { request.bearer_auth(ticket) };
        let request = if let Some(proof) = proof { request.header("DPoP", proof) } else { request };
        Ok(request.send().await?.error_for_status()?)
    }

    async fn wait_until_serving(&self) -> anyhow::Result<()> {
        for _ in 0..200 {
            if let Ok(body) = self.status().await
                && serde_json::from_slice::<Value>(&body).is_ok_and(|status| status["phase"] == "serving")
            {
                return Ok(());
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        anyhow::bail!("the edge of the benchmark did not serve within 10 s")
    }
}

/// A fan whose place is bound to a key.
pub(crate) struct BoundFan {
    key: BrowserKey,
    pub(crate) ticket: String,
}

fn nonce(fan: u32) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(u128::from(fan).to_be_bytes())
}

/// A listener for browsers.
fn tls(port: u16, certificate: &Certificate) -> String {
    let (chain, key) = (certificate.chain.display(), certificate.key.display());
    format!("[[edge.tls]]\nlisten = \"127.0.0.1:{port}\"\ncertificate = \"{chain}\"\nkey = \"{key}\"\n")
}

/// The fairgate that was built with this benchmark.
pub(crate) fn fairgate_program() -> anyhow::Result<PathBuf> {
    let own = std::env::current_exe()?;
    // Tests stand one directory further down.
    let beside = own.ancestors().skip(1).take(2).map(|directory| directory.join("fairgate"));
    let found = beside.into_iter().find(|program| program.is_file());
    found.with_context(|| format!("there is no fairgate beside {}: `make bench` builds it", own.display()))
}

fn config(
    files: &Path,
    port: u16,
    admin: u16,
    upstream: &str,
    session: &str,
    store: &str,
    now_ms: u64,
) -> anyhow::Result<String> {
    let opened = Timestamp::from_millisecond(i64::try_from(now_ms)?)?.checked_sub(SignedDuration::from_secs(10))?;
    let files = files.display();
    Ok(format!(
        r#"
[edge]
listen = ["127.0.0.1:{port}"]
keys = "{files}/keys"
shutdown_grace = "1s"
[edge.limits]
unlimited = []
network_per_minute = 60_000_000
network_burst = 1_000_000
joins_per_minute = 60_000_000
joins_burst = 1_000_000
claims_per_minute = 60_000_000
claims_burst = 1_000_000
polls_per_minute = 60_000_000
polls_burst = 1_000_000
{session}
[store]
path = "{files}/rooms"
{store}
[admin]
listen = "127.0.0.1:{admin}"
[log]
level = "warn"
[[upstream]]
name = "shop"
address = "{upstream}"
[[room]]
name = "bench"
upstream = "shop"
opens_at = "{opened}"
starts_at = "{opened}"
[room.admission]
rate_per_minute = 6000
burst = 100
max_active = 1000
"#
    ))
}
