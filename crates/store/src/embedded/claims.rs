//! The public list of claims of one sale: who took which place, in the order of admission.
//!
//! This file beside the journal says nothing which the journal does not. The file is written anew while the journal is
//! read. So it needs no `fdatasync` of its own and cannot contradict what was committed.

use std::fs::{File, OpenOptions};
use std::io;
use std::ops::Range;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use fairgate_draw::CLAIM_BYTES;

use fairgate_core::room::{Admissions, Command, Outcome};

/// Lines are written to the file when so many bytes of them wait.
const WRITE_BYTES: usize = 1 << 16;

/// The list of one sale.
#[derive(Debug)]
pub(super) struct ClaimList {
    file: Arc<File>,
    /// Of a line: rooms with tiers have others.
    line_bytes: usize,
    written: u64,
    waiting: Vec<u8>,
    admissions: Admissions,
}

/// What has been written of a list, ready to be read without holding on to it.
#[derive(Clone, Debug)]
pub(super) struct ClaimFile {
    file: Arc<File>,
    line_bytes: usize,
    claims: u64,
}

impl ClaimList {
    /// An empty list for the sale with this number.
    pub(super) fn create(dir: &Path, generation: u64) -> io::Result<Self> {
        let path = path_in(dir, generation);
        let file = OpenOptions::new().create(true).truncate(true).read(true).write(true).mode(0o600).open(path)?;
        let (line_bytes, admissions) = (CLAIM_BYTES, Admissions::default());
        Ok(Self { file: Arc::new(file), line_bytes, written: 0, waiting: Vec::new(), admissions })
    }

    /// Notes who was let in by a command that was applied at this time.
    pub(super) fn note<E>(&mut self, command: &Command, outcome: &Result<Outcome, E>, now_ms: u64) {
        let Ok(outcome) = outcome else { return };
        let (line_bytes, lines) = self.admissions.lines_of(command, outcome, now_ms);
        if !lines.is_empty() {
            self.line_bytes = line_bytes;
            self.waiting.extend_from_slice(&lines);
        }
    }

    /// Writes the lines that wait, if they are worth it.
    pub(super) fn write_if_many(&mut self) -> io::Result<()> {
        if self.waiting.len() >= WRITE_BYTES { self.write() } else { Ok(()) }
    }

    /// Writes the lines that wait.
    pub(super) fn write(&mut self) -> io::Result<()> {
        self.file.write_all_at(&self.waiting, self.written * self.line_bytes as u64)?;
        self.written += (self.waiting.len() / self.line_bytes) as u64;
        self.waiting.clear();
        Ok(())
    }

    /// What has been written.
    pub(super) fn file(&self) -> ClaimFile {
        ClaimFile { file: Arc::clone(&self.file), line_bytes: self.line_bytes, claims: self.written }
    }
}

/// Where the list of a sale stands.
pub(super) fn path_in(dir: &Path, generation: u64) -> PathBuf {
    dir.join(format!("{generation}.claims"))
}

impl ClaimFile {
    /// Reads lines, as far as there are any.
    pub(super) fn read(&self, claims: Range<u64>) -> io::Result<Bytes> {
        let end = claims.end.min(self.claims);
        let count = usize::try_from(end.saturating_sub(claims.start)).expect("a list of claims can be addressed");
        let mut bytes = vec![0; count * self.line_bytes];
        self.file.read_exact_at(&mut bytes, claims.start.min(end) * self.line_bytes as u64)?;
        Ok(bytes.into())
    }
}
