//! What one edge knows of a room and has answered, on the edge's own disk: it outlives the edge's process, so that a room
//! can be put back though Redis has lost it and the edge was restarted meanwhile.
//!
//! Guarantees: an entry of the pool is in here before its fan is answered, and the page cache keeps it through kill -9;
//! a file that cannot be written costs the room nothing but this help, and is told in the log. The draw's secret is in
//! here: files are readable by their owner only.
//!
//! The directory has one user at a time. While an edge takes over from another both add entries, and only the other writes
//! what it knows; as soon as it has ended, that is taken in.
//!
//! `<dir>/<room>/knowledge` is [`Knowledge`], replaced as a whole; `<dir>/<room>/<draw>.entries` has 40 bytes an entry, its
//! index as `u64be` and itself, in the order of the answers. The copy of the frozen roster is [`copy`]'s.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, BufReader, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::recover::Knowledge;
use crate::room::{Entry, Memory, Position};
use crate::store::{DirLock, LockError, copy};

/// How old the knowledge on the disk may be.
const SAVE_EVERY: Duration = Duration::from_secs(1);
const RECORD_BYTES: usize = 8 + size_of::<Entry>();

/// The directory with the files of all rooms.
#[derive(Debug)]
pub(super) struct LedgerDir {
    path: PathBuf,
    /// None while another edge has the directory, or once this one has given it back.
    lock: Mutex<Option<DirLock>>,
}

impl LedgerDir {
    /// Opens the directory; `takes_over`: whether another edge may still have it.
    pub(super) fn open(path: &Path, takes_over: bool) -> Result<Self, LockError> {
        let lock = match DirLock::take(path) {
            Err(LockError::InUse { .. }) if takes_over => None,
            taken => Some(taken?),
        };
        Ok(Self { path: path.to_owned(), lock: Mutex::new(lock) })
    }

    /// Where the files of a room are.
    pub(super) fn room(&self, room: &str) -> PathBuf {
        self.path.join(room)
    }

    /// Gives the directory back.
    pub(super) fn close(&self) {
        self.lock.lock().unwrap_or_else(PoisonError::into_inner).take();
    }

    /// Whether no other edge has the directory any more.
    fn is_ours(&self) -> bool {
        let mut lock = self.lock.lock().unwrap_or_else(PoisonError::into_inner);
        if lock.is_none() {
            *lock = DirLock::take(&self.path).ok();
        }
        lock.is_some()
    }
}

/// The files of one room.
#[derive(Debug)]
pub(super) struct Ledger {
    shared: Arc<LedgerDir>,
    dir: PathBuf,
    /// Whether all that the last user of the directory knew is known.
    has_taken_over: bool,
    /// The draw whose entries are written, by the first bytes of its descriptor's digest.
    entries: Option<(PathBuf, File)>,
    saved_at: Option<Instant>,
    /// What was owed, and since which state nothing was, as the disk has it.
    saved: (Option<u64>, Option<Vec<u8>>),
}

impl Ledger {
    /// Opens the files of a room, and reads what was known.
    pub(super) fn open(shared: &Arc<LedgerDir>, room: &str) -> (Self, Knowledge) {
        let (dir, has_taken_over) = (shared.room(room), shared.is_ours());
        let ledger = Self {
            shared: Arc::clone(shared),
            dir,
            has_taken_over,
            entries: None,
            saved_at: None,
            saved: (None, None),
        };
        let knowledge = ledger.read_knowledge();
        (ledger, knowledge)
    }

    /// Writes down what is known, unless that was done just now and entries are where they were.
    pub(super) fn save(&mut self, knowledge: &mut Knowledge) {
        let state = (knowledge.owed_from, knowledge.whole_in.last().cloned());
        if self.saved != state || self.saved_at.is_none_or(|saved_at| saved_at.elapsed() >= SAVE_EVERY) {
            self.saved = state;
            self.save_now(knowledge);
        }
    }

    /// Writes down what is known; takes in before what the last user of the directory knew.
    pub(super) fn save_now(&mut self, knowledge: &mut Knowledge) {
        self.saved_at = Some(Instant::now());
        if !self.has_taken_over {
            if !self.shared.is_ours() {
                return;
            }
            knowledge.unite(self.read_knowledge());
            self.has_taken_over = true;
        }
        let written = self.write_knowledge(knowledge);
        self.tell("knowledge", written);
    }

    fn read_knowledge(&self) -> Knowledge {
        let Ok(bytes) = fs::read(self.dir.join("knowledge")) else { return Knowledge::default() };
        postcard::from_bytes(&bytes).unwrap_or_else(|error| {
            tracing::warn!(dir = %self.dir.display(), %error, "what was known of the room cannot be read");
            Knowledge::default()
        })
    }

    /// Writes down the entries of the pool among those that were answered.
    pub(super) fn note(&mut self, knowledge: &Knowledge, entries: &[Entry], positions: &[Position]) {
        let records: Vec<u8> = entries.iter().zip(positions).filter_map(record).flatten().collect();
        if !records.is_empty() {
            let written = self.entries_file(knowledge).and_then(|(_, file)| file.write_all(&records));
            self.tell("entries", written);
        }
    }

    /// The entries from an index on that this edge has answered, a part at a time; each may come more than once.
    pub(super) fn entries(
        &mut self,
        knowledge: &Knowledge,
        from: u64,
    ) -> io::Result<impl Iterator<Item = (u64, Entry)>> {
        let (path, _) = self.entries_file(knowledge)?;
        let mut reader = BufReader::with_capacity(1 << 20, File::open(path)?);
        let mut record = [0; RECORD_BYTES];
        // A record that was torn when the edge was killed is that of a fan who was not answered.
        let next = move || reader.read_exact(&mut record).ok().map(|()| read_record(&record));
        Ok(std::iter::from_fn(next).filter(move |(index, _)| *index >= from))
    }

    /// Whether there is a copy of the roster that the root is of, if any is public.
    pub(super) fn has_copy(&self, memory: &Memory) -> bool {
        memory.frozen.is_some_and(|frozen| copy::has(&self.dir, &frozen.root))
    }

    /// Where the copy of the roster is.
    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    fn write_knowledge(&self, knowledge: &Knowledge) -> io::Result<()> {
        let bytes = postcard::to_stdvec(knowledge).map_err(io::Error::other)?;
        let (path, draft) = (self.dir.join("knowledge"), self.dir.join("knowledge.new"));
        self.create(&draft, false)?.write_all(&bytes)?;
        fs::rename(draft, path)
    }

    /// The file of this draw; those of other draws are of no use any more.
    fn entries_file(&mut self, knowledge: &Knowledge) -> io::Result<&mut (PathBuf, File)> {
        let memory = knowledge.memory.as_ref().ok_or_else(|| io::Error::other("nothing is known of the room"))?;
        let name = format!("{}.entries", hex::encode(&memory.plan.descriptor().digest()[..8]));
        let path = self.dir.join(name);
        if self.entries.as_ref().is_none_or(|(known, _)| *known != path) {
            let file = self.create(&path, true)?;
            self.forget_others(&path)?;
            self.entries = Some((path, file));
        }
        self.entries.as_mut().ok_or_else(|| io::Error::other("it was just opened"))
    }

    fn forget_others(&self, path: &Path) -> io::Result<()> {
        for file in fs::read_dir(&self.dir)? {
            let other = file?.path();
            if other != path && other.extension().is_some_and(|extension| extension == "entries") {
                fs::remove_file(other)?;
            }
        }
        Ok(())
    }

    fn create(&self, path: &Path, append: bool) -> io::Result<File> {
        DirBuilder::new().recursive(true).mode(0o700).create(&self.dir)?;
        let mut options = OpenOptions::new();
        options.create(true).mode(0o600).append(append).write(true).truncate(!append).open(path)
    }

    fn tell(&self, what: &str, written: io::Result<()>) {
        if let Err(error) = written {
            tracing::warn!(dir = %self.dir.display(), what, %error, "cannot write down what could be put back");
        }
    }
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
