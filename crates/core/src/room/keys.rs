//! Whose key a position is bound to, for those positions that moved to another one.
//!
//! Guarantees:
//! - a position moves no more often than the room allows, and a move that is asked for twice is one move
//! - whoever moved a position away holds it no more
//! - only positions that moved are remembered, about 90 bytes each
//!
//! A position that never moved is its ticket's: the caller has checked the key that the ticket names.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::Spot;

/// The first 16 bytes of a key's thumbprint; zeros where a ticket names no key.
pub type KeyName = [u8; 16];

/// A position moves from one key to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Move {
    /// The position. A room without tiers has its pool in tier 0.
    pub at: Spot,
    /// The key that the position's ticket names.
    pub from: KeyName,
    /// The key that it is bound to from now on.
    pub to: KeyName,
    /// How often a position may move in all.
    pub most: u8,
}

/// Who says to hold a position.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// The position. A room without tiers has its pool in tier 0.
    pub at: Spot,
    /// The key that was proved.
    pub key: KeyName,
}

/// What became of a move.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum MoveOutcome {
    /// The position is bound to the new key.
    Moved,
    /// It moved away before, to a third key.
    Elsewhere {
        /// When, Unix ms.
        since_ms: u64,
    },
    /// It has moved as often as it may.
    Spent,
    /// There is no such position.
    Gone,
}

/// The positions that moved.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Keys(HashMap<Spot, Bound>);

/// What a position that moved is bound to.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Bound {
    key: KeyName,
    moves: u8,
    since_ms: u64,
}

impl Keys {
    /// Moves a position that there is; answers whether that changed anything, too.
    pub(super) fn shift(&mut self, wanted: &Move, now_ms: u64) -> (MoveOutcome, bool) {
        let known = self.0.get(&wanted.at);
        let (key, moves) = known.map_or((wanted.from, 0), |known| (known.key, known.moves));
        if key == wanted.to {
            return (MoveOutcome::Moved, false);
        }
        match known {
            Some(known) if key != wanted.from => (MoveOutcome::Elsewhere { since_ms: known.since_ms }, false),
            _ if moves >= wanted.most => (MoveOutcome::Spent, false),
            _ => {
                self.0.insert(wanted.at, Bound { key: wanted.to, moves: moves + 1, since_ms: now_ms });
                (MoveOutcome::Moved, true)
            }
        }
    }

    /// Since when somebody does not hold a position any more, Unix ms; none where the position is theirs.
    pub(super) fn lost_since_ms(&self, holder: &Holder) -> Option<u64> {
        self.0.get(&holder.at).filter(|known| known.key != holder.key).map(|known| known.since_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: Spot = Spot::Pool { tier: 1, index: 7 };

    fn key(n: u8) -> KeyName {
        [n; 16]
    }

    fn shift(keys: &mut Keys, from: u8, to: u8, now_ms: u64) -> MoveOutcome {
        keys.shift(&Move { at: AT, from: key(from), to: key(to), most: 2 }, now_ms).0
    }

    #[test]
    fn a_position_is_the_last_keys_and_moves_so_often() {
        let mut keys = Keys::default();
        let lost = |keys: &Keys, by| keys.lost_since_ms(&Holder { at: AT, key: key(by) });
        assert_eq!(lost(&keys, 1), None, "what never moved is its ticket's");
        assert_eq!(shift(&mut keys, 1, 2, 10), MoveOutcome::Moved);
        assert_eq!(shift(&mut keys, 1, 2, 11), MoveOutcome::Moved, "a retry is no second move");
        assert_eq!((lost(&keys, 1), lost(&keys, 2)), (Some(10), None));
        assert_eq!(shift(&mut keys, 1, 3, 12), MoveOutcome::Elsewhere { since_ms: 10 });
        assert_eq!(shift(&mut keys, 2, 3, 20), MoveOutcome::Moved);
        assert_eq!(shift(&mut keys, 3, 4, 30), MoveOutcome::Spent);
        assert_eq!((lost(&keys, 2), lost(&keys, 3)), (Some(20), None));
        let other = Holder { at: Spot::Line { place: 7 }, key: key(9) };
        assert_eq!(keys.lost_since_ms(&other), None, "another position is another's");
    }

    #[test]
    fn where_nothing_may_move_nothing_does() {
        let mut keys = Keys::default();
        let wanted = Move { at: AT, from: key(1), to: key(2), most: 0 };
        assert_eq!(keys.shift(&wanted, 1), (MoveOutcome::Spent, false));
        assert_eq!(keys, Keys::default());
    }
}
