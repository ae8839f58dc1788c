//! Numbers as lines of an SVG, purely.

/// How wide a plot is, in its own units.
pub(super) const WIDE: u32 = 600;
/// How high it is.
pub(super) const HIGH: u32 = 150;

/// The end of an axis that has room for a number: a round one.
pub(super) fn round_top(most: u32) -> u32 {
    const TENTHS: [u64; 9] = [10, 12, 15, 20, 30, 40, 50, 60, 80];
    let most = u64::from(most.max(1));
    let mut unit = 1_u64;
    while unit * 10 <= most {
        unit *= 10;
    }
    let tops = TENTHS.iter().map(|tenths| (tenths * unit).div_ceil(10)).chain([unit * 10]);
    let top = tops.into_iter().find(|top| *top >= most).unwrap_or(most);
    u32::try_from(top).unwrap_or(u32::MAX)
}

/// A line through values at equal distances, as the `d` of a path. A value that is not known is a gap.
pub(super) fn path(values: &[Option<u32>], top: u32) -> String {
    let last = u64::from(u32::try_from(values.len()).unwrap_or(u32::MAX).saturating_sub(1)).max(1);
    let points: Vec<Option<(u64, u64)>> = values
        .iter()
        .zip(0_u64..)
        .map(|(value, number)| value.map(|value| (number * u64::from(WIDE) / last, height(value, top))))
        .collect();
    let mut d = String::new();
    for run in points.split(Option::is_none) {
        let run: Vec<(u64, u64)> = run.iter().flatten().copied().collect();
        let Some(((x, y), rest)) = run.split_first() else { continue };
        d.push_str(&format!("M{x} {y}"));
        if rest.is_empty() {
            d.push_str("h1");
        }
        for (place, (x, y)) in rest.iter().enumerate() {
            // On a level only its ends are needed.
            let (before, after) = (run[place].1, rest.get(place + 1).map(|point| point.1));
            if before != *y || after != Some(*y) {
                d.push_str(&format!("L{x} {y}"));
            }
        }
    }
    d
}

fn height(value: u32, top: u32) -> u64 {
    let (value, top) = (u64::from(value.min(top)), u64::from(top.max(1)));
    u64::from(HIGH) - value * u64::from(HIGH) / top
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_axis_ends_with_a_round_number_that_has_room() {
        let tops: Vec<_> = [0, 1, 2, 7, 99, 412, 600, 601, 41_200].into_iter().map(round_top).collect();
        assert_eq!(tops, [1, 1, 2, 8, 100, 500, 600, 800, 50_000]);
        assert_eq!(round_top(u32::MAX), u32::MAX);
        for most in (1..100_000).step_by(7) {
            assert!(round_top(most) >= most && round_top(most) <= most.saturating_mul(2), "{most}");
        }
    }

    #[test]
    fn a_line_has_gaps_where_nothing_is_known_and_a_level_has_two_ends() {
        assert_eq!(path(&[Some(0), Some(100), Some(100), Some(100), Some(50)], 100), "M0 150L150 0L450 0L600 75");
        assert_eq!(path(&[Some(0), None, Some(50), None, None], 100), "M0 150h1M300 75h1");
        assert_eq!(path(&[None, None], 100), "");
        assert_eq!(path(&[Some(500)], 100), "M0 0h1", "no line leaves the plot");
    }
}
