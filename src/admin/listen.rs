//! The connections of the admin listener.
//!
//! Guarantees:
//! - there are no more than [`CONNECTIONS_MAX`], of one address no more than [`OF_ONE_ADDRESS_MAX`], and of all trusted proxies
//!   together no more than [`OF_PROXIES_MAX`]: whoever comes without them finds a place
//! - a head that does not come whole within [`HEAD_WITHIN`] is closed, and so is a connection on which nothing is
//!   asked for so long
//! - whoever reads an answer too slowly is closed as well

use std::collections::HashMap;
use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use ipnet::IpNet;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{sleep, timeout};
use tower::ServiceExt;

const CONNECTIONS_MAX: usize = 640;
const OF_PROXIES_MAX: usize = 512;
pub(super) const OF_ONE_ADDRESS_MAX: usize = 64;
const HEAD_WITHIN: Duration = Duration::from_secs(10);
const HEAD_BYTES_MAX: usize = 16 * 1024;
/// Whoever keeps a connection for longer connects anew.
const CONNECTION_MAX: Duration = Duration::from_secs(300);
/// Between two attempts while the system has no file left for a connection.
const ACCEPT_BACKOFF: Duration = Duration::from_millis(50);

/// What the connections of all proxies are counted by: nobody connects from there.
const PROXIES: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);

/// Who sent a request.
#[derive(Clone, Copy, Debug)]
pub(super) struct Peer(pub(super) IpAddr);

/// Serves until the listener cannot be used any more, which it never says: accepting is tried again. `proxies` are those whose
/// connections are many people's.
pub async fn serve(listener: TcpListener, router: Router, proxies: &[IpNet]) -> io::Result<()> {
    let (places, addresses) = (Arc::new(Semaphore::new(CONNECTIONS_MAX)), Addresses::default());
    while let Ok(place) = Arc::clone(&places).acquire_owned().await {
        match listener.accept().await {
            Ok((stream, peer)) => {
                // One more of an address that has enough is closed.
                let address = peer.ip().to_canonical();
                let is_proxy = proxies.iter().any(|proxy| proxy.contains(&address));
                let held = if is_proxy {
                    addresses.hold(PROXIES, OF_PROXIES_MAX)
                } else {
                    addresses.hold(address, OF_ONE_ADDRESS_MAX)
                };
                let Some(held) = held else { continue };
                tokio::spawn(connection(stream, peer.ip(), router.clone(), (place, held)));
            }
            Err(error) => {
                tracing::warn!(%error, "an admin connection could not be accepted");
                sleep(ACCEPT_BACKOFF).await;
            }
        }
    }
    Ok(())
}

async fn connection(stream: TcpStream, peer: IpAddr, router: Router, _held: (OwnedSemaphorePermit, Held)) {
    let service = service_fn(move |mut request: hyper::Request<hyper::body::Incoming>| {
        request.extensions_mut().insert(Peer(peer));
        let router = router.clone();
        async move {
            Ok::<_, Infallible>(router.oneshot(request.map(Body::new)).await.unwrap_or_else(|never| match never {}))
        }
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEAD_WITHIN).max_buf_size(HEAD_BYTES_MAX);
    // How a connection ends is its client's matter.
    drop(timeout(CONNECTION_MAX, http.serve_connection(TokioIo::new(stream), service)).await);
}

/// How many connections, or views, each address has.
#[derive(Clone, Debug, Default)]
pub(super) struct Addresses(Arc<Mutex<HashMap<IpAddr, usize>>>);

/// A connection, or a view, that counts until it is dropped.
#[derive(Debug)]
pub(super) struct Held(Addresses, IpAddr);

impl Addresses {
    /// Counts one more of an address, unless there are `most`.
    pub(super) fn hold(&self, address: IpAddr, most: usize) -> Option<Held> {
        let mut counts = self.lock();
        let count = counts.entry(address).or_default();
        if *count >= most {
            return None;
        }
        *count += 1;
        Some(Held(self.clone(), address))
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let mut counts = self.0.lock();
        let left = counts.get(&self.1).copied().unwrap_or_default().saturating_sub(1);
        if left == 0 {
            counts.remove(&self.1);
        } else {
            counts.insert(self.1, left);
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpSocket;

    use super::*;
    use crate::admin::testing::TestEdge;

    #[test]
    fn an_address_has_its_own_places_and_gets_them_back() {
        let (addresses, [one, other]) =
            (Addresses::default(), ["192.0.2.1", "192.0.2.2"].map(|text| text.parse().unwrap()));
        let held: Vec<_> = (0..3).map(|_| addresses.hold(one, 2)).collect();
        assert_eq!(held.iter().map(Option::is_some).collect::<Vec<_>>(), [true, true, false]);
        assert!(addresses.hold(other, 2).is_some());
        drop(held);
        assert!(addresses.hold(one, 1).is_some() && addresses.lock().is_empty());
    }

    #[tokio::test]
    async fn a_proxys_connections_are_many_peoples() {
        let edge = TestEdge::start().await;
        let address = edge.url.strip_prefix("http://").unwrap().parse().unwrap();
        let mut streams = Vec::new();
        for _ in 0..3 * OF_ONE_ADDRESS_MAX {
            let socket = TcpSocket::new_v4().unwrap();
            socket.bind("127.0.0.2:0".parse().unwrap()).unwrap();
            streams.push(socket.connect(address).await.unwrap());
        }
        let last = streams.last_mut().unwrap();
        last.write_all(b"GET /healthz HTTP/1.1\r\nHost: proxy\r\nConnection: close\r\n\r\n").await.unwrap();
        let mut answer = String::new();
        last.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
}
