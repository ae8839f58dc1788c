//! A counting semaphore with one bound in all and another per network.
//!
//! Guarantees: neither bound is ever exceeded. A permit gives its count back when it is dropped. Networks without a
//! limit count only in all.

use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use fairgate_core::rate_limit::{Held, Occupancy};

/// Both bounds.
#[derive(Debug)]
pub(crate) struct NetworkSemaphore {
    all: Arc<Semaphore>,
    /// None where networks have no limit.
    by_network: Option<Arc<Occupancy>>,
    unlimited: Vec<IpNet>,
}

/// A part of both bounds, until it is dropped.
#[derive(Debug)]
pub(crate) struct NetworkPermit {
    _of_all: OwnedSemaphorePermit,
    _of_network: Option<Held>,
}

/// The bound that has been reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reached {
    /// Nothing is left for anybody.
    All,
    /// The network has all it may have.
    Network,
}

impl NetworkSemaphore {
    /// A semaphore with a bound in all, and one for each network that has a limit; 0 for none.
    pub(crate) fn new(all: u32, of_network: u32, unlimited: &[IpNet]) -> Self {
        Self {
            all: Arc::new(Semaphore::new(all as usize)),
            by_network: (of_network > 0).then(|| Arc::new(Occupancy::new(of_network))),
            unlimited: unlimited.to_vec(),
        }
    }

    /// Takes so much for a client.
    ///
    /// # Errors
    /// The bound that is reached.
    pub(crate) fn take(&self, client: IpAddr, count: u32) -> Result<NetworkPermit, Reached> {
        let is_limited = !self.unlimited.iter().any(|net| net.contains(&client));
        let of_network = match self.by_network.as_ref().filter(|_| is_limited) {
            Some(networks) => Some(networks.hold_many(client, count).ok_or(Reached::Network)?),
            None => None,
        };
        let of_all = Arc::clone(&self.all).try_acquire_many_owned(count).map_err(|_| Reached::All)?;
        Ok(NetworkPermit { _of_all: of_all, _of_network: of_network })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neither_bound_is_passed_and_all_comes_back() {
        let bounded = NetworkSemaphore::new(100, 24, &["127.0.0.0/8".parse().unwrap()]);
        let take = |address: &str| bounded.take(address.parse().unwrap(), 5);
        let mut taken: Vec<NetworkPermit> = (0..9).filter_map(|_| take("192.0.2.1").ok()).collect();
        assert_eq!((taken.len(), take("192.0.2.1").unwrap_err()), (4, Reached::Network));
        taken.extend((0..9).filter_map(|_| take("127.0.0.1").ok()));
        taken.extend((0..99).filter_map(|host| take(&format!("198.51.100.{host}")).ok()));
        assert_eq!((taken.len(), take("192.0.2.9").unwrap_err()), (20, Reached::All));
        drop(taken);
        assert!(take("192.0.2.1").is_ok());
    }
}
