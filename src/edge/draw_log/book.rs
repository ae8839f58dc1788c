//! A log with its file: what is taken in is on the disk first, and what may be shown is what was signed for.
//!
//! Guarantees:
//! - size and root are kept on the disk before they are signed for anybody
//! - a log that is shorter than what was signed, or another one, is neither shown nor appended to

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;

use fairgate_draw::Hash;
use fairgate_draw::log::{Batch, BatchError, KeptCosignature, KeptLog, NoteSigner, Origin, Statement};
use fairgate_store::{LogFile, LogFileError, LogRecord, StoreError};

/// A log in memory and on the disk.
#[derive(Debug)]
pub(super) struct Book {
    file: LogFile,
    log: KeptLog,
    /// The batches as they stand in the file, and in the list that edges share.
    rows: Vec<Vec<u8>>,
    signed: Option<(u64, Hash)>,
    /// Rows of the shared list of cosignatures that were read.
    pub(super) cosignatures_read: u64,
    /// Cosignatures of this log that the shared list is not known to have.
    unshared: Vec<String>,
}

/// Why a log cannot go on for now.
#[derive(Debug, thiserror::Error)]
pub(super) enum BookError {
    /// The file.
    #[error(transparent)]
    File(#[from] LogFileError),
    /// The store that edges share.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Statements that cannot be read.
    #[error("the log has statements that cannot be read: {0}; are all edges of the same version of fairgate?")]
    Batch(#[from] BatchError),
    /// The end is gone.
    #[error(
        "the log has lost its end: {signed} statements were signed for, and {size} are there. Put its file back from a \
         backup or another edge; where there is none, the log cannot be continued: make a key for its successor with \
         `fairgate keys log --host HOST --number N`"
    )]
    LostEnd {
        /// How many were signed for, or are known to a witness.
        signed: u64,
        /// How many there are.
        size: u64,
    },
    /// It is not the log that was signed for.
    #[error(
        "the log forked: its first {0} statements are not those that were signed for. It cannot be continued: make a key for \
         its successor with `fairgate keys log --host HOST --number N`"
    )]
    Forked(u64),
    /// This edge and the others do not have the same log.
    #[error(
        "the log on this edge's disk is another one than the store has, from batch {0} on: find out which one witnesses have \
         cosigned, and put that one back"
    )]
    Diverged(u64),
    /// A thread was lost.
    #[error("the thread that writes the log has ended: {0}")]
    Thread(String),
}

impl Book {
    /// Opens the log in a store's directory.
    pub(super) fn open(store: &Path, signer: Arc<NoteSigner>, origin: &Origin) -> Result<Self, BookError> {
        let (file, records) = LogFile::open(store, origin)?;
        let (log, signed) = (KeptLog::new(signer), file.signed()?);
        let (rows, unshared) = (Vec::new(), Vec::new());
        let mut book = Self { file, log, rows, signed, cosignatures_read: 0, unshared };
        book.take_all(records)?;
        Ok(book)
    }

    pub(super) fn log(&self) -> &KeptLog {
        &self.log
    }

    /// The batches from a number on, as rows.
    pub(super) fn rows_from(&self, batch: u64) -> Vec<Vec<u8>> {
        let from = usize::try_from(batch).unwrap_or(usize::MAX).min(self.rows.len());
        self.rows[from..].to_vec()
    }

    pub(super) fn row(&self, batch: u64) -> Option<&[u8]> {
        self.rows.get(usize::try_from(batch).ok()?).map(|row| &row[..])
    }

    /// Takes in what another process has appended to the file.
    pub(super) fn catch_up(&mut self) -> Result<(), BookError> {
        let records = self.file.catch_up()?;
        self.take_all(records)
    }

    /// Appends statements to the file; `false` where another process was quicker.
    pub(super) fn append(&mut self, batch: &Batch) -> Result<bool, BookError> {
        batch.statements()?;
        self.write(LogRecord::Statements(batch.bytes().to_vec()))
    }

    /// Keeps a cosignature; one that is known, or does not hold, changes nothing.
    pub(super) fn cosign(&mut self, cosignature: &KeptCosignature) -> Result<(), BookError> {
        if self.log.lacks(cosignature) && !self.write(LogRecord::Cosignature(cosignature.to_string()))? {
            self.catch_up()?;
            self.write(LogRecord::Cosignature(cosignature.to_string()))?;
        }
        Ok(())
    }

    /// Keeps on the disk what is signed from now on; answers the log to show.
    ///
    /// # Errors
    /// The log is not a continuation of what was signed, or the disk cannot be written.
    pub(super) fn sign(&mut self) -> Result<KeptLog, BookError> {
        let size = self.log.size();
        if let Some((signed, root)) = self.signed {
            match self.log.tree().root(signed) {
                None => return Err(BookError::LostEnd { signed, size }),
                Some(own) if own != root => return Err(BookError::Forked(signed)),
                Some(_) => {}
            }
        }
        if let Some(root) = self.log.tree().root(size).filter(|_| self.signed.is_none_or(|(signed, _)| signed < size)) {
            self.file.keep_signed(size, &root)?;
            self.signed = Some((size, root));
        }
        Ok(self.log.clone())
    }

    /// Takes in a row of the shared list of cosignatures; `false` where its checkpoint is still to come.
    pub(super) fn take_shared(&mut self, row: &str) -> Result<bool, BookError> {
        self.unshared.retain(|own| own != row);
        let Some(cosignature) = KeptCosignature::parse(row) else { return Ok(true) };
        if cosignature.size > self.log.size() {
            return Ok(false);
        }
        self.cosign(&cosignature)?;
        self.unshared.retain(|own| own != row);
        Ok(true)
    }

    /// Forgets what the shared list is known to have: it has lost something.
    pub(super) fn share_anew(&mut self) {
        self.cosignatures_read = 0;
        self.unshared = self.log.all_cosignatures().map(ToString::to_string).collect();
    }

    /// Cosignatures that the others may not have.
    pub(super) fn unshared(&self) -> Vec<String> {
        let mut seen = HashSet::new();
        self.unshared.iter().filter(|row| seen.insert(row.as_str())).cloned().collect()
    }

    fn write(&mut self, record: LogRecord) -> Result<bool, BookError> {
        let is_written = self.file.append(&record)?;
        if is_written {
            self.take(record)?;
        }
        Ok(is_written)
    }

    fn take_all(&mut self, records: Vec<LogRecord>) -> Result<(), BookError> {
        records.into_iter().try_for_each(|record| self.take(record))
    }

    fn take(&mut self, record: LogRecord) -> Result<(), BookError> {
        match record {
            LogRecord::Statements(bytes) => {
                let batch = Batch::from_bytes(bytes);
                self.log.push(&batch)?;
                self.rows.push(batch.bytes().to_vec());
            }
            LogRecord::Cosignature(text) => {
                let is_new = KeptCosignature::parse(&text).is_some_and(|cosigned| self.log.cosign(&cosigned));
                self.unshared.extend(is_new.then_some(text));
            }
        }
        Ok(())
    }
}

/// Statements in the batches in which they are appended.
pub(super) fn batches(statements: &[Statement]) -> Vec<Batch> {
    /// A batch of the largest statements is still one.
    const AT_ONCE: usize = 64;
    statements.chunks(AT_ONCE).filter_map(Batch::of).collect()
}

#[cfg(test)]
mod tests {
    use fairgate_draw::log::KeyKind;

    use super::*;

    fn open(dir: &Path) -> Result<Book, BookError> {
        let origin = Origin::new("tickets.example", 1).unwrap();
        let signer = NoteSigner::new(&origin.to_string(), KeyKind::Log, &[7; 32]).unwrap();
        Book::open(dir, Arc::new(signer), &origin)
    }

    fn batch(n: u8) -> Batch {
        Batch::of(&[Statement::Void { draw: [n; 32] }]).unwrap()
    }

    #[test]
    fn a_log_goes_on_after_a_restart_with_all_cosignatures() {
        let dir = tempfile::tempdir().unwrap();
        let witness = NoteSigner::new("w", KeyKind::Witness, &[8; 32]).unwrap();
        let mut book = open(dir.path()).unwrap();
        for n in 0..3 {
            assert!(book.append(&batch(n)).unwrap());
        }
        let line = witness.cosign(&book.log().note(2).unwrap(), 5);
        book.cosign(&KeptCosignature { size: 2, witness: witness.key().clone(), line }).unwrap();
        let shown = book.sign().unwrap();
        let mut again = open(dir.path()).unwrap();
        assert_eq!(again.sign().unwrap().latest(), shown.latest());
        assert_eq!(again.log().note(2), shown.note(2));
        assert_eq!(again.log().cosignatures(2).count(), 1);
    }

    #[test]
    fn a_log_that_has_lost_its_end_or_is_another_one_signs_nothing() {
        let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let mut book = open(dir.path()).unwrap();
        book.append(&batch(0)).unwrap();
        let path = dir.path().join("draw.log/tickets.example/1.statements");
        let backup = std::fs::read(&path).unwrap();
        book.append(&batch(1)).unwrap();
        book.sign().unwrap();
        std::fs::write(&path, backup).unwrap();
        let mut old = open(dir.path()).unwrap();
        assert!(matches!(old.sign(), Err(BookError::LostEnd { signed: 2, size: 1 })));
        old.append(&batch(2)).unwrap();
        assert!(matches!(old.sign(), Err(BookError::Forked(2))));
        assert!(open(other.path()).unwrap().sign().is_ok());
    }

    #[test]
    fn what_the_shared_list_lost_is_shared_anew() {
        let dir = tempfile::tempdir().unwrap();
        let witness = NoteSigner::new("w", KeyKind::Witness, &[8; 32]).unwrap();
        let mut book = open(dir.path()).unwrap();
        book.append(&batch(0)).unwrap();
        let line = witness.cosign(&book.log().note(1).unwrap(), 5);
        let cosigned = KeptCosignature { size: 1, witness: witness.key().clone(), line };
        book.cosign(&cosigned).unwrap();
        assert_eq!(book.unshared(), [cosigned.to_string()]);
        assert!(book.take_shared(&cosigned.to_string()).unwrap());
        assert_eq!(book.unshared(), [] as [String; 0]);
        book.share_anew();
        assert_eq!(book.unshared(), [cosigned.to_string()]);
        let later = KeptCosignature { size: 9, ..cosigned };
        assert!(!book.take_shared(&later.to_string()).unwrap(), "its checkpoint is still to come");
    }
}
