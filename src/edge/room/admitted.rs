//! What a fan has shown who comes into a room with tiers, as far as the room has to know.
//!
//! Guarantee: nothing here says who a fan is. Identities are tags, which nobody can read without the operator's key.

use fairgate_core::room::{Arrival, CodeUse};
use fairgate_draw::Hash;
use fairgate_draw::v2::{NO_TAG, Nonce, Tag, entry};

/// What a fan has shown. The default is a fan who has shown nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Admitted {
    /// The tier that the fan belongs to; the last one where none was shown.
    pub(crate) tier: Option<u8>,
    /// The tag of the identity, by the first method of the room's list that was shown. A code for several entries has one
    /// for each. There is none in a room that asks for no identity.
    pub(crate) tags: Vec<Tag>,
    /// Tags of further identities of this fan: they are looked up, and never entered.
    pub(crate) others: Vec<Tag>,
    /// From this time on (Unix seconds) what was shown counts for nothing; none where it has no such time.
    pub(crate) until_s: Option<u32>,
    /// A code that a new entry uses up, where the code is not the identity.
    pub(crate) code: Option<CodeUse>,
}

impl Admitted {
    /// The arrival of this fan in the draw with this descriptor digest, among so many tiers.
    pub(crate) fn arrival(&self, draw: &Hash, tiers: usize, nonce: Nonce) -> Arrival {
        let last = u8::try_from(tiers.saturating_sub(1)).unwrap_or(u8::MAX);
        let tier = self.tier.unwrap_or(last);
        let tags = if self.tags.is_empty() { &[NO_TAG][..] } else { &self.tags };
        Arrival {
            tier,
            several: tags.len() > 1,
            entries: tags.iter().map(|tag| (entry(draw, tier, nonce, tag), *tag)).collect(),
            others: self.others.clone(),
            code: self.code.clone(),
            until_s: self.until_s,
            replaces: None,
        }
    }

    /// The fan was found by one of the tags, counted through `tags` and on through `others`: a new entry is to be that
    /// identity's.
    pub(crate) fn be_known_by(&mut self, by: u8) {
        let of_others = usize::from(by).checked_sub(self.tags.len()).filter(|at| *at < self.others.len());
        let Some(at) = of_others else { return };
        let known = self.others.remove(at);
        // The tags of a code for several may be those of other people.
        if let [tag] = self.tags[..] {
            self.others.push(tag);
        }
        self.tags = vec![known];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DRAW: Hash = [7; 32];
    const NONCE: Nonce = Nonce([1; 16]);

    #[test]
    fn who_has_shown_nothing_comes_into_the_last_tier_without_a_tag() {
        let arrival = Admitted::default().arrival(&DRAW, 3, NONCE);
        assert_eq!(arrival, Arrival::plain(2, entry(&DRAW, 2, NONCE, &NO_TAG), NO_TAG));
    }

    #[test]
    fn who_was_found_by_another_identity_is_known_by_that_one() {
        let [one, two, three] = [[1; 16], [2; 16], [3; 16]];
        let shown = |tags: &[Tag], others: &[Tag]| Admitted {
            tags: tags.to_vec(),
            others: others.to_vec(),
            ..Admitted::default()
        };
        let known = |mut admitted: Admitted, by| {
            admitted.be_known_by(by);
            admitted
        };
        assert_eq!(known(shown(&[one], &[two, three]), 0), shown(&[one], &[two, three]));
        assert_eq!(known(shown(&[one], &[two, three]), 2), shown(&[three], &[two, one]));
        assert_eq!(known(shown(&[one, two], &[three]), 2), shown(&[three], &[]));
        assert_eq!(known(shown(&[one], &[]), 7), shown(&[one], &[]));
    }

    #[test]
    fn each_use_of_a_code_has_an_entry_of_its_own() {
        let admitted = Admitted { tier: Some(0), tags: vec![[1; 16], [2; 16]], ..Admitted::default() };
        let arrival = admitted.arrival(&DRAW, 3, NONCE);
        assert!(arrival.several);
        assert_eq!(arrival.entries, [[1; 16], [2; 16]].map(|tag| (entry(&DRAW, 0, NONCE, &tag), tag)));
    }
}
