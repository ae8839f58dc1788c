//! What the formula promises of every draw: a bijection, in order, and to each tier its proportion.

use proptest::prelude::*;

use super::*;

/// Tiers as descriptors may have them, with at most so many entries each.
fn lots(entries_max: u64) -> impl Strategy<Value = Vec<Lot>> {
    let share = prop_oneof![1_u16..=8, 1_u16..=1000];
    prop::collection::vec((any::<bool>(), share, 0..=entries_max), 1..=16).prop_map(|tiers| {
        let mut band = 0;
        let mut lot = |(i, (is_next, share, entries)): (usize, (bool, u16, u64))| {
            band += u8::from(is_next && i > 0);
            Lot { band, share, entries }
        };
        tiers.into_iter().enumerate().map(&mut lot).collect()
    })
}

/// The definition: a band is sorted by the key `(j+1)/S`, then by tier.
fn sorted(lots: &[Lot]) -> Vec<(u8, u64)> {
    let mut all: Vec<(u8, u64)> = (0..).zip(lots).flat_map(|(t, lot)| (0..lot.entries).map(move |j| (t, j))).collect();
    let lot = |t: u8| lots[usize::from(t)];
    all.sort_by(|&(s, i), &(t, j)| {
        let key = |j: u64, other: u8| u128::from(j + 1) * u128::from(lot(other).share);
        lot(s).band.cmp(&lot(t).band).then(key(i, t).cmp(&key(j, s))).then(s.cmp(&t))
    });
    all
}

proptest! {
    #[test]
    fn places_are_the_ranks_of_the_keys_and_come_back(lots in lots(40)) {
        let deal = Deal::new(&lots).unwrap();
        for (place, (tier, j)) in (0..).zip(sorted(&lots)) {
            prop_assert_eq!(deal.place(tier, j), Some(place));
            prop_assert_eq!(deal.holder(place), Some((tier, j)));
        }
        prop_assert_eq!(deal.holder(deal.entries()), None);
    }

    #[test]
    fn places_increase_in_j_and_come_back_in_tiers_of_any_size(
        lots in lots(TIER_ENTRIES_MAX - 1),
        tier in 0_u8..16,
        at: u64,
    ) {
        let deal = Deal::new(&lots).unwrap();
        let entries = lots.get(usize::from(tier)).map_or(0, |lot| lot.entries);
        if let Some(j) = at.checked_rem(entries) {
            let place = deal.place(tier, j).unwrap();
            prop_assert!(place < deal.entries());
            prop_assert_eq!(deal.holder(place), Some((tier, j)));
            prop_assert!(j == 0 || deal.place(tier, j - 1) < Some(place));
        }
        prop_assert_eq!(deal.place(tier, entries), None);
    }

    /// While no tier is exhausted, a tier has at any point of its band at least its exact proportion less one place, and is
    /// fewer than T places ahead.
    #[test]
    fn each_tier_has_its_proportion(shares in prop::collection::vec(1_u16..=1000, 1..=16), upto in 1_u64..3000) {
        let lots: Vec<Lot> = shares.iter().map(|&share| Lot { band: 0, share, entries: 1 << 20 }).collect();
        let deal = Deal::new(&lots).unwrap();
        let all: u64 = shares.iter().map(|&share| u64::from(share)).sum();
        for (tier, &share) in (0..).zip(&shares) {
            let mut has = 0;
            while deal.place(tier, has).unwrap() < upto {
                has += 1;
            }
            let exact = upto * u64::from(share);
            prop_assert!((has + 1) * all >= exact, "tier {tier} has {has} of {upto}");
            prop_assert!(has * all < exact + shares.len() as u64 * all, "tier {tier} has {has} of {upto}");
        }
    }

    #[test]
    fn every_entry_of_a_seed_has_a_place_of_its_own(seed: Hash, lots in lots(20)) {
        let places = Places::new(&seed, &lots).unwrap();
        let mut taken = vec![false; usize::try_from(places.deal().entries()).unwrap()];
        for (tier, lot) in (0..).zip(&lots) {
            let order = places.tier_order(tier).unwrap();
            for index in 0..lot.entries {
                let place = places.place(tier, index).unwrap();
                prop_assert_eq!(places.deal().place(tier, order[index as usize].into()), Some(place));
                prop_assert_eq!(places.entry_at(place), Some((tier, index)));
                prop_assert!(!std::mem::replace(&mut taken[place as usize], true));
            }
            prop_assert_eq!(places.place(tier, lot.entries), None);
        }
        prop_assert_eq!(places.place(lots.len() as u8, 0), None);
    }
}

#[test]
fn what_are_no_tiers_is_refused() {
    let lot = Lot { band: 0, share: 1, entries: TIER_ENTRIES_MAX - 1 };
    assert!(Deal::new(&[lot]).is_ok());
    let full = Lot { entries: TIER_ENTRIES_MAX, ..lot };
    assert_eq!(Deal::new(&[lot, full]), Err(LotError::Entries { tier: 1, entries: TIER_ENTRIES_MAX }));
    assert_eq!(Deal::new(&[]), Err(TierError::Count(0).into()));
    assert_eq!(Deal::new(&[Lot { share: 0, ..lot }]), Err(TierError::Share { tier: 0, share: 0 }.into()));
    assert_eq!(Deal::new(&[Lot { band: 1, ..lot }]), Err(TierError::Band { tier: 0, band: 1 }.into()));
}
