//! One pass over a roster, whatever its size.

use std::hash::{BuildHasher, RandomState};
use std::io::Read;

use fairgate_draw::{Hash, RootHasher};
use ring::digest::{Context, SHA256};
use serde::Serialize;

use super::lines::for_each_line;
use super::source::SourceError;

const ENTRY_BYTES: usize = 32;

/// The progress is told every so many entries.
const PROGRESS_ENTRIES: u64 = 1 << 14;

/// What a pass over a roster tells.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RosterFacts {
    /// Which tier's roster it is, of a draw with tiers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tier: Option<u8>,
    /// How many whole entries it has.
    pub entries: u64,
    /// Bytes after the last whole entry: none, in a roster.
    pub stray_bytes: u64,
    /// The root over its entries.
    #[serde(serialize_with = "hex::serde::serialize")]
    pub root: Hash,
    /// The SHA-256 of its bytes, to name the file in a letter.
    #[serde(serialize_with = "hex::serde::serialize")]
    pub sha256: Hash,
    /// How many entries repeat an earlier one: a fan who was entered twice with the same random bytes.
    pub repeated: u64,
}

/// What is kept of every entry: a keyed hash of eight bytes, with a key of this run. Who does not know the key cannot make two
/// entries that look alike here.
#[derive(Debug, Default)]
pub(super) struct Fingerprints {
    key: RandomState,
    prints: Vec<u64>,
}

impl Fingerprints {
    /// True if this entry stands at an index.
    pub(super) fn has(&self, index: u64, entry: &Hash) -> bool {
        let print = usize::try_from(index).ok().and_then(|index| self.prints.get(index));
        print == Some(&self.key.hash_one(entry))
    }

    fn push(&mut self, entry: &Hash) {
        self.prints.push(self.key.hash_one(entry));
    }

    /// How many entries repeat an earlier one.
    pub(super) fn count_repeated(mut self) -> u64 {
        self.prints.sort_unstable();
        self.prints.windows(2).filter(|pair| pair[0] == pair[1]).count() as u64
    }
}

/// Reads a roster to its end; `expected` entries only size a buffer and the progress. Repeated entries are not counted yet.
pub(super) fn read(
    roster: impl Read,
    expected: u64,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<(RosterFacts, Fingerprints), SourceError> {
    let mut reading = Reading::new(expected);
    let mut roster = Hashed { from: roster, sha256: Context::new(&SHA256) };
    let stray_bytes = for_each_line::<ENTRY_BYTES>(&mut roster, |entry| {
        reading.hasher.push(entry);
        reading.prints.push(entry);
        if reading.hasher.entries().is_multiple_of(PROGRESS_ENTRIES) {
            progress(reading.hasher.entries(), expected);
        }
    })?;
    progress(reading.hasher.entries(), expected);
    Ok(reading.finish(stray_bytes, roster.sha256))
}

/// Looks for what stands at an index, and for where an entry stands.
pub(super) fn search(roster: impl Read, index: u64, entry: &Hash) -> Result<Search, SourceError> {
    let mut hasher = RootHasher::new();
    let (mut at_index, mut stands_at) = (None, None);
    for_each_line::<ENTRY_BYTES>(roster, |found| {
        let position = hasher.entries();
        at_index = at_index.or((position == index).then_some(*found));
        stands_at = stands_at.or((found == entry).then_some(position));
        hasher.push(found);
    })?;
    let (entries, root) = hasher.finish();
    Ok(Search { at_index, stands_at, entries, root })
}

/// What a search through a roster finds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Search {
    /// The entry at the index that was asked for.
    pub(super) at_index: Option<Hash>,
    /// The first index at which the entry that was asked for stands.
    pub(super) stands_at: Option<u64>,
    pub(super) entries: u64,
    pub(super) root: Hash,
}

struct Reading {
    hasher: RootHasher,
    prints: Fingerprints,
}

impl Reading {
    fn new(expected: u64) -> Self {
        // The operator's number only sizes the buffer, within reason.
        let prints = Vec::with_capacity(expected.min(1 << 26) as usize);
        Self { hasher: RootHasher::new(), prints: Fingerprints { key: RandomState::new(), prints } }
    }

    fn finish(self, stray_bytes: u64, sha256: Context) -> (RosterFacts, Fingerprints) {
        let (entries, root) = self.hasher.finish();
        let sha256 = sha256.finish().as_ref().try_into().expect("SHA-256 has 32 bytes");
        (RosterFacts { tier: None, entries, stray_bytes, root, sha256, repeated: 0 }, self.prints)
    }
}

/// Hashes whatever is read through it.
struct Hashed<R> {
    from: R,
    sha256: Context,
}

impl<R: Read> Read for Hashed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.from.read(buffer)?;
        self.sha256.update(&buffer[..read]);
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(bytes: &[u8]) -> RosterFacts {
        let (facts, prints) = read(bytes, 3, &mut |_, _| {}).unwrap();
        RosterFacts { repeated: prints.count_repeated(), ..facts }
    }

    #[test]
    fn counts_hashes_and_finds_what_repeats() {
        let entry = |i: u32| ring::digest::digest(&SHA256, &i.to_be_bytes()).as_ref().to_vec();
        let mut roster: Vec<u8> = (0..5000).flat_map(entry).collect();
        let honest = facts(&roster);
        assert_eq!((honest.entries, honest.stray_bytes, honest.repeated), (5000, 0, 0));
        roster.extend(entry(7));
        roster.extend(entry(7));
        roster.push(1);
        let odd = facts(&roster);
        assert_eq!((odd.entries, odd.stray_bytes, odd.repeated), (5002, 1, 2));
        assert_ne!(odd.root, honest.root);
        assert_eq!(hex::encode(facts(b"").sha256), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    }
}
