//! The file of a draw log on this process's own disk: statements in batches, and who cosigned which checkpoint.
//!
//! Guarantees:
//! - what was appended is on the disk before [`LogFile::append`] returns
//! - a write that was cut short is cut off: no checkpoint was made of it. What has rotted is an error that says where, for
//!   to leave it out would be another log
//! - two processes, one of which takes over from the other, append one after the other, and each takes in what the other
//!   has appended
//!
//! `<store.path>/draw.log/<host>/<number>.statements` is a head and one frame for each record (see
//! [`framing`](crate::framing)). The first one names the log. `<number>.signed` beside it is the size and root that were signed
//! last, a head and one frame that are replaced as a whole.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use fairgate_draw::Hash;
use fairgate_draw::log::Origin;

use crate::Damage;
use crate::framing::{FILE_HEAD_BYTES, FRAME_HEAD_BYTES, FileKind, FrameKind, Stored, u64_at};
use crate::replace::replace_file;

/// The directory in the store's own. No room has such a name.
const DIR: &str = "draw.log";
const STATEMENTS: FileKind = FileKind { magic: *b"fairdlog", version: 1 };
const RECORD: FrameKind = FrameKind { magic: *b"FGD1", payload_min: 2, payload_max: 1 << 20 };
const SIGNED: FileKind = FileKind { magic: *b"fairdsig", version: 1 };
const MARK: FrameKind = FrameKind { magic: *b"FGD2", payload_min: MARK_BYTES, payload_max: MARK_BYTES };
const MARK_BYTES: usize = 8 + size_of::<Hash>();

/// What is appended to a log's file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogRecord {
    /// Statements that were appended to the log together ([`Batch`](fairgate_draw::log::Batch)).
    Statements(Vec<u8>),
    /// A witness's line ([`KeptCosignature`](fairgate_draw::log::KeptCosignature)).
    Cosignature(String),
}

/// Why a log's file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LogFileError {
    /// The file or its directory cannot be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Bytes are not those that were written.
    #[error(
        "{} is rotten from byte {at} on: put a copy of it back, from a backup or another edge; where there is none, the log \
         cannot be continued, and a key for its successor is to be made",
        path.display()
    )]
    Rotten {
        /// The file.
        path: PathBuf,
        /// Where in it.
        at: u64,
    },
    /// The file is of another version, or of another log.
    #[error("{} is not the file of this log: {found}; move it away", path.display())]
    Other {
        /// The file.
        path: PathBuf,
        /// What it is instead.
        found: String,
    },
}

/// A log's file, open for appending.
#[derive(Debug)]
pub struct LogFile {
    path: PathBuf,
    file: File,
    origin: String,
    /// How far its records are known here.
    length: u64,
}

impl LogRecord {
    fn frame(&self) -> Vec<u8> {
        let (kind, payload) = match self {
            Self::Statements(bytes) => (b'S', &bytes[..]),
            Self::Cosignature(text) => (b'W', text.as_bytes()),
        };
        frame(kind, payload)
    }

    /// Reads a payload; `None` where it is none.
    fn parse(payload: &[u8]) -> Option<Self> {
        let (kind, bytes) = payload.split_first()?;
        match kind {
            b'S' => Some(Self::Statements(bytes.to_vec())),
            b'W' => String::from_utf8(bytes.to_vec()).ok().map(Self::Cosignature),
            _ => None,
        }
    }
}

impl LogFile {
    /// Opens the file of a log in a store's directory, and reads it; it is made where it is missing.
    ///
    /// # Errors
    /// The file cannot be used.
    pub fn open(store: &Path, origin: &Origin) -> Result<(Self, Vec<LogRecord>), LogFileError> {
        let dir = store.join(DIR).join(origin.host());
        let path = dir.join(format!("{}.statements", origin.number()));
        let io = |source| LogFileError::Io { path: path.clone(), source };
        DirBuilder::new().recursive(true).mode(0o700).create(&dir).map_err(io)?;
        let mut options = OpenOptions::new();
        let file = options.create(true).truncate(false).read(true).write(true).mode(0o600).open(&path).map_err(io)?;
        let mut log = Self { path, file, origin: origin.to_string(), length: 0 };
        let records = log.locked(Self::begin)?;
        Ok((log, records))
    }

    /// What another process has appended since.
    ///
    /// # Errors
    /// The file cannot be read, or has rotted.
    pub fn catch_up(&mut self) -> Result<Vec<LogRecord>, LogFileError> {
        self.locked(Self::read_on)
    }

    /// Appends a record; `false` where another process has appended something meanwhile, which is to be taken in first.
    ///
    /// # Errors
    /// The record cannot be written: nothing of it is left.
    pub fn append(&mut self, record: &LogRecord) -> Result<bool, LogFileError> {
        self.locked(|log| {
            let length = log.file.length().map_err(|source| log.io(source))?;
            if length != log.length {
                return Ok(false);
            }
            log.write(&record.frame())?;
            Ok(true)
        })
    }

    /// Size and root that were signed last, as far as this disk knows.
    ///
    /// # Errors
    /// The file cannot be read, or has rotted.
    pub fn signed(&self) -> Result<Option<(u64, Hash)>, LogFileError> {
        let path = self.signed_path();
        match fs::read(&path) {
            Ok(bytes) => {
                let mark = read_mark(&bytes).ok_or(LogFileError::Rotten { path, at: 0 })?;
                Ok(Some(mark))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(LogFileError::Io { path, source }),
        }
    }

    /// Keeps what is about to be signed.
    ///
    /// # Errors
    /// It cannot be written: nothing may be signed.
    pub fn keep_signed(&self, size: u64, root: &Hash) -> Result<(), LogFileError> {
        let path = self.signed_path();
        let mut frame = MARK.begin(FRAME_HEAD_BYTES + MARK_BYTES);
        frame.extend_from_slice(&size.to_le_bytes());
        frame.extend_from_slice(root);
        MARK.seal(&mut frame);
        replace_file(&path, &[&SIGNED.head()[..], &frame].concat()).map_err(|source| LogFileError::Io { path, source })
    }

    fn signed_path(&self) -> PathBuf {
        self.path.with_extension("signed")
    }

    /// Reads the file from its beginning, which is written where it is missing.
    fn begin(&mut self) -> Result<Vec<LogRecord>, LogFileError> {
        let mut head = [0; FILE_HEAD_BYTES];
        let read = self.file.read_full_at(&mut head, 0).map_err(|source| self.io(source))?;
        match STATEMENTS.version_of(&head[..read]) {
            Some(version) if version != STATEMENTS.version => {
                return Err(self.other(format!("it is written in version {version}")));
            }
            Some(_) => {}
            // It was cut short when it was made.
            None if RECORD.find(&self.file, 0).map_err(|source| self.io(source))?.is_none() => return self.create(),
            None => return Err(LogFileError::Rotten { path: self.path.clone(), at: 0 }),
        }
        self.length = FILE_HEAD_BYTES as u64;
        let mut payloads = self.read_payloads()?.into_iter();
        match payloads.next() {
            Some(first) if first == named(&self.origin) => records_of(payloads, self),
            Some(first) => Err(self.other(format!("it is the log {:?}", String::from_utf8_lossy(&first[1..])))),
            None => self.create(),
        }
    }

    fn create(&mut self) -> Result<Vec<LogRecord>, LogFileError> {
        self.file.set_len(0).map_err(|source| self.io(source))?;
        self.length = 0;
        let named = named(&self.origin);
        self.write(&[&STATEMENTS.head()[..], &frame(named[0], &named[1..])].concat())?;
        // The names are to be as durable as the content.
        let mut dirs = self.path.ancestors().skip(1).take(3);
        dirs.try_for_each(|dir| File::open(dir)?.sync_all()).map_err(|source| self.io(source))?;
        Ok(Vec::new())
    }

    fn read_on(&mut self) -> Result<Vec<LogRecord>, LogFileError> {
        let payloads = self.read_payloads()?;
        records_of(payloads.into_iter(), self)
    }

    /// Reads what is behind what is known, and cuts off a write that was cut short.
    fn read_payloads(&mut self) -> Result<Vec<Vec<u8>>, LogFileError> {
        let end = self.file.length().map_err(|source| self.io(source))?;
        let (payloads, whole, damage) = read_frames(&self.file, self.length).map_err(|source| self.io(source))?;
        match damage {
            Some(Damage::Rotten) => return Err(LogFileError::Rotten { path: self.path.clone(), at: whole }),
            Some(Damage::Torn) => {
                let torn_bytes = end - whole;
                tracing::info!(path = %self.path.display(), torn_bytes, "a torn write was cut off");
                self.file.set_len(whole).and_then(|()| self.file.sync_data()).map_err(|source| self.io(source))?;
            }
            None => {}
        }
        self.length = whole;
        Ok(payloads)
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), LogFileError> {
        let written = self.file.write_all_at(bytes, self.length).and_then(|()| self.file.sync_data());
        if let Err(source) = written {
            // What could not be written whole is taken away again; where even that fails it is a torn write.
            drop(self.file.set_len(self.length));
            return Err(self.io(source));
        }
        self.length += bytes.len() as u64;
        Ok(())
    }

    fn locked<T>(&mut self, work: impl FnOnce(&mut Self) -> Result<T, LogFileError>) -> Result<T, LogFileError> {
        self.file.lock().map_err(|source| self.io(source))?;
        let done = work(self);
        self.file.unlock().map_err(|source| self.io(source))?;
        done
    }

    fn io(&self, source: io::Error) -> LogFileError {
        LogFileError::Io { path: self.path.clone(), source }
    }

    fn other(&self, found: String) -> LogFileError {
        LogFileError::Other { path: self.path.clone(), found }
    }
}

fn records_of(payloads: impl Iterator<Item = Vec<u8>>, log: &LogFile) -> Result<Vec<LogRecord>, LogFileError> {
    let read = |payload: Vec<u8>| LogRecord::parse(&payload);
    let records: Option<Vec<LogRecord>> = payloads.map(read).collect();
    records.ok_or_else(|| log.other("it has records of a newer version".to_owned()))
}

/// The payload that names a log.
fn named(origin: &str) -> Vec<u8> {
    [b"O", origin.as_bytes()].concat()
}

fn frame(kind: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = RECORD.begin(FRAME_HEAD_BYTES + 1 + payload.len());
    bytes.push(kind);
    bytes.extend_from_slice(payload);
    RECORD.seal(&mut bytes);
    bytes
}

/// The payloads of whole frames from an offset on, where they end, and what became of the bytes behind them.
fn read_frames(file: &File, from: u64) -> io::Result<(Vec<Vec<u8>>, u64, Option<Damage>)> {
    let (end, mut at, mut payloads) = (file.length()?, from, Vec::new());
    while at < end {
        let mut bytes = vec![0; usize::try_from(end - at).unwrap_or(usize::MAX).min(FRAME_HEAD_BYTES + (1 << 20))];
        let read = file.read_full_at(&mut bytes, at)?;
        bytes.truncate(read);
        let Some(payload) = RECORD.payload(&bytes) else {
            let next = RECORD.find(file, at + 1)?;
            let damage = if next.is_some() { Damage::Rotten } else { RECORD.judge(at, &bytes) };
            return Ok((payloads, at, Some(damage)));
        };
        at += (FRAME_HEAD_BYTES + payload.len()) as u64;
        payloads.push(payload.to_vec());
    }
    Ok((payloads, at, None))
}

fn read_mark(bytes: &[u8]) -> Option<(u64, Hash)> {
    SIGNED.version_of(bytes).filter(|version| *version == SIGNED.version)?;
    let payload = MARK.payload(bytes.get(FILE_HEAD_BYTES..)?)?;
    Some((u64_at(payload, 0), *payload[8..].first_chunk()?))
}

/// The files of logs in a store's directory.
pub(crate) fn files_in(store: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let dir = store.join(DIR);
    if !dir.is_dir() {
        return Ok(files);
    }
    for host in fs::read_dir(dir)? {
        for file in fs::read_dir(host?.path())? {
            files.push(file?.path());
        }
    }
    files.sort_unstable();
    Ok(files)
}

/// Looks at a log's file: how many records of it can be read, and what became of the rest.
pub(crate) fn look(path: &Path) -> io::Result<(usize, Option<Damage>)> {
    let file = File::open(path)?;
    let mut head = [0; FILE_HEAD_BYTES];
    let read = file.read_full_at(&mut head, 0)?;
    if STATEMENTS.version_of(&head[..read]).is_none() {
        return Ok((0, Some(if read < FILE_HEAD_BYTES { Damage::Torn } else { Damage::Rotten })));
    }
    let (payloads, _, damage) = read_frames(&file, FILE_HEAD_BYTES as u64)?;
    Ok((payloads.len(), damage))
}

/// Looks at a file of what was signed last.
pub(crate) fn look_at_mark(path: &Path) -> io::Result<Option<u64>> {
    Ok(read_mark(&fs::read(path)?).map(|(size, _)| size))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin() -> Origin {
        Origin::new("tickets.example:8443", 1).unwrap()
    }

    fn records() -> Vec<LogRecord> {
        vec![
            LogRecord::Statements(vec![7; 900]),
            LogRecord::Cosignature("1\nkey\nline\n".into()),
            LogRecord::Statements(vec![9; 3]),
        ]
    }

    fn written(dir: &Path) -> PathBuf {
        let (mut log, read) = LogFile::open(dir, &origin()).unwrap();
        assert!(read.is_empty());
        records().iter().for_each(|record| assert!(log.append(record).unwrap()));
        log.path
    }

    #[test]
    fn what_was_appended_is_read_back_and_what_was_cut_short_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let path = written(dir.path());
        assert!(path.ends_with("draw.log/tickets.example:8443/1.statements"));
        let whole = fs::read(&path).unwrap();
        assert_eq!(LogFile::open(dir.path(), &origin()).unwrap().1, records());
        for cut in 1..16 {
            fs::write(&path, &whole[..whole.len() - cut]).unwrap();
            let (mut log, read) = LogFile::open(dir.path(), &origin()).unwrap();
            assert_eq!(read, records()[..2], "{cut} bytes are missing");
            assert!(log.append(&records()[2]).unwrap());
            assert_eq!(fs::read(&path).unwrap(), whole);
        }
        for length in 0..20 {
            fs::write(&path, &whole[..length]).unwrap();
            assert!(LogFile::open(dir.path(), &origin()).unwrap().1.is_empty(), "cut when it was made, at {length}");
        }
    }

    #[test]
    fn what_has_rotted_is_never_left_out() {
        let dir = tempfile::tempdir().unwrap();
        let path = written(dir.path());
        let whole = fs::read(&path).unwrap();
        for bit in (0..whole.len() * 8).step_by(11) {
            let mut flipped = whole.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            fs::write(&path, &flipped).unwrap();
            let opened = LogFile::open(dir.path(), &origin());
            assert!(matches!(opened, Err(LogFileError::Rotten { .. })), "bit {bit}: {opened:?}");
            assert_eq!(fs::read(&path).unwrap(), flipped, "it is left as it is");
        }
    }

    #[test]
    fn two_processes_append_one_after_the_other() {
        let dir = tempfile::tempdir().unwrap();
        let (mut old, _) = LogFile::open(dir.path(), &origin()).unwrap();
        let (mut new, _) = LogFile::open(dir.path(), &origin()).unwrap();
        let [first, second, third] = records().try_into().unwrap();
        assert!(old.append(&first).unwrap());
        assert!(!new.append(&second).unwrap(), "it has not seen the first");
        assert_eq!(new.catch_up().unwrap(), [first]);
        assert!(new.append(&second).unwrap());
        assert_eq!(old.catch_up().unwrap(), [second]);
        assert!(old.append(&third).unwrap());
        assert_eq!(LogFile::open(dir.path(), &origin()).unwrap().1, records());
    }

    #[test]
    fn another_logs_file_is_not_taken() {
        let dir = tempfile::tempdir().unwrap();
        let path = written(dir.path());
        let other = path.with_file_name("2.statements");
        fs::rename(&path, &other).unwrap();
        let successor = Origin::new("tickets.example:8443", 2).unwrap();
        let told = LogFile::open(dir.path(), &successor).unwrap_err().to_string();
        assert!(told.contains("it is the log \"tickets.example:8443/.fairgate/draw.log\""), "{told}");
    }

    #[test]
    fn what_was_signed_last_is_known_and_damage_to_it_is_noticed() {
        let dir = tempfile::tempdir().unwrap();
        let (log, _) = LogFile::open(dir.path(), &origin()).unwrap();
        assert_eq!(log.signed().unwrap(), None);
        log.keep_signed(3, &[1; 32]).unwrap();
        log.keep_signed(5, &[2; 32]).unwrap();
        assert_eq!(log.signed().unwrap(), Some((5, [2; 32])));
        let path = log.signed_path();
        let mut bytes = fs::read(&path).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        fs::write(&path, bytes).unwrap();
        assert!(matches!(log.signed(), Err(LogFileError::Rotten { .. })));
    }
}
