//! The API's description, made from the handlers themselves.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use http::HeaderMap;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityScheme};
use utoipa::{Modify, OpenApi};

use super::{App, accounts, bookings, events, negotiate, payments, receipts, reserve, search, webhooks};
use crate::document::{Document, Effort};

/// The booking core's API.
#[derive(Debug, OpenApi)]
#[openapi(
    info(
        title = "fairgate booking core",
        description = "Sells every seat once. Reservations and payments need a pass of the waiting room and an \
                       Idempotency-Key: the same key and body get the same answer, byte for byte.",
    ),
    paths(
        events::list, search::search, events::show, events::availability, reserve::reserve, payments::pay, bookings::list,
        bookings::show, bookings::cancel, bookings::extend, receipts::find, accounts::ask, accounts::check,
        accounts::mine, accounts::end, accounts::delete, webhooks::hear,
    ),
    modifiers(&Passes),
    tags((name = "events", description = "For everybody"), (name = "bookings", description = "For fans who were let in"),
        (name = "receipts", description = "For whoever has booked, without a pass"),
        (name = "accounts", description = "For whoever reads the mailbox with which was paid, without a pass"),
        (name = "provider", description = "For the payment provider")),
)]
pub struct Api;

struct Passes;

impl Modify for Passes {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        let components = openapi.components.get_or_insert_default();
        let header = ApiKeyValue::with_description("X-Fairgate-Pass", "The pass, as the edge forwards it");
        components.add_security_scheme("pass", SecurityScheme::ApiKey(ApiKey::Header(header)));
        components.add_security_scheme("bearer", SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer)));
    }
}

pub(super) fn document() -> Document {
    let json = Api::openapi().to_json().expect("made of strings and maps");
    Document::new("application/json", "public, max-age=60", json, Effort::Once)
}

pub(super) async fn serve(State(app): State<Arc<App>>, headers: HeaderMap) -> Response {
    negotiate::answer(&app.openapi, &headers)
}
