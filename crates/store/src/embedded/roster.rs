//! Where the roster's entries stand in the journal, so that they need not be kept in memory.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use bytes::Bytes;

use fairgate_core::room::Entry;
use fairgate_draw::v2::Tag;

use super::draft::PoolEntries;

const ENTRY_BYTES: u64 = size_of::<Entry>() as u64;
const TAG_BYTES: u64 = size_of::<Tag>() as u64;

/// Entries that stand side by side in the file, or numbers that were left out, which are nowhere and read as zeros.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Run {
    first: u64,
    at: Option<u64>,
}

/// The committed rows of one list: the entries of a pool, or their tags.
#[derive(Clone, Debug)]
pub(super) struct Roster {
    file: Arc<File>,
    row_bytes: u64,
    runs: Vec<Run>,
    entries: u64,
}

/// The committed entries of one draw: of its pool, or of each tier's.
#[derive(Clone, Debug)]
pub(super) struct Rosters {
    file: Arc<File>,
    plain: Roster,
    tiers: Vec<TierRoster>,
}

/// The committed entries of one tier, and their tags.
#[derive(Clone, Debug)]
pub(super) struct TierRoster {
    /// Entries.
    pub(super) entries: Roster,
    /// Tags.
    pub(super) tags: Roster,
}

impl Rosters {
    /// The empty rosters of a journal.
    pub(super) fn new(file: &Arc<File>) -> Self {
        Self { file: Arc::clone(file), plain: Roster::new(Arc::clone(file), ENTRY_BYTES), tiers: Vec::new() }
    }

    /// Adds entries that were committed.
    pub(super) fn push(&mut self, new: PoolEntries) {
        if new.is_beginning {
            *self = Self::new(&self.file.clone());
            return;
        }
        let Some(tier) = new.tier.map(usize::from) else { return self.plain.push(new.count, new.at) };
        let empty = |row_bytes| Roster::new(Arc::clone(&self.file), row_bytes);
        let missing = (tier + 1).saturating_sub(self.tiers.len());
        let more = (0..missing).map(|_| TierRoster { entries: empty(ENTRY_BYTES), tags: empty(TAG_BYTES) });
        let more: Vec<TierRoster> = more.collect();
        self.tiers.extend(more);
        self.tiers[tier].entries.push(new.count, new.at);
        self.tiers[tier].tags.push(new.count, new.tags_at);
    }

    /// The pool of a room without tiers.
    pub(super) fn plain(&self) -> &Roster {
        &self.plain
    }

    /// The pool of a tier; none where nobody has come into it.
    pub(super) fn tier(&self, tier: u8) -> Option<&TierRoster> {
        self.tiers.get(usize::from(tier))
    }
}

/// A part of a roster, ready to be read without holding on to the roster.
#[derive(Debug)]
pub(super) struct RosterPart {
    file: Arc<File>,
    pieces: Vec<(Option<u64>, usize)>,
}

impl Roster {
    /// The empty list of a journal, with so many bytes a row.
    fn new(file: Arc<File>, row_bytes: u64) -> Self {
        Self { file, row_bytes, runs: Vec::new(), entries: 0 }
    }

    /// Adds entries that stand at this offset of the file, or that stand nowhere.
    fn push(&mut self, entries: u64, at: Option<u64>) {
        self.runs.push(Run { first: self.entries, at });
        self.entries += entries;
    }

    /// Finds a range of entries, as far as there are any.
    pub(super) fn part(&self, range: Range<u64>) -> RosterPart {
        let end = range.end.min(self.entries);
        let from = self.runs.partition_point(|run| run.first <= range.start).saturating_sub(1);
        let ends = self.runs.iter().skip(from + 1).map(|run| run.first).chain([self.entries]);
        let pieces = self.runs[from.min(self.runs.len())..]
            .iter()
            .zip(ends)
            .take_while(|(run, _)| run.first < end)
            .map(|(run, run_end)| (run, range.start.max(run.first), run_end.min(end)))
            .filter(|(_, start, end)| start < end)
            .map(|(run, start, end)| {
                let at = run.at.map(|at| at + (start - run.first) * self.row_bytes);
                (at, self.byte_count(end - start))
            })
            .collect();
        RosterPart { file: Arc::clone(&self.file), pieces }
    }

    fn byte_count(&self, rows: u64) -> usize {
        usize::try_from(rows * self.row_bytes).expect("a roster can be addressed")
    }
}

impl RosterPart {
    /// Reads the entries' bytes.
    pub(super) fn read(&self) -> io::Result<Bytes> {
        let mut bytes = vec![0; self.pieces.iter().map(|(_, length)| length).sum()];
        let mut rest = bytes.as_mut_slice();
        for &(at, length) in &self.pieces {
            let (piece, behind) = rest.split_at_mut(length);
            if let Some(at) = at {
                self.file.read_exact_at(piece, at)?;
            }
            rest = behind;
        }
        Ok(bytes.into())
    }
}
