//! Whose key a position is bound to, for those positions that moved to another one.
//!
//! Guarantees:
//! - a position moves no more often than the room allows, and a move that is asked for twice is one move
//! - whoever moved a position away holds it no more
//! - only positions that moved are remembered, about 90 bytes each
//! - of two moves of one position the later one stands, so it does not matter who puts back what was lost first
//!
//! A position that never moved is its ticket's: the caller has checked the key that the ticket names.

use std::collections::{BTreeMap, HashMap};

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
    Moved {
        /// How often it has moved in all; 0 where its ticket names that key.
        moves: u8,
        /// When it did so last, Unix ms.
        since_ms: u64,
    },
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bound {
    /// The key.
    pub key: KeyName,
    /// How often the position has moved.
    pub moves: u8,
    /// When it did so last, Unix ms.
    pub since_ms: u64,
}

impl Bound {
    /// True if this is what became of the position after another move, or without one.
    #[must_use]
    pub fn is_later_than(&self, other: Option<&Self>) -> bool {
        other.is_none_or(|other| (self.moves, self.since_ms) > (other.moves, other.since_ms))
    }
}

impl Keys {
    /// Moves a position that there is; answers whether that changed anything, too.
    pub(super) fn shift(&mut self, wanted: &Move, now_ms: u64) -> (MoveOutcome, bool) {
        let known = self.0.get(&wanted.at);
        let Bound { key, moves, since_ms } =
            known.copied().unwrap_or(Bound { key: wanted.from, moves: 0, since_ms: now_ms });
        if key == wanted.to {
            return (MoveOutcome::Moved { moves, since_ms }, false);
        }
        match known {
            Some(_) if key != wanted.from => (MoveOutcome::Elsewhere { since_ms }, false),
            _ if moves >= wanted.most => (MoveOutcome::Spent, false),
            _ => {
                let moves = moves + 1;
                self.0.insert(wanted.at, Bound { key: wanted.to, moves, since_ms: now_ms });
                (MoveOutcome::Moved { moves, since_ms: now_ms }, true)
            }
        }
    }

    /// Takes back moves that somebody knows; answers whether any was missing.
    pub(super) fn restore(&mut self, moves: &BTreeMap<Spot, Bound>) -> bool {
        let mut was_missing = false;
        for (at, bound) in moves {
            if bound.is_later_than(self.0.get(at)) {
                self.0.insert(*at, *bound);
                was_missing = true;
            }
        }
        was_missing
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
        let moved = |moves, since_ms| MoveOutcome::Moved { moves, since_ms };
        assert_eq!(shift(&mut keys, 1, 1, 9), moved(0, 9), "it is there");
        assert_eq!(shift(&mut keys, 1, 2, 10), moved(1, 10));
        assert_eq!(shift(&mut keys, 1, 2, 11), moved(1, 10), "a retry is no second move");
        assert_eq!((lost(&keys, 1), lost(&keys, 2)), (Some(10), None));
        assert_eq!(shift(&mut keys, 1, 3, 12), MoveOutcome::Elsewhere { since_ms: 10 });
        assert_eq!(shift(&mut keys, 2, 3, 20), moved(2, 20));
        assert_eq!(shift(&mut keys, 3, 4, 30), MoveOutcome::Spent);
        assert_eq!((lost(&keys, 2), lost(&keys, 3)), (Some(20), None));
        let other = Holder { at: Spot::Line { place: 7 }, key: key(9) };
        assert_eq!(keys.lost_since_ms(&other), None, "another position is another's");
    }

    #[test]
    fn what_was_lost_is_put_back_in_any_order_and_the_later_move_stands() {
        let [first, second] = [(2, 1, 10), (3, 2, 20)]
            .map(|(to, moves, since_ms)| BTreeMap::from([(AT, Bound { key: key(to), moves, since_ms })]));
        for order in [[&first, &second], [&second, &first]] {
            let mut keys = Keys::default();
            assert!(keys.restore(order[0]));
            keys.restore(order[1]);
            assert!(!keys.restore(&first) && !keys.restore(&second), "all is there");
            assert_eq!(keys.lost_since_ms(&Holder { at: AT, key: key(2) }), Some(20));
            assert_eq!(shift(&mut keys, 3, 4, 30), MoveOutcome::Spent, "it has moved twice");
        }
    }

    #[test]
    fn where_nothing_may_move_nothing_does() {
        let mut keys = Keys::default();
        let wanted = Move { at: AT, from: key(1), to: key(2), most: 0 };
        assert_eq!(keys.shift(&wanted, 1), (MoveOutcome::Spent, false));
        assert_eq!(keys, Keys::default());
    }
}
