//! One edge: what it knows, what it has on its disk, and what it does about fans' calls, replies and its own heartbeat.
//!
//! What it decides is the product's own code: [`fairgate_core::recovery`] for the store, [`Standing`] and the pass's gate for
//! fans, [`fairgate::edge::DrawStep`] for the draw. Here is only what a runtime would do: queues, timers and messages.

mod beat;
mod disk;
mod fans;
mod task;
mod tiers;

use std::collections::BTreeMap;
use std::rc::Rc;

use fairgate::edge::Standing;
use fairgate_core::recovery::StateVersion;
use fairgate_core::room::{Command, SalePlan, View};
use fairgate_store::redis::{CallTime, PlayedTime};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

pub(crate) use beat::root_of;
pub(crate) use disk::Disk;
pub(crate) use fans::{Answer, FanCall, Kind};
pub(crate) use task::CallNumber;

use self::beat::Heart;
use self::fans::{Open, Queue};
use self::task::Task;
use super::limit::List;
use super::messages::Request;
use super::sabotage::Sabotage;

/// What an edge does besides changing its mind.
#[derive(Debug)]
pub(crate) enum Effect {
    /// Asks the store.
    Call { number: CallNumber, stamp: Option<StateVersion>, time: CallTime, request: Request },
    /// Answers a fan.
    Answer { fan: usize, ask: u64, answer: Answer },
    /// Has itself woken later.
    Wake { after_ms: u64, wake: Wake },
    /// Shows how the room stands to everyone from now on.
    Show(Rc<Shown>),
    /// Tells the story.
    Say(String),
}

/// What an edge has itself woken for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wake {
    /// The next heartbeat.
    Beat,
    /// The next look whether there is a copy of the roster.
    Copy,
    /// A queue has gathered.
    Gathered(Kind),
    /// A call should have been answered by now.
    NoReply(CallNumber),
    /// A fan should have been answered by now.
    NoAnswer(u64),
}

/// What an edge shows.
#[derive(Debug)]
pub(crate) struct Shown {
    pub(crate) standing: Standing,
    /// True if the status says that it may be out of date.
    pub(crate) is_stale: bool,
}

/// A machine on which an edge runs, or not.
#[derive(Debug)]
pub(crate) struct Edge {
    pub(crate) number: usize,
    /// Counts processes, so that what was meant for an earlier one does not reach this one.
    pub(crate) life: u64,
    pub(crate) clock_off_ms: i64,
    /// While no process has it.
    disk: Disk,
    process: Option<Process>,
}

/// A running edge.
#[derive(Debug)]
pub(crate) struct Process {
    number: usize,
    plan: SalePlan,
    sabotage: Option<Sabotage>,
    random: ChaCha8Rng,
    disk: Disk,
    heart: Heart,
    task: Task,
    queues: [Queue; Kind::ALL.len()],
    open: BTreeMap<u64, Open>,
    opened: u64,
    shown: Option<Rc<Shown>>,
    /// Paper time, and what this machine's wall clock says.
    now_ms: u64,
    wall_ms: u64,
    time: PlayedTime,
    effects: Vec<Effect>,
}

impl Edge {
    pub(crate) fn new(number: usize) -> Self {
        Self { number, life: 0, clock_off_ms: 0, disk: Disk::default(), process: None }
    }

    /// Starts a process with what is on the disk. `seed` is what the system's randomness would be.
    pub(crate) fn start(&mut self, plan: &SalePlan, sabotage: Option<Sabotage>, seed: u64, now_ms: u64) {
        self.life += 1;
        let wall_ms = now_ms.saturating_add_signed(self.clock_off_ms);
        self.disk.open();
        let disk = std::mem::take(&mut self.disk);
        let mut replica = disk.replica.clone();
        disk.positions().for_each(|at| replica.recall(at));
        self.process = Some(Process {
            number: self.number,
            plan: plan.clone(),
            sabotage,
            random: ChaCha8Rng::seed_from_u64(seed),
            heart: Heart::default(),
            task: Task::new(replica),
            disk,
            queues: std::array::from_fn(|_| Queue::default()),
            open: BTreeMap::new(),
            opened: 0,
            shown: None,
            now_ms,
            wall_ms,
            time: PlayedTime::start(now_ms, wall_ms),
            effects: Vec::new(),
        });
    }

    /// `kill -9`; the disk stays.
    pub(crate) fn kill(&mut self) {
        if let Some(process) = self.process.take() {
            self.disk = process.disk;
        }
    }

    /// A write was cut short when it was killed.
    pub(crate) fn tear(&mut self) {
        self.disk.tear();
    }

    /// One bit on its disk flips, whether a process has it or not.
    pub(crate) fn rot(&mut self, at: usize) {
        self.process.as_mut().map_or(&mut self.disk, |process| &mut process.disk).rot(at);
    }

    /// The disk is lost, too.
    pub(crate) fn lose_disk(&mut self) {
        self.disk = Disk::default();
    }

    /// True if the machine's disk has a copy of the roster with this root.
    pub(crate) fn has_copy(&self, root: &[u8; 32]) -> bool {
        self.process.as_ref().map_or(&self.disk, |process| &process.disk).has_copy(root)
    }

    pub(crate) fn is_up(&self) -> bool {
        self.process.is_some()
    }

    /// The process at this time.
    pub(crate) fn at(&mut self, now_ms: u64) -> Option<&mut Process> {
        let wall_ms = now_ms.saturating_add_signed(self.clock_off_ms);
        let process = self.process.as_mut()?;
        (process.now_ms, process.wall_ms) = (now_ms, wall_ms);
        process.time.pass(now_ms, wall_ms);
        Some(process)
    }
}

impl Process {
    /// The time that passes are signed and judged by, Unix ms.
    pub(crate) fn clock_ms(&self) -> u64 {
        if self.sabotage == Some(Sabotage::OwnClock) { self.wall_ms } else { self.time.now_ms() }
    }

    /// The time of a call of the store.
    fn call_time(&self, request: &Request) -> CallTime {
        let is_schedule = matches!(request, Request::Apply(Command::Schedule(_)));
        let time = if is_schedule { self.time.of_schedule() } else { self.time.of_call() };
        match (self.sabotage, time) {
            (Some(Sabotage::AnyClock), _) => CallTime::Server,
            (Some(Sabotage::StoppedClock), CallTime::Exactly(now_ms)) => CallTime::NoLaterThan(now_ms),
            (_, time) => time,
        }
    }

    /// Wakes the edge for what it wanted.
    pub(crate) fn wake(&mut self, wake: Wake) {
        match wake {
            Wake::Beat => self.beat(),
            Wake::Copy => self.copy(),
            Wake::Gathered(kind) => self.gathered(kind),
            Wake::NoReply(number) => self.no_reply(number),
            Wake::NoAnswer(open) => self.no_answer(open),
        }
    }

    /// The list that it knows, once the pool is closed.
    pub(crate) fn list(&self) -> Option<List> {
        self.task.list()
    }

    /// What it wants done.
    pub(crate) fn take_effects(&mut self) -> Vec<Effect> {
        std::mem::take(&mut self.effects)
    }

    fn wake_after(&mut self, after_ms: u64, wake: Wake) {
        self.effects.push(Effect::Wake { after_ms, wake });
    }

    fn say(&mut self, what: impl std::fmt::Display) {
        let line = format!("edge {}: {what}", self.number);
        self.effects.push(Effect::Say(line));
    }

    fn show(&mut self, view: View) {
        // While a room is being put right its numbers may be lower than they were.
        let is_stale = view.mending;
        let standing = Standing::after(self.shown.as_deref().map(|shown| &shown.standing), view);
        self.put_up(Shown { standing, is_stale });
    }

    fn show_stale(&mut self) {
        if let Some(shown) = &self.shown {
            let standing = shown.standing.clone();
            self.put_up(Shown { standing, is_stale: true });
        }
    }

    fn put_up(&mut self, shown: Shown) {
        let shown = Rc::new(shown);
        self.shown = Some(Rc::clone(&shown));
        self.effects.push(Effect::Show(shown));
    }
}
