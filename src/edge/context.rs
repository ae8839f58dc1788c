//! What every request and every task of this edge shares.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use arc_swap::{ArcSwap, Guard};
use http::{HeaderMap, HeaderValue};
use ipnet::IpNet;
use prometheus::Registry;

use crate::admin::Tokens;
use crate::definitions::Book;
use crate::edge::credentials::keys::LiveKeys;
use crate::edge::credentials::renewed_passes::RenewedPasses;
use crate::edge::credentials::several::Watched;
use crate::edge::draw_log::live::LiveLog;
use crate::edge::http::answer::Answer;
use crate::edge::http::problem::Problem;
use crate::edge::overload::connections::{Connection, Connections};
use crate::edge::overload::network_semaphore::NetworkSemaphore;
use crate::edge::overload::rate_limit::{Over, Quotas};
use crate::edge::room::handle::LiveRoom;
use crate::edge::upstream::handle::Closed;
use crate::observe::{EdgeMetrics, Shed};
use fairgate_core::request::forged::Forged;
use fairgate_core::request::host::canonical_host;
use fairgate_core::request::path::Target;
use fairgate_core::request::route::{Route, RouteTable};
use fairgate_store::Store;
use fairgate_store::history::Histories;
use fairgate_telemetry::clock::Clock;
use fairgate_telemetry::supervise::Supervisor;
use fairgate_token::PassCache;

/// The time after a refusal in which load shedding looks at requests first.
const PRESSED_MS: u64 = 1_000;

/// The parts that an edge runs on, besides its configuration.
#[derive(Clone)]
pub struct EdgeParts {
    /// The store of the rooms.
    pub store: Arc<dyn Store>,
    /// The edge's metrics.
    pub metrics: EdgeMetrics,
    /// The registry that the admin listener exposes.
    pub registry: Registry,
    /// The tokens of the admin API.
    pub tokens: Arc<Tokens>,
    /// The supervisor of the edge's tasks.
    pub supervisor: Supervisor,
    /// True if the edge stops when standard input ends.
    pub exit_with_stdin: bool,
    /// The rooms that are data; none where rooms stand in the file alone.
    pub definitions: Option<Arc<Book>>,
}

/// The rooms that an edge serves at a moment, and where their requests come.
pub(crate) struct Served {
    pub(crate) routes: RouteTable,
    /// In the order of the routes.
    pub(crate) rooms: Vec<Arc<LiveRoom>>,
}

/// The shared state of an edge.
pub(crate) struct Edge {
    /// Replaced whole when a room comes or goes: a request goes by those of its arrival.
    pub(crate) served: ArcSwap<Served>,
    pub(crate) store: Arc<dyn Store>,
    /// What the rooms' numbers were.
    pub(crate) history: Arc<Histories>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) keys: LiveKeys,
    pub(crate) passes: PassCache,
    pub(crate) renewed: RenewedPasses,
    /// Sessions that are watched for use in several networks at once.
    pub(crate) watched: Watched,
    /// `Strict-Transport-Security`, where it is configured.
    pub(crate) hsts: Option<HeaderValue>,
    pub(crate) metrics: EdgeMetrics,
    pub(crate) prefix: String,
    /// The draw log, where one is kept.
    pub(crate) log: Option<Arc<LiveLog>>,
    pub(crate) trusted_proxies: Vec<IpNet>,
    /// Fields that no client may send to a shop.
    pub(crate) forged: Forged,
    pub(crate) body_bytes_max: u64,
    pub(crate) client_timeout_ms: u64,
    pub(crate) keepalive_timeout_ms: u64,
    pub(crate) quotas: Quotas,
    pub(crate) connections: Connections,
    /// Memory of bodies, in KB.
    pub(crate) bodies: NetworkSemaphore,
    /// Readers of lists.
    pub(crate) readers: NetworkSemaphore,
    /// Requests of those who are not known to be inside.
    pub(crate) strangers: NetworkSemaphore,
    pub(crate) traffic: Traffic,
}

impl Served {
    /// The title of the sale that a request is about, if known: by its target, or else by its host.
    fn title(&self, authority: &str, target: &[u8]) -> Option<&str> {
        let host = canonical_host(authority).ok()?;
        let room = |target: &[u8]| match self.routes.route(&host, &Target::parse(target).ok()?) {
            Route::Fan { room, .. } | Route::Protected { room } | Route::Open { room } => Some(&self.rooms[room]),
            _ => None,
        };
        room(target).or_else(|| room(b"/")).map(|room| &*room.config.title)
    }

    /// The room with a name.
    pub(crate) fn room(&self, name: &str) -> Option<&Arc<LiveRoom>> {
        self.rooms.iter().find(|room| room.name() == name)
    }
}

impl std::fmt::Debug for Served {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.rooms.iter().map(|room| room.name())).finish()
    }
}

impl Edge {
    /// The rooms of this moment, for as long as the caller needs them.
    pub(crate) fn served(&self) -> Arc<Served> {
        self.served.load_full()
    }

    /// The same for a look that waits for nothing.
    pub(crate) fn peek(&self) -> Guard<Arc<Served>> {
        self.served.load()
    }

    pub(crate) fn now_ms(&self) -> u64 {
        self.clock.now_ms()
    }

    /// True if visitors may be sent to this address: this edge serves them, or the next one at the same address.
    pub(crate) fn accepts_visitors(&self) -> bool {
        let is_ending = self.traffic.is_draining() && !self.traffic.is_handing_over();
        !is_ending && self.served.load().rooms.iter().all(|room| room.snapshot().is_some())
    }

    /// True if idle connections are kept to their end, though no new ones are taken.
    ///
    /// That is so while another edge serves beside this one, and this one still can.
    pub(crate) fn keeps_idle_connections(&self) -> bool {
        self.traffic.is_handing_over() && self.store.is_shared()
    }

    /// Counts a connection; `None` where there are as many as there may be, and it is to be closed.
    pub(crate) fn connect(&self, peer: Option<IpAddr>) -> Option<Connection> {
        self.connections.open(peer).map_err(|shed| self.metrics.observe_shed(shed)).ok()
    }

    /// Counts a request that is turned away.
    pub(crate) fn shed(&self, reason: Shed) {
        self.metrics.observe_shed(reason);
        self.traffic.pressed_until_ms.store(self.now_ms() + PRESSED_MS, Ordering::Relaxed);
    }

    /// True if somebody was turned away just now.
    pub(crate) fn is_pressed(&self) -> bool {
        let until_ms = self.traffic.pressed_until_ms.load(Ordering::Relaxed);
        until_ms > 0 && self.now_ms() < until_ms
    }

    /// When to ask again, spread so that those who are turned away together do not come back together.
    pub(crate) fn retry_after_ms(&self) -> u64 {
        1_000 + self.quotas.spread_ms(4_000)
    }

    /// A credential is signed with a key that this edge has not read yet.
    pub(crate) fn new_key(&self) -> Problem {
        Problem::NewKey { retry_after_ms: self.retry_after_ms() }
    }

    pub(crate) fn mending(&self) -> Problem {
        Problem::Recovering { retry_after_ms: self.retry_after_ms() }
    }

    /// The alarms of the rooms, for `/readyz`.
    pub(crate) fn alarms(&self) -> Vec<String> {
        let alarm = |room: &Arc<LiveRoom>| Some(format!("{}: {}", room.name(), room.loss.alarm()?));
        self.served.load().rooms.iter().filter_map(alarm).collect()
    }

    /// Counts a request of a client that is over its quota.
    pub(crate) fn too_many(&self, over: Over) -> Problem {
        self.shed(Shed::ClientQuota);
        Problem::TooMany(over)
    }

    /// Counts a request that the shop has no room for, or does not answer.
    pub(crate) fn shut(&self, closed: Closed) -> Problem {
        match closed {
            Closed::Full(shed) => {
                self.shed(shed);
                Problem::ShopFull { retry_after_ms: self.retry_after_ms() }
            }
            Closed::Dead { retry_after_ms } => {
                self.shed(Shed::UpstreamUnavailable);
                Problem::ShopDown { retry_after_ms: retry_after_ms.max(self.retry_after_ms()) }
            }
        }
    }

    /// A problem as people and programs want it told, to a request for this target at this authority.
    pub(crate) fn tell(&self, problem: &Problem, headers: &HeaderMap, authority: &str, target: &[u8]) -> Answer {
        let served = self.served.load();
        problem.told(headers, || served.title(authority, target))
    }

    pub(crate) fn store_unavailable(&self) -> Problem {
        Problem::StoreUnavailable { retry_after_ms: self.retry_after_ms() }
    }
}

/// The requests in flight, and whether the edge is about to stop.
#[derive(Debug, Default)]
pub(crate) struct Traffic {
    requests: AtomicUsize,
    draining: AtomicBool,
    handing_over: AtomicBool,
    /// The end of the time in which more requests are likely to be turned away.
    pressed_until_ms: AtomicU64,
}

/// One request that is being answered.
#[derive(Debug)]
pub(crate) struct InFlight(Arc<Edge>);

impl std::fmt::Debug for Edge {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Edge").field("traffic", &self.traffic).finish_non_exhaustive()
    }
}

impl InFlight {
    pub(crate) fn enter(edge: &Arc<Edge>) -> Self {
        edge.traffic.requests.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(edge))
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.traffic.requests.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Traffic {
    /// Requests that are being answered.
    pub(crate) fn requests(&self) -> usize {
        self.requests.load(Ordering::Relaxed)
    }

    /// True if connections are to be closed after their request.
    pub(crate) fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    pub(crate) fn drain(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    /// True if the next edge has, or is about to have, the listening sockets.
    pub(crate) fn is_handing_over(&self) -> bool {
        self.handing_over.load(Ordering::Relaxed)
    }

    pub(crate) fn hand_over(&self) {
        self.handing_over.store(true, Ordering::Relaxed);
        self.drain();
    }
}
