//! The events on sale: read from the tables at the start and whenever they were edited, each with its queue and its writers.

use std::collections::BTreeMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use tokio::sync::Mutex;
use tokio::task::spawn_blocking;
use tokio_postgres::Row as DbRow;
use uuid::Uuid;

use super::batch::Held;
use super::bell::Bell;
use super::db::{Client, Database, DbError, DbTime};
use super::document::Document;
use super::event_state::{self, EventState};
use super::metrics::BookingMetrics;
use super::mirror::Mirror;
use super::plan::{Facts, Plan, Row, Section, SectionKind};
use super::queue::ReservationQueue;
use super::sql;
use super::time::DatabaseTime;
use super::wire::{EventList, EventSummary};
use super::units::{signed, unsigned};
use super::writer::{WRITERS, Writer};
use crate::supervise::Supervisor;

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
    bell: Arc<Bell>,
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
        let (bell, on_sale, reloading) = (Arc::default(), ArcSwap::default(), Mutex::default());
        Self { database, core, time, metrics, supervisor, bell, on_sale, document, reloading }
    }

    /// What is rung after each batch of reservations.
    pub(super) fn bell(&self) -> Arc<Bell> {
        Arc::clone(&self.bell)
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
        let found = on_sale.values().find(|one| one.state.plan().facts.event_id == event_id);
        found.map(|found| Arc::clone(&found.state))
    }

    /// All events, the next one first.
    #[must_use]
    pub fn all(&self) -> Vec<Arc<OnSale>> {
        let mut all: Vec<_> = self.on_sale.load().values().cloned().collect();
        all.sort_by_key(|one| (one.state.plan().facts.starts_at, one.state.plan().facts.event_id));
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
                Some(known) if known.state.plan().facts.version == facts.version => {}
                Some(known) => known.state.replace_plan(described(read_plan(&client, facts).await?).await?),
                None => drop(on_sale.insert(slug, self.open(&client, facts).await?)),
            }
        }
        self.on_sale.store(Arc::new(on_sale));
        self.document.store(Arc::new(describe(&self.all())));
        Ok(())
    }

    async fn open(&self, client: &Client, facts: Facts) -> Result<Arc<OnSale>, DbError> {
        let slug = facts.slug.clone();
        let plan = read_plan(client, facts).await?;
        let mirror = self.read_seats(client, &plan).await?;
        let state = Arc::new(EventState::new(described(plan).await?, mirror, Arc::clone(&self.time)));
        let (queue, waiting) = ReservationQueue::new();
        let waiting = Arc::new(Mutex::new(waiting));
        for _ in 0..WRITERS {
            let writer = Writer {
                event: Arc::clone(&state),
                queue: Arc::clone(&waiting),
                database: self.database.clone(),
                core: self.core,
                metrics: Arc::clone(&self.metrics),
                bell: self.bell(),
            };
            let (supervisor, task) = (self.supervisor.clone(), format!("writer of {slug}"));
            tokio::spawn(async move { supervisor.keep_until_done(&task, || writer.run()).await });
        }
        Ok(Arc::new(OnSale { state, queue }))
    }

    async fn read_seats(&self, client: &Client, plan: &Plan) -> Result<Mirror, DbError> {
        let statement = client.prepare_cached(sql::EVENT_SEATS).await?;
        let asked_ms = self.time.own_ms();
        let rows = client.query(&statement, &[&plan.facts.event_id]).await?;
        if let Some(row) = rows.first() {
            self.time.observe(asked_ms, row.get("now"));
        }
        let in_order = rows.iter().map(|row| unsigned(row.get("unit"))).eq(0..plan.seats());
        if !in_order {
            return Err(DbError::Odd(format!("the seats of {} are not those of its rows", plan.facts.slug)));
        }
        Ok(Mirror::new(rows.iter().map(|row| row.get("held_until")).collect()))
    }

    /// Reads these seats of an event anew; returns those that have to be read again.
    pub(super) async fn refresh(&self, event: &EventState, units: &[u32]) -> Result<Vec<u32>, DbError> {
        let generation = event.mirror().generation();
        let client = self.database.client().await?;
        let statement = client.prepare_cached(sql::SEAT_READ).await?;
        let rows = client.query(&statement, &[&event.plan().facts.event_id, &signed(units)]).await?;
        let read: Vec<(u32, DbTime)> =
            rows.iter().map(|row| (unsigned(row.get("unit")), row.get("held_until"))).collect();
        Ok(event.mirror().correct(&read, generation))
    }

    /// Brings the gauges up to date.
    pub fn measure(&self) {
        for OnSale { state, queue } in self.all().iter().map(|one| &**one) {
            let plan = state.plan();
            self.metrics.set_queued(&plan.facts.slug, queue.len());
            for section in &plan.sections {
                self.metrics.set_stock(&plan.facts.slug, &section.slug, state.stock(section.units()));
            }
        }
    }
}

/// Describes an event where that keeps no request waiting.
async fn described(plan: Plan) -> Result<(Plan, Document), DbError> {
    let describing = spawn_blocking(move || {
        let document = event_state::describe(&plan);
        (plan, document)
    });
    describing.await.map_err(|error| DbError::Odd(format!("an event cannot be described: {error}")))
}

fn describe(on_sale: &[Arc<OnSale>]) -> Document {
    let events = on_sale.iter().map(|one| EventSummary::new(&one.state.plan())).collect();
    event_state::document(&EventList { events })
}

/// One event, for those who sell nothing.
pub(super) async fn read_event(client: &Client, event_id: i32) -> Result<Option<Plan>, DbError> {
    let get = client.prepare_cached(sql::EVENT_GET).await?;
    match client.query_opt(&get, &[&event_id]).await? {
        Some(row) => read_plan(client, read_facts(&row)).await.map(Some),
        None => Ok(None),
    }
}

fn read_facts(row: &DbRow) -> Facts {
    Facts {
        event_id: row.get("event_id"),
        slug: row.get("slug"),
        title: row.get("title"),
        venue: row.get("venue"),
        starts_at: row.get("starts_at"),
        zone: row.get("zone"),
        currency: row.get("currency"),
        hold_s: row.get("hold_s"),
        hold_total_max_s: row.get("hold_total_max_s"),
        fan_seats_max: unsigned(row.get("fan_seats_max")),
        on_sale: row.get("on_sale"),
        sale_starts_at: row.get("sale_starts_at"),
        sale_ends_at: row.get("sale_ends_at"),
        version: row.get("version"),
    }
}

async fn read_plan(client: &Client, facts: Facts) -> Result<Plan, DbError> {
    let sections = client.prepare_cached(sql::EVENT_SECTIONS).await?;
    let rows = client.prepare_cached(sql::EVENT_ROWS).await?;
    let sections = client.query(&sections, &[&facts.event_id]).await?;
    let rows = client.query(&rows, &[&facts.event_id]).await?;
    let rows_of = |position: i16| rows.iter().filter(move |row| row.get::<_, i16>("section") == position);
    let read = |section: &DbRow| read_section(section, rows_of(section.get("position")).map(read_row).collect());
    Plan::new(facts, sections.iter().map(read).collect()).map_err(|error| DbError::Odd(error.to_string()))
}

fn read_section(row: &DbRow, rows: Vec<Row>) -> Section {
    Section {
        slug: row.get("slug"),
        title: row.get("title"),
        kind: if row.get::<_, &str>("kind") == "standing" { SectionKind::Standing } else { SectionKind::Seated },
        tier: u16::try_from(row.get::<_, i16>("tier")).unwrap_or(0),
        price: unsigned(row.get("price")),
        rows,
    }
}

fn read_row(row: &DbRow) -> Row {
    Row { label: row.get("label"), first_unit: unsigned(row.get("first_unit")), seats: row.get("seats") }
}

/// The seats, the price and the end of a booking.
pub(super) fn read_held(row: &DbRow) -> Held {
    let units: Vec<i32> = row.get("units");
    Held {
        units: units.into_iter().map(unsigned).collect(),
        amount: row.get("amount"),
        expires_at: row.get("expires_at"),
    }
}
