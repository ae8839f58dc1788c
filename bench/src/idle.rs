//! Memory of idle HTTP/2 connections over TLS, as 20,000 browsers hold them: the edge's beside nginx's, and what the
//! edge keeps once they are gone.
//!
//! The connections come in waves, since what an allocator keeps after the first one is used again by the next. Memory
//! that grows from wave to wave is a leak.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::edge::Edge;
use crate::memory::resident_kb;
use crate::nginx::Nginx;
use crate::report::{Goal, Row, median};

/// Connections, or as many as the system lets a process open.
const CONNECTIONS: usize = 20_000;
const WAVES: usize = 6;
/// Connections that are made at once.
const AT_ONCE: usize = 200;
/// The preface of RFC 9113, section 3.4, and an empty SETTINGS frame.
const HELLO: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
/// The server's SETTINGS and the acknowledgement of ours have at least so many bytes.
const ANSWER: usize = 18;
/// Connections that have ended are noticed, and their memory is freed, within this.
const AFTERWARDS: Duration = Duration::from_secs(5);

type Idle = TlsStream<TcpStream>;

/// What one server held in a wave, KB.
struct Wave {
    a_connection: f64,
    afterwards: f64,
}

/// Memory a connection beside nginx's, and of the edge after the last waves beside the first ones.
pub(crate) async fn run() -> anyhow::Result<Vec<Row>> {
    let files_max = fairgate_crowd::raise_socket_limit()?;
    // Each end needs a few more than its connections.
    let connections = CONNECTIONS.min(files_max - files_max / 10);
    println!("idle: {connections} connections");
    let shop = Nginx::serving(b"shop")?;
    let edge = Edge::start(&shop.address()).await?;
    let ours = waves(&[edge.pid()], edge.tls_address(), &edge.certificate(), connections).await?;
    drop(edge);
    let nginx = Nginx::returning(b"{}")?;
    let reference = waves(&nginx.pids()?, nginx.tls_address(), &nginx.certificate(), connections).await?;
    let held: Vec<_> =
        ours.iter().zip(&reference).map(|(ours, nginx)| (ours.a_connection, nginx.a_connection)).collect();
    // What the allocator has given back five seconds later differs by half from wave to wave.
    let left = |waves: &[Wave]| median(waves.iter().map(|wave| wave.afterwards / 1024.0));
    let (first, last) = ours.split_at(WAVES / 2);
    let kept = [(left(last), left(first))];
    Ok(vec![
        Row::from_rounds("idle: an HTTP/2 connection over TLS", "KB", Goal::AtMost(2.0), &held),
        Row::from_rounds("idle: left after the last waves, and the first", "MB", Goal::AtMost(1.25), &kept),
    ])
}

async fn waves(
    pids: &[u32],
    address: SocketAddr,
    certificate: &std::path::Path,
    connections: usize,
) -> anyhow::Result<Vec<Wave>> {
    let connector = connector(certificate)?;
    let mut waves = Vec::new();
    let before = resident_kb(pids)?;
    for _ in 0..WAVES {
        let open = connect_all(&connector, address, connections).await?;
        let a_connection = (resident_kb(pids)? - before) / open.len() as f64;
        drop(open);
        tokio::time::sleep(AFTERWARDS).await;
        let afterwards = resident_kb(pids)?;
        println!("idle: {a_connection:.1} KB a connection, then {:.0} MB", afterwards / 1024.0);
        waves.push(Wave { a_connection, afterwards });
    }
    Ok(waves)
}

fn connector(certificate: &std::path::Path) -> anyhow::Result<TlsConnector> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(certificate)?)?;
    // More than one provider is built in, so that none is the default.
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    let mut config = config.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec()];
    Ok(TlsConnector::from(Arc::new(config)))
}

async fn connect_all(connector: &TlsConnector, to: SocketAddr, connections: usize) -> anyhow::Result<Vec<Idle>> {
    let (mut open, mut under_way) = (Vec::with_capacity(connections), JoinSet::new());
    for number in 0..connections {
        if under_way.len() >= AT_ONCE {
            open.push(under_way.join_next().await.context("a connection is under way")???);
        }
        under_way.spawn(connect(connector.clone(), number, to));
    }
    while let Some(connected) = under_way.join_next().await {
        open.push(connected??);
    }
    Ok(open)
}

/// Connects as one of many networks, says hello, and reads the server's answer.
async fn connect(connector: TlsConnector, number: usize, to: SocketAddr) -> anyhow::Result<Idle> {
    let socket = TcpSocket::new_v4()?;
    let network = u8::try_from(number % 200)?;
    socket.bind(SocketAddr::from(([127, 9, network, 1], 0)))?;
    let stream = socket.connect(to).await?;
    let mut stream = connector.connect(ServerName::try_from("localhost")?, stream).await?;
    stream.write_all(HELLO).await?;
    stream.read_exact(&mut [0; ANSWER]).await?;
    Ok(stream)
}
