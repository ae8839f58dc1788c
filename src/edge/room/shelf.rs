//! The folders in which draws are kept: `<store.path>/draws.kept/<room>/<D>/`, each with the files that
//! `fairgate draw verify FOLDER` reads.
//!
//! Guarantees: a folder has its name only once everything that belongs into it is on the disk. What is left of a write that was
//! cut short is removed when the room is opened.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwap;
use fairgate_draw::Hash;

/// Below the store's directory; no room has such a name.
const DIR: &str = "draws.kept";
const DRAFT: &str = "draft-";
/// Draws of one room.
const DRAWS_MAX: usize = 64;
/// Bytes of them; the last one is kept however large it is.
const BYTES_MAX: u64 = 4 << 30;

/// The record of a draw, by its name in a folder.
pub(crate) const RECORD: &str = "draw.json";
/// What a draw has asked of its fans, in numbers.
pub(crate) const COUNTS: &str = "entry.json";

/// A draw that is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PastDraw {
    /// The digest of its descriptor.
    pub(crate) digest: Hash,
    /// When the pool opened, Unix ms.
    pub(crate) opens_at_ms: u64,
    /// The draw, and the start of the sale.
    pub(crate) starts_at_ms: u64,
    bytes: u64,
}

/// The draws of a room that are kept, the latest first.
#[derive(Debug)]
pub(crate) struct Shelf {
    dir: PathBuf,
    draws: ArcSwap<Vec<PastDraw>>,
}

/// A folder in the making.
#[derive(Debug)]
pub(crate) struct Draft {
    dir: PathBuf,
}

impl Shelf {
    /// Opens the shelf of a room below the store's directory. One that cannot be read is empty, and told.
    pub(crate) fn open(store: &Path, room: &str) -> Self {
        let dir = store.join(DIR).join(room);
        let draws = read_all(&dir).unwrap_or_else(|error| {
            tracing::error!(path = %dir.display(), %error, "draws that are over cannot be read: they are not served");
            Vec::new()
        });
        Self { dir, draws: ArcSwap::from_pointee(draws) }
    }

    /// All draws, the latest first.
    pub(crate) fn draws(&self) -> Arc<Vec<PastDraw>> {
        self.draws.load_full()
    }

    /// True if a draw is kept.
    pub(crate) fn has(&self, digest: &Hash) -> bool {
        self.draws.load().iter().any(|draw| draw.digest == *digest)
    }

    /// The file of a draw with this name, and its length; nothing where it is not kept.
    pub(crate) fn file(&self, digest: &Hash, name: &str) -> Option<(PathBuf, u64)> {
        let path = self.has(digest).then(|| self.dir.join(hex::encode(digest)).join(name))?;
        let length = fs::metadata(&path).ok().filter(fs::Metadata::is_file)?.len();
        Some((path, length))
    }

    /// The files of a draw with their lengths, in order of their names; nothing where it is not kept.
    pub(crate) fn files(&self, digest: &Hash) -> io::Result<Vec<(String, u64)>> {
        if !self.has(digest) {
            return Ok(Vec::new());
        }
        let mut files = Vec::new();
        for file in fs::read_dir(self.dir.join(hex::encode(digest)))? {
            let file = file?;
            files.extend(file.file_name().into_string().ok().zip(Some(file.metadata()?.len())));
        }
        files.sort();
        Ok(files)
    }

    /// True if a draw of that sale with so many bytes would stay here.
    pub(crate) fn has_room_for(&self, starts_at_ms: u64, bytes: u64) -> bool {
        let draws = self.draws.load();
        let later = draws.iter().filter(|draw| draw.starts_at_ms >= starts_at_ms);
        let (count, taken) =
            later.fold((0, 0_u64), |(count, taken), draw| (count + 1, taken.saturating_add(draw.bytes)));
        count == 0 || (count < DRAWS_MAX && taken.saturating_add(bytes) <= BYTES_MAX)
    }

    /// Begins a folder; `mark` tells drafts of one moment apart.
    pub(crate) fn begin(&self, mark: u64) -> io::Result<Draft> {
        Draft::begin(&self.dir, mark)
    }

    /// Keeps a folder under its draw's name, and removes what is too much.
    pub(crate) fn keep(&self, draft: Draft, digest: &Hash) -> io::Result<()> {
        let place = self.dir.join(hex::encode(digest));
        // Another process of this edge may have been quicker.
        if !place.exists() {
            fs::rename(&draft.dir, &place)?;
            File::open(&self.dir)?.sync_all()?;
        }
        let mut draws = read_all(&self.dir)?;
        let mut bytes = 0;
        let is_kept = |(number, draw): (usize, &PastDraw)| {
            bytes += draw.bytes;
            number == 0 || (number < DRAWS_MAX && bytes <= BYTES_MAX)
        };
        let kept = draws.iter().enumerate().map(is_kept).filter(|kept| *kept).count();
        for gone in draws.drain(kept..) {
            fs::remove_dir_all(self.dir.join(hex::encode(gone.digest)))?;
        }
        self.draws.store(Arc::new(draws));
        Ok(())
    }
}

impl Draft {
    /// Begins a folder in a directory, which is made where it is not there; `mark` tells drafts of one moment apart.
    pub(crate) fn begin(dir: &Path, mark: u64) -> io::Result<Self> {
        DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
        let dir = dir.join(format!("{DRAFT}{mark:016x}"));
        DirBuilder::new().mode(0o700).create(&dir)?;
        Ok(Self { dir })
    }

    /// Where it is.
    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// A file of the folder, to be written from its beginning.
    pub(crate) fn file(&self, name: &str) -> io::Result<File> {
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(self.dir.join(name))
    }

    /// Writes a whole file.
    pub(crate) fn write(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let mut file = self.file(name)?;
        file.write_all(bytes)?;
        file.sync_all()
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        // One that was kept has another name.
        let _ = fs::remove_dir_all(&self.dir);
    }
}

fn read_all(dir: &Path) -> io::Result<Vec<PastDraw>> {
    let folders = match fs::read_dir(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        folders => folders?,
    };
    let mut draws = Vec::new();
    for folder in folders {
        let path = folder?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if let Some(digest) = digest_of(name) {
            draws.extend(read_one(&path, digest));
        }
    }
    draws.sort_by_key(|draw| std::cmp::Reverse((draw.starts_at_ms, draw.digest)));
    Ok(draws)
}

/// Reads what is needed of a folder; one that cannot be read is passed over, and told.
fn read_one(folder: &Path, digest: Hash) -> Option<PastDraw> {
    let read = || -> io::Result<PastDraw> {
        let record: serde_json::Value = serde_json::from_slice(&fs::read(folder.join(RECORD))?)?;
        let number = |name: &str| record["descriptor"][name].as_u64().ok_or(io::ErrorKind::InvalidData);
        let mut bytes = 0;
        for file in fs::read_dir(folder)? {
            bytes += file?.metadata()?.len();
        }
        Ok(PastDraw { digest, opens_at_ms: number("opens_at_ms")?, starts_at_ms: number("starts_at_ms")?, bytes })
    };
    let tell =
        |error: &io::Error| tracing::error!(path = %folder.display(), %error, "a draw that is over cannot be read");
    read().inspect_err(tell).ok()
}

/// Removes what is left of writes that were cut short.
pub(crate) fn forget_drafts(store: &Path, room: &str) {
    forget_drafts_in(&store.join(DIR).join(room));
}

/// The same in any directory.
pub(crate) fn forget_drafts_in(dir: &Path) {
    let Ok(folders) = fs::read_dir(dir) else { return };
    for path in folders.filter_map(|folder| Some(folder.ok()?.path())) {
        if path.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.starts_with(DRAFT)) {
            let _ = fs::remove_dir_all(path);
        }
    }
}

fn digest_of(name: &str) -> Option<Hash> {
    let mut digest = [0; 32];
    hex::decode_to_slice(name, &mut digest).ok()?;
    (hex::encode(digest) == name).then_some(digest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(starts_at_ms: u64) -> Vec<u8> {
        format!("{{\"descriptor\":{{\"opens_at_ms\":1,\"starts_at_ms\":{starts_at_ms}}}}}").into_bytes()
    }

    fn keep(shelf: &Shelf, number: u8) {
        let draft = shelf.begin(number.into()).unwrap();
        draft.write(RECORD, &record(number.into())).unwrap();
        draft.write("roster", &[number; 64]).unwrap();
        shelf.keep(draft, &[number; 32]).unwrap();
    }

    #[test]
    fn draws_are_there_after_a_restart_the_latest_first() {
        let dir = tempfile::tempdir().unwrap();
        let shelf = Shelf::open(dir.path(), "final");
        [2, 1, 3].iter().for_each(|number| keep(&shelf, *number));
        let again = Shelf::open(dir.path(), "final");
        let digests: Vec<u8> = again.draws().iter().map(|draw| draw.digest[0]).collect();
        assert_eq!((digests, again.draws() == shelf.draws()), (vec![3, 2, 1], true));
        let (path, length) = again.file(&[2; 32], "roster").unwrap();
        assert_eq!((fs::read(path).unwrap(), length), (vec![2; 64], 64));
        assert!(again.file(&[2; 32], "claims").is_none() && again.file(&[9; 32], "roster").is_none());
        assert!(again.file(&[2; 32], "../../../x").is_none());
        assert!(Shelf::open(dir.path(), "other").draws().is_empty());
    }

    #[test]
    fn the_oldest_go_first_and_a_second_writer_changes_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let shelf = Shelf::open(dir.path(), "final");
        (0..=64).for_each(|number| keep(&shelf, number));
        assert_eq!(shelf.draws().len(), DRAWS_MAX);
        assert!(!shelf.has(&[0; 32]) && shelf.has(&[64; 32]));
        let second = shelf.begin(7).unwrap();
        second.write(RECORD, b"{}").unwrap();
        shelf.keep(second, &[64; 32]).unwrap();
        assert_eq!(shelf.draws()[0].starts_at_ms, 64);
        let names = fs::read_dir(dir.path().join(DIR).join("final")).unwrap().count();
        assert_eq!(names, DRAWS_MAX, "no draft is left");
        assert_eq!(
            [0, 1, 65].map(|sale| shelf.has_room_for(sale, 1)),
            [false, false, true],
            "the oldest would go at once"
        );
        assert!(shelf.has_room_for(64, 1) && !shelf.has_room_for(64, BYTES_MAX) && shelf.has_room_for(65, u64::MAX));
        let files = [(RECORD.to_owned(), record(64).len() as u64), ("roster".to_owned(), 64)];
        assert_eq!((shelf.files(&[64; 32]).unwrap(), shelf.files(&[0; 32]).unwrap()), (files.to_vec(), Vec::new()));
    }

    #[test]
    fn what_was_cut_short_is_removed_and_what_has_rotted_is_passed_over() {
        let dir = tempfile::tempdir().unwrap();
        let shelf = Shelf::open(dir.path(), "final");
        keep(&shelf, 1);
        std::mem::forget(shelf.begin(5).unwrap());
        fs::create_dir(dir.path().join(DIR).join("final").join("22".repeat(32))).unwrap();
        forget_drafts(dir.path(), "final");
        let again = Shelf::open(dir.path(), "final");
        assert_eq!(again.draws().len(), 1);
        assert_eq!(fs::read_dir(dir.path().join(DIR).join("final")).unwrap().count(), 2);
    }
}
