//! What a run may not be blamed for: a loss beyond what `docs/operations/redis-loss.md` promises.
//!
//! The limit is excused only where all edges that had seen the lost list are away until another one is made. An edge
//! that is there has to put the list back. A run in which it does not is judged as any other.

use std::fmt;

use fairgate_core::room::RoomSnapshot;

/// What an edge has seen for so long is on its disk.
const WRITTEN_WITHIN_MS: u64 = 2_000;

/// A limit of the promises.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Limit {
    /// The store lost N or the public root, and whoever had seen it was away while the others made another list.
    ListOfThoseAway,
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ListOfThoseAway => "the frozen list was known only to edges that were away",
        })
    }
}

/// Where a run went beyond the promises.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Beyond {
    /// Beyond which limit.
    pub limit: Limit,
    /// When it was first felt, Unix ms.
    pub at_ms: u64,
    /// How.
    pub what: String,
}

/// A pool that is closed: N, and the root once it is public.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct List {
    entries: u64,
    root: Option<[u8; 32]>,
}

impl List {
    /// The one that somebody knows, if the pool is closed.
    pub(crate) fn of(memory: &RoomSnapshot) -> Option<Self> {
        let root = memory.frozen.map(|frozen| frozen.root);
        memory.pool_is_closed.then_some(Self { entries: memory.early, root })
    }
}

/// Who has seen which list, and which ones the store has lost.
#[derive(Debug, Default)]
pub(crate) struct Lists {
    seen: Vec<Sighting>,
    lost: Vec<List>,
}

#[derive(Debug)]
struct Sighting {
    edge: usize,
    list: List,
    since_ms: u64,
    /// Neither burned, nor gone with a process that had no time to write it down.
    is_kept: bool,
}

impl Lists {
    /// An edge knows a list.
    pub(crate) fn seen(&mut self, edge: usize, list: List, now_ms: u64) {
        match self.seen.iter_mut().find(|known| (known.edge, known.list) == (edge, list)) {
            Some(known) if known.is_kept => {}
            Some(known) => (known.since_ms, known.is_kept) = (now_ms, true),
            None => self.seen.push(Sighting { edge, list, since_ms: now_ms, is_kept: true }),
        }
    }

    /// An edge was killed; with its disk, if that `is_burned`.
    pub(crate) fn killed(&mut self, edge: usize, is_burned: bool, now_ms: u64) {
        for known in self.seen.iter_mut().filter(|known| known.edge == edge) {
            known.is_kept &= !is_burned && known.since_ms + WRITTEN_WITHIN_MS <= now_ms;
        }
    }

    /// The store loses what it has, this list included.
    pub(crate) fn lost(&mut self, list: List) {
        if !self.lost.contains(&list) {
            self.lost.push(list);
        }
    }

    /// True if the store ever lost a list.
    pub(crate) fn is_any_lost(&self) -> bool {
        !self.lost.is_empty()
    }

    /// The list that the store has now stands from now on, or its pool is open and a fan got a number in it. The
    /// limit, if that is another list than one that was lost, and no edge that had seen that one `is_there`.
    pub(crate) fn limit(&self, now: Option<List>, is_there: impl Fn(usize) -> bool) -> Option<Limit> {
        let is_excused = |lost: &List| {
            let is_other_n = now.is_none_or(|now| now.entries != lost.entries);
            let is_other_root = lost.root.is_some() && now.is_some_and(|now| now.root != lost.root);
            let has_what_is_gone = |list: &List| list.entries == lost.entries && (is_other_n || list.root == lost.root);
            let mut who = self.seen.iter().filter(|known| has_what_is_gone(&known.list)).peekable();
            let is_seen = who.peek().is_some();
            (is_other_n || is_other_root) && is_seen && !who.any(|known| known.is_kept && is_there(known.edge))
        };
        self.lost.iter().any(is_excused).then_some(Limit::ListOfThoseAway)
    }
}

#[cfg(test)]
mod tests {
    use super::super::fault::Fault;
    use super::super::promises::Promise;
    use super::super::sabotage::Sabotage;
    use super::super::scenario::Scenario;
    use super::super::world::{Run, World};
    use super::*;

    const N: List = List { entries: 500, root: None };
    const ROOT: List = List { entries: 500, root: Some([1; 32]) };
    const OTHER_N: Option<List> = Some(List { entries: 1_500, root: Some([2; 32]) });
    const OTHER_ROOT: Option<List> = Some(List { entries: 500, root: Some([2; 32]) });

    /// Edge 0 has seen the root and edge 1 only N, five seconds before the store lost both.
    fn lists() -> Lists {
        let mut lists = Lists::default();
        lists.seen(0, ROOT, 0);
        lists.seen(1, N, 0);
        lists.lost(ROOT);
        lists
    }

    #[test]
    fn a_list_is_excused_only_if_all_who_had_seen_it_are_away() {
        let limit = Some(Limit::ListOfThoseAway);
        for pool_or_other_n in [None, OTHER_N] {
            assert_eq!(lists().limit(pool_or_other_n, |_| false), limit);
            assert_eq!(lists().limit(pool_or_other_n, |edge| edge == 0), None);
            assert_eq!(lists().limit(pool_or_other_n, |edge| edge == 1), None, "edge 1 knows N");
        }
        assert_eq!(lists().limit(OTHER_ROOT, |edge| edge == 0), None);
        assert_eq!(lists().limit(OTHER_ROOT, |edge| edge == 1), limit, "edge 1 has not seen the root");
    }

    #[test]
    fn the_same_list_needs_no_excuse_nor_one_that_nobody_saw() {
        assert_eq!(lists().limit(Some(ROOT), |_| false), None);
        let mut unseen = Lists::default();
        unseen.lost(ROOT);
        assert_eq!(unseen.limit(OTHER_N, |_| false), None);
    }

    #[test]
    fn who_had_no_time_to_write_it_down_or_burned_does_not_know_it_until_it_is_seen_again() {
        let limit = Some(Limit::ListOfThoseAway);
        let after = |is_burned, at_ms| {
            let mut lists = lists();
            lists.killed(0, is_burned, at_ms);
            lists
        };
        let is_there = |edge| edge == 0;
        assert_eq!(after(false, WRITTEN_WITHIN_MS).limit(OTHER_N, is_there), None);
        assert_eq!(after(false, 100).limit(OTHER_N, is_there), limit);
        assert_eq!(after(true, WRITTEN_WITHIN_MS).limit(OTHER_N, is_there), limit);
        let mut again = after(false, 100);
        again.seen(0, ROOT, 200);
        assert_eq!(again.limit(OTHER_N, is_there), None);
    }

    /// Seed 853 without what keeps the one edge away that has seen the list.
    fn with_the_edge_there(sabotage: Option<Sabotage>) -> Run {
        let mut scenario = Scenario::of(853);
        scenario.faults.retain(|(_, fault)| !matches!(fault, Fault::Way { edge: 0, .. } | Fault::Kill { edge: 0, .. }));
        World::new(scenario, sabotage, false).play()
    }

    #[test]
    fn a_run_in_which_somebody_who_knew_the_list_was_there_is_not_excused() {
        let kept = with_the_edge_there(None);
        assert_eq!((kept.broken.as_slice(), kept.beyond), (&[][..], None));
        let forgotten = with_the_edge_there(Some(Sabotage::NoRefill));
        let first = forgotten.broken.first().map(|broken| broken.promise);
        assert_eq!((first, forgotten.beyond), (Some(Promise::RosterKept), None));
    }
}
