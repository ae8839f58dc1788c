//! Rows of the tally: who came how, in all and by minute; and what of it is published with the draw.
//!
//! A row is `all/<way>/<outcome>` or `<minute>/<way>/<outcome>`; names of ways have no slash. The way is empty where an entry
//! is counted as such.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Book;
use crate::way::Reason;

/// The outcome of a new entry, once for each way that let it in, and once without a way.
pub const ENTERED: &str = "entered";
/// The outcome of a place that its device gave to another one.
pub const MOVED: &str = "moved";

/// The row of a minute (Unix ms divided by 60,000), or of all.
#[must_use]
pub fn tally_row(minute: Option<u64>, way: &str, outcome: &str) -> String {
    match minute {
        Some(minute) => format!("{minute}/{way}/{outcome}"),
        None => format!("all/{way}/{outcome}"),
    }
}

/// What is published with a draw that asks its fans for something.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// Entries that were made.
    pub entries: u64,
    /// Entries by the ways that let them in. Who shows two ways is in both.
    pub by_way: BTreeMap<String, u64>,
    /// Positions that were asked for something when it was their turn.
    pub asked: u64,
    /// Those of them that showed it.
    pub shown: u64,
    /// Those of them that have not come in.
    pub no_show_owing: u64,
    /// Entries that were refused, by reason. A retry of the same is not another one.
    pub refused: BTreeMap<String, u64>,
    /// Fans about whom an organizer has decided otherwise.
    pub overruled: u64,
    /// Places that their devices gave to others.
    #[serde(default)]
    pub moved: u64,
}

/// What became of one way in one minute.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct MinuteCount {
    /// The minute's beginning, Unix ms.
    pub at_ms: u64,
    /// The way; empty for entries as such.
    pub way: String,
    /// `entered`, or the reason of a refusal.
    pub outcome: String,
    /// How many.
    pub count: u64,
}

impl Summary {
    /// The summary of a book.
    #[must_use]
    pub fn of(book: &Book) -> Self {
        let counted = book.positions().counted();
        let mut summary = Self {
            asked: counted.asked,
            shown: counted.shown,
            no_show_owing: counted.no_shows(),
            overruled: book.overruled_fans(),
            ..Self::default()
        };
        for (way, outcome, count) in all(book) {
            match (way, outcome) {
                ("", ENTERED) => summary.entries += count,
                ("", MOVED) => summary.moved += count,
                (way, ENTERED) => *summary.by_way.entry(way.to_owned()).or_default() += count,
                (_, reason) if Reason::ALL.iter().any(|known| known.as_str() == reason) => {
                    *summary.refused.entry(reason.to_owned()).or_default() += count;
                }
                _ => {}
            }
        }
        summary
    }

    /// True if nobody came yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Ways, outcomes and counts of the whole draw.
pub fn all(book: &Book) -> impl Iterator<Item = (&str, &str, u64)> {
    book.tally().iter().filter_map(|(row, count)| {
        let (way, outcome) = row.strip_prefix("all/")?.split_once('/')?;
        Some((way, outcome, *count))
    })
}

/// The same by minute, in order of time.
#[must_use]
pub fn by_minute(book: &Book) -> Vec<MinuteCount> {
    let read = |(row, count): (&String, &u64)| {
        let (minute, rest) = row.split_once('/')?;
        let (way, outcome) = rest.split_once('/')?;
        let at_ms = minute.parse::<u64>().ok()?.checked_mul(60_000)?;
        Some(MinuteCount { at_ms, way: way.to_owned(), outcome: outcome.to_owned(), count: *count })
    };
    let mut counts: Vec<MinuteCount> = book.tally().iter().filter_map(read).collect();
    counts.sort_unstable();
    counts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::book::{Asking, Told};

    #[test]
    fn a_summary_is_the_sum_of_its_rows() {
        let mut book = Book::default();
        assert!(Summary::of(&book).is_empty());
        let rows = [
            (None, "", ENTERED, 5),
            (None, "", MOVED, 2),
            (None, "code", ENTERED, 4),
            (None, "work", ENTERED, 5),
            (None, "code", "code-unknown", 3),
            (Some(29_409_690), "code", "code-unknown", 2),
            (Some(29_409_689), "", ENTERED, 5),
        ];
        let tally = rows.map(|(minute, way, outcome, count)| (tally_row(minute, way, outcome), count)).to_vec();
        book.tell(&Told {
            number: 1,
            tally,
            positions: vec![(Asking::Asked, 0, 1), (Asking::Shown, 0, 2)],
            ..Told::default()
        });
        let summary = Summary::of(&book);
        assert_eq!((summary.entries, summary.by_way["code"], summary.by_way["work"]), (5, 4, 5));
        assert_eq!((summary.asked, summary.shown, summary.no_show_owing), (2, 1, 1));
        assert_eq!(summary.moved, 2);
        assert_eq!((summary.refused["code-unknown"], summary.refused.len()), (3, 1));
        let minutes = by_minute(&book);
        assert_eq!(minutes.iter().map(|count| count.at_ms).collect::<Vec<_>>(), [1_764_581_340_000, 1_764_581_400_000]);
        assert_eq!((&*minutes[1].way, &*minutes[1].outcome, minutes[1].count), ("code", "code-unknown", 2));
    }
}
