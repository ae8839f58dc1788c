//! What outlives an edge's process: knowledge that is a second old at most, and the entries that it answered. They are
//! in the very bytes in which an edge writes them.

use fairgate_core::recovery::Replica;
use fairgate_core::room::{Entry, Position, Spot};
use fairgate_store::redis::PlayedEntries;

use super::super::messages::{AnsweredEntry, TierList};
use super::super::sabotage::Sabotage;

/// How old the knowledge on the disk may be, as in the store's ledger.
const SAVE_EVERY_MS: u64 = 1_000;

/// An edge's disk.
#[derive(Clone, Debug, Default)]
pub(crate) struct Disk {
    pub(crate) replica: Replica,
    entries: PlayedEntries,
    /// With [`Sabotage::NoFrames`] and [`Sabotage::NoChecksums`]: the same without frames.
    records: Vec<u8>,
    /// With [`Sabotage::NoFrames`]: where in it a write was cut short, and with which bytes.
    torn: Vec<(usize, Vec<u8>)>,
    /// A copy of a frozen roster, and its root.
    copy: Option<([u8; 32], Vec<Entry>)>,
    /// In a room with tiers: what was answered, and copies of the frozen lists by the root over all of them.
    answered: Vec<AnsweredEntry>,
    lists: Option<([u8; 32], Vec<TierList>)>,
    saved_at_ms: Option<u64>,
}

impl Disk {
    /// Writes down what was answered in a room with tiers.
    pub(crate) fn note_answered(&mut self, answered: Vec<AnsweredEntry>) {
        self.answered.extend(answered);
    }

    /// What was answered in a room with tiers.
    pub(crate) fn answered(&self) -> &[AnsweredEntry] {
        &self.answered
    }

    /// Keeps copies of the rosters and tags of which this is the root.
    pub(crate) fn keep_lists(&mut self, root: [u8; 32], lists: Vec<TierList>) {
        self.lists = Some((root, lists));
    }

    /// The copies of the rosters and tags with this root.
    pub(crate) fn lists(&self, root: &[u8; 32]) -> Option<&[TierList]> {
        self.lists.as_ref().filter(|(kept, _)| kept == root).map(|(_, lists)| lists.as_slice())
    }

    /// True if there is a copy of all that this is the root of.
    pub(crate) fn has_copy(&self, root: &[u8; 32]) -> bool {
        self.copy(root).is_some() || self.lists(root).is_some()
    }

    /// Writes down what is known, unless that was done just now and entries are where they were.
    pub(crate) fn save(&mut self, replica: &Replica, now_ms: u64) {
        let is_other = (self.replica.backlog_from, self.replica.complete_in.last())
            != (replica.backlog_from, replica.complete_in.last());
        if is_other || self.saved_at_ms.is_none_or(|saved_at_ms| now_ms >= saved_at_ms + SAVE_EVERY_MS) {
            self.saved_at_ms = Some(now_ms);
            self.replica = replica.clone();
        }
    }

    /// Writes down the entries of the pool among those that were answered.
    pub(crate) fn note(&mut self, entries: &[Entry], positions: &[Position]) {
        self.entries.push(entries, positions);
        for (entry, position) in entries.iter().zip(positions) {
            if let Position::Pool(index) = position {
                self.records.extend(index.to_be_bytes());
                self.records.extend(entry);
            }
        }
    }

    /// A write was cut short when the process was killed: nobody was answered for it.
    pub(crate) fn tear(&mut self) {
        let mut next = PlayedEntries::default();
        next.push(&[[0x55; 32]; 3], &[0, 1, 2].map(Position::Pool));
        let frame = &next.bytes[next.bytes.len() - 3 * 40..];
        if !self.entries.bytes.is_empty() {
            self.entries.bytes.extend(&next.bytes[16..next.bytes.len() - 57]);
            self.torn.push((self.records.len(), frame[..57].to_vec()));
        }
    }

    /// One bit of what is on it flips.
    pub(crate) fn rot(&mut self, at: usize) {
        for bytes in [&mut self.entries.bytes, &mut self.records] {
            let length = bytes.len();
            if length > 100 {
                bytes[60 + at % (length - 60)] ^= 0x10;
            }
        }
    }

    /// The numbers that were answered.
    pub(crate) fn positions(&self) -> impl Iterator<Item = Spot> {
        let entries = self.entries.entries().into_iter().map(|(index, _)| Spot::Pool { tier: 0, index });
        entries.chain(self.answered.iter().map(|answered| answered.at))
    }

    /// An edge starts with it.
    pub(crate) fn open(&mut self) {
        self.entries.open();
    }

    /// Keeps a copy of the roster of which this is the root.
    pub(crate) fn keep(&mut self, root: [u8; 32], roster: Vec<Entry>) {
        self.copy = Some((root, roster));
    }

    /// The copy of the roster with this root.
    pub(crate) fn copy(&self, root: &[u8; 32]) -> Option<&[Entry]> {
        self.copy.as_ref().filter(|(kept, _)| kept == root).map(|(_, roster)| roster.as_slice())
    }

    /// The entries from an index on.
    pub(crate) fn entries(&self, from: u64, sabotage: Option<Sabotage>) -> Vec<(u64, Entry)> {
        let entries = match sabotage {
            Some(Sabotage::NoFrames) => self.records_as_torn().as_chunks().0.iter().map(record).collect(),
            Some(Sabotage::NoChecksums) => self.records.as_chunks().0.iter().map(record).collect(),
            _ => self.entries.entries(),
        };
        entries.into_iter().filter(|(index, _)| *index >= from).collect()
    }

    fn records_as_torn(&self) -> Vec<u8> {
        let mut records = self.records.clone();
        for (at, bytes) in self.torn.iter().rev() {
            records.splice(at..at, bytes.iter().copied());
        }
        records
    }
}

fn record(bytes: &[u8; 40]) -> (u64, Entry) {
    let (index, entry) = bytes.split_first_chunk().expect("a record has an index");
    (u64::from_be_bytes(*index), entry.try_into().expect("the rest of a record is an entry"))
}
