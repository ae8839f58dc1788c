//! The place of every entry of every tier.

use std::thread;

use fairgate_draw::Verdict;
use fairgate_draw::v2::{Places, Record};

/// The places of each tier, in the order of its roster.
pub(super) type TierPlaces = Vec<Vec<u32>>;

/// Every place, or why there is none. Tiers are shuffled side by side.
pub(super) fn recompute(record: &Record) -> Result<TierPlaces, Verdict> {
    let places = match record.places() {
        None => return Err(Verdict::Open("there is no seed yet".into())),
        Some(Err(wrong)) => return Err(Verdict::Fails(wrong.to_string())),
        Some(Ok(places)) => places,
    };
    if places.deal().entries() > u32::MAX.into() {
        return Err(Verdict::Open(format!(
            "{} entries are too many to recompute every place",
            places.deal().entries()
        )));
    }
    let tiers = (0..=u8::MAX).take(places.deal().lots().len());
    thread::scope(|scope| {
        let places = &places;
        let shuffling: Vec<_> = tiers.map(|tier| scope.spawn(move || places_of(places, tier))).collect();
        shuffling.into_iter().map(|tier| tier.join().expect("a shuffle does not fail")).collect()
    })
}

fn places_of(places: &Places, tier: u8) -> Result<Vec<u32>, Verdict> {
    let mut order = places.tier_order(tier).map_err(|error| Verdict::Open(error.to_string()))?;
    for j in &mut order {
        let place = places.deal().place(tier, u64::from(*j)).and_then(|place| u32::try_from(place).ok());
        *j = place.ok_or_else(|| Verdict::Fails(format!("entry {j} of tier {tier} has no place")))?;
    }
    Ok(order)
}

/// Checks that places are those of 0..ΣN-1, each once.
pub(super) fn check(record: &Record, places: &TierPlaces) -> Verdict {
    let entries: usize = places.iter().map(Vec::len).sum();
    let mut given = vec![0_u64; entries.div_ceil(64)];
    let all = places.iter().enumerate().flat_map(|(tier, places)| places.iter().map(move |place| (tier, *place)));
    for (tier, place) in all {
        let Some(word) = given.get_mut(place as usize / 64).filter(|_| (place as usize) < entries) else {
            return Verdict::Fails(format!("an entry of tier {tier} has place {place} of {entries}"));
        };
        let bit = 1 << (place % 64);
        if *word & bit != 0 {
            return Verdict::Fails(format!("place {place} is given twice, the second time in tier {tier}"));
        }
        *word |= bit;
    }
    match record.entries() {
        Some(expected) if expected == entries as u64 => {
            Verdict::Holds(format!("{entries} entries in {} tiers have places 0 to N-1, each once", places.len()))
        }
        expected => Verdict::Fails(format!("{entries} places for {} entries", expected.unwrap_or(0))),
    }
}
