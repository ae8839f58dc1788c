//! The edge's clock is the store's, by which passes are issued and judged, whatever this machine's clock says.
//!
//! Guarantees: the skew of clocks is measured each second. The log says when it begins, what to do, and when it ends.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use pingora::server::ShutdownWatch;
use pingora::services::background::BackgroundService;
use tokio::sync::Mutex;

use crate::edge::context::{Edge, EdgeParts};
use crate::observe::EdgeMetrics;
use fairgate_store::{Store, StoreTime};
use fairgate_telemetry::clock::{Clock, JUMP_MS, SteadyClock, difference_ms};
use fairgate_telemetry::supervise::{Pulse, Supervisor};

const EVERY: Duration = Duration::from_secs(1);
/// An edge whose clock is off by more is not ready.
const SKEW_MAX_MS: u64 = JUMP_MS;

/// The store's time, or this machine's where the store has none.
pub(crate) struct StoreClock {
    store: Arc<dyn Store>,
    own: SteadyClock,
}

impl StoreClock {
    pub(crate) fn new(store: &Arc<dyn Store>) -> Self {
        Self { store: Arc::clone(store), own: SteadyClock::new() }
    }
}

impl Clock for StoreClock {
    fn now_ms(&self) -> u64 {
        self.store.now_ms().unwrap_or_else(|| self.own.now_ms())
    }
}

/// Watches the clocks.
pub(crate) struct Timekeeper {
    edge: Arc<Edge>,
    metrics: EdgeMetrics,
    supervisor: Supervisor,
    pulse: Pulse,
    /// The skew that the log has reported.
    said: Mutex<Said>,
}

#[derive(Clone, Default, PartialEq)]
struct Said {
    is_off: bool,
    /// Rooms whose time is ahead of the clock.
    ahead: Vec<String>,
}

impl Timekeeper {
    pub(crate) fn new(edge: &Arc<Edge>, parts: &EdgeParts) -> Self {
        let (metrics, supervisor) = (parts.metrics.clone(), parts.supervisor.clone());
        let pulse = supervisor.pulse_within("timekeeper", 5 * EVERY);
        Self { edge: Arc::clone(edge), metrics, supervisor, pulse, said: Mutex::default() }
    }

    async fn run(&self) {
        loop {
            self.pulse.beat();
            if let Some(time) = self.edge.store.time() {
                self.metrics.observe_time(time.skew_ms, time.jump_ms.unwrap_or_default());
                self.say(&time).await;
            }
            tokio::time::sleep(EVERY).await;
        }
    }

    async fn say(&self, time: &StoreTime) {
        let is_off = self.edge.store.is_shared() && time.skew_ms.unsigned_abs() > SKEW_MAX_MS;
        let now = Said { is_off, ahead: self.ahead(time) };
        let mut said = self.said.lock().await;
        let skew_ms = time.skew_ms;
        match (said.is_off, now.is_off) {
            (false, true) => tracing::error!(
                skew_ms,
                "this machine's clock is not the store's: the edge is not ready until they agree within {SKEW_MAX_MS} ms; look after NTP"
            ),
            (true, false) => tracing::info!(skew_ms, "this machine's clock agrees with the store's again"),
            _ => {}
        }
        for room in now.ahead.iter().filter(|room| !said.ahead.contains(room)) {
            tracing::error!(
                room,
                "the room's time is ahead of the clock, as after a clock that was wrong when the store was opened: it stands still until \
                 the clock has come up to it"
            );
        }
        *said = now;
    }

    fn ahead(&self, time: &StoreTime) -> Vec<String> {
        let is_ahead = |room_ms: u64| difference_ms(room_ms, time.now_ms) > SKEW_MAX_MS.cast_signed();
        let served = self.edge.served();
        let rooms = served.rooms.iter().filter(|room| room.snapshot().is_some_and(|now| is_ahead(now.view.now_ms)));
        rooms.map(|room| room.name().to_owned()).collect()
    }
}

#[async_trait]
impl BackgroundService for Timekeeper {
    async fn start(&self, mut shutdown: ShutdownWatch) {
        tokio::select! {
            () = self.supervisor.keep("timekeeper", || self.run()) => {}
            _ = shutdown.changed() => {}
        }
    }
}
