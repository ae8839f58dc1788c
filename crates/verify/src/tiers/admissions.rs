//! Who was let in before whom, as the list of claims tells it.

use std::fmt;

/// Counts those who were let in before somebody with a lower place, who came later: that is no failure, for a fan may be slow
/// to claim. Memory is four bytes a claim that nobody was let in after with a lower place.
#[derive(Debug, Default)]
pub(super) struct Admissions {
    /// Places of earlier claims that no later one has been lower than, ascending.
    in_order: Vec<u32>,
    /// Places that were let in at the same time as the last one.
    together: Vec<u32>,
    last_ms: u64,
    highest: u32,
    overtaking: u64,
    largest_step: u32,
}

impl Admissions {
    /// Takes the next claim, in the order of the list.
    pub(super) fn take(&mut self, place: u64, admitted_at_ms: u64) {
        if admitted_at_ms != self.last_ms {
            self.close_group();
            self.last_ms = admitted_at_ms;
        }
        let place = u32::try_from(place).unwrap_or(u32::MAX);
        while self.in_order.last().is_some_and(|earlier| *earlier > place) {
            self.in_order.pop();
            self.overtaking += 1;
        }
        self.largest_step = self.largest_step.max(self.highest.saturating_sub(place));
        self.together.push(place);
    }

    fn close_group(&mut self) {
        self.together.sort_unstable();
        self.highest = self.highest.max(self.together.last().copied().unwrap_or(0));
        self.in_order.append(&mut self.together);
    }
}

impl fmt::Display for Admissions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.overtaking {
            0 => f.write_str("everybody was let in in the order of places"),
            count => write!(
                f,
                "{count} were let in before a lower place that came later; the largest such step is {} places",
                self.largest_step
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn counted(claims: &[(u64, u64)]) -> (u64, u64) {
        let mut admissions = Admissions::default();
        claims.iter().for_each(|&(place, at_ms)| admissions.take(place, at_ms));
        (admissions.overtaking, admissions.largest_step.into())
    }

    #[test]
    fn who_was_let_in_before_a_lower_place_is_counted_once_with_the_largest_step() {
        assert_eq!(counted(&[(0, 1), (1, 2), (5, 3)]), (0, 0));
        assert_eq!(counted(&[(9, 1), (5, 2), (7, 3), (2, 4)]), (3, 7));
        assert_eq!(counted(&[(9, 1), (5, 1), (7, 1)]), (0, 0), "at the same time is not before");
        assert_eq!(Admissions::default().to_string(), "everybody was let in in the order of places");
    }

    proptest! {
        #[test]
        fn it_agrees_with_the_definition(steps in prop::collection::vec((0_u64..40, 0_u64..3), 0..40)) {
            let mut now = 0;
            let claims: Vec<(u64, u64)> = steps.into_iter().map(|(place, later)| { now += later; (place, now + 1) }).collect();
            let step = |&(place, at_ms): &(u64, u64)| {
                let later = claims.iter().filter(|(_, later_ms)| *later_ms > at_ms);
                later.map(|(lower, _)| place.saturating_sub(*lower)).max().unwrap_or(0)
            };
            let overtaking = claims.iter().filter(|claim| step(claim) > 0).count() as u64;
            prop_assert_eq!(counted(&claims), (overtaking, claims.iter().map(step).max().unwrap_or(0)));
        }
    }
}
