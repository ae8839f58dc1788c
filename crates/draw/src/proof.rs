//! Step 3, for one fan: proofs that an entry stands in the published roster, without a copy of the tree. The tree over
//! a roster's identity tags is one of the same kind.
//!
//! [`RosterTree`] keeps the hashes above chunks of [`CHUNK_ENTRIES`] entries (64 bytes a chunk). A proof is made from
//! those and the entry's chunk, which the caller reads from the roster. It never vouches for bytes that are not in the
//! roster: a chunk that does not hash to what was frozen is refused.

use std::ops::Range;

use crate::hash::{Hash, leaf, node, plain};

/// Entries a chunk; a power of two, so that a chunk is a subtree.
pub const CHUNK_ENTRIES: u64 = 4096;

/// The upper levels of a frozen roster's tree.
#[derive(Clone, Debug)]
pub struct RosterTree {
    entries: u64,
    /// `levels[0]` has the root of each chunk; the last level has one hash, the roster's root.
    levels: Vec<Vec<Hash>>,
}

/// Builds a [`RosterTree`] from entries pushed in index order.
#[derive(Clone, Debug, Default)]
pub struct RosterTreeBuilder {
    entries: u64,
    chunk: Vec<Hash>,
    chunk_roots: Vec<Hash>,
}

/// That an entry stands at an index of a roster with a known root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InclusionProof {
    /// The entry's index.
    pub index: u64,
    /// N.
    pub entries: u64,
    /// Sibling hashes from the leaf to the root (RFC 6962, section 2.1.1).
    pub path: Vec<Hash>,
}

/// Why there is no proof.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// The roster has no such entry.
    #[error("there is no entry {index}: the roster has {entries}")]
    NoSuchEntry {
        /// The index asked for.
        index: u64,
        /// N.
        entries: u64,
    },
    /// The chunk's bytes are not those that were frozen.
    #[error("entries {} to {} are not those that were frozen", .0.start, .0.end)]
    ChunkChanged(Range<u64>),
}

impl RosterTreeBuilder {
    /// A roster without entries.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends the next entry, or the next identity tag.
    pub fn push<const N: usize>(&mut self, entry: &[u8; N]) {
        self.chunk.push(leaf(entry));
        self.entries += 1;
        if self.entries.is_multiple_of(CHUNK_ENTRIES) {
            self.close_chunk();
        }
    }

    /// The tree over all entries pushed.
    #[must_use]
    pub fn finish(mut self) -> RosterTree {
        if !self.chunk.is_empty() {
            self.close_chunk();
        }
        RosterTree { entries: self.entries, levels: levels(self.chunk_roots) }
    }

    fn close_chunk(&mut self) {
        let levels = levels(std::mem::take(&mut self.chunk));
        self.chunk_roots.push(top(&levels));
    }
}

impl RosterTree {
    /// N.
    #[must_use]
    pub fn entries(&self) -> u64 {
        self.entries
    }

    /// The roster's root: equal to what [`RootHasher`](crate::RootHasher) computes.
    #[must_use]
    pub fn root(&self) -> Hash {
        top(&self.levels)
    }

    /// Which entries [`proof`](Self::proof) needs to read for this index; `None` where there is no such entry.
    #[must_use]
    pub fn chunk(&self, index: u64) -> Option<Range<u64>> {
        let start = index - index % CHUNK_ENTRIES;
        (index < self.entries).then(|| start..(start + CHUNK_ENTRIES).min(self.entries))
    }

    /// The proof for the entry at `index`, from the entries of its [`chunk`](Self::chunk).
    ///
    /// # Errors
    /// Where there is no such entry, or the chunk is not what was frozen.
    pub fn proof<const N: usize>(&self, index: u64, chunk: &[[u8; N]]) -> Result<InclusionProof, ProofError> {
        let range = self.chunk(index).ok_or(ProofError::NoSuchEntry { index, entries: self.entries })?;
        let lower = levels(chunk.iter().map(leaf).collect());
        let number = position(index / CHUNK_ENTRIES);
        if chunk.len() as u64 != range.end - range.start || top(&lower) != self.levels[0][number] {
            return Err(ProofError::ChunkChanged(range));
        }
        let mut path = siblings(&lower, position(index - range.start));
        path.extend(siblings(&self.levels, number));
        Ok(InclusionProof { index, entries: self.entries, path })
    }
}

impl InclusionProof {
    /// True if this proves that `entry` stands at the index in the roster with this root.
    #[must_use]
    pub fn verify<const N: usize>(&self, entry: &[u8; N], root: &Hash) -> bool {
        root_over(leaf(entry), self.index, self.entries, &self.path) == Some(*root)
    }
}

/// The root that follows from a leaf's hash and its path (RFC 9162, section 2.1.3.2). `None` where the path's length
/// does not fit the index and the number of leaves.
pub(crate) fn root_over(leaf: Hash, mut index: u64, leaves: u64, path: &[Hash]) -> Option<Hash> {
    let mut last = leaves.checked_sub(1)?;
    if index > last {
        return None;
    }
    let mut hash = leaf;
    for sibling in path {
        // The last node of a level may have no sibling there, or on several levels: it moves up as it is.
        while index == last && index.is_multiple_of(2) && last > 0 {
            index /= 2;
            last /= 2;
        }
        if last == 0 {
            return None;
        }
        hash = if index.is_multiple_of(2) { node(&hash, sibling) } else { node(sibling, &hash) };
        index /= 2;
        last /= 2;
    }
    (last == 0).then_some(hash)
}

/// The tree over nodes that are hashed already, level by level; a node without sibling moves up as it is.
fn levels(bottom: Vec<Hash>) -> Vec<Vec<Hash>> {
    let mut levels = vec![bottom];
    while levels[levels.len() - 1].len() > 1 {
        let below = &levels[levels.len() - 1];
        let above = below.chunks(2).map(|pair| if let [left, right] = pair { node(left, right) } else { pair[0] });
        levels.push(above.collect());
    }
    levels
}

fn top(levels: &[Vec<Hash>]) -> Hash {
    levels.last().and_then(|level| level.first()).copied().unwrap_or_else(|| plain(b""))
}

fn siblings(levels: &[Vec<Hash>], bottom: usize) -> Vec<Hash> {
    levels.iter().enumerate().filter_map(|(height, level)| level.get((bottom >> height) ^ 1).copied()).collect()
}

/// Positions below the number of entries held in memory fit a `usize`.
fn position(number: u64) -> usize {
    usize::try_from(number).expect("as many hashes are in memory")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::sample::Index;

    use super::*;
    use crate::RootHasher;

    fn roster(entries: u64) -> Vec<Hash> {
        (0..entries).map(|i| plain(&i.to_be_bytes())).collect()
    }

    fn tree(roster: &[Hash]) -> RosterTree {
        let mut builder = RosterTreeBuilder::new();
        roster.iter().for_each(|entry| builder.push(entry));
        builder.finish()
    }

    fn prove(roster: &[Hash], tree: &RosterTree, index: u64) -> InclusionProof {
        let range = tree.chunk(index).unwrap();
        tree.proof(index, &roster[position(range.start)..position(range.end)]).unwrap()
    }

    #[test]
    fn root_equals_the_streaming_root() {
        for n in [0, 1, 2, 7, 4095, 4096, 4097, 8191, 8192, 12_289, 40_000] {
            let roster = roster(n);
            let mut hasher = RootHasher::new();
            roster.iter().for_each(|entry| hasher.push(entry));
            let tree = tree(&roster);
            assert_eq!((tree.entries(), tree.root()), hasher.finish(), "{n} entries");
        }
    }

    #[test]
    fn every_entry_of_small_rosters_is_proved() {
        for n in 1..=70 {
            let roster = roster(n);
            let tree = tree(&roster);
            for index in 0..n {
                assert!(prove(&roster, &tree, index).verify(&roster[position(index)], &tree.root()), "{index} of {n}");
            }
        }
    }

    #[test]
    fn there_is_no_proof_beyond_the_end_or_for_changed_bytes() {
        let mut roster = roster(5000);
        let tree = tree(&roster);
        assert_eq!(tree.proof::<32>(5000, &[]), Err(ProofError::NoSuchEntry { index: 5000, entries: 5000 }));
        assert_eq!(tree.chunk(5000), None);
        assert_eq!(tree.chunk(4999), Some(4096..5000));
        assert_eq!(tree.proof(4096, &roster[4096..4999]), Err(ProofError::ChunkChanged(4096..5000)));
        roster[4097][0] ^= 1;
        assert_eq!(tree.proof(4096, &roster[4096..]), Err(ProofError::ChunkChanged(4096..5000)));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn proofs_verify_and_mutations_fail(
            n in prop_oneof![1_u64..300, 4000_u64..9000],
            at: Index,
            hash: Index,
            bit in 0_usize..256,
        ) {
            let roster = roster(n);
            let tree = tree(&roster);
            let index = at.index(roster.len()) as u64;
            let entry = roster[position(index)];
            let proof = prove(&roster, &tree, index);
            prop_assert!(proof.verify(&entry, &tree.root()));

            let flipped = |mut hash: Hash| { hash[bit / 8] ^= 1 << (bit % 8); hash };
            prop_assert!(!proof.verify(&flipped(entry), &tree.root()));
            prop_assert!(!proof.verify(&entry, &flipped(tree.root())));
            for mutated in mutations(&proof, hash, flipped) {
                prop_assert!(!mutated.verify(&entry, &tree.root()), "{mutated:?}");
            }
        }
    }

    /// The proof with one thing wrong: a bit of the path, its length, the index.
    fn mutations(proof: &InclusionProof, at: Index, flipped: impl Fn(Hash) -> Hash) -> Vec<InclusionProof> {
        let mut longer = proof.clone();
        longer.path.push(crate::ZERO);
        let mut mutations = vec![longer, InclusionProof { index: proof.entries, ..proof.clone() }];
        mutations.push(InclusionProof { entries: 0, ..proof.clone() });
        if !proof.path.is_empty() {
            let mut bent = proof.clone();
            let hash = at.get_mut(&mut bent.path);
            *hash = flipped(*hash);
            let mut shorter = proof.clone();
            shorter.path.pop();
            mutations.extend([bent, shorter, InclusionProof { index: proof.index ^ 1, ..proof.clone() }]);
        }
        mutations
    }
}
