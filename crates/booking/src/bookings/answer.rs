//! Bookings as clients get them, as JSON. Fields may be added, never renamed. Times are Unix milliseconds (and RFC 3339 for
//! people), money is in the smallest unit of the currency.

use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::events::seat_map::SeatMap;
use crate::number::number;
use crate::payment::State;
use crate::sale::booking::{BookingStatus, Held};

/// A booking.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct BookingAnswer {
    /// Its id.
    pub booking_id: Uuid,
    /// Its number, for people.
    #[schema(example = "K7QM2-XRD4T")]
    pub number: String,
    /// How it stands.
    pub status: BookingStatus,
    /// The event's id.
    pub event: String,
    /// Seat ids.
    pub seats: Vec<String>,
    /// True if the seats are side by side.
    pub together: bool,
    /// What they cost together, in the smallest unit of the currency.
    pub amount: i64,
    /// ISO 4217.
    #[schema(example = "EUR")]
    pub currency: String,
    /// When the hold ends.
    #[schema(example = "2026-12-01T10:08:00.000Z")]
    pub expires_at: String,
    /// The same in Unix milliseconds.
    pub expires_at_ms: i64,
    /// The payment that confirmed it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub payment_id: Option<Uuid>,
    /// The payment that decides how it stands: the one that confirmed it, else the one under way, else the latest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub payment: Option<PaymentAnswer>,
    /// Until when a hold can be kept, with more time than it has (`POST …/extend`): where that is more than `expires_at`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub more_time_until: Option<String>,
    /// The same in Unix milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub more_time_until_ms: Option<i64>,
    /// Its own address from the shop's root, which opens it without a pass: for its fan only.
    #[schema(example = "/bookings/K7QM2-XRD4T#uUxZ5tF0p1oJw4M6T2l1xq9wBv3Vn8cLr7GdYkEsHaQ")]
    pub link: String,
}

/// How the payment of a booking stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct PaymentAnswer {
    /// Its id.
    pub payment_id: Uuid,
    /// `started`: under way. `confirmed`: the seats are the fan's. `declined`: no money was taken. `refunding`: the
    /// money is on its way back. `refunded`: the money is back.
    pub state: State,
    /// What the provider said when it declined.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "the card was declined")]
    pub reason: Option<String>,
}

impl BookingAnswer {
    /// Describes a booking.
    #[must_use]
    pub fn new(seat_map: &SeatMap, booking_id: Uuid, held: &Held, status: BookingStatus, link: String) -> Self {
        Self {
            booking_id,
            number: number(booking_id),
            status,
            event: seat_map.facts.slug.clone(),
            seats: held.units.iter().map(|&unit| seat_map.name(unit).to_owned()).collect(),
            together: seat_map.together(&held.units),
            amount: held.amount,
            currency: seat_map.facts.currency.clone(),
            expires_at: held.expires_at.to_rfc3339(),
            expires_at_ms: held.expires_at.0,
            payment_id: None,
            payment: None,
            more_time_until: None,
            more_time_until_ms: None,
            link,
        }
    }
}

/// The bookings of a session that concern its fan.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct BookingList {
    /// Newest first: what is held or paid, and what is being paid or was given back, whatever became of its seats.
    pub bookings: Vec<BookingAnswer>,
}
