//! What several doors know, as one: and who came in twice. Pure.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::journal::Admission;
use fairgate_booking::tickets::TicketId;

/// The journals of several doors.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Merged {
    /// Everybody who came in, in the order of time. Those that several journals know are here once.
    pub admissions: Vec<Admission>,
    /// How many came in at each door.
    pub doors: BTreeMap<String, usize>,
    /// Tickets with which people came in more than once, each with all of their admissions.
    pub twice: Vec<Vec<Admission>>,
}

/// Puts journals together.
#[must_use]
pub fn merge(journals: impl IntoIterator<Item = Vec<Admission>>) -> Merged {
    let all: BTreeSet<Admission> = journals.into_iter().flatten().collect();
    let mut merged = Merged { admissions: all.into_iter().collect(), ..Merged::default() };
    let mut by_ticket: HashMap<TicketId, Vec<Admission>> = HashMap::new();
    for admission in &merged.admissions {
        *merged.doors.entry(admission.door.clone()).or_default() += 1;
        by_ticket.entry(admission.ticket).or_default().push(admission.clone());
    }
    merged.twice = by_ticket.into_values().filter(|admissions| admissions.len() > 1).collect();
    merged.twice.sort();
    merged
}

#[cfg(test)]
mod tests {
    use super::super::journal::tests::admission;
    use super::*;

    #[test]
    fn whoever_came_in_twice_is_named_and_copies_of_a_journal_are_nobody() {
        let early = admission(1, "south", "2027-06-21T19:00:00Z");
        let late = admission(1, "north", "2027-06-21T19:05:00Z");
        let other = admission(2, "north", "2027-06-21T19:01:00Z");
        let merged =
            merge([vec![other.clone(), late.clone()], vec![early.clone()], vec![early.clone(), other.clone()]]);
        assert_eq!(merged.admissions, [early.clone(), other, late.clone()]);
        assert_eq!(merged.doors, BTreeMap::from([("north".into(), 2), ("south".into(), 1)]));
        assert_eq!(merged.twice, [vec![early, late]]);
        assert_eq!(merge([vec![], vec![]]), Merged::default());
    }
}
