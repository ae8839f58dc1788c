//! A shop for the benchmarks: a private Postgres, the booking core as its own process, and the passes of its fans.

use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::ensure;
use fairgate_booking::db::Database;
use fairgate_booking::events::create_event::create;
use fairgate_booking::events::demo_event::demo_facts;
use fairgate_booking::events::seat_map::{Facts, Row, Section, SectionKind};
use fairgate_telemetry::clock::{Clock, SystemClock};
use fairgate_telemetry::entropy;
use fairgate_testkit::{ChildProcess, PrivatePostgres, free_port};
use fairgate_token::{KeyRing, Pass, create_key};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::edge::fairgate_program;

const ROOM: &str = "bench";
const PASS_MS: u64 = 3_600_000;
/// Enough for a bench; nobody's hold ends while it runs.
const HOLD_S: i32 = 3600;
/// Seats that a fan may have: enough for ten reservations.
pub(super) const FAN_SEATS_MAX: u32 = 40;

/// Stopped when dropped.
pub(super) struct Shop {
    core: ChildProcess,
    pub(super) postgres: PrivatePostgres,
    pub(super) database: Database,
    pub(super) address: String,
    keys: KeyRing,
    now_ms: u64,
    fans: AtomicU64,
    _dir: TempDir,
}

impl Shop {
    pub(super) async fn open() -> anyhow::Result<Self> {
        Self::open_with(None).await
    }

    /// A shop whose core serves in one of the ways of `booking-core`.
    pub(super) async fn served_by(way: &str) -> anyhow::Result<Self> {
        Self::open_with(Some(way)).await
    }

    async fn open_with(served_by: Option<&str>) -> anyhow::Result<Self> {
        let postgres = PrivatePostgres::start()?;
        let dir = tempfile::tempdir()?;
        let now_ms = SystemClock.now_ms();
        create_key(dir.path(), now_ms - 10_000, &entropy::system())?;
        let keys = KeyRing::load(dir.path(), "fairgate")?;
        let jwks_url = publish(keys.jwks()).await?;
        let address = free_address()?;
        let command = match served_by {
            Some(way) => core_served_by(way, &postgres, &address, &jwks_url)?,
            None => the_products_core(&postgres, &address, &jwks_url)?,
        };
        let core = ChildProcess::spawn("the booking core", command)?;
        let database = Database::new(&postgres.url())?;
        let shop = Self { core, postgres, database, address, keys, now_ms, fans: AtomicU64::new(0), _dir: dir };
        shop.wait_for("/readyz").await?;
        Ok(shop)
    }

    pub(super) fn pid(&self) -> u32 {
        self.core.id()
    }

    pub(super) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// The passes of so many fans who were never here before.
    pub(super) fn new_passes(&self, fans: usize) -> Vec<String> {
        let first = self.fans.fetch_add(fans as u64, Ordering::Relaxed);
        let (from_ms, to_ms) = (self.now_ms - 5_000, self.now_ms + PASS_MS);
        let pass = |place| self.keys.sign_pass(&Pass::new(ROOM, [7; 32], place, from_ms, to_ms, to_ms));
        (first..first + fans as u64).map(pass).collect()
    }

    /// Makes an event and waits until the core sells it.
    pub(super) async fn open_event(&self, slug: &str, sections: Vec<Section>) -> anyhow::Result<()> {
        let facts = Facts { slug: slug.to_owned(), hold_s: HOLD_S, fan_seats_max: FAN_SEATS_MAX, ..demo_facts() };
        ensure!(create(&self.database, facts, sections, |_| ()).await?, "there is an event {slug} already");
        self.wait_for(&format!("/api/v1/events/{slug}")).await
    }

    /// How many seats of an event are held or sold.
    pub(super) async fn seats_gone(&self, slug: &str) -> anyhow::Result<i64> {
        let client = self.database.own_connection().await?;
        let count = "select count(*) from seat join event using (event_id) where slug = $1 and held_until > now()";
        Ok(client.query_one(count, &[&slug]).await?.get(0))
    }

    async fn wait_for(&self, path: &str) -> anyhow::Result<()> {
        let client = reqwest::Client::new();
        for _ in 0..600 {
            if client.get(self.url(path)).send().await.is_ok_and(|answer| answer.status().is_success()) {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        anyhow::bail!("the booking core did not answer {path} within 30 s")
    }
}

fn the_products_core(postgres: &PrivatePostgres, listen: &str, jwks_url: &str) -> anyhow::Result<Command> {
    let mut command = Command::new(fairgate_program()?);
    command.args(["booking", "--exit-with-stdin", "--listen", listen, "--metrics-listen", &free_address()?]);
    command.args(["--room", ROOM, "--jwks-url", jwks_url]);
    // Nobody pays here.
    command.args(["--provider-url", "http://127.0.0.1:9"]);
    command.env("FAIRGATE_DATABASE_URL", postgres.url()).stderr(Stdio::inherit());
    Ok(command)
}

fn core_served_by(way: &str, postgres: &PrivatePostgres, listen: &str, jwks_url: &str) -> anyhow::Result<Command> {
    let mut command = Command::new(std::env::current_exe()?.with_file_name("booking-core"));
    command.args([way, &postgres.url(), listen, &free_address()?, ROOM, jwks_url]).stderr(Stdio::inherit());
    Ok(command)
}

fn free_address() -> anyhow::Result<String> {
    Ok(format!("127.0.0.1:{}", free_port()?))
}

/// Serves the gate's public keys for as long as the benchmark runs.
async fn publish(jwks: String) -> anyhow::Result<String> {
    let listener = fairgate_testkit::listen_async()?;
    let url = format!("http://{}/jwks.json", listener.local_addr()?);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            drop(answer_once(stream, &jwks).await);
        }
    });
    Ok(url)
}

async fn answer_once(mut stream: TcpStream, jwks: &str) -> std::io::Result<()> {
    let mut question = [0; 2048];
    if stream.read(&mut question).await? == 0 {
        return Ok(());
    }
    let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length";
    stream.write_all(format!("{head}: {}\r\n\r\n{jwks}", jwks.len()).as_bytes()).await
}

/// One section of places to stand.
pub(super) fn standing(places: u32) -> Vec<Section> {
    let seats = (1..=places).map(|seat| seat.to_string()).collect();
    let row = Row { label: "GA".into(), first_unit: 0, seats };
    vec![section("floor", SectionKind::Standing, vec![row])]
}

/// One section of numbered seats.
pub(super) fn seated(rows: u32, row_seats: u32) -> Vec<Section> {
    let row = |row: u32| Row {
        label: format!("R{row}"),
        first_unit: row * row_seats,
        seats: (1..=row_seats).map(|seat| seat.to_string()).collect(),
    };
    vec![section("hall", SectionKind::Seated, (0..rows).map(row).collect())]
}

fn section(slug: &str, kind: SectionKind, rows: Vec<Row>) -> Section {
    Section { slug: slug.into(), title: slug.to_uppercase(), kind, tier: 0, price: 5000, rows }
}
