//! Copies of what was frozen on an edge's own disk, so that this edge alone can put it back to the byte: of the roster, or of the
//! roster and the tags of each tier.
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
//! `<root in hex>.tags` is the same of tags, 16 bytes each.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use fairgate_draw::{Hash, RootHasher};

use super::framing::{FILE_HEAD_BYTES, FileKind, Stored, u32_at, u64_at};
use super::{Damage, StoreError};

/// Bytes that are hashed at once.
const PART_BYTES: usize = 1 << 20;
/// How a copy begins.
const COPY: FileKind = FileKind { magic: *b"fairrost", version: 2 };
const HEAD_BYTES: usize = FILE_HEAD_BYTES + 16;

/// A list of which there are copies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CopiedList {
    /// The entries of a pool, or of one tier's.
    Roster,
    /// The tags of a tier's pool.
    Tags,
}

impl CopiedList {
    const ALL: [Self; 2] = [Self::Roster, Self::Tags];

    /// The bytes of a row.
    pub(super) fn row_bytes(self) -> usize {
        match self {
            Self::Roster => 32,
            Self::Tags => 16,
        }
    }

    fn extension(self) -> &'static str {
        match self {
            Self::Roster => "roster",
            Self::Tags => "tags",
        }
    }

    /// The list of which a file is a copy, by its name.
    pub(super) fn of(path: &Path) -> Option<Self> {
        Self::ALL.into_iter().find(|list| path.extension().is_some_and(|extension| extension == list.extension()))
    }
}

/// A copy in the making. Its draft is locked: one process of an edge writes it at a time.
#[derive(Debug)]
pub struct RosterCopy {
    dir: PathBuf,
    list: CopiedList,
    /// Nothing once a write has failed.
    draft: Option<File>,
    bytes: u64,
}

impl RosterCopy {
    /// Begins a copy in a directory; none where nothing can be written there.
    pub(super) fn begin(dir: &Path, list: CopiedList) -> Result<Option<Self>, StoreError> {
        match lock_draft(dir) {
            Ok(Some(draft)) => Ok(Some(Self { dir: dir.to_owned(), list, draft: Some(draft), bytes: 0 })),
            Ok(None) => Err(StoreError::Unavailable("another process of this edge copies the roster".into())),
            Err(error) => {
                tell(dir, &error);
                Ok(None)
            }
        }
    }

    /// Adds rows.
    pub fn push(&mut self, rows: &[u8]) {
        self.bytes += rows.len() as u64;
        if let Some(Err(error)) = self.draft.as_mut().map(|draft| draft.write_all(rows)) {
            tell(&self.dir, &error);
            self.draft = None;
        }
    }

    /// Keeps what was added under the root that was found to be that of it; none where it could not be written.
    #[must_use]
    pub fn keep(self, root: &Hash) -> Option<KeptCopy> {
        let draft = self.draft.as_ref()?;
        let named = draft.write_all_at(&head(self.bytes / self.list.row_bytes() as u64), 0);
        match named.and_then(|()| fs::rename(draft_in(&self.dir), path_in(&self.dir, self.list, root))) {
            Ok(()) => Some(KeptCopy { dir: self.dir, list: self.list, root: *root }),
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
    list: CopiedList,
    root: Hash,
}

impl KeptCopy {
    /// Its root is public: copies of other lists are of no use any more.
    pub fn forget_others(self) {
        Self::forget_all_but(&[self]);
    }

    /// The roots of all of these are public, and no other of the room is.
    pub fn forget_all_but(kept: &[Self]) {
        let Some(Self { dir, .. }) = kept.first() else { return };
        let paths: Vec<PathBuf> = kept.iter().map(|copy| path_in(dir, copy.list, &copy.root)).collect();
        if let Err(error) = forget_all_but(dir, &paths) {
            tell(dir, &error);
        }
    }
}

/// True if there is a copy of the list with this root.
pub(super) fn has(dir: &Path, list: CopiedList, root: &Hash) -> bool {
    path_in(dir, list, root).is_file()
}

/// Opens the copy of the list with this root; answers where in it the rows begin, too. One that is torn or has
/// rotted is no copy any more: it is kept beside, under a name that says so.
pub(super) fn open(dir: &Path, list: CopiedList, root: &Hash) -> io::Result<(File, u64)> {
    let path = path_in(dir, list, root);
    let mut file = File::open(&path)?;
    match look(&mut file, list, root)? {
        Ok(first_at) => Ok((file, first_at)),
        Err(damage) => {
            let kept = path.with_extension(format!("{}.{damage}", list.extension()));
            fs::rename(&path, &kept)?;
            let why = format!("the copy of the {} is {damage}; it is kept as {}", list.extension(), kept.display());
            Err(io::Error::new(io::ErrorKind::InvalidData, why))
        }
    }
}

/// Where the rows of a copy begin, or what became of it.
pub(super) fn look(file: &mut File, list: CopiedList, root: &Hash) -> io::Result<Result<u64, Damage>> {
    let (length, mut bytes) = (file.metadata()?.len(), [0; HEAD_BYTES]);
    let (read, row_bytes) = (file.read_full_at(&mut bytes, 0)?, list.row_bytes() as u64);
    let (first_at, rows) = match COPY.version_of(&bytes) {
        Some(version) if version != COPY.version => {
            let why = format!("the copy of the roster is of version {version}, which this program cannot read");
            return Err(io::Error::new(io::ErrorKind::Unsupported, why));
        }
        Some(_) if read < HEAD_BYTES => return Ok(Err(Damage::Torn)),
        Some(_) if crc32fast::hash(&bytes[16..24]) != u32_at(&bytes, 24) => return Ok(Err(Damage::Rotten)),
        Some(_) => (HEAD_BYTES as u64, u64_at(&bytes, 16)),
        None => (0, length.div_ceil(row_bytes)),
    };
    if length < first_at + rows.saturating_mul(row_bytes) {
        return Ok(Err(Damage::Torn));
    }
    file.seek(SeekFrom::Start(first_at))?;
    let found = match list {
        CopiedList::Roster => root_of::<32>(file)?,
        CopiedList::Tags => root_of::<16>(file)?,
    };
    Ok(if found == *root { Ok(first_at) } else { Err(Damage::Rotten) })
}

fn head(rows: u64) -> [u8; HEAD_BYTES] {
    let mut bytes = [0; HEAD_BYTES];
    bytes[..FILE_HEAD_BYTES].copy_from_slice(&COPY.head());
    bytes[16..24].copy_from_slice(&rows.to_le_bytes());
    let crc = crc32fast::hash(&bytes[16..24]);
    bytes[24..28].copy_from_slice(&crc.to_le_bytes());
    bytes
}

/// The root of all rows that follow.
fn root_of<const N: usize>(file: &mut File) -> io::Result<Hash> {
    let (mut part, mut hasher) = (vec![0; PART_BYTES], RootHasher::new());
    loop {
        let bytes = read_full(file, &mut part)?;
        let (rows, _) = part[..bytes].as_chunks::<N>();
        rows.iter().for_each(|row| hasher.push(row));
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

fn forget_all_but(dir: &Path, kept: &[PathBuf]) -> io::Result<()> {
    for file in fs::read_dir(dir)? {
        let path = file?.path();
        if CopiedList::of(&path).is_some() && !kept.contains(&path) {
            fs::remove_file(path)?;
        }
    }
    Ok(())
}

fn draft_in(dir: &Path) -> PathBuf {
    dir.join("roster.draft")
}

fn path_in(dir: &Path, list: CopiedList, root: &Hash) -> PathBuf {
    dir.join(hex::encode(root)).with_extension(list.extension())
}

/// The root that a file is named after, if it is a copy.
pub(super) fn named_root(path: &Path) -> Option<Hash> {
    let name = CopiedList::of(path).and_then(|_| path.file_stem()?.to_str())?;
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
        RosterCopy::begin(dir, CopiedList::Roster).unwrap().unwrap()
    }

    #[test]
    fn what_is_kept_is_what_the_root_is_of() {
        let dir = tempfile::tempdir().unwrap();
        let entries: Vec<Hash> = (0..100).map(|fan| [fan; 32]).collect();
        let root = root(&entries);
        let mut copy = begin(dir.path());
        entries.chunks(7).for_each(|part| copy.push(part.as_flattened()));
        assert!(!has(dir.path(), CopiedList::Roster, &root));
        copy.keep(&root).unwrap();
        assert!(has(dir.path(), CopiedList::Roster, &root));
        assert_eq!(read(dir.path(), &root), entries.as_flattened());
    }

    fn read(dir: &Path, root: &Hash) -> Vec<u8> {
        let (mut file, first_at) = open(dir, CopiedList::Roster, root).unwrap();
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
        let mut bytes = fs::read(path_in(dir.path(), CopiedList::Roster, &root)).unwrap();
        change(&mut bytes);
        fs::write(path_in(dir.path(), CopiedList::Roster, &root), bytes).unwrap();
        (dir, root)
    }

    #[test]
    fn a_copy_that_is_torn_or_rotten_is_no_copy_and_is_kept_under_that_name() {
        let cut = |bytes: usize| changed(move |copy| copy.truncate(bytes));
        let flipped = |bit: usize| changed(move |copy| copy[bit / 8] ^= 1 << (bit % 8));
        let torn = [20, 32, 40, 95].map(|bytes| (cut(bytes), "torn"));
        let rotten = (HEAD_BYTES * 8..96 * 8).step_by(37).chain(16 * 8..24 * 8).map(|bit| (flipped(bit), "rotten"));
        for ((dir, root), word) in torn.into_iter().chain(rotten) {
            let error = open(dir.path(), CopiedList::Roster, &root).unwrap_err().to_string();
            assert!(error.contains(word), "{error}");
            assert!(!has(dir.path(), CopiedList::Roster, &root));
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
        assert!(RosterCopy::begin(dir.path(), CopiedList::Roster).unwrap_err().to_string().contains("another process"));
        first.push(&[1; 32]);
        first.keep(&[1; 32]).unwrap();
        let mut second = begin(dir.path());
        second.push(&[2; 32]);
        drop(second);
        let third = begin(dir.path());
        let kept = third.keep(&root(&[])).unwrap();
        assert!(has(dir.path(), CopiedList::Roster, &[1; 32]), "as long as nobody knows which root is public");
        kept.forget_others();
        assert!(!has(dir.path(), CopiedList::Roster, &[1; 32]));
        assert!(read(dir.path(), &root(&[])).is_empty(), "a draft that was dropped");
    }

    #[test]
    fn copies_of_all_tiers_stay_together_and_their_tags_are_looked_through() {
        let dir = tempfile::tempdir().unwrap();
        let keep = |list: CopiedList, rows: &[u8], root: &Hash| {
            let mut copy = RosterCopy::begin(dir.path(), list).unwrap().unwrap();
            copy.push(rows);
            copy.keep(root).unwrap()
        };
        let mut hasher = RootHasher::new();
        [[1; 16], [2; 16], [3; 16]].iter().for_each(|tag| hasher.push(tag));
        let (_, tags_root) = hasher.finish();
        let roster_root = root(&[[1; 32]]);
        let stale = [CopiedList::Roster, CopiedList::Tags].map(|list| (list, keep(list, &[], &[9; 32]).root));
        let kept = [
            keep(CopiedList::Roster, &[1; 32], &roster_root),
            keep(CopiedList::Tags, [[1; 16], [2; 16], [3; 16]].as_flattened(), &tags_root),
        ];
        KeptCopy::forget_all_but(&kept);
        assert!(kept.iter().all(|copy| has(dir.path(), copy.list, &copy.root)));
        assert!(stale.iter().all(|(list, root)| !has(dir.path(), *list, root)));
        assert_eq!(read(dir.path(), &roster_root), [1; 32]);
        let path = path_in(dir.path(), CopiedList::Tags, &tags_root);
        assert_eq!((named_root(&path), CopiedList::of(&path)), (Some(tags_root), Some(CopiedList::Tags)));
        assert!(open(dir.path(), CopiedList::Tags, &tags_root).is_ok());
        let mut bytes = fs::read(&path).unwrap();
        bytes[HEAD_BYTES + 20] ^= 1;
        fs::write(&path, bytes).unwrap();
        let error = open(dir.path(), CopiedList::Tags, &tags_root).unwrap_err().to_string();
        assert!(error.contains("rotten") && !has(dir.path(), CopiedList::Tags, &tags_root), "{error}");
    }

    #[test]
    fn a_disk_that_cannot_be_written_is_no_reason_to_wait() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        fs::write(&file, "").unwrap();
        assert!(RosterCopy::begin(&file.join("room"), CopiedList::Roster).unwrap().is_none());
    }
}
