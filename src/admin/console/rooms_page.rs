//! All rooms, the most urgent first.

use axum::extract::State;
use axum::response::Response;
use serde_json::{Value, json};

use super::charts;
use super::door::Person;
use super::live::Live;
use super::refusal::Refused;
use super::render::{self, word};
use super::room_page::named;
use crate::admin::Admin;
use crate::admin::alarms::alarms;
use crate::admin::foresee::span;
use fairgate_core::room::{Phase, View};

/// The page of all rooms.
pub(super) async fn show(State(admin): State<Admin>, person: Person) -> Result<Response, Refused> {
    let configured = (admin.rooms)();
    let mut rooms = Vec::with_capacity(configured.len());
    for room in &configured {
        // A room that cannot be shown is shown as that: the others matter all the more then.
        let (urgency, live, next) = match Live::of(&admin, &room.name).await {
            Ok((live, view)) => (urgency(&view), Some(live), next(&view)),
            Err(problem) => ((0, 0), None, problem.to_string()),
        };
        // Without its history a room is listed all the same.
        let spark = charts::spark(&admin, &room.name).await.ok();
        let alarms = alarms(&admin, &room.name).await.unwrap_or_default();
        let urgency = if alarms.is_empty() { urgency } else { (0, 0) };
        rooms.push((
            urgency,
            json!({ "room": named(room), "live": live, "next": next, "spark": spark, "alarms": alarms }),
        ));
    }
    rooms.sort_by_key(|(urgency, _)| *urgency);
    let rooms: Vec<Value> = rooms.into_iter().map(|(_, room)| room).collect();
    render::page("rooms.html", Some(&person), &json!({ "rooms": rooms }))
}

/// Rooms that people wait in now, then those that come next, then those that are over.
fn urgency(view: &View) -> (u8, u64) {
    match view.phase {
        Phase::Drawing | Phase::Serving => (1, view.starts_at_ms),
        Phase::Pooling => (2, view.starts_at_ms),
        Phase::Idle => (3, view.opens_at_ms),
        Phase::Ended => (4, 0),
    }
}

/// What comes next, and when.
fn next(view: &View) -> String {
    let within = |key: &str, at_ms: u64| format!("{} {}", word("next", key), span(at_ms.saturating_sub(view.now_ms)));
    match view.phase {
        Phase::Idle => within("opens", view.opens_at_ms),
        Phase::Pooling => within("draws", view.starts_at_ms),
        Phase::Drawing => word("next", "drawing").to_owned(),
        Phase::Serving => view.ends_at_ms.map_or_else(|| word("next", "no_end").to_owned(), |at| within("ends", at)),
        Phase::Ended => word("next", "over").to_owned(),
    }
}
