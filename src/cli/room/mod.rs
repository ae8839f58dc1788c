//! `fairgate room`: watch and change live rooms, over the admin API.

mod entry;
mod top;

use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, Subcommand};
use fairgate_draw::Label;
use jiff::Timestamp;
use serde::Serialize;

use crate::admin::{
    Audit, AuditEntry, Change, Changed, Client, ClockState, RampPatch, Revocation, RoomPatch, RoomState,
};
use crate::config::Secret;
use fairgate_core::room::{Limit, Mode, Phase, is_command};

/// Watch and change live rooms.
///
/// Calls the admin API of a running edge. The token comes from the environment variable FAIRGATE_ADMIN_TOKEN.
#[derive(Debug, Args)]
pub(super) struct RoomArgs {
    /// The edge's admin API.
    #[arg(long, global = true, env = "FAIRGATE_ADMIN", value_name = "URL", default_value = "http://127.0.0.1:9090")]
    admin: String,
    /// Print the API's answer as JSON.
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
    /// Stop calling and admitting fans until `resume`. Fans inside the shop are not affected.
    Pause {
        #[command(flatten)]
        target: Target,
    },
    /// Continue after `pause` or `drain`.
    Resume {
        #[command(flatten)]
        target: Target,
    },
    /// Stop calling fans until `resume`. Fans who were called already may still come in.
    Drain {
        #[command(flatten)]
        target: Target,
    },
    /// Call a number of fans now, beyond the rate, as far as the limit on sessions allows.
    LetIn {
        #[command(flatten)]
        target: Target,
        /// The number of fans.
        people: u32,
    },
    /// Change the rate gradually, from its present value or from a given one.
    Ramp {
        #[command(flatten)]
        target: Target,
        /// The rate at the end, in fans per minute.
        #[arg(long, value_name = "PER_MINUTE")]
        to: u32,
        /// The duration of the change, such as 10m.
        #[arg(long, value_name = "SPAN", value_parser = span_ms)]
        over: u64,
        /// The rate at the start, in fans per minute.
        #[arg(long, value_name = "PER_MINUTE")]
        from: Option<u32>,
    },
    /// End one session, or invalidate one place.
    Revoke {
        #[command(flatten)]
        target: Target,
        #[command(flatten)]
        whom: Whom,
    },
    /// Show the audit log: who changed which value, when, and from what to what.
    Audit {
        /// The room's name.
        room: String,
    },
    /// Show who came into a room how: entries by way, refusals by reason, and claims that were asked for something.
    Entry {
        /// The room's name.
        room: String,
        /// Show every minute, too.
        #[arg(long)]
        minutes: bool,
    },
    /// Look up what the reference stands for that a fan quotes. Reading is written down in the audit log.
    Refusal {
        /// The room's name.
        room: String,
        /// The reference, such as FG-7H3KQ9XW2.
        #[arg(value_name = "REF")]
        reference: String,
    },
    /// Decide about fans by their references: let them in, or do not (--refuse).
    ///
    /// A place that is let in is asked nothing when it is called. A fan who could not enter passes at the next try, with the
    /// same browser and what was shown before.
    Overrule {
        #[command(flatten)]
        decide: entry::Decide,
    },
    /// Watch one room live in the terminal.
    Top {
        /// The room's name.
        room: String,
    },
    /// Show the rooms' time and the deviation of the clocks, or accept a clock that was set.
    Clock {
        /// Follow the reference clock (this machine's, or Redis's) again after it was set. In a fleet, run this on one
        /// edge. The rooms' time never goes back: where the clock is behind, rooms wait for it.
        #[arg(long)]
        accept: bool,
    },
    /// Change a room's rate, limits, message or end.
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
    /// Only show what would change.
    #[arg(long)]
    dry_run: bool,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = true)]
struct Values {
    /// Fans admitted per minute.
    #[arg(long, value_name = "PER_MINUTE")]
    rate: Option<u32>,
    /// Fans who may be admitted at once beyond the rate.
    #[arg(long, value_name = "PEOPLE")]
    burst: Option<u32>,
    /// The limit on sessions inside the shop at the same time.
    #[arg(long, value_name = "SESSIONS")]
    max_active: Option<u64>,
    /// `fixed`, or `adaptive`: lower than --rate and --max-active while the shop is slow or fails.
    #[arg(long, value_name = "MODE", value_parser = mode)]
    mode: Option<Mode>,
    /// For `adaptive`: the 99th percentile of the shop's response time to aim for, such as 500ms.
    #[arg(long, value_name = "SPAN", value_parser = span_ms)]
    target: Option<u64>,
    /// A message to every waiting fan.
    #[arg(long, value_name = "TEXT", conflicts_with = "no_message")]
    message: Option<String>,
    /// Remove the message.
    #[arg(long)]
    no_message: bool,
    /// Mark the sale as sold out (true), or not (false). Sold out stops admission and informs waiting fans.
    #[arg(long, value_name = "BOOL")]
    sold_out: Option<bool>,
    /// When the sale ends, such as 2026-12-01T22:00[Europe/Lisbon].
    #[arg(long, value_name = "TIME", conflicts_with = "no_end")]
    ends_at: Option<String>,
    /// Remove the end of the sale.
    #[arg(long)]
    no_end: bool,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct Whom {
    /// The place in the line.
    #[arg(long)]
    place: Option<u64>,
    /// The session, as the shop receives it in X-Fairgate-Session.
    #[arg(long)]
    session: Option<String>,
}

impl Whom {
    fn revocation(self) -> Revocation {
        match (self.place, self.session) {
            (Some(place), _) => Revocation::Place(place),
            (None, session) => Revocation::Session(session.unwrap_or_default()),
        }
    }
}

fn mode(text: &str) -> Result<Mode, String> {
    match text {
        "fixed" => Ok(Mode::Fixed),
        "adaptive" => Ok(Mode::Adaptive),
        _ => Err("write fixed or adaptive".into()),
    }
}

fn span_ms(text: &str) -> Result<u64, String> {
    let span: jiff::SignedDuration =
        text.parse().map_err(|error| format!("{error}; write a time span such as 500ms or 10m"))?;
    u64::try_from(span.as_millis()).map_err(|_| "is negative: write a time span such as 500ms or 10m".into())
}

impl Values {
    fn patch(self) -> RoomPatch {
        RoomPatch {
            rate_per_minute: self.rate,
            burst: self.burst,
            max_active: self.max_active,
            mode: self.mode,
            target_ms: self.target,
            ramp: None,
            let_in: None,
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
        Step::Drain { target } => print_changed(out, &client.drain(&target.room, target.dry_run).await?, json),
        Step::LetIn { target, people } => {
            change(client, &target, RoomPatch { let_in: Some(people), ..RoomPatch::default() }, json, out).await
        }
        Step::Ramp { target, to, over, from } => {
            let ramp = RampPatch { from_per_minute: from, to_per_minute: to, over_ms: over };
            change(client, &target, RoomPatch { ramp: Some(ramp), ..RoomPatch::default() }, json, out).await
        }
        Step::Revoke { target, whom } => {
            print_changed(out, &client.revoke(&target.room, &whom.revocation(), target.dry_run).await?, json)
        }
        Step::Audit { room } => {
            let audit = client.audit(&room).await?;
            if json { print_json(out, &audit) } else { print_audit(out, &audit) }
        }
        Step::Clock { accept } => {
            let clock = if accept { client.accept_clock().await? } else { client.clock().await? };
            if json { print_json(out, &clock) } else { print_clock(out, &clock) }
        }
        Step::Entry { room, minutes } => entry::show(client, &room, minutes, json, out).await,
        Step::Refusal { room, reference } => entry::refusal(client, &room, &reference, json, out).await,
        Step::Overrule { decide } => entry::decide(client, decide, json, out).await,
        Step::Top { room } => top::run(client, &room).await,
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
    print_changed(out, &client.change(&target.room, &patch, target.dry_run).await?, json)
}

fn print_changed(out: &mut impl Write, changed: &Changed, json: bool) -> anyhow::Result<()> {
    if json { print_json(out, changed) } else { print_changes(out, changed) }
}

fn print_audit(out: &mut impl Write, audit: &Audit) -> anyhow::Result<()> {
    for AuditEntry { at_ms, who, role, change, .. } in &audit.changes {
        let role = format!("{role:?}").to_lowercase();
        writeln!(out, "{} {who} ({role}): {}", time(*at_ms), said(change))?;
    }
    if audit.changes.is_empty() {
        writeln!(out, "nothing was changed through this edge")?;
    }
    Ok(())
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
    writeln!(out, "{} ({})", plain(&room.title), room.name)?;
    for (what, value) in [
        ("phase", phase(room).to_owned()),
        ("draw", draw(room)),
        ("opens at", time(room.opens_at_ms)),
        ("starts at", time(room.starts_at_ms)),
        ("ends at", room.ends_at_ms.map_or("no end".into(), time)),
        ("sold out", if room.sold_out { "yes" } else { "no" }.into()),
        ("message", room.message.as_deref().map_or_else(|| "none".into(), plain)),
        ("rate", format!("{} a minute, {} at once", room.rate_per_minute, room.burst)),
        ("sessions", format!("{} of {}", room.active, room.max_active)),
        ("leak", leak(room)),
        ("pool", room.pool_size.to_string()),
        ("line", format!("{} places, {} called, {} waiting", room.line_size, room.serving, room.waiting)),
        ("called", format!("{} not yet in, {} too late, {} gave up", room.outstanding, room.expired, room.left)),
        ("let in", room.admitted.to_string()),
        ("next sale", next_sale(room)),
    ] {
        writeln!(out, "  {what:10} {value}")?;
    }
    Ok(())
}

/// The sale that follows, and what its draw is committed to.
fn next_sale(room: &RoomState) -> String {
    room.next.as_ref().map_or_else(
        || "none".to_owned(),
        |next| {
            format!(
                "opens {}, starts {}; committed to {}",
                time(next.opens_at_ms),
                time(next.starts_at_ms),
                next.commitment
            )
        },
    )
}

/// The draw's label, and what it proves.
fn draw(room: &RoomState) -> String {
    let meaning = Label::named(&room.draw).map_or("", Label::meaning);
    format!("{}: {meaning}", room.draw)
}

fn print_clock(out: &mut impl Write, clock: &ClockState) -> anyhow::Result<()> {
    writeln!(out, "rooms' time          {}", time(clock.now_ms))?;
    writeln!(out, "this machine's clock {}", apart(clock.skew_ms))?;
    if let Some(jump_ms) = clock.jump_ms {
        writeln!(out, "NOT BELIEVED         the clock that the rooms should go by is {}", apart(jump_ms))?;
        writeln!(out, "Put it right, or, if it is right, let the rooms follow it: fairgate room clock --accept")?;
    }
    Ok(())
}

fn apart(ahead_ms: i64) -> String {
    let seconds = ahead_ms.unsigned_abs() as f64 / 1_000.0;
    format!("{seconds:.1} s {}", if ahead_ms < 0 { "behind" } else { "ahead" })
}

fn print_changes(out: &mut impl Write, changed: &Changed) -> anyhow::Result<()> {
    let verb = if changed.dry_run { "would change" } else { "changed" };
    for change in &changed.changes {
        writeln!(out, "{}: {verb} {}", changed.room.name, said(change))?;
    }
    if changed.changes.is_empty() {
        writeln!(out, "{}: nothing to change", changed.room.name)?;
    }
    for warning in &changed.warnings {
        writeln!(out, "{}: warning: {warning}", changed.room.name)?;
    }
    Ok(())
}

fn said(Change { what, before, after }: &Change) -> String {
    plain(&format!("{what} from {before} to {after}"))
}

/// What the leak does at this moment, and why not more.
fn leak(room: &RoomState) -> String {
    let limit = room.limit.map_or("not running", Limit::label);
    let no_shows = f64::from(room.no_show_permille) / 10.0;
    let RoomState { rate_now_per_minute: rate, max_active_now: sessions, .. } = room;
    format!("{rate} a minute and {sessions} sessions now, limited by {limit}; {no_shows:.1}% no-shows")
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

/// Text from elsewhere, as a terminal may be given it: what would command the terminal is spelled out.
fn plain(text: &str) -> String {
    let plain = |sign: char| match is_command(sign) {
        true => sign.escape_unicode().to_string(),
        false => sign.to_string(),
    };
    text.chars().map(plain).collect()
}

fn time(at_ms: u64) -> String {
    let timestamp = i64::try_from(at_ms).ok().and_then(|ms| Timestamp::from_millisecond(ms).ok());
    timestamp.map_or_else(|| at_ms.to_string(), |timestamp| timestamp.to_string())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::admin::testing::{TOKEN_ORGANIZER, TOKEN_SRE, TOKEN_VIEWER, TestEdge};
    use fairgate_core::room::{PreparedDraw, SalePlan};

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
        assert!(shown.contains("  next sale  none\n"), "{shown}");
        let kept = edge.store.view("final").await.unwrap();
        let plan = SalePlan {
            room: "final".into(),
            opens_at_ms: kept.starts_at_ms + 3_600_000,
            starts_at_ms: kept.starts_at_ms + 7_200_000,
            ends_at_ms: None,
            beacon: None,
            secret: [9; 32],
            config_version: 0,
            policy: kept.policy,
            rules: None,
        };
        edge.store.keep_next("final", None, PreparedDraw::new(&plan, kept.now_ms)).await.unwrap();
        let commitment = hex::encode(fairgate_draw::commitment(&[9; 32]));
        let shown = says(&edge, TOKEN_ORGANIZER, "show final").await.unwrap();
        assert!(shown.contains(&format!("; committed to {commitment}\n")), "{shown}");
        let waits = says(&edge, TOKEN_ORGANIZER, "set final --ends-at 2040-01-01T00:00Z").await.unwrap();
        assert!(waits.contains("warning: the next sale waits until this one ends"), "{waits}");
        says(&edge, TOKEN_ORGANIZER, "set final --no-end").await.unwrap();
        let json = says(&edge, TOKEN_ORGANIZER, "--json resume final").await.unwrap();
        let changed: Changed = serde_json::from_str(&json).unwrap();
        assert!(!changed.room.paused);
        let removed = says(&edge, TOKEN_ORGANIZER, "set final --no-message").await.unwrap();
        assert_eq!(removed, "final: changed message from \"Soon\" to null\n");
    }

    #[tokio::test]
    async fn a_clock_that_has_jumped_is_said_and_believed_by_one_command() {
        let edge = TestEdge::start().await;
        let ready = || async { reqwest::get(format!("{}/readyz", edge.url)).await.unwrap().text().await.unwrap() };
        assert!(!says(&edge, TOKEN_ORGANIZER, "clock").await.unwrap().contains("NOT BELIEVED"));
        assert_eq!(ready().await, "ok\n");
        edge.clock.jump_ms.store(3_600_000, std::sync::atomic::Ordering::Relaxed);
        let said = says(&edge, TOKEN_ORGANIZER, "clock").await.unwrap();
        assert!(
            said.contains("NOT BELIEVED         the clock that the rooms should go by is 3600.0 s ahead"),
            "{said}"
        );
        assert!(
            ready().await.starts_with("ok\nwarning: the clock that the rooms should go by is 3600.0 s ahead of theirs")
        );
        let before_ms = edge.store.view("final").await.unwrap().now_ms;
        assert!(says(&edge, TOKEN_ORGANIZER, "clock --accept").await.unwrap_err().to_string().contains("role"));
        assert!(!says(&edge, TOKEN_SRE, "clock --accept").await.unwrap().contains("NOT BELIEVED"));
        assert_eq!(edge.store.view("final").await.unwrap().now_ms, before_ms + 3_600_000);
        let audit = says(&edge, TOKEN_SRE, "audit final").await.unwrap();
        assert!(audit.contains("sre (sre): now_ms from"), "{audit}");
    }

    #[tokio::test]
    async fn references_are_looked_up_decided_about_and_forgotten() {
        use fairgate_entry::book::{Refusal, Told};
        use fairgate_entry::reference::Reference;
        use fairgate_entry::score::Signal;
        use fairgate_entry::way::Reason;

        let edge = TestEdge::start().await;
        let view = edge.store.view("final").await.unwrap();
        let reference = |n: u8| Reference::from_bytes([n; 5]);
        let refusal = |n, position, reason| Refusal::new(reference(n), position, reason, None, view.now_ms);
        let mut owes = refusal(1, Some((0, 7)), Reason::Owes);
        owes.points = vec![(Signal::Address, 100)];
        let rows = [owes, refusal(2, None, Reason::CodeUnknown), refusal(3, None, Reason::TokenWrong)];
        let told = Told {
            number: 1,
            keep_until_ms: u64::MAX,
            refusals: rows.iter().map(Refusal::to_bytes).collect(),
            tally: vec![("all//entered".into(), 5), ("all/code/code-unknown".into(), 2)],
            ..Told::default()
        };
        edge.store.count("final", &view.draw.descriptor_digest, told).await.unwrap();
        let [owes, unknown, token] = [1, 2, 3].map(|n| reference(n).to_string());

        let says = |line: String| {
            let edge = &edge;
            async move { says(edge, TOKEN_ORGANIZER, &line).await }
        };
        let shown = says(format!("refusal final {}", owes.to_lowercase())).await.unwrap();
        assert!(shown.contains(": owes") && shown.contains("entry 7 of tier 0"), "{shown}");
        assert!(
            shown.contains("from the same address. (100 points)") && shown.contains("decided    nothing"),
            "{shown}"
        );
        let dry = says(format!("overrule final {owes} --because family --dry-run")).await.unwrap();
        assert!(dry.contains("would be decided: the place is asked nothing"), "{dry}");
        let decided = says(format!("overrule final {owes} --because family")).await.unwrap();
        assert!(decided.contains("decided: the place is asked nothing"), "{decided}");
        assert!(says(format!("overrule final {owes} --because again")).await.unwrap().contains("decided before"));
        assert!(says(format!("refusal final {owes}")).await.unwrap().contains("decided    let in"));
        let refused = says(format!("overrule final {owes} --because sold --refuse")).await.unwrap();
        assert!(refused.contains("not let in"), "{refused}");
        let impossible = says(format!("overrule final {token} --because please")).await.unwrap_err().to_string();
        assert!(impossible.contains("token-wrong") && impossible.contains("sign in again"), "{impossible}");
        let dir = tempfile::tempdir().unwrap();
        let list = dir.path().join("list.csv");
        std::fs::write(&list, format!("number\n{unknown}\n{owes}\n")).unwrap();
        let listed = says(format!("overrule final --from {} --because letters", list.display())).await.unwrap();
        assert!(listed.contains("passes with this code at its next try"), "{listed}");
        let missing = says(format!("refusal final {}", reference(9))).await.unwrap_err().to_string();
        assert!(missing.contains("no such reference"), "{missing}");
        let mistyped = says("refusal final FG-000000001".to_owned()).await.unwrap_err().to_string();
        assert!(mistyped.contains("is no reference"), "{mistyped}");
        let entry = says("entry final".to_owned()).await.unwrap();
        assert!(entry.contains("entries        5") && entry.contains("2 (code-unknown)"), "{entry}");
        assert!(entry.contains("overruled      2") && entry.contains("references     3"), "{entry}");
        let audit = says("audit final".to_owned()).await.unwrap();
        assert!(audit.contains("read_refusal") && audit.contains("family") && audit.contains("letters"), "{audit}");
        let viewer = super::tests::says(&edge, TOKEN_VIEWER, &format!("refusal final {owes}")).await.unwrap_err();
        assert!(viewer.to_string().contains("role"), "{viewer}");

        let client = Client::new(&edge.url, Secret::new(TOKEN_ORGANIZER.into()));
        assert!(client.forget_entries("final", true).await.unwrap().forgotten);
        assert!(client.forget_entries("final", false).await.unwrap().forgotten);
        let gone = says(format!("refusal final {owes}")).await.unwrap_err().to_string();
        assert!(gone.contains("was forgotten"), "{gone}");
        let book = edge.store.book("final", &view.draw.descriptor_digest, &[]).await.unwrap();
        assert_eq!((book.refused(), book.overrules().count()), (0, 4));
        assert!(book.overrules().all(|overrule| overrule.reference == [0; 5]), "a decision keeps no reference");
        assert!(says("entry final".to_owned()).await.unwrap().contains("entries        5"), "numbers stay");
        assert!(says("audit final".to_owned()).await.unwrap().contains("entry_forgotten"));
    }

    #[test]
    fn no_text_commands_the_terminal() {
        assert_eq!(plain("Soon \u{1b}[2J\u{202e}!"), "Soon \\u{1b}[2J\\u{202e}!");
        assert_eq!(plain("Größe مرحبا"), "Größe مرحبا");
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
