//! Fans who join, with their networks. The joins of a network are counted where the room is, so that several edges
//! give a network no more than one would.
//!
//! Guarantees:
//! - counting costs no call of its own, and nothing where few come from a network
//! - what is kept of a network ends by itself as soon as its quota is whole again
//! - the key's name says nothing of the network's address to who does not know the room's secret

use fairgate_core::rate_limit::Quota;
use fairgate_core::room::{Entry, Position};

/// A network that has joined more than a few times lately, and what it may ask in all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CountedNetwork {
    /// A number that no other network has.
    pub key: u128,
    /// Joins that it may ask for, at however many edges.
    pub quota: Quota,
}

/// A fan who joins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Joiner<E = Entry> {
    /// The roster entry; in a room with tiers, the arrival.
    pub entry: E,
    /// The fan's networks whose joins are to be counted, the narrowest first; most fans have none.
    pub networks: Vec<CountedNetwork>,
}

/// What became of one join.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Joined<P = Position> {
    /// The fan got this number; in a room with tiers, this became of the arrival.
    At(P),
    /// One of the networks has had its share, over all edges.
    Over {
        /// When it may ask again.
        retry_after_ms: u64,
    },
}
