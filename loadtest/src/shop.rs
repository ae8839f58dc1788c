//! The booking core as the crowd sees it: where to ask, and what the answers mean.

use serde::Deserialize;

/// Where an event is sold. Without an event nothing is bought.
#[derive(Debug)]
pub(crate) struct Shop {
    pub(crate) event: Option<EventPaths>,
}

/// The calls for one event.
#[derive(Debug)]
pub(crate) struct EventPaths {
    pub(crate) id: String,
    pub(crate) event: String,
    pub(crate) availability: String,
}

/// Where to reserve.
pub(crate) const RESERVE: &str = "/api/v1/bookings/reserve";

/// Where to pay for or give back a booking.
pub(crate) fn booking_path(booking: &str, call: &str) -> String {
    format!("/api/v1/bookings/{booking}{call}")
}

impl Shop {
    pub(crate) fn new(event: Option<&str>) -> Self {
        let paths = |id: &str| EventPaths {
            id: id.to_owned(),
            event: format!("/api/v1/events/{id}"),
            availability: format!("/api/v1/events/{id}/availability"),
        };
        Self { event: event.map(paths) }
    }
}

/// The event, as far as a buyer needs it.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Event {
    pub(crate) sections: Vec<Section>,
}

/// A section of the house.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Section {
    pub(crate) id: serde_json::Value,
}

/// A hold.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Held {
    pub(crate) booking_id: String,
    pub(crate) seats: Vec<u32>,
}

/// The free seats of a bitfield: bit n (least significant first) is seat n.
pub(crate) fn free_seats(bits: &[u8]) -> impl Iterator<Item = u32> + '_ {
    (0_u32..).zip(bits).flat_map(|(n, byte)| (0..8).filter(move |bit| byte >> bit & 1 == 1).map(move |bit| n * 8 + bit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_are_seats() {
        assert_eq!(free_seats(&[0b1000_0001, 0, 0b10]).collect::<Vec<_>>(), [0, 7, 17]);
        assert_eq!(free_seats(&[]).count(), 0);
    }
}
