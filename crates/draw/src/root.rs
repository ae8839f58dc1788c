//! Step 3: the RFC 6962 Merkle tree hash of a roster, or of its identity tags, as they stream by.

use crate::hash::{Hash, leaf, node, plain};

/// Computes the root over entries pushed in index order; memory is one hash a level of the tree.
#[derive(Clone, Debug, Default)]
pub struct RootHasher {
    entries: u64,
    /// Roots of the complete subtrees so far, greatest first: one for each bit set in `entries`.
    subtrees: Vec<Hash>,
}

impl RootHasher {
    /// A roster without entries.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends the next entry, or the next identity tag.
    pub fn push<const N: usize>(&mut self, entry: &[u8; N]) {
        self.push_leaf(leaf(entry));
    }

    /// How many entries were pushed.
    #[must_use]
    pub fn entries(&self) -> u64 {
        self.entries
    }

    /// `(N, root)`: what is published at the freeze. The root of no entries is `H("")`.
    #[must_use]
    pub fn finish(self) -> (u64, Hash) {
        let root = self.subtrees.into_iter().rev().reduce(|right, left| node(&left, &right));
        (self.entries, root.unwrap_or_else(|| plain(b"")))
    }

    fn push_leaf(&mut self, mut hash: Hash) {
        // Each subtree that the new leaf completes is as large as the one before it, so the two become one.
        for _ in 0..self.entries.trailing_ones() {
            let left = self.subtrees.pop().expect("a subtree for each bit of the count");
            hash = node(&left, &hash);
        }
        self.subtrees.push(hash);
        self.entries += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6962, section 2.1, word for word.
    fn recursive(entries: &[Hash]) -> Hash {
        match entries {
            [] => plain(b""),
            [one] => leaf(one),
            _ => {
                let (left, right) = entries.split_at(entries.len().next_power_of_two() / 2);
                node(&recursive(left), &recursive(right))
            }
        }
    }

    #[test]
    fn streaming_equals_the_definition() {
        let roster: Vec<Hash> = (0..300_u16).map(|i| plain(&i.to_be_bytes())).collect();
        for n in 0..=roster.len() {
            let mut hasher = RootHasher::new();
            roster[..n].iter().for_each(|entry| hasher.push(entry));
            assert_eq!(hasher.entries(), n as u64);
            assert_eq!(hasher.finish(), (n as u64, recursive(&roster[..n])), "{n} entries");
        }
    }
}
