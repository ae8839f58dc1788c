//! What outlives an edge's process: knowledge that is a second old at most, and the entries that it answered.

use fairgate::recover::Knowledge;
use fairgate::room::{Entry, Position};

/// How old the knowledge on the disk may be, as in the store's ledger.
const SAVE_EVERY_MS: u64 = 1_000;

/// An edge's disk.
#[derive(Clone, Debug, Default)]
pub(crate) struct Disk {
    pub(crate) knowledge: Knowledge,
    entries: Vec<(u64, Entry)>,
    /// A copy of a frozen roster, and its root.
    copy: Option<([u8; 32], Vec<Entry>)>,
    saved_at_ms: Option<u64>,
}

impl Disk {
    /// Writes down what is known, unless that was done just now and entries are where they were.
    pub(crate) fn save(&mut self, knowledge: &Knowledge, now_ms: u64) {
        let is_other = (self.knowledge.owed_from, self.knowledge.whole_in.last())
            != (knowledge.owed_from, knowledge.whole_in.last());
        if is_other || self.saved_at_ms.is_none_or(|saved_at_ms| now_ms >= saved_at_ms + SAVE_EVERY_MS) {
            self.saved_at_ms = Some(now_ms);
            self.knowledge = knowledge.clone();
        }
    }

    /// Writes down the entries of the pool among those that were answered.
    pub(crate) fn note(&mut self, entries: &[Entry], positions: &[Position]) {
        let pool = entries.iter().zip(positions).filter_map(|(entry, position)| match position {
            Position::Pool(index) => Some((*index, *entry)),
            Position::Line(_) => None,
        });
        self.entries.extend(pool);
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
    pub(crate) fn entries(&self, from: u64) -> Vec<(u64, Entry)> {
        self.entries.iter().copied().filter(|(index, _)| *index >= from).collect()
    }
}
