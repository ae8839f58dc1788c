//! Tests of the null hypothesis that coming early, or hammering, bought nothing in the draw.

use super::Facts;
use super::statistics::independence;
use crate::fan::Behaviour;
use crate::report::ArrivalDecile;
use crate::wire::Position;

/// The rule of thumb for a chi-square test: at least this many expected in every cell.
const EXPECTED_MIN: f64 = 5.0;
const BINS_MAX: usize = 10;

/// The figures that the report has of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Fairness {
    pub(crate) places_p_value: Option<f64>,
    pub(crate) bots_p_value: Option<f64>,
    pub(crate) arrival_deciles: Vec<ArrivalDecile>,
}

/// One pooled fan: when it came (the roster's order) and where it was drawn.
#[derive(Clone, Copy, Debug)]
struct Drawn {
    index: u64,
    place: u64,
    is_bot: bool,
}

/// Tests places against arrival, and bots' places against everyone else's.
pub(crate) fn fairness(facts: &Facts) -> Fairness {
    let Some(entries) = facts.entries.filter(|entries| *entries > 0) else { return Fairness::default() };
    let mut drawn: Vec<Drawn> = facts
        .lives
        .iter()
        .filter_map(|life| match (life.joined?.position, life.place?) {
            (Position::Pool { index }, place) => Some(Drawn { index, place, is_bot: life.behaviour == Behaviour::Bot }),
            (Position::Line { .. }, _) => None,
        })
        .collect();
    drawn.sort_unstable_by_key(|drawn| drawn.index);
    Fairness {
        places_p_value: places_by_arrival(&drawn, entries),
        bots_p_value: bots_against_the_rest(&drawn, entries),
        arrival_deciles: deciles(&drawn, entries),
    }
}

fn places_by_arrival(drawn: &[Drawn], entries: u64) -> Option<f64> {
    let bins = ((drawn.len() as f64 / EXPECTED_MIN).sqrt() as usize).min(BINS_MAX);
    if bins < 2 {
        return None;
    }
    let mut table = vec![vec![0; bins]; bins];
    for (n, fan) in drawn.iter().enumerate() {
        table[n * bins / drawn.len()][bin(fan.place, entries, bins)] += 1;
    }
    independence(&table).map(|test| test.p_value)
}

fn bots_against_the_rest(drawn: &[Drawn], entries: u64) -> Option<f64> {
    let bots = drawn.iter().filter(|fan| fan.is_bot).count();
    let fewer = bots.min(usize::try_from(entries).ok()?.saturating_sub(bots));
    let bins = ((fewer as f64 / EXPECTED_MIN) as usize).min(BINS_MAX);
    if bins < 2 {
        return None;
    }
    let mut table = vec![vec![0; bins]; 2];
    for fan in drawn.iter().filter(|fan| fan.is_bot) {
        table[0][bin(fan.place, entries, bins)] += 1;
    }
    // Everyone else in the pool, whether they belong to this crowd or not: the places are 0 to N-1 without a gap.
    for place in 0..entries {
        table[1][bin(place, entries, bins)] += 1;
    }
    let (bots, rest) = table.split_at_mut(1);
    bots[0].iter().zip(&mut rest[0]).for_each(|(bots, rest)| *rest -= bots);
    independence(&table).map(|test| test.p_value)
}

fn deciles(drawn: &[Drawn], entries: u64) -> Vec<ArrivalDecile> {
    const TENTHS: usize = 10;
    let tenth = |n: usize| drawn.len() * n / TENTHS;
    (0..TENTHS)
        .map(|n| &drawn[tenth(n)..tenth(n + 1)])
        .filter(|fans| !fans.is_empty())
        .map(|fans| {
            let sum: f64 = fans.iter().map(|fan| (fan.place as f64 + 0.5) / entries as f64).sum();
            ArrivalDecile { fans: fans.len() as u64, mean_place: sum / fans.len() as f64 }
        })
        .collect()
}

fn bin(place: u64, entries: u64, bins: usize) -> usize {
    let bin = u128::from(place.min(entries - 1)) * bins as u128 / u128::from(entries);
    usize::try_from(bin).unwrap_or(bins)
}

#[cfg(test)]
mod tests {
    use fairgate_draw::Shuffle;

    use super::*;

    fn pool(places: impl Iterator<Item = u64>, bots: u64) -> Vec<Drawn> {
        (0..).zip(places).map(|(index, place)| Drawn { index, place, is_bot: index < bots }).collect()
    }

    fn shuffled(seed: u8, entries: u64) -> Vec<u64> {
        let places = Shuffle::new(&[seed; 32], entries).all_places().unwrap();
        places.into_iter().map(u64::from).collect()
    }

    #[test]
    fn a_real_draw_is_not_suspected() {
        // p-values of fair draws are uniform: of 20, all above 1 in 10,000, and not all of them small or large.
        let p_values: Vec<(f64, f64)> = (0..20)
            .map(|seed| {
                let drawn = pool(shuffled(seed, 2_000).into_iter(), 100);
                (places_by_arrival(&drawn, 2_000).unwrap(), bots_against_the_rest(&drawn, 2_000).unwrap())
            })
            .collect();
        assert!(p_values.iter().all(|(places, bots)| *places > 1e-4 && *bots > 1e-4), "{p_values:?}");
        let median = |pick: fn(&(f64, f64)) -> f64| {
            let mut all: Vec<f64> = p_values.iter().map(pick).collect();
            all.sort_by(f64::total_cmp);
            all[10]
        };
        assert!((0.15..0.85).contains(&median(|p| p.0)), "{p_values:?}");
        assert!((0.15..0.85).contains(&median(|p| p.1)), "{p_values:?}");
    }

    #[test]
    fn first_come_first_served_is_found_out() {
        let drawn = pool(0..2_000, 100);
        assert!(places_by_arrival(&drawn, 2_000).unwrap() < 1e-9);
        assert!(bots_against_the_rest(&drawn, 2_000).unwrap() < 1e-9);
        let deciles = deciles(&drawn, 2_000);
        assert_eq!(deciles.len(), 10);
        assert!(deciles[0].mean_place < 0.06 && deciles[9].mean_place > 0.94, "{deciles:?}");
    }

    #[test]
    fn an_advantage_of_bots_alone_is_found_out() {
        // Bots drawn into the better half, everyone else fairly.
        let mut places = shuffled(3, 2_000);
        let good: Vec<u64> = (0..1_000).step_by(10).collect();
        for (bot, &place) in good.iter().enumerate() {
            let other = places.iter().position(|p| *p == place).unwrap();
            places.swap(bot, other);
        }
        assert!(bots_against_the_rest(&pool(places.into_iter(), 100), 2_000).unwrap() < 1e-9);
    }

    #[test]
    fn few_fans_prove_nothing() {
        assert_eq!(places_by_arrival(&pool(0..3, 1), 3), None);
        assert_eq!(bots_against_the_rest(&pool(0..100, 2), 100), None);
        assert_eq!(bots_against_the_rest(&pool(0..100, 0), 100), None);
        assert_eq!(deciles(&[], 5), []);
    }
}
