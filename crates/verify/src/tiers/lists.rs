//! One pass over the rosters and tags of all tiers: read in one thread, hashed in two others.

use std::hash::{BuildHasher, RandomState};
use std::io::Read;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use fairgate_draw::v2::{EMPTY_ENTRY, FrozenTier, NO_TAG, Record, Tag, TierFacts};
use fairgate_draw::{Hash, RootHasher, ZERO};
use ring::digest::{Context, SHA256};

use super::super::lines::{Blocks, for_each_line};
use super::super::roster::RosterFacts;
use super::super::source::{Source, SourceError};

/// Entries that are handed on together.
const BLOCK_ENTRIES: usize = 1 << 13;
/// Blocks that may wait to be hashed: reading never runs far ahead.
const BLOCKS_MAX: usize = 8;

/// What the lists of all tiers tell.
#[derive(Debug, Default)]
pub(super) struct Lists {
    /// For the steps of the record.
    pub(super) facts: Vec<TierFacts>,
    /// For people.
    pub(super) rosters: Vec<RosterFacts>,
    /// For claims.
    pub(super) prints: Prints,
    /// Prints of tags that stand twice, perhaps: they are read again before anybody is accused.
    suspects: Vec<u64>,
}

/// What is kept of every entry and tag: four bytes of a keyed hash, with a key of this run. Who does not know the key makes
/// a false one pass once in 2³² tries, and has one.
#[derive(Debug, Default)]
pub(super) struct Prints {
    key: RandomState,
    entries: Vec<Vec<u32>>,
    tags: Vec<Vec<u32>>,
}

/// The lists of a tier as they stream by.
struct Pass<'a> {
    tier: u8,
    entries: Blocks<Box<dyn Read>, 32>,
    tags: Option<Blocks<Box<dyn Read>, 16>>,
    key: &'a RandomState,
    found: Found,
}

/// What is found besides roots.
#[derive(Default)]
struct Found {
    entries: Vec<u32>,
    tags: Vec<u32>,
    missing: u64,
    misplaced: Option<u64>,
    stray_bytes: u64,
}

impl Lists {
    /// Reads the lists of a draw that is frozen; nothing of one that is not.
    pub(super) fn read(
        source: &Source,
        record: &Record,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<Self, SourceError> {
        let mut lists = Self::default();
        let expected = record.entries().unwrap_or(0);
        let tiers = record.tiers.as_ref().map_or(0, Vec::len);
        // The operator's numbers only size buffers, within reason.
        let mut wide = Vec::with_capacity(if record.descriptor.has_identities() { room_for(expected) } else { 0 });
        for tier in (0..=u8::MAX).take(tiers) {
            let tags = if record.descriptor.has_identities() { source.tier_tags(tier)? } else { None };
            let entries = Blocks::new(source.tier_roster(tier)?, BLOCK_ENTRIES);
            let tags = tags.map(|tags| Blocks::new(tags, BLOCK_ENTRIES));
            let key = &lists.prints.key;
            let before: u64 = lists.facts.iter().map(|facts| facts.frozen.entries).sum();
            let expected_here = record.tiers.as_ref().map_or(0, |tiers| tiers[usize::from(tier)].entries);
            let found = Found::with_room_for(expected_here, tags.is_some());
            let mut pass = Pass { tier, entries, tags, key, found };
            let (facts, roster) = pass.run(&mut wide, &mut |read| progress(before + read, expected))?;
            let found = pass.found;
            lists.facts.push(facts);
            lists.rosters.push(roster);
            lists.prints.entries.push(found.entries);
            lists.prints.tags.push(found.tags);
        }
        lists.suspects = twice(wide);
        Ok(lists)
    }

    /// Whether tags of every tier are published.
    pub(super) fn has_tags(&self) -> bool {
        !self.facts.is_empty() && self.facts.iter().all(|facts| facts.tags.is_some())
    }

    /// The first tag that stands twice in all tiers together, in the words of a report.
    pub(super) fn repeated_tag(&self, source: &Source) -> Result<Option<String>, SourceError> {
        let mut seen: Vec<(Tag, u8, u64)> = Vec::new();
        let mut repeated = None;
        for tier in (0..=u8::MAX).take(if self.suspects.is_empty() { 0 } else { self.facts.len() }) {
            let Some(tags) = source.tier_tags(tier)? else { continue };
            let mut index = 0;
            for_each_line::<16>(tags, |tag| {
                if repeated.is_none() && self.suspects.binary_search(&self.prints.key.hash_one(tag)).is_ok() {
                    let earlier = seen.iter().find(|(earlier, ..)| earlier == tag);
                    repeated = earlier.map(|(_, in_tier, at)| {
                        let tag = hex::encode(tag);
                        format!(
                            "the identity {tag} stands twice: at {at} of tier {in_tier}, and at {index} of tier {tier}"
                        )
                    });
                    seen.push((*tag, tier, index));
                }
                index += 1;
            })?;
        }
        Ok(repeated)
    }
}

impl Found {
    fn with_room_for(entries: u64, with_tags: bool) -> Self {
        let room = |wanted: bool| Vec::with_capacity(if wanted { room_for(entries) } else { 0 });
        Self { entries: room(true), tags: room(with_tags), ..Self::default() }
    }
}

fn room_for(entries: u64) -> usize {
    entries.min(1 << 26) as usize
}

impl Prints {
    /// Whether this entry stands at an index of a tier.
    pub(super) fn has_entry(&self, (tier, index): (u8, u64), entry: &Hash) -> bool {
        at(&self.entries, tier, index) == Some(self.print(entry))
    }

    /// Whether this tag stands at an index of a tier. Without a list of tags, every entry has [`NO_TAG`].
    pub(super) fn has_tag(&self, (tier, index): (u8, u64), tag: &Tag) -> bool {
        match self.tags.get(usize::from(tier)) {
            Some(tags) if !tags.is_empty() => at(&self.tags, tier, index) == Some(self.print(tag)),
            _ => *tag == NO_TAG,
        }
    }

    /// Whether the entry at an index of a tier is empty.
    pub(super) fn is_empty_at(&self, entry: (u8, u64)) -> bool {
        self.has_entry(entry, &EMPTY_ENTRY)
    }

    fn print<const N: usize>(&self, bytes: &[u8; N]) -> u32 {
        self.key.hash_one(bytes) as u32
    }
}

fn at(prints: &[Vec<u32>], tier: u8, index: u64) -> Option<u32> {
    prints.get(usize::from(tier))?.get(usize::try_from(index).ok()?).copied()
}

impl Pass<'_> {
    /// Reads to the end; `wide` takes a print of every tag, of eight bytes.
    fn run(
        &mut self,
        wide: &mut Vec<u64>,
        progress: &mut dyn FnMut(u64),
    ) -> Result<(TierFacts, RosterFacts), SourceError> {
        let has_tags = self.tags.is_some();
        let (to_entries, entries) = queue();
        let (to_tags, tags) = queue();
        let (read, roster, tags) = thread::scope(|scope| {
            let roster = scope.spawn(|| hash_entries(entries));
            let of_tags = scope.spawn(|| hash_tags(tags));
            let read = self.hand_on(to_entries, to_tags, wide, progress);
            (read, roster.join().expect("hashing does not fail"), of_tags.join().expect("hashing does not fail"))
        });
        read?;
        let ((entries, root), sha256) = roster;
        let (count, root_of_tags) = tags;
        let tags_root = if has_tags { root_of_tags } else { ZERO };
        let found = &self.found;
        let frozen = FrozenTier { entries, root, tags_root, missing: found.missing };
        let facts = TierFacts { frozen, tags: has_tags.then_some(count), misplaced: found.misplaced };
        let stray_bytes = found.stray_bytes;
        Ok((facts, RosterFacts { tier: Some(self.tier), entries, stray_bytes, root, sha256, repeated: 0 }))
    }

    fn hand_on(
        &mut self,
        to_entries: SyncSender<Vec<Hash>>,
        to_tags: SyncSender<Vec<Tag>>,
        wide: &mut Vec<u64>,
        progress: &mut dyn FnMut(u64),
    ) -> Result<(), SourceError> {
        let mut read = 0;
        loop {
            let entries = self.entries.next_block()?;
            let tags = self.tags.as_mut().map(Blocks::next_block).transpose()?.unwrap_or_default();
            if entries.is_empty() && tags.is_empty() {
                break;
            }
            self.look_at(read, &entries, &tags, wide);
            read += entries.len() as u64;
            progress(read);
            // A hasher that is gone has panicked, and is joined.
            _ = to_entries.send(entries);
            _ = to_tags.send(tags);
        }
        self.found.stray_bytes = self.entries.stray_bytes() + self.tags.as_ref().map_or(0, Blocks::stray_bytes);
        Ok(())
    }

    fn look_at(&mut self, first: u64, entries: &[Hash], tags: &[Tag], wide: &mut Vec<u64>) {
        let (key, found) = (self.key, &mut self.found);
        found.missing += entries.iter().filter(|entry| **entry == EMPTY_ENTRY).count() as u64;
        found.entries.extend(entries.iter().map(|entry| key.hash_one(entry) as u32));
        for (index, tag) in (first..).zip(tags) {
            let print = key.hash_one(tag);
            found.tags.push(print as u32);
            if *tag != NO_TAG {
                wide.push(print);
            }
            let entry = entries.get((index - first) as usize);
            let fits = entry.is_some_and(|entry| TierFacts::fits(entry, tag));
            found.misplaced = found.misplaced.or((!fits).then_some(index));
        }
    }
}

fn queue<T>() -> (SyncSender<T>, Receiver<T>) {
    sync_channel(BLOCKS_MAX)
}

fn hash_entries(blocks: Receiver<Vec<Hash>>) -> ((u64, Hash), Hash) {
    let (mut root, mut sha256) = (RootHasher::new(), Context::new(&SHA256));
    for block in blocks {
        sha256.update(block.as_flattened());
        block.iter().for_each(|entry| root.push(entry));
    }
    let sha256 = sha256.finish().as_ref().try_into().expect("SHA-256 has 32 bytes");
    (root.finish(), sha256)
}

fn hash_tags(blocks: Receiver<Vec<Tag>>) -> (u64, Hash) {
    let mut root = RootHasher::new();
    blocks.iter().for_each(|block: Vec<Tag>| block.iter().for_each(|tag| root.push(tag)));
    root.finish()
}

/// Prints that stand there more than once, ascending.
fn twice(mut prints: Vec<u64>) -> Vec<u64> {
    prints.sort_unstable();
    let mut twice: Vec<u64> = prints.windows(2).filter(|pair| pair[0] == pair[1]).map(|pair| pair[0]).collect();
    twice.dedup();
    twice
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_that_stand_twice_are_told_once() {
        assert_eq!(twice(vec![5, 1, 5, 2, 5, 1]), [1, 5]);
        assert_eq!(twice(vec![]), [0_u64; 0]);
    }
}
