//! What the doors of an event need to check tickets without a network.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use tracing::info;

use crate::http::App;
use crate::http::problem::Problem;
use crate::http::refused::Refused;
use crate::tickets::{REVOKED_MAX, SignedPack, TicketError};
use fairgate_problem::ProblemDetails;

/// The pack of an event's doors: public keys, the names of its seats, and the tickets that are revoked, signed. It has no secret
/// and names no buyer.
#[utoipa::path(
    get, path = "/api/v1/organizer/events/{event}/door", tag = "events", security(("organizer" = [])),
    params(("event" = String, Path, description = "The event's id")),
    responses(
        (status = 200, body = SignedPack),
        (status = 409, body = ProblemDetails, content_type = "application/problem+json", description = "More bookings were cancelled than a door keeps in mind"),
        Refused<401>, Refused<404>, Refused<503>,
    ),
)]
pub(super) async fn pack(State(app): State<Arc<App>>, Path(event): Path<String>) -> Result<Response, Problem> {
    let desk = app.events.desk(&event).await?.ok_or_else(|| Problem::not_found("event"))?;
    let pack = app.tickets.pack(&desk.state.seat_map(), desk.state.time().now()).await?;
    info!(target: "audit", who = "organizer", event, "made a pack for a door");
    Ok(Json(pack).into_response())
}

impl From<TicketError> for Problem {
    fn from(error: TicketError) -> Self {
        match error {
            TicketError::TooManyRevoked => {
                let detail = format!(
                    "More than {REVOKED_MAX} paid bookings of this event were cancelled: a door cannot keep them all in mind. \
                     Check tickets with a network, by their bookings."
                );
                Self::new(StatusCode::CONFLICT, "too-many-revoked", "Too many cancelled bookings", detail)
            }
            TicketError::Database(error) => error.into(),
        }
    }
}
