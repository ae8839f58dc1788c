//! A seat plan while it is read: sections, rows and seats in the order in which they come, and mistakes by line. Pure.

use std::collections::HashMap;

use super::slug;
use crate::events::edit::{PRICE_MAX, words};
use crate::events::seat_map::{Row, Section, SectionKind};

/// Seats of one event.
pub const SEATS_MAX: usize = 100_000;
/// What the tables number.
const SECTIONS_MAX: usize = 1000;
/// Mistakes that are told; whoever has more has made one many times.
const ERRORS_MAX: usize = 50;
const LABEL_CHARS_MAX: usize = 8;

/// A mistake.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {detail}")]
pub struct LineError {
    /// From 1.
    pub line: u64,
    /// What is wrong, and what would be right.
    pub detail: String,
}

/// What is said about a section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SectionWords {
    pub(super) id: String,
    pub(super) title: String,
    pub(super) kind: SectionKind,
    pub(super) tier: u16,
    pub(super) price: u32,
}

/// A plan that grows.
#[derive(Debug, Default)]
pub(super) struct Draft {
    sections: Vec<DraftSection>,
    by_id: HashMap<String, usize>,
    seats: HashMap<String, u64>,
    errors: Vec<LineError>,
    /// Where in the file the reader is, for those who find their way by more than lines.
    path: String,
}

#[derive(Debug)]
struct DraftSection {
    words: SectionWords,
    line: u64,
    rows: Vec<(String, Vec<String>)>,
    by_label: HashMap<String, usize>,
}

impl Draft {
    /// Notes a mistake.
    pub(super) fn mistake(&mut self, line: u64, detail: impl Into<String>) {
        let detail = detail.into();
        let detail = if self.path.is_empty() { detail } else { format!("{}: {detail}", self.path) };
        let error = LineError { line, detail };
        // A row of seats under a bad label is one mistake.
        if self.errors.last() != Some(&error) {
            self.errors.push(error);
        }
    }

    /// Notes a mistake that says itself where it is.
    pub(super) fn mistake_at(&mut self, error: LineError) {
        self.errors.push(error);
    }

    /// Says where in the file the reader is.
    pub(super) fn at(&mut self, path: String) {
        self.path = path;
    }

    /// True if there are so many mistakes that reading on helps nobody.
    pub(super) fn is_hopeless(&self) -> bool {
        self.errors.len() >= ERRORS_MAX || self.seats.len() > SEATS_MAX
    }

    /// The seats so far.
    pub(super) fn seats(&self) -> usize {
        self.seats.len()
    }

    /// The section with these words, new or known; none when they cannot be, or contradict what was said before.
    pub(super) fn section(&mut self, line: u64, words: SectionWords) -> Option<usize> {
        if let Some(&known) = self.by_id.get(&words.id) {
            let first = &self.sections[known];
            if first.words == words {
                return Some(known);
            }
            let detail = format!("section {:?} was described in another way on line {}", words.id, first.line);
            self.mistake(line, detail);
            return None;
        }
        if let Err(detail) = check(&words) {
            self.mistake(line, detail);
            return None;
        }
        if self.sections.len() == SECTIONS_MAX {
            self.mistake(line, format!("more than {SECTIONS_MAX} sections"));
            return None;
        }
        self.by_id.insert(words.id.clone(), self.sections.len());
        self.sections.push(DraftSection { words, line, rows: Vec::new(), by_label: HashMap::new() });
        Some(self.sections.len() - 1)
    }

    /// The next seat of a row; seats of a row are neighbours in the order in which they come.
    pub(super) fn seat(&mut self, line: u64, section: usize, row: &str, seat: &str) {
        for (what, label) in [("row", row), ("seat", seat)] {
            if !is_label(label) {
                return self.mistake(line, format!("{what} {label:?}: {}", remedy(label)));
            }
        }
        let draft = &mut self.sections[section];
        let name = format!("{}-{row}-{seat}", draft.words.id);
        if let Some(first) = self.seats.get(&name) {
            let detail = format!("seat {name} is on line {first} already");
            return self.mistake(line, detail);
        }
        let rows = &mut draft.rows;
        let position = *draft.by_label.entry(row.to_owned()).or_insert_with(|| {
            rows.push((row.to_owned(), Vec::new()));
            rows.len() - 1
        });
        rows[position].1.push(seat.to_owned());
        self.seats.insert(name, line);
        if self.seats.len() == SEATS_MAX + 1 {
            self.mistake(line, format!("more than {SEATS_MAX} seats"));
        }
    }

    /// The sections with their seats numbered, or every mistake.
    pub(super) fn finish(mut self) -> Result<Vec<Section>, Vec<LineError>> {
        for section in &self.sections {
            if section.rows.is_empty() {
                let detail = format!("section {:?} has no seats", section.words.id);
                self.errors.push(LineError { line: section.line, detail });
            }
        }
        if self.sections.is_empty() && self.errors.is_empty() {
            self.mistake(1, "there are no seats");
        }
        if !self.errors.is_empty() {
            self.errors.sort_by_key(|error| error.line);
            return Err(self.errors);
        }
        let mut next = 0;
        Ok(self.sections.into_iter().map(|section| section.finish(&mut next)).collect())
    }
}

impl DraftSection {
    fn finish(self, next: &mut u32) -> Section {
        let SectionWords { id, title, kind, tier, price } = self.words;
        let rows = self.rows.into_iter().map(|(label, seats)| {
            let first_unit = *next;
            // At most a hundred thousand.
            *next += u32::try_from(seats.len()).unwrap_or(u32::MAX);
            Row { label, first_unit, seats }
        });
        Section { slug: id, title, kind, tier, price, rows: rows.collect() }
    }
}

fn check(section: &SectionWords) -> Result<(), String> {
    slug("section", &section.id).map_err(|misfit| misfit.to_string())?;
    words("title", &section.title).map_err(|misfit| misfit.to_string())?;
    if section.price > PRICE_MAX {
        return Err(format!("price: from 0 to {PRICE_MAX} in the smallest unit of the currency, please"));
    }
    if section.tier > i16::MAX.unsigned_abs() {
        return Err(format!("tier: from 0 to {}, please", i16::MAX));
    }
    Ok(())
}

/// Letters and digits of any script; no sign that ends a label in the id of a seat.
fn is_label(text: &str) -> bool {
    (1..=LABEL_CHARS_MAX).contains(&text.chars().count()) && text.chars().all(char::is_alphanumeric)
}

/// "Row 12" is the row 12: pages say the word themselves, in the fan's language.
fn remedy(label: &str) -> String {
    let rule = format!("1 to {LABEL_CHARS_MAX} letters and digits, please");
    match label.split_whitespace().next_back().filter(|last| *last != label && is_label(last)) {
        Some(last) => format!("{rule}; write {last:?} alone, what it is is said beside it"),
        None => rule,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn section(id: &str, price: u32) -> SectionWords {
        SectionWords { id: id.into(), title: id.to_uppercase(), kind: SectionKind::Seated, tier: 0, price }
    }

    #[test]
    fn seats_are_numbered_by_section_and_row_whatever_the_order_of_lines() {
        let mut draft = Draft::default();
        let stalls = draft.section(1, section("stalls", 100)).expect("new");
        let box_ = draft.section(2, section("box", 200)).expect("new");
        for (line, section, row, seat) in
            [(1, stalls, "A", "1"), (2, box_, "A", "1"), (3, stalls, "B", "1"), (4, stalls, "A", "2")]
        {
            draft.seat(line, section, row, seat);
        }
        let sections = draft.finish().expect("no mistakes");
        assert_eq!(sections[0].rows[0], Row { label: "A".into(), first_unit: 0, seats: vec!["1".into(), "2".into()] });
        assert_eq!(sections[0].rows[1].first_unit, 2);
        assert_eq!(sections[1].rows[0].first_unit, 3);
    }

    #[test]
    fn mistakes_are_told_by_line_and_in_order() {
        let mut draft = Draft::default();
        let stalls = draft.section(2, section("stalls", 100)).expect("new");
        draft.seat(2, stalls, "A", "1");
        assert_eq!(draft.section(3, section("stalls", 101)), None);
        assert_eq!(draft.section(4, section("Stalls", 100)), None);
        draft.seat(5, stalls, "A", "1");
        draft.seat(6, stalls, "A 1", "1");
        draft.seat(6, stalls, "A 1", "2");
        draft.section(7, section("empty", 100));
        let errors = draft.finish().expect_err("mistakes");
        assert_eq!(errors.iter().map(|error| error.line).collect::<Vec<_>>(), [3, 4, 5, 6, 7]);
        assert!(errors[2].detail.contains("line 2 already"));
    }

    #[test]
    fn a_plan_has_a_size() {
        let mut draft = Draft::default();
        let stalls = draft.section(1, section("stalls", 100)).expect("new");
        for seat in 0..=SEATS_MAX {
            draft.seat(seat as u64 + 1, stalls, &format!("R{}", seat / 100), &format!("{}", seat % 100));
        }
        assert!(draft.is_hopeless());
        assert_eq!(draft.finish().expect_err("too many")[0].line, SEATS_MAX as u64 + 1);
        assert_eq!(Draft::default().finish().expect_err("empty")[0].line, 1);
    }
}
