//! What operators ask of a process that serves no fans: its metrics, and if it goes on.
//!
//! **Guarantees:**
//! - `/readyz` names each task whose heartbeat is older than it may be, and answers 503 then
//! - what is shown is nobody's secret: counts and ages, no message, number of a booking or address
//! - a question whose body stands still is given up

use std::time::Duration;

use axum::Router;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::StatusCode;
use http::header::CONTENT_TYPE;
use prometheus::Registry;
use tokio::net::TcpListener;
use tower_http::timeout::RequestBodyTimeoutLayer;

use fairgate_telemetry::supervise::Supervisor;

/// An operator's request whose body stands still for so long is given up.
pub(crate) const OPERATOR_PATIENCE: Duration = Duration::from_secs(10);

/// Serves `/metrics`, `/healthz` and `/readyz` of a relay or a worker, for as long as it runs.
///
/// # Errors
/// When the listener fails.
pub async fn serve(listener: TcpListener, registry: Registry, supervisor: Supervisor) -> std::io::Result<()> {
    let felt = supervisor.clone();
    let metrics = move || async move {
        felt.measure();
        expose(&registry)
    };
    let ready = move || async move { ready(&supervisor) };
    let routes = Router::new()
        .route("/metrics", get(metrics))
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .layer(RequestBodyTimeoutLayer::new(OPERATOR_PATIENCE));
    axum::serve(listener, routes).await
}

/// All metrics, as Prometheus reads them.
pub(crate) fn expose(registry: &Registry) -> Response {
    match fairgate_telemetry::expose(registry) {
        Ok(text) => ([(CONTENT_TYPE, fairgate_telemetry::EXPOSITION_TYPE)], text).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

/// 200, or 503 and which heartbeat is old.
fn ready(supervisor: &Supervisor) -> Response {
    let silent: Vec<String> = supervisor.silent().iter().map(ToString::to_string).collect();
    if silent.is_empty() {
        return "ready\n".into_response();
    }
    (StatusCode::SERVICE_UNAVAILABLE, format!("not ready: {}\n", silent.join(", "))).into_response()
}

#[cfg(test)]
mod tests {
    use axum::body::to_bytes;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn an_old_heartbeat_is_said_by_name() {
        let supervisor = Supervisor::new(&Registry::new()).expect("metrics");
        let pulse = supervisor.pulse_within("relay", Duration::from_secs(10));
        assert_eq!(ready(&supervisor).status(), StatusCode::OK);
        tokio::time::sleep(Duration::from_secs(11)).await;
        let late = ready(&supervisor);
        assert_eq!(late.status(), StatusCode::SERVICE_UNAVAILABLE);
        let text = to_bytes(late.into_body(), 1000).await.expect("a body");
        assert_eq!(text, "not ready: relay has been silent for 11.0 s\n");
        pulse.beat();
        assert_eq!(ready(&supervisor).status(), StatusCode::OK);
    }
}
