//! The audit log as a page, and its entries as rows.

use axum::extract::{Query, State};
use axum::response::Response;
use fairgate_core::room::is_command;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::door::Person;
use super::refusal::Refused;
use super::render::{self, word};
use crate::admin::Admin;
use crate::admin::audit::AuditEntry;
use crate::admin::audit_pages::{AuditQuery, page};
use crate::admin::change::{Change, role_for_value};
use crate::admin::foresee::grouped;
use crate::admin::refusals::is_refusal;
use crate::admin::undo::is_undoable;
use crate::config::Role;

/// A page of the log.
pub(super) async fn show(
    State(admin): State<Admin>,
    person: Person,
    Query(query): Query<AuditQuery>,
) -> Result<Response, Refused> {
    let log = page(&admin, &query).await?;
    let older = log.next.map(|next| {
        let mut text = form_urlencoded::Serializer::new(String::new());
        for (name, value) in [("room", &query.room), ("who", &query.who), ("from", &query.from)] {
            text.extend_pairs(value.as_ref().filter(|value| !value.is_empty()).map(|value| (name, value)));
        }
        text.append_pair("before", &next);
        format!("/console/audit?{}", text.finish())
    });
    let rooms: Vec<_> = (admin.rooms)().iter().map(|room| json!({ "name": room.name, "title": room.title })).collect();
    let page = json!({
        "rows": rows(&log.changes, person.caller.role),
        "older": older,
        "rooms": rooms,
        "room": query.room.unwrap_or_default(),
        "who": query.who.unwrap_or_default(),
        "from": query.from.unwrap_or_default(),
    });
    render::page("audit.html", Some(&person), &page)
}

/// Entries as rows, those of one change together, for somebody of this role.
pub(super) fn rows(entries: &[AuditEntry], role: Role) -> Vec<Value> {
    let is_same = |one: &AuditEntry, other: &AuditEntry| !one.id.is_empty() && one.id == other.id;
    entries.chunk_by(is_same).map(|change| row(change, role)).collect()
}

fn row(change: &[AuditEntry], role: Role) -> Value {
    let first = &change[0];
    let may = change.iter().all(|entry| is_undoable(&entry.change) && role >= role_for_value(&entry.change.what));
    let changes: Vec<_> = change.iter().rev().map(|entry| said_change(&entry.change)).collect();
    json!({
        "at": time(first.at_ms),
        "iso": iso(first.at_ms),
        "who": first.who,
        "role": word("role", role_key(first.role)),
        "from": first.from,
        "room": first.room,
        "id": first.id,
        "undoes": first.undoes,
        "changes": changes,
        "undoable": may && !first.id.is_empty(),
    })
}

fn role_key(role: Role) -> &'static str {
    match role {
        Role::Viewer => "viewer",
        Role::Organizer => "organizer",
        Role::Sre => "sre",
    }
}

/// One change in words.
pub(super) fn said_change(Change { what, before, after }: &Change) -> Value {
    json!({
        "what": word("value", what),
        "before": said(what, before),
        "after": said(what, after),
        "changed": !is_refusal(what),
    })
}

fn said(what: &str, value: &Value) -> String {
    match value {
        Value::Null => word("said", "none").to_owned(),
        Value::Bool(is) => word("said", if *is { "yes" } else { "no" }).to_owned(),
        Value::Number(number) => match number.as_u64() {
            Some(at_ms) if what.ends_with("_ms") && at_ms > 1_000_000_000_000 => time(at_ms),
            Some(number) => grouped(number),
            None => number.to_string(),
        },
        Value::String(text) => plain(text),
        other => other.to_string(),
    }
}

/// Text from elsewhere without signs that would turn a line round.
fn plain(text: &str) -> String {
    text.chars().map(|sign| if is_command(sign) { ' ' } else { sign }).collect()
}

fn timestamp(at_ms: u64) -> Option<Timestamp> {
    i64::try_from(at_ms).ok().and_then(|ms| Timestamp::from_millisecond(ms).ok())
}

/// A time for people, in UTC.
pub(super) fn time(at_ms: u64) -> String {
    timestamp(at_ms).map_or_else(|| at_ms.to_string(), |at| at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string())
}

/// A time for programs.
pub(super) fn iso(at_ms: u64) -> String {
    timestamp(at_ms).map(|at| at.to_string()).unwrap_or_default()
}

/// A time as a field for date and time has it, in UTC.
pub(super) fn field(at_ms: u64) -> String {
    timestamp(at_ms).map(|at| at.strftime("%Y-%m-%dT%H:%M").to_string()).unwrap_or_default()
}
