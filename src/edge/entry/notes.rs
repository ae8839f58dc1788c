//! What an edge has to tell the book of a draw beside its counts of networks: references, what became of claims, and who
//! came how.
//!
//! Guarantees:
//! - memory is bounded: what does not fit is dropped, and counted
//! - nothing here waits for the store: a task tells it once a second
//! - what was told and not answered is told again under the same number, which counts once

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use fairgate_entry::book::{
    Asking, POSITIONS_AT_ONCE, REFUSAL_BYTES, REFUSALS_AT_ONCE, Refusal, TALLY_AT_ONCE, Told, tally_row,
};
use fairgate_entry::way::WayName;

/// References that wait to be told.
const REFUSALS_MAX: usize = 5_000;
/// Claims that wait to be told.
const POSITIONS_MAX: usize = 20_000;
/// Rows of the tally that wait to be told.
const ROWS_MAX: usize = 10_000;
/// References that are known to have been told: a retry of the same is no other one.
const RECENT: usize = 1 << 14;
const MINUTE_MS: u64 = 60_000;

/// Who came how: the minute, the way (none for entries as such), and the outcome.
type Row = (u64, Option<WayName>, &'static str);

/// What waits to be told.
#[derive(Debug)]
pub(crate) struct Notes {
    /// This run of this edge.
    edge: [u8; 8],
    now: Mutex<Now>,
}

#[derive(Debug)]
struct Now {
    draw: [u8; 32],
    number: u64,
    under_way: Option<Told>,
    refusals: Vec<[u8; REFUSAL_BYTES]>,
    positions: Vec<(Asking, u8, u64)>,
    rows: HashMap<Row, u32>,
    recent: Vec<[u8; 5]>,
}

/// What became of a reference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kept {
    /// It will be told.
    New,
    /// It was told lately.
    Again,
    /// There is no room for it.
    Dropped,
}

impl Notes {
    /// Nothing has happened yet. `edge` is random.
    pub(crate) fn new(edge: [u8; 8]) -> Self {
        let now = Now {
            draw: [0; 32],
            number: 0,
            under_way: None,
            refusals: Vec::new(),
            positions: Vec::new(),
            rows: HashMap::new(),
            recent: vec![[0; 5]; RECENT],
        };
        Self { edge, now: Mutex::new(now) }
    }

    /// Begins with a draw, where it is another one: what waits is of the one before.
    pub(crate) fn begin(&self, draw: &[u8; 32]) {
        let mut now = self.now();
        if now.draw != *draw {
            now.draw = *draw;
            now.under_way = None;
            (now.refusals, now.positions, now.rows) = (Vec::new(), Vec::new(), HashMap::new());
            now.recent.fill([0; 5]);
        }
    }

    /// A reference was given; `may_be_kept` says whether its network may have another one.
    pub(crate) fn refused(&self, refusal: &Refusal, may_be_kept: impl FnOnce() -> bool) -> Kept {
        let mut now = self.now();
        let reference = *refusal.reference.bytes();
        let at = usize::from(u16::from_be_bytes([reference[0], reference[1]])) % RECENT;
        if now.recent[at] == reference {
            return Kept::Again;
        }
        now.recent[at] = reference;
        if !may_be_kept() || now.refusals.len() >= REFUSALS_MAX {
            return Kept::Dropped;
        }
        now.refusals.push(refusal.to_bytes());
        Kept::New
    }

    /// Something became of a claim.
    pub(crate) fn asked(&self, asking: Asking, (tier, index): (u8, u64)) {
        let mut now = self.now();
        if now.positions.len() < POSITIONS_MAX {
            now.positions.push((asking, tier, index));
        }
    }

    /// Counts who came how.
    pub(crate) fn count(&self, way: Option<&WayName>, outcome: &'static str, now_ms: u64) {
        let mut now = self.now();
        let row = (now_ms / MINUTE_MS, way.cloned(), outcome);
        if now.rows.len() < ROWS_MAX || now.rows.contains_key(&row) {
            *now.rows.entry(row).or_default() += 1;
        }
    }

    /// What is to be told next: what was not answered yet, or what came since with the counts that `counts` puts in.
    pub(crate) fn tell(&self, keep_until_ms: u64, counts: impl FnOnce(&mut Told)) -> Told {
        let mut now = self.now();
        if let Some(told) = &now.under_way {
            return told.clone();
        }
        let mut told = Told { edge: self.edge, keep_until_ms, ..Told::default() };
        counts(&mut told);
        let many = now.refusals.len().min(REFUSALS_AT_ONCE);
        told.refusals = now.refusals.drain(..many).collect();
        let many = now.positions.len().min(POSITIONS_AT_ONCE);
        told.positions = now.positions.drain(..many).collect();
        // Each row is told of its minute and of all.
        let next: Vec<Row> = now.rows.keys().take(TALLY_AT_ONCE / 2).cloned().collect();
        for row in next {
            let Some(count) = now.rows.remove(&row) else { continue };
            let (minute, way, outcome) = row;
            let way = way.as_ref().map_or("", WayName::as_str);
            told.tally.push((tally_row(None, way, outcome), count));
            told.tally.push((tally_row(Some(minute), way, outcome), count));
        }
        if !told.is_empty() {
            now.number += 1;
            told.number = now.number;
            now.under_way = Some(told.clone());
        }
        told
    }

    /// The last telling was answered.
    pub(crate) fn answered(&self) {
        self.now().under_way = None;
    }

    /// True if more waits than one telling has.
    pub(crate) fn has_more(&self) -> bool {
        let now = self.now();
        !now.refusals.is_empty() || !now.positions.is_empty() || !now.rows.is_empty()
    }

    fn now(&self) -> MutexGuard<'_, Now> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use fairgate_entry::reference::Reference;
    use fairgate_entry::way::Reason;

    use super::*;

    fn refusal(n: u16) -> Refusal {
        let [high, low] = n.to_be_bytes();
        Refusal::new(Reference::from_bytes([high, low, 1, 1, 1]), None, Reason::CodeUnknown, None, 0)
    }

    #[test]
    fn a_retry_is_no_other_refusal_and_there_are_only_so_many() {
        let notes = Notes::new([1; 8]);
        notes.begin(&[1; 32]);
        assert_eq!(
            (notes.refused(&refusal(1), || true), notes.refused(&refusal(1), || true)),
            (Kept::New, Kept::Again)
        );
        assert_eq!(notes.refused(&refusal(2), || false), Kept::Dropped);
        let kept = (3..12_000).filter(|n| notes.refused(&refusal(*n), || true) == Kept::New).count();
        assert_eq!(kept, REFUSALS_MAX - 1);
        let told = notes.tell(5, |_| {});
        assert_eq!((told.refusals.len(), told.number, notes.has_more()), (REFUSALS_AT_ONCE, 1, true));
    }

    #[test]
    fn what_was_not_answered_is_told_again_under_its_number() {
        let notes = Notes::new([1; 8]);
        notes.begin(&[1; 32]);
        assert_eq!(notes.tell(5, |_| {}).number, 0, "there is nothing to tell");
        notes.asked(Asking::Asked, (0, 7));
        let first = notes.tell(5, |told| told.joins = 3);
        notes.asked(Asking::Shown, (0, 7));
        assert_eq!(notes.tell(5, |told| told.joins = 9), first);
        notes.answered();
        let second = notes.tell(5, |_| {});
        assert_eq!((first.number, first.joins, second.number, second.joins), (1, 3, 2, 0));
        assert_eq!(second.positions, [(Asking::Shown, 0, 7)]);
        notes.begin(&[2; 32]);
        assert_eq!(notes.tell(5, |_| {}).number, 0, "it was of another draw");
    }

    #[test]
    fn who_came_how_is_told_in_all_and_by_minute() {
        let notes = Notes::new([1; 8]);
        let code = WayName::new("code").unwrap();
        for now_ms in [60_000, 61_000, 120_000] {
            notes.count(Some(&code), "entered", now_ms);
        }
        let mut tally = notes.tell(5, |_| {}).tally;
        tally.sort();
        let row = |row: &str, count| (row.to_owned(), count);
        let all = [
            row("1/code/entered", 2),
            row("2/code/entered", 1),
            row("all/code/entered", 1),
            row("all/code/entered", 2),
        ];
        assert_eq!(tally, all);
    }
}
