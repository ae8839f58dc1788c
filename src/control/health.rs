//! What probes and Prometheus ask, without a token.

use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use tracing::error;

use super::Admin;
use crate::observe::{EXPOSITION_TYPE, expose};
use crate::store::StoreError;

/// The process is alive: it answers.
#[utoipa::path(get, path = "/healthz", tag = "health", responses((status = 200, description = "alive")))]
pub(super) async fn healthz() -> &'static str {
    "ok\n"
}

/// Visitors may be sent here: the store answers for every room, and the edge is not about to stop.
#[utoipa::path(get, path = "/readyz", tag = "health",
    responses((status = 200, description = "ready"), (status = 503, description = "not ready, and why")))]
pub(super) async fn readyz(State(admin): State<Admin>) -> (StatusCode, String) {
    match not_ready(&admin).await {
        None => (StatusCode::OK, told(&(admin.alarms)())),
        Some(reason) => (StatusCode::SERVICE_UNAVAILABLE, format!("{reason}\n")),
    }
}

/// Ready, with what people should know all the same: taking an edge out would help nobody then.
fn told(alarms: &[String]) -> String {
    alarms.iter().fold("ok\n".to_owned(), |text, alarm| format!("{text}alarm: {alarm}\n"))
}

async fn not_ready(admin: &Admin) -> Option<String> {
    if !(admin.accepts_visitors)() {
        return Some("about to stop".into());
    }
    for room in admin.rooms.iter() {
        match admin.store.view(&room.name).await {
            Ok(_) => {}
            Err(StoreError::Refused(_)) => return Some(format!("{} is not scheduled yet", room.name)),
            // The reason may name paths or addresses, which are not for everyone.
            Err(error) => {
                error!(room = room.name, %error, "not ready");
                return Some("the store cannot be reached".into());
            }
        }
    }
    None
}

/// All metrics, for Prometheus.
#[utoipa::path(get, path = "/metrics", tag = "health",
    responses((status = 200, description = "metrics in Prometheus's text format", content_type = "text/plain")))]
pub(super) async fn metrics(State(admin): State<Admin>) -> Response {
    match expose(&admin.registry) {
        Ok(text) => ([(CONTENT_TYPE, EXPOSITION_TYPE)], text).into_response(),
        Err(error) => {
            error!(%error, "metrics cannot be shown");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}
