//! The console: rooms, live numbers and controls in a browser, on the admin listener under `/console/`.
//!
//! Guarantees:
//! - every page and every form works without scripts; what scripts add is nothing but comfort
//! - what a person may do is decided by the same code as for the admin API, in each call
//! - nothing is changed by a page of another site: `SameSite`, the `Origin` and a token in each form have to agree
//! - a console that is closed leaves no task behind
//!
//! Pages are made here and nowhere else; the console keeps nothing on a disk.

mod audit_page;
mod charts;
mod door;
mod fields;
pub(super) mod links;
mod live;
mod login;
mod looks;
mod refusal;
mod render;
mod report_page;
mod room_page;
mod rooms_page;
mod sales_page;
mod sessions;
mod statics;
mod steer;
mod way;

use std::sync::Arc;

use axum::routing::{get, post};
use axum::{Router, middleware};
use ipnet::IpNet;
use prometheus::Registry;

use super::Admin;
use crate::observe::metrics;

pub use links::ConsoleLink;

metrics! {
    /// What the console measures.
    struct Metrics {
        /// Live views that are open in browsers.
        console_streams: IntGauge,
        /// Rooms whose live numbers are gathered, once a second each; none without a live view.
        console_feeds: IntGauge,
        /// People who are logged in.
        console_sessions: IntGauge,
    }
}

/// What the console knows of those who use it. It is gone with the process.
pub struct Console {
    trusted_proxies: Vec<IpNet>,
    sessions: sessions::Sessions,
    links: links::Links,
    hub: Arc<live::Hub>,
    charts: charts::Drawn,
    metrics: Metrics,
}

impl Console {
    /// A console behind these proxies, or for this machine alone where there are none.
    ///
    /// # Errors
    /// When the registry has such metrics already.
    pub fn new(trusted_proxies: &[IpNet], registry: &Registry) -> prometheus::Result<Self> {
        let metrics = Metrics::new(registry)?;
        Ok(Self {
            trusted_proxies: trusted_proxies.to_vec(),
            sessions: sessions::Sessions::default(),
            links: links::Links::default(),
            charts: charts::Drawn::default(),
            hub: Arc::new(live::Hub::new(metrics.console_streams.clone(), metrics.console_feeds.clone())),
            metrics,
        })
    }

    /// The proxies that are believed.
    #[must_use]
    pub fn proxies(&self) -> &[IpNet] {
        &self.trusted_proxies
    }

    /// Counts who is logged in.
    fn count(&self) {
        self.metrics.console_sessions.set(i64::try_from(self.sessions.count()).unwrap_or(i64::MAX));
    }
}

impl std::fmt::Debug for Console {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Console").finish_non_exhaustive()
    }
}

/// The pages and what they load. Where there is no console, they say so.
pub(super) fn router(admin: Admin) -> Router<Admin> {
    Router::new()
        .route("/console", get(home))
        .route("/console/", get(rooms_page::show))
        .route("/console/login", get(login::show).post(login::login))
        .route("/console/logout", post(login::logout))
        .route("/console/enter", get(links::show).post(links::enter))
        .route("/console/audit", get(audit_page::show))
        .route("/console/sales", get(sales_page::list).post(sales_page::make))
        .route("/console/sales/new", get(sales_page::new))
        .route("/console/sales/{room}", get(sales_page::show).post(sales_page::change))
        .route("/console/export", get(sales_page::export))
        .route("/console/rooms/{room}", get(room_page::show))
        .route("/console/rooms/{room}/live", get(live::stream))
        .route("/console/rooms/{room}/now", get(live::now))
        .route("/console/rooms/{room}/charts", get(charts::show))
        .route("/console/rooms/{room}/report", get(report_page::show))
        .route("/console/rooms/{room}/report/{file}", get(report_page::save))
        .route("/console/rooms/{room}/page", get(looks::matrix))
        .route("/console/rooms/{room}/page/{state}", get(looks::one))
        .route("/console/rooms/{room}/preview", post(steer::preview))
        .route("/console/rooms/{room}/change", post(steer::change))
        .route("/console/rooms/{room}/undo", post(steer::undo))
        .route("/console/console.css", get(statics::style))
        .route("/console/console.js", get(statics::script))
        .route("/console/{*rest}", get(refusal::not_found))
        .layer(middleware::from_fn_with_state(admin, door::guard))
}

async fn home() -> axum::response::Response {
    door::see_other("/console/")
}

#[cfg(test)]
mod tests;
