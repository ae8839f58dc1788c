//! An edge's replica of a room's state, from which the room is restored where the store has lost it. Pure.
//!
//! Guarantees:
//! - everything that this edge was told or has answered is in here until the next sale
//! - what the store says is believed, unless it is another state than the one that the edge knows, or an older one

mod exchange;

use serde::{Deserialize, Serialize};

pub use exchange::{Call, Exchange, Next, Reply};

use crate::room::{
    Arrived, Bound, ClaimOutcome, Claims, Command, MoveOutcome, Outcome, Position, RenewOutcome, RoomSnapshot, Session,
    Spot,
};

/// The version of a room's state in a store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StateVersion {
    /// The name that whoever began the state gave it; one that was put back has another.
    pub epoch: Vec<u8>,
    /// Grows with every change.
    pub revision: u64,
}

/// An observation of a room's state in the store.
#[derive(Clone, Debug, PartialEq)]
pub struct Observation {
    /// The state that was seen.
    pub stamp: StateVersion,
    /// What the store said.
    pub memory: RoomSnapshot,
    /// The epoch of the state whose roster the root was made of, once there is one.
    pub frozen_in: Option<Vec<u8>>,
    /// Entries below have been in the roster all the time, or again.
    pub intact: u64,
    /// True if this edge has a copy of the frozen roster on its disk.
    pub has_copy: bool,
}

/// States in which an edge knows its entries to have been in the roster: more than a sale loses.
const COMPLETE_IN_MAX: usize = 64;

/// An edge's replica of a room's state: what the store has said and what this edge has answered.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Replica {
    /// The state that the edge knows.
    pub stamp: Option<StateVersion>,
    /// What the store said, and what the edge itself has answered since then.
    pub memory: Option<RoomSnapshot>,
    /// What only this edge knows.
    pub claims: Claims,
    /// In which state the root was made, once it is public.
    pub frozen_in: Option<Vec<u8>>,
    /// Once the root is public: true if it was made of all entries that this edge has answered. If not, they have to
    /// stay out of the roster.
    pub is_under_root: Option<bool>,
    /// True if this edge has a copy of the frozen roster on its disk. Then it puts back that copy.
    pub has_copy: bool,
    /// The epochs of the states in which all of them so far were in the roster, the latest last.
    pub complete_in: Vec<Vec<u8>>,
    /// From which index on the roster may lack entries of this edge; kept until all of them are put back, whatever comes
    /// between.
    pub backlog_from: Option<u64>,
}

/// True if a store has lost what this edge knows: the room is not there, or has another epoch, or is older.
/// `lua/begin.lua` asks the same, and also whether the server is another one.
#[must_use]
pub fn is_lost(known: Option<&StateVersion>, seen: Option<&StateVersion>) -> bool {
    match (known, seen) {
        (None, _) => false,
        (Some(_), None) => true,
        (Some(known), Some(seen)) => seen.epoch != known.epoch || seen.revision < known.revision,
    }
}

impl Replica {
    /// The store said how the room stands.
    pub fn observe(&mut self, observation: Observation) {
        self.note_complete_in(&observation.stamp);
        self.observe_after_restore(observation);
    }

    /// The store said how the room stands, after it had lost it.
    fn observe_after_restore(&mut self, observation: Observation) {
        let Observation { stamp, memory, frozen_in, intact, has_copy } = observation;
        if self.memory.as_ref().is_some_and(|known| known.plan.descriptor() != memory.plan.descriptor()) {
            // Claims and entries of another sale say nothing about this one.
            (self.claims, self.is_under_root, self.backlog_from) = (Claims::default(), None, None);
        }
        if memory.frozen.is_some() && self.is_under_root.is_none() {
            self.is_under_root = Some(frozen_in.as_ref().is_some_and(|epoch| self.complete_in.contains(epoch)));
        }
        if let Some(frozen) = memory.frozen.filter(|frozen| intact >= frozen.entries) {
            // Somebody has put all of it back, but for late comers with tags: these stand in no roster.
            self.backlog_from = self.backlog_from.filter(|_| memory.tiers.is_some()).map(|_| frozen.entries);
        }
        (self.frozen_in, self.has_copy) = (frozen_in, has_copy);
        self.claims
            .sessions
            .retain(|place, session| session.expires_at_ms > memory.now_ms && !memory.closed.contains_key(place));
        (self.stamp, self.memory) = (Some(stamp), Some(memory));
    }

    /// Another process of this edge has answered, too, and this is what it knew at its end.
    pub fn unite(&mut self, other: Self) {
        let draw = |known: &Self| known.memory.as_ref().map(|memory| memory.plan.descriptor());
        match (draw(self), draw(&other)) {
            (_, None) => {}
            (None, Some(_)) => *self = other,
            (Some(ours), Some(theirs)) if ours == theirs => {
                self.claims.unite(other.claims);
                self.complete_in.retain(|epoch| other.complete_in.contains(epoch));
                self.backlog_from = self.backlog_from.into_iter().chain(other.backlog_from).min();
                self.is_under_root = match (self.is_under_root, other.is_under_root) {
                    (Some(false), _) | (_, Some(false)) => Some(false),
                    (ours, theirs) => ours.or(theirs),
                };
            }
            // Of another sale: what is asked next will tell which one it is.
            (Some(_), Some(_)) => {}
        }
    }

    /// This edge has answered this number, as its disk says. What it knew of the room was written down up to a second before,
    /// so a killed edge may have answered more.
    pub fn recall(&mut self, at: Spot) {
        let Some(memory) = &mut self.memory else { return };
        match at {
            // How large it is when it is closed is not this edge's to say.
            Spot::Pool { .. } if memory.pool_is_closed => {}
            Spot::Pool { index, .. } if memory.tiers.is_none() => memory.early = memory.early.max(index + 1),
            at => self.arrived(at),
        }
    }

    /// The store has answered a command of this edge.
    pub fn answered(&mut self, command: &Command, outcome: &Outcome) {
        match (command.plain(), outcome) {
            (_, Outcome::Entered(positions)) => positions.iter().for_each(|position| self.entered(*position)),
            (_, Outcome::Arrived(arrived)) => {
                arrived.iter().filter_map(Arrived::at).for_each(|at| self.arrived(at));
            }
            (Command::ClaimTiers(claimants), Outcome::Claimed(outcomes)) => {
                claimants.iter().zip(outcomes).for_each(|(claimant, outcome)| self.claimed(claimant.place, outcome));
            }
            (Command::Claim(claimants), Outcome::Claimed(outcomes)) => {
                claimants.iter().zip(outcomes).for_each(|(claimant, outcome)| self.claimed(claimant.place, outcome));
            }
            (Command::Renew(places), Outcome::Renewed(outcomes)) => {
                places.iter().zip(outcomes).for_each(|(place, outcome)| self.renewed(*place, outcome));
            }
            (Command::Move(wanted), Outcome::Moved(MoveOutcome::Moved { moves: moves @ 1.., since_ms })) => {
                self.claims.note_move(wanted.at, Bound { key: wanted.to, moves: *moves, since_ms: *since_ms });
            }
            (Command::Leave(places), Outcome::Done) => places.iter().for_each(|place| self.left(*place)),
            _ => {}
        }
    }

    /// All entries that this edge has answered are in the roster of this state, unless there is a backlog.
    fn note_complete_in(&mut self, stamp: &StateVersion) {
        if self.backlog_from.is_none() && self.complete_in.last() != Some(&stamp.epoch) {
            self.complete_in.push(stamp.epoch.clone());
            let old = self.complete_in.len().saturating_sub(COMPLETE_IN_MAX);
            self.complete_in.drain(..old);
        }
    }

    /// The store has lost the state that this edge knew: entries from an index on are its backlog.
    fn note_backlog(&mut self, from: u64) {
        self.backlog_from = Some(self.backlog_from.map_or(from, |known| known.min(from)));
    }

    /// The call that restores the backlog, unless it has to stay out.
    fn next_of_backlog(&self) -> Option<Call> {
        let from = self.backlog_from?;
        let memory = self.memory.as_ref();
        let has_tiers = memory.is_some_and(|memory| memory.tiers.is_some());
        let entries = Call::RestoreEntries { from, is_under_root: self.is_under_root == Some(true) };
        match memory.and_then(|memory| memory.frozen) {
            Some(frozen) if self.has_copy && from < frozen.entries => Some(Call::RestoreRoster { from }),
            // With tiers the entries of late comers are put back all the same.
            Some(_) if self.has_copy => has_tiers.then_some(entries),
            _ if self.is_under_root == Some(false) => has_tiers.then_some(entries),
            _ => Some(entries),
        }
    }

    /// The whole backlog was restored; `too_late`: some of it was not taken, since the root was made without it.
    fn clear_backlog(&mut self, too_late: bool) {
        self.backlog_from = None;
        match self.stamp.clone() {
            Some(stamp) if !too_late => self.note_complete_in(&stamp),
            _ => self.is_under_root = Some(false),
        }
    }

    /// True if an outcome says that the pool is closed and the edge did not know. The edge then looks how large the
    /// pool is.
    #[must_use]
    pub fn needs_look(&self, outcome: &Outcome) -> bool {
        let is_open = self.memory.as_ref().is_some_and(|memory| !memory.pool_is_closed);
        let is_late = match outcome {
            Outcome::Entered(positions) => positions.iter().any(|position| matches!(position, Position::Line(_))),
            Outcome::Arrived(arrived) => arrived.iter().any(|one| matches!(one.at(), Some(Spot::Line { .. }))),
            _ => false,
        };
        is_open && is_late
    }

    fn entered(&mut self, position: Position) {
        let Some(memory) = &mut self.memory else { return };
        match position {
            Position::Pool(index) => memory.early = memory.early.max(index + 1),
            Position::Line(place) if memory.pool_is_closed => {
                memory.late = memory.late.max((place + 1).saturating_sub(memory.early));
            }
            // Places begin behind the pool, and N is not known yet: see `needs_look`.
            Position::Line(_) => {}
        }
    }

    fn arrived(&mut self, at: Spot) {
        let Some(memory) = &mut self.memory else { return };
        match (at, &mut memory.tiers) {
            (Spot::Pool { tier, index }, Some(tiers)) => {
                tiers.early.raise(tier, index + 1);
                memory.early = tiers.early.sum();
            }
            (Spot::Line { place }, _) => self.entered(Position::Line(place)),
            (Spot::Pool { .. }, None) => {}
        }
    }

    fn claimed(&mut self, place: u64, outcome: &ClaimOutcome) {
        if let ClaimOutcome::Admitted { admitted_at_ms, expires_at_ms, hard_end_at_ms } = *outcome {
            self.claims.gone.insert(place);
            self.claims.sessions.insert(place, Session { admitted_at_ms, expires_at_ms, hard_end_at_ms });
        }
    }

    fn renewed(&mut self, place: u64, outcome: &RenewOutcome) {
        if let (RenewOutcome::Renewed { expires_at_ms }, Some(session)) =
            (outcome, self.claims.sessions.get_mut(&place))
        {
            session.expires_at_ms = session.expires_at_ms.max(*expires_at_ms);
        }
    }

    /// A place that was given up; one that there is not, is not.
    fn left(&mut self, place: u64) {
        if self.memory.as_ref().is_some_and(|memory| place < memory.early + memory.late) {
            self.claims.gone.insert(place);
        }
    }
}
