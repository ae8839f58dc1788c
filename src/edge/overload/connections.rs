//! The limit of client connections, in all and per network.
//!
//! Guarantee: a connection counts for exactly as long as its [`Connection`] is held.

use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::config::EdgeConfig;
use crate::observe::Shed;
use fairgate_core::rate_limit::{Held, Occupancy};

/// The open connections.
#[derive(Debug)]
pub(crate) struct Connections {
    all: Arc<Semaphore>,
    most: usize,
    /// None where networks have no limit.
    by_network: Option<Arc<Occupancy>>,
    unlimited: Vec<IpNet>,
}

/// One connection.
#[derive(Debug)]
pub(crate) struct Connection {
    _of_all: OwnedSemaphorePermit,
    _of_network: Option<Held>,
}

impl Connections {
    /// With so many in all. Behind a trusted proxy there is no client's connection to be counted.
    pub(crate) fn new(config: &EdgeConfig, most: usize) -> Self {
        let (by_network, most) = (config.limits.network_connections, most.min(Semaphore::MAX_PERMITS));
        let unlimited = config.limits.unlimited.iter().chain(&config.trusted_proxies).copied();
        Self {
            all: Arc::new(Semaphore::new(most)),
            most,
            by_network: (by_network > 0).then(|| Arc::new(Occupancy::new(by_network))),
            unlimited: unlimited.collect(),
        }
    }

    /// The number of open connections.
    pub(crate) fn count(&self) -> usize {
        self.most - self.all.available_permits()
    }

    /// One more.
    ///
    /// # Errors
    /// As many connections are open as there may be.
    pub(crate) fn open(&self, peer: Option<IpAddr>) -> Result<Connection, Shed> {
        let of_network = match (&self.by_network, peer.map(|peer| peer.to_canonical())) {
            (Some(networks), Some(peer)) if !self.unlimited.iter().any(|net| net.contains(&peer)) => {
                Some(networks.hold(peer).ok_or(Shed::NetworkConnections)?)
            }
            _ => None,
        };
        let of_all = Arc::clone(&self.all).try_acquire_owned().map_err(|_| Shed::Connections)?;
        Ok(Connection { _of_all: of_all, _of_network: of_network })
    }
}
