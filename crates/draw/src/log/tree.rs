//! The RFC 6962 tree over the statements of a log, and what proves that it has one and only grows.

use std::ops::Range;

use super::Statement;
use crate::hash::{Hash, node, plain};
use crate::proof::root_over;

/// A log's tree. A log has a few statements a draw, so all of it fits in memory.
///
/// Roots of complete subtrees are kept, so that a proof takes a few hashes and not all of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogTree {
    /// By height: the roots of the complete subtrees with 2^height leaves, from the left. Those of height 0 are the leaves.
    levels: Vec<Vec<Hash>>,
}

impl LogTree {
    /// A log without statements.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends a statement; answers its index.
    pub fn push(&mut self, statement: &Statement) -> u64 {
        let mut carried = statement.leaf_hash();
        for height in 0.. {
            if self.levels.len() == height {
                self.levels.push(Vec::new());
            }
            let level = &mut self.levels[height];
            level.push(carried);
            match level[..] {
                [.., left, right] if level.len().is_multiple_of(2) => carried = node(&left, &right),
                _ => break,
            }
        }
        self.size() - 1
    }

    /// How many statements there are.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.leaves() as u64
    }

    /// The root of the first `size` statements; `None` where there are fewer.
    #[must_use]
    pub fn root(&self, size: u64) -> Option<Hash> {
        self.first(size).map(|leaves| self.root_of(leaves))
    }

    /// The path from the statement at `index` to the root of the first `size` (RFC 9162, 2.1.3.1).
    #[must_use]
    pub fn inclusion(&self, index: u64, size: u64) -> Option<Vec<Hash>> {
        let (leaves, index) = (self.first(size)?, usize::try_from(index).ok()?);
        leaves.contains(&index).then(|| self.inclusion_in(index, leaves))
    }

    /// That the first `size` statements begin with the first `old_size` (RFC 9162, 2.1.4.1); empty where that needs no proof.
    #[must_use]
    pub fn consistency(&self, old_size: u64, size: u64) -> Option<Vec<Hash>> {
        let (leaves, old) = (self.first(size)?, usize::try_from(old_size).ok()?);
        match old {
            0 => Some(Vec::new()),
            old if old <= leaves.end => Some(self.consistency_in(old, leaves, true)),
            _ => None,
        }
    }

    /// The roots of complete subtrees with 2^`height` leaves each, for a range of them; `None` where one is not there.
    #[must_use]
    pub fn subtrees(&self, height: u32, range: Range<u64>) -> Option<&[Hash]> {
        let level = self.levels.get(height as usize)?;
        level.get(usize::try_from(range.start).ok()?..usize::try_from(range.end).ok()?)
    }

    fn leaves(&self) -> usize {
        self.levels.first().map_or(0, Vec::len)
    }

    fn first(&self, size: u64) -> Option<Range<usize>> {
        usize::try_from(size).ok().filter(|size| *size <= self.leaves()).map(|size| 0..size)
    }

    /// RFC 6962, section 2.1, over leaves whose first one begins a subtree as large as the range or larger.
    fn root_of(&self, leaves: Range<usize>) -> Hash {
        match leaves.len() {
            0 => plain(b""),
            length if length.is_power_of_two() => self.levels[length.trailing_zeros() as usize][leaves.start / length],
            length => {
                let middle = leaves.start + split(length);
                node(&self.root_of(leaves.start..middle), &self.root_of(middle..leaves.end))
            }
        }
    }

    fn inclusion_in(&self, index: usize, leaves: Range<usize>) -> Vec<Hash> {
        if leaves.len() == 1 {
            return Vec::new();
        }
        let middle = leaves.start + split(leaves.len());
        let (left, right) = (leaves.start..middle, middle..leaves.end);
        let (mut path, sibling) = if index < middle {
            (self.inclusion_in(index, left), self.root_of(right))
        } else {
            (self.inclusion_in(index, right), self.root_of(left))
        };
        path.push(sibling);
        path
    }

    /// `is_whole`: true if the old log is a complete subtree so far, so that its root is known to who asks.
    fn consistency_in(&self, old: usize, leaves: Range<usize>, is_whole: bool) -> Vec<Hash> {
        if old == leaves.end {
            return if is_whole { Vec::new() } else { vec![self.root_of(leaves)] };
        }
        let middle = leaves.start + split(leaves.len());
        let (left, right) = (leaves.start..middle, middle..leaves.end);
        let (mut path, sibling) = if old <= middle {
            (self.consistency_in(old, left, is_whole), self.root_of(right))
        } else {
            (self.consistency_in(old, right, false), self.root_of(left))
        };
        path.push(sibling);
        path
    }
}

/// The root that follows from a leaf hash, its index and its path in a log of `size` statements. `None` where the
/// path's length does not fit.
#[must_use]
pub fn root_of_inclusion(leaf_hash: &Hash, index: u64, size: u64, path: &[Hash]) -> Option<Hash> {
    root_over(*leaf_hash, index, size, path)
}

/// True if a proof shows that the log with the new size and root begins with the old one (RFC 9162, 2.1.4.2).
#[must_use]
pub fn consistent(old: (u64, Hash), new: (u64, Hash), proof: &[Hash]) -> bool {
    let ((old_size, old_root), (new_size, new_root)) = (old, new);
    if old_size == 0 || old_size == new_size {
        let empty = old_size > 0 || old_root == plain(b"");
        return proof.is_empty() && empty && (old_size == 0 || old_root == new_root);
    }
    if old_size > new_size {
        return false;
    }
    // A complete subtree is its own proof.
    let path: Vec<Hash> =
        old_size.is_power_of_two().then_some(old_root).into_iter().chain(proof.iter().copied()).collect();
    let Some((first, path)) = path.split_first() else { return false };
    let (mut at, mut last) = (old_size - 1, new_size - 1);
    while at & 1 == 1 {
        (at, last) = (at >> 1, last >> 1);
    }
    let (mut old_node, mut new_node) = (*first, *first);
    for sibling in path {
        if last == 0 {
            return false;
        }
        if at & 1 == 1 || at == last {
            (old_node, new_node) = (node(sibling, &old_node), node(sibling, &new_node));
            while at & 1 == 0 && at != 0 {
                (at, last) = (at >> 1, last >> 1);
            }
        } else {
            new_node = node(&new_node, sibling);
        }
        (at, last) = (at >> 1, last >> 1);
    }
    last == 0 && old_node == old_root && new_node == new_root
}

/// The largest power of two below a number of leaves.
fn split(leaves: usize) -> usize {
    leaves.next_power_of_two() / 2
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(size: u64) -> LogTree {
        let mut log = LogTree::new();
        for n in 0..size {
            assert_eq!(log.push(&Statement::Void { draw: plain(&n.to_be_bytes()) }), n);
        }
        log
    }

    #[test]
    fn every_statement_is_proved_in_every_log_that_has_it() {
        let log = log(33);
        for size in 1..=33 {
            let root = log.root(size).unwrap();
            for index in 0..size {
                let path = log.inclusion(index, size).unwrap();
                let leaf = &log.levels[0][usize::try_from(index).unwrap()];
                assert_eq!(root_of_inclusion(leaf, index, size, &path), Some(root), "{index} of {size}");
                assert_ne!(root_of_inclusion(&[0; 32], index, size, &path), Some(root));
                let longer = [&path[..], &[root]].concat();
                assert_ne!(root_of_inclusion(leaf, index, size, &longer), Some(root));
            }
            assert_eq!(log.inclusion(size, size), None);
        }
        assert_eq!((log.root(34), log.inclusion(0, 34)), (None, None));
    }

    #[test]
    fn every_log_is_the_beginning_of_every_later_one_and_of_no_other() {
        let honest = log(33);
        let forked = {
            let mut forked = LogTree::new();
            (0..33u64).for_each(|n| {
                forked.push(&Statement::Void { draw: plain(&n.max(1).to_be_bytes()) });
            });
            forked
        };
        for new_size in 0..=33 {
            let new = (new_size, honest.root(new_size).unwrap());
            for old_size in 0..=new_size {
                let old = (old_size, honest.root(old_size).unwrap());
                let proof = honest.consistency(old_size, new_size).unwrap();
                assert!(consistent(old, new, &proof), "{old_size} to {new_size}");
                assert_eq!(consistent(new, old, &proof), old_size == new_size, "a log does not shrink");
                let fork = (old_size, forked.root(old_size).unwrap());
                let forged = forked.consistency(old_size, new_size).unwrap();
                let by_fork = consistent(fork, new, &proof) || consistent(fork, new, &forged);
                assert_eq!(by_fork, old_size == 0, "a fork of {old_size} to {new_size}");
                assert!(!consistent(old, new, &[&proof[..], &[new.1]].concat()));
            }
        }
        assert_eq!(honest.consistency(34, 33), None);
        assert!(!consistent((0, [1; 32]), (1, honest.root(1).unwrap()), &[]), "no log is empty with another root");
    }
}
