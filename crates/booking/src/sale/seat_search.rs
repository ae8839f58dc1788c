//! The search for seats. The best seats for a group are side by side, as near to the stage as possible, then as near
//! to the middle. Another search finds the seats nearest to those that somebody else has got.
//!
//! Guarantees:
//! - chooses only free seats, exactly as many as asked for, or none
//! - if any row of the section has a run that is long enough, the best seats are side by side

use std::collections::HashMap;
use std::ops::Range;

use super::free_seats::FreeSeats;
use crate::events::seat_map::{Row, SeatMap, Section, SectionKind};

/// A row further away weighs as much as so many seats to the side.
const ROW_WEIGHS_SEATS: u32 = 3;

/// The seats for a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// The units, ascending.
    pub units: Vec<u32>,
    /// True if the seats are side by side (places to stand always are).
    pub together: bool,
}

/// Choices one after the other out of seats that only become fewer. Each search goes on where the last one for such a
/// group ended, so that a batch looks through a section once.
#[derive(Debug)]
pub struct Choices<'a> {
    seat_map: &'a SeatMap,
    free: FreeSeats,
    /// By section and size of the group: the rows (or places to stand) before this have nothing for it.
    from: HashMap<(usize, u32), u32>,
}

impl<'a> Choices<'a> {
    /// Chooses among these seats.
    #[must_use]
    pub fn among(seat_map: &'a SeatMap, free: FreeSeats) -> Self {
        Self { seat_map, free, from: HashMap::new() }
    }

    /// Takes seats out.
    pub fn take(&mut self, units: &[u32]) {
        units.iter().for_each(|&unit| self.free.remove(unit));
    }

    /// The best seats of a section (by its number), or none when there are not enough.
    pub fn best(&mut self, section: usize, quantity: u32) -> Option<Choice> {
        let parts = &self.seat_map.sections[section];
        match parts.kind {
            SectionKind::Standing => self.standing((section, quantity), parts.units()),
            SectionKind::Seated => {
                self.side_by_side((section, quantity), parts).or_else(|| self.scattered(parts, quantity))
            }
        }
    }

    /// Places to stand are all the same: whichever come first.
    fn standing(&mut self, (section, quantity): (usize, u32), units: Range<u32>) -> Option<Choice> {
        // What lies before the first free place is of no use to a group of any size.
        let from = self.from.entry((section, 0)).or_insert(units.start);
        let chosen: Vec<u32> = self.free.iter(*from..units.end).take(quantity as usize).collect();
        *from = chosen.first().copied().unwrap_or(units.end);
        (chosen.len() == quantity as usize).then_some(Choice { units: chosen, together: true })
    }

    fn side_by_side(&mut self, key: (usize, u32), section: &Section) -> Option<Choice> {
        let from = self.from.entry(key).or_default();
        while let Some(row) = section.rows.get(*from as usize) {
            if let Some(start) = most_central(row, key.1, &self.free) {
                return Some(Choice { units: (start..start + key.1).collect(), together: true });
            }
            *from += 1;
        }
        None
    }

    /// The longest runs first, so that a group is broken into as few pieces as possible.
    fn scattered(&self, section: &Section, quantity: u32) -> Option<Choice> {
        if self.free.count(section.units()) < quantity {
            return None;
        }
        let mut pieces: Vec<Range<u32>> = section.rows.iter().flat_map(|row| self.free.runs(row.units())).collect();
        pieces.sort_by_key(|run| (std::cmp::Reverse(run.len()), run.start));
        let mut units: Vec<u32> = pieces.into_iter().flatten().take(quantity as usize).collect();
        units.sort_unstable();
        Some(Choice { units, together: false })
    }
}

/// The starts of the windows of `quantity` free neighbours in a row.
fn windows(row: &Row, quantity: u32, free: &FreeSeats) -> impl Iterator<Item = u32> {
    free.runs(row.units()).flat_map(move |run| run.start..(run.end + 1).saturating_sub(quantity).max(run.start))
}

/// The start of the window of free seats whose middle is nearest to the middle of the row.
fn most_central(row: &Row, quantity: u32, free: &FreeSeats) -> Option<u32> {
    let units = row.units();
    // Twice the distance of the two middles, so that it stays a whole number.
    let off_centre = |start: u32| (2 * start + quantity).abs_diff(units.start + units.end);
    windows(row, quantity, free).min_by_key(|&start| off_centre(start))
}

/// As many seats as these, as near to them as possible. First come seats side by side in the same section, then single
/// ones there, then the best of the section that is most like it.
#[must_use]
pub fn near(seat_map: &SeatMap, free: &FreeSeats, wanted: &[u32]) -> Option<Choice> {
    let quantity = u32::try_from(wanted.len()).ok().filter(|&quantity| quantity > 0)?;
    let here = seat_map.section_of(wanted[0]);
    let there = || {
        let mut others: Vec<usize> = (0..seat_map.sections.len()).collect();
        others.sort_by_key(|&other| unlikeness(here, &seat_map.sections[other]));
        let mut choices = Choices::among(seat_map, free.clone());
        others.into_iter().find_map(|other| choices.best(other, quantity))
    };
    if here.kind == SectionKind::Standing {
        return there();
    }
    let spot = Spot::of(here, wanted);
    spot.nearest_window(here, quantity, free).or_else(|| spot.nearest_singles(here, quantity, free)).or_else(there)
}

/// The section itself first, then those as far from the stage, then those at about the price.
fn unlikeness(here: &Section, other: &Section) -> (bool, u16, u32) {
    (here.slug != other.slug, here.tier.abs_diff(other.tier), here.price.abs_diff(other.price))
}

/// Where in a section the wanted seats are.
#[derive(Clone, Copy, Debug)]
struct Spot {
    row: u32,
    /// Twice the distance of the middle from the left end of the row.
    middle: u32,
}

impl Spot {
    fn of(section: &Section, wanted: &[u32]) -> Self {
        let row = section.row_of(wanted[0]);
        let row_units = section.rows[row].units();
        let in_row = wanted.iter().filter(|unit| row_units.contains(unit));
        let last = in_row.max().copied().unwrap_or(wanted[0]);
        let middle = (wanted[0] + last + 1).saturating_sub(2 * row_units.start);
        Self { row: u32::try_from(row).unwrap_or(0), middle }
    }

    fn distance(self, row: u32, row_units: &Range<u32>, start: u32, quantity: u32) -> u32 {
        let middle = 2 * (start - row_units.start) + quantity;
        2 * ROW_WEIGHS_SEATS * self.row.abs_diff(row) + self.middle.abs_diff(middle)
    }

    fn nearest_window(self, section: &Section, quantity: u32, free: &FreeSeats) -> Option<Choice> {
        let windows = (0..).zip(&section.rows).flat_map(|(number, row)| {
            let distance = move |start| (self.distance(number, &row.units(), start, quantity), start);
            windows(row, quantity, free).map(distance)
        });
        let (_, start) = windows.min()?;
        Some(Choice { units: (start..start + quantity).collect(), together: true })
    }

    fn nearest_singles(self, section: &Section, quantity: u32, free: &FreeSeats) -> Option<Choice> {
        let mut seats: Vec<(u32, u32)> = (0..)
            .zip(&section.rows)
            .flat_map(|(number, row)| {
                free.iter(row.units()).map(move |unit| (self.distance(number, &row.units(), unit, 1), unit))
            })
            .collect();
        seats.sort_unstable();
        let mut units: Vec<u32> = seats.into_iter().map(|(_, unit)| unit).take(quantity as usize).collect();
        units.sort_unstable();
        (units.len() == quantity as usize).then_some(Choice { units, together: false })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::events::seat_map::tests::small;

    fn free(seat_map: &SeatMap, is_free: impl Fn(u32) -> bool) -> FreeSeats {
        let mut free = FreeSeats::none(seat_map.seats());
        (0..seat_map.seats()).filter(|&unit| is_free(unit)).for_each(|unit| free.insert(unit));
        free
    }

    fn best(seat_map: &SeatMap, quantity: u32, is_free: impl Fn(u32) -> bool) -> Option<Choice> {
        Choices::among(seat_map, free(seat_map, is_free)).best(0, quantity)
    }

    #[test]
    fn the_middle_of_the_front_row_goes_first() {
        let choice = best(&small(&[7, 7]), 3, |_| true).expect("empty hall");
        assert_eq!(choice, Choice { units: vec![2, 3, 4], together: true });
    }

    #[test]
    fn a_run_in_a_later_row_beats_single_seats_in_front() {
        let choice = best(&small(&[5, 5]), 2, |unit| unit % 2 == 0 || unit >= 8).expect("enough");
        assert_eq!(choice, Choice { units: vec![8, 9], together: true });
    }

    #[test]
    fn without_a_run_the_group_is_split_into_few_pieces() {
        let seat_map = small(&[5, 5]);
        let choice = best(&seat_map, 4, |unit| [0, 2, 3, 6, 7].contains(&unit)).expect("enough");
        assert_eq!(choice, Choice { units: vec![2, 3, 6, 7], together: false });
        assert_eq!(best(&seat_map, 6, |unit| [0, 2, 3, 6, 7].contains(&unit)), None);
    }

    #[test]
    fn near_is_beside_then_a_row_away_then_elsewhere() {
        let seat_map = small(&[8, 8]);
        let near = |wanted: &[u32], is_free: &dyn Fn(u32) -> bool| near(&seat_map, &free(&seat_map, is_free), wanted);
        let units = |choice: Option<Choice>| choice.map(|choice| choice.units);
        assert_eq!(units(near(&[2, 3], &|unit| unit != 3)), Some(vec![1, 2]), "one seat to the side");
        assert_eq!(units(near(&[2, 3], &|unit| unit >= 6)), Some(vec![10, 11]), "right behind");
        assert_eq!(units(near(&[2, 3], &|unit| [0, 9, 15].contains(&unit))), Some(vec![0, 9]), "single ones");
        assert_eq!(units(near(&[2, 3], &|unit| unit >= 16)), Some(vec![16, 17]), "another section");
        assert_eq!(units(near(&[16, 17], &|unit| unit != 16)), Some(vec![17, 18]), "places to stand");
        assert_eq!(near(&[2, 3], &|_| false), None);
    }

    proptest! {
        #[test]
        fn only_free_seats_and_side_by_side_where_possible(
            widths in prop::collection::vec(1u32..12, 1..5), taken in any::<u64>(), quantities in prop::collection::vec(1u32..7, 1..6),
        ) {
            let seat_map = small(&widths);
            let section = &seat_map.sections[0];
            let mut left = free(&seat_map, |unit| taken >> (unit % 64) & 1 == 0);
            let mut choices = Choices::among(&seat_map, left.clone());
            for quantity in quantities {
                let has_run = section.rows.iter().any(|row| left.runs(row.units()).any(|run| run.len() >= quantity as usize));
                match choices.best(0, quantity) {
                    None => prop_assert!(left.count(section.units()) < quantity),
                    Some(choice) => {
                        prop_assert_eq!(choice.units.len(), quantity as usize);
                        prop_assert!(choice.units.iter().all(|&unit| left.contains(unit) && section.units().contains(&unit)));
                        prop_assert!(choice.units.is_sorted_by(|a, b| a < b));
                        prop_assert_eq!(choice.together, has_run);
                        prop_assert_eq!(choice.together, seat_map.together(&choice.units));
                        choices.take(&choice.units);
                        choice.units.iter().for_each(|&unit| left.remove(unit));
                    }
                }
            }
        }

        #[test]
        fn near_ones_are_free_and_as_many(taken in any::<u64>(), wanted in prop::collection::btree_set(0u32..22, 1..5)) {
            let seat_map = small(&[8, 8]);
            let free = free(&seat_map, |unit| taken >> unit & 1 == 0);
            let wanted: Vec<u32> = wanted.into_iter().collect();
            match near(&seat_map, &free, &wanted) {
                Some(choice) => {
                    prop_assert_eq!(choice.units.len(), wanted.len());
                    prop_assert!(choice.units.is_sorted_by(|a, b| a < b));
                    prop_assert!(choice.units.iter().all(|&unit| free.contains(unit)));
                }
                None => {
                    let most = seat_map.sections.iter().map(|section| free.count(section.units())).max();
                    prop_assert!(most < Some(wanted.len() as u32));
                }
            }
        }
    }
}
