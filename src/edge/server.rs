//! Puts the edge together from its configuration and runs it until it is told to stop.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use pingora::apps::HttpServerOptions;
use pingora::listeners::tls::TlsSettings;
use pingora::listeners::{L4BufferSettings, ListenerConfig};
use pingora::protocols::http::v2::server::H2Options;
use pingora::proxy::{HttpProxy, http_proxy};
use pingora::server::configuration::ServerConf;
use pingora::server::{RunArgs, Server};
use pingora::services::background::background_service;
use pingora::services::listening::Service;
use prometheus::Registry;
use ring::rand::{SecureRandom, SystemRandom};

use super::admin::AdminService;
use super::connections::Connections;
use super::front::Front;
use super::gate::GatePhases;
use super::live::LiveRoom;
use super::pilot::Pilot;
use super::quotas::Quotas;
use super::state::{Edge, Traffic};
use super::stock::StockWatch;
use super::stop::Stop;
use super::ticker::Ticker;
use super::upstream::{UnresolvedUpstream, Upstream};
use crate::arrive::route::{RoomRoutes, RouteTable};
use crate::clock::{Clock, SystemClock};
use crate::config::{Config, Host, RoomConfig, TlsListener};
use crate::control::{AuditLog, Tokens};
use crate::observe::EdgeMetrics;
use crate::page::PageError;
use crate::pass::{KeyError, KeyRing, PassCache};
use crate::store::Store;

/// Verified passes remembered: about 30 MB.
const PASSES_MAX: u64 = 100_000;

/// Requests that get a second try at the shop: only those of which nothing was sent.
const TRIES_MAX: usize = 2;

/// HTTP/2: requests of one connection at a time, of those the ones that may be reset before they were looked at, and the
/// header fields of one.
const STREAMS_MAX: u32 = 100;
const RESETS_MAX: usize = 20;
const HEADERS_BYTES_MAX: u32 = 32 * 1024;

/// After draining, for what came in at the last moment.
const LAST_SECOND_S: u64 = 1;

/// Why the edge does not start.
#[derive(Debug, thiserror::Error)]
pub enum EdgeError {
    /// The keys cannot be used.
    #[error(transparent)]
    Keys(#[from] KeyError),
    /// A waiting page cannot be built.
    #[error(transparent)]
    Page(#[from] PageError),
    /// Relays of public randomness cannot be asked.
    #[error("cannot ask the relays of [room.draw]: {0}")]
    Relays(#[from] reqwest::Error),
    /// A shop cannot be found.
    #[error(transparent)]
    Upstream(#[from] UnresolvedUpstream),
    /// A room names a shop that is not configured.
    #[error(
        "room {room:?} names the upstream {upstream:?}, which is not configured; add [[upstream]] or change `upstream`"
    )]
    NoUpstream {
        /// The room.
        room: String,
        /// What it names.
        upstream: String,
    },
    /// The audit log cannot be written.
    #[error("cannot write the audit log {}: {source}; check store.path", path.display())]
    Audit {
        /// The file.
        path: std::path::PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The system has no randomness.
    #[error("the system has no randomness; is /dev/urandom there?")]
    NoRandomness,
    /// An address cannot be listened on.
    #[error("cannot listen on {address}: {source}; is another server running there?")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// A certificate or key cannot be used.
    #[error("cannot use the certificate {certificate} for {address}: {reason}")]
    Tls {
        /// The address.
        address: SocketAddr,
        /// The certificate's file.
        certificate: String,
        /// What is wrong.
        reason: String,
    },
}

/// What the edge runs on, besides its configuration.
pub struct EdgeParts {
    /// Where rooms live.
    pub store: Arc<dyn Store>,
    /// What it measures of itself.
    pub metrics: EdgeMetrics,
    /// What the admin listener shows of what is measured.
    pub registry: Registry,
    /// Who may use the admin API.
    pub tokens: Tokens,
    /// Whether it stops when standard input ends.
    pub exit_with_stdin: bool,
}

/// Runs the edge until it is told to stop.
///
/// # Errors
/// When it cannot start.
pub fn run(config: &Config, parts: EdgeParts) -> Result<(), EdgeError> {
    super::sockets::raise_limit();
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let (edge, tickers) = build(config, &parts, &clock)?;
    for address in addresses(config) {
        check_listen(address)?;
    }
    let mut server = Server::new_with_opt_and_conf(None, server_conf());
    server.bootstrap();
    let mut gate = gate_service(&server, &edge);
    for address in &config.edge.listen {
        gate.add_listener(listener(*address));
    }
    for tls in &config.edge.tls {
        gate.add_listener(listener(tls.listen).tls(tls_settings(tls)?));
    }
    for ticker in tickers {
        server.add_service(background_service("room", ticker));
    }
    for pilot in pilots(&edge, &parts)? {
        server.add_service(background_service("pilot", pilot));
    }
    for watch in stock_watches(&edge, &parts)? {
        server.add_service(background_service("stock", watch));
    }
    let audit_path = config.store.path.join("audit.jsonl");
    let audit = AuditLog::open(&audit_path).map_err(|source| EdgeError::Audit { path: audit_path, source })?;
    let admin = AdminService::new(&edge, config.admin.listen, parts.tokens, parts.registry, audit);
    server.add_service(background_service("admin", admin));
    server.add_service(gate);
    let grace = Duration::from_millis(config.edge.shutdown_grace_ms);
    let stop = Stop::new(edge, grace, parts.exit_with_stdin);
    server.run(RunArgs { shutdown_signal: Box::new(stop) });
    Ok(())
}

pub(crate) fn build(
    config: &Config,
    parts: &EdgeParts,
    clock: &Arc<dyn Clock>,
) -> Result<(Arc<Edge>, Vec<Ticker>), EdgeError> {
    let keys = KeyRing::load(&config.edge.keys, &config.edge.issuer)?;
    let (mut rooms, mut tickers) = (Vec::new(), Vec::new());
    let upstreams: Vec<Arc<Upstream>> =
        config.upstreams.iter().map(|upstream| Upstream::resolve(upstream).map(Arc::new)).collect::<Result<_, _>>()?;
    for room in &config.rooms {
        let upstream = upstreams
            .iter()
            .find(|upstream| upstream.name() == room.upstream)
            .ok_or_else(|| EdgeError::NoUpstream { room: room.name.clone(), upstream: room.upstream.clone() })?;
        let (live, workers) = LiveRoom::build(room, &config.edge.prefix, Arc::clone(upstream))?;
        let live = Arc::new(live);
        tickers.push(Ticker::new(Arc::clone(&live), workers, parts, Arc::clone(clock))?);
        rooms.push(live);
    }
    let edge = Edge {
        routes: RouteTable::new(&config.edge.prefix, config.rooms.iter().map(room_routes).collect()),
        rooms,
        store: Arc::clone(&parts.store),
        clock: Arc::clone(clock),
        jwks: Edge::jwks_answer(&keys),
        keys,
        passes: PassCache::new(PASSES_MAX),
        metrics: parts.metrics.clone(),
        prefix: config.edge.prefix.clone(),
        trusted_proxies: config.edge.trusted_proxies.clone(),
        body_bytes_max: config.edge.body_bytes_max,
        client_timeout_ms: config.edge.client_timeout_ms,
        keepalive_timeout_ms: config.edge.keepalive_timeout_ms,
        quotas: Quotas::new(&config.edge.limits),
        connections: Connections::new(&config.edge, super::sockets::connections_max()),
        traffic: Traffic::default(),
    };
    Ok((Arc::new(edge), tickers))
}

/// One pilot for each shop, with the rooms in front of it.
fn pilots(edge: &Edge, parts: &EdgeParts) -> Result<Vec<Pilot>, EdgeError> {
    let mut number = [0; 4];
    SystemRandom::new().fill(&mut number).map_err(|_| EdgeError::NoRandomness)?;
    let number = u32::from_be_bytes(number);
    let mut shops: Vec<(Arc<Upstream>, Vec<Arc<LiveRoom>>)> = Vec::new();
    for room in &edge.rooms {
        match shops.iter_mut().find(|(upstream, _)| Arc::ptr_eq(upstream, &room.upstream)) {
            Some((_, rooms)) => rooms.push(Arc::clone(room)),
            None => shops.push((Arc::clone(&room.upstream), vec![Arc::clone(room)])),
        }
    }
    let pilot = |(upstream, rooms)| {
        let (store, metrics, clock) = (Arc::clone(&parts.store), parts.metrics.clone(), Arc::clone(&edge.clock));
        Pilot::new(upstream, rooms, number, store, metrics, clock)
    };
    Ok(shops.into_iter().map(pilot).collect())
}

fn stock_watches(edge: &Edge, parts: &EdgeParts) -> Result<Vec<StockWatch>, reqwest::Error> {
    let watch = |room: &Arc<LiveRoom>| {
        let path = room.config.stock.as_deref()?;
        Some(StockWatch::new(Arc::clone(room), path, Arc::clone(&parts.store), parts.metrics.clone()))
    };
    edge.rooms.iter().filter_map(watch).collect()
}

fn room_routes(room: &RoomConfig) -> RoomRoutes {
    let host = |host: &Host| match host {
        Host::Any => "*".to_owned(),
        Host::Name(name) => name.clone(),
    };
    RoomRoutes {
        name: room.name.clone(),
        hosts: room.hosts.iter().map(host).collect(),
        paths: room.paths.clone(),
        exempt: room.exempt.clone(),
    }
}

fn server_conf() -> ServerConf {
    ServerConf {
        threads: std::thread::available_parallelism().map_or(1, usize::from),
        grace_period_seconds: Some(LAST_SECOND_S),
        graceful_shutdown_timeout_seconds: Some(LAST_SECOND_S),
        max_retries: TRIES_MAX,
        ..ServerConf::default()
    }
}

fn gate_service(server: &Server, edge: &Arc<Edge>) -> Service<Front> {
    let phases = GatePhases { edge: Arc::clone(edge) };
    let mut proxy: HttpProxy<GatePhases> = http_proxy(&server.configuration, phases);
    let mut options = HttpServerOptions::default();
    options.h2_idle_timeout = Some(Duration::from_millis(edge.keepalive_timeout_ms));
    proxy.server_options = Some(options);
    proxy.h2_options = Some(h2_options());
    Service::new("gate".to_owned(), Front { edge: Arc::clone(edge), proxy: Arc::new(proxy) })
}

/// A client that opens streams only to reset them (rapid reset) is cut off, as is one that makes errors on purpose.
fn h2_options() -> H2Options {
    let mut options = H2Options::new();
    options
        .max_concurrent_streams(STREAMS_MAX)
        .max_pending_accept_reset_streams(RESETS_MAX)
        .max_local_error_reset_streams(Some(RESETS_MAX))
        .max_header_list_size(HEADERS_BYTES_MAX);
    options
}

/// Heads are read whole by the front, and answers are gathered while they are served: no connection needs a buffer of
/// its own.
fn listener(address: SocketAddr) -> ListenerConfig {
    ListenerConfig::tcp(address.to_string()).l4_buffer(L4BufferSettings::unbuffered())
}

fn tls_settings(listener: &TlsListener) -> Result<TlsSettings, EdgeError> {
    let (certificate, key) = (listener.certificate.to_string_lossy(), listener.key.to_string_lossy());
    let wrong = |error: Box<pingora::Error>| EdgeError::Tls {
        address: listener.listen,
        certificate: certificate.clone().into_owned(),
        reason: error.to_string(),
    };
    let mut settings = TlsSettings::intermediate(&certificate, &key).map_err(wrong)?;
    settings.set_certificate_chain_file(&certificate).map_err(wrong)?;
    settings.set_private_key_file(&key).map_err(wrong)?;
    settings.enable_h2();
    Ok(settings)
}

fn addresses(config: &Config) -> impl Iterator<Item = SocketAddr> {
    config.edge.listen.iter().copied().chain(config.edge.tls.iter().map(|tls| tls.listen)).chain([config.admin.listen])
}

/// Pingora binds in a task of its own, where nobody could be told that it failed.
fn check_listen(address: SocketAddr) -> Result<(), EdgeError> {
    TcpListener::bind(address).map(drop).map_err(|source| EdgeError::Listen { address, source })
}
