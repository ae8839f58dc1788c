//! Who the fans of a room with tiers and identities are, and what such a room asks. All of it follows from the seed, and from
//! streams of chance that no other world reads.

use fairgate_core::room::Rules;
use fairgate_draw::v2::{Method, Methods, Tag, Tier, Tiers};
use rand::{Rng, RngExt};
use rand_chacha::ChaCha8Rng;

use super::scenario::stream;

/// What a fan shows when joining.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Person {
    /// The tier that the fan belongs to.
    pub(crate) tier: u8,
    /// The fan's tag: no two fans have the same.
    pub(crate) tag: Tag,
}

/// Two or three tiers, and an identity that everybody has to show.
pub(crate) fn rules(seed: u64) -> Rules {
    let mut random = stream(seed, 9);
    let count = random.random_range(2..=3);
    let (mut tiers, mut band) = (Vec::new(), 0);
    for name in ["members", "fans", "public"].into_iter().take(count) {
        let (is_behind, share) = (!tiers.is_empty() && random.random(), random.random_range(1..4));
        band += u8::from(is_behind);
        tiers.push(Tier { band, name: name.to_owned(), share });
    }
    let identity = Methods::new(vec![Method::mail()]).expect("a mailbox is an identity");
    Rules { identity, tiers: Tiers::new(tiers).expect("bands ascend by one at most"), retry: None, expected: 0 }
}

/// A fan, and in one case of four the random bytes with which the fan's second device joins.
pub(crate) fn person(tiers: usize, random: &mut ChaCha8Rng) -> (Person, Option<[u8; 16]>) {
    let tier = u8::try_from(random.random_range(0..tiers)).expect("a room has few tiers");
    let mut tag = [0; 16];
    random.fill_bytes(&mut tag);
    let has_second = random.random_range(0..4) == 0;
    (Person { tier, tag }, has_second.then(|| random.random()))
}
