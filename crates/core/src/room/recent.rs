//! Entries of the last minute, so that a join whose answer was lost is not entered twice.
//!
//! Guarantees:
//! - an entry entered less than a minute ago is found again
//! - it is forgotten with all others of its minute, when that is the one before the last
//!
//! 16 bytes of each entry are kept, and about 8 bytes of index. Entries are SHA-256 hashes, so 128 bits cannot be made
//! to meet another fan's.

use std::collections::VecDeque;
use std::hash::{BuildHasher, RandomState};

use hashbrown::HashTable;

use super::Entry;

pub(super) const MINUTE_MS: u64 = 60_000;

type Digest = [u8; 16];

/// The latest entries in order of arrival. Each is known by its ordinal: how many entries came before it.
#[derive(Clone, Debug, Default)]
pub(super) struct Recent {
    digests: VecDeque<Digest>,
    /// The ordinal of the first digest kept.
    first: u64,
    /// The low halves of ordinals, found by digest.
    index: HashTable<u32>,
    /// When entries came: a minute, and the ordinal after the last entry of that minute.
    minutes: VecDeque<(u64, u64)>,
    hasher: RandomState,
}

impl Recent {
    /// Nothing is remembered, and so many entries came before.
    pub(super) fn starting_at(first: u64) -> Self {
        Self { first, ..Self::default() }
    }

    /// Forgets what came before the last minute began.
    pub(super) fn forget(&mut self, now_ms: u64) {
        while let Some((_, end)) = self.minutes.pop_front_if(|(minute, _)| *minute + 1 < now_ms / MINUTE_MS) {
            self.forget_below(end);
        }
    }

    /// The ordinal of an entry that came lately.
    pub(super) fn find(&self, entry: &Entry) -> Option<u64> {
        let digest = digest(entry);
        let low = self.index.find(self.hasher.hash_one(digest), |low| self.digests[self.offset(*low)] == digest)?;
        Some(self.first + self.offset(*low) as u64)
    }

    /// Remembers an entry that [`Recent::find`] does not find; answers its ordinal.
    pub(super) fn push(&mut self, entry: &Entry, now_ms: u64) -> u64 {
        let digest = digest(entry);
        let ordinal = self.first + self.digests.len() as u64;
        self.digests.push_back(digest);
        let Self { digests, first, index, hasher, .. } = self;
        index.insert_unique(hasher.hash_one(digest), low_half(ordinal), |low| {
            hasher.hash_one(digests[offset(*first, *low)])
        });
        let minute = now_ms / MINUTE_MS;
        match self.minutes.back_mut() {
            Some((last, end)) if *last == minute => *end = ordinal + 1,
            _ => self.minutes.push_back((minute, ordinal + 1)),
        }
        ordinal
    }

    fn forget_below(&mut self, end: u64) {
        while self.first < end {
            let Some(digest) = self.digests.front() else { return };
            let low = low_half(self.first);
            if let Ok(found) = self.index.find_entry(self.hasher.hash_one(digest), |other| *other == low) {
                found.remove();
            }
            self.digests.pop_front();
            self.first += 1;
        }
        self.give_memory_back();
    }

    /// After a rush, most of what was allocated is of no use any more.
    fn give_memory_back(&mut self) {
        if self.digests.capacity() > 4096 && self.digests.len() < self.digests.capacity() / 8 {
            self.digests.shrink_to(self.digests.len() * 2);
            let Self { digests, first, index, hasher, .. } = self;
            index.shrink_to(digests.len() * 2, |low| hasher.hash_one(digests[offset(*first, *low)]));
        }
    }

    fn offset(&self, low: u32) -> usize {
        offset(self.first, low)
    }
}

/// Two memories are equal if they would find the same entries until the same times.
impl PartialEq for Recent {
    fn eq(&self, other: &Self) -> bool {
        self.first == other.first && self.digests == other.digests && self.minutes == other.minutes
    }
}

fn digest(entry: &Entry) -> Digest {
    *entry.first_chunk().expect("an entry has 32 bytes")
}

fn low_half(ordinal: u64) -> u32 {
    (ordinal & u64::from(u32::MAX)) as u32
}

/// How far an ordinal lies behind the first one kept; fewer than 2³² entries come in a minute.
fn offset(first: u64, low: u32) -> usize {
    low.wrapping_sub(low_half(first)) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(n: u64) -> Entry {
        let mut entry = [0; 32];
        entry[..8].copy_from_slice(&n.to_be_bytes());
        entry
    }

    #[test]
    fn finds_for_a_minute_and_not_for_two() {
        let mut recent = Recent::default();
        for n in 0..20_000 {
            recent.forget(n * 10);
            assert_eq!(recent.push(&entry(n), n * 10), n);
        }
        // Minutes begin at 0, 60, 120 and 180 s; the last entry came at 199.99 s.
        for n in 0..20_000 {
            assert_eq!(recent.find(&entry(n)), (n >= 12_000).then_some(n), "entry {n}");
        }
    }

    #[test]
    fn gives_memory_back_after_a_rush() {
        let mut recent = Recent::default();
        (0..100_000).for_each(|n| _ = recent.push(&entry(n), 0));
        recent.forget(2 * MINUTE_MS);
        assert!(recent.digests.capacity() < 100 && recent.index.capacity() < 100);
        assert_eq!(recent.push(&entry(7), 2 * MINUTE_MS), 100_000);
        assert_eq!(recent.find(&entry(7)), Some(100_000));
    }

    #[test]
    fn ordinals_may_cross_two_to_the_32() {
        let mut recent = Recent { first: u64::from(u32::MAX) - 1, ..Recent::default() };
        (0..5).for_each(|n| _ = recent.push(&entry(n), n / 4 * MINUTE_MS));
        assert_eq!(recent.find(&entry(4)), Some(u64::from(u32::MAX) + 3));
        recent.forget(2 * MINUTE_MS);
        assert_eq!((recent.find(&entry(3)), recent.find(&entry(4))), (None, Some(u64::from(u32::MAX) + 3)));
    }
}
