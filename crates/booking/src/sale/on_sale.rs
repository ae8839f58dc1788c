//! The events on sale. What is said about all of them is in memory from the start; the seats of one are read when somebody
//! asks about them, or an hour before its sale.
//!
//! **Guarantees:**
//! - a start reads no seats, and an edit reads one event
//! - what changes an event's seats in this core has its desk before the commit, so the desk learns of it
//! - whoever asks for a desk that is being opened waits for that, and no longer than [`OPEN_PATIENCE`]

use std::sync::Arc;
use std::time::Duration;

use moka::sync::Cache;
use tokio::sync::{Mutex, Notify};
use tokio::task::spawn_blocking;
use tokio::time::{sleep, timeout};
use tracing::{debug, warn};
use uuid::Uuid;

use super::catalogue::{Catalogue, Page, Place};
use super::desks::{DeskLimits, Desks, Slot};
use super::event_state::{self, EventState};
use super::group_commit::{WRITERS, Writer};
use super::notify::Notifier;
use super::queue::ReservationQueue;
use super::seat_cache::SeatCache;
use crate::db::time::DatabaseTime;
use crate::db::{Client, Database, DbError, DbTime};
use crate::document::{Document, Effort};
use crate::events::answer::{EventList, EventSummary};
use crate::events::read::{read_event, read_facts};
use crate::events::seat_map::{Facts, SeatMap};
use crate::metrics::BookingMetrics;
use crate::sql;
use crate::stock::Stock;
use crate::units::{signed, unsigned};
use fairgate_telemetry::supervise::Supervisor;

/// How long a question may wait for a desk.
const OPEN_PATIENCE: Duration = Duration::from_secs(5);
/// Events in one statement.
const READ_AT_ONCE: usize = 5_000;
/// Pages of the list that are kept ready, each with at most [`PAGE_MAX`] events.
const PAGES_KEPT: u64 = 64;
/// Events on one page of the list, at most; also on the page of a client that asks for none.
pub const PAGE_MAX: usize = 1_000;
/// Between two looks at what can be closed.
const TIDY_EVERY: Duration = Duration::from_secs(1);
/// Between two looks at what will be asked about soon, in turns of [`TIDY_EVERY`].
const LOOK_AHEAD_EVERY: u32 = 30;
/// So long before its sale a desk is opened, and so long after its beginning it stays.
const AHEAD_MS: i64 = 3_600_000;
/// Desks that are opened before anybody asks.
const AHEAD_MAX: usize = 64;

/// An event on sale.
#[derive(Debug)]
pub struct OnSale {
    /// What is known of it.
    pub state: Arc<EventState>,
    /// Where reservations wait.
    pub queue: ReservationQueue,
}

/// What a page of the list was made of.
type PageKey = (u64, Option<Place>, usize);

/// What is known of an event's seats.
#[derive(Debug)]
pub(crate) enum Desk {
    /// Its desk is open.
    Open(Arc<OnSale>),
    /// Its seats are being read.
    Opening,
    /// Nobody asks about it.
    Closed,
}

/// All events on sale.
#[derive(Debug)]
pub struct Events {
    database: Database,
    core: Uuid,
    time: Arc<DatabaseTime>,
    metrics: Arc<BookingMetrics>,
    supervisor: Supervisor,
    notifier: Arc<Notifier>,
    catalogue: Catalogue,
    desks: Desks,
    pages: Cache<PageKey, Arc<Document>>,
    /// Told whenever something was edited.
    edits: Arc<Notify>,
    /// One at a time takes over what was edited, so that what was read earlier never replaces what was read later.
    taking_over: Mutex<()>,
}

impl Events {
    /// Nothing yet; [`Self::load`] reads the catalogue.
    #[must_use]
    pub fn new(
        database: Database,
        core: Uuid,
        metrics: Arc<BookingMetrics>,
        (time, supervisor): (Arc<DatabaseTime>, Supervisor),
        limits: DeskLimits,
    ) -> Self {
        let pages = Cache::builder().max_capacity(PAGES_KEPT).build();
        let (notifier, taking_over, catalogue) = (Arc::default(), Mutex::default(), Catalogue::default());
        let (desks, edits) = (Desks::new(limits), Arc::default());
        Self { database, core, time, metrics, supervisor, notifier, catalogue, desks, pages, edits, taking_over }
    }

    /// What is rung after each batch of reservations.
    pub(crate) fn notifier(&self) -> Arc<Notifier> {
        Arc::clone(&self.notifier)
    }

    /// Told whenever something was edited, for one who follows that.
    pub(crate) fn edits(&self) -> Arc<Notify> {
        Arc::clone(&self.edits)
    }

    /// The database's clock, as far as it is known.
    pub(crate) fn now(&self) -> DbTime {
        self.time.now()
    }

    /// How many events there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.catalogue.len()
    }

    /// True if there is nothing to sell.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Reads what is said about every event, and no seats.
    ///
    /// # Errors
    /// When the database cannot be read; what is known stays as it is.
    pub async fn load(&self) -> Result<(), DbError> {
        let _one_at_a_time = self.taking_over.lock().await;
        let client = self.database.client().await?;
        let page = client.prepare_cached(sql::EVENT_PAGE).await?;
        let mut all: Vec<Facts> = Vec::new();
        loop {
            let after = all.last().map_or(i32::MIN, |facts| facts.event_id);
            let rows = client.query(&page, &[&after, &(READ_AT_ONCE as i64)]).await?;
            all.extend(rows.iter().map(read_facts));
            if rows.len() < READ_AT_ONCE {
                break;
            }
        }
        self.catalogue.replace(all);
        self.edits.notify_one();
        Ok(())
    }

    /// Takes over what was edited in some events, and those that are new.
    ///
    /// # Errors
    /// When the database cannot be read; what is known stays as it is.
    pub async fn take_over(&self, event_ids: &[i32]) -> Result<(), DbError> {
        let _one_at_a_time = self.taking_over.lock().await;
        let client = self.database.client().await?;
        let some = client.prepare_cached(sql::EVENT_SOME).await?;
        self.edits.notify_one();
        for event_ids in event_ids.chunks(READ_AT_ONCE) {
            let rows = client.query(&some, &[&event_ids]).await?;
            self.catalogue.put(rows.iter().map(read_facts));
            for event_id in event_ids {
                if let Desk::Open(desk) = self.look(*event_id) {
                    self.bring_up_to_date(&client, &desk).await?;
                }
            }
        }
        Ok(())
    }

    /// Takes over into an open desk what was edited since its seats were read.
    async fn bring_up_to_date(&self, client: &Client, desk: &OnSale) -> Result<(), DbError> {
        let Facts { event_id, version, .. } = desk.state.seat_map().facts;
        if self.catalogue.by_id(event_id).is_none_or(|facts| facts.version <= version) {
            return Ok(());
        }
        let Some(seat_map) = read_event(client, event_id).await? else { return Ok(()) };
        desk.state.replace_seat_map(seat_map).await
    }

    /// An event with its seats, by its slug. The first question opens its desk.
    ///
    /// # Errors
    /// When the database cannot be read, or has too much to do.
    pub async fn desk(&self, slug: &str) -> Result<Option<Arc<OnSale>>, DbError> {
        let Some(facts) = self.catalogue.by_slug(slug) else { return Ok(None) };
        let slot = self.desks.slot(facts.event_id);
        if let Some(desk) = slot.desk() {
            return Ok(Some(Arc::clone(desk)));
        }
        timeout(OPEN_PATIENCE, self.open_in_turn(&slot)).await.unwrap_or(Err(DbError::Slow))
    }

    /// An event with its seats, for whoever has a connection already. Waits for nobody else to open it, who may wait for
    /// a connection.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub(crate) async fn desk_with(&self, client: &Client, event_id: i32) -> Result<Option<Arc<OnSale>>, DbError> {
        let slot = self.desks.slot(event_id);
        match slot.desk() {
            Some(desk) => Ok(Some(Arc::clone(desk))),
            None => self.open(client, &slot).await,
        }
    }

    /// What is known of an event's seats at this moment; opens nothing.
    pub(crate) fn look(&self, event_id: i32) -> Desk {
        match self.desks.look(event_id) {
            Some(slot) => slot.desk().map_or(Desk::Opening, |desk| Desk::Open(Arc::clone(desk))),
            None => Desk::Closed,
        }
    }

    /// How the seats of an event stand, if its desk is open.
    pub(crate) fn stock(&self, event_id: i32) -> Option<Stock> {
        let Desk::Open(desk) = self.look(event_id) else { return None };
        Some(desk.state.stock(0..desk.state.seat_map().seats()))
    }

    /// The events whose desks are open, or being opened.
    pub(crate) fn with_desks(&self) -> Vec<i32> {
        self.desks.slots().iter().map(|slot| slot.event_id).collect()
    }

    /// How an event is sold, for those who sell nothing: out of its desk, or read without its seats.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn seat_map(&self, slug: &str) -> Result<Option<Arc<SeatMap>>, DbError> {
        let Some(facts) = self.catalogue.by_slug(slug) else { return Ok(None) };
        if let Desk::Open(desk) = self.look(facts.event_id) {
            return Ok(Some(desk.state.seat_map()));
        }
        let client = self.database.client().await?;
        Ok(read_event(&client, facts.event_id).await?.map(Arc::new))
    }

    /// A page of the list of events, for everybody. Made once for all who ask for the same until something is edited.
    ///
    /// # Errors
    /// When it cannot be made.
    pub async fn page(&self, after: Option<Place>, limit: usize) -> Result<Arc<Document>, DbError> {
        let limit = limit.clamp(1, PAGE_MAX);
        self.catalogue.publish(self.time.now());
        let key = (self.catalogue.generation(), after, limit);
        if let Some(page) = self.pages.get(&key) {
            return Ok(page);
        }
        let (page, pages) = (self.catalogue.page(after, limit), self.pages.clone());
        let making = spawn_blocking(move || pages.get_with(key, || Arc::new(describe(&page))));
        making.await.map_err(|error| DbError::Odd(format!("a list of events cannot be made: {error}")))
    }

    /// Opens a desk when it is this one's turn, unless somebody else has done it meanwhile.
    async fn open_in_turn(&self, slot: &Slot) -> Result<Option<Arc<OnSale>>, DbError> {
        let _one_of_this_event = slot.opening.lock().await;
        if let Some(desk) = slot.desk() {
            return Ok(Some(Arc::clone(desk)));
        }
        let _one_of_a_few = self.desks.openings.acquire().await.map_err(|_| DbError::Slow)?;
        let client = self.database.client().await?;
        self.open(&client, slot).await
    }

    /// Reads an event with its seats, and begins to sell it.
    async fn open(&self, client: &Client, slot: &Slot) -> Result<Option<Arc<OnSale>>, DbError> {
        let epoch = self.database.epoch();
        let Some(seat_map) = read_event(client, slot.event_id).await? else { return Ok(None) };
        let seat_cache = self.read_seats(client, &seat_map).await?;
        if self.database.epoch() != epoch {
            return Err(DbError::Connect("another server answers than a moment ago".to_owned()));
        }
        self.catalogue.put([seat_map.facts.clone()]);
        let state = Arc::new(EventState::new(seat_map, seat_cache, Arc::clone(&self.time)));
        let (queue, waiting) = ReservationQueue::new();
        let desk = Arc::new(OnSale { state, queue });
        if let Err(faster) = slot.open(Arc::clone(&desk)) {
            return Ok(Some(Arc::clone(faster)));
        }
        self.write_for(&desk.state, waiting);
        // What was edited while the seats were read was not taken over into a desk that was not there.
        self.bring_up_to_date(client, &desk).await?;
        Ok(Some(desk))
    }

    /// Begins the writers of an event; they end when its desk is closed.
    fn write_for(&self, event: &Arc<EventState>, waiting: super::queue::Line) {
        let (waiting, slug) = (Arc::new(Mutex::new(waiting)), event.seat_map().facts.slug.clone());
        for _ in 0..WRITERS {
            let writer = Writer {
                event: Arc::clone(event),
                queue: Arc::clone(&waiting),
                database: self.database.clone(),
                core: self.core,
                metrics: Arc::clone(&self.metrics),
                notifier: self.notifier(),
            };
            let (supervisor, task) = (self.supervisor.clone(), format!("writer of {slug}"));
            tokio::spawn(async move { supervisor.keep_until_done(&task, || writer.run()).await });
        }
    }

    async fn read_seats(&self, client: &Client, seat_map: &SeatMap) -> Result<SeatCache, DbError> {
        let statement = client.prepare_cached(sql::EVENT_SEATS).await?;
        let asked_ms = self.time.own_ms();
        let rows = client.query(&statement, &[&seat_map.facts.event_id]).await?;
        if let Some(row) = rows.first() {
            self.time.observe(asked_ms, row.get("now"));
        }
        let in_order = rows.iter().map(|row| unsigned(row.get("unit"))).eq(0..seat_map.seats());
        if !in_order {
            return Err(DbError::Odd(format!("the seats of {} are not those of its rows", seat_map.facts.slug)));
        }
        Ok(SeatCache::new(rows.iter().map(|row| row.get("held_until")).collect()))
    }

    /// Reads these seats of an event anew; returns those that have to be read again.
    pub(crate) async fn refresh(&self, event: &EventState, units: &[u32]) -> Result<Vec<u32>, DbError> {
        let generation = event.seat_cache().generation();
        let client = self.database.client().await?;
        let statement = client.prepare_cached(sql::SEAT_READ).await?;
        let rows = client.query(&statement, &[&event.seat_map().facts.event_id, &signed(units)]).await?;
        let read: Vec<(u32, DbTime)> =
            rows.iter().map(|row| (unsigned(row.get("unit")), row.get("held_until"))).collect();
        Ok(event.seat_cache().correct(&read, generation))
    }

    /// Opens desks before they are asked for and closes those that nobody needs, for ever.
    pub async fn keep_desks(&self) {
        match self.held().await {
            Ok(held) => self.open_ahead(&held).await,
            Err(error) => debug!(%error, "desks of what is held are opened when they are asked for"),
        }
        for turn in (0..LOOK_AHEAD_EVERY).cycle() {
            if turn == 0 {
                let now = self.time.now();
                let soon = self.catalogue.wanted(AHEAD_MAX, |facts| is_soon(facts, now));
                self.open_ahead(&soon).await;
            }
            self.close_unused();
            sleep(TIDY_EVERY).await;
        }
    }

    /// The events of which seats are held: their fans will come back.
    async fn held(&self) -> Result<Vec<i32>, DbError> {
        let client = self.database.client().await?;
        let held = client.prepare_cached(sql::EVENT_HELD).await?;
        let rows = client.query(&held, &[&(AHEAD_MAX as i64)]).await?;
        Ok(rows.iter().map(|row| row.get("event_id")).collect())
    }

    async fn open_ahead(&self, event_ids: &[i32]) {
        for event_id in event_ids {
            if matches!(self.look(*event_id), Desk::Open(_)) {
                continue;
            }
            if let Err(error) = self.open_in_turn(&self.desks.slot(*event_id)).await {
                warn!(%error, event_id, "the seats of an event could not be read ahead, and are read when they are asked for");
            }
        }
    }

    /// Closes what nobody needs.
    fn close_unused(&self) {
        let now = self.time.now();
        let is_wanted = |desk: &OnSale| {
            let seat_map = desk.state.seat_map();
            is_soon(&seat_map.facts, now) || desk.state.stock(0..seat_map.seats()).held > 0
        };
        for slot in self.desks.close_unused(is_wanted) {
            let Some(desk) = slot.desk() else { continue };
            let seat_map = desk.state.seat_map();
            let sections = seat_map.sections.iter().map(|section| section.slug.as_str());
            self.metrics.forget_event(&seat_map.facts.slug, sections);
            debug!(
                event = seat_map.facts.slug,
                "nobody asks about an event: its seats are read again when somebody does"
            );
        }
    }

    /// Brings the gauges up to date.
    pub fn measure(&self) {
        let slots = self.desks.slots();
        self.metrics.set_events(self.len(), slots.len());
        for OnSale { state, queue } in slots.iter().filter_map(|slot| slot.desk()).map(|desk| &**desk) {
            let seat_map = state.seat_map();
            self.metrics.set_queued(&seat_map.facts.slug, queue.len());
            for section in &seat_map.sections {
                self.metrics.set_stock(&seat_map.facts.slug, &section.slug, state.stock(section.units()));
            }
        }
    }
}

/// True if the sale begins within the hour, or has begun within the last one.
fn is_soon(facts: &Facts, now: DbTime) -> bool {
    facts.on_sale && facts.sale_starts_at.is_some_and(|starts_at| (starts_at.0 - now.0).abs() <= AHEAD_MS)
}

fn describe(page: &Page) -> Document {
    let events = page.events.iter().map(|facts| EventSummary::new(facts)).collect();
    // It is made anew after each edit of any event.
    event_state::document(&EventList { events, next: page.next.map(Place::cursor) }, Effort::Often)
}
