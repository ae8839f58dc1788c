//! Codes that several people show: the most frequent ones, in fixed memory.
//!
//! Guarantees:
//! - memory is fixed: 1,024 counters, whatever comes
//! - a tag that came back more often than one in 1,024 of all is among them (space-saving, Metwally et al., 2005)
//! - a count is never too low
//!
//! Sharing a code wins nothing, for one code is one entry. So it is told to the organizer, and not punished.

use fairgate_draw::v2::Tag;

use crate::heat::NetworkTag;

/// Counters of an edge.
pub const COUNTERS: usize = 1024;
/// From more networks than these a code counts as shared.
pub const NETWORKS_USUAL: usize = 3;
/// With more keys than these a code counts as shared.
pub const KEYS_USUAL: usize = 5;

/// How often an identity came again, and from how many places.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shared {
    /// The identity's tag.
    pub tag: Tag,
    /// How often it came again; never too low.
    pub times: u64,
    /// Distinct networks, at most one more than [`NETWORKS_USUAL`].
    pub networks: usize,
    /// Distinct keys, at most one more than [`KEYS_USUAL`].
    pub keys: usize,
}

#[derive(Clone, Debug)]
struct Counter {
    tag: Tag,
    times: u64,
    /// Times that another tag had come before: the counter was taken over with them.
    inherited: u64,
    networks: Vec<NetworkTag>,
    keys: Vec<[u8; 16]>,
}

/// The counters of an edge for one draw.
#[derive(Clone, Debug, Default)]
pub struct Sharing {
    counters: Vec<Counter>,
}

impl Sharing {
    /// Notes that an identity came again; answers how many networks have shown it, as far as is known.
    ///
    /// `key` is the first half of the thumbprint, where the room binds entries to keys.
    pub fn note(&mut self, tag: &Tag, network: NetworkTag, key: Option<[u8; 16]>) -> usize {
        let place = self.counters.iter().position(|counter| counter.tag == *tag).unwrap_or_else(|| self.place_for(tag));
        let counter = &mut self.counters[place];
        counter.times = counter.times.saturating_add(1);
        remember(&mut counter.networks, network, NETWORKS_USUAL);
        if let Some(key) = key {
            remember(&mut counter.keys, key, KEYS_USUAL);
        }
        counter.networks.len()
    }

    /// True if nobody came again yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.counters.is_empty()
    }

    /// How often an identity came again, as far as is known, and from how many networks; never too high.
    #[must_use]
    pub fn known(&self, tag: &Tag) -> (u64, usize) {
        let own = self.counters.iter().find(|counter| counter.tag == *tag);
        own.map_or((0, 0), |own| (own.times - own.inherited, own.networks.len()))
    }

    /// The codes from more networks or with more keys than usual, the most frequent first.
    #[must_use]
    pub fn shared(&self) -> Vec<Shared> {
        let is_shared = |counter: &&Counter| counter.networks.len() > NETWORKS_USUAL || counter.keys.len() > KEYS_USUAL;
        let told = |counter: &Counter| Shared {
            tag: counter.tag,
            times: counter.times,
            networks: counter.networks.len(),
            keys: counter.keys.len(),
        };
        let mut shared: Vec<Shared> = self.counters.iter().filter(is_shared).map(told).collect();
        shared.sort_by(|a, b| b.times.cmp(&a.times).then(a.tag.cmp(&b.tag)));
        shared
    }

    /// A counter for a new tag: a free one, or that of the rarest, whose count the new one takes over.
    fn place_for(&mut self, tag: &Tag) -> usize {
        let new = |times| Counter { tag: *tag, times, inherited: times, networks: Vec::new(), keys: Vec::new() };
        if self.counters.len() < COUNTERS {
            self.counters.push(new(0));
            return self.counters.len() - 1;
        }
        let rarest = self.counters.iter().enumerate().min_by_key(|(_, counter)| counter.times);
        let (place, times) = rarest.map_or((0, 0), |(place, counter)| (place, counter.times));
        self.counters[place] = new(times);
        place
    }
}

/// Adds something new, up to one more than is usual: more need not be told apart.
fn remember<T: PartialEq>(known: &mut Vec<T>, new: T, usual: usize) {
    if known.len() <= usual && !known.contains(&new) {
        known.push(new);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    fn tag(number: u64) -> Tag {
        let mut tag = [0; 16];
        tag[..8].copy_from_slice(&number.to_be_bytes());
        tag
    }

    fn network(number: u64) -> NetworkTag {
        NetworkTag(number.to_be_bytes())
    }

    #[test]
    fn a_code_is_shared_from_the_fourth_network_or_the_sixth_key() {
        let mut sharing = Sharing::default();
        assert!(sharing.is_empty());
        let seen: Vec<usize> = [1, 1, 2, 3, 3].map(|n| sharing.note(&tag(1), network(n), None)).to_vec();
        assert_eq!((seen, sharing.shared()), (vec![1, 1, 2, 3, 3], vec![]));
        sharing.note(&tag(1), network(4), None);
        sharing.note(&tag(1), network(5), None);
        assert_eq!(sharing.shared(), [Shared { tag: tag(1), times: 7, networks: 4, keys: 0 }]);
        assert_eq!((sharing.known(&tag(1)), sharing.known(&tag(9))), ((7, 4), (0, 0)));
        for key in 0..6 {
            let before = sharing.shared().len();
            sharing.note(&tag(2), network(1), Some([key; 16]));
            assert_eq!(sharing.shared().len() > before, key == 5);
        }
        assert_eq!(sharing.shared().iter().map(|shared| shared.times).collect::<Vec<_>>(), [7, 6]);
    }

    #[test]
    fn what_comes_often_is_never_lost() {
        let mut sharing = Sharing::default();
        for n in 0..50_000u64 {
            sharing.note(&tag(if n % 100 == 0 { 0 } else { n }), network(n % 7), None);
        }
        assert_eq!(sharing.counters.len(), COUNTERS);
        let often = sharing.counters.iter().find(|counter| counter.tag == tag(0)).expect("one in a hundred");
        assert!((500..=500 + 50_000 / COUNTERS as u64).contains(&often.times), "{}", often.times);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]

        #[test]
        fn a_count_is_never_too_low(notes in proptest::collection::vec(0u64..3000, 0..4000)) {
            let (mut sharing, mut exact) = (Sharing::default(), HashMap::<u64, u64>::new());
            for n in &notes {
                sharing.note(&tag(*n), network(0), None);
                *exact.entry(*n).or_default() += 1;
            }
            for counter in &sharing.counters {
                let mut number = [0; 8];
                number.copy_from_slice(&counter.tag[..8]);
                prop_assert!(counter.times >= exact[&u64::from_be_bytes(number)]);
            }
        }
    }
}
