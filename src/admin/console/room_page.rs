//! One room: what limits it, its numbers, its controls, and what was changed last.

use axum::extract::{Path, Query, State};
use axum::response::Response;
use serde::Deserialize;
use serde_json::{Value, json};

use super::audit_page::{field, iso, rows, time};
use super::charts::{self, Stretch};
use super::door::Person;
use super::live::Live;
use super::refusal::Refused;
use super::render;
use crate::admin::audit_pages::{AuditQuery, entries_of, page};
use crate::admin::edges::edges;
use crate::admin::rooms::find;
use crate::admin::{Admin, RoomName};
use crate::config::Role;
use fairgate_core::room::{Mode, View};

/// Changes that a room's page shows.
const LAST: usize = 10;

/// What the page is to say of what was just done.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Done {
    done: Option<String>,
    since: u64,
    same: Option<String>,
    span: Option<String>,
}

/// The page of a room.
pub(super) async fn show(
    State(admin): State<Admin>,
    person: Person,
    Path(room): Path<String>,
    Query(done): Query<Done>,
) -> Result<Response, Refused> {
    let room = find(&admin, &room)?;
    let (live, view) = Live::of(&admin, &room.name).await?;
    let query = AuditQuery { room: Some(room.name.clone()), ..AuditQuery::default() };
    let mut last = rows(&page(&admin, &query).await?.changes, person.caller.role);
    last.truncate(LAST);
    let done_row = match &done.done {
        Some(id) => {
            let mut entries = entries_of(&admin, &room.name, id).await?;
            entries.reverse();
            rows(&entries, person.caller.role).pop()
        }
        None => None,
    };
    let follow = edges(&admin, &room.name, done.since, view.now_ms).await?;
    let stretch = Stretch::named(done.span);
    let page = json!({
        "room": named(&room),
        "live": live,
        "set": settings(&view),
        "times": times(&view),
        "steers": person.caller.role >= Role::Organizer,
        "tunes": person.caller.role >= Role::Sre,
        "done": done_row,
        "same": done.same.is_some(),
        "follow": { "known": follow.known, "following": follow.following },
        "last": last,
        "span": stretch.name(),
        "charts": charts::html(&admin, &room.name, &stretch).await?,
    });
    render::page("room.html", Some(&person), &page)
}

/// A room's names.
pub(super) fn named(room: &RoomName) -> Value {
    json!({ "name": room.name, "title": room.title })
}

/// What people have set, as their fields show it.
fn settings(view: &View) -> Value {
    json!({
        "paused": view.paused,
        "draining": view.draining,
        "sold_out": view.sold_out,
        "rate": view.policy.rate_per_minute,
        "burst": view.policy.burst,
        "max_active": view.policy.max_active,
        "adaptive": view.policy.mode == Mode::Adaptive,
        "target_ms": view.policy.target_ms,
        "message": view.message.as_deref().unwrap_or_default(),
        "ends_at": view.ends_at_ms.map(field).unwrap_or_default(),
    })
}

fn times(view: &View) -> Value {
    let at = |at_ms: u64| json!({ "at": time(at_ms), "iso": iso(at_ms) });
    json!({ "opens": at(view.opens_at_ms), "starts": at(view.starts_at_ms), "ends": view.ends_at_ms.map(at) })
}
