//! A room's heartbeat: reads from the store how the room stands, publishes it, and takes the draw to its next step.
//!
//! Any number of edges may run it for one room. Every step is idempotent, and an edge finds done what another one has
//! done.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use fairgate_draw::BeaconRound;
use pingora::server::ShutdownWatch;
use pingora::services::ServiceReadyNotifier;
use pingora::services::background::BackgroundService;
use tokio::sync::Mutex;
use tokio::time::timeout;

use super::freeze::Freezer;
use super::next_sale::NextSales;
use super::roster_copy::RosterCopier;
use crate::edge::context::EdgeParts;
use crate::edge::draw::beacon::BeaconFetcher;
use crate::edge::draw::public_lists;
use crate::edge::room::draw_step::DrawStep;
use crate::edge::room::handle::LiveRoom;
use crate::edge::room::next_sale::sale_at_start;
use crate::edge::room::workers::RoomWorkers;
use crate::observe::EdgeMetrics;
use fairgate_core::room::{Command, Phase, Refusal, View};
use fairgate_store::{Store, StoreError};
use fairgate_telemetry::clock::Clock;
use fairgate_telemetry::supervise::{Pulse, Supervisor};

/// The interval of the heartbeat: the age that a room's status may have.
pub const TICK: Duration = Duration::from_millis(200);

/// The time for which an unscheduled room is left to edges that may know it.
pub const OTHERS_MAY_KNOW: Duration = Duration::from_secs(1);

/// The time that the freeze of a large roster may take before it counts as hung.
const FREEZE_WITHIN: Duration = Duration::from_secs(120);

/// The time that the gate waits for the first look at its rooms before it opens.
const READY_WITHIN: Duration = Duration::from_secs(3);

/// Keeps one room going.
pub(crate) struct Heartbeat {
    room: Arc<LiveRoom>,
    store: Arc<dyn Store>,
    metrics: EdgeMetrics,
    clock: Arc<dyn Clock>,
    supervisor: Supervisor,
    pulse: Pulse,
    workers: RoomWorkers,
    beacon: Option<BeaconFetcher>,
    freezer: Freezer,
    next: NextSales,
    roster: RosterCopier,
}

impl Heartbeat {
    pub(crate) fn new(
        room: Arc<LiveRoom>,
        workers: RoomWorkers,
        parts: &EdgeParts,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, reqwest::Error> {
        let (store, metrics) = (Arc::clone(&parts.store), parts.metrics.clone());
        let fetcher = |config| BeaconFetcher::new(Arc::clone(&room), config, Arc::clone(&store), metrics.clone());
        let beacon = room.config.beacon.as_ref().map(fetcher).transpose()?;
        let roster = RosterCopier::new(Arc::clone(&room), Arc::clone(&store));
        let freezer = Freezer::new(Arc::clone(&room), Arc::clone(&store));
        let next = NextSales::new(Arc::clone(&room), Arc::clone(&store));
        let supervisor = parts.supervisor.clone();
        let pulse = supervisor.pulse(format!("room {}", room.name()));
        Ok(Self { room, store, metrics, clock, supervisor, pulse, workers, beacon, freezer, next, roster })
    }

    /// Tells the store what the configuration wants of the room. Safe to repeat.
    pub(crate) async fn schedule(&self) -> Result<(), StoreError> {
        let known = match self.known().await {
            Ok(view) => Some(view),
            Err(StoreError::Refused(Refusal::NotScheduled)) => None,
            Err(error) => return Err(error),
        };
        let now_ms = self.store.now_ms().unwrap_or_else(|| self.clock.now_ms());
        let Some(sale) = sale_at_start(&self.room.config, known.as_ref(), now_ms) else { return Ok(()) };
        let plan = self.next.plan(sale, now_ms).await?;
        self.store.apply(self.room.name(), Command::Schedule(plan)).await?;
        if known.is_none() {
            self.next.say_first(sale).await?;
        }
        Ok(())
    }

    /// How the room stands. Where nobody has scheduled the room, another edge may know a sale that the store has lost.
    /// That edge gets the time to put the sale back before a new one is begun.
    async fn known(&self) -> Result<View, StoreError> {
        match self.store.view(self.room.name()).await {
            Err(StoreError::Refused(Refusal::NotScheduled)) if self.store.is_shared() => {
                tokio::time::sleep(OTHERS_MAY_KNOW).await;
                self.store.view(self.room.name()).await
            }
            known => known,
        }
    }

    /// Serves the room's queues, for as long as anybody asks.
    pub(crate) async fn serve(&self) {
        self.workers.run(self.room.name(), &self.store, &self.metrics, &self.supervisor).await;
    }

    /// One heartbeat.
    pub(crate) async fn run_once(&self) -> Result<(), StoreError> {
        let view = self.store.view(self.room.name()).await?;
        let step = DrawStep::due(&view);
        self.metrics.rooms().observe_room(self.room.name(), &view);
        public_lists::publish_claims(&*self.store, &self.room, &view).await?;
        // With tiers the draw takes a later round, whenever the freeze is.
        let round = if view.tiers.is_empty() { view.beacon_round() } else { None };
        let next = self.next.look(&view).await;
        self.metrics.rooms().observe_next_sale(self.room.name(), next.as_ref().map(|next| next.opens_at_ms));
        let ended = (view.phase == Phase::Ended).then(|| view.clone());
        self.room.publish(view, next);
        if let Some(ended) = ended {
            self.next.begin_if_due(&ended).await?;
        }
        match step {
            DrawStep::None => Ok(()),
            DrawStep::Freeze { entries } => {
                self.pulse.during(FREEZE_WITHIN, self.freezer.freeze(entries)).await?;
                self.say_if_too_late(round.as_ref());
                Ok(())
            }
            DrawStep::Reveal => {
                self.store.apply(self.room.name(), Command::Reveal { beacon: None }).await?;
                tracing::info!(
                    room = self.room.name(),
                    "the draw is done, without a beacon: secret and seed are public"
                );
                Ok(())
            }
        }
    }

    /// The roster should have been frozen before anybody could know the round: says what becomes of the draw otherwise.
    fn say_if_too_late(&self, round: Option<&BeaconRound>) {
        let Some(round) = round.filter(|round| round.time_ms().is_ok_and(|ms| ms <= self.clock.now_ms())) else {
            return;
        };
        let (room, number) = (self.room.name(), round.round);
        match round.fallback_after_ms {
            Some(_) => {
                tracing::warn!(room, round = number, "the roster was frozen too late for the beacon: committed only")
            }
            None => tracing::error!(
                room,
                round = number,
                "the roster was frozen too late for the beacon, and the descriptor allows no fallback: the draw is void; \
                 end the sale and schedule another"
            ),
        }
    }

    async fn beat(&self) {
        if let Err(error) = self.run_once().await {
            tracing::warn!(room = self.room.name(), %error, "the room could not be looked up");
            self.room.publish_stale(self.clock.now_ms());
            self.metrics.rooms().observe_stale(self.room.name());
        }
    }

    async fn schedule_until_done(&self) {
        while let Err(error) = self.schedule().await {
            if let StoreError::Refused(refusal) = &error {
                self.say_what_it_follows(refusal);
                return;
            }
            tracing::warn!(room = self.room.name(), %error, "the room could not be scheduled; trying again");
            self.pulse.beat();
            tokio::time::sleep(TICK).await;
        }
    }

    fn say_what_it_follows(&self, refusal: &Refusal) {
        let room = self.room.name();
        let Refusal::OlderConfig { version, followed } = refusal else {
            tracing::error!(room, error = %refusal, "the room goes on with the schedule it has");
            return;
        };
        let file = self.room.config.origin.file.display();
        tracing::warn!(
            room,
            %file,
            key = "config_version",
            version,
            followed,
            "the room follows a newer file: this one's schedule, admission and session are not applied. Give this edge the newest file; to \
             go back to this one on purpose, raise its config_version above {followed}"
        );
    }

    /// Tells whoever waits for the first look at the room; nobody waits for a store that is out of reach.
    async fn beat_for_ever(&self, ready: Option<ServiceReadyNotifier>) {
        let mut scheduling = pin!(self.schedule_until_done());
        let is_scheduled = timeout(READY_WITHIN, &mut scheduling).await.is_ok();
        if is_scheduled {
            self.beat().await;
        }
        if let Some(ready) = ready {
            ready.notify_ready();
        }
        if !is_scheduled {
            scheduling.await;
        }
        let mut ticks = tokio::time::interval(TICK);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                () = self.store.changed(self.room.name()) => ticks.reset(),
            }
            self.pulse.beat();
            self.beat().await;
        }
    }
}

#[async_trait]
impl BackgroundService for Heartbeat {
    async fn start_with_ready_notifier(&self, shutdown: ShutdownWatch, ready: ServiceReadyNotifier) {
        self.run(shutdown, Some(ready)).await;
    }
}

impl Heartbeat {
    /// Runs until the runtime ends: requests that are still being answered during a shutdown need the queues. A room that is
    /// not this edge's any more ends before.
    pub(crate) async fn run(&self, mut shutdown: ShutdownWatch, ready: Option<ServiceReadyNotifier>) {
        let (keep, name) = (&self.supervisor, self.room.name());
        let (heart, fetcher, copier) =
            (format!("room {name}"), format!("beacon of {name}"), format!("roster of {name}"));
        let ready = Mutex::new(ready);
        let beat = keep.keep(&heart, || async { self.beat_for_ever(ready.lock().await.take()).await });
        let fetch = async {
            if let Some(beacon) = &self.beacon {
                keep.keep(&fetcher, || beacon.run()).await;
            }
        };
        // The embedded store is given up then.
        let beat_to_the_end = async {
            tokio::select! {
                () = beat => {}
                _ = shutdown.wait_for(|stopping| *stopping), if !self.store.is_shared() => {}
            }
        };
        let work =
            async { tokio::join!(self.serve(), beat_to_the_end, fetch, keep.keep(&copier, || self.roster.run())) };
        tokio::select! {
            _ = work => {}
            () = self.room.retirement.over() => {
                self.pulse.end();
                tracing::info!(room = name, "the room's tasks have ended");
            }
        }
    }
}
