//! The writer of one desk: one transaction for all reservations that wait at the same moment (group commit).
//!
//! There is no linger timer: while one commit is under way the next batch gathers by itself, so a lone request is served at
//! once and a rush is served in batches. An answer is given after its commit. When the database fails in between, the
//! batch is tried again; bookings that were committed all the same are found by their ids.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use deadpool_postgres::Object;
use tokio::sync::mpsc;
use tokio::time::sleep;
use tokio_postgres::types::ToSql;
use tracing::warn;
use uuid::Uuid;

use super::batch::{self, Decision, Found, Held, Proposal, Request};
use super::db::{Database, DbError, DbTime, Transaction};
use super::desk::{Desk, DeskError, Served, Verdict, Waiting};
use super::http::timing::Timing;
use super::metrics::BookingMetrics;
use super::plan::Plan;
use super::sql;

/// Reservations in one transaction.
const BATCH_MAX: usize = 512;
/// How long a reservation may wait before its fan is told to come back.
const PATIENCE: Duration = Duration::from_secs(5);
/// Between two batches when all seats of the first were just being changed by somebody else.
const STEP_ASIDE: Duration = Duration::from_millis(3);
/// Between two attempts while the database fails.
const BACKOFF: Duration = Duration::from_millis(100);

/// Serves a desk until nobody can queue at it any more.
pub(super) struct Writer {
    pub(super) desk: Arc<Desk>,
    pub(super) database: Database,
    pub(super) core: Uuid,
    pub(super) metrics: Arc<BookingMetrics>,
}

impl Writer {
    /// Takes batches from the queue until it is closed and empty.
    pub(super) async fn run(self, mut queue: mpsc::Receiver<Waiting>) {
        let mut waiting: VecDeque<Waiting> = VecDeque::new();
        while gather(&mut queue, &mut waiting).await {
            let batch = self.take_batch(&mut waiting);
            if !batch.is_empty() {
                self.serve(batch, &mut waiting).await;
            }
        }
    }

    /// The oldest that wait, without those whose fan has gone away or has waited too long.
    fn take_batch(&self, waiting: &mut VecDeque<Waiting>) -> Vec<Waiting> {
        let mut batch = Vec::with_capacity(waiting.len().min(BATCH_MAX));
        while batch.len() < BATCH_MAX {
            let Some(next) = waiting.pop_front() else { break };
            self.metrics.observe_queue_wait(next.since.elapsed());
            if next.since.elapsed() > PATIENCE {
                let _ = next.answer.send(Err(DeskError::Busy));
            } else if !next.answer.is_closed() {
                batch.push(next);
            }
        }
        batch
    }

    /// Serves one batch; what has to be asked again goes back to the front of the line.
    async fn serve(&self, batch: Vec<Waiting>, waiting: &mut VecDeque<Waiting>) {
        let started = Instant::now();
        let requests: Vec<&Request> = batch.iter().map(|one| &one.request).collect();
        match self.decide_and_write(&requests).await {
            Ok(verdicts) => {
                let took = started.elapsed();
                self.metrics.observe_batch(batch.len(), took);
                let nobody_served = verdicts.iter().all(Option::is_none);
                answer(batch, verdicts, (started, took), waiting);
                if nobody_served {
                    sleep(STEP_ASIDE).await;
                }
            }
            Err(error) => {
                warn!(%error, batch = batch.len(), "a batch of reservations failed and is tried again");
                self.metrics.count_failed_batch();
                give_up_or_requeue(batch, waiting);
                sleep(BACKOFF).await;
            }
        }
    }

    /// One verdict a request; `None` asks for another round.
    async fn decide_and_write(&self, requests: &[&Request]) -> Result<Vec<Option<Verdict>>, DbError> {
        let plan = self.desk.plan();
        let proposal = batch::propose(&plan, &self.desk.free(), requests);
        let client = self.database.client().await?;
        if proposal.candidates.is_empty() {
            let (known, busy_sessions) = self.look_for_retries(&client, &plan, requests).await?;
            let found = Found { known, busy_sessions, ..Found::default() };
            let decisions = batch::settle(&plan, requests, &proposal, &found);
            return Ok(verdicts(&plan, decisions, DbTime::NEVER));
        }
        let open = Transaction::unbegun(client);
        let found = self.look(&open, &plan, requests, &proposal).await?;
        let decisions = batch::settle(&plan, requests, &proposal, &found);
        let holds = Holds::of(&plan, requests, &decisions);
        let expires_at = if holds.is_empty() {
            open.commit().await?;
            DbTime::NEVER
        } else {
            let expires_at = self.write(open, &plan, &holds).await?;
            self.desk.mirror().note(&holds.units(), expires_at);
            expires_at
        };
        Ok(verdicts(&plan, decisions, expires_at))
    }

    /// What has to be known about requests of which none can get seats: whether they are bookings already.
    async fn look_for_retries(&self, client: &Object, plan: &Plan, requests: &[&Request]) -> Result<Retries, DbError> {
        let (ids, sessions) = who(requests);
        let (lock, known) =
            tokio::try_join!(client.prepare_cached(sql::SESSION_LOCK), client.prepare_cached(sql::BOOKING_KNOWN))?;
        let fans: [&(dyn ToSql + Sync); 2] = [&plan.facts.event_id, &sessions];
        let retries: [&(dyn ToSql + Sync); 1] = [&ids];
        let (busy, known) = tokio::try_join!(client.query(&lock, &fans), client.query(&known, &retries))?;
        Ok((read_known(&known), read_sessions(&busy)))
    }

    /// Locks the fans and the candidates and looks up what the decision needs, in one round trip. What is counted is counted
    /// after the locks, so that it holds until the commit.
    async fn look(
        &self,
        open: &Transaction,
        plan: &Plan,
        requests: &[&Request],
        proposal: &Proposal,
    ) -> Result<Found, DbError> {
        let (ids, sessions) = who(requests);
        let units: Vec<i32> = signed(&proposal.candidates);
        let client: &Object = open;
        let (lock_fans, lock_seats, known, seats) = tokio::try_join!(
            client.prepare_cached(sql::SESSION_LOCK),
            client.prepare_cached(sql::SEAT_LOCK),
            client.prepare_cached(sql::BOOKING_KNOWN),
            client.prepare_cached(sql::SESSION_SEATS)
        )?;
        let asked_ms = self.desk.time().own_ms();
        let event_id = &plan.facts.event_id;
        let fans: [&(dyn ToSql + Sync); 2] = [event_id, &sessions];
        let candidates: [&(dyn ToSql + Sync); 2] = [event_id, &units];
        let retries: [&(dyn ToSql + Sync); 1] = [&ids];
        let ((), busy, locked, known, seats) = tokio::try_join!(
            client.batch_execute("begin"),
            client.query(&lock_fans, &fans),
            client.query_one(&lock_seats, &candidates),
            client.query(&known, &retries),
            client.query(&seats, &fans),
        )?;
        self.desk.time().observe(asked_ms, locked.get("now"));
        let (free, taken): (Vec<i32>, Vec<i32>) = (locked.get("free"), locked.get("taken"));
        self.correct_beliefs(&taken, &locked.get::<_, Vec<DbTime>>("taken_until"));
        let all = free.into_iter().map(|unit| (unit, true)).chain(taken.into_iter().map(|unit| (unit, false)));
        Ok(Found {
            seats: all.map(|(unit, is_free)| (unsigned(unit), is_free)).collect(),
            known: read_known(&known),
            session_seats: seats.iter().map(|row| (row.get("session"), unsigned_long(row.get("seats")))).collect(),
            busy_sessions: read_sessions(&busy),
        })
    }

    /// Seats that turned out to belong to somebody else are noted, so that the next batch does not ask for them.
    fn correct_beliefs(&self, taken: &[i32], until: &[DbTime]) {
        let mut mirror = self.desk.mirror();
        for (&unit, &until) in taken.iter().zip(until) {
            mirror.note(&[unsigned(unit)], until);
        }
    }

    /// Writes the holds and commits, in one round trip; answers when they end.
    async fn write(&self, open: Transaction, plan: &Plan, holds: &Holds<'_>) -> Result<DbTime, DbError> {
        let hold = open.prepare_cached(sql::HOLD).await?;
        let parameters: [&(dyn ToSql + Sync); 10] = [
            &plan.facts.event_id,
            &plan.facts.hold_s,
            &self.core,
            &holds.seat_units,
            &holds.seat_bookings,
            &holds.bookings,
            &holds.sessions,
            &holds.prints,
            &holds.unit_lists,
            &holds.amounts,
        ];
        let (row, ()) = tokio::try_join!(open.query_one(&hold, &parameters), open.batch_execute("commit"))?;
        open.ended();
        Ok(row.get("expires_at"))
    }
}

/// Waits for somebody and takes everybody who waits; `false` when the queue is closed and empty.
async fn gather(queue: &mut mpsc::Receiver<Waiting>, waiting: &mut VecDeque<Waiting>) -> bool {
    if waiting.is_empty() {
        match queue.recv().await {
            Some(first) => waiting.push_back(first),
            None => return false,
        }
    }
    while waiting.len() < BATCH_MAX {
        match queue.try_recv() {
            Ok(next) => waiting.push_back(next),
            Err(_) => break,
        }
    }
    true
}

fn answer(
    batch: Vec<Waiting>,
    verdicts: Vec<Option<Verdict>>,
    (started, database): (Instant, Duration),
    waiting: &mut VecDeque<Waiting>,
) {
    let size = batch.len();
    for (one, verdict) in batch.into_iter().zip(verdicts).rev() {
        match verdict {
            Some(verdict) => {
                let queue = started.saturating_duration_since(one.since);
                let timing = Timing { queue, database, batch: size };
                drop(one.answer.send(Ok(Served { verdict, timing })));
            }
            None => waiting.push_front(one),
        }
    }
}

fn give_up_or_requeue(batch: Vec<Waiting>, waiting: &mut VecDeque<Waiting>) {
    for one in batch.into_iter().rev() {
        if one.since.elapsed() > PATIENCE {
            drop(one.answer.send(Err(DeskError::Unavailable)));
        } else {
            waiting.push_front(one);
        }
    }
}

fn verdicts(plan: &Plan, decisions: Vec<Decision>, expires_at: DbTime) -> Vec<Option<Verdict>> {
    let verdict = |decision| match decision {
        Decision::Hold(units) => Some(Ok(Held { amount: plan.price(&units), units, expires_at })),
        Decision::Known(held) => Some(Ok(held)),
        Decision::Refuse(refusal) => Some(Err(refusal)),
        Decision::Again => None,
    };
    decisions.into_iter().map(verdict).collect()
}

/// The holds of a batch, as the arrays that the statement takes.
#[derive(Default)]
struct Holds<'a> {
    seat_units: Vec<i32>,
    seat_bookings: Vec<Uuid>,
    bookings: Vec<Uuid>,
    sessions: Vec<&'a str>,
    prints: Vec<Uuid>,
    unit_lists: Vec<String>,
    amounts: Vec<i64>,
}

impl<'a> Holds<'a> {
    fn of(plan: &Plan, requests: &[&'a Request], decisions: &[Decision]) -> Self {
        let mut holds = Self::default();
        for (request, decision) in requests.iter().zip(decisions) {
            if let Decision::Hold(units) = decision {
                holds.add(request, units, plan.price(units));
            }
        }
        holds
    }

    fn add(&mut self, request: &'a Request, units: &[u32], amount: i64) {
        self.seat_units.extend(signed(units));
        self.seat_bookings.extend(std::iter::repeat_n(request.booking_id, units.len()));
        self.bookings.push(request.booking_id);
        self.sessions.push(&request.session);
        self.prints.push(request.print);
        let list: Vec<String> = units.iter().map(u32::to_string).collect();
        self.unit_lists.push(format!("{{{}}}", list.join(",")));
        self.amounts.push(amount);
    }

    fn is_empty(&self) -> bool {
        self.bookings.is_empty()
    }

    fn units(&self) -> Vec<u32> {
        self.seat_units.iter().map(|&unit| unsigned(unit)).collect()
    }
}

/// Bookings that exist already, with the prints of their requests.
type Known = HashMap<Uuid, (Uuid, Held)>;
/// Those among the requests, and fans about whom nothing can be said now.
type Retries = (Known, HashSet<String>);

/// The ids and the sessions of requests.
fn who<'a>(requests: &[&'a Request]) -> (Vec<Uuid>, Vec<&'a str>) {
    requests.iter().map(|request| (request.booking_id, request.session.as_str())).unzip()
}

fn read_known(rows: &[tokio_postgres::Row]) -> Known {
    let read =
        |row: &tokio_postgres::Row| (row.get("booking_id"), (row.get("request_print"), super::events::read_held(row)));
    rows.iter().map(read).collect()
}

fn read_sessions(rows: &[tokio_postgres::Row]) -> HashSet<String> {
    rows.iter().map(|row| row.get("session")).collect()
}

pub(super) fn signed(units: &[u32]) -> Vec<i32> {
    units.iter().map(|&unit| i32::try_from(unit).unwrap_or(i32::MAX)).collect()
}

pub(super) fn unsigned(unit: i32) -> u32 {
    u32::try_from(unit).unwrap_or(0)
}

fn unsigned_long(count: i64) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}
