//! How likely something is by chance.

/// What comes about by chance in one of ten thousand sales is a signal.
pub(super) const UNLIKELY: f64 = 1e-4;

/// The probability that of `all` who are independent of each other `some` or more do what each does with probability `each`.
pub(super) fn at_least(some: usize, all: usize, each: f64) -> f64 {
    if some == 0 || each >= 1.0 {
        return 1.0;
    }
    if some > all || each <= 0.0 {
        return 0.0;
    }
    // The terms get smaller from the first one on: above the mean upwards, below it downwards.
    let sum = if some as f64 > all as f64 * each {
        tail(term(some, all, each), some..all, |n| ratio(n, all, each))
    } else {
        1.0 - tail(term(some - 1, all, each), (1..some).rev(), |n| 1.0 / ratio(n - 1, all, each))
    };
    sum.clamp(0.0, 1.0)
}

/// The probability that of `all` just `some` do it.
fn term(some: usize, all: usize, each: f64) -> f64 {
    // In logarithms: it may be far below the least number.
    let choose: f64 = (0..some).map(|n| ((all - n) as f64 / (n + 1) as f64).ln()).sum();
    (choose + some as f64 * each.ln() + (all - some) as f64 * (1.0 - each).ln()).exp()
}

/// How many times as likely one more than `n` is as `n`.
fn ratio(n: usize, all: usize, each: f64) -> f64 {
    (all - n) as f64 / (n + 1) as f64 * (each / (1.0 - each))
}

/// The sum of a first term and those that follow, each by its factor, as far as they count.
fn tail(first: f64, rest: impl Iterator<Item = usize>, factor: impl Fn(usize) -> f64) -> f64 {
    let (mut term, mut sum) = (first, first);
    for n in rest {
        term *= factor(n);
        sum += term;
        if term < sum * 1e-12 {
            break;
        }
    }
    sum
}

/// The share of those who do something, never none and never all of them: who was not seen may do it.
pub(super) fn share(some: usize, all: usize) -> f64 {
    (some as f64 + 1.0) / (all as f64 + 2.0)
}

/// The score of what is expected that often in a sale: a third where it is just a signal, 0.99 from one in 10^12 on.
pub(super) fn score_of(expected: f64) -> f64 {
    (-expected.max(1e-300).log10() / 12.0).clamp(0.0, 0.99)
}

/// The score of what so many have in common of whom one or two would be nothing.
pub(super) fn score_of_count(count: usize) -> f64 {
    1.0 - 1.0 / count.saturating_sub(1).max(1) as f64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn known_tails() {
        assert!((at_least(1, 1, 0.25) - 0.25).abs() < 1e-12);
        assert!((at_least(2, 3, 0.5) - 0.5).abs() < 1e-12);
        assert!((at_least(10, 10, 0.1) / 1e-10 - 1.0).abs() < 1e-9);
        assert!((at_least(60, 100, 0.5) - 0.028_443_966_820_490_4).abs() < 1e-9, "scipy.stats.binom.sf(59, 100, 0.5)");
    }

    proptest! {
        #[test]
        fn a_tail_is_a_probability_and_falls(all in 1usize..5000, some in 0usize..5000, each in 0.0f64..1.0) {
            let (here, next) = (at_least(some, all, each), at_least(some + 1, all, each));
            prop_assert!((0.0..=1.0).contains(&here) && next <= here + 1e-9, "{here} and then {next}");
            prop_assert!((0.0..1.0).contains(&score_of(here)));
        }
    }
}
