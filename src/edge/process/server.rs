//! The server: puts the edge's services together, and runs them until it is told to stop.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use futures_util::FutureExt;
use pingora::apps::HttpServerOptions;
use pingora::listeners::tls::TlsSettings;
use pingora::listeners::{L4BufferSettings, ListenerConfig};
use pingora::protocols::http::v2::server::H2Options;
use pingora::proxy::{HttpProxy, http_proxy};
use pingora::server::{RunArgs, Server};
use pingora::services::ServiceHandle;
use pingora::services::background::background_service;
use pingora::services::listening::Service;

use super::drain::Drain;
use super::error::EdgeError;
use super::handover::Sockets;
use super::listening::Listening;
use super::prepare::build;
use super::room_maker::RoomMaker;
use super::room_set::RoomSet;
use super::signals::Asks;
use super::stop::Stop;
use crate::admin::{AuditLog, Console, Doorman};
use crate::config::{Config, TlsListener};
use crate::edge::connection::http1::ClientConnections;
use crate::edge::connection::pre_tls::PreTls;
use crate::edge::context::{Edge, EdgeParts};
use crate::edge::credentials::certificate::{CertificateError, LiveCertificate};
use crate::edge::overload::open_files::raise_limit;
use crate::edge::proxy::phases::Phases;
use crate::edge::room::handle::LiveRoom;
use crate::edge::tasks::admin::AdminService;
use crate::edge::tasks::draw_log::LogTask;
use crate::edge::tasks::entry_book::EntryBooks;
use crate::edge::tasks::file_watch::FileWatch;
use crate::edge::tasks::history::HistoryWriter;
use crate::edge::tasks::inventory::InventoryWatch;
use crate::edge::tasks::overload_control::OverloadControl;
use crate::edge::tasks::parcels::Parcels;
use crate::edge::tasks::past_draws::PastDraws;
use crate::edge::tasks::revoked_codes::RevokedCodes;
use crate::edge::tasks::timekeeper::{StoreClock, Timekeeper};
use crate::edge::upstream::handle::Upstream;
use fairgate_telemetry::clock::Clock;
use fairgate_telemetry::entropy;

/// Bounds of HTTP/2: requests of one connection at a time, and those of them that may be reset before they were looked
/// at.
const STREAMS_MAX: u32 = 64;
const RESETS_MAX: usize = 20;
/// More than an HTTP/1 head, so that who sends too many cookies gets a page that says so.
const HEADERS_BYTES_MAX: u32 = 48 * 1024;

/// Runs the edge until it is told to stop, or another one has taken over from it.
///
/// # Errors
/// When it cannot start.
pub fn run(config: &Config, sockets: Sockets, parts: EdgeParts) -> Result<(), EdgeError> {
    raise_limit();
    let clock: Arc<dyn Clock> = Arc::new(StoreClock::new(&parts.store));
    let Sockets { mut server, takes_over, prepared, handover } = sockets;
    let handover = Arc::new(handover);
    let certificates = prepared.certificates.clone();
    let (edge, tickers, maker) = build(config, prepared, &parts, &clock)?;
    if !takes_over {
        addresses(config).try_for_each(check_listen)?;
    }
    let (finished, wait) = channel();
    let asks = Arc::new(Asks::default());
    let mut gate = gate_service(&server, &edge, Drain::new(config, Arc::clone(&asks), finished.clone()));
    gate.endpoints().set_pre_tls_callback(Arc::new(PreTls { edge: Arc::clone(&edge) }));
    for address in &config.edge.listen {
        gate.add_listener(listener(*address));
    }
    for (tls, certificate) in config.edge.tls.iter().zip(&certificates) {
        gate.add_listener(listener(tls.listen).tls(tls_settings(tls, certificate)?));
    }
    let rooms: Vec<ServiceHandle> =
        tickers.into_iter().map(|ticker| server.add_service(background_service("room", ticker))).collect();
    add_watches(&mut server, &edge, (&parts, &maker), certificates, config)?;
    if let Some(set) = RoomSet::new(&edge, maker, &parts) {
        server.add_service(background_service("rooms", set));
    }
    let audit_path = config.store.path.join("audit.jsonl");
    let audit = AuditLog::open(&audit_path).map_err(|source| EdgeError::Audit { path: audit_path, source })?;
    let exit_with_stdin = parts.exit_with_stdin;
    let doorman = Doorman::new(&config.admin.hosts, &parts.registry)?;
    let console =
        config.admin.console.then(|| Console::new(&config.admin.trusted_proxies, &parts.registry)).transpose()?;
    let admin = AdminService::new(&edge, (config.admin.listen, doorman, console), parts, audit);
    server.add_service(background_service("admin", admin));
    // Fans who come in the first moment find their rooms.
    let listening = Listening {
        service: gate,
        handover: Arc::clone(&handover),
        edge: Arc::clone(&edge),
        addresses: gate_addresses(config).map(|address| address.to_string()).collect(),
    };
    server.add_service(listening).add_dependencies(&rooms);
    let stop = Stop::new(edge, config, Arc::clone(&handover), asks, exit_with_stdin);
    // Pingora's own thread would sit out the whole grace, though everything is answered.
    let serve = move || {
        server.run(RunArgs { shutdown_signal: Box::new(stop) });
        let _ = finished.send(());
    };
    thread::Builder::new().name("server".to_owned()).spawn(serve).map_err(EdgeError::Thread)?;
    // Nobody is left who could say that it is finished where the server's thread has panicked.
    let ended = wait.recv().map_err(|_| EdgeError::Ended);
    if handover.settle() { ended } else { Err(EdgeError::NoHeir) }
}

/// Adds what goes on beside requests and rooms.
fn add_watches(
    server: &mut Server,
    edge: &Arc<Edge>,
    (parts, maker): (&EdgeParts, &RoomMaker),
    certificates: Vec<Arc<LiveCertificate>>,
    config: &Config,
) -> Result<(), EdgeError> {
    for pilot in pilots(edge, maker, parts)? {
        server.add_service(background_service("pilot", pilot));
    }
    server.add_service(background_service("entry books", EntryBooks::new(edge, parts.supervisor.clone())));
    server.add_service(background_service("files", FileWatch::new(edge, certificates, parts)));
    let past = PastDraws::new(edge, &parts.supervisor, config.store.path.clone());
    server.add_service(background_service("past draws", past));
    if let Some(parcels) = Parcels::new(edge, &parts.supervisor) {
        server.add_service(background_service("parcels", parcels));
    }
    if let Some(revoked) = RevokedCodes::new(edge, &parts.supervisor) {
        server.add_service(background_service("revoked codes", revoked));
    }
    server.add_service(background_service("timekeeper", Timekeeper::new(edge, parts)));
    server.add_service(background_service("history", HistoryWriter::new(edge, &parts.supervisor)));
    for watch in stock_watches(edge, parts)? {
        server.add_service(background_service("stock", watch));
    }
    if let Some(log) = &config.draw_log
        && let Some(task) = LogTask::new(edge, parts, log, config.store.path.clone())
    {
        server.add_service(background_service("draw log", task));
    }
    Ok(())
}

/// One pilot for each shop, for the rooms in front of it.
fn pilots(edge: &Arc<Edge>, maker: &RoomMaker, parts: &EdgeParts) -> Result<Vec<OverloadControl>, EdgeError> {
    let number = u32::from_be_bytes(entropy::random_bytes().map_err(|_| EdgeError::NoRandomness)?);
    let pilot = |upstream: &Arc<Upstream>| OverloadControl::new(Arc::clone(upstream), edge, number, parts);
    Ok(maker.upstreams().map(pilot).collect())
}

fn stock_watches(edge: &Edge, parts: &EdgeParts) -> Result<Vec<InventoryWatch>, reqwest::Error> {
    let watch = |room: &Arc<LiveRoom>| {
        let path = room.config.stock.as_deref()?;
        Some(InventoryWatch::new(Arc::clone(room), path, parts))
    };
    edge.served().rooms.iter().filter_map(watch).collect()
}

fn gate_service(server: &Server, edge: &Arc<Edge>, drain: Drain) -> Service<ClientConnections> {
    let (drain, drained) = (Arc::new(drain), Arc::clone(edge));
    let on_stop = Box::new(move || {
        let (drain, edge) = (Arc::clone(&drain), Arc::clone(&drained));
        async move { drain.run(&edge).await }.boxed()
    });
    let phases = Phases { edge: Arc::clone(edge) };
    let mut proxy: HttpProxy<Phases> = http_proxy(&server.configuration, phases);
    let mut options = HttpServerOptions::default();
    options.h2_idle_timeout = Some(Duration::from_millis(edge.keepalive_timeout_ms));
    proxy.server_options = Some(options);
    proxy.h2_options = Some(h2_options());
    Service::new("gate".to_owned(), ClientConnections { edge: Arc::clone(edge), proxy: Arc::new(proxy), on_stop })
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

fn tls_settings(listener: &TlsListener, certificate: &Arc<LiveCertificate>) -> Result<TlsSettings, EdgeError> {
    let files = [&listener.certificate, &listener.key].map(|path| path.to_string_lossy());
    let settings = TlsSettings::intermediate(&files[0], &files[1]);
    let mut settings = settings.map_err(|error| CertificateError::new(listener, error))?;
    settings.set_cert_resolver(Arc::clone(certificate) as _);
    settings.enable_h2();
    Ok(settings)
}

fn gate_addresses(config: &Config) -> impl Iterator<Item = SocketAddr> {
    config.edge.listen.iter().copied().chain(config.edge.tls.iter().map(|tls| tls.listen))
}

fn addresses(config: &Config) -> impl Iterator<Item = SocketAddr> {
    gate_addresses(config).chain([config.admin.listen])
}

/// Pingora binds in a task of its own, where nobody could be told that it failed.
fn check_listen(address: SocketAddr) -> Result<(), EdgeError> {
    TcpListener::bind(address).map(drop).map_err(|source| EdgeError::Listen { address, source })
}
