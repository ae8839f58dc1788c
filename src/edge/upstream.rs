//! The shop behind the gate: where it is, and how much of it may be in use at once.
//!
//! Guarantees: never more than `max_in_flight` requests are with a shop; a short queue waits for a slot, bounded in
//! number and time; a slot is given back when its guard is dropped, however the request ended.

use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use pingora::upstreams::peer::HttpPeer;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::config::UpstreamConfig;
use crate::observe::Shed;

/// How long an unused connection to the shop is kept.
const IDLE: Duration = Duration::from_secs(60);

/// A shop.
pub(crate) struct Upstream {
    config: UpstreamConfig,
    address: SocketAddr,
    slots: Arc<Semaphore>,
    queued: AtomicU32,
}

/// Why a shop cannot be used.
#[derive(Debug, thiserror::Error)]
#[error(
    "the address of upstream {name:?}, {host:?}, cannot be resolved: {reason}; check `address` and the name servers"
)]
pub struct UnresolvedUpstream {
    name: String,
    host: String,
    reason: String,
}

/// The right to have one request with the shop.
#[derive(Debug)]
pub(crate) struct Slot {
    _permit: OwnedSemaphorePermit,
}

impl Upstream {
    pub(crate) fn resolve(config: &UpstreamConfig) -> Result<Self, UnresolvedUpstream> {
        let unresolved =
            |reason: String| UnresolvedUpstream { name: config.name.clone(), host: config.host.clone(), reason };
        let mut addresses =
            (&*config.host, config.port).to_socket_addrs().map_err(|error| unresolved(error.to_string()))?;
        let address = addresses.next().ok_or_else(|| unresolved("it has no address".to_owned()))?;
        let slots = Arc::new(Semaphore::new(config.in_flight_max as usize));
        Ok(Self { config: config.clone(), address, slots, queued: AtomicU32::new(0) })
    }

    /// What rooms call it.
    pub(crate) fn name(&self) -> &str {
        &self.config.name
    }

    /// Where to connect. `silence_ms` is how long the shop may keep silent, where that is not the configured time.
    pub(crate) fn peer(&self, silence_ms: Option<u64>) -> HttpPeer {
        let mut peer = HttpPeer::new(self.address, self.config.tls, self.config.host.clone());
        let connect = Duration::from_millis(self.config.connect_timeout_ms);
        let silence = Duration::from_millis(silence_ms.unwrap_or(self.config.read_timeout_ms));
        peer.options.connection_timeout = Some(connect);
        peer.options.total_connection_timeout = Some(connect);
        peer.options.read_timeout = Some(silence);
        peer.options.write_timeout = Some(Duration::from_millis(self.config.read_timeout_ms));
        peer.options.idle_timeout = Some(IDLE);
        peer
    }

    /// Takes a slot, now or within the queue's time.
    ///
    /// # Errors
    /// The shop has all it can take.
    pub(crate) async fn slot(&self) -> Result<Slot, Shed> {
        if let Ok(permit) = Arc::clone(&self.slots).try_acquire_owned() {
            return Ok(Slot { _permit: permit });
        }
        let _queued = Queued::enter(&self.queued, self.config.queue_max).ok_or(Shed::UpstreamQueue)?;
        let wait = Duration::from_millis(self.config.queue_wait_ms);
        match tokio::time::timeout(wait, Arc::clone(&self.slots).acquire_owned()).await {
            Ok(Ok(permit)) => Ok(Slot { _permit: permit }),
            Ok(Err(_)) | Err(_) => Err(Shed::UpstreamWait),
        }
    }

    /// Requests with the shop, and waiting for it.
    pub(crate) fn load(&self) -> (usize, usize) {
        let in_flight = (self.config.in_flight_max as usize).saturating_sub(self.slots.available_permits());
        (in_flight, self.queued.load(Ordering::Relaxed) as usize)
    }
}

/// A place in the short queue.
struct Queued<'q>(&'q AtomicU32);

impl<'q> Queued<'q> {
    fn enter(queued: &'q AtomicU32, queue_max: u32) -> Option<Self> {
        let before = queued.fetch_add(1, Ordering::Relaxed);
        // Made first, so that it is undone by the drop where the queue is full.
        let entered = Self(queued);
        (before < queue_max).then_some(entered)
    }
}

impl Drop for Queued<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn upstream(in_flight_max: u32, queue_max: u32) -> Upstream {
        Upstream::resolve(&UpstreamConfig {
            name: "shop".to_owned(),
            host: "127.0.0.1".to_owned(),
            port: 1,
            tls: false,
            connect_timeout_ms: 1_000,
            read_timeout_ms: 1_000,
            in_flight_max,
            queue_max,
            queue_wait_ms: 1_000,
        })
        .unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn slots_are_bounded_and_come_back() {
        let shop = upstream(1, 1);
        let first = shop.slot().await.unwrap();
        let (waited, too_many) = tokio::join!(shop.slot(), shop.slot());
        assert_eq!((waited.unwrap_err(), too_many.unwrap_err()), (Shed::UpstreamWait, Shed::UpstreamQueue));
        let (second, ()) = tokio::join!(shop.slot(), async { drop(first) });
        assert!(second.is_ok());
        assert_eq!(shop.load(), (1, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_queue_it_is_now_or_not() {
        let shop = upstream(1, 0);
        let _slot = shop.slot().await.unwrap();
        let before = tokio::time::Instant::now();
        assert_eq!(shop.slot().await.unwrap_err(), Shed::UpstreamQueue);
        assert_eq!(before.elapsed(), Duration::ZERO);
    }
}
