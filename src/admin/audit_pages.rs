//! The audit log, page by page: the whole fleet's where edges share a store, this edge's where it is alone.
//!
//! Guarantee: one call reads a bounded part of the log, however little of it fits; where it stopped is told.

use axum::Json;
use axum::extract::{Path, State};
use fairgate_telemetry::written_time::read_time_ms;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::Admin;
use super::access::Caller;
use super::audit::{AuditEntry, audit_line};
use super::body::QueryOf;
use super::problem::Problem;
use super::rooms::find;
use fairgate_problem::ProblemDetails;

/// Entries of one page.
pub(super) const ENTRIES_MAX: usize = 100;
/// Rows that are asked of a shared store at once, and how often at most.
const ROWS_AT_ONCE: usize = 500;
const READS_MAX: usize = 8;

/// A page of the audit log, the newest first.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Audit {
    /// At most a hundred.
    pub changes: Vec<AuditEntry>,
    /// What to send as `before` for what came earlier; null where nothing did.
    #[serde(default)]
    pub next: Option<String>,
}

/// Which entries are wanted.
#[derive(Clone, Debug, Default, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub struct AuditQuery {
    /// Only those of this room.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub room: Option<String>,
    /// Only those of whoever has this name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub who: Option<String>,
    /// Only those from this time on, RFC 3339 or RFC 9557.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// Where the last page ended: its `next`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<String>,
}

/// Show the audit log of all rooms: of the fleet where edges share a store. Each entry has its author, network and both values.
#[utoipa::path(get, path = "/api/v1/audit", tag = "audit", security(("token" = [])), params(AuditQuery),
    responses((status = 200, body = Audit), (status = "default", body = ProblemDetails)))]
pub(super) async fn of_all(
    State(admin): State<Admin>,
    _: Caller,
    QueryOf(query): QueryOf<AuditQuery>,
) -> Result<Json<Audit>, Problem> {
    Ok(Json(page(&admin, &query).await?))
}

/// Show the audit log of a room: its latest hundred changes, of the fleet where edges share a store.
#[utoipa::path(get, path = "/api/v1/rooms/{room}/audit", tag = "rooms", security(("token" = [])),
    params(("room" = String, Path, description = "the room's name")),
    responses((status = 200, body = Audit), (status = "default", body = ProblemDetails)))]
pub(super) async fn of_room(
    State(admin): State<Admin>,
    _: Caller,
    Path(room): Path<String>,
) -> Result<Json<Audit>, Problem> {
    let room = Some(find(&admin, &room)?.name);
    Ok(Json(page(&admin, &AuditQuery { room, ..AuditQuery::default() }).await?))
}

/// Reads a page.
pub(super) async fn page(admin: &Admin, query: &AuditQuery) -> Result<Audit, Problem> {
    let from_ms = query.from.as_deref().filter(|from| !from.is_empty()).map(read_time_ms).transpose();
    let from_ms = from_ms.map_err(|wrong| Problem::Value { key: "from", reason: wrong.to_string() })?;
    let is = |wanted: &Option<String>, value: &str| {
        wanted.as_deref().is_none_or(|wanted| wanted.is_empty() || wanted == value)
    };
    let (room, who) = (query.room.clone(), query.who.clone());
    let wanted = move |entry: &AuditEntry| {
        is(&room, &entry.room) && is(&who, &entry.who) && from_ms.is_none_or(|from_ms| entry.at_ms >= from_ms)
    };
    read(admin, query.before.clone(), wanted, ENTRIES_MAX).await
}

/// The entries that are one change of a room; none where there is no such change within reach.
pub(super) async fn entries_of(admin: &Admin, room: &str, id: &str) -> Result<Vec<AuditEntry>, Problem> {
    let (room, id) = (room.to_owned(), id.to_owned());
    let wanted = move |entry: &AuditEntry| !id.is_empty() && entry.id == id && entry.room == room;
    let mut entries = read(admin, None, wanted, ENTRIES_MAX).await?.changes;
    entries.reverse();
    Ok(entries)
}

/// What was changed of a room's controls since they had this revision, the earliest first; at most the last few.
pub(super) async fn changed_since(admin: &Admin, room: &str, revision: u64) -> Result<Vec<AuditEntry>, Problem> {
    const TOLD_MAX: usize = 5;
    let room = room.to_owned();
    let wanted =
        move |entry: &AuditEntry| entry.room == room && entry.control_revision.is_some_and(|own| own > revision);
    let mut entries = read(admin, None, wanted, TOLD_MAX).await?.changes;
    entries.reverse();
    Ok(entries)
}

async fn read(
    admin: &Admin,
    before: Option<String>,
    wanted: impl Fn(&AuditEntry) -> bool + Send + 'static,
    most: usize,
) -> Result<Audit, Problem> {
    let mut page = Audit { changes: Vec::new(), next: before };
    for _ in 0..READS_MAX {
        let Some(read) = admin.store.read_audit(page.next.as_deref(), ROWS_AT_ONCE).await? else {
            return read_own(admin, page.next, wanted, most).await;
        };
        for row in read.rows {
            page.next = Some(row.number);
            page.changes.extend(audit_line(&row.bytes).filter(&wanted));
            if page.changes.len() == most {
                return Ok(page);
            }
        }
        if read.is_last {
            return Ok(Audit { next: None, ..page });
        }
    }
    Ok(page)
}

/// The same from this edge's own file.
async fn read_own(
    admin: &Admin,
    before: Option<String>,
    wanted: impl Fn(&AuditEntry) -> bool + Send + 'static,
    most: usize,
) -> Result<Audit, Problem> {
    let audit = std::sync::Arc::clone(&admin.audit);
    let before = before.map(|before| before.parse().unwrap_or(0));
    let read = tokio::task::spawn_blocking(move || audit.page(before, wanted, most)).await;
    let read = read.map_err(std::io::Error::other).flatten();
    let (changes, next) = read.map_err(|error| Problem::Audit(error.to_string()))?;
    Ok(Audit { changes, next: next.map(|next| next.to_string()) })
}
