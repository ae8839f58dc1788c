//! Preparation: makes of a configuration what an edge serves.
//!
//! Guarantee: what may fail or take time is done before anything else is touched, such as another edge's sockets.

use std::sync::Arc;
use std::thread;

use http::HeaderValue;
use pingora::server::configuration::ServerConf;

use super::drain::Drain;
use super::error::EdgeError;
use crate::config::{Config, DrawLogConfig, Host, RoomConfig};
use crate::edge::context::{Edge, EdgeParts, Traffic};
use crate::edge::credentials::certificate::LiveCertificate;
use crate::edge::credentials::keys::LiveKeys;
use crate::edge::credentials::renewed_passes::RenewedPasses;
use crate::edge::credentials::several::Watched;
use crate::edge::draw::public_lists;
use crate::edge::draw_log::live::LiveLog;
use crate::edge::entry::setup::DeskSetup;
use crate::edge::overload::connections::Connections;
use crate::edge::overload::network_semaphore::NetworkSemaphore;
use crate::edge::overload::open_files;
use crate::edge::overload::rate_limit::Quotas;
use crate::edge::proxy::request_body;
use crate::edge::room::handle::LiveRoom;
use crate::edge::room::workers::RoomWorkers;
use crate::edge::tasks::heartbeat::Heartbeat;
use crate::edge::upstream::handle::Upstream;
use fairgate_core::request::forged::Forged;
use fairgate_core::request::route::{RoomRoutes, RouteTable};
use fairgate_store::history::Histories;
use fairgate_telemetry::clock::Clock;
use fairgate_token::PassCache;

/// Verified passes remembered: about 30 MB.
const PASSES_MAX: u64 = 100_000;

/// Requests that get a second try at the shop: only those of which nothing was sent.
const TRIES_MAX: usize = 2;

/// Requests of strangers that are being answered at once, in all and of a network. Each has some 30 KB, for as long as
/// a client may take for an answer.
const REQUESTS_MAX: u32 = 10_000;
const NETWORK_REQUESTS_MAX: u32 = 1_000;

/// For runtimes to end, after everything was answered.
const LAST_SECOND_S: u64 = 1;

/// The parts of an edge that follow from its configuration alone.
pub(crate) struct Prepared {
    keys: LiveKeys,
    pub(crate) certificates: Vec<Arc<LiveCertificate>>,
    log: Option<Arc<LiveLog>>,
    rooms: Vec<(LiveRoom, RoomWorkers, Option<DeskSetup>)>,
}

/// Does everything that may fail or take time before anything else is touched.
pub(crate) fn prepare(config: &Config) -> Result<Prepared, EdgeError> {
    let keys = LiveKeys::load(config.edge.keys.clone(), &config.edge.issuer)?;
    let upstreams = resolve(config)?;
    let log = config.draw_log.as_ref().map(prepare_log).transpose()?;
    tracing::info!(rooms = config.rooms.len(), "building the waiting pages, and compressing them");
    let prepare_room = |room| {
        let upstream = upstream_of(&upstreams, room)?;
        let (live, workers) = LiveRoom::build(room, &config.edge.prefix, upstream, log.clone(), &config.store.path)?;
        let desk = DeskSetup::resolve(room, &config.edge.prefix, &config.edge.codes)?;
        Ok((live, workers, desk))
    };
    let rooms = config.rooms.iter().map(prepare_room).collect::<Result<_, EdgeError>>()?;
    let certificates = config.edge.tls.iter().map(|tls| LiveCertificate::load(tls).map(Arc::new));
    let certificates = certificates.collect::<Result<_, _>>()?;
    Ok(Prepared { keys, certificates, log, rooms })
}

/// The draw log, of which nothing is read yet: no edge waits for it.
fn prepare_log(config: &DrawLogConfig) -> Result<Arc<LiveLog>, EdgeError> {
    let signer = config.signer(|name| std::env::var(name).ok()).map_err(EdgeError::LogKey)?;
    let named = signer.key().name().to_owned();
    LiveLog::new(signer).map(Arc::new).ok_or(EdgeError::LogKey(named))
}

fn resolve(config: &Config) -> Result<Vec<Arc<Upstream>>, EdgeError> {
    let resolved = config.upstreams.iter().map(|upstream| Upstream::resolve(upstream).map(Arc::new));
    Ok(resolved.collect::<Result<_, _>>()?)
}

fn upstream_of(upstreams: &[Arc<Upstream>], room: &RoomConfig) -> Result<Arc<Upstream>, EdgeError> {
    let named = upstreams.iter().find(|upstream| upstream.name() == room.upstream);
    let missing = || EdgeError::NoUpstream { room: room.name.clone(), upstream: room.upstream.clone() };
    named.map(Arc::clone).ok_or_else(missing)
}

pub(crate) fn build(
    config: &Config,
    Prepared { keys, log, rooms: prepared, .. }: Prepared,
    parts: &EdgeParts,
    clock: &Arc<dyn Clock>,
) -> Result<(Arc<Edge>, Vec<Heartbeat>), EdgeError> {
    let (mut rooms, mut tickers) = (Vec::new(), Vec::new());
    for (mut live, workers, desk) in prepared {
        live.entry = desk.map(|setup| setup.open(parts.metrics.entry(), clock.now_ms())).transpose()?;
        let unusable = live.entry.as_ref().map(|desk| desk.look_for_codes(keys.now().public())).unwrap_or_default();
        unusable.iter().for_each(|error| tracing::error!("codes do not count yet: {error}"));
        let live = Arc::new(live);
        tickers.push(Heartbeat::new(Arc::clone(&live), workers, parts, Arc::clone(clock))?);
        rooms.push(live);
    }
    let edge = Edge {
        routes: routes(config, log.as_deref()),
        rooms,
        log,
        store: Arc::clone(&parts.store),
        history: Arc::new(Histories::new(&config.store.path)),
        clock: Arc::clone(clock),
        keys,
        passes: PassCache::new(PASSES_MAX),
        renewed: RenewedPasses::new(),
        watched: Watched::new(),
        hsts: config.edge.hsts.as_ref().and_then(|hsts| HeaderValue::from_str(hsts).ok()),
        metrics: parts.metrics.clone(),
        prefix: config.edge.prefix.clone(),
        trusted_proxies: config.edge.trusted_proxies.clone(),
        forged: Forged::new(&config.edge.headers.strip, &config.edge.headers.allow),
        body_bytes_max: config.edge.body_bytes_max,
        client_timeout_ms: config.edge.client_timeout_ms,
        keepalive_timeout_ms: config.edge.keepalive_timeout_ms,
        quotas: Quotas::new(&config.edge.limits),
        connections: Connections::new(&config.edge, open_files::connections_max()),
        bodies: request_body::memory(&config.edge.limits),
        readers: public_lists::readers(&config.edge.limits.unlimited),
        strangers: NetworkSemaphore::new(REQUESTS_MAX, NETWORK_REQUESTS_MAX, &config.edge.limits.unlimited),
        traffic: Traffic::default(),
    };
    Ok((Arc::new(edge), tickers))
}

fn routes(config: &Config, log: Option<&LiveLog>) -> RouteTable {
    let rooms = config.rooms.iter().map(|room| room_routes(config, room)).collect();
    let routes = RouteTable::new(&config.edge.prefix, rooms);
    match log {
        Some(log) => routes.with_log(&log.path()),
        None => routes,
    }
}

fn room_routes(config: &Config, room: &RoomConfig) -> RoomRoutes {
    let host = |host: &Host| match host {
        Host::Any => "*".to_owned(),
        Host::Name(name) => name.clone(),
    };
    // Two names of one address are one shop.
    let shop = config.upstream(&room.upstream).map_or_else(String::new, |shop| format!("{}:{}", shop.host, shop.port));
    RoomRoutes {
        shop,
        well_known: room.well_known.clone(),
        case_insensitive: room.case_insensitive,
        name: room.name.clone(),
        hosts: room.hosts.iter().map(host).collect(),
        paths: room.paths.clone(),
        exempt: room.exempt.clone(),
    }
}

pub(super) fn server_conf(config: &Config) -> ServerConf {
    ServerConf {
        threads: thread::available_parallelism().map_or(1, usize::from),
        grace_period_seconds: Some(Drain::longest(config).as_secs() + LAST_SECOND_S),
        graceful_shutdown_timeout_seconds: Some(LAST_SECOND_S),
        max_retries: TRIES_MAX,
        ..ServerConf::default()
    }
}
