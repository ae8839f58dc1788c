//! The admin surface: its own listener, bearer tokens with roles, and the verbs that tune a live room.
//!
//! Guarantees:
//! - nothing about a room is told or changed without a token of a fitting role
//! - a change is checked as a whole before any of it is made, and nobody overwrites what they have not seen
//! - who changed what from which value to which is in the audit log
//! - asking for the same change again changes nothing
//! - who guesses tokens, or sends half a request, holds nobody up
//!
//! Health and metrics need no token, since probes and Prometheus have none: keep the listener on loopback or a private
//! network.

mod access;
mod alarms;
mod audit;
mod audit_pages;
mod beacon;
mod body;
mod change;
mod client;
mod clock;
mod console;
mod definitions;
mod doorman;
mod edges;
mod entry;
mod foresee;
mod health;
mod history;
mod listen;
mod make;
mod openapi;
mod precondition;
mod preview;
mod problem;
mod refusals;
mod report;
mod revoke;
mod rooms;
mod state;
mod undo;

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use axum::extract::DefaultBodyLimit;
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Router, middleware};
use prometheus::Registry;
use tower_http::timeout::TimeoutLayer;

use crate::definitions::Book;
use crate::page::PageInput;
use fairgate_draw::Hash;
use fairgate_entry::code::Shared;
use fairgate_store::Store;
use fairgate_store::history::Histories;
use fairgate_telemetry::clock::{Clock, SystemClock};
use fairgate_telemetry::supervise::Supervisor;

pub use access::Tokens;
pub use alarms::{AlarmState, AlarmsState};
pub(crate) use audit::audit_line;
pub use audit::{AuditEntry, AuditLog};
pub use audit_pages::{Audit, AuditQuery};
pub use beacon::HandedIn;
pub use change::{Change, RampPatch, RoomPatch};
pub use client::{Client, ClientError};
pub use clock::ClockState;
pub use console::{Console, ConsoleLink};
pub use definitions::{
    CheckedDefinition, DefinedRoom, DefinitionChanged, DefinitionState, DefinitionText, Definitions, ManagedBy,
    Mistake, WrittenDefinition,
};
pub use doorman::Doorman;
pub use edges::EdgesState;
pub use entry::{
    Decision, EntryState, Forgotten, OverruleRequest, Overruled, REFERENCES_MAX, RefusalState, SharedEntries,
};
pub use history::{HistoryQuery, HistoryState, SeriesState};
pub use listen::serve;
pub use openapi::AdminApi;
pub(crate) use refusals::is_refusal;
pub use report::{Funnel, LimitStretch, ReportState, ReportedChange, ReportedDraw, ShopCourse, Waits};
pub(crate) use report::{csv, html};
pub use revoke::Revocation;
pub use rooms::{Changed, Rooms};
pub use state::{NextSaleState, RoomState};

const BODY_BYTES_MAX: usize = 16 * 1024;
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// Tells, of a room's draw, which identities came again from more places than usual.
pub type SharedOf = dyn Fn(&str, &Hash) -> Vec<Shared> + Send + Sync;

/// Tells, of a room, the most people whom this edge has seen let in within a minute.
pub type BestOf = dyn Fn(&str) -> Option<u32> + Send + Sync;

/// Signs a document with the edge's key.
pub type Sign = dyn Fn(serde_json::Value) -> Option<serde_json::Value> + Send + Sync;

/// Tells the rooms of this edge.
pub type RoomsOf = dyn Fn() -> Vec<RoomName> + Send + Sync;

/// Tells, of a room, what its waiting page is made from.
pub type PageOf = dyn Fn(&str) -> Option<PageInput> + Send + Sync;

/// What the admin surface works on.
#[derive(Clone)]
pub struct Admin {
    /// Where the rooms live.
    pub store: Arc<dyn Store>,
    /// What the rooms' numbers were.
    pub history: Arc<Histories>,
    /// The rooms of this edge, as they are configured now.
    pub rooms: Arc<RoomsOf>,
    /// The rooms that are data; none where rooms stand in the file alone.
    pub definitions: Option<Arc<Book>>,
    /// Who may do what.
    pub tokens: Arc<Tokens>,
    /// Who is turned away before anything else.
    pub doorman: Arc<Doorman>,
    /// What `/metrics` shows.
    pub registry: Registry,
    /// The console, where it is served.
    pub console: Option<Arc<Console>>,
    /// Where changes are written down.
    pub audit: Arc<AuditLog>,
    /// One change at a time, so that the values before are those that it met.
    pub changing: Arc<tokio::sync::Mutex<()>>,
    /// Which of the edge's tasks go on.
    pub supervisor: Supervisor,
    /// True if visitors should be sent to this edge; false while it is about to stop.
    pub accepts_visitors: Arc<dyn Fn() -> bool + Send + Sync>,
    /// Identities of a room's draw that came again from more places than usual, as this edge has seen them.
    pub shared: Arc<SharedOf>,
    /// The most people whom this edge has seen let into a room within a minute; nothing before it has seen a minute.
    pub best: Arc<BestOf>,
    /// Puts the edge's signature on the report of a sale; nothing where it is no canonical JSON.
    pub sign: Arc<Sign>,
    /// What a room's waiting page is made from.
    pub page: Arc<PageOf>,
    /// What people should be told of this edge though visitors may be sent to it.
    pub alarms: Arc<dyn Fn() -> Vec<String> + Send + Sync>,
}

impl Admin {
    /// The rooms' time, Unix ms; this machine's where the store is out of reach.
    fn now_ms(&self) -> u64 {
        self.store.now_ms().unwrap_or_else(|| SystemClock.now_ms())
    }
}

/// A room, as configured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoomName {
    /// The room's name.
    pub name: String,
    /// What fans read.
    pub title: String,
}

/// The admin API, health and metrics as one service.
pub fn router(admin: Admin) -> Router {
    let api = Router::new()
        .route("/rooms", get(rooms::list))
        .route("/rooms/{room}", get(rooms::show).patch(rooms::patch))
        .route("/rooms/{room}/beacon", post(beacon::hand_in))
        .route("/rooms/{room}/pause", post(rooms::pause))
        .route("/rooms/{room}/resume", post(rooms::resume))
        .route("/rooms/{room}/drain", post(rooms::drain))
        .route("/rooms/{room}/revoke", post(revoke::revoke))
        .route("/rooms/{room}/undo/{change}", post(undo::undo))
        .route("/rooms/{room}/edges", get(edges::show))
        .route("/rooms/{room}/history", get(history::show))
        .route("/rooms/{room}/alarms", get(alarms::show))
        .route("/rooms/{room}/report", get(report::show))
        .route("/rooms/{room}/report.html", get(report::show_html))
        .route("/rooms/{room}/report.csv", get(report::show_csv))
        .route("/rooms/{room}/preview", get(preview::show))
        .route("/rooms/{room}/audit", get(audit_pages::of_room))
        .route("/audit", get(audit_pages::of_all))
        .route("/console/links", post(console::links::new_link))
        .route("/rooms/{room}/entry", get(entry::show))
        .route("/rooms/{room}/entry/refusals/{reference}", get(entry::refusal))
        .route("/rooms/{room}/entry/overrules", post(entry::overrule))
        .route("/rooms/{room}/entry/forget", post(entry::forget))
        .route("/rooms/{room}/entry/shared", get(entry::shared))
        .route("/definitions", get(definitions::list))
        .route("/export", get(definitions::export))
        .route("/rooms/{room}/definition", get(definitions::show).put(definitions::put).delete(definitions::discard))
        .route("/rooms/{room}/check", post(definitions::check_text))
        .route("/rooms/{room}/publish", post(definitions::publish))
        .route("/rooms/{room}/archive", post(definitions::archive))
        .route("/rooms/{room}/export", get(definitions::export_room))
        .route("/clock", get(clock::show))
        .route("/clock/accept", post(clock::accept))
        .layer(middleware::from_fn_with_state(admin.clone(), refusals::watch))
        .layer(middleware::from_fn_with_state(admin.clone(), access::require_token));
    Router::new()
        .nest("/api/v1", api)
        .merge(console::router(admin.clone()))
        .route("/metrics", get(health::metrics))
        .route("/openapi.json", get(openapi::document))
        .fallback(problem::not_found)
        .method_not_allowed_fallback(problem::method_not_allowed)
        .layer(middleware::from_fn_with_state(admin.clone(), doorman::require_host))
        // Load balancers ask by whatever name they have.
        .route("/healthz", get(health::healthz))
        .route("/readyz", get(health::readyz))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .layer(TimeoutLayer::with_status_code(StatusCode::GATEWAY_TIMEOUT, ANSWER_WITHIN))
        .with_state(admin)
}
