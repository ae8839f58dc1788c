//! What the store has of a room: the real room, and what Lua keeps beside it.

use fairgate::recover::{Sight, Stamp};
use fairgate::room::{Entry, Room};
use fairgate_draw::ZERO;

use super::messages::Look;

/// A state of the room, as a copy of the server would have it.
#[derive(Clone, Debug)]
pub(super) struct State {
    pub(super) room: Room,
    pub(super) epoch: u64,
    pub(super) run: u64,
    pub(super) roster: Vec<Entry>,
    /// Entries below have been in the roster all the time.
    pub(super) intact: u64,
    /// The epoch of the state whose roster the root was made of.
    pub(super) frozen_in: Option<Vec<u8>>,
}

impl State {
    pub(super) fn empty(run: u64, epoch: u64) -> Self {
        Self { room: Room::default(), epoch, run, roster: Vec::new(), intact: 0, frozen_in: None }
    }

    pub(super) fn name(&self) -> Vec<u8> {
        self.epoch.to_be_bytes().to_vec()
    }

    pub(super) fn stamp(&self) -> Stamp {
        Stamp { epoch: self.name(), revision: self.room.revision() }
    }

    pub(super) fn look(&self) -> Option<Look> {
        let (view, memory) = self.room.view().zip(self.room.memory())?;
        let (stamp, frozen_in) = (self.stamp(), self.frozen_in.clone());
        // Whether there is a copy only the edge knows.
        let sight = Sight { stamp, memory, frozen_in, intact: self.intact, has_copy: false };
        Some(Look { view, sight })
    }

    /// Whether the roster's root is public.
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
    }

    pub(super) fn entries(&self, upto: u64) -> Vec<Entry> {
        (0..upto).map(|index| self.entry(index)).collect()
    }
}
