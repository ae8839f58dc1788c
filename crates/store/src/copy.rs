//! A copy of the frozen roster on an edge's own disk, so that this edge alone can put it back to the byte.
//!
//! Guarantees:
//! - a file is named after a root only once all bytes that the root is of are in it
//! - the page cache keeps the bytes through kill -9
//! - they are hashed again before they are put back
//! - no more than a part of them is in memory
//!
//! A copy that cannot be written costs the room nothing but this help, and is told in the log.
//!
//! `<dir>/<root in hex>.roster` has a head of 16 bytes (see [`framing`](super::framing)). Then come the number of
//! entries as `u64` with its own checksum as `u32`, and four bytes of nothing. The entries follow in index order, 32
//! bytes each. The root in its name is the checksum of these. Its first version had nothing but the entries.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use fairgate_draw::{Hash, RootHasher};

use super::framing::{FILE_HEAD_BYTES, FileKind, Stored, u32_at, u64_at};
use super::{Damage, StoreError};

/// Bytes that are hashed at once.
const PART_BYTES: usize = 1 << 20;
const EXTENSION: &str = "roster";
/// How a copy begins.
const COPY: FileKind = FileKind { magic: *b"fairrost", version: 2 };
const HEAD_BYTES: usize = FILE_HEAD_BYTES + 16;
const ENTRY_BYTES: u64 = 32;

/// A copy in the making. Its draft is locked: one process of an edge writes it at a time.
#[derive(Debug)]
pub struct RosterCopy {
    dir: PathBuf,
    /// Nothing once a write has failed.
    draft: Option<File>,
    bytes: u64,
}

impl RosterCopy {
    /// Begins a copy in a directory; none where nothing can be written there.
    pub(super) fn begin(dir: &Path) -> Result<Option<Self>, StoreError> {
        match lock_draft(dir) {
            Ok(Some(draft)) => Ok(Some(Self { dir: dir.to_owned(), draft: Some(draft), bytes: 0 })),
            Ok(None) => Err(StoreError::Unavailable("another process of this edge copies the roster".into())),
            Err(error) => {
                tell(dir, &error);
                Ok(None)
            }
        }
    }

    /// Adds entries.
    pub fn push(&mut self, entries: &[u8]) {
        self.bytes += entries.len() as u64;
        if let Some(Err(error)) = self.draft.as_mut().map(|draft| draft.write_all(entries)) {
            tell(&self.dir, &error);
            self.draft = None;
        }
    }

    /// Keeps what was added under the root that was found to be that of it; none where it could not be written.
    #[must_use]
    pub fn keep(self, root: &Hash) -> Option<KeptCopy> {
        let draft = self.draft.as_ref()?;
        let named = draft.write_all_at(&head(self.bytes / ENTRY_BYTES), 0);
        match named.and_then(|()| fs::rename(draft_in(&self.dir), path_in(&self.dir, root))) {
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

/// True if there is a copy of the roster with this root.
pub(super) fn has(dir: &Path, root: &Hash) -> bool {
    path_in(dir, root).is_file()
}

/// Opens the copy of the roster with this root; answers where in it the entries begin, too. One that is torn or has
/// rotted is no copy any more: it is kept beside, under a name that says so.
pub(super) fn open(dir: &Path, root: &Hash) -> io::Result<(File, u64)> {
    let path = path_in(dir, root);
    let mut file = File::open(&path)?;
    match look(&mut file, root)? {
        Ok(first_at) => Ok((file, first_at)),
        Err(damage) => {
            let kept = path.with_extension(format!("{EXTENSION}.{damage}"));
            fs::rename(&path, &kept)?;
            let why = format!("the copy of the roster is {damage}; it is kept as {}", kept.display());
            Err(io::Error::new(io::ErrorKind::InvalidData, why))
        }
    }
}

/// Where the entries of a copy begin, or what became of it.
pub(super) fn look(file: &mut File, root: &Hash) -> io::Result<Result<u64, Damage>> {
    let (length, mut bytes) = (file.metadata()?.len(), [0; HEAD_BYTES]);
    let read = file.read_full_at(&mut bytes, 0)?;
    let (first_at, entries) = match COPY.version_of(&bytes) {
        Some(version) if version != COPY.version => {
            let why = format!("the copy of the roster is of version {version}, which this program cannot read");
            return Err(io::Error::new(io::ErrorKind::Unsupported, why));
        }
        Some(_) if read < HEAD_BYTES => return Ok(Err(Damage::Torn)),
        Some(_) if crc32fast::hash(&bytes[16..24]) != u32_at(&bytes, 24) => return Ok(Err(Damage::Rotten)),
        Some(_) => (HEAD_BYTES as u64, u64_at(&bytes, 16)),
        None => (0, length.div_ceil(ENTRY_BYTES)),
    };
    if length < first_at + entries.saturating_mul(ENTRY_BYTES) {
        return Ok(Err(Damage::Torn));
    }
    file.seek(SeekFrom::Start(first_at))?;
    Ok(if root_of(file)? == *root { Ok(first_at) } else { Err(Damage::Rotten) })
}

fn head(entries: u64) -> [u8; HEAD_BYTES] {
    let mut bytes = [0; HEAD_BYTES];
    bytes[..FILE_HEAD_BYTES].copy_from_slice(&COPY.head());
    bytes[16..24].copy_from_slice(&entries.to_le_bytes());
    let crc = crc32fast::hash(&bytes[16..24]);
    bytes[24..28].copy_from_slice(&crc.to_le_bytes());
    bytes
}

/// The root of all that follows.
fn root_of(file: &mut File) -> io::Result<Hash> {
    let (mut part, mut hasher) = (vec![0; PART_BYTES], RootHasher::new());
    loop {
        let bytes = read_full(file, &mut part)?;
        let (entries, _) = part[..bytes].as_chunks::<32>();
        entries.iter().for_each(|entry| hasher.push(entry));
        if bytes < PART_BYTES {
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
    // What it is of is known in the end.
    (&draft).write_all(&[0; HEAD_BYTES])?;
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

/// The root that a file is named after, if it is a copy.
pub(super) fn named_root(path: &Path) -> Option<Hash> {
    let name = path.file_name()?.to_str()?.strip_suffix(".roster")?;
    hex::decode(name).ok()?.try_into().ok()
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
        assert_eq!(read(dir.path(), &root), entries.as_flattened());
    }

    fn read(dir: &Path, root: &Hash) -> Vec<u8> {
        let (mut file, first_at) = open(dir, root).unwrap();
        file.seek(SeekFrom::Start(first_at)).unwrap();
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).unwrap();
        bytes
    }

    /// A directory with a copy of two entries, changed in some way.
    fn changed(change: impl FnOnce(&mut Vec<u8>)) -> (tempfile::TempDir, Hash) {
        let dir = tempfile::tempdir().unwrap();
        let entries = [[1; 32], [2; 32]];
        let root = root(&entries);
        let mut copy = begin(dir.path());
        copy.push(entries.as_flattened());
        copy.keep(&root).unwrap();
        let mut bytes = fs::read(path_in(dir.path(), &root)).unwrap();
        change(&mut bytes);
        fs::write(path_in(dir.path(), &root), bytes).unwrap();
        (dir, root)
    }

    #[test]
    fn a_copy_that_is_torn_or_rotten_is_no_copy_and_is_kept_under_that_name() {
        let cut = |bytes: usize| changed(move |copy| copy.truncate(bytes));
        let flipped = |bit: usize| changed(move |copy| copy[bit / 8] ^= 1 << (bit % 8));
        let torn = [20, 32, 40, 95].map(|bytes| (cut(bytes), "torn"));
        let rotten = (HEAD_BYTES * 8..96 * 8).step_by(37).chain(16 * 8..24 * 8).map(|bit| (flipped(bit), "rotten"));
        for ((dir, root), word) in torn.into_iter().chain(rotten) {
            let error = open(dir.path(), &root).unwrap_err().to_string();
            assert!(error.contains(word), "{error}");
            assert!(!has(dir.path(), &root));
            let kept = format!("{}.roster.{word}", hex::encode(root));
            assert!(dir.path().join(&kept).is_file(), "{kept}");
        }
    }

    #[test]
    fn a_copy_that_was_released_is_read() {
        let (dir, root) = changed(|copy| drop(copy.drain(..HEAD_BYTES)));
        assert_eq!(read(dir.path(), &root), [[1; 32], [2; 32]].as_flattened());
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
        assert!(read(dir.path(), &root(&[])).is_empty(), "a draft that was dropped");
    }

    #[test]
    fn a_disk_that_cannot_be_written_is_no_reason_to_wait() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        fs::write(&file, "").unwrap();
        assert!(RosterCopy::begin(&file.join("room")).unwrap().is_none());
    }
}
