//! What probes and Prometheus ask, without a token.

use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use tokio::time::timeout;
use tracing::error;

use super::{Admin, clock};
use crate::observe::{EXPOSITION_TYPE, expose};
use fairgate_store::StoreError;

/// How long the store may take to answer somebody who asks for health.
const LOOK_WITHIN: Duration = Duration::from_secs(2);

/// The process is alive: it answers.
#[utoipa::path(get, path = "/healthz", tag = "health", responses((status = 200, description = "alive")))]
pub(super) async fn healthz() -> &'static str {
    "ok\n"
}

/// Visitors may be sent here. Every room's heartbeat was felt in the last 2 s, the store answers for every room, and
/// the edge is not about to stop. In a fleet, this machine's clock is within 5 s of the store's. Otherwise says which
/// part is missing, by name.
#[utoipa::path(get, path = "/readyz", tag = "health",
    responses((status = 200, description = "ready"), (status = 503, description = "not ready, and why")))]
pub(super) async fn readyz(State(admin): State<Admin>) -> (StatusCode, String) {
    match not_ready(&admin).await {
        None => (StatusCode::OK, warned(&admin)),
        Some(reason) => (StatusCode::SERVICE_UNAVAILABLE, format!("{reason}\n")),
    }
}

/// Ready, with what people should know all the same: taking an edge out would help nobody then.
fn warned(admin: &Admin) -> String {
    let warning = admin.store.time().as_ref().and_then(clock::warning);
    let warnings = warning.into_iter().map(|warning| format!("warning: {warning}\n"));
    let alarms = (admin.alarms)().into_iter().map(|alarm| format!("alarm: {alarm}\n"));
    std::iter::once("ok\n".to_owned()).chain(warnings).chain(alarms).collect()
}

async fn not_ready(admin: &Admin) -> Option<String> {
    if !(admin.accepts_visitors)() {
        return Some("about to stop, or a room is not known yet".into());
    }
    let silent = admin.supervisor.silent();
    if !silent.is_empty() {
        return Some(silent.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"));
    }
    for room in (admin.rooms)() {
        match timeout(LOOK_WITHIN, admin.store.view(&room.name)).await {
            Ok(Ok(_)) => {}
            Ok(Err(StoreError::Refused(_))) => return Some(format!("{} is not scheduled yet", room.name)),
            // The reason may name paths or addresses, which are not for everyone.
            Ok(Err(error)) => {
                error!(room = room.name, %error, "not ready");
                return Some("the store cannot be reached".into());
            }
            Err(_) => return Some(format!("the store does not answer for {}", room.name)),
        }
    }
    // A store of its own goes by the same clock.
    admin.store.time().filter(|_| admin.store.is_shared()).as_ref().and_then(clock::is_off)
}

/// All metrics, for Prometheus.
#[utoipa::path(get, path = "/metrics", tag = "health",
    responses((status = 200, description = "metrics in Prometheus's text format", content_type = "text/plain")))]
pub(super) async fn metrics(State(admin): State<Admin>) -> Response {
    admin.supervisor.count_restarts("store", admin.store.restarts());
    admin.supervisor.measure();
    match expose(&admin.registry) {
        Ok(text) => ([(CONTENT_TYPE, EXPOSITION_TYPE)], text).into_response(),
        Err(error) => {
            error!(%error, "metrics cannot be shown");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}
