//! Overload control of one shop. It measures the shop every quarter of a second and sets its concurrency window. It
//! tells each adaptive room's store how many people may be inside.
//!
//! Any number of edges may run it for one room. The room follows the one that steers, and the others may only brake.
//! When that one falls silent, another takes over (see the steering in [`fairgate_core::room`]).

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use pingora::server::ShutdownWatch;
use pingora::services::background::BackgroundService;
use tokio::sync::Mutex;

use crate::edge::context::{Edge, EdgeParts};
use crate::edge::room::handle::LiveRoom;
use crate::edge::upstream::handle::Upstream;
use crate::observe::EdgeMetrics;
use fairgate_core::overload::{self, Controller, Health, STEP_MS, Signals, Window, queue_wait_ms};
use fairgate_core::room::{Command, Mode, Phase, Steering, View};
use fairgate_store::Store;
use fairgate_telemetry::clock::Clock;
use fairgate_telemetry::supervise::{Pulse, Supervisor};

/// The interval at which an edge that steers says so, where nothing has changed.
const RENEW_MS: u64 = 1_000;

/// Steers the rooms of one shop.
pub(crate) struct OverloadControl {
    /// Rooms come and go while it steers.
    shared: Arc<Edge>,
    /// The number by which rooms know this edge.
    edge: u32,
    upstream: Arc<Upstream>,
    store: Arc<dyn Store>,
    metrics: EdgeMetrics,
    clock: Arc<dyn Clock>,
    supervisor: Supervisor,
    pulse: Pulse,
    state: Mutex<State>,
}

struct State {
    health: Health,
    window: Window,
    rooms: Vec<Steered>,
}

/// A room, and what it was told last.
struct Steered {
    room: Arc<LiveRoom>,
    edge: u32,
    controller: Option<Controller>,
    told: Option<(Steering, u64)>,
}

impl OverloadControl {
    /// `edge` is the number by which rooms know this edge.
    pub(crate) fn new(upstream: Arc<Upstream>, shared: &Arc<Edge>, edge: u32, parts: &EdgeParts) -> Self {
        let (shared, clock) = (Arc::clone(shared), Arc::clone(&shared.clock));
        let (store, metrics, supervisor) = (Arc::clone(&parts.store), parts.metrics.clone(), parts.supervisor.clone());
        let pulse = supervisor.pulse(format!("pilot of {}", upstream.name()));
        let window = Window::open(upstream.bounds().0.into());
        let state = Mutex::new(State { health: Health::default(), window, rooms: Vec::new() });
        Self { shared, edge, upstream, store, metrics, clock, supervisor, pulse, state }
    }

    /// Steers for ever.
    async fn run(&self) {
        let mut steps = tokio::time::interval(Duration::from_millis(STEP_MS));
        steps.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            steps.tick().await;
            self.run_once().await;
        }
    }

    /// One step of both loops.
    pub(crate) async fn run_once(&self) {
        self.pulse.beat();
        let mut state = self.state.lock().await;
        let State { health, window, rooms } = &mut *state;
        self.follow(rooms);
        health.observe(self.upstream.take_interval());
        let signals = health.signals();
        let targets = rooms.iter().filter_map(Steered::target_ms);
        self.resize(window, &signals, targets.min());
        for steered in rooms {
            self.pulse.beat();
            if let Some(steering) = steered.step(&signals, self.clock.now_ms()) {
                self.tell(steered, steering).await;
            }
        }
    }

    /// Steers the rooms that there are now; what a room was told before stays with it.
    fn follow(&self, steered: &mut Vec<Steered>) {
        let served = self.shared.peek();
        let own = || served.rooms.iter().filter(|room| Arc::ptr_eq(&room.upstream, &self.upstream));
        steered.retain(|steered| own().any(|room| Arc::ptr_eq(room, &steered.room)));
        for room in own() {
            if !steered.iter().any(|steered| Arc::ptr_eq(room, &steered.room)) {
                let room = Arc::clone(room);
                steered.push(Steered { room, edge: self.edge, controller: None, told: None });
            }
        }
    }

    /// The window follows the strictest target; where no room is adaptive, it is as wide as people set it.
    fn resize(&self, window: &mut Window, signals: &Signals, target_ms: Option<u64>) {
        let (in_flight_max, configured_wait_ms) = self.upstream.bounds();
        let wait_ms = match target_ms {
            Some(target_ms) => {
                window.step(signals, target_ms);
                queue_wait_ms(configured_wait_ms, target_ms)
            }
            None => {
                *window = Window::open(in_flight_max.into());
                configured_wait_ms
            }
        };
        self.upstream.resize(u32::try_from(window.size()).unwrap_or(in_flight_max), wait_ms);
        let (in_flight, queued) = self.upstream.load();
        self.metrics.observe_upstream_load(self.upstream.name(), in_flight, queued);
        self.metrics.observe_upstream_streams(self.upstream.name(), self.upstream.streams());
        self.metrics.observe_upstream_bounds(self.upstream.name(), window.size(), self.upstream.is_dead());
    }

    async fn tell(&self, steered: &mut Steered, steering: Steering) {
        let name = steered.room.name();
        match self.store.apply(name, Command::Steer(steering)).await {
            Ok(_) => steered.note(steering, self.clock.now_ms()),
            // The room goes on with what it was told until that runs out, and then with its floor.
            Err(error) => tracing::warn!(room = name, %error, "the room could not be steered"),
        }
    }
}

#[async_trait]
impl BackgroundService for OverloadControl {
    async fn start(&self, mut shutdown: ShutdownWatch) {
        let task = format!("pilot of {}", self.upstream.name());
        tokio::select! {
            () = self.supervisor.keep(&task, || self.run()) => {}
            _ = shutdown.changed() => {}
        }
    }
}

impl Steered {
    fn target_ms(&self) -> Option<u64> {
        let snapshot = self.room.snapshot()?;
        let policy = &snapshot.view.policy;
        (policy.mode == Mode::Adaptive).then_some(policy.target_ms)
    }

    /// The steering to send to the room, if it is adaptive and there is any.
    fn step(&mut self, signals: &Signals, now_ms: u64) -> Option<Steering> {
        let snapshot = self.room.snapshot()?;
        let view = &snapshot.view;
        if view.policy.mode != Mode::Adaptive || view.phase != Phase::Serving {
            self.controller = None;
            return None;
        }
        let controller = self.controller.get_or_insert_with(|| Controller::new(self.edge));
        let other = view.steering.filter(|(held, until_ms)| held.edge != self.edge && view.now_ms < *until_ms);
        if let Some((held, _)) = other {
            controller.follow(held.max_active);
        }
        let wanted = controller.step(&room(view), signals, now_ms)?;
        tell_step(self.room.name(), view, signals, &wanted);
        match other {
            Some((held, _)) => brakes(&wanted, &held).then_some(wanted),
            None => self.is_news(&wanted, now_ms).then_some(wanted),
        }
    }

    fn is_news(&self, wanted: &Steering, now_ms: u64) -> bool {
        self.told.is_none_or(|(told, at_ms)| {
            now_ms >= at_ms + RENEW_MS || told.rate_per_minute != wanted.rate_per_minute || told.limit != wanted.limit
        })
    }

    fn note(&mut self, steering: Steering, now_ms: u64) {
        if self.told.is_none_or(|(told, _)| told.limit != steering.limit) {
            let Steering { max_active, limit, .. } = steering;
            tracing::info!(room = self.room.name(), max_active, limit = limit.label(), "steering");
        }
        self.told = Some((steering, now_ms));
    }
}

/// All that a step was decided by, for whoever wants to know why.
fn tell_step(room: &str, view: &View, signals: &Signals, wanted: &Steering) {
    tracing::trace!(
        room,
        active = view.active,
        expected = view.expected,
        cap = wanted.max_active,
        per_minute = wanted.rate_per_minute,
        limit = wanted.limit.label(),
        ?signals,
        "step"
    );
}

fn brakes(wanted: &Steering, held: &Steering) -> bool {
    wanted.rate_per_minute < held.rate_per_minute || wanted.max_active < held.max_active
}

fn room(view: &View) -> overload::Room {
    overload::Room {
        active: view.active,
        expected: view.expected,
        admitted: view.admitted,
        max_active: view.policy.max_active,
        rate_per_minute: view.policy.rate_per_minute,
        target_ms: view.policy.target_ms,
        waiting: view.serving < view.line_size,
    }
}
