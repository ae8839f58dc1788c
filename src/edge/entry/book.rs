//! What a desk tells the book of its draw, and what it takes from it.
//!
//! Guarantees: nothing here calls the store. What is told waits until the book's task takes it, and what is taken is the
//! fleet's.

use std::net::IpAddr;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, PoisonError};

use fairgate_entry::book::{Book, ENTERED, MOVED, OVERRULE_BYTES, Refusal, Seen, Summary, Told, kept_until_ms};
use fairgate_entry::reference::{NO_POSITION, Reference};
use fairgate_entry::way::{Reason, Scene, WayName};

use super::desk::{Came, Desk, Moment};
use super::notes::Kept;
use super::overruled::Overruled;
use crate::edge::http::entry_problem::Refused;
use crate::observe::MovedBy;

impl Desk {
    /// The entry was made.
    pub(crate) fn entered(&self, came: &Came, moment: &Moment<'_>) {
        self.load.count(moment.draw, moment.address, self.table.of(moment.address).name, moment.now_ms);
        if let Some(domain) = came.domain {
            self.load.count_other(moment.draw, domain);
        }
        self.notes.begin(moment.draw);
        self.notes.count(None, ENTERED, moment.now_ms);
        came.by.iter().for_each(|way| self.notes.count(Some(way), ENTERED, moment.now_ms));
    }

    /// A device has given its place to another one.
    pub(crate) fn moved(&self, moment: &Moment<'_>) {
        self.metrics.observe_move(MovedBy::Purpose);
        self.notes.begin(moment.draw);
        self.notes.count(None, MOVED, moment.now_ms);
    }

    /// Keeps the reference of a refusal for the book, where that is allowed and there is room.
    pub(super) fn keep(&self, refusal: &Refusal, may_keep: impl FnOnce() -> bool) -> Kept {
        let kept = self.notes.refused(refusal, may_keep);
        self.metrics.observe_reference(kept != Kept::Dropped);
        kept
    }

    /// The refusal of an entry that has no position yet. It came from this address.
    pub(crate) fn refused(&self, way: WayName, reason: Reason, scene: &Scene<'_>, from: IpAddr) -> Refused {
        let about = scene.bond.bytes();
        let reference = Reference::of(&self.references, scene.draw, NO_POSITION, about, reason);
        let refusal = Refusal::new(reference, None, reason, self.policy.kind(&way), scene.now_ms);
        self.notes.begin(scene.draw);
        let kept = self.keep(&refusal, || self.load.note_refusal(scene.draw, from, scene.now_ms));
        if kept != Kept::Again {
            self.notes.count(Some(&way), reason.as_str(), scene.now_ms);
        }
        Refused { way, reason, reference }
    }

    /// Begins with a draw, where it is another one than before.
    pub(crate) fn begin(&self, draw: &[u8; 32]) {
        self.notes.begin(draw);
        self.load.begin(draw);
    }

    /// What the store is told next.
    pub(crate) fn tell(&self, now_ms: u64, ends_at_ms: Option<u64>) -> Told {
        self.notes.tell(kept_until_ms(now_ms, ends_at_ms), |told| self.load.tell(told, now_ms))
    }

    /// The store has answered a telling.
    pub(crate) fn told(&self, told: &Told, seen: &Seen) {
        self.load.seen(told, seen);
        self.notes.answered();
    }

    /// True if more waits than one telling has.
    pub(crate) fn has_more_to_tell(&self) -> bool {
        self.notes.has_more()
    }

    /// Takes over what the fleet's book has: entries by network where they were read, decisions, and what is published.
    pub(crate) fn take(&self, draw: &[u8; 32], book: &Book, summary: Summary) {
        self.load.take(draw, book.heat.clone());
        let known = self.overruled.load();
        if known.rows(draw) != book.overrule_rows() {
            let before = known.rows(draw).len();
            let new = book.overrule_rows().len().saturating_sub(before);
            self.metrics.observe_overruled(new as u64);
            self.overruled.store(Arc::new(Overruled::new(draw, book.overrule_rows())));
        }
        self.summary.store(Arc::new(summary));
    }

    /// The decisions that this edge knows of a draw, as rows.
    pub(crate) fn decisions(&self, draw: &[u8; 32]) -> Vec<[u8; OVERRULE_BYTES]> {
        self.overruled.load().rows(draw).to_vec()
    }

    /// True if the draw's book was forgotten.
    pub(crate) fn is_forgotten(&self) -> bool {
        self.is_forgotten.load(Relaxed)
    }

    /// The draw's book was forgotten, or was not.
    pub(crate) fn set_forgotten(&self, is_forgotten: bool) {
        self.is_forgotten.store(is_forgotten, Relaxed);
        if is_forgotten {
            self.load.forget();
            *self.sharing.lock().unwrap_or_else(PoisonError::into_inner) = Default::default();
        }
    }

    /// What is published with the draw; nothing before the first entry.
    pub(crate) fn summary(&self) -> Option<Arc<Summary>> {
        Some(self.summary.load_full()).filter(|summary| !summary.is_empty())
    }
}
