//! What is published about something that happened: enough to act on without asking back, and nothing personal.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::log::Change;
use crate::db::DbTime;
use crate::events::local_time::in_zone;
use crate::events::seat_map::SeatMap;
use crate::number::number;

/// Something that happened. Fields may be added, never renamed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// Its number: higher than that of everything it follows from. The same message again has the same number.
    pub id: i64,
    /// What happened.
    pub kind: Kind,
    /// When, RFC 3339 in UTC.
    pub at: String,
    /// The event it is about.
    pub event: About,
    /// The booking it is about, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub booking: Option<AboutBooking>,
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Seats were reserved for some minutes, or are kept for some more.
    Held,
    /// Seats were sold.
    Booked,
    /// A hold ended unpaid.
    Expired,
    /// A booking was given back by its fan or cancelled by the organizer.
    Cancelled,
    /// Money was given back.
    Refunded,
    /// The event was made or edited.
    Edited,
}

/// The event, as it was when the message was published.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct About {
    /// The event's id.
    pub id: String,
    /// The event's name.
    pub title: String,
    /// Where it is.
    pub venue: String,
    /// When it begins, RFC 3339 in UTC.
    pub starts_at: String,
    /// When the event begins, as the clocks there show it.
    pub starts_at_local: String,
    /// The IANA zone of the place.
    pub zone: String,
}

/// The booking.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AboutBooking {
    /// The booking's id.
    pub booking_id: Uuid,
    /// The booking's number, for people.
    pub number: String,
    /// Seat ids.
    pub seats: Vec<String>,
    /// What they cost together, in the smallest unit of the currency.
    pub amount: i64,
    /// ISO 4217.
    pub currency: String,
}

impl Message {
    /// Describes what happened.
    pub(super) fn new(kind: Kind, seat_map: &SeatMap, change: &Change) -> Self {
        let facts = &seat_map.facts;
        let booking = change.booking.as_ref().map(|booking| AboutBooking {
            booking_id: booking.booking_id,
            number: number(booking.booking_id),
            seats: booking.units.iter().map(|&unit| seat_map.name(unit).to_owned()).collect(),
            amount: booking.amount,
            currency: facts.currency.clone(),
        });
        let event = About {
            id: facts.slug.clone(),
            title: facts.title.clone(),
            venue: facts.venue.clone(),
            starts_at: facts.starts_at.to_rfc3339(),
            starts_at_local: in_zone(facts.starts_at, &facts.zone),
            zone: facts.zone.clone(),
        };
        let at = DbTime::to_rfc3339(change.at);
        Self { id: change.change_id, kind, at, event, booking }
    }
}

impl Kind {
    /// The kind of that name; nothing for one that only a newer core knows.
    pub(super) fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "held" => Self::Held,
            "booked" => Self::Booked,
            "expired" => Self::Expired,
            "cancelled" => Self::Cancelled,
            "refunded" => Self::Refunded,
            "edited" => Self::Edited,
            _ => return None,
        })
    }
}
