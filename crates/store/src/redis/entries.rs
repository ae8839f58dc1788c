//! The entries of the pool that this edge has answered, in a file of the edge's own disk.
//!
//! Guarantees:
//! - an entry is in here before its fan is answered, and the page cache keeps it through kill -9
//! - a record that was cut short, or has rotted, costs the entries that it had and no others
//! - what cannot be read is told, and how much of it there is
//!
//! In a room with tiers a record has 57 bytes: the tier (15: the line), its index or place as `u64be`, the entry, and its tag.
//! Late comers are written down, too, since an identity has one position wherever it is.
//!
//! `<draw>.ledger` is a head and one frame for each batch that was answered (see [`framing`](crate::framing)). An
//! entry has 40 bytes: its index as `u64be`, and itself. `<draw>.entries`, its first version, has the same bytes
//! without head and frames; it is read as far as it goes and not written any more.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use fairgate_core::room::{Entry, Position, Spot};
use fairgate_draw::v2::Tag;

use crate::Damage;
use crate::framing::{FILE_HEAD_BYTES, FRAME_HEAD_BYTES, FileKind, FrameKind, Stored, u64_at};

/// How the file begins.
const LEDGER: FileKind = FileKind { magic: *b"fairledg", version: 1 };
/// What was answered together.
const BATCH: FrameKind =
    FrameKind { magic: *b"FGL1", payload_min: RECORD_BYTES, payload_max: RECORD_BYTES * (1 << 17) };
const RECORD_BYTES: usize = 8 + size_of::<Entry>();
/// The same in a room with tiers.
const TIER_BATCH: FrameKind =
    FrameKind { magic: *b"FGL2", payload_min: TIER_RECORD_BYTES, payload_max: TIER_RECORD_BYTES * (1 << 17) };
const TIER_RECORD_BYTES: usize = 1 + RECORD_BYTES + size_of::<Tag>();
/// Instead of a tier: the line.
const LINE: u8 = 15;
/// No pool is as large: an index above is none, but bytes that are read out of step.
const INDEX_MAX: u64 = 1 << 40;

/// The file of one draw, open for writing.
#[derive(Debug)]
pub(super) struct EntriesFile {
    path: PathBuf,
    file: File,
    /// True if the draw has tiers.
    has_tiers: bool,
}

/// An entry of a room with tiers that was answered, as it is put back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Answered {
    /// Where it stands.
    pub(super) at: Spot,
    /// The entry.
    pub(super) entry: Entry,
    /// Its tag.
    pub(super) tag: Tag,
}

/// What of a file could not be read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Unread {
    /// Bytes of writes that were cut short.
    pub(crate) torn_bytes: u64,
    /// Bytes that are not as they were written.
    pub(crate) rotten_bytes: u64,
}

impl EntriesFile {
    /// Opens the file of a draw, or makes it; a write that was cut short when it was used last is cut off.
    pub(super) fn open(dir: &Path, draw: &str, has_tiers: bool) -> io::Result<Self> {
        let path = dir.join(draw).with_extension("ledger");
        let file = OpenOptions::new().create(true).read(true).append(true).mode(0o600).open(&path)?;
        let entries = Self { path, file, has_tiers };
        entries.locked(|file| entries.cut_to_whole_frames(file))?;
        Ok(entries)
    }

    /// Adds the entries of the pool among those that are about to be answered. What could not be written whole is taken
    /// away again.
    pub(super) fn push(&self, entries: &[Entry], positions: &[Position]) -> io::Result<()> {
        self.append(frame(entries, positions))
    }

    /// The same in a room with tiers.
    pub(super) fn push_answered(&self, answered: &[Answered]) -> io::Result<()> {
        self.append(tier_frame(answered))
    }

    fn append(&self, frame: Option<Vec<u8>>) -> io::Result<()> {
        let Some(frame) = frame else { return Ok(()) };
        self.locked(|mut file| {
            let length = file.metadata()?.len();
            let is_new = length < FILE_HEAD_BYTES as u64;
            let head = if is_new { LEDGER.head().to_vec() } else { Vec::new() };
            let written = file.write_all(&[head, frame].concat());
            if written.is_err() {
                file.set_len(if is_new { 0 } else { length })?;
            }
            written
        })
    }

    /// While an edge takes over from another both write here: one after the other.
    fn locked<T>(&self, write: impl FnOnce(&File) -> io::Result<T>) -> io::Result<T> {
        self.file.lock()?;
        let written = write(&self.file);
        self.file.unlock()?;
        written
    }

    fn cut_to_whole_frames(&self, file: &File) -> io::Result<()> {
        let length = file.metadata()?.len();
        if length < FILE_HEAD_BYTES as u64 {
            return file.set_len(0);
        }
        let mut reader = Reader::open(&self.path, frames(self.has_tiers))?;
        while reader.next()?.is_some() {}
        if reader.at < length && reader.unread.rotten_bytes == 0 {
            let torn_bytes = length - reader.at;
            tracing::info!(path = %self.path.display(), torn_bytes, "a torn write was cut off");
            file.set_len(reader.at)?;
        }
        Ok(())
    }
}

/// What the frames of a file are like.
fn frames(has_tiers: bool) -> FrameKind {
    if has_tiers { TIER_BATCH } else { BATCH }
}

/// What was answered together in a room with tiers, as a frame.
fn tier_frame(answered: &[Answered]) -> Option<Vec<u8>> {
    let mut frame = TIER_BATCH.begin(FRAME_HEAD_BYTES + answered.len() * TIER_RECORD_BYTES);
    frame.extend(records_of(answered));
    TIER_BATCH.seal(&mut frame);
    (frame.len() > FRAME_HEAD_BYTES).then_some(frame)
}

/// The records of entries of a room with tiers, one behind the other.
pub(super) fn records_of(answered: &[Answered]) -> Vec<u8> {
    let mut records = Vec::with_capacity(answered.len() * TIER_RECORD_BYTES);
    for Answered { at, entry, tag } in answered {
        let (tier, number) = match *at {
            Spot::Pool { tier, index } => (tier, index),
            Spot::Line { place } => (LINE, place),
        };
        records.push(tier);
        records.extend_from_slice(&number.to_be_bytes());
        records.extend_from_slice(entry);
        records.extend_from_slice(tag);
    }
    records
}

/// Reads the entries of a draw with tiers a frame at a time, in the order of the answers; each may come more than once.
pub(super) fn read_tiers(dir: &Path, draw: &str) -> io::Result<impl Iterator<Item = Answered> + use<>> {
    let reader = Reader::open(&dir.join(draw).with_extension("ledger"), TIER_BATCH)?;
    let records = |payload: Vec<u8>| payload.as_chunks().0.iter().map(read_answered).collect::<Vec<_>>();
    Ok(payloads(reader).flat_map(records))
}

fn read_answered(record: &[u8; TIER_RECORD_BYTES]) -> Answered {
    let (head, tag) = record.split_at(1 + RECORD_BYTES);
    let (number, entry) = head[1..].split_at(8);
    let number = number.iter().fold(0, |number, byte| number << 8 | u64::from(*byte));
    let at = match head[0] {
        LINE => Spot::Line { place: number },
        tier => Spot::Pool { tier, index: number },
    };
    let (mut answered, tag) = (Answered { at, entry: Entry::default(), tag: Tag::default() }, tag);
    answered.entry.copy_from_slice(entry);
    answered.tag.copy_from_slice(tag);
    answered
}

/// What was answered together, as a frame; none where nobody came into the pool.
fn frame(entries: &[Entry], positions: &[Position]) -> Option<Vec<u8>> {
    let records = entries.iter().zip(positions).filter_map(record);
    let mut frame = BATCH.begin(FRAME_HEAD_BYTES + entries.len() * RECORD_BYTES);
    records.for_each(|record| frame.extend_from_slice(&record));
    BATCH.seal(&mut frame);
    (frame.len() > FRAME_HEAD_BYTES).then_some(frame)
}

/// A file of entries in memory, for whoever plays a disk.
#[derive(Clone, Debug, Default)]
pub struct PlayedEntries {
    /// The file, byte for byte.
    pub bytes: Vec<u8>,
}

impl PlayedEntries {
    /// Opens it: a write that was cut short is cut off.
    pub fn open(&mut self) {
        let mut reader = Reader::of(PathBuf::new(), BATCH, Some(std::mem::take(&mut self.bytes).into_boxed_slice()));
        while reader.next().is_ok_and(|records| records.is_some()) {}
        let whole = if reader.unread.rotten_bytes == 0 { usize::try_from(reader.at).ok() } else { None };
        self.bytes = reader.file.take().map(Vec::from).unwrap_or_default();
        self.bytes.truncate(whole.unwrap_or(usize::MAX));
    }

    /// Adds the entries of the pool among those that are about to be answered.
    pub fn push(&mut self, entries: &[Entry], positions: &[Position]) {
        if let Some(frame) = frame(entries, positions) {
            if self.bytes.is_empty() {
                self.bytes = LEDGER.head().to_vec();
            }
            self.bytes.extend(frame);
        }
    }

    /// The entries that can be read.
    #[must_use]
    pub fn entries(&self) -> Vec<(u64, Entry)> {
        let mut reader = Reader::of(PathBuf::new(), BATCH, Some(self.bytes.clone().into_boxed_slice()));
        let frames = std::iter::from_fn(|| reader.next().ok().flatten());
        frames.flat_map(|payload| records(&payload)).collect()
    }
}

/// Reads the entries of a draw a frame at a time, in the order of the answers; each may come more than once.
pub(super) fn read(dir: &Path, draw: &str) -> io::Result<impl Iterator<Item = (u64, Entry)> + use<>> {
    let of_before = read_released(&dir.join(draw).with_extension("entries"))?;
    let reader = Reader::open(&dir.join(draw).with_extension("ledger"), BATCH)?;
    Ok(of_before.into_iter().chain(payloads(reader).flat_map(|payload| records(&payload))))
}

/// The payloads of a file's frames, as far as it can be read.
fn payloads(reader: Reader<File>) -> impl Iterator<Item = Vec<u8>> {
    let mut reader = Some(reader);
    std::iter::from_fn(move || {
        let payload = reader.as_mut()?.next().unwrap_or_else(|error| {
            tracing::error!(%error, "the entries that were answered cannot be read to their end");
            None
        });
        if payload.is_none() {
            reader.take().iter().for_each(Reader::tell);
        }
        payload
    })
}

/// How many entries a file has that can be read, and what of it cannot.
pub(crate) fn read_ledger(path: &Path) -> io::Result<(usize, Unread)> {
    let kind = if begins_with_tiers(path)? { (TIER_BATCH, TIER_RECORD_BYTES) } else { (BATCH, RECORD_BYTES) };
    let (mut reader, mut entries) = (Reader::open(path, kind.0)?, 0);
    while let Some(payload) = reader.next()? {
        entries += payload.len() / kind.1;
    }
    Ok((entries, reader.unread))
}

/// True if a file's first frame is of a room with tiers.
fn begins_with_tiers(path: &Path) -> io::Result<bool> {
    let mut magic = [0; 4];
    let read = File::open(path)?.stored().read_full_at(&mut magic, FILE_HEAD_BYTES as u64)?;
    Ok(read == magic.len() && magic == TIER_BATCH.magic)
}

/// True if this is a file of entries, of whatever version.
pub(super) fn is_entries(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "ledger" || extension == "entries")
}

/// Reads a file frame by frame, and goes on behind what is no frame.
#[derive(Debug)]
struct Reader<F> {
    path: PathBuf,
    frames: FrameKind,
    file: Option<F>,
    at: u64,
    unread: Unread,
}

impl Reader<File> {
    /// Opens a file; one that is not there is empty.
    fn open(path: &Path, frames: FrameKind) -> io::Result<Self> {
        let file = match File::open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            opened => Some(opened?),
        };
        let mut reader = Self::of(path.to_owned(), frames, file);
        reader.check_head()?;
        Ok(reader)
    }
}

impl<F: AsBytes> Reader<F> {
    fn of(path: PathBuf, frames: FrameKind, file: Option<F>) -> Self {
        Self { path, frames, file, at: FILE_HEAD_BYTES as u64, unread: Unread::default() }
    }

    fn check_head(&mut self) -> io::Result<()> {
        let Some(file) = &self.file else { return Ok(()) };
        let mut head = [0; FILE_HEAD_BYTES];
        let read = file.stored().read_full_at(&mut head, 0)?;
        match LEDGER.version_of(&head) {
            Some(version) if version == LEDGER.version => {}
            Some(version) => {
                let why = format!("{} is of version {version}, which this program cannot read", self.path.display());
                return Err(io::Error::new(io::ErrorKind::Unsupported, why));
            }
            // Its frames say by themselves what they are.
            None if read == FILE_HEAD_BYTES => self.unread.rotten_bytes += FILE_HEAD_BYTES as u64,
            None => self.unread.torn_bytes += read as u64,
        }
        Ok(())
    }

    /// The payload of the next whole frame; none at the end.
    fn next(&mut self) -> io::Result<Option<Vec<u8>>> {
        let Some(file) = self.file.as_ref().map(AsBytes::stored) else { return Ok(None) };
        if let Some(payload) = read_frame(file, self.frames, self.at)? {
            self.at += (FRAME_HEAD_BYTES + payload.len()) as u64;
            return Ok(Some(payload));
        }
        let length = file.length()?;
        let next = self.frames.find(file, self.at + 1)?;
        let unread = next.unwrap_or(length).saturating_sub(self.at);
        let mut bytes = vec![0; usize::try_from(unread.min(self.frames.payload_max as u64)).unwrap_or(0)];
        file.read_full_at(&mut bytes, self.at)?;
        match self.frames.judge(self.at, &bytes) {
            Damage::Torn => self.unread.torn_bytes += unread,
            Damage::Rotten => self.unread.rotten_bytes += unread,
        }
        match next {
            Some(next) => {
                self.at = next;
                self.next()
            }
            None => Ok(None),
        }
    }

    fn tell(&self) {
        let (path, Unread { torn_bytes, rotten_bytes }) = (self.path.display(), self.unread);
        if rotten_bytes > 0 {
            tracing::error!(
                %path,
                rotten_bytes,
                "entries that were answered have rotted on this disk and cannot be put back: look after the disk; other \
                 edges may have them"
            );
        }
        if torn_bytes > 0 {
            tracing::info!(%path, torn_bytes, "writes that were cut short were passed over: nobody was answered for them");
        }
    }
}

/// A file, or the bytes of one.
trait AsBytes {
    type Bytes: Stored + ?Sized;

    fn stored(&self) -> &Self::Bytes;
}

impl AsBytes for File {
    type Bytes = Self;

    fn stored(&self) -> &Self {
        self
    }
}

impl AsBytes for Box<[u8]> {
    type Bytes = [u8];

    fn stored(&self) -> &[u8] {
        self
    }
}

fn read_frame(file: &(impl Stored + ?Sized), frames: FrameKind, at: u64) -> io::Result<Option<Vec<u8>>> {
    let mut head = [0; FRAME_HEAD_BYTES];
    if file.read_full_at(&mut head, at)? < FRAME_HEAD_BYTES {
        return Ok(None);
    }
    let Some(head) = frames.head(&head) else { return Ok(None) };
    let mut payload = vec![0; head.length];
    file.read_full_at(&mut payload, at + FRAME_HEAD_BYTES as u64)?;
    Ok(head.fits(&payload).then_some(payload))
}

fn records(payload: &[u8]) -> Vec<(u64, Entry)> {
    payload.as_chunks().0.iter().map(read_record).collect()
}

/// The records of a file of 40 bytes an entry and nothing else. Where one was torn those behind it are out of step. An
/// index that no pool has says so. Reading goes on at the next place where the indexes make sense again.
fn read_released(path: &Path) -> io::Result<Vec<(u64, Entry)>> {
    let bytes = match fs::read(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        read => read?,
    };
    let (mut entries, mut at, mut skipped) = (Vec::new(), 0, 0);
    while let Some(record) = bytes[at..].first_chunk::<RECORD_BYTES>() {
        let follows = bytes[at + RECORD_BYTES..].first_chunk::<8>();
        let is_in_step = is_index(record) && follows.is_none_or(|next| is_index(next));
        if is_in_step {
            entries.push(read_record(record));
        } else {
            skipped += 1;
        }
        at += if is_in_step { RECORD_BYTES } else { 1 };
    }
    let torn_bytes = skipped + bytes.len() - at;
    if torn_bytes > 0 {
        tracing::info!(path = %path.display(), torn_bytes, "torn writes were passed over");
    }
    Ok(entries)
}

fn is_index(bytes: &[u8]) -> bool {
    u64_at(bytes, 0).swap_bytes() < INDEX_MAX
}

fn record((entry, position): (&Entry, &Position)) -> Option<[u8; RECORD_BYTES]> {
    let Position::Pool(index) = position else { return None };
    let mut record = [0; RECORD_BYTES];
    record[..8].copy_from_slice(&index.to_be_bytes());
    record[8..].copy_from_slice(entry);
    Some(record)
}

fn read_record(record: &[u8; RECORD_BYTES]) -> (u64, Entry) {
    let (index, entry) = record.split_first_chunk().expect("a record has an index");
    (u64::from_be_bytes(*index), entry.try_into().expect("the rest of a record is an entry"))
}

#[cfg(test)]
mod tests;
