//! Offers to move a place to another device, as stores keep them: few, for minutes, and for all edges of a fleet.
//!
//! Guarantees:
//! - a place has one open offer at a time, and a room a bounded number
//! - who accepts first has accepted, and another changes nothing
//! - each is gone at its end, and a restart ends it: no place depends on one
//!
//! This is the model, which the embedded store has in memory. Three scripts are the same in Redis.

use std::collections::BTreeMap;

/// The most open offers of a room.
pub const OFFERS_MAX: usize = 4_096;

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
        let Self { kept, of_places } = self;
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
