//! Where rooms live: one trait, transitions that are atomic, durable before they are answered, and safe to retry.
//!
//! Guarantees:
//! - an answered command is on a disk, or in Redis, before its caller hears of it
//! - a command that is asked for again after a lost answer changes nothing more
//! - commands of one room take effect one at a time
//!
//! | module | keeps a room |
//! |---|---|
//! | [`embedded`] | in memory, with a journal on the disk of one edge |
//! | [`redis`] | in Redis, for a fleet of edges; the transitions are the scripts in `lua/` |
//! | [`check`] | in files: reads them and says which are damaged |
//! | [`history`] | as numbers of the last two weeks, beside any of these |
//!
//! The compiler keeps one promise here: this crate names no edge, no admin API and no configuration file. A store takes its
//! room's decisions from [`fairgate_core`] and has none of its own.

mod audit;
mod batch;
mod book;
pub mod check;
mod copy;
mod definitions;
mod draw_log;
pub mod embedded;
mod framing;
#[doc(hidden)]
pub mod fuzzed;
pub mod history;
mod joins;
mod lock;
mod next_draw;
mod offers;
mod parcels;
pub mod redis;
mod replace;

use std::ops::Range;

use async_trait::async_trait;
use bytes::Bytes;
use fairgate_core::room::{Arrival, Arrived, Command, Outcome, PreparedDraw, Refusal, View};
use fairgate_draw::Hash;
use fairgate_entry::book::{Book, OVERRULE_BYTES, Seen, Told};

pub use self::audit::{AUDIT_ROWS_MAX, AuditRow, AuditRows, EdgeLook};
pub use self::book::BookPart;
pub use self::copy::{CopiedList, KeptCopy, RosterCopy};
pub use self::definitions::{Definition, DefinitionTag, DefinitionsLook};
pub use self::draw_log::{LogFile, LogFileError, LogRecord};
pub use self::framing::Damage;
pub use self::joins::{CountedNetwork, Joined, Joiner};
pub use self::lock::{DirLock, LockError};
pub use self::next_draw::KeptNext;
pub use self::offers::{GUESSERS_MAX, Guesser, GuesserName, NewOffer, OFFERS_MAX, OfferName, OfferRow, Offers, Typed};
pub use self::parcels::{
    Depot, PARCEL_FILES_MAX, PARCELS_MAX, PIECE_BYTES, Parcel, ParcelFile, Told as ParcelsTold, WISHES_MAX, Wish,
};
pub use self::replace::replace_file;

/// Why a store could not answer.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The room refused; nothing has changed.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The store cannot be reached or cannot write; whether the command took effect is unknown, and a retry is safe.
    #[error("the store is unavailable: {0}")]
    Unavailable(String),
    /// What is on disk (or in the store) is damaged, and says where.
    #[error("the store is damaged: {0}")]
    Damaged(String),
}

/// The time of the rooms, and how far clocks are from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoreTime {
    /// The time that rooms go by, Unix ms.
    pub now_ms: u64,
    /// How far the clock that rooms should go by is ahead of them (behind, where negative) and not believed.
    pub jump_ms: Option<i64>,
    /// How far this machine's clock is ahead of the rooms' (behind, where negative).
    pub skew_ms: i64,
}

impl StoreTime {
    /// The jump that is farthest from nothing.
    fn widest(jumps: Vec<i64>) -> Option<i64> {
        jumps.into_iter().max_by_key(|jump_ms| jump_ms.unsigned_abs())
    }
}

/// What a draw log consists of where edges share it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogList {
    /// Statements, a batch a row.
    Statements,
    /// Cosignatures of witnesses, one a row.
    Cosignatures,
}

/// Rows of a list that edges share.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SharedRows {
    /// How many the list has.
    pub count: u64,
    /// Those that were asked for, or the first of them.
    pub rows: Vec<Vec<u8>>,
}

/// A room's shared state.
///
/// Commands are applied one at a time for each room, at the store's own clock, and are durable before they are
/// answered. Commands that wait at the same moment may share one commit.
#[async_trait]
pub trait Store: Send + Sync + 'static {
    /// Applies one command to a room.
    async fn apply(&self, room: &str, command: Command) -> Result<Outcome, StoreError>;

    /// Applies [`Command::Enter`], but for those whose networks have had their share over all edges. A store that only this
    /// process uses leaves that to it.
    async fn join(&self, room: &str, joiners: Vec<Joiner>) -> Result<Vec<Joined>, StoreError> {
        let entries = joiners.into_iter().map(|joiner| joiner.entry).collect();
        match self.apply(room, Command::Enter(entries)).await? {
            Outcome::Entered(positions) => Ok(positions.into_iter().map(Joined::At).collect()),
            _ => Err(Refusal::Invalid("the store answered another command".to_owned()).into()),
        }
    }

    /// Applies [`Command::Arrive`], but for those whose networks have had their share over all edges, as [`Store::join`] does.
    async fn arrive(&self, room: &str, comers: Vec<Joiner<Arrival>>) -> Result<Vec<Joined<Arrived>>, StoreError> {
        let arrivals = comers.into_iter().map(|comer| comer.entry).collect();
        match self.apply(room, Command::Arrive(arrivals)).await? {
            Outcome::Arrived(arrived) => Ok(arrived.into_iter().map(Joined::At).collect()),
            _ => Err(Refusal::Invalid("the store answered another command".to_owned()).into()),
        }
    }

    /// Applies [`Command::Tick`] and says how the room stands; refused with [`Refusal::NotScheduled`] where there is no
    /// plan.
    async fn view(&self, room: &str) -> Result<View, StoreError>;

    /// True if other edges have the same rooms.
    fn is_shared(&self) -> bool {
        false
    }

    /// Waits until the room may have changed in a way that is worth a look before the next one is due. Such are
    /// changes of phase, plan, draw or controls. What changed while nobody waited is told to the next who does. A
    /// store that only this process changes has nothing to tell.
    async fn changed(&self, _room: &str) {
        std::future::pending().await
    }

    /// The roster's bytes, 32 an entry, for a range of entry indexes; shorter where the roster ends. The roster is the
    /// pool of the present draw: those who came later are not in it.
    async fn roster(&self, room: &str, entries: Range<u64>) -> Result<Bytes, StoreError>;

    /// The same of one tier, in a room with tiers; empty for a tier that nobody has come into.
    async fn tier_roster(&self, _room: &str, _tier: u8, _entries: Range<u64>) -> Result<Bytes, StoreError> {
        Err(Refusal::no_tiers().into())
    }

    /// The tags of a tier's entries, 16 bytes each; zeros where the room asks for no identity.
    async fn tags(&self, _room: &str, _tier: u8, _entries: Range<u64>) -> Result<Bytes, StoreError> {
        Err(Refusal::no_tiers().into())
    }

    /// True if the roster with this root could be put back from this process's own disk. A store that is that disk
    /// needs no copy.
    fn has_copy(&self, _room: &str, _list: CopiedList, _root: &Hash) -> bool {
        true
    }

    /// Begins a copy of the roster on this process's own disk; none where none is needed or none can be written.
    fn begin_copy(&self, _room: &str, _list: CopiedList) -> Result<Option<RosterCopy>, StoreError> {
        Ok(None)
    }

    /// The lines of the public list of claims ([`CLAIM_BYTES`](fairgate_draw::CLAIM_BYTES) each) for a range of them, in
    /// the order of admission; shorter where the list ends. It is of the present draw.
    async fn claims(&self, room: &str, claims: Range<u64>) -> Result<Bytes, StoreError>;

    /// What is kept of the draw of the room's next sale.
    async fn next_draw(&self, room: &str) -> Result<KeptNext, StoreError>;

    /// Keeps the draw of the room's next sale instead of the one that the caller knows; answers the one that is kept then. One
    /// that the caller does not know stays.
    async fn keep_next(
        &self,
        room: &str,
        known: Option<PreparedDraw>,
        next: PreparedDraw,
    ) -> Result<PreparedDraw, StoreError>;

    /// Has the draw of the room's next sale on this process's own disk, to put it back. A store that is that disk has it.
    async fn copy_next(&self, _room: &str, _next: PreparedDraw) {}

    /// Rows of the draw log with this origin from a number on, as far as they fit into one answer. Nothing where this process
    /// shares its rooms with nobody: its own disk has the log.
    async fn read_log(&self, _origin: &str, _list: LogList, _from: u64) -> Result<Option<SharedRows>, StoreError> {
        Ok(None)
    }

    /// Appends rows to a list of that log if it has so many, and answers how many it has then. Where it had others already the
    /// rows are not in it.
    async fn append_log(
        &self,
        _origin: &str,
        _list: LogList,
        count: u64,
        _rows: Vec<Vec<u8>>,
    ) -> Result<u64, StoreError> {
        Ok(count)
    }

    /// Appends rows to what people have changed through all edges. A store that only this process uses leaves that to it.
    async fn append_audit(&self, _rows: Vec<Vec<u8>>) -> Result<(), StoreError> {
        Ok(())
    }

    /// The rows of that before one with this number, the newest first. Nothing where this process shares its rooms with
    /// nobody: its own disk has them.
    async fn read_audit(&self, _before: Option<&str>, _most: usize) -> Result<Option<AuditRows>, StoreError> {
        Ok(None)
    }

    /// When each edge has last looked at a room, those included that are gone. Nothing where there is only this one.
    async fn edges(&self, _room: &str) -> Result<Option<Vec<EdgeLook>>, StoreError> {
        Ok(None)
    }

    /// Takes into the book of a draw what an edge tells, and answers the fleet's sums. What is told again with the same number
    /// changes nothing. The book begins with the first telling, and is gone at the time that the last one says.
    async fn count(&self, room: &str, draw: &Hash, told: Told) -> Result<Seen, StoreError>;

    /// Reads parts of the book of a draw; decisions and counts always. It is empty where there is none.
    async fn book(&self, room: &str, draw: &Hash, parts: &[BookPart]) -> Result<Book, StoreError>;

    /// Appends decisions to the book of a draw if it has so many, and answers how many it has then. Where it had others already
    /// these are not in it.
    async fn overrule(
        &self,
        room: &str,
        draw: &Hash,
        known: u64,
        rows: Vec<[u8; OVERRULE_BYTES]>,
        keep_until_ms: u64,
    ) -> Result<u64, StoreError>;

    /// Forgets what belongs to fans in the book of a draw ([`Book::forget`]); answers true if there was anything.
    async fn forget(&self, room: &str, draw: &Hash, keep_until_ms: u64) -> Result<bool, StoreError>;

    /// Keeps an offer to move a place, instead of the open one that its place has; answers false where the room has as many as it
    /// may ([`OFFERS_MAX`]).
    async fn put_offer(&self, room: &str, offer: NewOffer) -> Result<bool, StoreError>;

    /// The offer with this name; nothing where it has ended. With `by` it is accepted so, where nobody has accepted it before.
    async fn offer(&self, room: &str, name: &OfferName, by: Option<String>) -> Result<Option<OfferRow>, StoreError>;

    /// The offer whose letters somebody has typed, by the name that follows from them. Wrong ones are counted for the network.
    async fn typed_offer(&self, room: &str, name: &OfferName, by: &Guesser) -> Result<Typed, StoreError>;

    /// Ends an offer for others. With `kept_ms` its place has moved, and who has accepted it may learn of that for so long;
    /// without it nothing is left.
    async fn end_offer(
        &self,
        room: &str,
        name: &OfferName,
        place: &OfferName,
        kept_ms: Option<u64>,
    ) -> Result<(), StoreError>;

    /// Tells the edges of a fleet which codes of a campaign's list are revoked, as bits by rank; `list` is the list's version. Answers
    /// all that any of them has told, where that is anything else. A store of one edge answers nothing.
    async fn unite_revoked(&self, _campaign: &str, _list: &Hash, _bits: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(None)
    }

    /// Tells the edges of a fleet which parcels this one has; answers which any of them has, and which pieces are asked for. A store
    /// of one edge has nobody to tell.
    async fn tell_parcels(&self, _depot: &Depot, _had: Vec<Parcel>) -> Result<ParcelsTold, StoreError> {
        Ok(ParcelsTold::default())
    }

    /// Takes a piece of a parcel that another edge has put there; where none has, it is asked for.
    async fn take_piece(&self, _depot: &Depot, _wish: &Wish) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(None)
    }

    /// Puts a piece of a parcel there that is asked for.
    async fn put_piece(&self, _depot: &Depot, _wish: &Wish, _bytes: Vec<u8>) -> Result<(), StoreError> {
        Ok(())
    }

    /// Tells the other edges which definitions of rooms this one has, by a digest of their tags; answers what all edges have
    /// written. Nothing where this process shares its rooms with nobody: its own disk has them.
    async fn look_at_definitions(&self, _own: &str) -> Result<Option<DefinitionsLook>, StoreError> {
        Ok(None)
    }

    /// The bytes of a definition, by its name; nothing where there is none.
    async fn definition(&self, _name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(None)
    }

    /// Keeps a definition for all edges, instead of one with a lower revision. Answers false where there is another one with this
    /// revision or a higher one, which stays.
    async fn put_definition(&self, _definition: &Definition) -> Result<bool, StoreError> {
        Ok(true)
    }

    /// The time that rooms go by, as far as the clocks around it are believed, Unix ms. Nothing where the store has no
    /// time of its own. Cheap enough for every request.
    fn now_ms(&self) -> Option<u64> {
        None
    }

    /// What is known of that time.
    fn time(&self) -> Option<StoreTime> {
        None
    }

    /// Believes the clock that rooms should go by, however far it has jumped. Rooms' time never goes back: where the clock is
    /// behind them, they wait for it.
    fn accept_time(&self) {}

    /// How often a part of the store had panicked and was started again, since it was opened.
    fn restarts(&self) -> u64 {
        0
    }

    /// Finishes what it has begun and lets go of its directory, so that the next process can use it. From then on this
    /// store is unavailable.
    async fn close(&self);
}

/// The most bytes of a room's name.
const NAME_BYTES_MAX: usize = 64;

/// A room's name becomes the name of a directory, or a part of keys.
fn check_name(name: &str) -> Result<(), Refusal> {
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    match !name.is_empty() && name.len() <= NAME_BYTES_MAX && name.bytes().all(is_plain) {
        true => Ok(()),
        false => Err(Refusal::Invalid(format!(
            "a room's name has 1 to {NAME_BYTES_MAX} characters of a-z, 0-9 and -, not {name:?}"
        ))),
    }
}

/// What a draw is called in the names of files and keys.
fn draw_name(draw: &Hash) -> String {
    hex::encode(&draw[..8])
}

fn check_plan_is_of(room: &str, command: &Command) -> Result<(), Refusal> {
    match command {
        Command::Schedule(plan) if plan.room != room => {
            Err(Refusal::Invalid(format!("the plan is of the room {:?}, not of {room:?}", plan.room)))
        }
        _ => Ok(()),
    }
}
