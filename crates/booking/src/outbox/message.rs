//! What is published about something that happened: enough to act on without asking back, and nothing personal.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::log::Change;
use crate::db::DbTime;
use crate::events::local_time::in_zone;
use crate::events::seat_map::SeatMap;
use crate::number::number;

/// Something that happened. Fields may be added, never renamed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
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
    /// The payment that it follows from, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<Uuid>,
}

#[cfg(test)]
impl Message {
    /// Two seats of an evening in Lisbon were booked, or whatever the kind says.
    pub(super) fn example(kind: Kind) -> Self {
        let event = About {
            id: "night".into(),
            title: "Night".into(),
            venue: "Hall".into(),
            starts_at: "2027-06-21T19:30:00.000Z".into(),
            starts_at_local: "Monday, 21 June 2027, 20:30 WEST (UTC+01:00)".into(),
            zone: "Europe/Lisbon".into(),
        };
        let booking = AboutBooking {
            booking_id: Uuid::nil(),
            number: "K7QM2-XRD4T".into(),
            seats: vec!["stalls-A-1".into(), "stalls-A-2".into()],
            amount: 24_005,
            currency: "EUR".into(),
            fan: None,
        };
        Self { id: 7, kind, at: "2027-01-01T00:00:00.000Z".into(), event, booking: Some(booking), cause: None }
    }
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
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
    /// A fan began to pay.
    PaymentStarted,
    /// A payment took no money.
    Declined,
    /// Money is on its way back.
    RefundStarted,
    /// The event has another place or time than before.
    Changed,
    /// The event of a booking is near: its fan is to be reminded.
    ReminderDue,
}

/// The event, as it was when the message was published.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
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
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
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
    /// A pseudonym of the fan's session: 16 hex digits, the same for the same session at this installation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fan: Option<String>,
}

impl Message {
    /// Describes what happened; `fan_of` makes the pseudonym of a session.
    pub(super) fn new(kind: Kind, seat_map: &SeatMap, change: &Change, fan_of: impl Fn(&str) -> String) -> Self {
        let facts = &seat_map.facts;
        let booking = change.booking.as_ref().map(|booking| AboutBooking {
            booking_id: booking.booking_id,
            number: number(booking.booking_id),
            seats: booking.units.iter().map(|&unit| seat_map.name(unit).to_owned()).collect(),
            amount: booking.amount,
            currency: facts.currency.clone(),
            fan: Some(fan_of(&booking.session)),
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
        Self { id: change.change_id, kind, at, event, booking, cause: change.cause }
    }
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::Held,
        Self::Booked,
        Self::Expired,
        Self::Cancelled,
        Self::Refunded,
        Self::Edited,
        Self::PaymentStarted,
        Self::Declined,
        Self::RefundStarted,
        Self::Changed,
        Self::ReminderDue,
    ];

    /// Its name in the change log.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::Booked => "booked",
            Self::Expired => "expired",
            Self::Cancelled => "cancelled",
            Self::Refunded => "refunded",
            Self::Edited => "edited",
            Self::PaymentStarted => "payment_started",
            Self::Declined => "declined",
            Self::RefundStarted => "refund_started",
            Self::Changed => "changed",
            Self::ReminderDue => "reminder_due",
        }
    }

    /// The kind of that name; nothing for one that only a newer core knows.
    pub(super) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// What the rest of the house calls it: the end of the type of its messages, and the name of their schema.
    #[must_use]
    pub fn topic(self) -> &'static str {
        match self {
            Self::Held => "booking.held",
            Self::Booked => "booking.confirmed",
            Self::Expired => "booking.expired",
            Self::Cancelled => "booking.cancelled",
            Self::PaymentStarted => "payment.started",
            Self::Declined => "payment.declined",
            Self::RefundStarted => "refund.started",
            Self::Refunded => "refund.completed",
            Self::Edited => "event.edited",
            Self::Changed => "event.changed",
            Self::ReminderDue => "booking.reminder",
        }
    }

    /// Reads what the rest of the house calls it.
    ///
    /// # Errors
    /// Those that there are.
    pub fn parse_topic(text: &str) -> Result<Self, String> {
        let known = || Self::ALL.map(Self::topic).join(", ");
        Self::ALL.into_iter().find(|kind| kind.topic() == text).ok_or_else(|| format!("write one of {}", known()))
    }

    /// True if it happens to a booking, which its messages describe.
    #[must_use]
    pub fn is_of_booking(self) -> bool {
        !matches!(self, Self::Edited | Self::Changed)
    }

    /// True if programs that know no envelope know it.
    pub(super) fn is_plain(self) -> bool {
        !matches!(self, Self::PaymentStarted | Self::Declined | Self::RefundStarted | Self::Changed | Self::ReminderDue)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_has_one_name_everywhere() {
        for kind in Kind::ALL {
            assert_eq!(Kind::from_name(kind.name()), Some(kind));
            assert_eq!(Kind::parse_topic(kind.topic()), Ok(kind));
            assert_eq!(serde_json::json!(kind), kind.name(), "the log and the messages call it the same");
        }
        assert_eq!(Kind::from_name("levitated"), None);
        assert!(Kind::parse_topic("seat.levitated").is_err_and(|told| told.contains("booking.held, ")));
    }
}
