//! The booking core with a router for the calls of a rush or without one, and the product's allocator.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use fairgate_booking::http::ServedBy;
use fairgate_booking::passes::PassSettings;
use fairgate_booking::sale::desks::DeskLimits;
use fairgate_booking::sale::feed::GAP_MAX;
use fairgate_booking::server::{Core, Payments, Settings};
use fairgate_booking::upkeep::prune::Retention;
use tokio_util::sync::CancellationToken;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Longer than any measurement.
const KEPT: Duration = Duration::from_secs(86_400);

fn main() -> anyhow::Result<ExitCode> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [served_by, database_url, listen, metrics_listen, room, jwks_url] = arguments.as_slice() else {
        anyhow::bail!("hyper|axum DATABASE-URL LISTEN METRICS-LISTEN ROOM JWKS-URL");
    };
    let served_by = match served_by.as_str() {
        "hyper" => ServedBy::Hyper,
        "axum" => ServedBy::Axum,
        other => anyhow::bail!("there is no way {other}"),
    };
    let settings = Settings {
        database_url: database_url.clone(),
        listen: listen.parse().context("where to listen")?,
        metrics_listen: metrics_listen.parse().context("where metrics are")?,
        passes: PassSettings { jwks_url: jwks_url.clone(), room: room.clone(), issuer: "fairgate".to_owned() },
        payments: Payments::Pretended,
        organizer: None,
        retention: Retention { change_log: KEPT, answers: KEPT, payment_steps: KEPT },
        feed_gap_max: GAP_MAX,
        desks: DeskLimits::default(),
        seed_demo: false,
        mail: None,
        hooks: None,
        insight: false,
        search: None,
    };
    tokio::runtime::Runtime::new()?.block_on(async {
        let core = Core::start(settings).await?;
        core.serve_by(served_by, CancellationToken::new()).await;
        Ok(ExitCode::SUCCESS)
    })
}
