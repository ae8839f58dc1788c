//! The change log itself as a queue, on Postgres alone: only what failed is a row.
//!
//! Guarantees, beside those of every queue ([`WorkQueue`]):
//! - where all goes well, nothing is inserted and nothing deleted: the reader's position moves
//! - of several processes one works, and the others stand by ([`Turn`])
//! - the log is kept until the reader has read it: it is registered as a sink
//!
//! Before a page is worked on, it is noted how far it goes. Whoever takes over finds what was begun with and not noted as done,
//! and parks it. From then on each of these is taken alone, so that one that kills its workers is found.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::{Mutex, Notify};
use tokio::time::timeout;
use tracing::{error, info};

use super::describe::Describer;
use super::envelope::Envelope;
use super::log::ChangeLog;
use super::message::Kind;
use super::schedule::Schedule;
use super::turn::{Start, Turn, Whose};
use super::work::{Dead, Delivery, QueueError, Standing, WORKERS_DIED, WorkQueue};
use crate::db::listen::listen;
use crate::db::{Database, DbError, DbTime};
use crate::sql;

/// A worker that has not finished with a message after so long is dead.
const LEASE: Duration = Duration::from_secs(20);
/// How long is waited where there is nothing to do.
const REST: Duration = Duration::from_millis(500);
/// Rows of the log that are parked in one statement.
const PARK_PAGE: i64 = 500;

/// Where a delivery comes from.
const LOG: &str = "log";
const PARKED: &str = "parked";

/// A reader of the change log, and its queue.
pub struct LogQueue {
    database: Database,
    log: ChangeLog,
    name: String,
    kinds: Vec<&'static str>,
    schedule: Schedule,
    wake: Arc<Notify>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    turn: Turn,
    describer: Describer,
    /// Up to here everything is done or parked.
    position: i64,
    /// Up to here messages were handed out.
    taken: i64,
    /// Those that were handed out and are not finished with, by number.
    open: BTreeMap<i64, String>,
}

impl fmt::Debug for LogQueue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogQueue").field("name", &self.name).finish_non_exhaustive()
    }
}

impl LogQueue {
    /// The queue of a worker that has to do with some kinds of changes.
    #[must_use]
    pub fn new(database: Database, name: &str, kinds: &[Kind], schedule: Schedule) -> Self {
        let state = State {
            turn: Turn::new(database.clone(), name),
            describer: Describer::new(database.clone()),
            position: 0,
            taken: 0,
            open: BTreeMap::new(),
        };
        Self {
            log: ChangeLog::new(database.clone()),
            database,
            name: name.to_owned(),
            kinds: kinds.iter().map(|kind| kind.name()).collect(),
            schedule,
            wake: Arc::default(),
            state: Mutex::new(state),
        }
    }

    async fn rest(&self) {
        let _ = timeout(REST, self.wake.notified()).await;
    }

    /// True if it is this process's turn. What somebody else had begun with is parked then.
    async fn is_ours(&self, state: &mut State) -> Result<bool, QueueError> {
        match state.turn.look().await? {
            Whose::Others => return Ok(false),
            Whose::Ours => {}
            Whose::OursNow(start) => state.begin(start),
        }
        if !state.open.is_empty() {
            let begun = std::mem::take(&mut state.open);
            if let Err(error) = self.park(&begun).await {
                state.open = begun;
                return Err(error);
            }
            state.position = state.taken;
            state.turn.note_now(Some(state.position), None).await?;
        }
        while state.position < state.taken {
            if !self.park_page(state).await? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Parks what was handed out by somebody who is gone, a page at a time. False if the turn is lost.
    async fn park_page(&self, state: &mut State) -> Result<bool, QueueError> {
        let page = self.log.page_of(&self.kinds, state.position, state.taken, PARK_PAGE).await?;
        let is_last = (page.len() as i64) < PARK_PAGE;
        let up_to = page.last().filter(|_| !is_last).map_or(state.taken, |row| row.change_id);
        let begun = state.texts(&page).await?;
        if !begun.is_empty() {
            info!(
                reader = self.name,
                messages = begun.len(),
                "messages that somebody had begun with are taken up again"
            );
            self.park(&begun).await?;
        }
        state.position = up_to;
        Ok(state.turn.note_now(Some(up_to), None).await?)
    }

    async fn park(&self, begun: &BTreeMap<i64, String>) -> Result<(), QueueError> {
        let (numbers, messages): (Vec<i64>, Vec<&str>) = begun.iter().map(|(n, text)| (*n, text.as_str())).unzip();
        let client = self.database.client().await?;
        let put = client.prepare_cached(sql::PARKED_PUT).await?;
        client.execute(&put, &[&self.name, &numbers, &messages]).await?;
        Ok(())
    }

    /// Takes what is due again; those whose worker has died one at a time.
    async fn take_due(&self, count: usize) -> Result<Vec<Delivery>, QueueError> {
        let due = self.take_parked(count, false).await?;
        if !due.is_empty() {
            return Ok(due);
        }
        let suspect = self.take_parked(1, true).await?;
        let Some(delivery) = suspect.first().filter(|one| one.attempts > self.schedule.attempts_max()) else {
            return Ok(suspect);
        };
        error!(reader = self.name, message = delivery.id, "{WORKERS_DIED}: a message is among the dead letters");
        // It was not tried this time.
        let tried = Delivery { attempts: delivery.attempts - 1, ..delivery.clone() };
        self.settle(&tried, None, WORKERS_DIED).await?;
        Ok(Vec::new())
    }

    async fn take_parked(&self, count: usize, is_leased: bool) -> Result<Vec<Delivery>, QueueError> {
        let client = self.database.client().await?;
        let take = client.prepare_cached(sql::PARKED_TAKE).await?;
        let rows_max = i64::try_from(count).unwrap_or(i64::MAX);
        let rows = client.query(&take, &[&self.name, &rows_max, &LEASE.as_secs_f64(), &is_leased]).await?;
        let read = |row: &tokio_postgres::Row| Delivery {
            origin: PARKED.to_owned(),
            id: row.get::<_, i64>("change_id").to_string(),
            message: row.get("message"),
            headers: BTreeMap::new(),
            attempts: usize::try_from(row.get::<_, i32>("attempts")).unwrap_or(0),
        };
        Ok(rows.iter().map(read).collect())
    }

    /// Takes what is new. Nothing does not mean that there is no more.
    async fn take_new(&self, state: &mut State, count: usize) -> Result<Vec<Delivery>, QueueError> {
        let Some(settled) = self.log.settled(state.position).await? else {
            state.turn.note(state.position).await?;
            self.rest().await;
            return Ok(Vec::new());
        };
        let rows_max = i64::try_from(count).unwrap_or(i64::MAX);
        let page = self.log.page_of(&self.kinds, state.position, settled, rows_max).await?;
        let up_to = page.last().filter(|_| page.len() == count).map_or(settled, |row| row.change_id);
        let new = state.texts(&page).await?;
        if new.is_empty() {
            (state.position, state.taken) = (up_to, up_to);
            state.turn.note(up_to).await?;
            return Ok(Vec::new());
        }
        if !state.turn.note_now(Some(state.position), Some(up_to)).await? {
            return Ok(Vec::new());
        }
        state.taken = up_to;
        let deliver = |(number, message): (&i64, &String)| Delivery {
            origin: LOG.to_owned(),
            id: number.to_string(),
            message: message.clone(),
            headers: BTreeMap::new(),
            attempts: 1,
        };
        let deliveries = new.iter().map(deliver).collect();
        state.open = new;
        Ok(deliveries)
    }

    /// Parks a delivery: for its wait, or for good.
    async fn settle(&self, delivery: &Delivery, wait: Option<Duration>, reason: &str) -> Result<(), QueueError> {
        let client = self.database.client().await?;
        let fail = client.prepare_cached(sql::PARKED_FAIL).await?;
        let (number, wait_s) = (number(delivery)?, wait.map(|wait| wait.as_secs_f64()));
        let attempts = i32::try_from(delivery.attempts).unwrap_or(i32::MAX);
        client.execute(&fail, &[&self.name, &number, &delivery.message, &attempts, &wait_s, &reason]).await?;
        drop(client);
        self.close(delivery).await
    }

    /// A delivery of the log is finished with. Once its page is, the position moves.
    async fn close(&self, delivery: &Delivery) -> Result<(), QueueError> {
        if delivery.origin != LOG {
            return Ok(());
        }
        let mut state = self.state.lock().await;
        if state.open.remove(&number(delivery)?).is_some() && state.open.is_empty() {
            state.position = state.taken;
            let position = state.position;
            state.turn.note_now(Some(position), None).await?;
        }
        Ok(())
    }
}

impl State {
    fn begin(&mut self, start: Start) {
        (self.position, self.taken) = (start.position, start.taken);
        self.open.clear();
    }

    /// The messages of a page, as they are handed out.
    async fn texts(&mut self, page: &[super::log::Change]) -> Result<BTreeMap<i64, String>, DbError> {
        if page.is_empty() {
            return Ok(BTreeMap::new());
        }
        let source = self.describer.installation().await?.source();
        let messages = self.describer.messages(page).await?;
        let text = |message| Envelope::CloudEvents.wrap(&source, message);
        Ok(messages.iter().filter_map(|message| Some((message.id, text(message)?))).collect())
    }
}

fn number(delivery: &Delivery) -> Result<i64, DbError> {
    delivery.id.parse().map_err(|_| DbError::Odd(format!("a message has the number {:?}", delivery.id)))
}

#[async_trait]
impl WorkQueue for LogQueue {
    fn name(&self) -> &str {
        &self.name
    }

    async fn declare(&self) -> Result<(), QueueError> {
        // The table is the schema's, and taking the first turn registers the reader.
        Ok(())
    }

    async fn take(&self, count: usize) -> Result<Vec<Delivery>, QueueError> {
        let mut state = self.state.lock().await;
        if !self.is_ours(&mut state).await? {
            drop(state);
            self.rest().await;
            return Ok(Vec::new());
        }
        let due = self.take_due(count).await?;
        if due.is_empty() { self.take_new(&mut state, count).await } else { Ok(due) }
    }

    async fn done(&self, delivery: &Delivery) -> Result<(), QueueError> {
        if delivery.origin == PARKED {
            let client = self.database.client().await?;
            let done = client.prepare_cached(sql::PARKED_DONE).await?;
            client.execute(&done, &[&self.name, &number(delivery)?]).await?;
        }
        self.close(delivery).await
    }

    async fn failed(&self, delivery: &Delivery, reason: &str) -> Result<bool, QueueError> {
        let wait = self.schedule.wait_after(delivery.attempts);
        self.settle(delivery, wait, reason).await?;
        Ok(wait.is_none())
    }

    async fn bury(&self, delivery: &Delivery, reason: &str) -> Result<(), QueueError> {
        self.settle(delivery, None, reason).await
    }

    async fn dead(&self, count: usize) -> Result<Vec<Dead>, QueueError> {
        let client = self.database.client().await?;
        let dead = client.prepare_cached(sql::PARKED_DEAD).await?;
        let rows = client.query(&dead, &[&self.name, &i64::try_from(count).unwrap_or(i64::MAX)]).await?;
        let read = |row: &tokio_postgres::Row| Dead {
            id: row.get::<_, i64>("change_id").to_string(),
            message: row.get("message"),
            reason: row.get("reason"),
            attempts: usize::try_from(row.get::<_, i32>("attempts")).unwrap_or(0),
        };
        Ok(rows.iter().map(read).collect())
    }

    async fn retry(&self, ids: &[String]) -> Result<usize, QueueError> {
        let numbers: Vec<i64> = ids.iter().filter_map(|id| id.parse().ok()).collect();
        let client = self.database.client().await?;
        let retry = client.prepare_cached(sql::PARKED_RETRY).await?;
        let found = client.execute(&retry, &[&self.name, &numbers]).await?;
        Ok(usize::try_from(found).unwrap_or(usize::MAX))
    }

    async fn drop_dead(&self, ids: &[String]) -> Result<usize, QueueError> {
        let numbers: Vec<i64> = ids.iter().filter_map(|id| id.parse().ok()).collect();
        let client = self.database.client().await?;
        let drop_dead = client.prepare_cached(sql::PARKED_DROP).await?;
        let found = client.execute(&drop_dead, &[&self.name, &numbers]).await?;
        Ok(usize::try_from(found).unwrap_or(usize::MAX))
    }

    async fn standing(&self) -> Result<Standing, QueueError> {
        let open = self.state.try_lock().map_or(0, |state| state.open.len());
        let client = self.database.client().await?;
        let count = client.prepare_cached(sql::PARKED_COUNT).await?;
        let row = client.query_one(&count, &[&self.name]).await?;
        let whole = |column: &str| usize::try_from(row.get::<_, i64>(column)).unwrap_or(0);
        let oldest = row.get::<_, Option<DbTime>>("oldest_dead_at");
        Ok(Standing {
            pending: whole("waiting") + open,
            dead: whole("dead"),
            oldest_dead_ms: oldest.and_then(|at| u64::try_from(at.0).ok()),
        })
    }

    async fn tend(&self) {
        // Where nothing can be listened for, polls have to do.
        listen(self.database.clone(), Arc::clone(&self.wake)).await;
        std::future::pending().await
    }
}
