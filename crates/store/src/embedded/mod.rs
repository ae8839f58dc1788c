//! The store of a single node: the pure model in memory, every change in a journal on the disk.
//!
//! Guarantees: an answered command survives kill -9 and a power cut; a data directory has one user at a time.
//!
//! Each room has a thread of its own (`keeper`) that applies commands one at a time. The thread makes those that
//! waited together durable with one write and one `fdatasync` (group commit). Journals are `<dir>/<room>/<n>.journal`,
//! one a sale (`frame` has the format). The draw's secret is in there: files are readable by their owner only.

mod arrivals;
mod claims;
mod draft;
mod frame;
mod journal;
mod keeper;
mod load;
mod look;
mod restore;
mod roster;

use std::collections::HashMap;
use std::fmt;
use std::fs::{self, DirBuilder};
use std::io;
use std::ops::Range;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use async_trait::async_trait;
use bytes::Bytes;
use fairgate_core::room::{Command, Outcome, PreparedDraw, Refusal, View};
use fairgate_draw::Hash;
use fairgate_entry::book::{Book, OVERRULE_BYTES, Seen, Told};
use fairgate_telemetry::clock::Clock;
use tokio::sync::oneshot;

use self::keeper::{Keeper, SharedClaims, SharedRosters};
use self::load::{Loaded, load};
pub(super) use self::look::count_commits;
pub(super) use self::look::look_at_journals;
pub use self::restore::{Gap, Restore, RestoreError, Restored, restore};
use self::roster::{RosterPart, Rosters};
use super::batch::{Reply, Request};
use super::book::{BookFile, remove_old};
use super::next_draw;
use super::offers::Offers;
use super::{
    BookPart, DirLock, Guesser, KeptNext, LockError, NewOffer, OfferName, OfferRow, Store, StoreError, StoreTime,
    Typed, check_name, check_plan_is_of, draw_name,
};

/// The most requests that wait for one room; more are told that the store is unavailable.
const WAITING_MAX: usize = 16_384;

/// Why a data directory cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has it.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// A file cannot be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A journal is not as it was written, where no write can have been cut short.
    #[error(
        "{} is rotten at byte {at}: {what}. Nothing was changed. Keep the directory, and put a backup in its place: see \
         `fairgate store restore --help`",
        path.display()
    )]
    Rotten {
        /// The journal.
        path: PathBuf,
        /// Where in it.
        at: u64,
        /// What was found there.
        what: String,
    },
    /// A journal was there once, and is not any more.
    #[error(
        "{} is missing, though there are files that were made after it. Put it back, or a backup in the place of the \
         directory: see `fairgate store restore --help`",
        path.display()
    )]
    Missing {
        /// The journal.
        path: PathBuf,
    },
    /// A journal of another version of fairgate.
    #[error("{}: {what}", path.display())]
    Version {
        /// The journal.
        path: PathBuf,
        /// The versions of journal and program.
        what: String,
    },
}

/// What a store has done since it was opened.
#[derive(Debug, Default)]
struct Counters {
    commits: AtomicU64,
    commands: AtomicU64,
    restarts: AtomicU64,
}

/// The embedded store.
pub struct EmbeddedStore {
    dir: PathBuf,
    clock: Arc<dyn Clock>,
    counters: Arc<Counters>,
    rooms: Mutex<HashMap<String, RoomHandle>>,
    books: Mutex<HashMap<String, SharedBook>>,
    /// Held by whoever replaces the draw of a next sale.
    next_draws: Arc<Mutex<()>>,
    offers: Mutex<HashMap<String, Offers>>,
    /// None once the store is closed.
    lock: Mutex<Option<DirLock>>,
}

/// The book of a room's present draw, by the draw's name.
type SharedBook = (String, Arc<Mutex<BookFile>>);

/// How to reach a room's keeper.
struct RoomHandle {
    requests: SyncSender<Request>,
    rosters: SharedRosters,
    claims: SharedClaims,
    thread: JoinHandle<()>,
}

impl EmbeddedStore {
    /// Opens a data directory, or makes it, and reads every room that is in it.
    ///
    /// # Errors
    /// Another process has it, or what is in it cannot be read.
    pub fn open(dir: impl Into<PathBuf>, clock: Arc<dyn Clock>) -> Result<Self, OpenError> {
        let dir = dir.into();
        let lock = Mutex::new(Some(DirLock::take(&dir)?));
        let store = Self {
            clock,
            counters: Arc::default(),
            rooms: Mutex::default(),
            books: Mutex::default(),
            next_draws: Arc::default(),
            offers: Mutex::default(),
            lock,
            dir,
        };
        for room in rooms_in(&store.dir)? {
            remove_old(&store.dir.join(&room), store.clock.now_ms());
            let loaded = load(&store.dir.join(&room))?;
            let handle = store.start(&room, loaded)?;
            store.lock_rooms().insert(room, handle);
        }
        Ok(store)
    }

    /// Commits made since the store was opened: one write and one `fdatasync` each.
    #[must_use]
    pub fn commits(&self) -> u64 {
        self.counters.commits.load(Relaxed)
    }

    /// Commands answered since the store was opened.
    #[must_use]
    pub fn commands(&self) -> u64 {
        self.counters.commands.load(Relaxed)
    }

    /// Starts the thread that keeps a room.
    fn start(&self, name: &str, loaded: Loaded) -> Result<RoomHandle, OpenError> {
        let dir = self.dir.join(name);
        let mut keeper = Keeper::new(name, dir.clone(), loaded, Arc::clone(&self.clock), Arc::clone(&self.counters));
        let (rosters, claims) = (keeper.rosters(), keeper.claims());
        let (requests, queue) = sync_channel(WAITING_MAX);
        let thread = thread::Builder::new()
            .name(format!("room {name}"))
            .spawn(move || keeper.run(&queue))
            .map_err(|source| OpenError::Io { path: dir, source })?;
        Ok(RoomHandle { requests, rosters, claims, thread })
    }

    /// Sends a request to a room and waits for the answer.
    async fn ask<T>(&self, room: &str, request: impl FnOnce(Reply<T>) -> Request) -> Result<T, StoreError> {
        let (reply, answer) = oneshot::channel();
        self.send(room, request(reply))?;
        answer.await.map_err(|_| stopped(room))?
    }

    fn send(&self, room: &str, request: Request) -> Result<(), StoreError> {
        let mut rooms = self.lock_rooms();
        if self.is_closed() {
            return Err(unavailable(&"the store has been closed"));
        }
        if !rooms.contains_key(room) {
            let Request::Apply(Command::Schedule(_), _) = request else { return Err(Refusal::NotScheduled.into()) };
            check_name(room)?;
            let handle = self.start(room, Loaded::default()).map_err(|error| unavailable(&error))?;
            rooms.insert(room.to_owned(), handle);
        }
        match rooms[room].requests.try_send(request) {
            Ok(()) => Ok(()),
            Err(TrySendError::Full(_)) => Err(unavailable(&format!("{WAITING_MAX} requests wait for {room}"))),
            Err(TrySendError::Disconnected(_)) => Err(stopped(room)),
        }
    }

    /// Reads a part of a room's rosters; nothing where there is none yet.
    async fn read(
        &self,
        room: &str,
        part: impl FnOnce(&Rosters) -> Option<RosterPart> + Send + 'static,
    ) -> Result<Bytes, StoreError> {
        let rosters = self.lock_rooms().get(room).map(|handle| Arc::clone(&handle.rosters));
        let rosters = rosters.ok_or(Refusal::NotScheduled)?;
        let read = move || {
            let part = rosters.read().unwrap_or_else(PoisonError::into_inner).as_ref().and_then(part);
            part.map_or_else(|| Ok(Bytes::new()), |part| part.read())
        };
        let bytes = tokio::task::spawn_blocking(read).await.map_err(|error| unavailable(&error))?;
        bytes.map_err(|error| unavailable(&error))
    }

    /// Works on the book of a draw, off the threads that serve requests.
    async fn with_book<T: Send + 'static>(
        &self,
        room: &str,
        draw: &Hash,
        work: impl FnOnce(&mut BookFile, u64) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (book, now_ms) = (self.shared_book(room, draw)?, self.clock.now_ms());
        let worked = tokio::task::spawn_blocking(move || {
            let mut book = book.lock().unwrap_or_else(PoisonError::into_inner);
            work(&mut book, now_ms)
        });
        worked.await.map_err(|error| unavailable(&error))?
    }

    /// Works on the file of a room's next draw, one at a time.
    async fn with_next<T: Send + 'static>(
        &self,
        room: &str,
        work: impl FnOnce(&Path) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        check_name(room)?;
        if self.is_closed() {
            return Err(unavailable(&"the store has been closed"));
        }
        let (dir, turn) = (self.dir.join(room), Arc::clone(&self.next_draws));
        let worked = tokio::task::spawn_blocking(move || {
            let _turn = turn.lock().unwrap_or_else(PoisonError::into_inner);
            work(&dir)
        });
        worked.await.map_err(|error| unavailable(&error))?
    }

    fn shared_book(&self, room: &str, draw: &Hash) -> Result<Arc<Mutex<BookFile>>, StoreError> {
        check_name(room)?;
        let mut books = self.books.lock().unwrap_or_else(PoisonError::into_inner);
        if self.is_closed() {
            return Err(unavailable(&"the store has been closed"));
        }
        let name = draw_name(draw);
        if let Some((_, book)) = books.get(room).filter(|(own, _)| *own == name) {
            return Ok(Arc::clone(book));
        }
        let dir = self.dir.join(room);
        remove_old(&dir, self.clock.now_ms());
        let book = Arc::new(Mutex::new(BookFile::open(BookFile::path_in(&dir, &name))?));
        books.insert(room.to_owned(), (name, Arc::clone(&book)));
        Ok(book)
    }

    /// Works on the offers of a room.
    fn with_offers<T>(&self, room: &str, work: impl FnOnce(&mut Offers, u64) -> T) -> Result<T, StoreError> {
        check_name(room)?;
        if self.is_closed() {
            return Err(unavailable(&"the store has been closed"));
        }
        let mut offers = self.offers.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(work(offers.entry(room.to_owned()).or_default(), self.clock.now_ms()))
    }

    fn is_closed(&self) -> bool {
        self.lock.lock().unwrap_or_else(PoisonError::into_inner).is_none()
    }

    /// Lets every room finish what it has begun before the lock is given back.
    fn finish(&self) {
        // From here on nobody gets in.
        let lock = self.lock.lock().unwrap_or_else(PoisonError::into_inner).take();
        let rooms = std::mem::take(&mut *self.lock_rooms());
        for RoomHandle { requests, thread, .. } in rooms.into_values() {
            drop(requests);
            if thread.join().is_err() {
                tracing::error!("a room's keeper has panicked while it was told to end");
            }
        }
        // Whoever works on a book has the lock until it is done.
        for (_, book) in std::mem::take(&mut *self.books.lock().unwrap_or_else(PoisonError::into_inner)).into_values() {
            drop(book.lock());
        }
        drop(lock);
    }

    fn lock_rooms(&self) -> std::sync::MutexGuard<'_, HashMap<String, RoomHandle>> {
        self.rooms.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Store for EmbeddedStore {
    async fn apply(&self, room: &str, command: Command) -> Result<Outcome, StoreError> {
        check_plan_is_of(room, &command)?;
        self.ask(room, |reply| Request::Apply(command, reply)).await
    }

    async fn view(&self, room: &str) -> Result<View, StoreError> {
        self.ask(room, Request::View).await
    }

    async fn roster(&self, room: &str, entries: Range<u64>) -> Result<Bytes, StoreError> {
        self.read(room, move |rosters| Some(rosters.plain().part(entries))).await
    }

    async fn tier_roster(&self, room: &str, tier: u8, entries: Range<u64>) -> Result<Bytes, StoreError> {
        self.read(room, move |rosters| Some(rosters.tier(tier)?.entries.part(entries))).await
    }

    async fn tags(&self, room: &str, tier: u8, entries: Range<u64>) -> Result<Bytes, StoreError> {
        self.read(room, move |rosters| Some(rosters.tier(tier)?.tags.part(entries))).await
    }

    async fn claims(&self, room: &str, claims: Range<u64>) -> Result<Bytes, StoreError> {
        let list = self.lock_rooms().get(room).map(|handle| Arc::clone(&handle.claims)).ok_or(Refusal::NotScheduled)?;
        let file = list.read().unwrap_or_else(PoisonError::into_inner).clone();
        let read = move || file.map_or_else(|| Ok(Bytes::new()), |file| file.read(claims));
        let bytes = tokio::task::spawn_blocking(read).await.map_err(|error| unavailable(&error))?;
        bytes.map_err(|error| unavailable(&error))
    }

    async fn next_draw(&self, room: &str) -> Result<KeptNext, StoreError> {
        let kept = self.with_next(room, next_draw::read).await?;
        Ok(KeptNext { kept, own: None })
    }

    async fn keep_next(
        &self,
        room: &str,
        known: Option<PreparedDraw>,
        next: PreparedDraw,
    ) -> Result<PreparedDraw, StoreError> {
        self.with_next(room, move |dir| next_draw::keep(dir, known.as_ref(), next)).await
    }

    async fn count(&self, room: &str, draw: &Hash, told: Told) -> Result<Seen, StoreError> {
        self.with_book(room, draw, |book, now_ms| book.tell(told, now_ms)).await
    }

    async fn book(&self, room: &str, draw: &Hash, _parts: &[BookPart]) -> Result<Book, StoreError> {
        self.with_book(room, draw, |book, now_ms| Ok(book.book(now_ms).clone())).await
    }

    async fn overrule(
        &self,
        room: &str,
        draw: &Hash,
        known: u64,
        rows: Vec<[u8; OVERRULE_BYTES]>,
        keep_until_ms: u64,
    ) -> Result<u64, StoreError> {
        self.with_book(room, draw, move |book, now_ms| book.overrule(known, rows, keep_until_ms, now_ms)).await
    }

    async fn forget(&self, room: &str, draw: &Hash, keep_until_ms: u64) -> Result<bool, StoreError> {
        self.with_book(room, draw, move |book, now_ms| book.forget(keep_until_ms, now_ms)).await
    }

    async fn put_offer(&self, room: &str, offer: NewOffer) -> Result<bool, StoreError> {
        self.with_offers(room, |offers, now_ms| offers.put(offer, now_ms))
    }

    async fn offer(&self, room: &str, name: &OfferName, by: Option<String>) -> Result<Option<OfferRow>, StoreError> {
        self.with_offers(room, |offers, now_ms| offers.take(name, by, now_ms))
    }

    async fn typed_offer(&self, room: &str, name: &OfferName, by: &Guesser) -> Result<Typed, StoreError> {
        self.with_offers(room, |offers, now_ms| offers.typed(name, by, now_ms))
    }

    async fn end_offer(
        &self,
        room: &str,
        name: &OfferName,
        place: &OfferName,
        kept_ms: Option<u64>,
    ) -> Result<(), StoreError> {
        self.with_offers(room, |offers, now_ms| offers.end(name, place, kept_ms, now_ms))
    }

    fn now_ms(&self) -> Option<u64> {
        Some(self.clock.now_ms())
    }

    fn time(&self) -> Option<StoreTime> {
        let (now_ms, jump_ms) = (self.clock.now_ms(), self.clock.jump_ms());
        // The one clock there is.
        Some(StoreTime { now_ms, jump_ms, skew_ms: jump_ms.unwrap_or_default() })
    }

    fn accept_time(&self) {
        self.clock.accept();
    }

    fn restarts(&self) -> u64 {
        self.counters.restarts.load(Relaxed)
    }

    async fn close(&self) {
        self.finish();
    }
}

impl Drop for EmbeddedStore {
    fn drop(&mut self) {
        self.finish();
    }
}

impl fmt::Debug for EmbeddedStore {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("EmbeddedStore").field("dir", &self.dir).finish_non_exhaustive()
    }
}

/// Makes a directory that only its owner may look into.
fn create_dir(dir: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(dir)
}

/// The rooms that have a directory.
fn rooms_in(dir: &Path) -> Result<Vec<String>, OpenError> {
    let failed = |source| OpenError::Io { path: dir.to_owned(), source };
    let mut rooms = Vec::new();
    for entry in fs::read_dir(dir).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let is_dir = entry.file_type().map_err(failed)?.is_dir();
        rooms.extend(entry.file_name().into_string().ok().filter(|name| is_dir && check_name(name).is_ok()));
    }
    Ok(rooms)
}

fn unavailable(why: &impl ToString) -> StoreError {
    StoreError::Unavailable(why.to_string())
}

fn stopped(room: &str) -> StoreError {
    unavailable(&format!("the room {room} has panicked and is read back from the disk: report what it logged"))
}
