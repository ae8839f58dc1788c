//! The fans, the network, the edges and the store, one event after the other.

mod breaking;
mod calls;
mod event;
mod run;
mod serving;

use fairgate_crowd::Cap;
use rand::{Rng, RngExt};
use rand_chacha::ChaCha8Rng;

pub use run::Run;

use super::agenda::Agenda;
use super::edge::{Answer, Edge, Effect, Process, Wake};
use super::fan::Fan;
use super::fault::Fault;
use super::history::History;
use super::limit::Lists;
use super::messages::StoreEvent;
use super::network::Weather;
use super::one_device::OneDevice;
use super::one_entry::OneEntry;
use super::people::person;
use super::promises::Witness;
use super::sabotage::Sabotage;
use super::scenario::{BEGIN_MS, Scenario, stream};
use super::server::Server;
use super::state::State;
use super::trace::Trace;
use event::Event;
use serving::Asked;

/// An edge that could reach the store for so long has put back what it has.
const HAD_TIME_MS: u64 = 2_000;

/// The ways of one edge to the store.
#[derive(Clone, Copy, Debug)]
struct Ways {
    there: Weather,
    back: Weather,
    /// Since then nothing is wrong with the edge, its ways or its clock; never, while something is.
    fine_since_ms: Option<u64>,
    has_burned: bool,
}

/// A store that was started again with all that it had, while every edge was there.
#[derive(Clone, Copy, Debug)]
struct Restart {
    /// Numbers given by then.
    numbers: u64,
    /// True if the pool was open. If it closes before all edges were heard, what may be lost counts as lost.
    is_in_pool: bool,
    /// How long it is watched.
    until_ms: u64,
}

pub(super) struct World {
    scenario: Scenario,
    sabotage: Option<Sabotage>,
    now_ms: u64,
    agenda: Agenda<Event>,
    chance: ChaCha8Rng,
    server: Server,
    /// Since when the store answers with what it has.
    answers_since_ms: u64,
    copies: Vec<Option<State>>,
    edges: Vec<Edge>,
    ways: Vec<Ways>,
    abroad: Weather,
    fans: Vec<Fan>,
    at_home: usize,
    history: History,
    witness: Witness,
    /// The same of a room that asks for an identity.
    one_entry: OneEntry,
    /// The same of places that move.
    one_device: OneDevice,
    /// Who knows which list of the draw.
    lists: Lists,
    /// The root that the store has, or had last: one that it lost before anybody saw it was never public.
    root: Option<[u8; 32]>,
    restart: Option<Restart>,
    /// A master that was cut off, and the edges that it still has: every other one.
    old_master: Option<Server>,
    trace: Trace,
    /// What the store goes through, where somebody wants to know.
    events: Option<Vec<StoreEvent>>,
}

impl World {
    pub(super) fn new(scenario: Scenario, sabotage: Option<Sabotage>, reads: bool) -> Self {
        let policy = &scenario.plan.policy;
        let cap = Cap { rate_per_minute: policy.rate_per_minute, burst: policy.burst };
        let mut crowd = stream(scenario.seed, 1);
        let ways = Ways { there: Weather::FINE, back: Weather::FINE, fine_since_ms: Some(0), has_burned: false };
        let mut world = Self {
            now_ms: BEGIN_MS,
            agenda: Agenda::default(),
            chance: stream(scenario.seed, 0),
            server: Server::new(sabotage),
            answers_since_ms: BEGIN_MS,
            copies: vec![None; scenario.faults.len()],
            edges: (0..scenario.edges).map(Edge::new).collect(),
            ways: vec![ways; scenario.edges],
            abroad: Weather::ABROAD,
            fans: (0..scenario.fans).map(|number| Fan::new(number, &mut crowd)).collect(),
            at_home: 0,
            history: History::default(),
            witness: Witness::new(cap, policy.max_active),
            one_entry: OneEntry::default(),
            one_device: OneDevice::default(),
            lists: Lists::default(),
            root: None,
            restart: None,
            old_master: None,
            trace: Trace::new(BEGIN_MS, reads),
            events: None,
            scenario,
            sabotage,
        };
        world.set_out(&mut crowd);
        world.name_everybody();
        world
    }

    /// Plays to the end.
    pub(super) fn play(mut self) -> Run {
        self.play_on();
        self.finish()
    }

    /// Plays to the end, and tells what the store went through.
    pub(super) fn record(mut self) -> Vec<StoreEvent> {
        self.events = Some(Vec::new());
        self.play_on();
        self.events.unwrap_or_default()
    }

    fn note(&mut self, event: StoreEvent) {
        if let Some(events) = &mut self.events {
            events.push(event);
        }
    }

    fn play_on(&mut self) {
        self.trace.say(self.now_ms, &self.scenario);
        let ends_at_ms = self.scenario.drains_by_ms();
        while self.at_home < self.fans.len()
            && self.witness.broken().is_empty()
            && let Some((at_ms, event)) = self.agenda.next()
            && at_ms <= ends_at_ms
        {
            self.now_ms = at_ms;
            self.trace.step(at_ms, &event);
            self.happen(event);
        }
    }

    /// Puts down everything that is known beforehand.
    fn set_out(&mut self, crowd: &mut ChaCha8Rng) {
        self.server.clock_off_ms = self.scenario.clocks_off_ms[0];
        for edge in 0..self.edges.len() {
            self.edges[edge].clock_off_ms = self.scenario.clocks_off_ms[edge + 1];
            self.start(edge);
        }
        let plan = &self.scenario.plan;
        let (before_ms, pool_ms) = (plan.opens_at_ms - BEGIN_MS, plan.starts_at_ms - plan.opens_at_ms);
        for fan in 0..self.fans.len() {
            let at_ms = match crowd.random_range(0..20) {
                0 | 1 => BEGIN_MS + crowd.random_range(0..before_ms),
                2..5 => plan.starts_at_ms + crowd.random_range(0..pool_ms),
                _ => plan.opens_at_ms + crowd.random_range(0..pool_ms),
            };
            self.agenda.put(at_ms, Event::FanTurn(fan));
        }
        for (number, (at_ms, fault)) in self.scenario.faults.iter().enumerate() {
            if let Fault::FailOver { copy_age_ms, .. } | Fault::TwoMasters { copy_age_ms, .. } = fault {
                self.agenda.put(at_ms.saturating_sub(*copy_age_ms).max(BEGIN_MS), Event::Copy(number));
            }
            self.agenda.put(*at_ms, Event::Begin(number));
        }
        self.agenda.put(self.scenario.heals_at_ms, Event::Heal);
    }

    /// In a room that asks for an identity everybody has one.
    fn name_everybody(&mut self) {
        let Some(rules) = &self.scenario.plan.rules else { return };
        let (tiers, mut random) = (rules.tiers.len(), stream(self.scenario.seed, 10));
        self.fans.iter_mut().for_each(|fan| fan.be(person(tiers, &mut random)));
        if self.scenario.moves {
            let mut random = stream(self.scenario.seed, 11);
            self.fans.iter_mut().for_each(|fan| fan.hold([random.random(), random.random()]));
        }
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Wake { edge, life, wake } => self.with_edge(edge, life, |process| process.wake(wake)),
            Event::Request { edge, life, number, stamp, time, request } => {
                self.serve(Asked { edge, life, number, stamp: stamp.as_ref(), time, request: &request });
            }
            Event::Reply { edge, life, number, response } => {
                self.with_edge(edge, life, |process| process.replied(number, response));
            }
            Event::FanTurn(fan) => self.fan_turn(fan),
            Event::FanCall { fan, ask, edge, call } => {
                let life = self.edges[edge].life;
                match self.edges[edge].is_up() {
                    true => self.with_edge(edge, life, |process| process.called(fan, ask, call)),
                    // The connection is refused, which the fan learns at once.
                    false => self.send_answer(edge, fan, ask, Answer::Fail(502)),
                }
            }
            Event::FanAnswer { fan, ask, edge, answer } => self.fan_answered(fan, ask, edge, answer),
            Event::FanGivesUp { fan, ask } => self.fan_gives_up(fan, ask),
            Event::Copy(number) => {
                self.copies[number] = self.server.copy();
                self.note(StoreEvent::Copied(number));
            }
            Event::Begin(number) => self.begin(number),
            Event::End(number) => self.end(number),
            Event::Heal => self.heal(),
        }
    }

    fn start(&mut self, edge: usize) {
        let seed = self.chance.next_u64();
        self.edges[edge].start(&self.scenario.plan, self.sabotage, seed, self.now_ms);
        let (life, after_ms) = (self.edges[edge].life, self.chance.random_range(0..200));
        for wake in [Wake::Beat, Wake::Copy] {
            self.agenda.put(self.now_ms + after_ms, Event::Wake { edge, life, wake });
        }
    }

    /// Has an edge do something, unless it is another process by now, and does what it wants done.
    fn with_edge(&mut self, edge: usize, life: u64, act: impl FnOnce(&mut Process)) {
        let machine = &mut self.edges[edge];
        if machine.life != life {
            return;
        }
        let Some(process) = machine.at(self.now_ms) else { return };
        act(process);
        let (list, effects) = (process.list(), process.take_effects());
        if let Some(list) = list {
            self.lists.seen(edge, list, self.now_ms);
        }
        for effect in effects {
            self.carry_out(edge, life, effect);
        }
    }

    fn carry_out(&mut self, edge: usize, life: u64, effect: Effect) {
        match effect {
            Effect::Call { number, stamp, time, request } => {
                for delay_ms in self.ways[edge].there.arrivals(&mut self.chance) {
                    let (stamp, request) = (stamp.clone(), request.clone());
                    let event = Event::Request { edge, life, number, stamp, time, request };
                    self.agenda.put(self.now_ms + delay_ms, event);
                }
            }
            Effect::Answer { fan, ask, answer } => self.send_answer(edge, fan, ask, answer),
            Effect::Wake { after_ms, wake } => {
                self.agenda.put(self.now_ms + after_ms, Event::Wake { edge, life, wake });
            }
            Effect::Show(shown) => self.witness.at(self.now_ms).shown(edge, life, &shown),
            Effect::Say(what) => self.trace.say(self.now_ms, &what),
        }
    }
}
