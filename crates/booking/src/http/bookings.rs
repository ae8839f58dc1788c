//! A fan's own bookings.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use http::header::CACHE_CONTROL;
use http::{HeaderValue, StatusCode};

use super::App;
use super::auth::Fan;
use super::input::booking_id;
use super::payments::RELEASE_HEADER;
use super::problem::Problem;
use super::refused::Refused;
use crate::bookings::answer::{BookingAnswer, BookingList};
use crate::sale::booking::BookingStatus;
use fairgate_problem::ProblemDetails;

/// The fan's bookings, newest first: what is held or paid, and what is being paid or was given back.
#[utoipa::path(
    get, path = "/api/v1/bookings", tag = "bookings", security(("pass" = []), ("bearer" = [])),
    responses(
        (status = 200, body = BookingList),
        Refused<401>, Refused<503>,
    ),
)]
pub(super) async fn list(State(app): State<Arc<App>>, fan: Fan) -> Result<Response, Problem> {
    let bookings = app.bookings.list(&fan.session).await?;
    Ok(([(CACHE_CONTROL, "no-store")], Json(BookingList { bookings })).into_response())
}

/// One booking of the fan, with how its payment stands. A paid one frees the fan's place inside, as paying did: the answer to
/// the payment may have been lost.
#[utoipa::path(
    get, path = "/api/v1/bookings/{booking}", tag = "bookings", security(("pass" = []), ("bearer" = [])),
    params(("booking" = String, Path, description = "The booking's id")),
    responses(
        (status = 200, body = BookingAnswer, description = "With `X-Fairgate-Release: 1` once it is paid",
            headers(("x-fairgate-release" = String, description = "`1` once it is paid"))),
        Refused<401>, Refused<404>, Refused<503>,
    ),
)]
pub(super) async fn show(
    State(app): State<Arc<App>>,
    Path(booking): Path<String>,
    fan: Fan,
) -> Result<Response, Problem> {
    let found = app.bookings.get(&fan.session, booking_id(&booking)?).await?;
    let found = found.ok_or_else(|| Problem::not_found("booking"))?;
    let is_paid = found.status == BookingStatus::Confirmed;
    let mut response = ([(CACHE_CONTROL, "no-store")], Json(found)).into_response();
    if is_paid {
        response.headers_mut().insert(RELEASE_HEADER, HeaderValue::from_static("1"));
    }
    Ok(response)
}

/// Keeps the hold for as long again, counted from now: at most until the event's `hold_total_max_s` after the seats were
/// reserved. With more than half of the time left nothing changes, so asking again is safe.
#[utoipa::path(
    post, path = "/api/v1/bookings/{booking}/extend", tag = "bookings", security(("pass" = []), ("bearer" = [])),
    params(("booking" = String, Path, description = "The booking's id")),
    responses(
        (status = 200, body = BookingAnswer, description = "With the new end of the hold"),
        (status = 409, body = ProblemDetails, content_type = "application/problem+json", description = "The hold has ended, has lasted as long as it may, is paid or being paid, or the event is not on sale any more"),
        Refused<401>, Refused<404>, Refused<503>,
    ),
)]
pub(super) async fn extend(
    State(app): State<Arc<App>>,
    Path(booking): Path<String>,
    fan: Fan,
) -> Result<Response, Problem> {
    let booking_id = booking_id(&booking)?;
    // To its end, whether or not the fan still listens, so that memory learns of what was committed.
    let extended = tokio::spawn(async move { app.bookings.extend(&fan.session, booking_id).await }).await;
    let extended = extended.map_err(|_| Problem::busy("It was interrupted. Ask again."))??;
    Ok(([(CACHE_CONTROL, "no-store")], Json(extended)).into_response())
}

/// Gives the seats back. Doing so again changes nothing.
#[utoipa::path(
    delete, path = "/api/v1/bookings/{booking}", tag = "bookings", security(("pass" = []), ("bearer" = [])),
    params(("booking" = String, Path, description = "The booking's id")),
    responses(
        (status = 204, description = "The seats are free"),
        (status = 409, body = ProblemDetails, content_type = "application/problem+json", description = "Paid already, or a payment is under way"),
        Refused<401>, Refused<404>, Refused<503>,
    ),
)]
pub(super) async fn cancel(
    State(app): State<Arc<App>>,
    Path(booking): Path<String>,
    fan: Fan,
) -> Result<Response, Problem> {
    let booking_id = booking_id(&booking)?;
    // To its end, whether or not the fan still listens, so that memory learns of what was committed.
    let cancelled = tokio::spawn(async move { app.bookings.cancel(&fan.session, booking_id).await }).await;
    cancelled.map_err(|_| Problem::busy("Giving back was interrupted. Ask again."))??;
    Ok((StatusCode::NO_CONTENT, [(CACHE_CONTROL, "no-store")]).into_response())
}
