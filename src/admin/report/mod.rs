//! The report of a sale: what happened, in a paragraph and in numbers, signed with the edge's key.
//!
//! Guarantees:
//! - what is not known is said to be not known: seconds without a sample are counted, and a draw that was not verified here is
//!   told with the command that verifies it
//! - the public edition has nobody's name and no address
//!
//! It may be asked for at any time; from the end of the sale on it is final.

mod course;
mod page;
mod paragraph;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use self::course::Course;
use super::Admin;
use super::access::Caller;
use super::audit::AuditEntry;
use super::audit_pages::{AuditQuery, page as audit_page};
use super::body::QueryOf;
use super::entry::{EntryCount, refusals};
use super::history::kept;
use super::problem::Problem;
use super::refusals::is_refusal;
use super::rooms::find;
use crate::config::Role;
use fairgate_core::room::{Phase, View};
use fairgate_problem::ProblemDetails;
use fairgate_store::history::{COARSE_S, COARSE_STEP_S, Span};

pub use course::{LimitStretch, ShopCourse, Waits};
pub(crate) use page::{csv, html};

/// Pages of the audit log that are read for one report.
const AUDIT_PAGES_MAX: usize = 10;
/// What a signed report says that it is.
const KIND: &str = "fairgate-report";

/// What happened in a sale.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReportState {
    /// `fairgate-report`.
    pub kind: String,
    /// 1.
    pub version: u32,
    /// `full`, or `public`: without names and networks.
    pub edition: String,
    /// The room.
    pub room: String,
    /// What fans read.
    pub title: String,
    /// When the report was made, Unix ms.
    pub made_at_ms: u64,
    /// True if the sale is over.
    pub is_final: bool,
    /// When the pool opened, Unix ms.
    pub opens_at_ms: u64,
    /// When the draw was, and the sale began, Unix ms.
    pub starts_at_ms: u64,
    /// When the sale ends or has ended, Unix ms.
    pub ends_at_ms: Option<u64>,
    /// What happened, a sentence each.
    pub summary: Vec<String>,
    /// From the pool to the shop, in people and places.
    pub funnel: Funnel,
    /// How long people waited; null where no samples are kept of it.
    pub waits: Option<Waits>,
    /// What limited how many were let in, and when.
    pub limits: Vec<LimitStretch>,
    /// How the shop was, as the edge that made the report has seen it.
    pub shop: ShopCourse,
    /// Seconds of which no sample is kept.
    pub unknown_s: u32,
    /// What people changed, the earliest first.
    pub changes: Vec<ReportedChange>,
    /// Entries that were refused, by reason, where the room asks something and the reader is organizer.
    pub refused: Vec<EntryCount>,
    /// What is public of the draw.
    pub draw: ReportedDraw,
    /// The edge's signature: a detached JWS over the canonical JSON of everything else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature: Option<String>,
}

/// How many got how far.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Funnel {
    /// Entries in the pool at the draw.
    pub pool: u64,
    /// Places given, those of the pool included.
    pub places: u64,
    /// Places that were called.
    pub called: u64,
    /// People who came in.
    pub admitted: u64,
    /// Those of them who came after their time and were let in all the same.
    pub honoured: u64,
    /// Called places that nobody came for in time.
    pub missed: u64,
    /// Places that their fans gave up.
    pub given_up: u64,
    /// People who were called beyond the rate on request.
    pub let_in: u64,
    /// Places that were not called.
    pub waiting: u64,
    /// Sessions that are inside.
    pub inside: u64,
}

/// One change that somebody made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReportedChange {
    /// When, Unix ms.
    pub at_ms: u64,
    /// Who; empty in the public edition.
    pub who: String,
    /// In which role.
    pub role: Role,
    /// What was changed.
    pub what: String,
    /// From what, as JSON.
    pub before: String,
    /// To what, as JSON.
    pub after: String,
}

/// What is public of a draw. Hashes are in hex.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReportedDraw {
    /// What it can prove by its rules.
    pub label: String,
    /// The digest of its descriptor.
    pub descriptor_digest: String,
    /// The commitment to its secret.
    pub commitment: String,
    /// Entries in its roster, from the freeze on.
    pub entries: Option<u64>,
    /// The root of its roster, from the freeze on.
    pub root: Option<String>,
    /// Its seed, from the reveal on.
    pub seed: Option<String>,
    /// When the roster was frozen, Unix ms.
    pub frozen_at_ms: Option<u64>,
    /// When the secret was published, Unix ms.
    pub revealed_at_ms: Option<u64>,
    /// How anybody verifies it. The edge's word is not needed.
    pub verify_with: String,
}

/// Which edition of a report is wanted.
#[derive(Clone, Copy, Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub(super) struct Edition {
    /// True for the edition without names and networks.
    pub(super) public: bool,
}

/// Report what happened in a sale: numbers, waits, what limited when, every change with its author, and the draw's public facts. It
/// is signed with the edge's key.
#[utoipa::path(get, path = "/api/v1/rooms/{room}/report", tag = "rooms", security(("token" = [])),
    params(("room" = String, Path, description = "the room's name"), Edition),
    responses((status = 200, body = ReportState), (status = "default", body = ProblemDetails)))]
pub(super) async fn show(
    State(admin): State<Admin>,
    caller: Caller,
    Path(room): Path<String>,
    QueryOf(edition): QueryOf<Edition>,
) -> Result<Json<ReportState>, Problem> {
    Ok(Json(report(&admin, &caller, &room, edition).await?))
}

/// The same as one HTML document that loads nothing.
#[utoipa::path(get, path = "/api/v1/rooms/{room}/report.html", tag = "rooms", security(("token" = [])),
    params(("room" = String, Path, description = "the room's name"), Edition),
    responses((status = 200, body = String, content_type = "text/html"), (status = "default", body = ProblemDetails)))]
pub(super) async fn show_html(
    State(admin): State<Admin>,
    caller: Caller,
    Path(room): Path<String>,
    QueryOf(edition): QueryOf<Edition>,
) -> Result<Response, Problem> {
    let report = report(&admin, &caller, &room, edition).await?;
    Ok(saved(&room, ("html", "text/html; charset=utf-8"), html(&report)))
}

/// The same as CSV: a row for each number, and for each change.
#[utoipa::path(get, path = "/api/v1/rooms/{room}/report.csv", tag = "rooms", security(("token" = [])),
    params(("room" = String, Path, description = "the room's name"), Edition),
    responses((status = 200, body = String, content_type = "text/csv"), (status = "default", body = ProblemDetails)))]
pub(super) async fn show_csv(
    State(admin): State<Admin>,
    caller: Caller,
    Path(room): Path<String>,
    QueryOf(edition): QueryOf<Edition>,
) -> Result<Response, Problem> {
    let report = report(&admin, &caller, &room, edition).await?;
    Ok(saved(&room, ("csv", "text/csv; charset=utf-8"), csv(&report)))
}

/// A file for the reader's disk. The name of a room that there is holds nothing that a field could not.
pub(super) fn saved(room: &str, (extension, kind): (&str, &'static str), text: String) -> Response {
    let disposition = format!("attachment; filename=\"report-{room}.{extension}\"");
    ([(CONTENT_TYPE, kind.to_owned()), (CONTENT_DISPOSITION, disposition)], text).into_response()
}

/// Makes a report and signs it.
pub(super) async fn report(
    admin: &Admin,
    caller: &Caller,
    room: &str,
    edition: Edition,
) -> Result<ReportState, Problem> {
    let room = find(admin, room)?;
    let view = admin.store.view(&room.name).await?;
    let course = course(admin, &room.name, &view).await?;
    let changes = changes(admin, &room.name, view.opens_at_ms, edition.public).await?;
    let may_see = caller.role >= Role::Organizer;
    let refused = if may_see { refusals(admin, &room).await? } else { Vec::new() };
    let mut report = ReportState {
        kind: KIND.to_owned(),
        version: 1,
        edition: if edition.public { "public" } else { "full" }.to_owned(),
        room: room.name.clone(),
        title: room.title.clone(),
        made_at_ms: view.now_ms,
        is_final: view.phase == Phase::Ended,
        opens_at_ms: view.opens_at_ms,
        starts_at_ms: view.starts_at_ms,
        ends_at_ms: view.ends_at_ms,
        summary: Vec::new(),
        funnel: Funnel::of(&view),
        waits: course.waits,
        limits: course.longest(),
        shop: course.shop,
        unknown_s: course.unknown_s,
        changes,
        refused,
        draw: ReportedDraw::of(&room.name, &view),
        signature: None,
    };
    report.summary = paragraph::summary(&report, &course.totals());
    signed(admin, report)
}

fn signed(admin: &Admin, report: ReportState) -> Result<ReportState, Problem> {
    let failed = || Problem::Report("it cannot be signed".to_owned());
    let unsigned = serde_json::to_value(&report).map_err(|error| Problem::Report(error.to_string()))?;
    let signed: Value = (admin.sign)(unsigned).ok_or_else(failed)?;
    serde_json::from_value(signed).map_err(|error| Problem::Report(error.to_string()))
}

/// What is kept of a sale, in tens of seconds, from the opening of its pool to its end.
async fn course(admin: &Admin, room: &str, view: &View) -> Result<Course, Problem> {
    let second = |at_ms: u64| u32::try_from(at_ms / 1_000).unwrap_or(u32::MAX);
    let until_ms = view.ends_at_ms.unwrap_or(view.now_ms).min(view.now_ms);
    let until_s = second(until_ms).saturating_add(1);
    let from_s = second(view.opens_at_ms).max(until_s.saturating_sub(COARSE_S));
    if from_s >= until_s {
        return Ok(Course::default());
    }
    let span = Span { from_s, until_s, step_s: COARSE_STEP_S };
    Ok(Course::of(&kept(admin, room, span).await?, COARSE_STEP_S))
}

/// What people changed since a time, the earliest first.
async fn changes(admin: &Admin, room: &str, since_ms: u64, is_public: bool) -> Result<Vec<ReportedChange>, Problem> {
    let mut query = AuditQuery { room: Some(room.to_owned()), ..AuditQuery::default() };
    let mut changes = Vec::new();
    for _ in 0..AUDIT_PAGES_MAX {
        let page = audit_page(admin, &query).await?;
        let is_over = page.changes.last().is_none_or(|entry| entry.at_ms < since_ms) || page.next.is_none();
        let of_sale =
            page.changes.into_iter().filter(|entry| entry.at_ms >= since_ms && !is_refusal(&entry.change.what));
        changes.extend(of_sale.map(|entry| ReportedChange::of(entry, is_public)));
        query.before = page.next;
        if is_over {
            break;
        }
    }
    changes.reverse();
    Ok(changes)
}

impl ReportedChange {
    fn of(entry: AuditEntry, is_public: bool) -> Self {
        let AuditEntry { at_ms, who, role, change, .. } = entry;
        let who = if is_public { String::new() } else { who };
        Self { at_ms, who, role, what: change.what, before: change.before.to_string(), after: change.after.to_string() }
    }
}

impl Funnel {
    fn of(view: &View) -> Self {
        Self {
            pool: view.pool_size,
            places: view.line_size,
            called: view.serving,
            admitted: view.admitted,
            honoured: view.honoured,
            missed: view.expired,
            given_up: view.left,
            let_in: view.let_in,
            waiting: view.line_size.saturating_sub(view.serving),
            inside: view.active,
        }
    }
}

impl ReportedDraw {
    fn of(room: &str, view: &View) -> Self {
        let draw = &view.draw;
        Self {
            label: draw.label().name().to_owned(),
            descriptor_digest: hex::encode(draw.descriptor_digest),
            commitment: hex::encode(draw.commitment),
            entries: draw.entries,
            root: draw.root.map(hex::encode),
            seed: draw.seed.map(hex::encode),
            frozen_at_ms: draw.frozen_at_ms,
            revealed_at_ms: draw.revealed_at_ms,
            verify_with: format!("fairgate draw verify https://YOUR-SALE/.fairgate/{room}/draw"),
        }
    }
}
