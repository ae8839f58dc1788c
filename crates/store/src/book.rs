//! The book of a draw's entries on this process's own disk: what edges told, in a file of its own beside the journals.
//!
//! Guarantees:
//! - what was told is on the disk before it is answered
//! - the file is bounded: it is written anew, as a whole, when what was appended outweighs it
//! - a write that was cut short is cut off. What has rotted is kept aside and told, and the book begins anew: no draw and no
//!   place depends on it
//! - a book is gone at its time, which its last telling says
//!
//! `<dir>/<room>/<draw>.book` is a head and frames (see [`framing`](crate::framing)): the whole book, and then what changed.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt, FileExt};
use std::path::{Path, PathBuf};

use fairgate_core::room::Refusal;
use fairgate_entry::book::{Book, OVERRULE_BYTES, OVERRULES_MAX, Seen, Told, TooMany};
use serde::{Deserialize, Serialize};

use crate::framing::{FILE_HEAD_BYTES, FRAME_HEAD_BYTES, FileKind, FrameKind, Stored};
use crate::{Damage, StoreError, replace_file};

/// The end of a book's name.
pub(crate) const EXTENSION: &str = "book";
const FILE: FileKind = FileKind { magic: *b"fairbook", version: 1 };
/// A whole book has 24 MB of counts, 3 MB of references and as much of positions as the largest draw has.
const FRAME: FrameKind = FrameKind { magic: *b"FGB1", payload_min: 1, payload_max: 256 << 20 };
/// What is appended before the file is written anew, at least.
const APPENDED_MIN: u64 = 8 << 20;

/// A part of a book that is read only where it is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BookPart {
    /// Entries by network.
    Heat,
    /// References.
    Refusals,
    /// Who was asked at a claim, and the tellings of edges.
    Positions,
}

/// What a frame says.
#[derive(Serialize, Deserialize)]
enum Record {
    Whole(Box<Book>),
    Told(Told),
    Overruled { rows: Vec<[u8; OVERRULE_BYTES]>, keep_until_ms: u64 },
    Forgotten { keep_until_ms: u64 },
}

/// The book of one draw, and its file; without a file until something is told.
#[derive(Debug)]
pub(crate) struct BookFile {
    path: PathBuf,
    file: Option<File>,
    book: Book,
    length: u64,
    /// How much of it the whole book at its beginning is.
    whole: u64,
}

impl BookFile {
    /// The name of a draw's book.
    pub(crate) fn path_in(dir: &Path, draw: &str) -> PathBuf {
        dir.join(format!("{draw}.{EXTENSION}"))
    }

    /// Reads the book with this name; an empty one where there is none.
    ///
    /// # Errors
    /// The file cannot be read, or is of another version.
    pub(crate) fn open(path: PathBuf) -> Result<Self, StoreError> {
        let failed = |error: io::Error| StoreError::Unavailable(format!("{}: {error}", path.display()));
        let empty = Self { path: path.clone(), file: None, book: Book::default(), length: 0, whole: 0 };
        let file = match OpenOptions::new().read(true).write(true).open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(empty),
            Err(error) => return Err(failed(error)),
        };
        let mut head = [0; FILE_HEAD_BYTES];
        let read = file.read_full_at(&mut head, 0).map_err(failed)?;
        match FILE.version_of(&head[..read]) {
            Some(version) if version != FILE.version => {
                let other = format!("{} is written in version {version}", path.display());
                return Err(StoreError::Damaged(other));
            }
            Some(_) => {}
            None => {
                set_aside(&path);
                return Ok(empty);
            }
        }
        let mut kept = Self { file: Some(file), length: FILE_HEAD_BYTES as u64, ..empty };
        match kept.read_on().map_err(failed)? {
            Some(Damage::Rotten) => {
                set_aside(&path);
                Self::open(path)
            }
            Some(Damage::Torn) => {
                tracing::info!(path = %path.display(), "the book of a draw ended in a torn write: it was cut off");
                let cut = kept.file.as_ref().map_or(Ok(()), |file| file.set_len(kept.length));
                cut.map_err(failed)?;
                Ok(kept)
            }
            None => Ok(kept),
        }
    }

    /// Takes in all whole frames; answers what became of the bytes behind them.
    fn read_on(&mut self) -> io::Result<Option<Damage>> {
        let Some(file) = &self.file else { return Ok(None) };
        let end = file.length()?;
        while self.length < end {
            let mut head = [0; FRAME_HEAD_BYTES];
            let read = file.read_full_at(&mut head, self.length)?;
            let said = FRAME.head(&head).filter(|_| read == FRAME_HEAD_BYTES);
            let left = usize::try_from(end - self.length).unwrap_or(usize::MAX);
            let mut bytes = vec![0; said.map_or(left, |head| head.length.saturating_add(FRAME_HEAD_BYTES).min(left))];
            file.read_full_at(&mut bytes, self.length)?;
            let record = FRAME.payload(&bytes).and_then(|payload| postcard::from_bytes(payload).ok());
            let Some(record) = record else {
                let next = FRAME.find(file, self.length + 1)?;
                return Ok(Some(if next.is_some() { Damage::Rotten } else { FRAME.judge(self.length, &bytes) }));
            };
            self.length += bytes.len() as u64;
            match record {
                Record::Whole(book) => {
                    self.book = *book;
                    self.whole = self.length;
                }
                Record::Told(told) => drop(self.book.tell(&told)),
                Record::Overruled { rows, keep_until_ms } => {
                    let known = self.book.overrule_rows().len() as u64;
                    // As many as were written had room.
                    let _ = self.book.overrule(known, &rows, keep_until_ms);
                }
                Record::Forgotten { keep_until_ms } => {
                    self.book.forget(keep_until_ms);
                }
            }
        }
        Ok(None)
    }

    /// The book, as long as its time is not over.
    pub(crate) fn book(&mut self, now_ms: u64) -> &Book {
        self.end_in_time(now_ms);
        &self.book
    }

    /// Takes in what an edge tells.
    ///
    /// # Errors
    /// It cannot be written.
    pub(crate) fn tell(&mut self, told: Told, now_ms: u64) -> Result<Seen, StoreError> {
        self.end_in_time(now_ms);
        let mut seen = None;
        let is_told = told.number > 0;
        self.change(is_told, Record::Told(told), |book, record| {
            if let Record::Told(told) = record {
                seen = Some(book.tell(told));
            }
        })?;
        Ok(seen.unwrap_or_default())
    }

    /// Appends decisions if there are so many.
    ///
    /// # Errors
    /// There are as many as there may be, or they cannot be written.
    pub(crate) fn overrule(
        &mut self,
        known: u64,
        rows: Vec<[u8; OVERRULE_BYTES]>,
        keep_until_ms: u64,
        now_ms: u64,
    ) -> Result<u64, StoreError> {
        self.end_in_time(now_ms);
        let have = self.book.overrule_rows().len() as u64;
        if have != known || rows.is_empty() {
            return Ok(have);
        }
        let after = have + rows.len() as u64;
        if after > OVERRULES_MAX as u64 {
            return Err(too_many());
        }
        self.change(true, Record::Overruled { rows, keep_until_ms }, |book, record| {
            if let Record::Overruled { rows, keep_until_ms } = record {
                let _ = book.overrule(known, rows, *keep_until_ms);
            }
        })?;
        Ok(after)
    }

    /// Forgets what belongs to fans; nothing of it is left in the file.
    ///
    /// # Errors
    /// It cannot be written.
    pub(crate) fn forget(&mut self, keep_until_ms: u64, now_ms: u64) -> Result<bool, StoreError> {
        self.end_in_time(now_ms);
        let mut had = false;
        self.change(true, Record::Forgotten { keep_until_ms }, |book, _| {
            had = book.forget(keep_until_ms);
        })?;
        self.write_anew().map_err(|error| self.failed(&error))?;
        Ok(had)
    }

    /// Writes a change down, and makes it in memory once it is there.
    fn change(
        &mut self,
        is_written: bool,
        record: Record,
        make: impl FnOnce(&mut Book, &Record),
    ) -> Result<(), StoreError> {
        if is_written {
            self.append(&record).map_err(|error| self.failed(&error))?;
        }
        make(&mut self.book, &record);
        if self.length > self.whole + (self.whole.max(APPENDED_MIN)) {
            self.write_anew().map_err(|error| self.failed(&error))?;
        }
        Ok(())
    }

    fn append(&mut self, record: &Record) -> io::Result<()> {
        if self.file.is_none() {
            self.write_anew()?;
        }
        let frame = frame(record)?;
        let Some(file) = &self.file else { return Ok(()) };
        if let Err(error) = file.write_all_at(&frame, self.length).and_then(|()| file.sync_data()) {
            // What could not be written whole is taken away again; where even that fails it is a torn write.
            drop(file.set_len(self.length));
            return Err(error);
        }
        self.length += frame.len() as u64;
        Ok(())
    }

    /// Puts the whole book into a new file in the old one's place.
    fn write_anew(&mut self) -> io::Result<()> {
        let bytes = [&FILE.head()[..], &frame(&Record::Whole(Box::new(self.book.clone())))?].concat();
        let dir = self.path.parent().unwrap_or(Path::new("."));
        DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
        replace_file(&self.path, &bytes)?;
        let file = OpenOptions::new().read(true).write(true).open(&self.path)?;
        (self.file, self.length, self.whole) = (Some(file), bytes.len() as u64, bytes.len() as u64);
        Ok(())
    }

    /// Removes a book whose time is over.
    fn end_in_time(&mut self, now_ms: u64) {
        let until_ms = self.book.keep_until_ms();
        if until_ms == 0 || now_ms < until_ms {
            return;
        }
        if let Err(error) = fs::remove_file(&self.path) {
            tracing::error!(path = %self.path.display(), %error, "a book whose time is over cannot be removed");
        }
        *self = Self { path: self.path.clone(), file: None, book: Book::default(), length: 0, whole: 0 };
    }

    fn failed(&self, error: &io::Error) -> StoreError {
        StoreError::Unavailable(format!("{}: {error}", self.path.display()))
    }
}

/// Removes the books of a room whose time is over.
pub(crate) fn remove_old(dir: &Path, now_ms: u64) {
    let Ok(files) = fs::read_dir(dir) else { return };
    for path in files.filter_map(|file| Some(file.ok()?.path())) {
        if path.extension().is_some_and(|of| of == EXTENSION)
            && let Ok(mut kept) = BookFile::open(path)
        {
            kept.end_in_time(now_ms);
        }
    }
}

/// There are as many decisions as there may be.
pub(crate) fn too_many() -> StoreError {
    StoreError::Refused(Refusal::Invalid(TooMany.to_string()))
}

/// How a book is; the number of entries that it has counted.
///
/// # Errors
/// The file cannot be read.
pub(crate) fn look(path: &Path) -> io::Result<Result<u64, Damage>> {
    let file = File::open(path)?;
    let mut head = [0; FILE_HEAD_BYTES];
    let read = file.read_full_at(&mut head, 0)?;
    match FILE.version_of(&head[..read]) {
        Some(version) if version == FILE.version => {}
        Some(version) => return Err(io::Error::other(format!("written in version {version}"))),
        None => return Ok(Err(Damage::Rotten)),
    }
    let (path, length) = (path.to_owned(), FILE_HEAD_BYTES as u64);
    let mut kept = BookFile { path, file: Some(file), book: Book::default(), length, whole: 0 };
    Ok(match kept.read_on()? {
        None => Ok(kept.book.heat.as_ref().map_or(0, fairgate_entry::book::Heat::joins)),
        Some(damage) => Err(damage),
    })
}

fn frame(record: &Record) -> io::Result<Vec<u8>> {
    let payload = postcard::to_stdvec(record).map_err(io::Error::other)?;
    let mut bytes = FRAME.begin(FRAME_HEAD_BYTES + payload.len());
    bytes.extend_from_slice(&payload);
    FRAME.seal(&mut bytes);
    Ok(bytes)
}

fn set_aside(path: &Path) {
    let aside = path.with_extension("rotten");
    let moved = fs::rename(path, &aside);
    tracing::error!(
        path = %path.display(),
        is_kept = moved.is_ok(),
        "the book of a draw has rotted: counts of networks, references and overrules of it begin anew. It is kept as *.rotten"
    );
    if moved.is_err() {
        drop(fs::remove_file(path));
    }
}
