//! Places are independent of arrival: chi-square over every permutation and every place for small N, by decile for
//! large N. Seeds are fixed, so a run says the same every time.

use fairgate_draw::{Hash, Shuffle, ZERO, seed};

/// A chi-square statistic must lie between the quantiles that an honest draw misses once in a million tests. Above is
/// bias, and below would be a sequence that is more even than chance.
const Z: f64 = 4.9;

/// As many seeds as are wanted, all different.
fn seeds(count: u64) -> impl Iterator<Item = Hash> {
    (0..count).map(|i| seed(&ZERO, i, &ZERO, &ZERO, &ZERO))
}

fn places(seed: &Hash, n: usize) -> Vec<usize> {
    let places = Shuffle::new(seed, n as u64).all_places().unwrap();
    places.into_iter().map(|place| place as usize).collect()
}

/// How many standard deviations a statistic lies from what is expected (Wilson and Hilferty 1931).
fn deviation(counts: &[u64], degrees: usize) -> f64 {
    let expected = counts.iter().sum::<u64>() as f64 / counts.len() as f64;
    let statistic: f64 = counts.iter().map(|&count| (count as f64 - expected).powi(2) / expected).sum();
    let (k, ninth) = (degrees as f64, 2.0 / (9.0 * degrees as f64));
    ((statistic / k).cbrt() - (1.0 - ninth)) / ninth.sqrt()
}

#[track_caller]
fn assert_uniform(what: &str, counts: &[u64], degrees: usize) {
    let z = deviation(counts, degrees);
    assert!(z.abs() < Z, "{what}: {z:.1} standard deviations from uniform");
}

/// How often each place fell to each index: with fixed margins, (N-1)² degrees of freedom.
fn count_places(n: usize, draws: impl Iterator<Item = Vec<usize>>) -> Vec<u64> {
    let mut counts = vec![0; n * n];
    draws.for_each(|places| places.iter().enumerate().for_each(|(index, place)| counts[index * n + place] += 1));
    counts
}

/// The number of a permutation among all of them, in lexical order.
fn rank(places: &[usize]) -> usize {
    places.iter().enumerate().fold(0, |rank, (i, place)| {
        let smaller = places[i + 1..].iter().filter(|later| *later < place).count();
        rank * (places.len() - i) + smaller
    })
}

#[test]
fn every_permutation_of_a_few_is_as_likely_as_any_other() {
    for (n, permutations) in [(2, 2), (3, 6), (4, 24), (5, 120)] {
        let mut counts = vec![0; permutations];
        seeds(60 * permutations as u64).for_each(|seed| counts[rank(&places(&seed, n))] += 1);
        assert!(counts.iter().all(|&count| count > 0), "{n} entries: a permutation never comes");
        assert_uniform(&format!("permutations of {n}"), &counts, permutations - 1);
    }
}

#[test]
fn every_index_gets_every_place_as_often() {
    for n in [6, 7, 10, 16, 33] {
        let counts = count_places(n, seeds(60 * n as u64).map(|seed| places(&seed, n)));
        assert_uniform(&format!("places of {n}"), &counts, (n - 1) * (n - 1));
    }
}

#[test]
fn arrival_says_nothing_about_the_place_among_many() {
    for (n, draws) in [(10_000, 100), (1_000_003, 4), (14_000_000, 1)] {
        let mut deciles = vec![0; 100];
        let mut steps = vec![0; 10];
        for seed in seeds(draws) {
            let places = places(&seed, n);
            let decile = |x: usize| x * 10 / n;
            places.iter().enumerate().for_each(|(index, &place)| deciles[decile(index) * 10 + decile(place)] += 1);
            places.windows(2).for_each(|pair| steps[decile((pair[1] + n - pair[0]) % n)] += 1);
        }
        assert_uniform(&format!("deciles of {n}"), &deciles, 81);
        assert_uniform(&format!("the way between neighbours of {n}"), &steps, 9);
    }
}

/// The tests above can fail: a draw that leaves one in twenty as they came is seen at once.
#[test]
fn a_bias_would_be_seen() {
    let n = 10;
    let biased = seeds(1000).enumerate().map(|(draw, seed)| match draw % 20 {
        0 => (0..n).collect(),
        _ => places(&seed, n),
    });
    assert!(deviation(&count_places(n, biased), (n - 1) * (n - 1)) > Z);
}

#[test]
fn ranks_number_the_permutations() {
    assert_eq!([rank(&[0, 1, 2]), rank(&[0, 2, 1]), rank(&[1, 2, 0]), rank(&[2, 1, 0])], [0, 1, 3, 5]);
}
