//! The description of the organizer's API, made from the handlers themselves.

use axum::response::{IntoResponse, Response};
use http::header::CONTENT_TYPE;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::{Modify, OpenApi};

use super::{bookings, door, events, review, sales};

/// The organizer's API.
#[derive(Debug, OpenApi)]
#[openapi(
    info(
        title = "fairgate booking core, for organizers",
        description = "Edit events, see how they sell and what looks odd in it, check tickets at the door, keep bookings back and \
                       cancel them. Every edit names the version it is based on (`If-Match`), every decision about a booking has \
                       an Idempotency-Key.",
    ),
    paths(
        events::show, events::search, events::patch, door::pack, sales::show, sales::stream, sales::buyers, review::signals,
        bookings::show, bookings::cancel, review::review,
    ),
    modifiers(&Token),
)]
pub struct OrganizerApi;

struct Token;

impl Modify for Token {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        let components = openapi.components.get_or_insert_default();
        components.add_security_scheme("organizer", SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer)));
    }
}

pub(super) async fn serve() -> Response {
    let json = OrganizerApi::openapi().to_json().expect("made of strings and maps");
    ([(CONTENT_TYPE, "application/json")], json).into_response()
}
