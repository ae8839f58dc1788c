//! What the store has of a room: the real room, and what Lua keeps beside it.

use std::collections::{BTreeMap, BTreeSet};

use fairgate_core::recovery::{Observation, StateVersion};
use fairgate_core::room::{Entry, Room, SEEN_MS};
use fairgate_draw::ZERO;

use super::messages::Look;

/// A state of the room, as a copy of the server would have it.
#[derive(Clone, Debug)]
pub(super) struct State {
    pub(super) room: Room,
    pub(super) epoch: u64,
    pub(super) run: u64,
    pub(super) roster: Vec<Entry>,
    /// In a room with tiers: the roster of each.
    pub(super) rosters: Vec<Vec<Entry>>,
    /// Entries below have been in the roster all the time.
    pub(super) intact: u64,
    /// The epoch of the state whose roster the root was made of.
    pub(super) frozen_in: Option<Vec<u8>>,
    /// True if the roster was taken away, and nothing was written in its place.
    is_roster_gone: bool,
    /// When each run of an edge looked last, by the room's time.
    seen: BTreeMap<String, u64>,
    /// Those who may know more than this state, and were not heard yet.
    awaited: BTreeSet<String>,
}

impl State {
    pub(super) fn empty(run: u64, epoch: u64) -> Self {
        Self {
            room: Room::default(),
            epoch,
            run,
            roster: Vec::new(),
            rosters: Vec::new(),
            intact: 0,
            frozen_in: None,
            is_roster_gone: false,
            seen: BTreeMap::new(),
            awaited: BTreeSet::new(),
        }
    }

    pub(super) fn name(&self) -> Vec<u8> {
        self.epoch.to_be_bytes().to_vec()
    }

    pub(super) fn stamp(&self) -> StateVersion {
        StateVersion { epoch: self.name(), revision: self.room.revision() }
    }

    pub(super) fn look(&self, server_ms: u64) -> Option<Look> {
        let (view, memory) = self.room.view().zip(self.room.memory())?;
        let (stamp, frozen_in) = (self.stamp(), self.frozen_in.clone());
        // Whether there is a copy only the edge knows.
        let observation = Observation { stamp, memory, frozen_in, intact: self.intact, has_copy: false };
        Some(Look { view, observation, server_ms })
    }

    /// Takes the roster away, where it is missed then; answers whether it was.
    pub(super) fn evict_roster(&mut self) -> bool {
        if !self.must_have_roster() {
            return false;
        }
        self.roster.clear();
        self.is_roster_gone = true;
        true
    }

    /// True if a script would notice that the roster is gone.
    pub(super) fn is_roster_missed(&self) -> bool {
        self.is_roster_gone && self.must_have_roster()
    }

    /// How many entries were in the roster that is gone; it is there again from then on, and empty.
    pub(super) fn take_gone(&mut self) -> Option<u64> {
        let is_missed = self.is_roster_missed();
        self.is_roster_gone &= !is_missed;
        is_missed.then(|| self.room.view().map_or(0, |view| view.pool_size))
    }

    fn must_have_roster(&self) -> bool {
        self.room.view().is_some_and(|view| if view.missing > 0 { self.intact > 0 } else { view.pool_size > 0 })
    }

    /// An edge looks.
    pub(super) fn saw(&mut self, edge: &str) {
        self.seen.insert(edge.to_owned(), self.room.now_ms());
    }

    /// Another sale begins: nobody has looked.
    pub(super) fn forget_edges(&mut self) {
        (self.seen, self.awaited) = (BTreeMap::new(), BTreeSet::new());
    }

    /// Notes which other edges looked lately. True if one of them may know more than what is here.
    pub(super) fn await_others(&mut self, edge: &str) -> bool {
        let now_ms = self.room.now_ms();
        self.seen.retain(|_, seen_ms| now_ms - *seen_ms <= SEEN_MS);
        self.awaited = self.seen.keys().filter(|name| *name != edge).cloned().collect();
        !self.awaited.is_empty()
    }

    /// An edge has told all that it knows.
    pub(super) fn hear(&mut self, edge: &str) {
        self.awaited.remove(edge);
        if self.room.is_suspect() && self.awaited.is_empty() {
            self.room.all_were_heard();
        }
    }

    /// True if the roster's root is public.
    pub(super) fn has_root(&self) -> bool {
        self.room.view().is_some_and(|view| view.draw.root.is_some())
    }

    /// Which sale it is, if any.
    pub(super) fn draw(&self) -> Option<(u64, [u8; 32])> {
        self.room.view().map(|view| (self.room.generation(), view.draw.descriptor_digest))
    }

    pub(super) fn entry(&self, index: u64) -> Entry {
        usize::try_from(index).ok().and_then(|index| self.roster.get(index)).copied().unwrap_or(ZERO)
    }

    pub(super) fn write(&mut self, index: u64, entry: Entry) {
        let index = usize::try_from(index).expect("a roster fits into memory");
        if index >= self.roster.len() {
            self.roster.resize(index + 1, ZERO);
        }
        self.roster[index] = entry;
        self.is_roster_gone = false;
    }

    pub(super) fn entry_in(&self, tier: u8, index: u64) -> Entry {
        let roster = self.rosters.get(usize::from(tier));
        roster.and_then(|roster| roster.get(usize::try_from(index).ok()?)).copied().unwrap_or(ZERO)
    }

    pub(super) fn write_in(&mut self, tier: u8, index: u64, entry: Entry) {
        let (tier, index) = (usize::from(tier), usize::try_from(index).expect("a roster fits into memory"));
        if tier >= self.rosters.len() {
            self.rosters.resize(tier + 1, Vec::new());
        }
        let roster = &mut self.rosters[tier];
        if index >= roster.len() {
            roster.resize(index + 1, ZERO);
        }
        roster[index] = entry;
    }

    pub(super) fn entries(&self, upto: u64) -> Vec<Entry> {
        (0..upto).map(|index| self.entry(index)).collect()
    }
}
