//! The desks: the seats, the queue and the writers of those events that somebody asks about.
//!
//! **Guarantees:**
//! - an event has at most one desk in a core
//! - a desk that somebody uses, whose queue has somebody, or that a batch is under way for, is not closed
//! - more desks or seats than [`DeskLimits`] allows are open only while they are in use
//!
//! The change feed tells desks that are open of what others did. A slot is there before its seats are read, so that the
//! feed keeps what it hears in the meantime.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, PoisonError, RwLock, RwLockReadGuard};
use std::time::Duration;

use tokio::sync::{Mutex, Semaphore};
use tokio::time::Instant;

use super::on_sale::OnSale;

/// Desks that may be opened at the same moment; others wait their turn, so that a crowd of questions leaves connections to
/// those who buy.
const OPENINGS: usize = 4;
/// A desk that was asked for so lately is in use: its fan may be on the way from the list to the seats.
const IN_USE: Duration = Duration::from_secs(1);

/// How many desks stay open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeskLimits {
    /// A desk that nobody asked about for so long, and that has no live hold, is closed.
    pub idle: Duration,
    /// Beyond so many desks the ones asked for longest ago are closed.
    pub desks_max: usize,
    /// Beyond so many seats of open desks, too: a seat weighs some 150 bytes.
    pub seats_max: usize,
}

impl Default for DeskLimits {
    fn default() -> Self {
        Self { idle: Duration::from_secs(600), desks_max: 2_048, seats_max: 2_000_000 }
    }
}

/// The place of one event's desk, which may not be open yet.
#[derive(Debug)]
pub(super) struct Slot {
    pub(super) event_id: i32,
    /// One at a time opens it; the others wait for that.
    pub(super) opening: Mutex<()>,
    desk: OnceLock<Arc<OnSale>>,
    since: Instant,
    /// When it was last asked for, in milliseconds after `since`.
    asked_ms: AtomicU64,
}

impl Slot {
    fn new(event_id: i32) -> Self {
        let (opening, desk, asked_ms) = (Mutex::default(), OnceLock::new(), AtomicU64::new(0));
        Self { event_id, opening, desk, since: Instant::now(), asked_ms }
    }

    /// The desk, if it is open.
    pub(super) fn desk(&self) -> Option<&Arc<OnSale>> {
        self.desk.get()
    }

    /// Opens it, unless somebody was faster: then that one's desk is handed back.
    pub(super) fn open(&self, desk: Arc<OnSale>) -> Result<(), &Arc<OnSale>> {
        match self.desk.set(desk) {
            Ok(()) => Ok(()),
            Err(_) => self.desk.get().map_or(Ok(()), Err),
        }
    }

    fn ask(&self) {
        let now_ms = u64::try_from(self.since.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.asked_ms.store(now_ms, Ordering::Relaxed);
    }

    fn silent_for(&self) -> Duration {
        self.since.elapsed().saturating_sub(Duration::from_millis(self.asked_ms.load(Ordering::Relaxed)))
    }

    fn seats(&self) -> usize {
        self.desk().map_or(0, |desk| desk.state.seat_map().seats() as usize)
    }
}

/// Nobody else has it, and nothing is under way for it. Only under the lock of the table nobody can come to have it meanwhile.
fn is_unused(slot: &Arc<Slot>) -> bool {
    let desk_is_unused =
        |desk: &Arc<OnSale>| Arc::strong_count(desk) == 1 && desk.queue.is_empty() && !desk.state.is_working();
    Arc::strong_count(slot) == 1 && slot.silent_for() > IN_USE && slot.desk().is_none_or(desk_is_unused)
}

/// All desks of a core.
#[derive(Debug)]
pub(super) struct Desks {
    slots: RwLock<HashMap<i32, Arc<Slot>>>,
    pub(super) openings: Semaphore,
    limits: DeskLimits,
}

impl Desks {
    pub(super) fn new(limits: DeskLimits) -> Self {
        Self { slots: RwLock::default(), openings: Semaphore::new(OPENINGS), limits }
    }

    /// The slot of an event's desk, which is made if there is none.
    pub(super) fn slot(&self, event_id: i32) -> Arc<Slot> {
        let known = self.read().get(&event_id).cloned();
        let slot = known.unwrap_or_else(|| {
            let mut slots = self.slots.write().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(slots.entry(event_id).or_insert_with(|| Arc::new(Slot::new(event_id))))
        });
        slot.ask();
        slot
    }

    /// The slot of an event's desk, if it is open or being opened. Does not count as a question.
    pub(super) fn look(&self, event_id: i32) -> Option<Arc<Slot>> {
        self.read().get(&event_id).cloned()
    }

    /// Every slot.
    pub(super) fn slots(&self) -> Vec<Arc<Slot>> {
        self.read().values().cloned().collect()
    }

    /// Closes what is idle and not wanted, and then the ones asked for longest ago until the rest is within the limits.
    /// Returns what was closed.
    pub(super) fn close_unused(&self, is_wanted: impl Fn(&OnSale) -> bool) -> Vec<Arc<Slot>> {
        let mut slots = self.slots.write().unwrap_or_else(PoisonError::into_inner);
        let mut by_age: Vec<(Duration, i32)> =
            slots.iter().map(|(event_id, slot)| (slot.silent_for(), *event_id)).collect();
        by_age.sort_unstable_by(|a, b| b.cmp(a));
        let mut seats: usize = slots.values().map(|slot| slot.seats()).sum();
        let mut closed = Vec::new();
        for (silent_for, event_id) in by_age {
            let is_too_much = slots.len() > self.limits.desks_max || seats > self.limits.seats_max;
            if !is_too_much && silent_for <= self.limits.idle {
                break;
            }
            let Some(slot) = slots.get(&event_id).filter(|slot| is_unused(slot)) else { continue };
            if is_too_much || slot.desk().is_none_or(|desk| !is_wanted(desk)) {
                seats -= slot.seats();
                closed.extend(slots.remove(&event_id));
            }
        }
        closed
    }

    fn read(&self) -> RwLockReadGuard<'_, HashMap<i32, Arc<Slot>>> {
        self.slots.read().unwrap_or_else(PoisonError::into_inner)
    }
}
