//! The connections of the admin listener.
//!
//! Guarantees:
//! - there are no more than [`CONNECTIONS_MAX`], and of one address no more than [`OF_ONE_ADDRESS_MAX`]
//! - a head that does not come whole within [`HEAD_WITHIN`] is closed, and so is a connection on which nothing is
//!   asked for so long
//! - whoever reads an answer too slowly is closed as well

use std::collections::HashMap;
use std::convert::Infallible;
use std::io;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{sleep, timeout};
use tower::ServiceExt;

const CONNECTIONS_MAX: usize = 256;
const OF_ONE_ADDRESS_MAX: usize = 64;
const HEAD_WITHIN: Duration = Duration::from_secs(10);
const HEAD_BYTES_MAX: usize = 16 * 1024;
/// Whoever keeps a connection for longer connects anew.
const CONNECTION_MAX: Duration = Duration::from_secs(300);
/// Between two attempts while the system has no file left for a connection.
const ACCEPT_BACKOFF: Duration = Duration::from_millis(50);

/// Who sent a request.
#[derive(Clone, Copy, Debug)]
pub(super) struct Peer(pub(super) IpAddr);

/// Serves until the listener cannot be used any more, which it never says: accepting is tried again.
pub async fn serve(listener: TcpListener, router: Router) -> io::Result<()> {
    let (places, addresses) = (Arc::new(Semaphore::new(CONNECTIONS_MAX)), Addresses::default());
    while let Ok(place) = Arc::clone(&places).acquire_owned().await {
        match listener.accept().await {
            Ok((stream, peer)) => {
                // One more of an address that has enough is closed.
                let Some(held) = addresses.hold(peer.ip()) else { continue };
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

/// How many connections each address has.
#[derive(Clone, Default)]
struct Addresses(Arc<Mutex<HashMap<IpAddr, usize>>>);

/// A connection that counts until it is dropped.
struct Held(Addresses, IpAddr);

impl Addresses {
    fn hold(&self, address: IpAddr) -> Option<Held> {
        let mut counts = self.lock();
        let count = counts.entry(address).or_default();
        if *count >= OF_ONE_ADDRESS_MAX {
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
