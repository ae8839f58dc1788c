//! The run: the line and its room, the edge with its short queue, the shop, and the clock that takes them from event to
//! event.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use fairgate_core::overload::{self, Controller, Health, Interval, Look, Progress, STEP_MS, Window, queue_wait_ms};
use fairgate_core::room::{
    ClaimOutcome, Claimant, Command, Late, Limit, Mode, Outcome, Policy as RoomPolicy, Room, SalePlan, Steering, View,
};

use crate::chance::Chance;
use crate::eta::Promises;
use crate::people::{self, AFTER_PAYMENT, Errand, NOTICE_MEAN_S, Next, Session};
use crate::scenario::{Policy, Scenario};
use crate::score::{Score, Second, TARGET_MS, windows_hold};
use crate::shop::{Job, Shop, Work};

const TICK_US: u64 = 200_000;
const START_MS: u64 = 10_000;
const BURST: u32 = 20;
const MAX_ACTIVE: u64 = 2_000;
const MAX_IN_FLIGHT: u64 = 512;
const QUEUE_MAX: usize = 128;
const QUEUE_WAIT_MS: u64 = 1_000;
/// What the edge and the shop add to an answer out of memory, µs.
const MEMORY_US: u64 = 1_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    Tick,
    Step,
    Come { place: u64 },
    Ask { session: usize, is_step: bool },
    Served { slot: usize },
    Vanish { session: usize },
    GiveUp { ticket: u64 },
}

pub(crate) struct World<'s> {
    scenario: &'s Scenario,
    policy: Policy,
    now_us: u64,
    events: BinaryHeap<Reverse<(u64, u64, Event)>>,
    numbered: u64,
    chance: Chance,
    room: Room,
    called: u64,
    sessions: Vec<Session>,
    shop: Shop,
    jobs: Vec<Job>,
    free: Vec<usize>,
    in_flight: u64,
    /// Requests that wait for a slot, with the number by which they give up.
    queue: VecDeque<(u64, Job)>,
    window: Window,
    interval: Interval,
    late: VecDeque<(u64, Interval)>,
    health: Health,
    controller: Controller,
    progress: Progress,
    promises: Promises,
    seconds: Vec<Second>,
    answers_us: Vec<u64>,
    admitted_s: Vec<f64>,
    finished: u64,
}

impl<'s> World<'s> {
    pub(crate) fn new(scenario: &'s Scenario, policy: Policy, seed: u64) -> Self {
        let mut world = Self {
            scenario,
            policy,
            now_us: 0,
            events: BinaryHeap::new(),
            numbered: 0,
            chance: Chance::new(seed),
            room: opened(scenario, policy),
            called: 0,
            sessions: Vec::new(),
            shop: Shop::default(),
            jobs: Vec::new(),
            free: Vec::new(),
            in_flight: 0,
            queue: VecDeque::new(),
            window: Window::open(MAX_IN_FLIGHT),
            interval: Interval::default(),
            late: VecDeque::new(),
            health: Health::default(),
            controller: Controller::new(1),
            progress: Progress::default(),
            promises: Promises::new(seed),
            seconds: Vec::new(),
            answers_us: Vec::new(),
            admitted_s: Vec::new(),
            finished: 0,
        };
        world.at(0, Event::Tick);
        world.at(0, Event::Step);
        world
    }

    pub(crate) fn run(mut self) -> Score {
        while let Some(Reverse((at_us, _, event))) = self.events.pop() {
            if at_us > self.scenario.seconds * 1_000_000 {
                break;
            }
            self.now_us = at_us;
            match event {
                Event::Tick => self.tick(),
                Event::Step => self.step(),
                Event::Come { place } => self.come(place),
                Event::Ask { session, is_step } => self.ask(session, is_step),
                Event::Served { slot } => self.served(slot),
                Event::Vanish { session } => self.leave(session),
                Event::GiveUp { ticket } => self.give_up(ticket),
            }
        }
        let rate = f64::from(organizers_rate(self.scenario, self.policy));
        assert!(windows_hold(&self.admitted_s, rate, BURST.into()), "the cap was exceeded in a window");
        let silent = self.scenario.silent;
        let waits = self.promises.outcome(|at_ms| self.scenario.workers_at((at_ms - START_MS) as f64 / 1_000.0));
        Score::of(self.seconds, self.finished, &self.admitted_s, silent, waits)
    }

    fn at(&mut self, at_us: u64, event: Event) {
        self.numbered += 1;
        self.events.push(Reverse((at_us, self.numbered, event)));
    }

    fn after(&mut self, us: u64, event: Event) {
        self.at(self.now_us + us, event);
    }

    fn now_ms(&self) -> u64 {
        START_MS + self.now_us / 1_000
    }

    fn apply(&mut self, command: &Command) -> Outcome {
        self.room.apply(command, self.now_ms()).expect("the room takes it")
    }

    fn view(&mut self) -> View {
        self.apply(&Command::Tick);
        self.room.view().expect("it is scheduled")
    }

    // The line ----------------------------------------------------------------------------------------------------------

    fn tick(&mut self) {
        let view = self.view();
        assert!(view.active <= view.policy.max_active, "more are inside than people allow");
        for place in self.called..view.serving {
            if !self.chance.happens(self.scenario.no_show) {
                let notices_us = people::notices_us(&mut self.chance);
                self.after(notices_us, Event::Come { place });
            }
        }
        self.called = view.serving;
        let second = self.now_us as f64 / 1e6;
        for job in self.shop.staff(self.scenario.workers_at(second)) {
            self.begin(job);
        }
        self.tell(&view);
        if self.now_us.is_multiple_of(1_000_000) {
            self.note_second(&view);
            self.stampede();
        }
        self.after(TICK_US, Event::Tick);
    }

    fn tell(&mut self, view: &View) {
        let look = Look::from(view);
        self.progress.observe(&look);
        let advance = self.progress.advance(&look);
        self.promises.tell(self.now_ms(), view.serving, &advance);
    }

    fn come(&mut self, place: u64) {
        let claimant = Claimant { place, index: None, nonce: None };
        let Outcome::Claimed(outcomes) = self.apply(&Command::Claim(vec![claimant])) else {
            panic!("not an answer to a claim")
        };
        match outcomes[0] {
            ClaimOutcome::Admitted { .. } => {
                self.admitted_s.push((self.now_us / 1_000) as f64 / 1_000.0);
                self.sessions.push(Session { place, is_inside: true, step: 0 });
                let session = self.sessions.len() - 1;
                self.ask(session, true);
            }
            ClaimOutcome::Wait { retry_after_ms } => self.after(retry_after_ms * 1_000, Event::Come { place }),
            ClaimOutcome::Expired => {}
            other => panic!("a called fan was told {other:?}"),
        }
    }

    fn stampede(&mut self) {
        if self.scenario.stampede_at.is_none_or(|at_s| self.now_us != at_s * 1_000_000) {
            return;
        }
        for session in (0..self.sessions.len()).step_by(2).filter(|at| self.sessions[*at].is_inside).collect::<Vec<_>>()
        {
            for _ in 0..3 {
                let soon_us = (self.chance.between(0.0, 1.0) * 1e6) as u64;
                self.after(soon_us, Event::Ask { session, is_step: false });
            }
        }
    }

    // Requests ----------------------------------------------------------------------------------------------------------

    fn ask(&mut self, session: usize, is_step: bool) {
        let work = self.scenario.errand.work(self.sessions[session].step, &mut self.chance);
        let (asked_us, sent_us) = (self.now_us, self.now_us);
        let job = Job { session: Some(session), asked_us, sent_us, is_step, work, is_begun: false };
        if self.in_flight < self.window.size() {
            self.send(job);
        } else if self.queue.len() < QUEUE_MAX {
            self.numbered += 1;
            let ticket = self.numbered;
            self.queue.push_back((ticket, job));
            let wait_ms =
                if self.policy == Policy::Fixed { QUEUE_WAIT_MS } else { queue_wait_ms(QUEUE_WAIT_MS, TARGET_MS) };
            self.after(wait_ms * 1_000, Event::GiveUp { ticket });
        } else {
            self.refuse(job);
        }
    }

    fn give_up(&mut self, ticket: u64) {
        if let Some(at) = self.queue.iter().position(|(number, _)| *number == ticket)
            && let Some((_, job)) = self.queue.remove(at)
        {
            self.refuse(job);
        }
    }

    fn refuse(&mut self, job: Job) {
        self.interval.refused += 1;
        if let Some(second) = self.seconds.last_mut() {
            second.refused += 1;
        }
        let again_us = people::asks_again_us(&mut self.chance);
        if let Some(session) = job.session {
            self.after(again_us, Event::Ask { session, is_step: job.is_step });
        }
    }

    fn send(&mut self, mut job: Job) {
        job.sent_us = self.now_us;
        self.in_flight += 1;
        if job.work == Work::Memory {
            let slot = self.slot(job);
            self.after(MEMORY_US, Event::Served { slot });
        } else if self.shop.take(job) {
            self.begin(job);
        }
    }

    /// Somebody begins; what the request waited until then is told by the shop (`Server-Timing`) and the edge together.
    fn begin(&mut self, mut job: Job) {
        if !job.is_begun && job.session.is_some() {
            let tells = self.scenario.tells_waits;
            self.interval.tells_waits |= tells;
            self.interval.waits.record(if tells { self.now_us } else { job.sent_us } - job.asked_us);
        }
        job.is_begun = true;
        let (us, left) = self.shop.work(&job);
        let slot = self.slot(Job { work: left.unwrap_or(Work::Memory), ..job });
        self.after(us, Event::Served { slot });
    }

    fn slot(&mut self, job: Job) -> usize {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.jobs.push(job);
            self.jobs.len() - 1
        });
        self.jobs[slot] = job;
        slot
    }

    fn served(&mut self, slot: usize) {
        let job = self.jobs[slot];
        self.free.push(slot);
        let is_whole = job.work == Work::Memory;
        if job.is_begun
            && let Some(next) = self.shop.done((!is_whole).then_some(job))
        {
            self.begin(next);
        }
        if is_whole && let Some(session) = job.session {
            self.answered(&job, session);
        }
    }

    fn answered(&mut self, job: &Job, session: usize) {
        let took_us = self.now_us - job.asked_us;
        self.interval.answers.record(took_us);
        self.interval.in_shop.record(self.now_us - job.sent_us);
        self.answers_us.push(took_us);
        self.in_flight -= 1;
        while self.in_flight < self.window.size()
            && let Some((_, waiting)) = self.queue.pop_front()
        {
            self.send(waiting);
        }
        if job.is_step {
            self.go_on(session);
        }
    }

    fn go_on(&mut self, session: usize) {
        self.sessions[session].step += 1;
        match self.scenario.errand.next(self.sessions[session].step, &mut self.chance) {
            Next::Asks { in_us } => self.after(in_us, Event::Ask { session, is_step: true }),
            Next::Vanishes { in_us } => self.after(in_us, Event::Vanish { session }),
            Next::Leaves => {
                self.finished += 1;
                self.leave(session);
                if self.scenario.errand == Errand::Checkout {
                    self.work_on_its_own();
                }
            }
        }
    }

    fn leave(&mut self, session: usize) {
        self.sessions[session].is_inside = false;
        let place = self.sessions[session].place;
        self.apply(&Command::Release(vec![place]));
    }

    /// What the shop does besides, past the edge.
    fn work_on_its_own(&mut self) {
        let (asked_us, sent_us) = (self.now_us, self.now_us);
        let job = Job { session: None, asked_us, sent_us, is_step: false, work: AFTER_PAYMENT, is_begun: false };
        if self.shop.take(job) {
            self.begin(job);
        }
    }

    // Steering ----------------------------------------------------------------------------------------------------------

    fn step(&mut self) {
        self.interval.in_flight = self.in_flight;
        let interval = std::mem::take(&mut self.interval);
        self.late.push_back((self.now_us + self.scenario.lag_ms * 1_000, interval));
        while let Some((_, interval)) = self.late.pop_front_if(|(at_us, _)| *at_us <= self.now_us) {
            let second = self.now_us / 1_000_000;
            let is_silent = self.scenario.silent.is_some_and(|(from, to)| (from..to).contains(&second));
            self.health.observe(if is_silent { Interval::default() } else { interval });
        }
        let view = self.view();
        if let Some(steering) = self.steering(&view) {
            self.apply(&Command::Steer(steering));
        }
        self.after(STEP_MS * 1_000, Event::Step);
    }

    fn steering(&mut self, view: &View) -> Option<Steering> {
        let signals = self.health.signals();
        match self.policy {
            Policy::Fixed => None,
            Policy::Adaptive => {
                self.window.step(&signals, TARGET_MS);
                let room = overload::Room {
                    active: view.active,
                    expected: view.expected,
                    admitted: view.admitted,
                    max_active: view.policy.max_active,
                    rate_per_minute: view.policy.rate_per_minute,
                    target_ms: TARGET_MS,
                    waiting: view.serving < view.line_size,
                };
                self.controller.step(&room, &signals, self.now_ms())
            }
            Policy::Clairvoyant { load } => {
                let second = self.now_us / 1_000_000;
                // It looks ahead for the length of a session.
                let (stay_s, work_s) = self.scenario.errand.stay_and_work_s();
                let ahead = second..=second + stay_s as u64;
                let least = ahead.map(|at| self.scenario.workers_at(at as f64)).min().unwrap_or(0);
                // The called are expected, and count from then on.
                let bears = least as f64 / work_s * (stay_s + NOTICE_MEAN_S);
                let (max_active, rate_per_minute) = ((load * bears) as u64, view.policy.rate_per_minute);
                Some(Steering { edge: 1, rate_per_minute, max_active, limit: Limit::Rate })
            }
        }
    }

    fn note_second(&mut self, view: &View) {
        let mut answers_us = std::mem::take(&mut self.answers_us);
        answers_us.sort_unstable();
        let p99_us = answers_us.get(answers_us.len() * 99 / 100).copied().unwrap_or(0);
        if let Some(second) = self.seconds.last_mut() {
            second.p99_ms = p99_us as f64 / 1_000.0;
            second.answered = answers_us.len() as u64;
            second.worked_s = std::mem::take(&mut self.shop.worked_s);
        }
        let workers = self.scenario.workers_at(self.now_us as f64 / 1e6);
        self.seconds.push(Second { active: view.active, cap: view.max_active, workers, ..Second::default() });
    }
}

/// The rate that people set: the right one for those who keep to it, and a good deal more where it is steered.
fn organizers_rate(scenario: &Scenario, policy: Policy) -> u32 {
    if policy == Policy::Fixed { scenario.rate_per_minute } else { scenario.rate_per_minute * 2 }
}

/// A room that has just begun to serve a line of a hundred thousand.
fn opened(scenario: &Scenario, policy: Policy) -> Room {
    let rate_per_minute = organizers_rate(scenario, policy);
    let mode = if policy == Policy::Fixed { Mode::Fixed } else { Mode::Adaptive };
    let policy = RoomPolicy {
        rate_per_minute,
        burst: BURST,
        max_active: MAX_ACTIVE,
        grace_ms: 60_000,
        session_idle_ms: 600_000,
        session_max_ms: 3_600_000,
        witness_ms: 2_000,
        late: Late::Tail,
        mode,
        target_ms: TARGET_MS,
        floor_per_minute: (scenario.rate_per_minute / 10).max(1),
    };
    let plan = SalePlan {
        room: "sim".into(),
        opens_at_ms: START_MS - 5_000,
        starts_at_ms: START_MS - 5_000,
        ends_at_ms: None,
        beacon: None,
        secret: [7; 32],
        config_version: 0,
        policy,
        rules: None,
    };
    let mut room = Room::default();
    let mut apply = |command, at_ms| room.apply(&command, at_ms).expect("the room takes it");
    apply(Command::Schedule(plan), START_MS - 5_000);
    for batch in 0..50_u32 {
        let entry = |fan: u32| {
            let mut entry = [0; 32];
            entry[..4].copy_from_slice(&(batch * 2_000 + fan).to_be_bytes());
            entry
        };
        apply(Command::Enter((0..2_000).map(entry).collect()), START_MS - 5_000);
    }
    apply(Command::Freeze { entries: 0, root: [1; 32] }, START_MS - 5_000);
    apply(Command::Reveal { beacon: None }, START_MS);
    room
}
