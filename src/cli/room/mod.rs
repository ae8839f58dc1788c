//! `fairgate room`: watch and change live rooms, over the admin API.

mod define;
mod entry;
mod history;
mod print;
mod report;
#[cfg(test)]
mod tests;
mod top;

use std::io::{self, Write};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::Context;
use clap::{Args, Subcommand};
use fairgate_core::room::Mode;

use self::print::{
    print_alarms, print_audit, print_changed, print_clock, print_edges, print_json, print_list, print_room,
};
use crate::admin::{AuditQuery, Changed, Client, RampPatch, Revocation, RoomPatch};
use crate::config::Secret;

/// How long edges of a fleet may take to follow a change before that is told as it is.
const FOLLOWED_WITHIN: Duration = Duration::from_secs(2);
const LOOK_EVERY: Duration = Duration::from_millis(100);

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
    /// Write the draft of a new room. Nothing that fans see is changed before `publish`.
    ///
    /// Rooms of the edge's file stay there: they can be looked at here, and not changed.
    New {
        #[command(flatten)]
        new: define::NewRoom,
    },
    /// Print the text of a room that is data, or write another one as its draft.
    Edit {
        #[command(flatten)]
        edit: define::EditRoom,
    },
    /// Publish the draft of a room: every edge serves it within a second, without a restart.
    ///
    /// Before the sale opens everything may change. From then on only title, [room.page] and [room.poll] may.
    Publish {
        #[command(flatten)]
        target: Target,
    },
    /// Discard the draft of a room. What is published stays.
    Discard {
        #[command(flatten)]
        target: Target,
    },
    /// Archive a room that is not open, or whose sale is over: no edge serves it any more.
    Archive {
        #[command(flatten)]
        target: Target,
    },
    /// Print the edge's file with the published rooms behind it, as one file that `fairgate config check` accepts.
    Export {
        /// Only this room.
        room: Option<String>,
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
    /// Undo a change: set the values of before again, unless something else has changed them since.
    Undo {
        #[command(flatten)]
        target: Target,
        /// The change, as `set` and `audit` name it.
        #[arg(value_name = "CHANGE")]
        change: String,
    },
    /// Show the audit log: who changed which value, when, and from what to what. In a fleet, of all edges.
    Audit {
        /// The room's name. Without it, of all rooms.
        room: Option<String>,
        /// Only the changes of one name.
        #[arg(long, value_name = "NAME")]
        who: Option<String>,
        /// Only changes from a time on, such as 2026-12-01T18:00[Europe/Lisbon].
        #[arg(long, value_name = "TIME")]
        from: Option<String>,
        /// The earlier page, as the last one names it.
        #[arg(long, value_name = "PAGE")]
        before: Option<String>,
    },
    /// Show what a room's numbers were: each second of the last six hours, and each ten seconds of the last fourteen days.
    ///
    /// Numbers of the shop and of requests are those of the edge that is asked.
    History {
        #[command(flatten)]
        wanted: history::Wanted,
    },
    /// Report what happened in a sale: numbers, waits, what limited when, every change, and the draw's public facts.
    ///
    /// The report is signed with the edge's key. It may be asked for at any time; from the end of the sale on it is final.
    Report {
        #[command(flatten)]
        wanted: report::Wanted,
    },
    /// Show what should worry whoever runs the sale: rules of observability/alerts.yml that an edge judges by itself.
    Alarms {
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
        Step::New { new } => define::new(client, new, json, out).await,
        Step::Edit { edit } => define::edit(client, edit, json, out).await,
        Step::Publish { target } => define::publish(client, &target.room, target.dry_run, json, out).await,
        Step::Discard { target } => define::discard(client, &target.room, target.dry_run, json, out).await,
        Step::Archive { target } => define::archive(client, &target.room, target.dry_run, json, out).await,
        Step::Export { room } => define::export(client, room.as_deref(), out).await,
        Step::Pause { target } => {
            change(client, &target, RoomPatch { paused: Some(true), ..RoomPatch::default() }, json, out).await
        }
        Step::Resume { target } => {
            change(client, &target, RoomPatch { paused: Some(false), ..RoomPatch::default() }, json, out).await
        }
        Step::Drain { target } => {
            let changed = client.drain(&target.room, target.dry_run).await?;
            tell(client, &target, &changed, json, out).await
        }
        Step::Undo { target, change } => {
            let changed = client.undo(&target.room, &change, target.dry_run).await?;
            tell(client, &target, &changed, json, out).await
        }
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
        Step::Audit { room, who, from, before } => {
            let audit = client.audit(&AuditQuery { room, who, from, before }).await?;
            if json { print_json(out, &audit) } else { print_audit(out, &audit) }
        }
        Step::History { wanted } => history::show(client, wanted, json, out).await,
        Step::Report { wanted } => report::show(client, &wanted, json, out).await,
        Step::Alarms { room } => {
            let told = client.alarms(&room).await?;
            if json { print_json(out, &told) } else { print_alarms(out, &told) }
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
    let changed = client.change(&target.room, &patch, target.dry_run).await?;
    tell(client, target, &changed, json, out).await
}

/// Says what was changed, and on how many edges it holds.
async fn tell(
    client: &Client,
    target: &Target,
    changed: &Changed,
    json: bool,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    print_changed(out, changed, json)?;
    if json || changed.id.is_none() {
        return Ok(());
    }
    let until = Instant::now() + FOLLOWED_WITHIN;
    loop {
        let edges = client.edges(&target.room, changed.room.now_ms).await?;
        if edges.following == edges.known || Instant::now() >= until {
            return print_edges(out, &target.room, &edges);
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}
