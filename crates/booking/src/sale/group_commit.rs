//! The writers of one event: one transaction for all reservations that wait at the same moment (group commit).
//!
//! There is no linger timer: while commits are under way the next batch gathers by itself. So a lone request is served
//! at once and a rush is served in batches. Two batches may be under way, so that one is decided, written and answered
//! while the other waits for the disk. They never ask for the same seat, and the database keeps the same fan out of
//! both (like those of two cores). An answer is given after its commit. When the database fails in between, the batch
//! is tried again; bookings that were committed all the same are found by their ids.

use std::collections::{HashMap, HashSet, VecDeque};
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{Mutex, MutexGuard, mpsc};
use tokio::time::sleep;
use tokio_postgres::types::ToSql;
use tracing::warn;
use uuid::Uuid;

use super::allocate::{self, Decision, Found, Proposal, Request};
use super::booking::{Held, read_held};
use super::event_state::{EventState, Undecided};
use super::notify::Notifier;
use super::queue::{ReserveError, Served, Timing, Verdict, Waiting};
use crate::db::{Client, Database, DbError, DbTime, Transaction};
use crate::events::seat_map::SeatMap;
use crate::metrics::BookingMetrics;
use crate::sql;
use crate::units::{signed, unsigned, unsigned_long};

/// Batches of one event that may be under way.
pub(crate) const WRITERS: usize = 2;
/// Reservations in one transaction.
const BATCH_MAX: usize = 256;
/// How long a reservation may wait before its fan is told to come back.
const PATIENCE: Duration = Duration::from_secs(5);
/// Between two batches when all seats of the first were just being changed by somebody else.
const STEP_ASIDE: Duration = Duration::from_millis(3);
/// Between two attempts while the database fails.
const BACKOFF: Duration = Duration::from_millis(100);

/// Serves a queue, by turns with others, until nothing can be put into it any more.
pub(crate) struct Writer {
    pub(crate) event: Arc<EventState>,
    pub(crate) queue: Arc<Mutex<mpsc::Receiver<Waiting>>>,
    pub(crate) database: Database,
    pub(crate) core: Uuid,
    pub(crate) metrics: Arc<BookingMetrics>,
    pub(crate) notifier: Arc<Notifier>,
}

/// How a batch gets its seats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Approach {
    /// Seats that are free by the cache are taken without a look (optimistic concurrency control); if any of them is not
    /// free, nothing is written. It costs half of the other one.
    Optimistic,
    /// Each seat is looked at under a row lock first; what somebody else is changing is left out.
    Pessimistic,
}

impl Writer {
    /// Takes batches from the queue until it is closed and empty. May be started again: after a panic those of its batch are
    /// told that nobody knows, and their seats are nobody's any more.
    pub(crate) async fn run(&self) {
        // Those who have to be asked about again.
        let mut waiting: VecDeque<Waiting> = VecDeque::new();
        while let Some(queue) = self.gather(&mut waiting).await {
            let _working = self.event.work();
            let batch = self.take_batch(&mut waiting);
            if batch.is_empty() {
                continue;
            }
            let seat_map = self.event.seat_map();
            let requests: Vec<&Request> = batch.iter().map(|one| &one.request).collect();
            let proposed = self.event.propose(&seat_map, &requests);
            // Nobody who came later chooses before.
            drop(queue);
            self.serve(batch, &seat_map, proposed, &mut waiting).await;
        }
    }

    /// Waits until it is this writer's turn and somebody is there, and takes everybody who waits; nothing when the queue is
    /// closed and empty. Whoever has somebody to ask about again does not wait for the turn.
    async fn gather(&self, waiting: &mut VecDeque<Waiting>) -> Option<Option<MutexGuard<'_, mpsc::Receiver<Waiting>>>> {
        if !waiting.is_empty() {
            let mut turn = self.queue.try_lock().ok();
            turn.iter_mut().for_each(|queue| take_all(queue, waiting));
            return Some(turn);
        }
        let mut queue = self.queue.lock().await;
        waiting.push_back(queue.recv().await?);
        take_all(&mut queue, waiting);
        Some(Some(queue))
    }

    /// The oldest that wait, without those whose fan has gone away or has waited too long.
    fn take_batch(&self, waiting: &mut VecDeque<Waiting>) -> Vec<Waiting> {
        let mut batch = Vec::with_capacity(waiting.len().min(BATCH_MAX));
        while batch.len() < BATCH_MAX {
            let Some(next) = waiting.pop_front() else { break };
            self.metrics.observe_queue_wait(next.since.elapsed());
            if next.since.elapsed() > PATIENCE {
                let _ = next.answer.send(Err(ReserveError::Busy));
            } else if !next.answer.is_closed() {
                batch.push(next);
            }
        }
        batch
    }

    /// Serves one batch; what has to be asked again goes back to the front of the line.
    async fn serve(
        &self,
        batch: Vec<Waiting>,
        seat_map: &SeatMap,
        (proposal, undecided): (Proposal, Undecided<'_>),
        waiting: &mut VecDeque<Waiting>,
    ) {
        let started = Instant::now();
        let requests: Vec<&Request> = batch.iter().map(|one| &one.request).collect();
        let written = self.decide_and_write(seat_map, &requests, &proposal).await;
        drop(undecided);
        match written {
            Ok(verdicts) => {
                let took = started.elapsed();
                self.metrics.observe_batch(batch.len(), took);
                let nobody_served = verdicts.iter().all(Option::is_none);
                let timings = self.timings(&batch, seat_map, (started, took));
                answer(batch, verdicts, timings, waiting);
                if nobody_served {
                    sleep(STEP_ASIDE).await;
                }
            }
            Err(error) => {
                warn!(%error, batch = batch.len(), "a batch of reservations failed and is tried again");
                self.metrics.count_failed_batch();
                let told = if error.is_busy() { ReserveError::Busy } else { ReserveError::Unavailable };
                give_up_or_requeue(batch, told, waiting);
                sleep(BACKOFF).await;
            }
        }
    }

    /// Where the time of each went, and what its section has left: counted once a section.
    fn timings(&self, batch: &[Waiting], seat_map: &SeatMap, (started, database): (Instant, Duration)) -> Vec<Timing> {
        let mut stocks: HashMap<u32, u32> = HashMap::new();
        let mut stock = |units: Range<u32>| *stocks.entry(units.start).or_insert_with(|| self.event.free_in(units));
        let timing = |one: &Waiting| Timing {
            queue: started.saturating_duration_since(one.since),
            database,
            batch: batch.len(),
            stock: stock(one.request.wish.section(seat_map).units()),
        };
        batch.iter().map(timing).collect()
    }

    /// One verdict a request; `None` asks for another round.
    async fn decide_and_write(
        &self,
        seat_map: &SeatMap,
        requests: &[&Request],
        proposal: &Proposal,
    ) -> Result<Vec<Option<Verdict>>, DbError> {
        if proposal.candidates.is_empty() {
            let client = self.database.client().await?;
            let (known, busy_sessions) = self.look_for_retries(&client, seat_map, requests).await?;
            let found = Found { known, busy_sessions, ..Found::default() };
            let decisions = allocate::settle(seat_map, requests, proposal, &found);
            return Ok(verdicts(seat_map, decisions, DbTime::NEVER));
        }
        if !self.event.is_contended() {
            if let Some(verdicts) = self.attempt(Approach::Optimistic, seat_map, requests, proposal).await? {
                return Ok(verdicts);
            }
            self.event.note_contention(true);
        }
        let verdicts = self.attempt(Approach::Pessimistic, seat_map, requests, proposal).await?;
        verdicts.ok_or_else(|| DbError::Odd("seats that were locked are not free any more".to_owned()))
    }

    /// One transaction; `None` when a seat that was taken to be free is not, and nothing was written.
    async fn attempt(
        &self,
        approach: Approach,
        seat_map: &SeatMap,
        requests: &[&Request],
        proposal: &Proposal,
    ) -> Result<Option<Vec<Option<Verdict>>>, DbError> {
        let open = Transaction::unbegun(self.database.client().await?);
        let asked_ms = self.event.time().own_ms();
        let mut found = self.look(&open, seat_map, requests).await?;
        found.seats = match approach {
            Approach::Optimistic => proposal.candidates.iter().map(|&unit| (unit, true)).collect(),
            Approach::Pessimistic => self.lock_seats(&open, seat_map, &proposal.candidates).await?,
        };
        let decisions = allocate::settle(seat_map, requests, proposal, &found);
        let holds = Holds::of(seat_map, requests, &decisions);
        let mut expires_at = DbTime::NEVER;
        if !holds.is_empty() {
            let Written { now, ends_at, seats } = self.write(&open, seat_map, &holds).await?;
            self.event.time().observe(asked_ms, now);
            if seats != holds.units.len() {
                open.roll_back().await?;
                return Ok(None);
            }
            expires_at = ends_at;
        }
        open.commit().await?;
        if !holds.is_empty() {
            self.event.seat_cache().note(&holds.units, expires_at);
            self.notifier.notify();
        }
        Ok(Some(verdicts(seat_map, decisions, expires_at)))
    }

    /// What has to be known about requests of which none can get seats: whether they are bookings already.
    async fn look_for_retries(
        &self,
        client: &Client,
        seat_map: &SeatMap,
        requests: &[&Request],
    ) -> Result<Retries, DbError> {
        let (ids, sessions) = who(requests);
        let (lock, known) =
            tokio::try_join!(client.prepare_cached(sql::SESSION_LOCK), client.prepare_cached(sql::BOOKING_KNOWN))?;
        let fans: [&(dyn ToSql + Sync); 2] = [&seat_map.facts.event_id, &sessions];
        let retries: [&(dyn ToSql + Sync); 1] = [&ids];
        let (busy, known) = tokio::try_join!(client.query(&lock, &fans), client.query(&known, &retries))?;
        Ok((read_known(&known), read_sessions(&busy)))
    }

    /// Locks the fans and looks up what is to be known of them, in one round trip. What is counted is counted after the locks,
    /// so that it holds until the commit.
    async fn look(&self, open: &Transaction, seat_map: &SeatMap, requests: &[&Request]) -> Result<Found, DbError> {
        let (ids, sessions) = who(requests);
        let client: &Client = open;
        let (lock_fans, known, seats) = tokio::try_join!(
            client.prepare_cached(sql::SESSION_LOCK),
            client.prepare_cached(sql::BOOKING_KNOWN),
            client.prepare_cached(sql::SESSION_SEATS)
        )?;
        let fans: [&(dyn ToSql + Sync); 2] = [&seat_map.facts.event_id, &sessions];
        let retries: [&(dyn ToSql + Sync); 1] = [&ids];
        let ((), busy, known, seats) = tokio::try_join!(
            client.send_begin(),
            client.query(&lock_fans, &fans),
            client.query(&known, &retries),
            client.query(&seats, &fans),
        )?;
        Ok(Found {
            seats: HashMap::new(),
            known: read_known(&known),
            session_seats: seats.iter().map(|row| (row.get("session"), unsigned_long(row.get("seats")))).collect(),
            busy_sessions: read_sessions(&busy),
        })
    }

    /// Locks the candidates; says of each that nobody else is changing whether it is free. What turned out to belong to
    /// somebody else is noted, so that the next batch does not ask for it.
    async fn lock_seats(
        &self,
        open: &Transaction,
        seat_map: &SeatMap,
        units: &[u32],
    ) -> Result<HashMap<u32, bool>, DbError> {
        let lock = open.prepare_cached(sql::SEAT_LOCK).await?;
        let locked = open.query_one(&lock, &[&seat_map.facts.event_id, &signed(units)]).await?;
        let (free, taken): (Vec<i32>, Vec<i32>) = (locked.get("free"), locked.get("taken"));
        let until: Vec<DbTime> = locked.get("taken_until");
        self.event.note_contention(free.len() < units.len());
        let mut seat_cache = self.event.seat_cache();
        for (&unit, until) in taken.iter().zip(until) {
            seat_cache.note(&[unsigned(unit)], until);
        }
        let all = free.into_iter().map(|unit| (unit, true)).chain(taken.into_iter().map(|unit| (unit, false)));
        Ok(all.map(|(unit, is_free)| (unsigned(unit), is_free)).collect())
    }

    /// Writes the holds, to be committed if all of the seats were free.
    async fn write(&self, open: &Transaction, seat_map: &SeatMap, holds: &Holds<'_>) -> Result<Written, DbError> {
        let hold = open.prepare_cached(sql::HOLD).await?;
        let units = signed(&holds.units);
        let parameters: [&(dyn ToSql + Sync); 12] = [
            &seat_map.facts.event_id,
            &seat_map.facts.hold_s,
            &self.core,
            &units,
            &holds.owners,
            &holds.bookings,
            &holds.sessions,
            &holds.fingerprints,
            &holds.unit_lists,
            &holds.amounts,
            &holds.networks,
            &holds.pass_ages,
        ];
        let row = open.query_one(&hold, &parameters).await?;
        let seats = usize::try_from(row.get::<_, i64>("taken")).unwrap_or(0);
        Ok(Written { now: row.get("now"), ends_at: row.get("expires_at"), seats })
    }
}

/// What the database says of holds that it has written.
struct Written {
    now: DbTime,
    ends_at: DbTime,
    /// How many of the seats were free.
    seats: usize,
}

fn take_all(queue: &mut mpsc::Receiver<Waiting>, waiting: &mut VecDeque<Waiting>) {
    while waiting.len() < BATCH_MAX
        && let Ok(next) = queue.try_recv()
    {
        waiting.push_back(next);
    }
}

fn answer(batch: Vec<Waiting>, verdicts: Vec<Option<Verdict>>, timings: Vec<Timing>, waiting: &mut VecDeque<Waiting>) {
    for ((one, verdict), timing) in batch.into_iter().zip(verdicts).zip(timings).rev() {
        match verdict {
            Some(verdict) => drop(one.answer.send(Ok(Served { verdict, timing }))),
            None => waiting.push_front(one),
        }
    }
}

fn give_up_or_requeue(batch: Vec<Waiting>, told: ReserveError, waiting: &mut VecDeque<Waiting>) {
    for one in batch.into_iter().rev() {
        if one.since.elapsed() > PATIENCE {
            drop(one.answer.send(Err(told)));
        } else {
            waiting.push_front(one);
        }
    }
}

fn verdicts(seat_map: &SeatMap, decisions: Vec<Decision>, expires_at: DbTime) -> Vec<Option<Verdict>> {
    let verdict = |decision| match decision {
        Decision::Hold(units) => Some(Ok(Held { amount: seat_map.price(&units), units, expires_at })),
        Decision::Known(held) => Some(Ok(held)),
        Decision::Refuse(refusal) => Some(Err(refusal)),
        Decision::Again => None,
    };
    decisions.into_iter().map(verdict).collect()
}

/// The holds of a batch, as the arrays that the statement takes.
#[derive(Default)]
struct Holds<'a> {
    /// The seats in key order, in which everybody locks rows, each with its booking.
    units: Vec<u32>,
    owners: Vec<Uuid>,
    bookings: Vec<Uuid>,
    sessions: Vec<&'a str>,
    fingerprints: Vec<Uuid>,
    unit_lists: Vec<String>,
    amounts: Vec<i64>,
    networks: Vec<Option<i64>>,
    pass_ages: Vec<Option<i32>>,
}

impl<'a> Holds<'a> {
    fn of(seat_map: &SeatMap, requests: &[&'a Request], decisions: &[Decision]) -> Self {
        let (mut holds, mut seats) = (Self::default(), Vec::new());
        for (request, decision) in requests.iter().zip(decisions) {
            if let Decision::Hold(units) = decision {
                seats.extend(units.iter().map(|&unit| (unit, request.booking_id)));
                holds.add(request, units, seat_map.price(units));
            }
        }
        seats.sort_unstable();
        (holds.units, holds.owners) = seats.into_iter().unzip();
        holds
    }

    fn add(&mut self, request: &'a Request, units: &[u32], amount: i64) {
        self.bookings.push(request.booking_id);
        self.sessions.push(&request.session);
        self.fingerprints.push(request.fingerprint);
        let list: Vec<String> = units.iter().map(u32::to_string).collect();
        self.unit_lists.push(format!("{{{}}}", list.join(",")));
        self.amounts.push(amount);
        self.networks.push(request.trace.network);
        self.pass_ages.push(request.trace.pass_age_ms);
    }

    fn is_empty(&self) -> bool {
        self.bookings.is_empty()
    }
}

/// Bookings that exist already, with the fingerprints of their requests.
type Known = HashMap<Uuid, (Uuid, Held)>;
/// Those among the requests, and fans about whom nothing can be said now.
type Retries = (Known, HashSet<String>);

/// The ids and the sessions of requests.
fn who<'a>(requests: &[&'a Request]) -> (Vec<Uuid>, Vec<&'a str>) {
    requests.iter().map(|request| (request.booking_id, request.session.as_str())).unzip()
}

fn read_known(rows: &[tokio_postgres::Row]) -> Known {
    let read = |row: &tokio_postgres::Row| (row.get("booking_id"), (row.get("request_fingerprint"), read_held(row)));
    rows.iter().map(read).collect()
}

fn read_sessions(rows: &[tokio_postgres::Row]) -> HashSet<String> {
    rows.iter().map(|row| row.get("session")).collect()
}
