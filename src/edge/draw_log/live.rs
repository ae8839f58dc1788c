//! The draw log as requests see it, and what the rooms tell it.
//!
//! Guarantees: a request never waits for the log's disk. What is shown is on this edge's own disk, and is a continuation of all
//! that was shown before.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwapOption;
use fairgate_core::room::{DrawRecord, View};
use fairgate_draw::log::{KeptLog, NoteSigner, Origin};
use tokio::sync::Notify;

use super::statements::RoomFacts;

/// Draws of a room that are remembered after another one has replaced them.
const REPLACED_MAX: usize = 16;

/// The log of an edge.
pub(crate) struct LiveLog {
    pub(super) signer: Arc<NoteSigner>,
    pub(super) origin: Origin,
    vkey: String,
    now: ArcSwapOption<KeptLog>,
    rooms: Mutex<BTreeMap<String, RoomFacts>>,
    /// Told whenever a room's draw has come a step further.
    pub(super) changed: Notify,
}

impl LiveLog {
    /// A log by its key, of which nothing is known yet; `None` where the key is not one of a draw log.
    pub(crate) fn new(signer: NoteSigner) -> Option<Self> {
        let (origin, vkey) = (Origin::parse(signer.key().name())?, signer.key().to_string());
        let signer = Arc::new(signer);
        Some(Self {
            signer,
            origin,
            vkey,
            now: ArcSwapOption::empty(),
            rooms: Mutex::default(),
            changed: Notify::new(),
        })
    }

    /// The log's public key, as records name it.
    pub(crate) fn vkey(&self) -> &str {
        &self.vkey
    }

    /// Where on the host it is served.
    pub(crate) fn path(&self) -> String {
        self.origin.path()
    }

    /// Takes note of how a room stands, and of the draw that is prepared for its next sale. Cheap: it is called at each look.
    pub(crate) fn observe(&self, room: &str, view: &View, next: Option<&DrawRecord>) {
        let mut rooms = self.rooms();
        match rooms.get_mut(room) {
            Some(known) if is_known(known, view, next) => known.now_ms = view.now_ms,
            known => {
                let facts = facts_after(known.as_deref(), view, next);
                rooms.insert(room.to_owned(), facts);
                self.changed.notify_one();
            }
        }
    }

    /// How the rooms stand.
    pub(super) fn facts(&self) -> BTreeMap<String, RoomFacts> {
        self.rooms().clone()
    }

    /// The log, as far as it may be shown; nothing while it cannot be read.
    pub(crate) fn now(&self) -> Option<Arc<KeptLog>> {
        self.now.load_full()
    }

    /// Shows a log that is on the disk.
    pub(super) fn publish(&self, log: KeptLog) {
        self.now.store(Some(Arc::new(log)));
    }

    fn rooms(&self) -> MutexGuard<'_, BTreeMap<String, RoomFacts>> {
        self.rooms.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_known(known: &RoomFacts, view: &View, next: Option<&DrawRecord>) -> bool {
    known.draw == view.draw && known.mending == view.mending && known.next.as_ref() == next
}

/// What is to be known of a room after this look.
fn facts_after(before: Option<&RoomFacts>, view: &View, next: Option<&DrawRecord>) -> RoomFacts {
    let (draw, mending, now_ms) = (view.draw.clone(), view.mending, view.now_ms);
    let next_since_ms =
        before.filter(|before| before.next.as_ref() == next).map_or(now_ms, |before| before.next_since_ms);
    let next = next.cloned();
    let Some(before) = before else {
        return RoomFacts { draw, replaced: Vec::new(), next, next_since_ms, mending, since_ms: now_ms, now_ms };
    };
    let mut replaced = before.replaced.clone();
    if before.draw.descriptor_digest == draw.descriptor_digest {
        return RoomFacts { draw, replaced, next, next_since_ms, mending, since_ms: before.since_ms, now_ms };
    }
    replaced.retain(|record| record.descriptor_digest != draw.descriptor_digest);
    replaced.push(before.draw.clone());
    replaced.drain(..replaced.len().saturating_sub(REPLACED_MAX));
    RoomFacts { draw, replaced, next, next_since_ms, mending, since_ms: now_ms, now_ms }
}

impl fmt::Debug for LiveLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LiveLog").field("vkey", &self.vkey).finish_non_exhaustive()
    }
}
