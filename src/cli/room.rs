//! `fairgate room`: watch and tune rooms that are live, over the admin API.

use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, Subcommand};
use jiff::Timestamp;
use serde::Serialize;

use crate::config::Secret;
use crate::control::{Changed, Client, RoomPatch, RoomState};
use crate::room::Phase;

/// Watch and tune rooms that are live.
///
/// Calls the admin API of a running edge. The token comes from the environment variable FAIRGATE_ADMIN_TOKEN.
#[derive(Debug, Args)]
pub(super) struct RoomArgs {
    /// The edge's admin API.
    #[arg(long, global = true, env = "FAIRGATE_ADMIN", value_name = "URL", default_value = "http://127.0.0.1:9090")]
    admin: String,
    /// Print JSON, as the API answers it.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    step: Step,
}

#[derive(Debug, Subcommand)]
enum Step {
    /// List the rooms.
    List,
    /// Show one room.
    Show {
        /// The room's name.
        room: String,
    },
    /// Hold the line: nobody is called or let in until it is resumed. Those inside go on.
    Pause {
        #[command(flatten)]
        target: Target,
    },
    /// Go on after a pause.
    Resume {
        #[command(flatten)]
        target: Target,
    },
    /// Change a room's rate, caps, message, or end.
    Set {
        #[command(flatten)]
        target: Target,
        #[command(flatten)]
        values: Values,
    },
}

#[derive(Debug, Args)]
struct Target {
    /// The room's name.
    room: String,
    /// Only say what would change.
    #[arg(long)]
    dry_run: bool,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = true)]
struct Values {
    /// People let in per minute.
    #[arg(long, value_name = "PER_MINUTE")]
    rate: Option<u32>,
    /// People let in at once beyond the rate.
    #[arg(long, value_name = "PEOPLE")]
    burst: Option<u32>,
    /// Sessions that may be inside at once.
    #[arg(long, value_name = "SESSIONS")]
    max_active: Option<u64>,
    /// A message to everyone who waits.
    #[arg(long, value_name = "TEXT", conflicts_with = "no_message")]
    message: Option<String>,
    /// Remove the message.
    #[arg(long)]
    no_message: bool,
    /// Whether nothing is left: stops the leak and tells the line.
    #[arg(long, value_name = "BOOL")]
    sold_out: Option<bool>,
    /// When the sale ends, like 2026-12-01T22:00[Europe/Lisbon].
    #[arg(long, value_name = "TIME", conflicts_with = "no_end")]
    ends_at: Option<String>,
    /// The sale has no end.
    #[arg(long)]
    no_end: bool,
}

impl Values {
    fn patch(self) -> RoomPatch {
        RoomPatch {
            rate_per_minute: self.rate,
            burst: self.burst,
            max_active: self.max_active,
            paused: None,
            message: self.message.map(Some).or(self.no_message.then_some(None)),
            sold_out: self.sold_out,
            ends_at: self.ends_at.map(Some).or(self.no_end.then_some(None)),
        }
    }
}

/// Runs one step.
///
/// # Errors
/// Where the edge cannot be reached, or refuses.
pub(super) fn run(args: RoomArgs) -> anyhow::Result<ExitCode> {
    let token =
        std::env::var("FAIRGATE_ADMIN_TOKEN").context("FAIRGATE_ADMIN_TOKEN is not set: export the token first")?;
    let client = Client::new(&args.admin, Secret::new(token));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut out = io::stdout().lock();
    runtime.block_on(step(args.step, &client, args.json, &mut out))?;
    Ok(ExitCode::SUCCESS)
}

async fn step(step: Step, client: &Client, json: bool, out: &mut impl Write) -> anyhow::Result<()> {
    match step {
        Step::List => {
            let rooms = client.list().await?;
            if json { print_json(out, &rooms) } else { print_list(out, &rooms.rooms) }
        }
        Step::Show { room } => {
            let state = client.show(&room).await?;
            if json { print_json(out, &state) } else { print_room(out, &state) }
        }
        Step::Pause { target } => {
            change(client, &target, RoomPatch { paused: Some(true), ..RoomPatch::default() }, json, out).await
        }
        Step::Resume { target } => {
            change(client, &target, RoomPatch { paused: Some(false), ..RoomPatch::default() }, json, out).await
        }
        Step::Set { target, values } => change(client, &target, values.patch(), json, out).await,
    }
}

async fn change(
    client: &Client,
    target: &Target,
    patch: RoomPatch,
    json: bool,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    let changed = client.change(&target.room, &patch, target.dry_run).await?;
    if json { print_json(out, &changed) } else { print_changes(out, &changed) }
}

fn print_json(out: &mut impl Write, value: &impl Serialize) -> anyhow::Result<()> {
    Ok(writeln!(out, "{}", serde_json::to_string_pretty(value)?)?)
}

fn print_list(out: &mut impl Write, rooms: &[RoomState]) -> anyhow::Result<()> {
    let width = rooms.iter().map(|room| room.name.len()).max().unwrap_or(0).max("room".len());
    writeln!(
        out,
        "{:width$}  {:9} {:>10} {:>10} {:>10} {:>8} {:>8}",
        "room", "phase", "pool", "waiting", "admitted", "active", "rate/min"
    )?;
    for room in rooms {
        let RoomState { name, pool_size, waiting, admitted, active, rate_per_minute, .. } = room;
        let phase = phase(room);
        writeln!(
            out,
            "{name:width$}  {phase:9} {pool_size:>10} {waiting:>10} {admitted:>10} {active:>8} {rate_per_minute:>8}"
        )?;
    }
    Ok(())
}

fn print_room(out: &mut impl Write, room: &RoomState) -> anyhow::Result<()> {
    writeln!(out, "{} ({})", room.title, room.name)?;
    for (what, value) in [
        ("phase", phase(room).to_owned()),
        ("draw", room.draw.clone()),
        ("opens at", time(room.opens_at_ms)),
        ("starts at", time(room.starts_at_ms)),
        ("ends at", room.ends_at_ms.map_or("no end".into(), time)),
        ("sold out", if room.sold_out { "yes" } else { "no" }.into()),
        ("message", room.message.clone().unwrap_or_else(|| "none".into())),
        ("rate", format!("{} a minute, {} at once", room.rate_per_minute, room.burst)),
        ("sessions", format!("{} of {}", room.active, room.max_active)),
        ("pool", room.pool_size.to_string()),
        ("line", format!("{} places, {} called, {} waiting", room.line_size, room.serving, room.waiting)),
        ("called", format!("{} not yet in, {} too late, {} gave up", room.outstanding, room.expired, room.left)),
        ("let in", room.admitted.to_string()),
    ] {
        writeln!(out, "  {what:10} {value}")?;
    }
    Ok(())
}

fn print_changes(out: &mut impl Write, changed: &Changed) -> anyhow::Result<()> {
    let verb = if changed.dry_run { "would change" } else { "changed" };
    for change in &changed.changes {
        writeln!(out, "{}: {verb} {} from {} to {}", changed.room.name, change.what, change.before, change.after)?;
    }
    if changed.changes.is_empty() {
        writeln!(out, "{}: nothing to change", changed.room.name)?;
    }
    Ok(())
}

fn phase(room: &RoomState) -> &'static str {
    match room.phase {
        _ if room.paused => "paused",
        Phase::Idle => "idle",
        Phase::Pooling => "pooling",
        Phase::Drawing => "drawing",
        Phase::Serving => "serving",
        Phase::Ended => "ended",
    }
}

fn time(at_ms: u64) -> String {
    let timestamp = i64::try_from(at_ms).ok().and_then(|ms| Timestamp::from_millisecond(ms).ok());
    timestamp.map_or_else(|| at_ms.to_string(), |timestamp| timestamp.to_string())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::control::testing::{TOKEN_ORGANIZER, TOKEN_SRE, TestEdge};

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        args: RoomArgs,
    }

    async fn says(edge: &TestEdge, token: &str, line: &str) -> anyhow::Result<String> {
        let args = Line::try_parse_from(format!("room {line}").split(' '))?.args;
        let client = Client::new(&edge.url, Secret::new(token.into()));
        let mut out = Vec::new();
        step(args.step, &client, args.json, &mut out).await?;
        Ok(String::from_utf8(out)?)
    }

    #[tokio::test]
    async fn tunes_a_live_room() {
        let edge = TestEdge::start().await;
        let changed = says(&edge, TOKEN_SRE, "set final --rate 900 --max-active 50 --message Soon").await.unwrap();
        assert_eq!(
            changed,
            "final: changed rate_per_minute from 600 to 900\nfinal: changed max_active from 1000 to 50\n\
             final: changed message from null to \"Soon\"\n"
        );
        assert_eq!(says(&edge, TOKEN_SRE, "set final --rate 900").await.unwrap(), "final: nothing to change\n");
        let would = says(&edge, TOKEN_SRE, "pause final --dry-run").await.unwrap();
        assert_eq!(would, "final: would change paused from false to true\n");
        assert!(says(&edge, TOKEN_ORGANIZER, "list").await.unwrap().contains("final  serving"));
        says(&edge, TOKEN_ORGANIZER, "pause final").await.unwrap();
        assert!(says(&edge, TOKEN_ORGANIZER, "list").await.unwrap().contains("final  paused"));
        let shown = says(&edge, TOKEN_ORGANIZER, "show final").await.unwrap();
        assert!(shown.contains("Cup final (final)\n  phase      paused\n"), "{shown}");
        assert!(shown.contains("  rate       900 a minute, 10 at once\n"), "{shown}");
        let json = says(&edge, TOKEN_ORGANIZER, "--json resume final").await.unwrap();
        let changed: Changed = serde_json::from_str(&json).unwrap();
        assert!(!changed.room.paused);
        let removed = says(&edge, TOKEN_ORGANIZER, "set final --no-message").await.unwrap();
        assert_eq!(removed, "final: changed message from \"Soon\" to null\n");
    }

    #[tokio::test]
    async fn says_what_went_wrong() {
        let edge = TestEdge::start().await;
        let edge = &edge;
        let error = |token, line| async move { says(edge, token, line).await.unwrap_err().to_string() };
        let organizer = error(TOKEN_ORGANIZER, "set final --rate 900").await;
        assert!(organizer.contains("role"), "{organizer}");
        let room = error(TOKEN_SRE, "show semifinal").await;
        assert!(room.contains("no room named \"semifinal\""), "{room}");
        let token = error("no-such-token-0123", "list").await;
        assert!(token.contains("not known here"), "{token}");
        let nothing = error(TOKEN_SRE, "set final").await;
        assert!(nothing.contains("required"), "{nothing}");
        let elsewhere = Client::new("http://127.0.0.1:1", Secret::new(String::new())).list().await.unwrap_err();
        assert!(elsewhere.to_string().contains("is the edge running"), "{elsewhere}");
    }
}
