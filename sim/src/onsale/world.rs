//! The fans, the edges and the store, one tick after the other.

use fairgate::edge::{GATHER, PollPolicy, TICK};
use fairgate_core::room::{ClaimOutcome, Entry, Phase};
use fairgate_crowd::Cap;
use fairgate_crowd::pace::{Poll, join_delay_ms, poll_delay_ms};
use fairgate_draw::{ZERO, entry};
use hdrhistogram::Histogram;
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::answers::{AnswerBytes, status_bytes};
use super::calendar::{Calendar, Step};
use super::crowd::{BEGIN_MS, Crowd, OPENS_AT_MS};
use super::judge::Judge;
use super::meter::{Kind, Meter, Took};
use super::options::{Options, REGIONS};
use super::queue::Queue;
use super::report::Report;
use super::store::{ROOM, Store};

const SECOND_MS: u64 = 1_000;
const MINUTE_MS: u64 = 60 * SECOND_MS;
/// A session inside lasts this long on average, and ten minutes at most.
const SESSION_MS: f64 = 4.0 * 60_000.0;
const SESSION_MAX_MS: f64 = 10.0 * 60_000.0;
/// Sessions of a hundred that buy.
const BUYERS_PERCENT: u32 = 95;
const SEATS_A_SESSION: u32 = 2;
/// After this time without a sold-out the on-sale is called off.
const PATIENCE_MS: u64 = 6 * 60 * MINUTE_MS;
/// How long the rush is watched after the last seat is sold.
const AFTERMATH_MS: u64 = 5 * MINUTE_MS;
const NOBODY: u32 = u32::MAX;

struct Edge {
    round_trip_ms: u64,
    joins: Queue,
    claims: Queue,
}

pub(crate) struct World {
    options: Options,
    random: ChaCha8Rng,
    calendar: Calendar,
    crowd: Crowd,
    store: Store,
    edges: Vec<Edge>,
    /// Index or place of each fan.
    number: Vec<u32>,
    judge: Judge,
    meter: Meter,
    answers: AnswerBytes,
    status_bytes: u64,
    join_took: Histogram<u64>,
    claim_took: Histogram<u64>,
    called_to_inside: Histogram<u64>,
    /// When `serving` passed a place, in steps of the tick: (serving, at).
    calls: Vec<(u64, u64)>,
    seats_sold: u32,
    sold_out_at_ms: Option<u64>,
    shed: u64,
}

impl World {
    pub(crate) fn new(options: &Options) -> anyhow::Result<Self> {
        let mut random = ChaCha8Rng::seed_from_u64(options.seed);
        let store = Store::new(options, random.random())?;
        let edges: Vec<Edge> =
            REGIONS.iter().flat_map(|region| edges_of(region.round_trip_ms, options.edges)).collect();
        let fans = options.fans as usize;
        let policy = &store.view.policy;
        let cap = Cap { rate_per_minute: policy.rate_per_minute, burst: policy.burst };
        let mut world = Self {
            options: options.clone(),
            random,
            calendar: Calendar::starting_at(BEGIN_MS),
            crowd: Crowd::new(options),
            store,
            meter: Meter::new(edges.len()),
            edges,
            number: vec![NOBODY; fans],
            judge: Judge::new(cap, fans),
            answers: AnswerBytes::measure(ROOM)?,
            status_bytes: 0,
            join_took: Histogram::new(3)?,
            claim_took: Histogram::new(3)?,
            called_to_inside: Histogram::new(3)?,
            calls: Vec::new(),
            seats_sold: 0,
            sold_out_at_ms: None,
            shed: 0,
        };
        world.status_bytes = status_bytes(ROOM, &world.store.view, world.poll_policy());
        Ok(world)
    }

    pub(crate) fn is_over(&self) -> bool {
        let now_ms = self.calendar.now_ms();
        self.sold_out_at_ms.is_some_and(|at_ms| now_ms > at_ms + AFTERMATH_MS)
            || now_ms > self.crowd.starts_at_ms() + PATIENCE_MS
    }

    /// Ten milliseconds of everyone's life.
    pub(crate) fn tick(&mut self) -> anyhow::Result<()> {
        let before_ms = self.calendar.now_ms();
        for fan in self.crowd.arrivals(before_ms) {
            self.calendar.put(before_ms, fan, Step::Arrive);
        }
        let due = self.calendar.advance();
        let now_ms = self.calendar.now_ms();
        for (fan, step) in due {
            self.step(fan, step)?;
        }
        if now_ms.is_multiple_of(TICK.as_millis() as u64) {
            self.beat(now_ms)?;
        }
        for edge in 0..self.edges.len() {
            self.enter(edge, now_ms)?;
            self.claim(edge, now_ms)?;
        }
        if now_ms.is_multiple_of(SECOND_MS) {
            self.meter.second();
        }
        Ok(())
    }

    pub(crate) fn finish(self) -> anyhow::Result<Report> {
        let view = self.store.view;
        let carried = self.meter.carried();
        let joins = carried[Kind::Join as usize].total.max(1);
        Ok(Report {
            fans: self.options.fans,
            edges: self.edges.len(),
            pool: view.pool_size,
            places: view.line_size,
            admitted: view.admitted,
            expired: view.expired,
            seats: self.seats_sold,
            sold_out_after_s: self.sold_out_at_ms.map(|at_ms| (at_ms - view.starts_at_ms) / SECOND_MS),
            store_calls_per_join: carried[Kind::StoreEnter as usize].total as f64 / joins as f64,
            roster_bytes: view.pool_size * 32,
            shed: self.shed,
            took: vec![
                Took::of("join: asked to answered", &self.join_took),
                Took::of("claim: asked to answered", &self.claim_took),
                Took::of("called to let in", &self.called_to_inside),
            ],
            carried,
            broken_promises: self.judge.verdict(),
        })
    }

    fn poll_policy(&self) -> PollPolicy {
        PollPolicy { floor_ms: 2_000, ceiling_ms: 180_000, divisor: 10, per_second_max: self.options.polls_per_second }
    }

    fn step(&mut self, fan: u32, step: Step) -> anyhow::Result<()> {
        let (now_ms, edge) = (self.calendar.now_ms(), self.crowd.edge(fan));
        match step {
            Step::Arrive => {
                self.meter.count(Kind::Page, edge, self.answers.page);
                self.poll(fan, edge, now_ms);
            }
            Step::Poll => self.poll(fan, edge, now_ms),
            Step::Join => {
                self.meter.count(Kind::Join, edge, self.answers.join);
                if !self.edges[edge].joins.put(fan, now_ms) {
                    self.shed += 1;
                    let again_ms = self.random.random_range(1_000..7_500);
                    self.calendar.put(now_ms + again_ms, fan, Step::Join);
                }
            }
            Step::Claim => {
                self.meter.count(Kind::Claim, edge, self.answers.claim);
                if !self.edges[edge].claims.put(fan, now_ms) {
                    self.calendar.put(now_ms + 5 * SECOND_MS, fan, Step::Claim);
                }
            }
            Step::Leave => self.leave(fan, edge, now_ms)?,
        }
        Ok(())
    }

    /// A look at the status, and what the page makes of it.
    fn poll(&mut self, fan: u32, edge: usize, now_ms: u64) {
        self.meter.count(Kind::Poll, edge, self.status_bytes);
        let view = &self.store.view;
        let has_joined = self.number[fan as usize] != NOBODY;
        let place = self.place(fan);
        let interest_ms = match view.phase {
            Phase::Ended => return,
            Phase::Idle => view.opens_at_ms.saturating_sub(now_ms) as f64,
            _ if view.sold_out => f64::INFINITY,
            _ if !has_joined => return self.join_soon(fan, now_ms),
            Phase::Pooling => view.starts_at_ms.saturating_sub(now_ms) as f64,
            Phase::Drawing => 0.0,
            Phase::Serving => match place {
                Some(_) if self.crowd.goes_away(fan) => return,
                Some(place) if place < view.serving => return self.calendar.put(now_ms, fan, Step::Claim),
                Some(place) => {
                    (place - view.serving) as f64 * MINUTE_MS as f64 / f64::from(view.policy.rate_per_minute)
                }
                None => 0.0,
            },
        };
        let policy = self.poll_policy();
        let poll = Poll { floor_ms: policy.floor_for(view), ceiling_ms: policy.ceiling_ms, divisor: policy.divisor };
        let delay_ms = poll_delay_ms(poll, interest_ms, self.random.random());
        self.calendar.put(now_ms + delay_ms, fan, Step::Poll);
    }

    fn join_soon(&mut self, fan: u32, now_ms: u64) {
        // Who opens the page while the pool is open joins at once; who saw it open waits a moment.
        let pool_ms = self.crowd.starts_at_ms() - OPENS_AT_MS;
        let delay_ms = if self.crowd.sees_it_open(fan) { join_delay_ms(pool_ms, self.random.random()) } else { 0 };
        self.calendar.put(now_ms + delay_ms, fan, Step::Join);
    }

    fn place(&self, fan: u32) -> Option<u64> {
        let number = self.number[fan as usize];
        if number == NOBODY { None } else { self.store.place(number) }
    }

    /// What each edge does five times a second for each room, and one of them for the draw.
    fn beat(&mut self, now_ms: u64) -> anyhow::Result<()> {
        for edge in 0..self.edges.len() {
            self.meter.count(Kind::StoreView, edge, 0);
        }
        self.store.beat(now_ms)?;
        let serving = self.store.view.serving;
        if serving > self.calls.last().map_or(0, |call| call.0) {
            self.calls.push((serving, now_ms));
        }
        self.status_bytes = status_bytes(ROOM, &self.store.view, self.poll_policy());
        Ok(())
    }

    fn enter(&mut self, edge: usize, now_ms: u64) -> anyhow::Result<()> {
        let round_trip_ms = self.edges[edge].round_trip_ms;
        let Some(asks) = self.edges[edge].joins.call(now_ms, round_trip_ms, GATHER.as_millis() as u64) else {
            return Ok(());
        };
        let entries: Vec<Entry> = asks.iter().map(|_| self.new_entry()).collect();
        self.meter.count(Kind::StoreEnter, edge, entries.len() as u64 * 32);
        let positions = self.store.enter(entries, now_ms + round_trip_ms / 2)?;
        for ((fan, since_ms), position) in asks.into_iter().zip(positions) {
            self.number[fan as usize] = u32::try_from(position.number())?;
            let answered_at_ms = now_ms + round_trip_ms;
            self.join_took.record(answered_at_ms - since_ms)?;
            self.calendar.put(answered_at_ms, fan, Step::Poll);
        }
        Ok(())
    }

    fn new_entry(&mut self) -> Entry {
        let mut nonce = [0; 16];
        self.random.fill_bytes(&mut nonce);
        entry(&self.store.view.draw.descriptor_digest, &nonce, &ZERO)
    }

    fn claim(&mut self, edge: usize, now_ms: u64) -> anyhow::Result<()> {
        let round_trip_ms = self.edges[edge].round_trip_ms;
        let Some(asks) = self.edges[edge].claims.call(now_ms, round_trip_ms, GATHER.as_millis() as u64) else {
            return Ok(());
        };
        let places: Vec<u64> = asks.iter().filter_map(|(fan, _)| self.place(*fan)).collect();
        self.meter.count(Kind::StoreClaim, edge, places.len() as u64 * 8);
        let outcomes = self.store.claim(&places, now_ms + round_trip_ms / 2)?;
        for (((fan, since_ms), place), outcome) in asks.into_iter().zip(places).zip(outcomes) {
            self.claim_took.record(now_ms + round_trip_ms - since_ms)?;
            self.answer_claim(fan, place, outcome, now_ms + round_trip_ms)?;
        }
        Ok(())
    }

    fn answer_claim(&mut self, fan: u32, place: u64, outcome: ClaimOutcome, answered_at_ms: u64) -> anyhow::Result<()> {
        match outcome {
            ClaimOutcome::Admitted { admitted_at_ms, .. } => {
                self.judge.admitted(fan, place, admitted_at_ms);
                let call = self.calls.partition_point(|(serving, _)| *serving <= place);
                let called_at_ms = self.calls.get(call).map_or(admitted_at_ms, |call| call.1);
                self.called_to_inside.record(answered_at_ms.saturating_sub(called_at_ms))?;
                let length_ms = (-self.random.random::<f64>().ln() * SESSION_MS).min(SESSION_MAX_MS);
                self.calendar.put(answered_at_ms + length_ms as u64, fan, Step::Leave);
            }
            ClaimOutcome::Wait { retry_after_ms } => {
                let spread = 1.0 + 0.5 * self.random.random::<f64>();
                self.calendar.put(answered_at_ms + (retry_after_ms as f64 * spread) as u64, fan, Step::Claim);
            }
            ClaimOutcome::NotCalled => self.calendar.put(answered_at_ms + 2 * SECOND_MS, fan, Step::Poll),
            ClaimOutcome::Expired | ClaimOutcome::Unknown | ClaimOutcome::Moved { .. } => {}
        }
        Ok(())
    }

    /// Out of the shop, with two seats as a rule.
    fn leave(&mut self, fan: u32, edge: usize, now_ms: u64) -> anyhow::Result<()> {
        let buys = self.random.random_range(0..100) < BUYERS_PERCENT;
        if buys && self.seats_sold + SEATS_A_SESSION <= self.options.seats {
            self.seats_sold += SEATS_A_SESSION;
        }
        if let Some(place) = self.place(fan) {
            self.meter.count(Kind::StoreRelease, edge, 8);
            self.store.release(place, now_ms)?;
        }
        if self.seats_sold + SEATS_A_SESSION > self.options.seats && self.sold_out_at_ms.is_none() {
            self.sold_out_at_ms = Some(now_ms);
            self.store.sell_out(now_ms)?;
        }
        Ok(())
    }
}

fn edges_of(round_trip_ms: u64, edges: u32) -> impl Iterator<Item = Edge> {
    (0..edges).map(move |_| Edge { round_trip_ms, joins: Queue::default(), claims: Queue::default() })
}
