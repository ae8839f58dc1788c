//! Where a line goes, in a few words for whoever does not see it, purely.

use crate::admin::foresee::span;

/// Shorter stretches say more of chance than of a trend.
const STRETCH_S: u32 = 60;
/// Of the highest stretch: less than this is no movement.
const STILL: f64 = 0.01;

/// Where a line goes, as a sentence; nothing where too little is known of it.
pub(super) fn trend(values: &[Option<u32>], step_s: u32) -> Option<String> {
    let steps = (STRETCH_S / step_s.max(1)).max(1);
    let known = values.iter().rposition(Option::is_some)? + 1;
    // The latest first; a stretch of which nothing is known ends what can be told.
    let stretches: Vec<f64> = values[..known].rchunks(steps as usize).map_while(mean).collect();
    let highest = stretches.iter().copied().fold(0.0, f64::max);
    let steps_up: Vec<f64> = stretches.windows(2).map(|pair| pair[0] - pair[1]).collect();
    let still = (highest * STILL).max(0.5);
    let first = steps_up.first()?;
    let is_up = *first > 0.0;
    let same = steps_up.iter().take_while(|step| step.abs() > still && (**step > 0.0) == is_up).count();
    let lasted_s = same as u64 * u64::from(steps) * u64::from(step_s);
    Some(match same {
        0 => "Steady.".to_owned(),
        _ if is_up => format!("Rising for {}.", span(lasted_s * 1_000)),
        _ => format!("Falling for {}.", span(lasted_s * 1_000)),
    })
}

fn mean(values: &[Option<u32>]) -> Option<f64> {
    let (count, sum) =
        values.iter().flatten().fold((0_u32, 0.0), |(count, sum), value| (count + 1, sum + f64::from(*value)));
    (count > 0).then(|| sum / f64::from(count))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_rises_for_as_long_as_each_minute_is_above_the_one_before() {
        let minutes = |levels: &[u32]| -> Vec<Option<u32>> {
            levels.iter().flat_map(|level| (0..6).map(move |step| Some(level * 100 + step % 3))).collect()
        };
        let said = |levels: &[u32]| trend(&minutes(levels), 10).unwrap();
        assert_eq!(said(&[9, 5, 6, 7, 8, 9]), "Rising for 4 min.");
        assert_eq!(said(&[5, 9, 8]), "Falling for 60 s.");
        assert_eq!(said(&[5, 9, 9]), "Steady.");
        assert_eq!(trend(&[Some(5)], 10), None);
        assert_eq!(trend(&[None, None], 10), None);
        let mut gap = minutes(&[1, 2, 3, 4]);
        gap[6..12].fill(None);
        gap.extend([None; 3]);
        assert_eq!(trend(&gap, 10).unwrap(), "Rising for 60 s.", "of what was before a gap nothing is said");
        assert_eq!(trend(&[Some(100), Some(200), Some(300)], 3_600).unwrap(), "Rising for 2 h 00 min.");
    }
}
