//! The servers of a shop for the runs that need a whole one: provider, booking core and edge as processes, and an event on sale.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, ensure};
use fairgate_booking::db::Database;
use fairgate_booking::events::create_event::create;
use fairgate_booking::events::demo_event::demo_facts;
use fairgate_booking::events::seat_map::{Facts, Row, Section, SectionKind};
use fairgate_testkit::{ChildProcess, PrivatePostgres};

use crate::edge::fairgate_program;
use crate::nginx::free_port;

const ROW_SEATS: u32 = 100;
const READY_WITHIN: Duration = Duration::from_secs(30);
const LOOK_EVERY: Duration = Duration::from_millis(100);
const SECRET: (&str, &str) = ("FAIRGATE_WEBHOOK_SECRET", "0123456789abcdef");

/// Where a server of this machine is.
pub(crate) fn local(port: u16) -> String {
    format!("http://127.0.0.1:{port}")
}

/// Waits until something answers there.
pub(crate) async fn ready(url: &str) -> anyhow::Result<()> {
    let client = reqwest::Client::new();
    let answered = async {
        while !client.get(url).send().await.is_ok_and(|answer| answer.status().is_success()) {
            tokio::time::sleep(LOOK_EVERY).await;
        }
    };
    tokio::time::timeout(READY_WITHIN, answered).await.with_context(|| format!("{url} did not answer"))
}

/// Starts one of our servers. Only what goes wrong is in its log, which goes to `stderr`.
pub(crate) fn start(
    name: &str,
    verb: &str,
    stderr: Stdio,
    set: impl FnOnce(&mut Command),
) -> anyhow::Result<ChildProcess> {
    let mut command = Command::new(fairgate_program()?);
    command.args([verb, "--exit-with-stdin"]).env(SECRET.0, SECRET.1).env("RUST_LOG", "error");
    command.stdout(Stdio::null()).stderr(stderr);
    set(&mut command);
    Ok(ChildProcess::spawn(name, command)?)
}

/// A provider for a core at this URL; `ledger` is where it keeps its books, if anywhere.
pub(crate) fn provider(
    port: u16,
    core_url: &str,
    ledger: Option<&Path>,
    stderr: Stdio,
) -> anyhow::Result<ChildProcess> {
    start("the provider", "provider", stderr, |command| {
        command.args(["--listen", &format!("127.0.0.1:{port}")]);
        command.args(["--webhook-url", &format!("{core_url}/api/v1/webhooks/payment")]);
        if let Some(ledger) = ledger {
            command.arg("--ledger").arg(ledger);
        }
    })
}

/// What a booking core stands between.
pub(crate) struct CoreLinks<'a> {
    pub(crate) room: &'a str,
    pub(crate) database_url: &'a str,
    pub(crate) provider_url: &'a str,
    pub(crate) edge_url: &'a str,
}

/// A booking core behind a room.
pub(crate) fn core(port: u16, links: &CoreLinks<'_>, stderr: Stdio) -> anyhow::Result<ChildProcess> {
    let metrics = free_port()?;
    start("the booking core", "booking", stderr, |command| {
        command.args(["--listen", &format!("127.0.0.1:{port}"), "--metrics-listen", &format!("127.0.0.1:{metrics}")]);
        command.args(["--without", "mail", "--room", links.room, "--provider-url", links.provider_url]);
        command.args(["--jwks-url", &format!("{}/.fairgate/jwks.json", links.edge_url)]);
        command.env("FAIRGATE_DATABASE_URL", links.database_url);
    })
}

/// Puts a hall with rows of a hundred seats on sale, and waits until the core at this URL sells it.
pub(crate) async fn open_event(
    postgres: &PrivatePostgres,
    core_url: &str,
    event: &str,
    rows: u32,
    hold_s: i32,
) -> anyhow::Result<()> {
    let facts = Facts { slug: event.to_owned(), hold_s, ..demo_facts() };
    let row = |row: u32| Row {
        label: format!("R{row}"),
        first_unit: row * ROW_SEATS,
        seats: (1..=ROW_SEATS).map(|seat| seat.to_string()).collect(),
    };
    let (slug, title, rows) = ("hall".into(), "HALL".into(), (0..rows).map(row).collect());
    let hall = Section { slug, title, kind: SectionKind::Seated, tier: 0, price: 5_000, rows };
    let made = create(&Database::new(&postgres.url())?, facts, vec![hall], |_| ()).await?;
    ensure!(made, "there is an event already");
    ready(&format!("{core_url}/api/v1/events/{event}")).await
}
