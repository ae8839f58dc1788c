//! What `fairgate room` prints: rooms, changes, the audit log and the clock.
//!
//! Guarantee: no text that comes from elsewhere commands the terminal.

use std::io::Write;

use fairgate_core::room::{Limit, Phase, is_command};
use fairgate_draw::Label;
use jiff::Timestamp;
use serde::Serialize;

use crate::admin::{AlarmsState, Audit, AuditEntry, Change, Changed, ClockState, EdgesState, RoomState, is_refusal};

pub(super) fn print_changed(out: &mut impl Write, changed: &Changed, json: bool) -> anyhow::Result<()> {
    if json { print_json(out, changed) } else { print_changes(out, changed) }
}

pub(super) fn print_audit(out: &mut impl Write, audit: &Audit) -> anyhow::Result<()> {
    for AuditEntry { at_ms, who, role, room, id, from, undoes, change, .. } in &audit.changes {
        let role = format!("{role:?}").to_lowercase();
        let from = from.as_ref().map(|from| format!(" from {from}")).unwrap_or_default();
        let undoes = undoes.as_ref().map(|undone| format!(", undoes {undone}")).unwrap_or_default();
        let id = if id.is_empty() { String::new() } else { format!(" [{id}{undoes}]") };
        writeln!(out, "{} {who} ({role}){from} {room}: {}{}", time(*at_ms), said(change), plain(&id))?;
    }
    if audit.changes.is_empty() {
        writeln!(out, "nothing was changed")?;
    }
    if let Some(next) = &audit.next {
        writeln!(out, "earlier: --before {}", plain(next))?;
    }
    Ok(())
}

pub(super) fn print_alarms(out: &mut impl Write, told: &AlarmsState) -> anyhow::Result<()> {
    for alarm in &told.alarms {
        writeln!(out, "{}: {}", plain(&alarm.rule), plain(&alarm.says))?;
    }
    if told.alarms.is_empty() {
        writeln!(out, "no alarm")?;
    }
    Ok(())
}

pub(super) fn print_edges(out: &mut impl Write, room: &str, edges: &EdgesState) -> anyhow::Result<()> {
    let EdgesState { known, following, .. } = edges;
    let missing = if following < known { "; look after the others" } else { "" };
    Ok(writeln!(out, "{room}: {following} of {known} edges follow{missing}")?)
}

pub(super) fn print_json(out: &mut impl Write, value: &impl Serialize) -> anyhow::Result<()> {
    Ok(writeln!(out, "{}", serde_json::to_string_pretty(value)?)?)
}

pub(super) fn print_list(out: &mut impl Write, rooms: &[RoomState]) -> anyhow::Result<()> {
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

pub(super) fn print_room(out: &mut impl Write, room: &RoomState) -> anyhow::Result<()> {
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

pub(super) fn print_clock(out: &mut impl Write, clock: &ClockState) -> anyhow::Result<()> {
    writeln!(out, "rooms' time          {}", time(clock.now_ms))?;
    writeln!(out, "this machine's clock {}", apart(clock.skew_ms))?;
    if let Some(jump_ms) = clock.jump_ms {
        writeln!(out, "NOT BELIEVED         the clock that the rooms should go by is {}", apart(jump_ms))?;
        writeln!(out, "Put it right, or, if it is right, let the rooms follow it: fairgate room clock --accept")?;
    }
    Ok(())
}

pub(super) fn apart(ahead_ms: i64) -> String {
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
    for consequence in &changed.consequences {
        writeln!(out, "{}: {consequence}", changed.room.name)?;
    }
    for warning in &changed.warnings {
        writeln!(out, "{}: warning: {warning}", changed.room.name)?;
    }
    if let Some(id) = &changed.id {
        writeln!(out, "{}: undo it with `fairgate room undo {} {}`", changed.room.name, changed.room.name, plain(id))?;
    }
    Ok(())
}

pub(super) fn said(Change { what, before, after }: &Change) -> String {
    match is_refusal(what) {
        true => plain(&format!("{what}: {after}")),
        false => plain(&format!("{what} from {before} to {after}")),
    }
}

/// What the leak does at this moment, and why not more.
pub(super) fn leak(room: &RoomState) -> String {
    let limit = room.limit.map_or("not running", Limit::label);
    let no_shows = f64::from(room.no_show_permille) / 10.0;
    let RoomState { rate_now_per_minute: rate, max_active_now: sessions, .. } = room;
    format!("{rate} a minute and {sessions} sessions now, limited by {limit}; {no_shows:.1}% no-shows")
}

pub(super) fn phase(room: &RoomState) -> &'static str {
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
pub(super) fn plain(text: &str) -> String {
    let plain = |sign: char| match is_command(sign) {
        true => sign.escape_unicode().to_string(),
        false => sign.to_string(),
    };
    text.chars().map(plain).collect()
}

pub(super) fn time(at_ms: u64) -> String {
    let timestamp = i64::try_from(at_ms).ok().and_then(|ms| Timestamp::from_millisecond(ms).ok());
    timestamp.map_or_else(|| at_ms.to_string(), |timestamp| timestamp.to_string())
}
