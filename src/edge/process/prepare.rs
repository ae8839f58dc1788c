//! Preparation: makes of a configuration what an edge serves.
//!
//! Guarantee: what may fail or take time is done before anything else is touched, such as another edge's sockets.

use std::sync::Arc;
use std::thread;

use arc_swap::ArcSwap;
use http::HeaderValue;
use pingora::server::configuration::ServerConf;

use super::drain::Drain;
use super::error::EdgeError;
use super::room_maker::{PreparedRoom, RoomMaker};
use crate::config::{Config, DrawLogConfig};
use crate::edge::context::{Edge, EdgeParts, Traffic};
use crate::edge::credentials::certificate::LiveCertificate;
use crate::edge::credentials::keys::LiveKeys;
use crate::edge::credentials::renewed_passes::RenewedPasses;
use crate::edge::credentials::several::Watched;
use crate::edge::draw::public_lists;
use crate::edge::draw_log::live::LiveLog;
use crate::edge::overload::connections::Connections;
use crate::edge::overload::network_semaphore::NetworkSemaphore;
use crate::edge::overload::open_files;
use crate::edge::overload::rate_limit::Quotas;
use crate::edge::proxy::request_body;
use crate::edge::tasks::heartbeat::Heartbeat;
use crate::edge::upstream::handle::Upstream;
use fairgate_core::request::forged::Forged;
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
    pub(crate) maker: RoomMaker,
    rooms: Vec<PreparedRoom>,
}

/// Does everything that may fail or take time before anything else is touched.
pub(crate) fn prepare(config: &Config) -> Result<Prepared, EdgeError> {
    let keys = LiveKeys::load(config.edge.keys.clone(), &config.edge.issuer)?;
    let upstreams = resolve(config)?;
    let log = config.draw_log.as_ref().map(prepare_log).transpose()?;
    let maker = RoomMaker::new(config, upstreams, log);
    tracing::info!(rooms = config.rooms.len(), "building the waiting pages, and compressing them");
    let rooms = config.rooms.iter().map(|room| maker.prepare(room)).collect::<Result<_, EdgeError>>()?;
    let certificates = config.edge.tls.iter().map(|tls| LiveCertificate::load(tls).map(Arc::new));
    let certificates = certificates.collect::<Result<_, _>>()?;
    Ok(Prepared { keys, certificates, maker, rooms })
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

pub(crate) fn build(
    config: &Config,
    Prepared { keys, maker, rooms: prepared, .. }: Prepared,
    parts: &EdgeParts,
    clock: &Arc<dyn Clock>,
) -> Result<(Arc<Edge>, Vec<Heartbeat>, RoomMaker), EdgeError> {
    let (mut rooms, mut tickers) = (Vec::new(), Vec::new());
    for room in prepared {
        let (room, ticker) = room.open(keys.now().public(), parts, clock)?;
        rooms.push(room);
        tickers.push(ticker);
    }
    let edge = Edge {
        served: ArcSwap::from_pointee(maker.serve(rooms)),
        log: maker.log.clone(),
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
    Ok((Arc::new(edge), tickers, maker))
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
