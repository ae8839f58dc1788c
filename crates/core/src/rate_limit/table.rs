//! The keys' numbers, in a table of a fixed size.
//!
//! Guarantees:
//! - memory is taken once and never grows
//! - a key that asks stays in as long as it is more in use than the others of its set
//!
//! Who is pushed out begins anew. Under a flood of new keys the table forgets the quietest first, and those who flood
//! have spent their credit longest. Sets are chosen by a keyed hash, so nobody can aim at one.

use std::hash::{BuildHasher, RandomState};
use std::sync::{Mutex, PoisonError};

use super::{Quota, Verdict};

/// Keys that share a set.
const WAYS: usize = 8;
/// Sets behind one lock.
const SETS_A_SHARD: usize = 64;

#[derive(Clone, Copy, Debug, Default)]
struct Entry {
    key: u64,
    whole_at_us: u64,
}

type Set = [Entry; WAYS];

/// A table of keys.
pub struct Table {
    shards: Box<[Mutex<Box<[Set]>>]>,
    hasher: RandomState,
}

impl Table {
    /// A table for so many keys, of 16 bytes each, rounded up.
    #[must_use]
    pub fn new(keys: usize) -> Self {
        let shards = keys.div_ceil(WAYS * SETS_A_SHARD).next_power_of_two();
        let shard = || Mutex::new(vec![Set::default(); SETS_A_SHARD].into_boxed_slice());
        Self { shards: (0..shards).map(|_| shard()).collect(), hasher: RandomState::new() }
    }

    /// The bytes that it takes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.shards.len() * (SETS_A_SHARD * size_of::<Set>() + size_of::<Mutex<Box<[Set]>>>())
    }

    /// What [`ask`](Self::ask) would say now; changes nothing.
    #[inline]
    pub fn look(&self, class: u8, key: u128, quota: &Quota, now_us: u64) -> Verdict {
        let (hash, shard) = self.shard(class, key);
        let sets = shard.lock().unwrap_or_else(PoisonError::into_inner);
        let known = sets[hash as usize % SETS_A_SHARD].iter().find(|entry| entry.key == hash);
        quota.ask(&mut known.map_or(0, |entry| entry.whole_at_us), now_us)
    }

    /// Asks for one request of a key of a class.
    #[inline]
    pub fn ask(&self, class: u8, key: u128, quota: &Quota, now_us: u64) -> Verdict {
        let (hash, shard) = self.shard(class, key);
        let mut sets = shard.lock().unwrap_or_else(PoisonError::into_inner);
        let set = &mut sets[hash as usize % SETS_A_SHARD];
        let at = set.iter().position(|entry| entry.key == hash).unwrap_or_else(|| {
            let quietest = (0..WAYS).min_by_key(|at| set[*at].whole_at_us).unwrap_or(0);
            set[quietest] = Entry { key: hash, whole_at_us: 0 };
            quietest
        });
        quota.ask(&mut set[at].whole_at_us, now_us)
    }

    fn shard(&self, class: u8, key: u128) -> (u64, &Mutex<Box<[Set]>>) {
        let hash = self.hasher.hash_one((class, key));
        (hash, &self.shards[(hash >> 32) as usize & (self.shards.len() - 1)])
    }
}

impl std::fmt::Debug for Table {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Table").field("bytes", &self.bytes()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUOTA: Quota = Quota { per_minute: 60, burst: 2 };

    fn is_allowed(table: &Table, class: u8, key: u128, now_us: u64) -> bool {
        matches!(table.ask(class, key, &QUOTA, now_us), Verdict::Allowed { .. })
    }

    #[test]
    fn a_look_says_what_asking_would_and_spends_nothing() {
        let (table, now_us) = (Table::new(1_000), 1 << 40);
        for left in [1, 0] {
            let looks = [0; 3].map(|_| table.look(1, 7, &QUOTA, now_us));
            assert_eq!(looks, [Verdict::Allowed { remaining: left }; 3]);
            assert_eq!(table.ask(1, 7, &QUOTA, now_us), looks[0]);
        }
        assert_eq!(table.look(1, 7, &QUOTA, now_us), table.ask(1, 7, &QUOTA, now_us));
        assert!(!is_allowed(&table, 1, 7, now_us));
    }

    #[test]
    fn keys_and_classes_have_credit_of_their_own() {
        let table = Table::new(1_000);
        let now_us = 1 << 40;
        assert_eq!([0; 3].map(|_| is_allowed(&table, 1, 7, now_us)), [true, true, false]);
        assert!(is_allowed(&table, 2, 7, now_us) && is_allowed(&table, 1, 8, now_us));
        assert!(is_allowed(&table, 1, 7, now_us + 1_000_000));
    }

    #[test]
    fn a_million_keys_take_no_more_memory_and_do_not_free_one_that_floods() {
        let table = Table::new(10_000);
        let (bytes, now_us) = (table.bytes(), 1_u64 << 40);
        assert!(bytes < 400_000, "{bytes}");
        let mut allowed = 0;
        for key in 0..1_000_000_u128 {
            let now_us = now_us + key as u64;
            is_allowed(&table, 1, key, now_us);
            // One of them asks a hundred times as often as there are sets to be pushed out of.
            allowed += u32::from(key % 16 == 0 && is_allowed(&table, 1, u128::MAX, now_us));
        }
        assert_eq!(table.bytes(), bytes);
        // A second has passed: two at once, and one more.
        assert!(allowed <= 4, "{allowed} requests of one key");
    }
}
