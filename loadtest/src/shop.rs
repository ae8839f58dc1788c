//! The booking core as the crowd sees it: where to ask, the house, and what the answers mean.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use serde::Deserialize;

/// Where to reserve.
pub(crate) const RESERVE: &str = "/api/v1/bookings/reserve";

/// What the fans know together about the event. Without an event nothing is bought.
#[derive(Debug)]
pub(crate) struct Shop {
    pub(crate) event: Option<EventPaths>,
    house: OnceLock<Arc<House>>,
    spare_pass: Mutex<Option<String>>,
}

/// The calls for one event.
#[derive(Clone, Debug)]
pub(crate) struct EventPaths {
    pub(crate) id: String,
    pub(crate) event: String,
    pub(crate) availability: String,
}

impl Shop {
    pub(crate) fn new(event: Option<&str>) -> Self {
        let paths = |id: &str| EventPaths {
            id: id.to_owned(),
            event: format!("/api/v1/events/{id}"),
            availability: format!("/api/v1/events/{id}/availability"),
        };
        Self { event: event.map(paths), house: OnceLock::new(), spare_pass: Mutex::default() }
    }

    /// The house, from the first event answer; its shape stays while it is on sale.
    ///
    /// # Errors
    /// When the answer is not an event.
    pub(crate) fn learn_house(&self, body: &[u8]) -> serde_json::Result<Arc<House>> {
        if let Some(house) = self.house.get() {
            return Ok(Arc::clone(house));
        }
        let house = Arc::new(House::new(&serde_json::from_slice(body)?));
        Ok(Arc::clone(self.house.get_or_init(|| house)))
    }

    /// Takes the cookies of somebody who goes home with a pass that still opens the shop.
    pub(crate) fn leave_pass(&self, cookies: String) {
        *self.spare_pass.lock().unwrap_or_else(PoisonError::into_inner) = Some(cookies);
    }

    /// The last such cookies: the crowd looks around the shop once more when everyone has gone.
    pub(crate) fn spare_pass(&self) -> Option<String> {
        self.spare_pass.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Of these seats, those that a bitfield offers.
    pub(crate) fn still_offered(&self, seats: &[&str], bits: &[u8]) -> Option<Vec<String>> {
        let house = self.house.get()?;
        let free: HashSet<u32> = free_units(bits).collect();
        let is_free = |seat: &&&str| house.unit(seat).is_some_and(|unit| free.contains(&unit));
        Some(seats.iter().filter(is_free).map(|seat| (*seat).to_owned()).collect())
    }
}

/// An event, as far as a buyer needs it.
#[derive(Clone, Debug, Deserialize)]
struct Event {
    sections: Vec<Section>,
}

#[derive(Clone, Debug, Deserialize)]
struct Section {
    id: String,
    rows: Vec<Row>,
}

#[derive(Clone, Debug, Deserialize)]
struct Row {
    label: String,
    /// The bit of its leftmost seat.
    first: u32,
    seats: Vec<String>,
}

/// Sections and seats: a seat's unit is its bit.
#[derive(Debug)]
pub(crate) struct House {
    pub(crate) sections: Vec<String>,
    names: HashMap<u32, String>,
    units: HashMap<String, u32>,
}

impl House {
    fn new(event: &Event) -> Self {
        let mut names = HashMap::new();
        for section in &event.sections {
            for row in &section.rows {
                for (unit, seat) in (row.first..).zip(&row.seats) {
                    names.insert(unit, format!("{}-{}-{seat}", section.id, row.label));
                }
            }
        }
        let units = names.iter().map(|(unit, name)| (name.clone(), *unit)).collect();
        let sections = event.sections.iter().map(|section| section.id.clone()).collect();
        Self { sections, names, units }
    }

    pub(crate) fn name(&self, unit: u32) -> Option<&str> {
        self.names.get(&unit).map(String::as_str)
    }

    /// The section of a seat, by the seat's name.
    pub(crate) fn section_of(&self, seat: &str) -> Option<&str> {
        let of_seat = |section: &&String| seat.strip_prefix(section.as_str()).is_some_and(|rest| rest.starts_with('-'));
        self.sections.iter().filter(of_seat).max_by_key(|section| section.len()).map(String::as_str)
    }

    pub(crate) fn unit(&self, name: &str) -> Option<u32> {
        self.units.get(name).copied()
    }
}

/// A hold, or a booking.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Held {
    pub(crate) booking_id: String,
    pub(crate) seats: Vec<String>,
}

/// The free seats of a bitfield: bit n, the lowest of a byte first, is unit n.
pub(crate) fn free_units(bits: &[u8]) -> impl Iterator<Item = u32> + '_ {
    (0_u32..).zip(bits).flat_map(|(n, byte)| (0..8).filter(move |bit| byte >> bit & 1 == 1).map(move |bit| n * 8 + bit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_are_seats() {
        assert_eq!(free_units(&[0b1000_0001, 0, 0b10]).collect::<Vec<_>>(), [0, 7, 17]);
        assert_eq!(free_units(&[]).count(), 0);
    }

    #[test]
    fn a_sold_seat_that_is_offered_is_noticed() {
        let shop = Shop::new(Some("demo"));
        let event = br#"{"sections":[{"id":"a","rows":[{"label":"R1","first":0,"seats":["1","2","3"]}]}]}"#;
        assert_eq!(shop.still_offered(&["a-R1-1"], &[1]), None);
        assert_eq!(shop.learn_house(event).unwrap().name(2), Some("a-R1-3"));
        assert_eq!(shop.still_offered(&["a-R1-1", "a-R1-2"], &[0b101]), Some(vec!["a-R1-1".to_owned()]));
    }
}
