//! One pass over a roster, whatever its size.

use std::io::{self, Read};

use fairgate_draw::{Hash, RootHasher};
use ring::digest::{Context, SHA256};
use serde::Serialize;

use super::source::SourceError;

const ENTRY_BYTES: usize = 32;
const BUFFER_BYTES: usize = 1 << 16;

/// What a pass over a roster tells.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RosterFacts {
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

/// Reads a roster to its end; `expected` entries only size a buffer and the progress.
pub(super) fn read(
    roster: impl Read,
    expected: u64,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<RosterFacts, SourceError> {
    let mut reading = Reading::new(expected);
    for_each_chunk(roster, |bytes| {
        reading.take(bytes);
        progress(reading.hasher.entries(), expected);
    })?;
    Ok(reading.finish())
}

/// Looks for what stands at an index, and for where an entry stands.
pub(super) fn search(roster: impl Read, index: u64, entry: &Hash) -> Result<Search, SourceError> {
    let mut hasher = RootHasher::new();
    let (mut at_index, mut stands_at) = (None, None);
    for_each_chunk(roster, |bytes| {
        for found in bytes.as_chunks::<ENTRY_BYTES>().0 {
            let position = hasher.entries();
            at_index = at_index.or((position == index).then_some(*found));
            stands_at = stands_at.or((found == entry).then_some(position));
            hasher.push(found);
        }
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

/// Reads whole entries, many at a time; only the last chunk can end in a part of one.
fn for_each_chunk(mut roster: impl Read, mut visit: impl FnMut(&[u8])) -> Result<(), SourceError> {
    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        let bytes = fill(&mut roster, &mut buffer).map_err(SourceError::Roster)?;
        visit(&buffer[..bytes]);
        if bytes < BUFFER_BYTES {
            return Ok(());
        }
    }
}

/// Reads until the buffer is full or the roster ends, so that no entry is split.
fn fill(roster: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match roster.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

struct Reading {
    hasher: RootHasher,
    sha256: Context,
    /// The first eight bytes of each entry. Entries are hashes: where these agree, the entries do.
    heads: Vec<u64>,
    stray_bytes: u64,
}

impl Reading {
    fn new(expected: u64) -> Self {
        // The operator's number only sizes the buffer, within reason.
        let heads = Vec::with_capacity(expected.min(1 << 26) as usize);
        Self { hasher: RootHasher::new(), sha256: Context::new(&SHA256), heads, stray_bytes: 0 }
    }

    fn take(&mut self, bytes: &[u8]) {
        self.sha256.update(bytes);
        let (entries, stray) = bytes.as_chunks::<ENTRY_BYTES>();
        for entry in entries {
            self.hasher.push(entry);
            self.heads.push(u64::from_be_bytes(*entry.first_chunk().expect("an entry has 32 bytes")));
        }
        self.stray_bytes += stray.len() as u64;
    }

    fn finish(mut self) -> RosterFacts {
        self.heads.sort_unstable();
        let repeated = self.heads.windows(2).filter(|pair| pair[0] == pair[1]).count() as u64;
        let (entries, root) = self.hasher.finish();
        let sha256 = self.sha256.finish().as_ref().try_into().expect("SHA-256 has 32 bytes");
        RosterFacts { entries, stray_bytes: self.stray_bytes, root, sha256, repeated }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(bytes: &[u8]) -> RosterFacts {
        read(bytes, 3, &mut |_, _| {}).unwrap()
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
