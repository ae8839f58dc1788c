//! An event as it is sold: sections, rows, seats and prices. Its shape never changes while it is on sale, so a seat's unit
//! (its bit) and its name stay one and the same.

use std::collections::HashMap;
use std::ops::Range;

use serde::Serialize;
use utoipa::ToSchema;

use super::about::{About, EventStatus};
use crate::db::DbTime;

/// How the places of a section are sold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, serde::Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum SectionKind {
    /// Numbered seats in rows.
    Seated,
    /// Places without a number that a fan would care about.
    Standing,
}

/// A row of seats; neighbours in the list are neighbours in the hall.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// What is written at its end.
    pub label: String,
    /// The unit of its leftmost seat.
    pub first_unit: u32,
    /// What is written on its seats, from left to right.
    pub seats: Vec<String>,
}

impl Row {
    /// The units of the row.
    #[must_use]
    pub fn units(&self) -> Range<u32> {
        self.first_unit..self.first_unit + u32::try_from(self.seats.len()).unwrap_or(u32::MAX)
    }
}

/// A part of the hall at one price.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Section {
    /// The section's name in seat ids and requests.
    pub slug: String,
    /// The section's name for people.
    pub title: String,
    /// How it is sold.
    pub kind: SectionKind,
    /// How far from the stage, from 0: for drawing.
    pub tier: u16,
    /// In the smallest unit of the event's currency.
    pub price: u32,
    /// From the stage backwards.
    pub rows: Vec<Row>,
}

impl Section {
    /// The units of the section.
    #[must_use]
    pub fn units(&self) -> Range<u32> {
        let first = self.rows.first().map_or(0, |row| row.first_unit);
        first..self.rows.last().map_or(first, |row| row.units().end)
    }

    /// The row of a seat of this section, counted from the stage.
    #[must_use]
    pub fn row_of(&self, unit: u32) -> usize {
        self.rows.partition_point(|row| row.first_unit <= unit).saturating_sub(1)
    }
}

/// What organizers may change about an event, and what they may not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// The event's key in the tables.
    pub event_id: i32,
    /// The event's name in URLs and requests.
    pub slug: String,
    /// The event's name for people.
    pub title: String,
    /// Where it takes place.
    pub venue: String,
    /// When it begins.
    pub starts_at: DbTime,
    /// The IANA zone in which people are told the time.
    pub zone: String,
    /// ISO 4217.
    pub currency: String,
    /// How long a hold lasts.
    pub hold_s: i32,
    /// How long a hold may last in all, however often its fan asks for more time; eleven holds unless given.
    pub hold_total_max_s: Option<i32>,
    /// Seats one session may hold and buy.
    pub fan_seats_max: u32,
    /// True if seats can be reserved within the sale's window.
    pub on_sale: bool,
    /// From when seats can be reserved, if not from now.
    pub sale_starts_at: Option<DbTime>,
    /// Until when seats can be reserved, if not until they are gone.
    pub sale_ends_at: Option<DbTime>,
    /// Whether it takes place.
    pub status: EventStatus,
    /// From when it is in lists and is found, if not from the start.
    pub published_at: Option<DbTime>,
    /// When the doors open, if that is said.
    pub doors_at: Option<DbTime>,
    /// Grows with every change.
    pub version: i64,
}

/// A hold, and as much again for each of ten times (WCAG 2.2.1).
const HOLD_TIMES_USUAL: i32 = 11;
/// The longest hold, and the longest that holds may last in all, in seconds.
pub(crate) const HOLD_S_MAX: i32 = 86_400;

impl Facts {
    /// How long a hold may last in all, in seconds.
    #[must_use]
    pub fn hold_total_s(&self) -> i32 {
        let usual = self.hold_s.saturating_mul(HOLD_TIMES_USUAL).min(HOLD_S_MAX);
        self.hold_total_max_s.unwrap_or(usual).max(self.hold_s)
    }

    /// Until when a hold that began then can be kept, at most.
    #[must_use]
    pub fn hold_ends_at_most(&self, began: DbTime) -> DbTime {
        DbTime(began.0 + i64::from(self.hold_total_s()) * 1000)
    }

    /// True if seats can be reserved at `now`.
    #[must_use]
    pub fn is_on_sale(&self, now: DbTime) -> bool {
        let has_begun = self.sale_starts_at.is_none_or(|starts_at| starts_at <= now);
        let has_ended = self.sale_ends_at.is_some_and(|ends_at| ends_at <= now);
        self.on_sale && self.status != EventStatus::CalledOff && has_begun && !has_ended
    }
}

/// An event with its seats and the way from a seat's name to its unit and back.
#[derive(Clone, Debug)]
pub struct SeatMap {
    /// What is said about the event.
    pub facts: Facts,
    /// What is said about it besides.
    pub about: About,
    /// The sections in the order of their units.
    pub sections: Vec<Section>,
    names: Vec<Box<str>>,
    units: HashMap<Box<str>, u32>,
    section_of: Vec<u16>,
}

/// Why sections do not make a plan.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SeatMapError {
    /// The units are not 0, 1, 2, … in the order of sections, rows and seats.
    #[error("row {row} of section {section} begins at unit {found}, expected {expected}")]
    Gap {
        /// The section's slug.
        section: String,
        /// The row's label.
        row: String,
        /// Where it begins.
        found: u32,
        /// Where it should.
        expected: u32,
    },
    /// Two seats with the same name.
    #[error("there are two seats {0}")]
    Twice(String),
}

impl SeatMap {
    /// Numbers and names the seats.
    ///
    /// # Errors
    /// [`SeatMapError`].
    pub fn new(facts: Facts, sections: Vec<Section>) -> Result<Self, SeatMapError> {
        let mut seat_map = Self {
            facts,
            about: About::default(),
            sections: vec![],
            names: vec![],
            units: HashMap::new(),
            section_of: vec![],
        };
        for (number, section) in sections.iter().enumerate() {
            for row in &section.rows {
                seat_map.add_row(u16::try_from(number).unwrap_or(u16::MAX), section, row)?;
            }
        }
        seat_map.sections = sections;
        Ok(seat_map)
    }

    /// The same with what is said about it besides.
    #[must_use]
    pub fn with_about(self, about: About) -> Self {
        Self { about, ..self }
    }

    fn add_row(&mut self, number: u16, section: &Section, row: &Row) -> Result<(), SeatMapError> {
        let expected = self.seats();
        if row.first_unit != expected {
            let (section, label) = (section.slug.clone(), row.label.clone());
            return Err(SeatMapError::Gap { section, row: label, found: row.first_unit, expected });
        }
        for (unit, seat) in row.units().zip(&row.seats) {
            let name: Box<str> = format!("{}-{}-{seat}", section.slug, row.label).into();
            if self.units.insert(name.clone(), unit).is_some() {
                return Err(SeatMapError::Twice(name.into()));
            }
            self.names.push(name);
            self.section_of.push(number);
        }
        Ok(())
    }

    /// How many seats there are: the bits of the availability bitfield.
    #[must_use]
    pub fn seats(&self) -> u32 {
        u32::try_from(self.names.len()).unwrap_or(u32::MAX)
    }

    /// The unit of a seat, `section-row-seat`.
    #[must_use]
    pub fn unit(&self, name: &str) -> Option<u32> {
        self.units.get(name).copied()
    }

    /// The name of a seat.
    #[must_use]
    pub fn name(&self, unit: u32) -> &str {
        &self.names[unit as usize]
    }

    /// The section of a seat.
    #[must_use]
    pub fn section_of(&self, unit: u32) -> &Section {
        &self.sections[usize::from(self.section_of[unit as usize])]
    }

    /// A section by its slug.
    #[must_use]
    pub fn section(&self, slug: &str) -> Option<&Section> {
        self.sections.iter().find(|section| section.slug == slug)
    }

    /// What these seats cost together.
    #[must_use]
    pub fn price(&self, units: &[u32]) -> i64 {
        units.iter().map(|&unit| i64::from(self.section_of(unit).price)).sum()
    }

    /// True if these seats (ascending) are side by side in one row.
    #[must_use]
    pub fn together(&self, units: &[u32]) -> bool {
        let side_by_side = units.windows(2).all(|pair| pair[1] == pair[0] + 1);
        let (Some(&first), Some(&last)) = (units.first(), units.last()) else { return true };
        let section = self.section_of(first);
        side_by_side && section.rows[section.row_of(first)].units().contains(&last)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Two sections: `a` with rows of the given widths, `pit` standing for 6.
    pub(crate) fn small(widths: &[u32]) -> SeatMap {
        let mut next = 0;
        let mut row = |label: String, width: u32| {
            let first_unit = next;
            next += width;
            Row { label, first_unit, seats: (1..=width).map(|n| n.to_string()).collect() }
        };
        let rows = widths.iter().enumerate().map(|(i, &width)| row(format!("R{i}"), width)).collect();
        let pit = vec![row("GA".into(), 6)];
        let section = |slug: &str, kind, price, rows| Section {
            slug: slug.into(),
            title: slug.to_uppercase(),
            kind,
            tier: 0,
            price,
            rows,
        };
        let sections =
            vec![section("a", SectionKind::Seated, 5000, rows), section("pit", SectionKind::Standing, 3000, pit)];
        SeatMap::new(facts(), sections).expect("a sound plan")
    }

    pub(crate) fn facts() -> Facts {
        Facts {
            event_id: 1,
            slug: "test".into(),
            title: "Test".into(),
            venue: "Hall".into(),
            starts_at: DbTime(1_800_000_000_000),
            zone: "Europe/Lisbon".into(),
            currency: "EUR".into(),
            hold_s: 300,
            hold_total_max_s: None,
            fan_seats_max: 6,
            on_sale: true,
            sale_starts_at: None,
            sale_ends_at: None,
            status: EventStatus::Scheduled,
            published_at: None,
            doors_at: None,
            version: 1,
        }
    }

    #[test]
    fn a_seat_and_its_unit_name_each_other() {
        let seat_map = small(&[3, 4]);
        assert_eq!(seat_map.seats(), 13);
        assert_eq!(seat_map.unit("a-R1-2"), Some(4));
        assert_eq!(seat_map.name(4), "a-R1-2");
        assert_eq!(seat_map.section_of(7).slug, "pit");
        assert_eq!(seat_map.unit("a-R1-5"), None);
        assert_eq!(seat_map.price(&[0, 7]), 8000);
    }

    #[test]
    fn a_sale_has_a_window_and_a_switch() {
        let window = Facts { sale_starts_at: Some(DbTime(10)), sale_ends_at: Some(DbTime(20)), ..facts() };
        let on_sale = |now| window.is_on_sale(DbTime(now));
        assert_eq!([9, 10, 19, 20].map(on_sale), [false, true, true, false]);
        assert!(facts().is_on_sale(DbTime(0)));
        assert!(!Facts { on_sale: false, ..window.clone() }.is_on_sale(DbTime(15)));
        assert!(Facts { status: EventStatus::Postponed, ..window.clone() }.is_on_sale(DbTime(15)));
        assert!(!Facts { status: EventStatus::CalledOff, ..window.clone() }.is_on_sale(DbTime(15)));
    }

    #[test]
    fn together_is_within_one_row() {
        let seat_map = small(&[3, 4]);
        assert!(seat_map.together(&[3, 4, 5]));
        assert!(!seat_map.together(&[2, 3]), "the end of one row and the start of the next");
        assert!(!seat_map.together(&[3, 5]));
    }

    #[test]
    fn a_gap_is_refused() {
        let mut sections = small(&[3]).sections;
        sections[1].rows[0].first_unit = 4;
        assert!(matches!(SeatMap::new(facts(), sections), Err(SeatMapError::Gap { expected: 3, found: 4, .. })));
    }
}
