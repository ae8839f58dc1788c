//! One append-only file a sale: what was appended is on the disk before [`Journal::append`] returns.
//!
//! Guarantees:
//! - reading stops at a tail that was torn while it was written, which nobody was answered for, and cuts it off
//! - bytes that have rotted, in the last commit as anywhere before it, are an error that says where, since cutting
//!   there would lose answered commands

use std::fs::{File, OpenOptions};
use std::io::{self, BufReader, ErrorKind, Read};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::OpenError;
use super::frame::{COMMIT, HEADER_BYTES, Header, HeaderError, Payload, read_payload};
use crate::framing::{Damage, FRAME_HEAD_BYTES, Stored};

/// Bytes read from the file at once.
const READ_BYTES: usize = 1 << 20;

/// An open journal, positioned at its end.
#[derive(Debug)]
pub(super) struct Journal {
    file: Arc<File>,
    generation: u64,
    length: u64,
}

/// A frame as it was read back.
#[derive(Debug)]
pub(super) struct Frame {
    /// What was committed.
    pub(super) payload: Payload,
    /// Where in the file its payload begins.
    pub(super) payload_at: u64,
}

impl Journal {
    /// Makes the journal of a new sale, with its first frame in it.
    pub(super) fn create(dir: &Path, header: Header, frame: &[u8]) -> io::Result<Self> {
        let path = path_in(dir, header.generation);
        let file = OpenOptions::new().create_new(true).read(true).write(true).mode(0o600).open(path)?;
        file.write_all_at(&header.encode(), 0)?;
        let mut journal = Self { file: Arc::new(file), generation: header.generation, length: HEADER_BYTES as u64 };
        journal.append(frame)?;
        // The file's name must be as durable as its content.
        File::open(dir)?.sync_all()?;
        Ok(journal)
    }

    /// Appends a frame; answers where it begins.
    pub(super) fn append(&mut self, frame: &[u8]) -> io::Result<u64> {
        let at = self.length;
        self.file.write_all_at(frame, at)?;
        self.file.sync_data()?;
        self.length += frame.len() as u64;
        Ok(at)
    }

    /// Takes away whatever a failed append may have left behind.
    pub(super) fn cut_back(&self) -> io::Result<()> {
        self.file.set_len(self.length)?;
        self.file.sync_data()
    }

    /// The file, for reading entries back.
    pub(super) fn file(&self) -> Arc<File> {
        Arc::clone(&self.file)
    }

    /// The sale of the room that this is the journal of.
    pub(super) fn generation(&self) -> u64 {
        self.generation
    }
}

/// Where the journal of a sale stands.
pub(super) fn path_in(dir: &Path, generation: u64) -> PathBuf {
    dir.join(format!("{generation}.journal"))
}

/// Reads a journal frame by frame.
#[derive(Debug)]
pub(super) struct JournalReader {
    path: PathBuf,
    file: Arc<File>,
    reader: BufReader<File>,
    header: Header,
    at: u64,
    payload: Vec<u8>,
}

impl JournalReader {
    /// Opens a journal to go on with it; nothing if it was torn while it was made, before anybody was answered.
    pub(super) fn open(path: PathBuf) -> Result<Option<Self>, OpenError> {
        Self::open_as(path, OpenOptions::new().read(true).write(true))
    }

    /// Opens a journal to look at it.
    pub(super) fn open_read_only(path: PathBuf) -> Result<Option<Self>, OpenError> {
        Self::open_as(path, OpenOptions::new().read(true))
    }

    fn open_as(path: PathBuf, options: &OpenOptions) -> Result<Option<Self>, OpenError> {
        let failed = |source| OpenError::Io { path: path.clone(), source };
        let file = Arc::new(options.open(&path).map_err(failed)?);
        let mut reader = BufReader::with_capacity(READ_BYTES, file.try_clone().map_err(failed)?);
        let mut bytes = [0; HEADER_BYTES];
        let header = match whole(reader.read_exact(&mut bytes)).map_err(failed)? {
            true => Header::decode(&bytes),
            false => Err(HeaderError::Damaged),
        };
        match header {
            Ok(header) => Ok(Some(Self { path, file, reader, header, at: HEADER_BYTES as u64, payload: Vec::new() })),
            Err(HeaderError::Damaged) if COMMIT.find(&*file, 0).map_err(failed)?.is_none() => Ok(None),
            Err(HeaderError::Damaged) => Err(OpenError::Rotten { path, at: 0, what: HeaderError::Damaged.to_string() }),
            Err(error) => Err(OpenError::Version { path, what: error.to_string() }),
        }
    }

    /// Where the journal stands.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The journal's header.
    pub(super) fn header(&self) -> Header {
        self.header
    }

    /// The next frame; nothing at the end of what was committed.
    pub(super) fn next(&mut self) -> Result<Option<Frame>, OpenError> {
        if !self.read_frame().map_err(|source| OpenError::Io { path: self.path.clone(), source })? {
            return Ok(None);
        }
        let payload_at = self.at + FRAME_HEAD_BYTES as u64;
        let Some(payload) = read_payload(&self.payload) else {
            let what = format!(
                "the commit at byte {} is whole, and makes no sense to this program: use the newer one that wrote it",
                self.at
            );
            return Err(OpenError::Version { path: self.path.clone(), what });
        };
        self.at = payload_at + self.payload.len() as u64;
        Ok(Some(Frame { payload, payload_at }))
    }

    /// Ends reading: cuts off a torn tail and goes on writing there. Answers how many bytes were cut off, too.
    pub(super) fn into_journal(self) -> Result<(Journal, u64), OpenError> {
        let torn = self.torn_bytes()?;
        let failed = |source| OpenError::Io { path: self.path.clone(), source };
        if torn > 0 {
            self.file.set_len(self.at).map_err(failed)?;
        }
        self.file.sync_data().map_err(failed)?;
        let journal = Journal { file: self.file, generation: self.header.generation, length: self.at };
        Ok((journal, torn))
    }

    /// How much of the end was torn, once all commits are read; refuses what has rotted.
    pub(super) fn torn_bytes(&self) -> Result<u64, OpenError> {
        let failed = |source| OpenError::Io { path: self.path.clone(), source };
        let torn = self.file.metadata().map_err(failed)?.len().saturating_sub(self.at);
        if torn > 0 {
            if let Some(next) = COMMIT.find(&*self.file, self.at + 1).map_err(failed)? {
                return Err(self.rotten(&format!("this is not a commit, but there is one at byte {next}")));
            }
            self.check_is_torn(torn)?;
        }
        Ok(torn)
    }

    /// Refuses to cut off what was written whole.
    fn check_is_torn(&self, bytes: u64) -> Result<(), OpenError> {
        let longest = (FRAME_HEAD_BYTES + COMMIT.payload_max) as u64;
        let mut tail = vec![0; usize::try_from(bytes.min(longest + 1)).unwrap_or(0)];
        let read = self.file.read_full_at(&mut tail, self.at);
        let read = read.map_err(|source| OpenError::Io { path: self.path.clone(), source })?;
        match COMMIT.judge(self.at, &tail[..read]) {
            Damage::Torn if bytes <= longest => Ok(()),
            _ => Err(self.rotten("the last commit is there, but not as it was written")),
        }
    }

    /// Reads the payload of the frame at `self.at`; answers whether there is a whole one.
    fn read_frame(&mut self) -> io::Result<bool> {
        let mut head = [0; FRAME_HEAD_BYTES];
        if !whole(self.reader.read_exact(&mut head))? {
            return Ok(false);
        }
        let Some(head) = COMMIT.head(&head) else { return Ok(false) };
        self.payload.resize(head.length, 0);
        Ok(whole(self.reader.read_exact(&mut self.payload))? && head.fits(&self.payload))
    }

    fn rotten(&self, what: &str) -> OpenError {
        OpenError::Rotten { path: self.path.clone(), at: self.at, what: what.to_owned() }
    }
}

/// True if a read found all its bytes. False if the file ended first.
fn whole(read: io::Result<()>) -> io::Result<bool> {
    match read {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}
