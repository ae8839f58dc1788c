//! The draw of 14 million entries against its bare parts: hashing with ring alone, and the shuffle's loop alone.

use std::hint::black_box;
use std::time::Instant;

use fairgate_draw::{ROUNDS, RootHasher, Shuffle};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use ring::digest::{SHA256, digest};

use crate::report::{Goal, Row};

const ENTRIES: u32 = 14_000_000;
const SEED: [u8; 32] = [7; 32];

/// Places, root, and both as one draw.
pub(crate) fn run(rounds: usize) -> anyhow::Result<Vec<Row>> {
    let mut places = Vec::new();
    let mut roots = Vec::new();
    let mut draws = Vec::new();
    for _ in 0..rounds {
        let place = (seconds(our_places), seconds(bare_shuffle));
        let root = (seconds(our_root), seconds(bare_hashes));
        draws.push((place.0 + root.0, place.1 + root.1));
        places.push(place);
        roots.push(root);
    }
    let one = (0..rounds * 100).map(milliseconds_of_place);
    Ok(vec![
        Row::within("draw: one place of 14 million", "ms", 0.15, one),
        Row::from_rounds("draw: all places of 14 million", "s", Goal::AtMost(1.2), &places),
        Row::from_rounds("draw: root of 14 million", "s", Goal::AtMost(1.2), &roots),
        Row::from_rounds("draw: root and places of 14 million", "s", Goal::AtMost(1.2), &draws),
    ])
}

/// One place, from nothing but the seed.
fn milliseconds_of_place(n: usize) -> f64 {
    let index = (n as u64).wrapping_mul(1_000_003) % u64::from(ENTRIES);
    1000.0 * seconds(|| _ = black_box(Shuffle::new(&SEED, ENTRIES.into()).place(index)))
}

fn seconds(work: impl FnOnce()) -> f64 {
    let started = Instant::now();
    work();
    started.elapsed().as_secs_f64()
}

fn entry(index: u32) -> [u8; 32] {
    let mut entry = [0; 32];
    entry[..4].copy_from_slice(&index.to_le_bytes());
    entry
}

fn our_places() {
    black_box(Shuffle::new(&SEED, ENTRIES.into()).all_places().expect("14 million fit 32 bits"));
}

fn our_root() {
    let mut hasher = RootHasher::new();
    (0..ENTRIES).for_each(|index| hasher.push(&entry(index)));
    black_box(hasher.finish());
}

/// As many SHA-256 calls as the tree has leaves and nodes, of the same lengths, and nothing else.
fn bare_hashes() {
    for index in 0..ENTRIES {
        let mut leaf = [0; 33];
        leaf[1..].copy_from_slice(&entry(index));
        black_box(digest(&SHA256, &leaf));
    }
    let mut node = [1; 65];
    for index in 1..ENTRIES {
        node[1..5].copy_from_slice(&index.to_le_bytes());
        black_box(digest(&SHA256, &node));
    }
}

/// The shuffle as its definition reads: a round after the other, pair by pair, one keystream pass a round. It is
/// without the branch that would be mispredicted half of the time.
fn bare_shuffle() {
    let n = ENTRIES as usize;
    let mut table: Vec<u32> = (0..ENTRIES).collect();
    let mut pivots = ChaCha20Rng::from_seed(SEED);
    for round in (0..ROUNDS).rev() {
        let pivot = pivots.next_u64() as usize % n;
        let mut keystream = ChaCha20Rng::from_seed(SEED);
        keystream.set_stream(round as u64);
        let (low, high) = table.split_at_mut(pivot + 1);
        swap_pairs(low, 0, &mut keystream);
        swap_pairs(high, pivot + 1, &mut keystream);
    }
    black_box(table);
}

/// Swaps the pairs of a slice that mirror each other, from the middle outwards; the slice starts at position `first`.
fn swap_pairs(positions: &mut [u32], first: usize, keystream: &mut ChaCha20Rng) {
    let (lower, upper) = positions.split_at_mut(positions.len().div_ceil(2));
    let mut q = first + lower.len();
    keystream.set_word_pos((q / 32) as u128);
    let mut word = keystream.next_u32() >> (q % 32);
    let skip = lower.len() - upper.len();
    for (low, high) in lower.iter_mut().rev().skip(skip).zip(upper) {
        let difference = (*low ^ *high) & 0_u32.wrapping_sub(word & 1);
        *low ^= difference;
        *high ^= difference;
        q += 1;
        word = if q.is_multiple_of(32) { keystream.next_u32() } else { word >> 1 };
    }
}
