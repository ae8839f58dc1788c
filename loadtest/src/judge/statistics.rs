//! Pearson's chi-square tests: could these counts be chance?
//!
//! The p-value is exact to about ten digits (the regularised upper incomplete gamma function). So a run of a few fans
//! and one of a hundred thousand are judged by the same yardstick.

/// The result of a chi-square test.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ChiSquare {
    /// Pearson's statistic.
    pub statistic: f64,
    /// Degrees of freedom.
    pub degrees: u32,
    /// The probability of a statistic at least as large where chance alone is at work.
    pub p_value: f64,
}

/// Tests whether counts differ only by chance from what their weights make of the sum of all.
///
/// `None` where nothing can be said: by the rule of thumb at least five are expected of each.
#[must_use]
pub fn goodness_of_fit(seen: &[u64], weights: &[u64]) -> Option<ChiSquare> {
    const EXPECTED_MIN: f64 = 5.0;
    let (sum, weight): (u64, u64) = (seen.iter().sum(), weights.iter().sum());
    let expected = weights.iter().map(|own| sum as f64 * *own as f64 / weight.max(1) as f64);
    let degrees = u32::try_from(seen.len()).ok()?.checked_sub(1).filter(|degrees| *degrees > 0)?;
    if seen.len() != weights.len() || expected.clone().any(|expected| expected < EXPECTED_MIN) {
        return None;
    }
    let statistic =
        seen.iter().zip(expected).map(|(seen, expected)| (*seen as f64 - expected).powi(2) / expected).sum();
    Some(ChiSquare { statistic, degrees, p_value: gamma_q(f64::from(degrees) / 2.0, statistic / 2.0) })
}

/// Tests whether the rows of a table of counts differ only by chance.
///
/// `None` where nothing can be said: fewer than two rows or columns with anything in them.
#[must_use]
pub fn independence(table: &[Vec<u64>]) -> Option<ChiSquare> {
    let rows: Vec<f64> = table.iter().map(|row| row.iter().sum::<u64>() as f64).collect();
    let width = table.iter().map(Vec::len).max()?;
    let columns: Vec<f64> =
        (0..width).map(|x| table.iter().map(|row| row.get(x).copied().unwrap_or(0)).sum::<u64>() as f64).collect();
    let total: f64 = rows.iter().sum();
    let filled = |sums: &[f64]| u32::try_from(sums.iter().filter(|sum| **sum > 0.0).count()).unwrap_or(u32::MAX);
    let degrees = filled(&rows).saturating_sub(1) * filled(&columns).saturating_sub(1);
    if degrees == 0 {
        return None;
    }
    let mut statistic = 0.0;
    for (y, row_sum) in rows.iter().enumerate() {
        for (x, column_sum) in columns.iter().enumerate() {
            let expected = row_sum * column_sum / total;
            let seen = table[y].get(x).copied().unwrap_or(0) as f64;
            if expected > 0.0 {
                statistic += (seen - expected).powi(2) / expected;
            }
        }
    }
    Some(ChiSquare { statistic, degrees, p_value: gamma_q(f64::from(degrees) / 2.0, statistic / 2.0) })
}

/// The regularised upper incomplete gamma function Q(a, x), for a > 0 and x ≥ 0.
fn gamma_q(a: f64, x: f64) -> f64 {
    if x <= 0.0 {
        return 1.0;
    }
    // Each expansion converges quickly on its own side of the mode.
    if x < a + 1.0 { 1.0 - gamma_p_series(a, x) } else { gamma_q_fraction(a, x) }
}

const TERMS_MAX: u32 = 10_000;
const PRECISION: f64 = 1e-14;

fn gamma_p_series(a: f64, x: f64) -> f64 {
    let mut term = 1.0 / a;
    let mut sum = term;
    for n in 1..TERMS_MAX {
        term *= x / (a + f64::from(n));
        sum += term;
        if term < sum * PRECISION {
            break;
        }
    }
    sum * (a * x.ln() - x - ln_gamma(a)).exp()
}

/// Lentz's method for the continued fraction.
fn gamma_q_fraction(a: f64, x: f64) -> f64 {
    const TINY: f64 = 1e-300;
    let mut b = x + 1.0 - a;
    let mut c = 1.0 / TINY;
    let mut d = 1.0 / b;
    let mut fraction = d;
    for n in 1..TERMS_MAX {
        let n = f64::from(n);
        let numerator = -n * (n - a);
        b += 2.0;
        d = 1.0 / non_zero(numerator * d + b, TINY);
        c = non_zero(b + numerator / c, TINY);
        let change = d * c;
        fraction *= change;
        if (change - 1.0).abs() < PRECISION {
            break;
        }
    }
    fraction * (a * x.ln() - x - ln_gamma(a)).exp()
}

fn non_zero(value: f64, tiny: f64) -> f64 {
    if value.abs() < tiny { tiny } else { value }
}

/// ln Γ(a) for a > 0, by Lanczos' approximation (g = 7, nine terms).
fn ln_gamma(a: f64) -> f64 {
    const FIRST: f64 = 0.999_999_999_999_809_9;
    const REST: [f64; 8] = [
        676.520_368_121_885_1,
        -1_259.139_216_722_402_8,
        771.323_428_777_653_1,
        -176.615_029_162_140_6,
        12.507_343_278_686_905,
        -0.138_571_095_265_720_12,
        9.984_369_578_019_572e-6,
        1.505_632_735_149_311_6e-7,
    ];
    if a < 0.5 {
        // Reflection keeps the approximation on the side where it is good.
        return (std::f64::consts::PI / (std::f64::consts::PI * a).sin()).ln() - ln_gamma(1.0 - a);
    }
    let a = a - 1.0;
    let mut sum = FIRST;
    for (n, coefficient) in (1_u32..).zip(REST) {
        sum += coefficient / (a + f64::from(n));
    }
    let t = a + 7.5;
    0.5 * (2.0 * std::f64::consts::PI).ln() + (a + 0.5) * t.ln() - t + sum.ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assert_close(left: f64, right: f64, tolerance: f64) {
        assert!((left - right).abs() <= tolerance, "{left} is not within {tolerance} of {right}");
    }

    #[test]
    fn gamma_agrees_with_closed_forms() {
        // Q(1, x) = e^-x; Q(2, x) = (1 + x) e^-x; Q(1/2, x) = erfc(√x).
        for x in [0.1, 1.0, 2.5, 10.0, 40.0] {
            let x: f64 = x;
            assert_close(gamma_q(1.0, x), (-x).exp(), 1e-12);
            assert_close(gamma_q(2.0, x), (1.0 + x) * (-x).exp(), 1e-12);
        }
        assert_close(gamma_q(0.5, 1.0), 0.157_299_207_050_285_13, 1e-12);
    }

    #[test]
    fn quantiles_match_the_printed_tables() {
        // Upper 5% points of chi-square: 1, 9, 81 and 100 degrees.
        for (degrees, quantile) in [(1.0, 3.841_458_8), (9.0, 16.918_977_6), (81.0, 103.009_51), (100.0, 124.342_11)] {
            assert_close(gamma_q(degrees / 2.0, quantile / 2.0), 0.05, 1e-6);
        }
    }

    #[test]
    fn a_known_table_gives_the_known_answer() {
        // By hand: expected counts 12, 18 / 28, 42, statistic 1/12 + 1/18 + 1/28 + 1/42.
        let test = independence(&[vec![13, 17], vec![27, 43]]).unwrap();
        assert_eq!(test.degrees, 1);
        assert_close(test.statistic, 1.0 / 12.0 + 1.0 / 18.0 + 1.0 / 28.0 + 1.0 / 42.0, 1e-12);
        assert_close(test.p_value, 0.656_005_132, 1e-8);
    }

    #[test]
    fn order_that_follows_arrival_is_noticed_and_an_even_table_is_not() {
        let diagonal: Vec<Vec<u64>> = (0..10).map(|y| (0..10).map(|x| if x == y { 50 } else { 0 }).collect()).collect();
        assert!(independence(&diagonal).unwrap().p_value < 1e-12);
        let even = vec![vec![50; 10]; 10];
        assert_close(independence(&even).unwrap().p_value, 1.0, 1e-12);
    }

    #[test]
    fn counts_are_held_against_their_weights() {
        // By hand: expected 54.545 and 5.4545 of 60, so (4.5455² / 54.545) + (4.5455² / 5.4545).
        let test = goodness_of_fit(&[50, 10], &[100, 10]).unwrap();
        assert_eq!(test.degrees, 1);
        assert_close(test.statistic, 4.166_666_667, 1e-8);
        assert_close(test.p_value, 0.041_226_834, 1e-8);
        assert_close(goodness_of_fit(&[100, 10], &[1_000, 100]).unwrap().p_value, 1.0, 1e-12);
        let too_little: [(&[u64], &[u64]); 4] = [(&[50, 4], &[100, 10]), (&[60], &[1]), (&[30, 30], &[1]), (&[], &[])];
        for (seen, weights) in too_little {
            assert_eq!(goodness_of_fit(seen, weights), None, "{seen:?}");
        }
    }

    #[test]
    fn nothing_is_said_about_too_little() {
        assert_eq!(independence(&[]), None);
        assert_eq!(independence(&[vec![3, 4]]), None);
        assert_eq!(independence(&[vec![0, 7], vec![0, 2]]), None);
    }
}
