//! The API's own description.

use axum::Json;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{Modify, OpenApi};

use super::{
    alarms, audit_pages, beacon, clock, console, definitions, edges, entry, health, history, preview, report, revoke,
    rooms, undo,
};

/// The admin API.
#[derive(Debug, OpenApi)]
#[openapi(
    info(title = "fairgate admin API", description = "Watch and change live rooms."),
    paths(
        rooms::list,
        rooms::show,
        rooms::patch,
        rooms::pause,
        rooms::resume,
        rooms::drain,
        undo::undo,
        edges::show,
        history::show,
        alarms::show,
        report::show,
        report::show_html,
        report::show_csv,
        preview::show,
        audit_pages::of_room,
        audit_pages::of_all,
        console::links::new_link,
        revoke::revoke,
        beacon::hand_in,
        entry::show,
        entry::refusal,
        entry::overrule,
        entry::forget,
        entry::shared,
        definitions::list,
        definitions::show,
        definitions::put,
        definitions::discard,
        definitions::check_text,
        definitions::publish,
        definitions::archive,
        definitions::export_room,
        definitions::export,
        clock::show,
        clock::accept,
        health::healthz,
        health::readyz,
        health::metrics
    ),
    modifiers(&BearerToken)
)]
pub struct AdminApi;

struct BearerToken;

impl Modify for BearerToken {
    fn modify(&self, api: &mut utoipa::openapi::OpenApi) {
        let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build();
        let components = api.components.get_or_insert_default();
        components.add_security_scheme("token", SecurityScheme::Http(bearer));
    }
}

pub(super) async fn document() -> Json<utoipa::openapi::OpenApi> {
    Json(AdminApi::openapi())
}
