//! Keeps the rooms that an edge serves the same as those that are written down for it, while it runs.
//!
//! Guarantees:
//! - a room takes its first request once it knows how it stands; until then requests go where they went
//! - rooms that did not change are not touched
//! - a room that is replaced or archived goes on for those who are in it
//! - what cannot be served is said once, and is not served by halves

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use pingora::server::ShutdownWatch;
use pingora::services::background::BackgroundService;
use tokio::time::{Instant, sleep, timeout};

use super::error::EdgeError;
use super::room_maker::RoomMaker;
use crate::config::RoomConfig;
use crate::definitions::{Book, Fit, LeftOut};
use crate::edge::context::{Edge, EdgeParts};
use crate::edge::room::handle::LiveRoom;
use crate::edge::tasks::inventory::InventoryWatch;
use fairgate_telemetry::supervise::Pulse;

const NAME: &str = "rooms";
/// Between two looks at what other edges have written.
const EVERY: Duration = Duration::from_millis(500);
/// After a room that could not be begun.
const PAUSE: Duration = Duration::from_secs(10);
/// The time in which a room has to know how it stands.
const KNOWN_WITHIN: Duration = Duration::from_secs(10);
const LOOK: Duration = Duration::from_millis(20);
/// The least time for which a room goes on that is not served any more: requests that came before are answered.
const REQUESTS_END_WITHIN: Duration = Duration::from_secs(60);
/// Building pages takes a while, and the store may be slow.
const SILENCE_MAX: Duration = Duration::from_secs(120);

/// Makes, replaces and ends the rooms of an edge.
pub(crate) struct RoomSet {
    edge: Arc<Edge>,
    maker: Arc<RoomMaker>,
    parts: EdgeParts,
    book: Arc<Book>,
    pulse: Pulse,
}

/// Why a room is not served.
#[derive(Debug, thiserror::Error)]
enum Unmade {
    #[error(transparent)]
    Unusable(#[from] EdgeError),
    #[error("the room did not learn within {} s how it stands: is the store there?", KNOWN_WITHIN.as_secs())]
    Unknown,
    #[error("the room could not be built: {0}")]
    Panicked(tokio::task::JoinError),
}

/// What the last round has shown.
#[derive(Default)]
struct Round {
    /// The changes of the book that were taken over.
    changes: u64,
    /// When to try again what could not be begun.
    again_at: Option<Instant>,
    said: Vec<LeftOut>,
    has_failed: bool,
}

impl RoomSet {
    /// The task of an edge with rooms as data.
    pub(crate) fn new(edge: &Arc<Edge>, maker: RoomMaker, parts: &EdgeParts) -> Option<Self> {
        let book = Arc::clone(parts.definitions.as_ref()?);
        let pulse = parts.supervisor.pulse_within(NAME, SILENCE_MAX);
        Some(Self { edge: Arc::clone(edge), maker: Arc::new(maker), parts: parts.clone(), book, pulse })
    }

    async fn run(&self, shutdown: &ShutdownWatch) {
        let mut round = Round::default();
        loop {
            self.pulse.beat();
            self.look(&mut round).await;
            let is_due = round.changes != self.book.changes() || round.again_at.is_some_and(|at| at <= Instant::now());
            if is_due {
                round.changes = self.book.changes();
                self.adopt(&mut round, shutdown).await;
                self.look(&mut round).await;
            }
            tokio::select! {
                () = self.book.changed() => {}
                () = sleep(EVERY) => {}
            }
        }
    }

    async fn look(&self, round: &mut Round) {
        match self.book.look(&*self.parts.store).await {
            Ok(()) => round.has_failed = false,
            Err(error) => {
                if !std::mem::replace(&mut round.has_failed, true) {
                    tracing::warn!(%error, "what other edges have written of rooms is not known; looking again");
                }
            }
        }
    }

    /// Serves what is written down.
    async fn adopt(&self, round: &mut Round, shutdown: &ShutdownWatch) {
        let book = Arc::clone(&self.book);
        let Ok(fit) = tokio::task::spawn_blocking(move || book.fit()).await else { return };
        let Fit { config, mut revisions, mut left_out } = fit;
        let now = self.edge.served();
        let mut rooms = Vec::with_capacity(config.rooms.len());
        round.again_at = None;
        for wanted in &config.rooms {
            self.pulse.beat();
            if let Some(live) = now.rooms.iter().find(|live| live.config == *wanted) {
                rooms.push(Arc::clone(live));
                continue;
            }
            match self.begin(wanted, shutdown).await {
                Ok(live) => rooms.push(live),
                Err(error) => {
                    round.again_at = Some(Instant::now() + PAUSE);
                    revisions.remove(&wanted.name);
                    left_out.push(LeftOut { room: wanted.name.clone(), why: error.to_string() });
                    rooms.extend(now.room(&wanted.name).cloned());
                }
            }
        }
        for LeftOut { room, why } in left_out.iter().filter(|left_out| !round.said.contains(left_out)) {
            tracing::error!(room, "a room that is published is not served here: {why}");
        }
        round.said.clone_from(&left_out);
        self.edge.served.store(Arc::new(self.maker.serve(rooms)));
        self.retire_all_but_served(&now.rooms);
        self.book.note_served(revisions, left_out);
    }

    /// Makes a room, and waits until it knows how it stands.
    async fn begin(&self, wanted: &RoomConfig, shutdown: &ShutdownWatch) -> Result<Arc<LiveRoom>, Unmade> {
        let (maker, config) = (Arc::clone(&self.maker), wanted.clone());
        let prepared =
            tokio::task::spawn_blocking(move || maker.prepare(&config)).await.map_err(Unmade::Panicked)??;
        let (live, heart) = {
            let keys = self.edge.keys.now();
            prepared.open(keys.public(), &self.parts, &self.edge.clock)?
        };
        let stock = wanted.stock.as_deref().map(|path| InventoryWatch::new(Arc::clone(&live), path, &self.parts));
        let stock = stock.transpose().map_err(EdgeError::from)?;
        let ends = shutdown.clone();
        tokio::spawn(async move { heart.run(ends, None).await });
        if let Some(stock) = stock {
            let ends = shutdown.clone();
            tokio::spawn(async move { stock.start(ends).await });
        }
        let is_known = timeout(KNOWN_WITHIN, async {
            while live.snapshot().is_none() {
                self.pulse.beat();
                sleep(LOOK).await;
            }
        });
        if is_known.await.is_err() {
            live.retirement.begin(Duration::ZERO);
            return Err(Unmade::Unknown);
        }
        tracing::info!(room = live.name(), revision = wanted.origin.version, "the room is served");
        Ok(live)
    }

    /// Leaves rooms that are not served any more to those who are in them.
    fn retire_all_but_served(&self, before: &[Arc<LiveRoom>]) {
        let served = self.edge.served();
        for room in before.iter().filter(|room| !served.rooms.iter().any(|now| Arc::ptr_eq(now, room))) {
            if served.room(room.name()).is_some() {
                // Sessions of an earlier sale may go on for so long.
                let longest = Duration::from_millis(room.config.policy.session_max_ms);
                room.retirement.begin(longest.max(REQUESTS_END_WITHIN));
            } else {
                tracing::info!(room = room.name(), "the room is archived: it takes no request any more");
                room.retirement.begin(REQUESTS_END_WITHIN);
            }
            let (room, edge) = (Arc::clone(room), Arc::clone(&self.edge));
            tokio::spawn(async move {
                room.retirement.over().await;
                if edge.served().room(room.name()).is_none() {
                    edge.metrics.rooms().forget(room.name());
                }
            });
        }
    }
}

#[async_trait]
impl BackgroundService for RoomSet {
    /// Runs until the runtime ends: rooms that it has begun go on with it.
    async fn start(&self, mut shutdown: ShutdownWatch) {
        let ends = shutdown.clone();
        tokio::select! {
            () = self.parts.supervisor.keep(NAME, || self.run(&ends)) => {}
            _ = shutdown.wait_for(|stopping| *stopping) => {}
        }
        std::future::pending::<()>().await;
    }
}
