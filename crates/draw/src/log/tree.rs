//! The RFC 6962 tree over the statements of a log, and what proves that it has one and only grows.

use super::Statement;
use crate::hash::{Hash, node, plain};
use crate::proof::root_over;

/// A log's leaves. A log has a few statements a draw, so all of them fit in memory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogTree {
    leaves: Vec<Hash>,
}

impl LogTree {
    /// A log without statements.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends a statement; answers its index.
    pub fn push(&mut self, statement: &Statement) -> u64 {
        self.leaves.push(statement.leaf_hash());
        self.size() - 1
    }

    /// How many statements there are.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.leaves.len() as u64
    }

    /// The root of the first `size` statements; `None` where there are fewer.
    #[must_use]
    pub fn root(&self, size: u64) -> Option<Hash> {
        self.first(size).map(root)
    }

    /// The path from the statement at `index` to the root of the first `size` (RFC 9162, 2.1.3.1).
    #[must_use]
    pub fn inclusion(&self, index: u64, size: u64) -> Option<Vec<Hash>> {
        let (leaves, index) = (self.first(size)?, usize::try_from(index).ok()?);
        (index < leaves.len()).then(|| inclusion(index, leaves))
    }

    /// That the first `size` statements begin with the first `old_size` (RFC 9162, 2.1.4.1); empty where that needs no proof.
    #[must_use]
    pub fn consistency(&self, old_size: u64, size: u64) -> Option<Vec<Hash>> {
        let (leaves, old) = (self.first(size)?, usize::try_from(old_size).ok()?);
        match old {
            0 => Some(Vec::new()),
            old if old <= leaves.len() => Some(consistency(old, leaves, true)),
            _ => None,
        }
    }

    fn first(&self, size: u64) -> Option<&[Hash]> {
        self.leaves.get(..usize::try_from(size).ok()?)
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

/// RFC 6962, section 2.1, over leaf hashes.
fn root(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => plain(b""),
        [one] => *one,
        _ => {
            let (left, right) = leaves.split_at(split(leaves.len()));
            node(&root(left), &root(right))
        }
    }
}

fn inclusion(index: usize, leaves: &[Hash]) -> Vec<Hash> {
    if leaves.len() == 1 {
        return Vec::new();
    }
    let middle = split(leaves.len());
    let (left, right) = leaves.split_at(middle);
    let (mut path, sibling) = if index < middle {
        (inclusion(index, left), root(right))
    } else {
        (inclusion(index - middle, right), root(left))
    };
    path.push(sibling);
    path
}

/// `is_whole`: whether the old log is a complete subtree so far, so that its root is known to who asks.
fn consistency(old: usize, leaves: &[Hash], is_whole: bool) -> Vec<Hash> {
    if old == leaves.len() {
        return if is_whole { Vec::new() } else { vec![root(leaves)] };
    }
    let middle = split(leaves.len());
    let (left, right) = leaves.split_at(middle);
    let (mut path, sibling) = if old <= middle {
        (consistency(old, left, is_whole), root(right))
    } else {
        (consistency(old - middle, right, false), root(left))
    };
    path.push(sibling);
    path
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
                let leaf = &log.leaves[usize::try_from(index).unwrap()];
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
        let mut forked = log(33);
        forked.leaves[0][0] ^= 1;
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
