//! What of a room's sale is still to come: for calendars, and for pages without scripts.
//!
//! Guarantee: it is made from the last look at the room; no store is asked.

use http::StatusCode;
use http::header::{
    ACCEPT_LANGUAGE, CACHE_CONTROL, CONTENT_LANGUAGE, CONTENT_TYPE, HeaderValue, VARY, X_CONTENT_TYPE_OPTIONS,
};
use jiff::Timestamp;

use crate::edge::context::Edge;
use crate::edge::http::answer::Answer;
use crate::edge::http::problem::Problem;
use crate::edge::http::request::FanRequest;
use crate::edge::room::handle::LiveRoom;
use crate::page::{ComingSale, Moment, sale_calendar};
use fairgate_core::fields::first;
use fairgate_core::room::{Phase, View};
use fairgate_telemetry::zones::Zones;

/// `GET calendar.ics`.
///
/// # Errors
/// The room cannot be reached, or nothing of its sale is to come.
pub(super) fn calendar(edge: &Edge, room: &LiveRoom, request: &FanRequest<'_>) -> Result<Answer, Problem> {
    let snapshot = room.snapshot().ok_or_else(|| edge.store_unavailable())?;
    let (opens, draw) = moments(room, &snapshot.view);
    let address = format!("{}{}", request.origin(), room.config.paths.first().map_or("/", String::as_str));
    let now = timestamp(snapshot.view.now_ms).ok_or(Problem::NoSuchCall)?;
    let (room, title) = (room.name(), &*room.config.title);
    let sale = ComingSale { room, title, opens, draw, address: &address, now };
    let accept_language = first(request.headers, &ACCEPT_LANGUAGE).unwrap_or_default();
    let (file, tag) = sale_calendar(&sale, accept_language).ok_or(Problem::NoSuchCall)?;
    Ok(Answer::empty(StatusCode::OK)
        .header(CONTENT_TYPE, HeaderValue::from_static("text/calendar; charset=utf-8"))
        .header(CONTENT_LANGUAGE, HeaderValue::from_static(tag))
        .header(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"))
        .header(CACHE_CONTROL, HeaderValue::from_static("public, max-age=60"))
        .header(VARY, HeaderValue::from_static("Accept-Language"))
        .body(file))
}

/// When the pool or line opens, and when its places are drawn, as far as that is to come.
fn moments(room: &LiveRoom, view: &View) -> (Option<Moment>, Option<Moment>) {
    let (is_open, opens_at_ms, starts_at_ms) = match (view.phase, room.next.load_full()) {
        (Phase::Idle, _) => (false, view.opens_at_ms, view.starts_at_ms),
        (Phase::Pooling, _) => (true, view.opens_at_ms, view.starts_at_ms),
        (Phase::Ended, Some(next)) => (false, next.opens_at_ms, next.starts_at_ms),
        _ => return (None, None),
    };
    let zone = room.config.zone_of(opens_at_ms, starts_at_ms);
    let moment = |at_ms| {
        let at = timestamp(at_ms)?;
        Some(Moment { at, at_venue: at_venue(at, zone) })
    };
    let opens = if is_open { None } else { moment(opens_at_ms) };
    (opens, (starts_at_ms > opens_at_ms).then(|| moment(starts_at_ms)).flatten())
}

/// When the sale opens that fans wait for, as people at the venue write it.
pub(super) fn opens_at_venue(room: &LiveRoom, view: &View) -> Option<String> {
    moments(room, view).0.map(|moment| moment.at_venue)
}

fn timestamp(at_ms: u64) -> Option<Timestamp> {
    Timestamp::from_millisecond(i64::try_from(at_ms).ok()?).ok()
}

/// In the same way in every language.
fn at_venue(at: Timestamp, zone: Option<&str>) -> String {
    let zone = zone.and_then(|name| Some((name, Zones::get().database().get(name).ok()?)));
    match zone {
        Some((name, zone)) => format!("{} ({name})", at.to_zoned(zone).strftime("%F %H:%M")),
        None => at.strftime("%F %H:%M (UTC)").to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_the_venues_where_its_zone_is_known() {
        let at = timestamp(1_813_573_800_000).expect("a time");
        assert_eq!(at_venue(at, Some("Asia/Tokyo")), "2027-06-21 19:30 (Asia/Tokyo)");
        for zone in [None, Some("Nowhere/Nothing")] {
            assert_eq!(at_venue(at, zone), "2027-06-21 10:30 (UTC)");
        }
    }
}
