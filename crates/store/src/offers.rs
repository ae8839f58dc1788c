//! Offers to move a place to another device, as stores keep them: few, for minutes, and for all edges of a fleet.
//!
//! Guarantees:
//! - a place has one open offer at a time, and a room a bounded number
//! - who accepts first has accepted, and another changes nothing
//! - each is gone at its end, and a restart ends it: no place depends on one
//! - letters that are nobody's are counted by network for the whole fleet, and the count ends with the time that it is for
//!
//! This is the model, which the embedded store has in memory. Four scripts are the same in Redis.

use std::collections::BTreeMap;

/// The most open offers of a room.
pub const OFFERS_MAX: usize = 4_096;

/// The most networks whose wrong letters are counted by themselves; those of all others are counted together.
pub const GUESSERS_MAX: usize = 100_000;

/// What stands for all networks that are not counted by themselves.
const OTHERS: GuesserName = [0; 8];

/// What stands for a network.
pub type GuesserName = [u8; 8];

/// Who types letters, and how often they may be wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Guesser {
    /// The network.
    pub network: GuesserName,
    /// How often its letters may be nobody's, in the time for which that is counted.
    pub wrong_max: u32,
    /// For how long that is counted, from the first one on.
    pub counted_ms: u64,
}

/// What became of letters that somebody typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Typed {
    /// They are an offer's.
    Found(OfferRow),
    /// They are nobody's.
    Unknown,
    /// The network was wrong too often.
    TooOften {
        /// When it may try again, ms.
        retry_after_ms: u64,
    },
}

/// What an offer, or the place of one, is called.
pub type OfferName = [u8; 16];

/// A new offer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewOffer {
    /// Its name.
    pub name: OfferName,
    /// What stands for its place.
    pub place: OfferName,
    /// What it is about, sealed.
    pub about: String,
    /// For how long it is good.
    pub good_for_ms: u64,
}

/// An offer as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OfferRow {
    /// What it is about, sealed.
    pub about: String,
    /// Who has accepted it.
    pub by: Option<String>,
    /// True if the place has moved.
    pub is_done: bool,
}

/// The offers of one room.
#[derive(Debug, Default)]
pub struct Offers {
    kept: BTreeMap<OfferName, Kept>,
    /// The open offer of a place.
    of_places: BTreeMap<OfferName, OfferName>,
    /// How often a network was wrong, and until when that is counted.
    wrong: BTreeMap<GuesserName, (u32, u64)>,
}

#[derive(Debug)]
struct Kept {
    row: OfferRow,
    place: OfferName,
    until_ms: u64,
}

impl Offers {
    /// Keeps an offer; false where there are as many as there may be.
    pub fn put(&mut self, offer: NewOffer, now_ms: u64) -> bool {
        self.end_in_time(now_ms);
        if let Some(before) = self.of_places.remove(&offer.place) {
            self.kept.remove(&before);
        }
        if self.of_places.len() >= OFFERS_MAX {
            return false;
        }
        let row = OfferRow { about: offer.about, by: None, is_done: false };
        let until_ms = now_ms.saturating_add(offer.good_for_ms);
        self.of_places.insert(offer.place, offer.name);
        self.kept.insert(offer.name, Kept { row, place: offer.place, until_ms });
        true
    }

    /// The offer with this name; `by` accepts it where nobody has.
    pub fn take(&mut self, name: &OfferName, by: Option<String>, now_ms: u64) -> Option<OfferRow> {
        self.end_in_time(now_ms);
        let row = &mut self.kept.get_mut(name)?.row;
        if row.by.is_none() && !row.is_done {
            row.by = by;
        }
        Some(row.clone())
    }

    /// The offer whose letters somebody has typed.
    pub fn typed(&mut self, name: &OfferName, by: &Guesser, now_ms: u64) -> Typed {
        self.end_in_time(now_ms);
        let is_counted = self.wrong.contains_key(&by.network) || self.wrong.len() < GUESSERS_MAX;
        let network = if is_counted { by.network } else { OTHERS };
        let (wrong, until_ms) = self.wrong.get(&network).copied().unwrap_or((0, now_ms.saturating_add(by.counted_ms)));
        if wrong >= by.wrong_max {
            return Typed::TooOften { retry_after_ms: until_ms - now_ms };
        }
        match self.kept.get(name) {
            Some(kept) => Typed::Found(kept.row.clone()),
            None => {
                self.wrong.insert(network, (wrong + 1, until_ms));
                Typed::Unknown
            }
        }
    }

    /// Ends an offer; `kept_ms` says for how long it is told that the place has moved.
    pub fn end(&mut self, name: &OfferName, place: &OfferName, kept_ms: Option<u64>, now_ms: u64) {
        self.end_in_time(now_ms);
        if self.of_places.get(place) == Some(name) {
            self.of_places.remove(place);
        }
        match (self.kept.get_mut(name), kept_ms) {
            (Some(kept), Some(kept_ms)) => {
                (kept.row.is_done, kept.until_ms) = (true, now_ms.saturating_add(kept_ms));
            }
            _ => drop(self.kept.remove(name)),
        }
    }

    fn end_in_time(&mut self, now_ms: u64) {
        let Self { kept, of_places, wrong } = self;
        wrong.retain(|_, (_, until_ms)| now_ms < *until_ms);
        kept.retain(|name, Kept { place, until_ms, .. }| {
            let goes_on = now_ms < *until_ms;
            if !goes_on && of_places.get(place) == Some(name) {
                of_places.remove(place);
            }
            goes_on
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offer(name: u8, place: u8) -> NewOffer {
        NewOffer { name: [name; 16], place: [place; 16], about: format!("about {name}"), good_for_ms: 100 }
    }

    #[test]
    fn a_network_is_wrong_so_often_and_others_are_not_held_to_it() {
        let mut offers = Offers::default();
        offers.put(offer(1, 1), 0);
        let farm = Guesser { network: [1; 8], wrong_max: 2, counted_ms: 50 };
        let home = Guesser { network: [2; 8], ..farm };
        assert_eq!([0, 10].map(|at_ms| offers.typed(&[9; 16], &farm, at_ms)), [Typed::Unknown, Typed::Unknown]);
        assert_eq!(offers.typed(&[1; 16], &farm, 20), Typed::TooOften { retry_after_ms: 30 }, "also with right ones");
        assert!(matches!(offers.typed(&[1; 16], &home, 20), Typed::Found(_)));
        assert!(matches!(offers.typed(&[1; 16], &farm, 50), Typed::Found(_)), "the time is over");
    }

    #[test]
    fn networks_beyond_a_bounded_number_are_counted_together() {
        let mut offers = Offers::default();
        let by = |n: u64| Guesser { network: n.to_be_bytes(), wrong_max: 2, counted_ms: 50 };
        for n in 1..=GUESSERS_MAX as u64 {
            offers.wrong.insert(n.to_be_bytes(), (1, 50));
        }
        let tries = [1, 2, 3].map(|n| offers.typed(&[9; 16], &by(1_000_000 + n), 0));
        assert_eq!(tries, [Typed::Unknown, Typed::Unknown, Typed::TooOften { retry_after_ms: 50 }]);
        assert_eq!(offers.typed(&[9; 16], &by(7), 0), Typed::Unknown, "one that is counted by itself");
        assert_eq!(offers.wrong.len(), GUESSERS_MAX + 1);
    }

    #[test]
    fn a_room_has_a_bounded_number_and_a_place_one() {
        let mut offers = Offers::default();
        for n in 0..OFFERS_MAX as u64 {
            let mut name = [0; 16];
            name[..8].copy_from_slice(&n.to_be_bytes());
            assert!(offers.put(NewOffer { name, place: name, about: String::new(), good_for_ms: 100 }, 0));
        }
        assert!(!offers.put(offer(254, 255), 99), "it is full");
        assert!(offers.put(offer(254, 0), 99), "instead of its own");
        assert!(offers.put(offer(253, 255), 100), "the others have ended");
        assert_eq!((offers.kept.len(), offers.of_places.len()), (2, 2));
    }
}
