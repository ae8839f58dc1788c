//! What one edge knows of a room and has answered, on the edge's own disk (a replica log). It outlives the edge's
//! process. So a room can be put back though Redis has lost it and the edge was restarted meanwhile.
//!
//! Guarantees:
//! - an entry of the pool is in here before its fan is answered, and the page cache keeps it through kill -9
//! - a file that cannot be written costs the room nothing but this help, and is told in the log
//!
//! The draw's secret is in here: files are readable by their owner only.
//!
//! The directory has one user at a time. While an edge takes over from another both add entries, and only the other
//! writes what it knows. As soon as it has ended, that is taken in.
//!
//! `<dir>/<room>/knowledge` is [`Replica`] and how many numbers were left out when the roster was frozen. The file
//! is a head and one frame that are replaced as a whole. The entries are [`entries`]'s, and the copy of the frozen
//! roster is [`copy`]'s.

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use fairgate_core::recovery::Replica;
use fairgate_core::room::{Arrival, Arrived, Entry, Position, RoomSnapshot, Rules, Spot, TiersSnapshot};
use fairgate_draw::ZERO;
use fairgate_draw::v2::FrozenTier;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::entries::{self, Answered, EntriesFile};
use crate::framing::{FILE_HEAD_BYTES, FRAME_HEAD_BYTES, FileKind, FrameKind};
use crate::{CopiedList, Damage, DirLock, LockError, copy};

/// How old the knowledge on the disk may be.
const SAVE_EVERY: Duration = Duration::from_secs(1);
/// How the file begins. Its first version had neither head nor frame.
const KNOWLEDGE: FileKind = FileKind { magic: *b"fairknow", version: 2 };
/// The same of a room with tiers, which has more in it.
const TIERS_KNOWLEDGE: FileKind = FileKind { magic: *b"fairknow", version: 3 };
/// The same of a room in which a place has moved to another key, with tiers or without.
const MOVES_KNOWLEDGE: FileKind = FileKind { magic: *b"fairknow", version: 4 };
const ALL_OF_IT: FrameKind = FrameKind { magic: *b"FGK1", payload_min: 1, payload_max: u32::MAX as usize };

/// The directory with the files of all rooms.
#[derive(Debug)]
pub(super) struct ReplicaLogDir {
    path: PathBuf,
    /// None while another edge has the directory, or once this one has given it back.
    lock: Mutex<Option<DirLock>>,
}

impl ReplicaLogDir {
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

    /// True if no other edge has the directory any more.
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
pub(super) struct ReplicaLog {
    shared: Arc<ReplicaLogDir>,
    dir: PathBuf,
    /// True if all that the last user of the directory knew is taken over.
    has_taken_over: bool,
    /// The draw whose entries are written, by the first bytes of its descriptor's digest.
    entries: Option<(String, EntriesFile)>,
    saved_at: Option<Instant>,
    /// What was owed, and since which state nothing was, as the disk has it.
    saved: (Option<u64>, Option<Vec<u8>>),
}

impl ReplicaLog {
    /// Opens the files of a room, and reads what was known.
    pub(super) fn open(shared: &Arc<ReplicaLogDir>, room: &str) -> (Self, Replica) {
        let (dir, has_taken_over) = (shared.room(room), shared.is_ours());
        let ledger = Self {
            shared: Arc::clone(shared),
            dir,
            has_taken_over,
            entries: None,
            saved_at: None,
            saved: (None, None),
        };
        let mut knowledge = ledger.read_knowledge();
        ledger.recall(&mut knowledge);
        (ledger, knowledge)
    }

    /// Takes in the numbers that were answered after the knowledge was written down. A file that cannot be read is told
    /// of when its entries are put back.
    fn recall(&self, knowledge: &mut Replica) {
        let Some(memory) = &knowledge.memory else { return };
        if memory.plan.rules.is_some() {
            let answered = self.answered(knowledge).ok().into_iter().flatten();
            answered.for_each(|answered| knowledge.recall(answered.at));
        } else if !memory.pool_is_closed {
            let entries = self.entries(knowledge, 0).ok().into_iter().flatten();
            entries.for_each(|(index, _)| knowledge.recall(Spot::Pool { tier: 0, index }));
        }
    }

    /// Writes down what is known, unless that was done just now and entries are where they were.
    pub(super) fn save(&mut self, knowledge: &mut Replica) {
        let state = (knowledge.backlog_from, knowledge.complete_in.last().cloned());
        if self.saved != state || self.saved_at.is_none_or(|saved_at| saved_at.elapsed() >= SAVE_EVERY) {
            self.saved = state;
            self.save_now(knowledge);
        }
    }

    /// Writes down what is known; takes in before what the last user of the directory knew.
    pub(super) fn save_now(&mut self, knowledge: &mut Replica) {
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

    fn read_knowledge(&self) -> Replica {
        let path = self.dir.join("knowledge");
        let bytes = match fs::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Replica::default(),
            Err(error) => {
                tracing::error!(path = %path.display(), %error, "what was known of the room cannot be read");
                return Replica::default();
            }
            Ok(bytes) => bytes,
        };
        read_knowledge(&bytes).unwrap_or_else(|why| {
            tell_unreadable(&path, &why);
            Replica::default()
        })
    }

    /// Writes down the entries of the pool among those that were answered.
    pub(super) fn note(&mut self, knowledge: &Replica, entries: &[Entry], positions: &[Position]) {
        if positions.iter().any(|position| matches!(position, Position::Pool(_))) {
            let written = self.entries_file(knowledge).and_then(|file| file.push(entries, positions));
            self.tell("entries", written);
        }
    }

    /// Writes down the entries among those that came into a room with tiers.
    pub(super) fn note_arrivals(&mut self, knowledge: &Replica, arrivals: &[Arrival], arrived: &[Arrived]) {
        let answered: Vec<Answered> =
            arrivals.iter().zip(arrived).filter_map(|(arrival, arrived)| answered(arrival, arrived)).collect();
        if !answered.is_empty() {
            let written = self.entries_file(knowledge).and_then(|file| file.push_answered(&answered));
            self.tell("entries", written);
        }
    }

    /// The entries that this edge has answered in a room with tiers; each may come more than once.
    pub(super) fn answered(&self, knowledge: &Replica) -> io::Result<impl Iterator<Item = Answered> + use<>> {
        entries::read_tiers(&self.dir, &draw_of(knowledge)?)
    }

    /// The entries from an index on that this edge has answered, a part at a time; each may come more than once.
    pub(super) fn entries(
        &self,
        knowledge: &Replica,
        from: u64,
    ) -> io::Result<impl Iterator<Item = (u64, Entry)> + use<>> {
        let entries = entries::read(&self.dir, &draw_of(knowledge)?)?;
        Ok(entries.filter(move |(index, _)| *index >= from))
    }

    /// True if the disk has copies of all that the public root, or those of all tiers, are of.
    pub(super) fn has_copy(&self, memory: &RoomSnapshot) -> bool {
        match &memory.tiers {
            None => memory.frozen.is_some_and(|frozen| copy::has(&self.dir, CopiedList::Roster, &frozen.root)),
            Some(tiers) => tiers.frozen.as_ref().is_some_and(|frozen| frozen.iter().all(|tier| self.has_tier(tier))),
        }
    }

    fn has_tier(&self, tier: &FrozenTier) -> bool {
        let has_tags = || tier.tags_root == ZERO || copy::has(&self.dir, CopiedList::Tags, &tier.tags_root);
        tier.entries == 0 || (copy::has(&self.dir, CopiedList::Roster, &tier.root) && has_tags())
    }

    /// Where the copy of the roster is.
    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    fn write_knowledge(&self, knowledge: &Replica) -> io::Result<()> {
        let (path, draft) = (self.dir.join("knowledge"), self.dir.join("knowledge.new"));
        self.create(&draft)?.write_all(&knowledge_bytes(knowledge)?)?;
        fs::rename(draft, path)
    }

    /// The file of this draw; those of other draws are of no use any more.
    fn entries_file(&mut self, knowledge: &Replica) -> io::Result<&mut EntriesFile> {
        let draw = draw_of(knowledge)?;
        if self.entries.as_ref().is_none_or(|(known, _)| *known != draw) {
            self.create_dir()?;
            let has_tiers = knowledge.memory.as_ref().is_some_and(|memory| memory.plan.rules.is_some());
            let file = EntriesFile::open(&self.dir, &draw, has_tiers)?;
            self.forget_others(&draw)?;
            self.entries = Some((draw, file));
        }
        self.entries.as_mut().map(|(_, file)| file).ok_or_else(|| io::Error::other("it was just opened"))
    }

    fn forget_others(&self, draw: &str) -> io::Result<()> {
        for file in fs::read_dir(&self.dir)? {
            let other = file?.path();
            if entries::is_entries(&other) && other.file_stem().is_none_or(|stem| stem != draw) {
                fs::remove_file(other)?;
            }
        }
        Ok(())
    }

    fn create(&self, path: &Path) -> io::Result<File> {
        self.create_dir()?;
        OpenOptions::new().create(true).mode(0o600).write(true).truncate(true).open(path)
    }

    fn create_dir(&self) -> io::Result<()> {
        DirBuilder::new().recursive(true).mode(0o700).create(&self.dir)
    }

    fn tell(&self, what: &str, written: io::Result<()>) {
        if let Err(error) = written {
            tracing::warn!(dir = %self.dir.display(), what, %error, "cannot write down what could be put back");
        }
    }
}

/// What is written down of an arrival: an entry that is new, or that this very fan has already.
fn answered(arrival: &Arrival, arrived: &Arrived) -> Option<Answered> {
    let own = match arrived {
        Arrived::New { which, .. } => arrival.entries.get(usize::from(*which)),
        Arrived::Again { entry: Some(entry), .. } => arrival.entries.iter().find(|(own, _)| own == entry),
        Arrived::Again { entry: None, .. } if arrival.others.is_empty() && !arrival.several => arrival.entries.first(),
        _ => None,
    };
    let (entry, tag) = *own?;
    Some(Answered { at: arrived.at()?, entry, tag })
}

/// The name of the files of the present draw: the first bytes of its descriptor's digest.
fn draw_of(knowledge: &Replica) -> io::Result<String> {
    let memory = knowledge.memory.as_ref().ok_or_else(|| io::Error::other("nothing is known of the room"))?;
    Ok(hex::encode(&memory.plan.descriptor().digest[..8]))
}

/// What is written down of a room with tiers beside what is written down of every room.
#[derive(Serialize, Deserialize)]
struct TiersKnown {
    rules: Box<Rules>,
    tiers: TiersSnapshot,
}

impl TiersKnown {
    fn of(knowledge: &Replica) -> Option<Self> {
        let memory = knowledge.memory.as_ref()?;
        Some(Self { rules: memory.plan.rules.clone()?, tiers: memory.tiers.clone()? })
    }
}

fn knowledge_bytes(knowledge: &Replica) -> io::Result<Vec<u8>> {
    let mut frame = ALL_OF_IT.begin(4096);
    let left_out = knowledge.memory.as_ref().and_then(|memory| memory.frozen).map_or(0, |frozen| frozen.left_out);
    frame = postcard::to_extend(&(knowledge, left_out), frame).map_err(io::Error::other)?;
    let tiers = TiersKnown::of(knowledge);
    // A version before reads what it would have written itself.
    let (kind, frame_with_more) = match (tiers, &knowledge.claims.moves) {
        (None, moves) if moves.is_empty() => (KNOWLEDGE, Ok(frame)),
        (Some(tiers), moves) if moves.is_empty() => (TIERS_KNOWLEDGE, postcard::to_extend(&tiers, frame)),
        (tiers, moves) => (MOVES_KNOWLEDGE, postcard::to_extend(&(tiers, moves), frame)),
    };
    let mut frame = frame_with_more.map_err(io::Error::other)?;
    ALL_OF_IT.seal(&mut frame);
    Ok([&kind.head()[..], &frame].concat())
}

/// Why a file of knowledge cannot be read.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Unreadable {
    /// The file is not as it was written.
    Damaged(Damage),
    /// Another version of fairgate wrote it.
    Version(u32),
}

/// Reads what was written by this version or one before.
pub(crate) fn read_knowledge(bytes: &[u8]) -> Result<Replica, Unreadable> {
    let rotten = Unreadable::Damaged(Damage::Rotten);
    if bytes.len() < FILE_HEAD_BYTES {
        return Err(Unreadable::Damaged(Damage::Torn));
    }
    let kinds = [KNOWLEDGE, TIERS_KNOWLEDGE, MOVES_KNOWLEDGE];
    let has_moves = match KNOWLEDGE.version_of(bytes) {
        Some(version) if kinds.iter().any(|kind| kind.version == version) => version == MOVES_KNOWLEDGE.version,
        Some(version) => return Err(Unreadable::Version(version)),
        // The first version: nothing but what is known.
        None if bytes[0] <= 1 => return decode(&[bytes, &NOTHING_LEFT_OUT].concat(), false).ok_or(rotten),
        None => return Err(rotten),
    };
    let frame = &bytes[FILE_HEAD_BYTES..];
    let payload = ALL_OF_IT.payload(frame).filter(|payload| payload.len() + FRAME_HEAD_BYTES == frame.len());
    let payload = payload.ok_or_else(|| Unreadable::Damaged(ALL_OF_IT.judge(FILE_HEAD_BYTES as u64, frame)))?;
    decode(payload, has_moves).ok_or(rotten)
}

/// What the first version does not say.
const NOTHING_LEFT_OUT: [u8; 1] = [0];

fn decode(bytes: &[u8], has_moves: bool) -> Option<Replica> {
    let ((mut knowledge, left_out), rest): ((Replica, u64), &[u8]) = postcard::take_from_bytes(bytes).ok()?;
    let (tiers, moves): (Option<TiersKnown>, _) = match (has_moves, rest) {
        (true, rest) => postcard::from_bytes(rest).ok()?,
        (false, []) => (None, BTreeMap::new()),
        (false, rest) => (Some(postcard::from_bytes(rest).ok()?), BTreeMap::new()),
    };
    knowledge.claims.moves = moves;
    if let Some(memory) = &mut knowledge.memory {
        if let Some(frozen) = &mut memory.frozen {
            frozen.left_out = left_out;
        }
        if let Some(TiersKnown { rules, tiers }) = tiers {
            (memory.plan.rules, memory.tiers) = (Some(rules), Some(tiers));
        }
    }
    Some(knowledge)
}

/// Keeps what cannot be read for people to look at: the file itself is written anew within a second.
fn tell_unreadable(path: &Path, why: &Unreadable) {
    let kept = match why {
        Unreadable::Damaged(damage) => path.with_extension(damage.to_string()),
        Unreadable::Version(version) => path.with_extension(format!("version-{version}")),
    };
    let moved = fs::rename(path, &kept);
    let (path, kept) = (path.display(), kept.display());
    match why {
        // The disk was full, or the power went: nothing is wrong with it.
        Unreadable::Damaged(Damage::Torn) => {
            tracing::info!(%path, %kept, ?moved, "what was known of the room is torn: going on without it")
        }
        Unreadable::Damaged(Damage::Rotten) => tracing::error!(
            %path,
            %kept,
            ?moved,
            "what was known of the room has rotted on this disk: going on without it. Look after the disk; what other edges \
             know is not concerned"
        ),
        Unreadable::Version(version) => tracing::error!(
            %path,
            %kept,
            version,
            ?moved,
            "what was known of the room was written by a newer fairgate: going on without it. To use it, start that version"
        ),
    }
}

#[cfg(test)]
mod tests {
    use fairgate_core::room::{Bound, Spot};

    use super::*;

    fn known() -> Replica {
        Replica { complete_in: vec![vec![7; 16]; 9], backlog_from: Some(3), ..Replica::default() }
    }

    #[test]
    fn one_rotten_bit_of_what_is_known_is_seen_and_a_torn_write_is_another_thing() {
        let bytes = knowledge_bytes(&known()).unwrap();
        assert_eq!(read_knowledge(&bytes), Ok(known()));
        for bit in 0..bytes.len() * 8 {
            let mut rotten = bytes.clone();
            rotten[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(read_knowledge(&rotten), Err(Unreadable::Damaged(Damage::Rotten)), "bit {bit}");
        }
        for length in 0..bytes.len() {
            assert_eq!(read_knowledge(&bytes[..length]), Err(Unreadable::Damaged(Damage::Torn)), "{length} bytes");
        }
    }

    #[test]
    fn moves_are_written_down_and_without_any_the_bytes_are_those_of_before() {
        let mut known = known();
        let before = knowledge_bytes(&known).unwrap();
        assert_eq!(KNOWLEDGE.version_of(&before), Some(2));
        for (at, moves) in [(Spot::Pool { tier: 1, index: 7 }, 1), (Spot::Line { place: 9 }, 2)] {
            known.claims.note_move(at, Bound { key: [moves; 16], moves, since_ms: 5 });
        }
        let bytes = knowledge_bytes(&known).unwrap();
        assert_eq!(KNOWLEDGE.version_of(&bytes), Some(4));
        assert_eq!(read_knowledge(&bytes), Ok(known));
        assert_eq!(read_knowledge(&bytes[..bytes.len() - 1]), Err(Unreadable::Damaged(Damage::Torn)));
    }

    #[test]
    fn what_was_released_is_read_and_what_is_to_come_is_kept() {
        let released = postcard::to_stdvec(&known()).unwrap();
        assert_eq!(read_knowledge(&released), Ok(known()));
        let later = FileKind { version: 99, ..KNOWLEDGE };
        let bytes = [&later.head()[..], &released].concat();
        assert_eq!(read_knowledge(&bytes), Err(Unreadable::Version(99)));

        let dir = tempfile::tempdir().unwrap();
        let shared = Arc::new(ReplicaLogDir::open(dir.path(), false).unwrap());
        fs::create_dir(dir.path().join("arena")).unwrap();
        fs::write(dir.path().join("arena/knowledge"), &bytes).unwrap();
        let (mut ledger, mut read) = ReplicaLog::open(&shared, "arena");
        assert_eq!(read, Replica::default());
        ledger.save_now(&mut read);
        assert_eq!(fs::read(dir.path().join("arena/knowledge.version-99")).unwrap(), bytes);
    }
}
