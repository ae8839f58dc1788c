//! How many things each network holds at once.
//!
//! Guarantees:
//! - one network never holds more than the bound, a /48 never more than sixteen times it, and a /32 never more than
//!   thirty-two times
//! - a network that holds nothing takes no memory, so the whole is bounded by what is held
//!
//! Keys are hashed with a secret.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::networks;

/// Parts behind a lock of their own.
const SHARDS: usize = 16;

/// Who holds how many.
#[derive(Debug)]
pub struct Occupancy {
    most: u32,
    shards: [Mutex<HashMap<u128, u32>>; SHARDS],
}

/// One thing that is held, until it is dropped.
#[derive(Debug)]
pub struct Held {
    occupancy: Arc<Occupancy>,
    address: IpAddr,
    count: u32,
}

impl Occupancy {
    /// At most so many for each network.
    #[must_use]
    pub fn new(most: u32) -> Self {
        Self { most, shards: Default::default() }
    }

    /// Holds one more; none where the address's network holds all it may.
    pub fn hold(self: &Arc<Self>, address: IpAddr) -> Option<Held> {
        self.hold_many(address, 1)
    }

    /// Holds so many more at once, or none.
    pub fn hold_many(self: &Arc<Self>, address: IpAddr, count: u32) -> Option<Held> {
        for (taken, network) in networks(address).enumerate() {
            if !self.take(network.key, count, self.most.saturating_mul(network.factor)) {
                networks(address).take(taken).for_each(|network| self.give_back(network.key, count));
                return None;
            }
        }
        Some(Held { occupancy: Arc::clone(self), address, count })
    }

    /// How many networks hold anything; a /48 counts beside its /64s, and a /32 beside those.
    #[must_use]
    pub fn networks(&self) -> usize {
        self.shards.iter().map(|shard| lock(shard).len()).sum()
    }

    fn take(&self, key: u128, count: u32, most: u32) -> bool {
        let mut shard = self.shard(key);
        let held = shard.get(&key).copied().unwrap_or(0);
        let allowed = held.checked_add(count).is_some_and(|held| held <= most);
        if allowed && count > 0 {
            shard.insert(key, held + count);
        }
        allowed
    }

    fn give_back(&self, key: u128, count: u32) {
        let mut shard = self.shard(key);
        if let Some(held) = shard.get_mut(&key) {
            *held -= count;
            if *held == 0 {
                shard.remove(&key);
            }
        }
    }

    fn shard(&self, key: u128) -> MutexGuard<'_, HashMap<u128, u32>> {
        lock(&self.shards[key as usize % SHARDS])
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        networks(self.address).for_each(|network| self.occupancy.give_back(network.key, self.count));
    }
}

fn lock(shard: &Mutex<HashMap<u128, u32>>) -> MutexGuard<'_, HashMap<u128, u32>> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hold(occupancy: &Arc<Occupancy>, address: &str) -> Option<Held> {
        occupancy.hold(address.parse().unwrap())
    }

    #[test]
    fn a_network_holds_no_more_than_it_may_and_gets_back_what_it_let_go() {
        let occupancy = Arc::new(Occupancy::new(2));
        let mut held: Vec<_> = (0..2).filter_map(|_| hold(&occupancy, "192.0.2.1")).collect();
        assert!(hold(&occupancy, "192.0.2.1").is_none() && hold(&occupancy, "192.0.2.2").is_some());
        held.pop();
        assert!(hold(&occupancy, "::ffff:192.0.2.1").is_some());
        drop(held);
        assert_eq!(occupancy.networks(), 0, "nothing is remembered of who holds nothing");
    }

    #[test]
    fn a_48_holds_sixteen_times_as_much_as_a_64() {
        let occupancy = Arc::new(Occupancy::new(2));
        let held: Vec<_> = (0..100).filter_map(|net| hold(&occupancy, &format!("2001:db8:1:{net:x}::1"))).collect();
        assert_eq!((held.len(), occupancy.networks()), (32, 34));
        let same: Vec<_> = (0..9).filter_map(|host| hold(&occupancy, &format!("2001:db8:2:1::{host:x}"))).collect();
        assert_eq!(same.len(), 2);
    }
}
