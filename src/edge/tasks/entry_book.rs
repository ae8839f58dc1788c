//! The book of a draw's entries: once a second each edge tells the store what came, and takes in what the fleet knows.
//!
//! Guarantees:
//! - no join and no claim waits for it
//! - one call a second for each room that asks something, and a look at what is published every ten, at all counts every half minute
//! - decisions of organizers reach every edge within a second, and are put back where the store has lost them

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use pingora::server::ShutdownWatch;
use pingora::services::background::BackgroundService;
use tokio::sync::Mutex;

use crate::edge::context::Edge;
use crate::edge::entry::desk::Desk;
use crate::edge::room::handle::LiveRoom;
use fairgate_entry::book::{NETWORKS_AT_ONCE, Summary, kept_until_ms};
use fairgate_store::{BookPart, Store, StoreError};
use fairgate_telemetry::supervise::{Pulse, Supervisor};

/// The time between two tellings.
const SECOND: Duration = Duration::from_secs(1);
/// The time until a room is looked at again that is not known yet.
const SOON: Duration = Duration::from_millis(50);
/// Tellings between two looks at all counts of networks.
const LOOK_EVERY: u32 = 30;
/// Tellings between two looks at what is published.
const PUBLISH_EVERY: u32 = 10;
/// For so long the task may be silent: each call has a second, and there are a few for each room.
const SILENCE_MAX: Duration = Duration::from_secs(30);
/// Tellings in one second, where much has come.
const CALLS_MAX: usize = 8;

/// Keeps the books of an edge's rooms.
pub(crate) struct EntryBooks {
    edge: Arc<Edge>,
    supervisor: Supervisor,
    pulse: Pulse,
    /// For each room, how many tellings ago all counts were looked at, and whether the last one failed.
    rooms: Mutex<HashMap<String, State>>,
}

#[derive(Clone, Copy, Default)]
struct State {
    /// The draw whose counts were looked at; a join may have begun to count another one before this task does.
    draw: [u8; 32],
    since_look: u32,
    has_failed: bool,
}

impl EntryBooks {
    pub(crate) fn new(edge: &Arc<Edge>, supervisor: Supervisor) -> Self {
        let pulse = supervisor.pulse_within("entry books", SILENCE_MAX);
        Self { edge: Arc::clone(edge), supervisor, pulse, rooms: Mutex::default() }
    }

    async fn run(&self) {
        loop {
            let are_known = self.run_once().await;
            tokio::time::sleep(if are_known { SECOND } else { SOON }).await;
        }
    }

    /// Tells the books of all rooms once. Answers false while some room has not been looked at yet.
    async fn run_once(&self) -> bool {
        let mut are_known = true;
        let mut states = self.rooms.lock().await;
        for room in &self.edge.served().rooms {
            self.pulse.beat();
            let Some(desk) = &room.entry else { continue };
            let state = states.entry(room.name().to_owned()).or_default();
            match keep(&*self.edge.store, room, desk, self.edge.now_ms(), state).await {
                Ok(is_known) => {
                    state.has_failed = false;
                    are_known &= is_known;
                }
                Err(error) if !state.has_failed => {
                    state.has_failed = true;
                    tracing::warn!(
                        room = room.name(),
                        %error,
                        "the counts of entries could not be told; they are told as soon as the store answers"
                    );
                }
                Err(_) => {}
            }
        }
        are_known
    }
}

async fn keep(
    store: &dyn Store,
    room: &LiveRoom,
    desk: &Desk,
    now_ms: u64,
    state: &mut State,
) -> Result<bool, StoreError> {
    let Some(snapshot) = room.snapshot() else { return Ok(false) };
    let (draw, ends_at_ms) = (snapshot.view.draw.descriptor_digest, snapshot.view.ends_at_ms);
    desk.begin(&draw);
    if state.draw != draw || state.since_look >= LOOK_EVERY {
        look(store, room, desk, &draw, &[BookPart::Heat]).await?;
        (state.draw, state.since_look) = (draw, 0);
    } else if state.since_look.is_multiple_of(PUBLISH_EVERY) {
        look(store, room, desk, &draw, &[]).await?;
    }
    state.since_look += 1;
    for _ in 0..CALLS_MAX {
        let told = desk.tell(now_ms, ends_at_ms);
        let seen = store.count(room.name(), &draw, told.clone()).await?;
        desk.told(&told, &seen);
        let known = desk.decisions(&draw);
        if seen.overrules < known.len() as u64 && !seen.is_forgotten {
            let missing = known[usize::try_from(seen.overrules).unwrap_or(known.len())..].to_vec();
            let keep_until_ms = kept_until_ms(now_ms, ends_at_ms);
            store.overrule(room.name(), &draw, seen.overrules, missing, keep_until_ms).await?;
        }
        if seen.overrules != known.len() as u64 || seen.is_forgotten != desk.is_forgotten() {
            desk.set_forgotten(seen.is_forgotten);
            look(store, room, desk, &draw, &[]).await?;
        }
        if told.networks.len() < NETWORKS_AT_ONCE && !desk.has_more_to_tell() {
            break;
        }
    }
    Ok(true)
}

/// Reads decisions and counts, and entries by network where they are asked for.
async fn look(
    store: &dyn Store,
    room: &LiveRoom,
    desk: &Desk,
    draw: &[u8; 32],
    parts: &[BookPart],
) -> Result<(), StoreError> {
    let book = store.book(room.name(), draw, parts).await?;
    desk.take(draw, &book, Summary::of(&book));
    Ok(())
}

#[async_trait]
impl BackgroundService for EntryBooks {
    async fn start(&self, mut shutdown: ShutdownWatch) {
        tokio::select! {
            () = self.supervisor.keep("entry books", || self.run()) => {}
            _ = shutdown.changed() => {}
        }
        // What came in the last second is told, too.
        self.run_once().await;
    }
}
