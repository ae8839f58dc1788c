//! The store of a fleet: any number of edges on one Redis, Valkey, or cluster of them.
//!
//! Guarantees:
//! - the same transitions as the embedded store's, each of them one atomic script on the server's clock (`lua/`), so
//!   any edge can do anything
//! - every call has a time limit, and what it did is safe to ask for again
//!
//! Requests that wait while a call is under way share the next one. Room and edge hold nothing but what is cached here:
//! which closed sessions a view has told of already.

mod address;
mod arrivals;
mod audit;
mod book;
mod calls;
mod definitions;
mod entries;
mod fields;
mod link;
mod next_draw;
mod offers;
mod parcels;
mod put_back;
mod refusal;
mod replica_log;
mod restore;
mod reveal;
mod revoked;
mod room_task;
mod rows;
mod script;
mod server;
mod shared_log;
mod subscription;
mod time;
mod transition;
mod view;

use std::collections::HashMap;
use std::fmt;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use fairgate_core::room::{Arrival, Arrived, Command, Outcome, PreparedDraw, View};
use fairgate_draw::Hash;
use fairgate_entry::book::{Book, OVERRULE_BYTES, Seen, Told};
use fairgate_telemetry::clock::{Clock, SteadyClock};
use fairgate_telemetry::entropy::{NoRandomness, random_bytes};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

pub use self::address::{AddressError, Node, RedisAddress, Topology};
pub use self::calls::{CallError, Calls};
pub use self::entries::PlayedEntries;
pub(super) use self::entries::{Unread, read_ledger};
use self::link::Link;
pub use self::link::RedisOptions;
use self::next_draw::OwnCopies;
use self::replica_log::ReplicaLogDir;
pub(super) use self::replica_log::{Unreadable, read_knowledge};
use self::room_task::{Parts, RoomTask};
use self::rows::{CLAIMS, ROSTER, Rows, TAGS, TIER_ROSTER};
use self::script::Scripts;
use self::subscription::Changes;
pub use self::time::{CallTime, PlayedTime};
use self::time::{EdgeTime, RoomTime};
use self::view::Closed;
use super::audit::is_number;
use super::batch::{Reply, Request};
use super::{
    AuditRows, BookPart, CopiedList, Definition, DefinitionsLook, Depot, EdgeLook, Guesser, Joined, Joiner, KeptNext,
    LockError, LogList, NewOffer, OfferName, OfferRow, Parcel, ParcelsTold, RosterCopy, SharedRows, Store, StoreError,
    StoreTime, Typed, Wish, check_name, check_plan_is_of, copy, draw_name,
};

/// The most requests that wait for one room; more are told that the store is unavailable.
const WAITING_MAX: usize = 16_384;

/// Why Redis cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The thread for it cannot be started.
    #[error("cannot start a thread for Redis: {0}; check the limit of processes (`ulimit -u`)")]
    Thread(std::io::Error),
    /// The options cannot be used.
    #[error("cannot prepare the connection to Redis: {0}; check the URL and the certificates")]
    Redis(#[from] redis::RedisError),
    /// The server would lose what it is given.
    #[error("this Redis server must not keep rooms: {0}")]
    Unfit(String),
    /// The directory for what this edge could put back cannot be used.
    #[error(transparent)]
    ReplicaLog(#[from] LockError),
    /// The system has no random numbers for this run's name.
    #[error(transparent)]
    Entropy(#[from] NoRandomness),
}

/// What a store has done since it was opened.
#[derive(Debug, Default)]
struct Counters {
    calls: AtomicU64,
    commands: AtomicU64,
    restarts: AtomicU64,
}

/// A store in Redis.
pub struct RedisStore {
    /// Of its own, so that it does not matter which of the edge's runtimes asks; there until the store is dropped.
    runtime: Option<Runtime>,
    link: Link,
    scripts: Arc<Scripts>,
    clock: Option<Arc<dyn Clock>>,
    /// What this run of this edge is called in Redis, so that it is known who has not been heard after a loss.
    edge: Arc<str>,
    time: Arc<EdgeTime>,
    ledger: Option<Arc<ReplicaLogDir>>,
    next_draws: OwnCopies,
    counters: Arc<Counters>,
    /// None once the store is closed.
    rooms: Mutex<Option<HashMap<String, RoomHandle>>>,
    changes: Changes,
}

/// How to reach a room's task.
struct RoomHandle {
    requests: mpsc::Sender<Request>,
    time: Arc<RoomTime>,
    task: JoinHandle<()>,
}

impl RedisStore {
    /// Opens a store; Redis need not be there yet. Rooms go by the server's clock as far as it is believed, unless another one
    /// is given.
    ///
    /// # Errors
    /// The options cannot be used, or another edge has the directory.
    pub fn open(options: &RedisOptions, clock: Option<Arc<dyn Clock>>) -> Result<Self, OpenError> {
        Self::open_beside(options, clock, SteadyClock::new())
    }

    /// Opens a store on a machine whose own clock is this one.
    ///
    /// # Errors
    /// See [`Self::open`].
    pub fn open_beside(
        options: &RedisOptions,
        clock: Option<Arc<dyn Clock>>,
        own: SteadyClock,
    ) -> Result<Self, OpenError> {
        let link = Link::new(options)?;
        let open_ledger = |path| ReplicaLogDir::open(path, options.takes_over).map(Arc::new);
        let ledger = options.ledger.as_deref().map(open_ledger).transpose()?;
        let runtime = Builder::new_multi_thread().worker_threads(1).thread_name("redis").enable_all().build();
        let (runtime, changes) = (runtime.map_err(OpenError::Thread)?, Changes::default());
        let counters = Arc::<Counters>::default();
        runtime.spawn(subscription::keep(link.clone(), changes.clone(), Arc::clone(&counters)));
        Ok(Self {
            runtime: Some(runtime),
            link,
            changes,
            scripts: Arc::new(Scripts::new()),
            clock,
            edge: hex::encode(random_bytes::<8>()?).into(),
            time: Arc::new(EdgeTime::new(own)),
            ledger,
            next_draws: OwnCopies::default(),
            counters,
            rooms: Mutex::new(Some(HashMap::new())),
        })
    }

    /// Looks whether the server that is there may be used; one that is out of reach may, once it is back.
    ///
    /// # Errors
    /// The server may not keep rooms, and why.
    pub fn check_server(&self) -> Result<(), OpenError> {
        let Some(runtime) = &self.runtime else { return Ok(()) };
        let link = self.link.clone();
        runtime.block_on(async move { link.check().await }).map_or(Ok(()), |why| Err(OpenError::Unfit(why)))
    }

    /// Scripts run since the store was opened.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.counters.calls.load(Relaxed)
    }

    /// Commands answered since the store was opened.
    #[must_use]
    pub fn commands(&self) -> u64 {
        self.counters.commands.load(Relaxed)
    }

    /// Sends a request to a room's task and waits for the answer.
    async fn ask<T>(&self, room: &str, request: impl FnOnce(Reply<T>) -> Request) -> Result<T, StoreError> {
        check_name(room)?;
        let (reply, answer) = oneshot::channel();
        let sent = self.task(room)?.try_send(request(reply));
        sent.map_err(|error| match error {
            TrySendError::Full(_) => StoreError::Unavailable(format!("{WAITING_MAX} requests wait for {room}")),
            TrySendError::Closed(_) => stopped(),
        })?;
        answer.await.map_err(|_| stopped())?
    }

    async fn read(&self, list: Rows, room: &str, rows: Range<u64>) -> Result<Bytes, StoreError> {
        self.read_of(list, None, room, rows).await
    }

    /// Reads rows of a list, which is that of one tier where one is named.
    async fn read_of(&self, list: Rows, tier: Option<u8>, room: &str, rows: Range<u64>) -> Result<Bytes, StoreError> {
        check_name(room)?;
        let (link, key) = (self.link.clone(), key(room));
        self.on_own_runtime(async move { list.read(&link, &key, tier, rows).await }.boxed()).await
    }

    /// Connections belong to the store's own runtime.
    async fn on_own_runtime<T: Send + 'static>(
        &self,
        work: BoxFuture<'static, Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let runtime = self.runtime.as_ref().ok_or_else(stopped)?;
        runtime.spawn(work).await.map_err(|_| stopped())?
    }

    /// The way to a room's task, which is started with the first request.
    fn task(&self, room: &str) -> Result<mpsc::Sender<Request>, StoreError> {
        let mut rooms = self.lock_rooms();
        let (Some(rooms), Some(runtime)) = (&mut *rooms, &self.runtime) else { return Err(stopped()) };
        let handle = rooms.entry(room.to_owned()).or_insert_with(|| self.start(room, runtime));
        Ok(handle.requests.clone())
    }

    fn start(&self, room: &str, runtime: &Runtime) -> RoomHandle {
        let (requests, queue) = mpsc::channel(WAITING_MAX);
        let time = Arc::new(RoomTime::new(&self.time));
        let parts = Parts {
            key: key(room),
            clock: self.clock.clone(),
            edge: Arc::clone(&self.edge),
            time: Arc::clone(&time),
            scripts: Arc::clone(&self.scripts),
            link: self.link.clone(),
            counters: Arc::clone(&self.counters),
        };
        let mut task = RoomTask::new(parts, self.ledger.as_ref(), room);
        RoomHandle { requests, time, task: runtime.spawn(async move { task.run(queue).await }) }
    }

    fn lock_rooms(&self) -> MutexGuard<'_, Option<HashMap<String, RoomHandle>>> {
        self.rooms.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Store for RedisStore {
    async fn apply(&self, room: &str, command: Command) -> Result<Outcome, StoreError> {
        check_plan_is_of(room, &command)?;
        self.ask(room, |reply| Request::Apply(command, reply)).await
    }

    async fn join(&self, room: &str, joiners: Vec<Joiner>) -> Result<Vec<Joined>, StoreError> {
        self.ask(room, |reply| Request::Join(joiners, reply)).await
    }

    async fn arrive(&self, room: &str, comers: Vec<Joiner<Arrival>>) -> Result<Vec<Joined<Arrived>>, StoreError> {
        self.ask(room, |reply| Request::Arrive(comers, reply)).await
    }

    async fn view(&self, room: &str) -> Result<View, StoreError> {
        self.ask(room, Request::View).await
    }

    fn is_shared(&self) -> bool {
        true
    }

    async fn changed(&self, room: &str) {
        self.changes.next(room).await;
    }

    async fn roster(&self, room: &str, entries: Range<u64>) -> Result<Bytes, StoreError> {
        self.read(ROSTER, room, entries).await
    }

    async fn tier_roster(&self, room: &str, tier: u8, entries: Range<u64>) -> Result<Bytes, StoreError> {
        self.read_of(TIER_ROSTER, Some(tier), room, entries).await
    }

    async fn tags(&self, room: &str, tier: u8, entries: Range<u64>) -> Result<Bytes, StoreError> {
        self.read_of(TAGS, Some(tier), room, entries).await
    }

    fn has_copy(&self, room: &str, list: CopiedList, root: &Hash) -> bool {
        self.ledger.as_ref().is_none_or(|ledger| copy::has(&ledger.room(room), list, root))
    }

    fn begin_copy(&self, room: &str, list: CopiedList) -> Result<Option<RosterCopy>, StoreError> {
        check_name(room)?;
        self.ledger.as_ref().map_or(Ok(None), |ledger| RosterCopy::begin(&ledger.room(room), list))
    }

    async fn claims(&self, room: &str, claims: Range<u64>) -> Result<Bytes, StoreError> {
        self.read(CLAIMS, room, claims).await
    }

    async fn next_draw(&self, room: &str) -> Result<KeptNext, StoreError> {
        check_name(room)?;
        let (link, key) = (self.link.clone(), key(room));
        let kept = self.on_own_runtime(async move { next_draw::kept(&link, &key).await }.boxed()).await?;
        let own = match &self.ledger {
            Some(ledger) => self.next_draws.read(room, ledger.room(room)).await,
            None => None,
        };
        Ok(KeptNext { kept, own })
    }

    async fn keep_next(
        &self,
        room: &str,
        known: Option<PreparedDraw>,
        next: PreparedDraw,
    ) -> Result<PreparedDraw, StoreError> {
        check_name(room)?;
        let (link, key) = (self.link.clone(), key(room));
        let keep = async move { next_draw::keep(&link, &key, known.as_ref(), &next).await };
        self.on_own_runtime(keep.boxed()).await
    }

    async fn copy_next(&self, room: &str, next: PreparedDraw) {
        if let Some(ledger) = &self.ledger {
            self.next_draws.write(room, ledger.room(room), next).await;
        }
    }

    async fn read_log(&self, origin: &str, list: LogList, from: u64) -> Result<Option<SharedRows>, StoreError> {
        let (link, origin) = (self.link.clone(), origin.to_owned());
        self.on_own_runtime(async move { shared_log::read(&link, &origin, list, from).await }.boxed()).await.map(Some)
    }

    async fn append_log(&self, origin: &str, list: LogList, count: u64, rows: Vec<Vec<u8>>) -> Result<u64, StoreError> {
        let (link, origin) = (self.link.clone(), origin.to_owned());
        self.on_own_runtime(async move { shared_log::append(&link, &origin, list, count, &rows).await }.boxed()).await
    }

    async fn append_audit(&self, rows: Vec<Vec<u8>>) -> Result<(), StoreError> {
        if rows.is_empty() {
            return Ok(());
        }
        let link = self.link.clone();
        self.on_own_runtime(async move { audit::append(&link, rows).await }.boxed()).await
    }

    async fn read_audit(&self, before: Option<&str>, most: usize) -> Result<Option<AuditRows>, StoreError> {
        if before.is_some_and(|before| !is_number(before)) {
            return Ok(Some(AuditRows { rows: Vec::new(), is_last: true }));
        }
        let (link, before) = (self.link.clone(), before.map(str::to_owned));
        self.on_own_runtime(async move { audit::read(&link, before.as_deref(), most).await }.boxed()).await.map(Some)
    }

    async fn edges(&self, room: &str) -> Result<Option<Vec<EdgeLook>>, StoreError> {
        check_name(room)?;
        let (link, key) = (self.link.clone(), key(room));
        self.on_own_runtime(async move { view::edges(&link, &key).await }.boxed()).await.map(Some)
    }

    async fn count(&self, room: &str, draw: &Hash, told: Told) -> Result<Seen, StoreError> {
        let (link, key) = (self.link.clone(), book_key(room, draw)?);
        self.on_own_runtime(async move { book::count(&link, &key, &told).await }.boxed()).await
    }

    async fn book(&self, room: &str, draw: &Hash, parts: &[BookPart]) -> Result<Book, StoreError> {
        let (link, key, parts) = (self.link.clone(), book_key(room, draw)?, parts.to_vec());
        self.on_own_runtime(async move { book::read(&link, &key, &parts).await }.boxed()).await
    }

    async fn overrule(
        &self,
        room: &str,
        draw: &Hash,
        known: u64,
        rows: Vec<[u8; OVERRULE_BYTES]>,
        keep_until_ms: u64,
    ) -> Result<u64, StoreError> {
        let (link, key) = (self.link.clone(), book_key(room, draw)?);
        let append = async move { book::overrule(&link, &key, known, &rows, keep_until_ms).await };
        self.on_own_runtime(append.boxed()).await
    }

    async fn forget(&self, room: &str, draw: &Hash, keep_until_ms: u64) -> Result<bool, StoreError> {
        let (link, key) = (self.link.clone(), book_key(room, draw)?);
        self.on_own_runtime(async move { book::forget(&link, &key, keep_until_ms).await }.boxed()).await
    }

    async fn put_offer(&self, room: &str, offer: NewOffer) -> Result<bool, StoreError> {
        let (link, key) = (self.link.clone(), offers_key(room)?);
        self.on_own_runtime(async move { offers::put(&link, &key, &offer).await }.boxed()).await
    }

    async fn offer(&self, room: &str, name: &OfferName, by: Option<String>) -> Result<Option<OfferRow>, StoreError> {
        let (link, key, name) = (self.link.clone(), offers_key(room)?, *name);
        self.on_own_runtime(async move { offers::take(&link, &key, &name, by).await }.boxed()).await
    }

    async fn typed_offer(&self, room: &str, name: &OfferName, by: &Guesser) -> Result<Typed, StoreError> {
        let (link, key, name, by) = (self.link.clone(), offers_key(room)?, *name, *by);
        self.on_own_runtime(async move { offers::typed(&link, &key, &name, &by).await }.boxed()).await
    }

    async fn unite_revoked(&self, campaign: &str, list: &Hash, bits: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let (link, key, bits) = (self.link.clone(), revoked::key(campaign, list), bits.to_vec());
        self.on_own_runtime(async move { revoked::unite(&link, &key, &bits).await }.boxed()).await
    }

    async fn tell_parcels(&self, depot: &Depot, had: Vec<Parcel>) -> Result<ParcelsTold, StoreError> {
        let (link, key) = (self.link.clone(), parcels::key(depot));
        self.on_own_runtime(async move { parcels::tell(&link, &key, &had).await }.boxed()).await
    }

    async fn take_piece(&self, depot: &Depot, wish: &Wish) -> Result<Option<Vec<u8>>, StoreError> {
        let (link, key, wish) = (self.link.clone(), parcels::key(depot), wish.clone());
        self.on_own_runtime(async move { parcels::take(&link, &key, &wish).await }.boxed()).await
    }

    async fn put_piece(&self, depot: &Depot, wish: &Wish, bytes: Vec<u8>) -> Result<(), StoreError> {
        let (link, key, wish) = (self.link.clone(), parcels::key(depot), wish.clone());
        self.on_own_runtime(async move { parcels::put(&link, &key, &wish, &bytes).await }.boxed()).await
    }

    async fn look_at_definitions(&self, own: &str) -> Result<Option<DefinitionsLook>, StoreError> {
        let (link, edge, own) = (self.link.clone(), Arc::clone(&self.edge), own.to_owned());
        self.on_own_runtime(async move { definitions::look(&link, &edge, &own).await }.boxed()).await.map(Some)
    }

    async fn definition(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let (link, name) = (self.link.clone(), name.to_owned());
        self.on_own_runtime(async move { definitions::read(&link, &name).await }.boxed()).await
    }

    async fn put_definition(&self, definition: &Definition) -> Result<bool, StoreError> {
        let (link, definition) = (self.link.clone(), definition.clone());
        self.on_own_runtime(async move { definitions::put(&link, &definition).await }.boxed()).await
    }

    async fn end_offer(
        &self,
        room: &str,
        name: &OfferName,
        place: &OfferName,
        kept_ms: Option<u64>,
    ) -> Result<(), StoreError> {
        let (link, key, name, place) = (self.link.clone(), offers_key(room)?, *name, *place);
        self.on_own_runtime(async move { offers::end(&link, &key, (&name, &place), kept_ms).await }.boxed()).await
    }

    fn time(&self) -> Option<StoreTime> {
        if self.clock.is_some() {
            return None;
        }
        let jumps = self.lock_rooms().iter().flat_map(HashMap::values).filter_map(|room| room.time.jump_ms()).collect();
        let jump_ms = StoreTime::widest(jumps);
        Some(StoreTime { now_ms: self.time.now_ms(), jump_ms, skew_ms: self.time.skew_ms() })
    }

    fn now_ms(&self) -> Option<u64> {
        self.clock.is_none().then(|| self.time.now_ms())
    }

    fn accept_time(&self) {
        self.lock_rooms().iter().flat_map(HashMap::values).for_each(|room| room.time.accept());
    }

    fn restarts(&self) -> u64 {
        self.counters.restarts.load(Relaxed)
    }

    async fn close(&self) {
        let rooms = self.lock_rooms().take().unwrap_or_default();
        for RoomHandle { requests, task, .. } in rooms.into_values() {
            drop(requests);
            // It ends with what it has to write down; one that panicked has told so already.
            drop(task.await);
        }
        if let Some(ledger) = &self.ledger {
            ledger.close();
        }
    }
}

impl Drop for RedisStore {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // A call that is under way is abandoned, which is as good as a reply that got lost.
            runtime.shutdown_background();
        }
        if let Some(ledger) = &self.ledger {
            ledger.close();
        }
    }
}

impl fmt::Debug for RedisStore {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("RedisStore").finish_non_exhaustive()
    }
}

/// The room's hash; the braces put all keys of a room into one slot of a cluster.
fn key(room: &str) -> String {
    format!("fairgate:{{{room}}}")
}

/// The names of a book's keys begin with this.
fn book_key(room: &str, draw: &Hash) -> Result<String, StoreError> {
    check_name(room)?;
    Ok(format!("{}:book:{}", key(room), draw_name(draw)))
}

/// The names of the keys of a room's offers begin with this.
fn offers_key(room: &str) -> Result<String, StoreError> {
    check_name(room)?;
    Ok(format!("{}:offer", key(room)))
}

fn stopped() -> StoreError {
    StoreError::Unavailable("the store has been closed".into())
}
