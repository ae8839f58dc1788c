//! Where the roster's entries stand in the journal, so that they need not be kept in memory.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use bytes::Bytes;

use fairgate_core::room::Entry;

const ENTRY_BYTES: u64 = size_of::<Entry>() as u64;

/// Entries that stand side by side in the file, or numbers that were left out, which are nowhere and read as zeros.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Run {
    first: u64,
    at: Option<u64>,
}

/// The committed entries of one draw's pool.
#[derive(Clone, Debug)]
pub(super) struct Roster {
    file: Arc<File>,
    runs: Vec<Run>,
    entries: u64,
}

/// A part of a roster, ready to be read without holding on to the roster.
#[derive(Debug)]
pub(super) struct RosterPart {
    file: Arc<File>,
    pieces: Vec<(Option<u64>, usize)>,
}

impl Roster {
    /// The empty roster of a journal.
    pub(super) fn new(file: Arc<File>) -> Self {
        Self { file, runs: Vec::new(), entries: 0 }
    }

    /// Adds entries that stand at this offset of the file, or that stand nowhere.
    pub(super) fn push(&mut self, entries: u64, at: Option<u64>) {
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
            .map(|(run, start, end)| (run.at.map(|at| at + (start - run.first) * ENTRY_BYTES), byte_count(end - start)))
            .collect();
        RosterPart { file: Arc::clone(&self.file), pieces }
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

fn byte_count(entries: u64) -> usize {
    usize::try_from(entries * ENTRY_BYTES).expect("a roster can be addressed")
}
