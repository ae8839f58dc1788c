//! Which seats are the best for a group: side by side, as near to the stage as possible, then as near to the middle.
//!
//! Guarantees: chooses only free seats of the section, exactly as many as asked for; if any row has a run that is long
//! enough, the seats are side by side.

use std::ops::Range;

use super::plan::{Row, Section, SectionKind};

/// The seats for a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// The units, ascending.
    pub units: Vec<u32>,
    /// Whether they are side by side (places to stand always are).
    pub together: bool,
}

/// Chooses `quantity` seats, or says that there are not enough.
pub fn best(section: &Section, quantity: usize, is_free: impl Fn(u32) -> bool) -> Option<Choice> {
    match section.kind {
        SectionKind::Standing => standing(section, quantity, is_free),
        SectionKind::Seated => {
            side_by_side(section, quantity, &is_free).or_else(|| scattered(section, quantity, &is_free))
        }
    }
}

fn standing(section: &Section, quantity: usize, is_free: impl Fn(u32) -> bool) -> Option<Choice> {
    let units: Vec<u32> = section.units().filter(|&unit| is_free(unit)).take(quantity).collect();
    (units.len() == quantity).then_some(Choice { units, together: true })
}

fn side_by_side(section: &Section, quantity: usize, is_free: &impl Fn(u32) -> bool) -> Option<Choice> {
    let start = section.rows.iter().find_map(|row| most_central(row, quantity, is_free))?;
    let end = start + u32::try_from(quantity).ok()?;
    Some(Choice { units: (start..end).collect(), together: true })
}

/// The start of the window of free seats whose middle is nearest to the middle of the row.
fn most_central(row: &Row, quantity: usize, is_free: &impl Fn(u32) -> bool) -> Option<u32> {
    let units = row.units();
    let windows = runs(row, is_free).into_iter().flat_map(|run| {
        let last = (run.end + 1).saturating_sub(u32::try_from(quantity).unwrap_or(u32::MAX));
        run.start..last.max(run.start)
    });
    // Twice the distance of the two middles, so that it stays a whole number.
    let off_centre = |start: u32| (2 * start + quantity as u32).abs_diff(units.start + units.end);
    windows.min_by_key(|&start| off_centre(start))
}

/// The longest runs first, so that a group is broken into as few pieces as possible.
fn scattered(section: &Section, quantity: usize, is_free: &impl Fn(u32) -> bool) -> Option<Choice> {
    let mut pieces: Vec<Range<u32>> = section.rows.iter().flat_map(|row| runs(row, is_free)).collect();
    pieces.sort_by_key(|run| (std::cmp::Reverse(run.len()), run.start));
    let mut units: Vec<u32> = pieces.into_iter().flatten().take(quantity).collect();
    units.sort_unstable();
    (units.len() == quantity).then_some(Choice { units, together: false })
}

/// The runs of free seats of a row, from left to right.
fn runs(row: &Row, is_free: &impl Fn(u32) -> bool) -> Vec<Range<u32>> {
    let mut runs: Vec<Range<u32>> = Vec::new();
    for unit in row.units().filter(|&unit| is_free(unit)) {
        match runs.last_mut() {
            Some(run) if run.end == unit => run.end += 1,
            _ => runs.push(unit..unit + 1),
        }
    }
    runs
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::plan::tests::small;
    use super::*;

    #[test]
    fn the_middle_of_the_front_row_goes_first() {
        let plan = small(&[7, 7]);
        let choice = best(&plan.sections[0], 3, |_| true).expect("empty hall");
        assert_eq!(choice, Choice { units: vec![2, 3, 4], together: true });
    }

    #[test]
    fn a_run_in_a_later_row_beats_single_seats_in_front() {
        let plan = small(&[5, 5]);
        let choice = best(&plan.sections[0], 2, |unit| unit % 2 == 0 || unit >= 8).expect("enough");
        assert_eq!(choice, Choice { units: vec![8, 9], together: true });
    }

    #[test]
    fn without_a_run_the_group_is_split_into_few_pieces() {
        let plan = small(&[5, 5]);
        let choice = best(&plan.sections[0], 4, |unit| [0, 2, 3, 6, 7].contains(&unit)).expect("enough");
        assert_eq!(choice, Choice { units: vec![2, 3, 6, 7], together: false });
        assert_eq!(best(&plan.sections[0], 6, |unit| [0, 2, 3, 6, 7].contains(&unit)), None);
    }

    proptest! {
        #[test]
        fn only_free_seats_and_side_by_side_where_possible(
            widths in prop::collection::vec(1u32..12, 1..5), taken in any::<u64>(), quantity in 1usize..7,
        ) {
            let plan = small(&widths);
            let section = &plan.sections[0];
            let is_free = |unit: u32| taken >> (unit % 64) & 1 == 0;
            let free = section.units().filter(|&unit| is_free(unit)).count();
            let has_run = section.rows.iter().any(|row| runs(row, &is_free).iter().any(|run| run.len() >= quantity));
            match best(section, quantity, is_free) {
                None => prop_assert!(free < quantity),
                Some(choice) => {
                    prop_assert_eq!(choice.units.len(), quantity);
                    prop_assert!(choice.units.iter().all(|&unit| is_free(unit) && section.units().contains(&unit)));
                    prop_assert!(choice.units.is_sorted_by(|a, b| a < b));
                    prop_assert_eq!(choice.together, has_run);
                    prop_assert_eq!(choice.together, plan.together(&choice.units));
                }
            }
        }
    }
}
