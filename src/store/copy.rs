//! A copy of the frozen roster on an edge's own disk, so that this edge alone can put it back to the byte.
//!
//! Guarantees: a file is named after a root only once all bytes that the root is of are in it, and the page cache keeps
//! them through kill -9; they are hashed again before they are put back; no more than a part of them is in memory. A copy
//! that cannot be written costs the room nothing but this help, and is told in the log.
//!
//! `<dir>/<root in hex>.roster` has 32 bytes an entry, in index order.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use fairgate_draw::{Hash, RootHasher};

use super::StoreError;

/// Bytes that are hashed at once.
const PART_BYTES: usize = 1 << 20;
const EXTENSION: &str = "roster";

/// A copy in the making. Its draft is locked: one process of an edge writes it at a time.
#[derive(Debug)]
pub struct RosterCopy {
    dir: PathBuf,
    /// Nothing once a write has failed.
    draft: Option<File>,
}

impl RosterCopy {
    /// Begins a copy in a directory; none where nothing can be written there.
    pub(super) fn begin(dir: &Path) -> Result<Option<Self>, StoreError> {
        match lock_draft(dir) {
            Ok(Some(draft)) => Ok(Some(Self { dir: dir.to_owned(), draft: Some(draft) })),
            Ok(None) => Err(StoreError::Unavailable("another process of this edge copies the roster".into())),
            Err(error) => {
                tell(dir, &error);
                Ok(None)
            }
        }
    }

    /// Adds entries.
    pub fn push(&mut self, entries: &[u8]) {
        if let Some(Err(error)) = self.draft.as_mut().map(|draft| draft.write_all(entries)) {
            tell(&self.dir, &error);
            self.draft = None;
        }
    }

    /// Keeps what was added under the root that was found to be that of it; none where it could not be written.
    #[must_use]
    pub fn keep(self, root: &Hash) -> Option<KeptCopy> {
        self.draft.as_ref()?;
        match fs::rename(draft_in(&self.dir), path_in(&self.dir, root)) {
            Ok(()) => Some(KeptCopy { dir: self.dir, root: *root }),
            Err(error) => {
                tell(&self.dir, &error);
                None
            }
        }
    }
}

/// A copy that is whole.
#[derive(Debug)]
pub struct KeptCopy {
    dir: PathBuf,
    root: Hash,
}

impl KeptCopy {
    /// Its root is public: copies of other rosters are of no use any more.
    pub fn forget_others(self) {
        if let Err(error) = forget_others(&self.dir, &self.root) {
            tell(&self.dir, &error);
        }
    }
}

/// Whether there is a copy of the roster with this root.
pub(super) fn has(dir: &Path, root: &Hash) -> bool {
    path_in(dir, root).is_file()
}

/// Opens the copy of the roster with this root, unless its bytes are not what they were: then it is taken away.
pub(super) fn open(dir: &Path, root: &Hash) -> io::Result<File> {
    let path = path_in(dir, root);
    if root_of(&path)? != *root {
        fs::remove_file(&path)?;
        return Err(io::Error::new(io::ErrorKind::InvalidData, "the copy has another root by now, and was removed"));
    }
    File::open(path)
}

fn root_of(path: &Path) -> io::Result<Hash> {
    let (mut file, mut part, mut hasher) = (File::open(path)?, vec![0; PART_BYTES], RootHasher::new());
    loop {
        let bytes = read_full(&mut file, &mut part)?;
        let (entries, rest) = part[..bytes].as_chunks();
        entries.iter().for_each(|entry| hasher.push(entry));
        if !rest.is_empty() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        } else if bytes < PART_BYTES {
            return Ok(hasher.finish().1);
        }
    }
}

/// Reads until the buffer is full, or as much as there is.
pub(super) fn read_full(file: &mut File, buffer: &mut [u8]) -> io::Result<usize> {
    let mut read = 0;
    while read < buffer.len() {
        match file.read(&mut buffer[read..])? {
            0 => break,
            more => read += more,
        }
    }
    Ok(read)
}

/// An empty draft; none where another process has it.
fn lock_draft(dir: &Path) -> io::Result<Option<File>> {
    DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
    let path = draft_in(dir);
    let draft = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(&path)?;
    match draft.try_lock() {
        Ok(()) => {}
        Err(fs::TryLockError::WouldBlock) => return Ok(None),
        Err(fs::TryLockError::Error(error)) => return Err(error),
    }
    // Whoever had it may have kept it just now: then it is no draft any more.
    if !fs::metadata(&path).is_ok_and(|now| draft.metadata().is_ok_and(|opened| opened.ino() == now.ino())) {
        return Ok(None);
    }
    draft.set_len(0)?;
    Ok(Some(draft))
}

fn forget_others(dir: &Path, root: &Hash) -> io::Result<()> {
    let kept = path_in(dir, root);
    for file in fs::read_dir(dir)? {
        let path = file?.path();
        if path != kept && path.extension().is_some_and(|extension| extension == EXTENSION) {
            fs::remove_file(path)?;
        }
    }
    Ok(())
}

fn draft_in(dir: &Path) -> PathBuf {
    dir.join("roster.draft")
}

fn path_in(dir: &Path, root: &Hash) -> PathBuf {
    dir.join(hex::encode(root)).with_extension(EXTENSION)
}

fn tell(dir: &Path, error: &io::Error) {
    tracing::warn!(dir = %dir.display(), %error, "cannot keep a copy of the roster");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn root(entries: &[Hash]) -> Hash {
        let mut hasher = RootHasher::new();
        entries.iter().for_each(|entry| hasher.push(entry));
        hasher.finish().1
    }

    fn begin(dir: &Path) -> RosterCopy {
        RosterCopy::begin(dir).unwrap().unwrap()
    }

    #[test]
    fn what_is_kept_is_what_the_root_is_of() {
        let dir = tempfile::tempdir().unwrap();
        let entries: Vec<Hash> = (0..100).map(|fan| [fan; 32]).collect();
        let root = root(&entries);
        let mut copy = begin(dir.path());
        entries.chunks(7).for_each(|part| copy.push(part.as_flattened()));
        assert!(!has(dir.path(), &root));
        copy.keep(&root).unwrap();
        assert!(has(dir.path(), &root));
        let mut bytes = Vec::new();
        open(dir.path(), &root).unwrap().read_to_end(&mut bytes).unwrap();
        assert_eq!(bytes, entries.as_flattened());
    }

    #[test]
    fn a_copy_that_was_damaged_is_no_copy() {
        let dir = tempfile::tempdir().unwrap();
        let root = root(&[[1; 32], [2; 32]]);
        let mut copy = begin(dir.path());
        copy.push(&[3; 64]);
        copy.keep(&root).unwrap();
        let error = open(dir.path(), &root).unwrap_err().to_string();
        assert!(error.contains("another root"), "{error}");
        assert!(!has(dir.path(), &root));
    }

    #[test]
    fn one_is_written_at_a_time_and_the_last_one_stays() {
        let dir = tempfile::tempdir().unwrap();
        let mut first = begin(dir.path());
        assert!(RosterCopy::begin(dir.path()).unwrap_err().to_string().contains("another process"));
        first.push(&[1; 32]);
        first.keep(&[1; 32]).unwrap();
        let mut second = begin(dir.path());
        second.push(&[2; 32]);
        drop(second);
        let third = begin(dir.path());
        let kept = third.keep(&root(&[])).unwrap();
        assert!(has(dir.path(), &[1; 32]), "as long as nobody knows which root is public");
        kept.forget_others();
        assert!(!has(dir.path(), &[1; 32]));
        assert_eq!(open(dir.path(), &root(&[])).unwrap().metadata().unwrap().len(), 0, "a draft that was dropped");
    }

    #[test]
    fn a_disk_that_cannot_be_written_is_no_reason_to_wait() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        fs::write(&file, "").unwrap();
        assert!(RosterCopy::begin(&file.join("room")).unwrap().is_none());
    }
}
