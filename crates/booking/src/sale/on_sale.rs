//! The events on sale: read from the tables at the start and whenever they were edited, each with its queue and its writers.

use std::collections::BTreeMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use tokio::sync::Mutex;
use tokio::task::spawn_blocking;
use uuid::Uuid;

use super::event_state::{self, EventState};
use super::group_commit::{WRITERS, Writer};
use super::notify::Notifier;
use super::queue::ReservationQueue;
use super::seat_cache::SeatCache;
use crate::db::time::DatabaseTime;
use crate::db::{Client, Database, DbError, DbTime};
use crate::document::Document;
use crate::events::answer::{EventList, EventSummary};
use crate::events::read::{read_facts, read_seat_map};
use crate::events::seat_map::{Facts, SeatMap};
use crate::metrics::BookingMetrics;
use crate::sql;
use crate::units::{signed, unsigned};
use fairgate_telemetry::supervise::Supervisor;

/// An event on sale.
#[derive(Debug)]
pub struct OnSale {
    /// What is known of it.
    pub state: Arc<EventState>,
    /// Where reservations wait.
    pub queue: ReservationQueue,
}

/// All events on sale, by their slugs.
#[derive(Debug)]
pub struct Events {
    database: Database,
    core: Uuid,
    time: Arc<DatabaseTime>,
    metrics: Arc<BookingMetrics>,
    supervisor: Supervisor,
    notifier: Arc<Notifier>,
    on_sale: ArcSwap<BTreeMap<String, Arc<OnSale>>>,
    document: ArcSwap<Document>,
    /// One at a time, so that what was read earlier never replaces what was read later, and no event gets two queues.
    reloading: Mutex<()>,
}

impl Events {
    /// Nothing yet; [`Self::reload`] reads the tables.
    #[must_use]
    pub fn new(
        database: Database,
        core: Uuid,
        time: Arc<DatabaseTime>,
        metrics: Arc<BookingMetrics>,
        supervisor: Supervisor,
    ) -> Self {
        let document = ArcSwap::from_pointee(describe(&[]));
        let (notifier, on_sale, reloading) = (Arc::default(), ArcSwap::default(), Mutex::default());
        Self { database, core, time, metrics, supervisor, notifier, on_sale, document, reloading }
    }

    /// What is rung after each batch of reservations.
    pub(crate) fn notifier(&self) -> Arc<Notifier> {
        Arc::clone(&self.notifier)
    }

    /// The list of events, for everybody.
    #[must_use]
    pub fn document(&self) -> Arc<Document> {
        self.document.load_full()
    }

    /// An event.
    #[must_use]
    pub fn find(&self, slug: &str) -> Option<Arc<OnSale>> {
        self.on_sale.load().get(slug).cloned()
    }

    /// What is known of an event, by its key in the tables.
    #[must_use]
    pub fn find_by_id(&self, event_id: i32) -> Option<Arc<EventState>> {
        let on_sale = self.on_sale.load();
        let found = on_sale.values().find(|one| one.state.seat_map().facts.event_id == event_id);
        found.map(|found| Arc::clone(&found.state))
    }

    /// All events, the next one first.
    #[must_use]
    pub fn all(&self) -> Vec<Arc<OnSale>> {
        let mut all: Vec<_> = self.on_sale.load().values().cloned().collect();
        all.sort_by_key(|one| (one.state.seat_map().facts.starts_at, one.state.seat_map().facts.event_id));
        all
    }

    /// Reads every event: opens queues for new ones and takes over what was edited in the others.
    ///
    /// # Errors
    /// When the database cannot be read; what is known stays as it is.
    pub async fn reload(&self) -> Result<(), DbError> {
        let _one_at_a_time = self.reloading.lock().await;
        let client = self.database.client().await?;
        let mut on_sale = BTreeMap::clone(&self.on_sale.load());
        let all = client.prepare_cached(sql::EVENT_ALL).await?;
        for row in client.query(&all, &[]).await? {
            let facts = read_facts(&row);
            let slug = facts.slug.clone();
            match on_sale.get(&slug) {
                Some(known) if known.state.seat_map().facts.version == facts.version => {}
                Some(known) => known.state.replace_seat_map(described(read_seat_map(&client, facts).await?).await?),
                None => drop(on_sale.insert(slug, self.open(&client, facts).await?)),
            }
        }
        self.on_sale.store(Arc::new(on_sale));
        self.document.store(Arc::new(describe(&self.all())));
        Ok(())
    }

    async fn open(&self, client: &Client, facts: Facts) -> Result<Arc<OnSale>, DbError> {
        let slug = facts.slug.clone();
        let seat_map = read_seat_map(client, facts).await?;
        let seat_cache = self.read_seats(client, &seat_map).await?;
        let state = Arc::new(EventState::new(described(seat_map).await?, seat_cache, Arc::clone(&self.time)));
        let (queue, waiting) = ReservationQueue::new();
        let waiting = Arc::new(Mutex::new(waiting));
        for _ in 0..WRITERS {
            let writer = Writer {
                event: Arc::clone(&state),
                queue: Arc::clone(&waiting),
                database: self.database.clone(),
                core: self.core,
                metrics: Arc::clone(&self.metrics),
                notifier: self.notifier(),
            };
            let (supervisor, task) = (self.supervisor.clone(), format!("writer of {slug}"));
            tokio::spawn(async move { supervisor.keep_until_done(&task, || writer.run()).await });
        }
        Ok(Arc::new(OnSale { state, queue }))
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

    /// Brings the gauges up to date.
    pub fn measure(&self) {
        for OnSale { state, queue } in self.all().iter().map(|one| &**one) {
            let seat_map = state.seat_map();
            self.metrics.set_queued(&seat_map.facts.slug, queue.len());
            for section in &seat_map.sections {
                self.metrics.set_stock(&seat_map.facts.slug, &section.slug, state.stock(section.units()));
            }
        }
    }
}

/// Describes an event where that keeps no request waiting.
async fn described(seat_map: SeatMap) -> Result<(SeatMap, Document), DbError> {
    let describing = spawn_blocking(move || {
        let document = event_state::describe(&seat_map);
        (seat_map, document)
    });
    describing.await.map_err(|error| DbError::Odd(format!("an event cannot be described: {error}")))
}

fn describe(on_sale: &[Arc<OnSale>]) -> Document {
    let events = on_sale.iter().map(|one| EventSummary::new(&one.state.seat_map())).collect();
    event_state::document(&EventList { events })
}
