//! `POST /api/v1/bookings/reserve`: all of the seats or none, once for each idempotency key.

use std::sync::Arc;

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::State;
use http::{HeaderMap, StatusCode};
use uuid::Uuid;

use super::App;
use super::auth::Fan;
use super::input::{BodyError, fingerprint_of, id_of_key, read_body, read_json};
use super::problem::Problem;
use super::refused::{BadBody, Refused};
use super::reply::Reply;
use super::requests::ReserveRequest;
use crate::bookings::answer::BookingAnswer;
use crate::events::seat_map::SeatMap;
use crate::sale::allocate::{Refusal, Request, Wish};
use crate::sale::booking::BookingStatus;
use crate::sale::event_state::EventState;
use crate::sale::seat_search;
use fairgate_problem::ProblemDetails;

/// Reserves seats: these ones, or the best that are left in a section.
#[utoipa::path(
    post, path = "/api/v1/bookings/reserve", tag = "bookings", request_body = ReserveRequest,
    params(("Idempotency-Key" = String, Header, description = "Fresh and random for each reservation; the same for retries")),
    security(("pass" = []), ("bearer" = [])),
    responses(
        (status = 200, body = BookingAnswer, description = "The seats are held until `expires_at`"),
        (status = 409, body = ProblemDetails, content_type = "application/problem+json", description = "Taken (named, with near ones), not enough, the fan's limit, not on sale, or still in progress"),
        BadBody, Refused<401>, Refused<404>, Refused<503>,
    ),
)]
pub(super) async fn reserve<B>(app: &Arc<App>, headers: &HeaderMap, body: B) -> Reply
where
    B: HttpBody<Data = Bytes, Error: ToString> + Unpin,
{
    let body = read_body(body).await;
    serve(app, headers, body).await.unwrap_or_else(|problem| problem.reply())
}

/// Reserves like the fast path, by a route of the general server.
pub(super) async fn by_route(State(app): State<Arc<App>>, headers: HeaderMap, body: Body) -> Reply {
    reserve(&app, &headers, body).await
}

async fn serve(app: &Arc<App>, headers: &HeaderMap, body: Result<Bytes, BodyError>) -> Result<Reply, Problem> {
    let fan = Fan::of(app, headers).await?;
    fan.may_reserve(app)?;
    let asked: ReserveRequest = read_json(headers, body)?;
    let booking_id = id_of_key(headers, "reserve", &fan.session)?;
    let fingerprint = fingerprint_of_wish(&asked);
    let on_sale = app.events.desk(&asked.event).await?.ok_or_else(|| Problem::not_found("event"))?;
    let event = &on_sale.state;
    let wish = read_wish(event, &asked)?;
    let _guard = app.in_progress.enter(booking_id).ok_or_else(Problem::in_progress)?;
    if let Some((first, answer)) = app.refusals.get(&booking_id) {
        return if first == fingerprint { Ok(Reply::from(&*answer)) } else { Err(Problem::other_request()) };
    }
    let trace = fan.trace(app, headers);
    let request = Request { booking_id, session: fan.session, fingerprint, wish: wish.clone(), trace };
    let served = on_sale.queue.reserve(request).await?;
    let seat_map = event.seat_map();
    let reply = match served.verdict {
        Ok(held) => {
            held_reply(&BookingAnswer::new(&seat_map, booking_id, &held, BookingStatus::Held, app.links.of(booking_id)))
        }
        Err(Refusal::OtherRequest) => Problem::other_request().reply(),
        Err(refusal) => {
            let answer = Problem::refused(&seat_map, &refusal, &nearby(event, &seat_map, &wish)).stored();
            remember(app, booking_id, fingerprint, answer)
        }
    };
    Ok(Reply { timing: Some(served.timing), ..reply })
}

/// The digest of what is asked for.
fn fingerprint_of_wish(asked: &ReserveRequest) -> Uuid {
    let section = asked.section.as_deref().unwrap_or_default();
    let how = [asked.quantity.unwrap_or(0).to_be_bytes(), u32::from(asked.only_together).to_be_bytes()].concat();
    let seats = asked.seats.iter().flatten().map(String::as_bytes);
    let parts: Vec<&[u8]> = [asked.event.as_bytes(), section.as_bytes(), &how].into_iter().chain(seats).collect();
    fingerprint_of(&parts)
}

fn held_reply(booking: &BookingAnswer) -> Reply {
    Reply::json(StatusCode::OK, serde_json::to_string(booking).expect("a struct of strings and numbers"))
}

fn remember(app: &App, booking_id: Uuid, fingerprint: Uuid, answer: super::StoredAnswer) -> Reply {
    let reply = Reply::from(&answer);
    app.refusals.insert(booking_id, (fingerprint, Arc::new(answer)));
    reply
}

/// As many seats as near as possible, for a fan whose seats were taken.
fn nearby(event: &EventState, seat_map: &SeatMap, wish: &Wish) -> Vec<u32> {
    let Wish::Seats(units) = wish else { return Vec::new() };
    seat_search::near(seat_map, &event.free(), units).map_or_else(Vec::new, |choice| choice.units)
}

/// Checks everything about a request that can be checked without asking for seats.
fn read_wish(event: &EventState, asked: &ReserveRequest) -> Result<Wish, Problem> {
    let seat_map = &event.seat_map();
    if !seat_map.facts.is_on_sale(event.time().now()) {
        let detail = format!("{} is not on sale.", seat_map.facts.title);
        return Err(Problem::new(StatusCode::CONFLICT, "not-on-sale", "Not on sale", detail).with("field", "event"));
    }
    match (&asked.seats, &asked.section, asked.quantity) {
        (Some(seats), None, None) => read_seats(seat_map, seats),
        (None, Some(section), Some(quantity)) => read_best(seat_map, section, quantity, asked.only_together),
        (None, Some(_), None) => Err(Problem::invalid("quantity", "Say how many seats of the section.")),
        (None, None, Some(_)) => Err(Problem::invalid("section", "Say which section, or name the seats.")),
        (None, None, None) => Err(Problem::invalid("seats", "Name seats, or a section and a quantity.")),
        (Some(_), ..) => Err(Problem::invalid("seats", "Name either seats, or a section and a quantity; not both.")),
    }
}

fn read_seats(seat_map: &SeatMap, seats: &[String]) -> Result<Wish, Problem> {
    check_count(seat_map, "seats", u32::try_from(seats.len()).unwrap_or(u32::MAX))?;
    let mut units = Vec::with_capacity(seats.len());
    for (number, seat) in seats.iter().enumerate() {
        let field = format!("seats[{number}]");
        let unit = seat_map.unit(seat).ok_or_else(|| {
            let shown: String = seat.chars().take(64).collect();
            Problem::invalid(&field, format!("{} has no seat {shown:?}.", seat_map.facts.title))
        })?;
        if units.contains(&unit) {
            return Err(Problem::invalid(&field, format!("{seat} is named twice.")));
        }
        units.push(unit);
    }
    units.sort_unstable();
    Ok(Wish::Seats(units))
}

fn read_best(seat_map: &SeatMap, section: &str, quantity: u32, only_together: bool) -> Result<Wish, Problem> {
    let position = seat_map.sections.iter().position(|known| known.slug == section).ok_or_else(|| {
        let shown: String = section.chars().take(64).collect();
        Problem::invalid("section", format!("{} has no section {shown:?}.", seat_map.facts.title))
    })?;
    check_count(seat_map, "quantity", quantity)?;
    Ok(Wish::Best { section: position, quantity, only_together })
}

fn check_count(seat_map: &SeatMap, field: &str, count: u32) -> Result<(), Problem> {
    let seats_max = seat_map.facts.fan_seats_max;
    if (1..=seats_max).contains(&count) {
        return Ok(());
    }
    let detail = format!("From 1 to {seats_max} seats, please; this asks for {count}.");
    Err(Problem::invalid(field, detail).with("seats_max", seats_max))
}
