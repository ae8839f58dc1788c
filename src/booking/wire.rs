//! What clients send and get, as JSON. Fields may be added, never renamed. Times are Unix milliseconds (and RFC 3339 for
//! people), money is in the smallest unit of the currency.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::batch::Held;
use super::db::DbTime;
use super::money::minor_units_of_event;
use super::payment::State;
use super::plan::{Plan, SectionKind};

/// `POST /api/v1/bookings/reserve`: these seats, or the best ones of a section.
#[derive(Clone, Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReserveRequest {
    /// The event's id.
    #[schema(example = "midsummer-night")]
    pub event: String,
    /// Seat ids, `section-row-seat`; all of them or none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = json!(["stalls-centre-A-14", "stalls-centre-A-15"]))]
    pub seats: Option<Vec<String>>,
    /// A section's id, with `quantity`: the best seats that are left there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub section: Option<String>,
    /// How many seats of the section.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quantity: Option<u32>,
    /// Refuse rather than hold seats that are not side by side.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub only_together: bool,
}

/// `POST /api/v1/bookings/{id}/payment`.
#[derive(Clone, Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PaymentRequest {
    /// What the payment provider gave the browser.
    #[schema(example = "demo-visa")]
    pub payment_token: String,
    /// Where the confirmation is sent, if anywhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "fan@example.com")]
    pub email: Option<String>,
}

/// How a booking stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum BookingStatus {
    /// Reserved until `expires_at`.
    Held,
    /// Paid; the seats are the fan's.
    Confirmed,
    /// Not paid in time.
    Expired,
    /// Given back.
    Cancelled,
}

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
    /// Whether they are side by side.
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
    /// `started`: under way; `confirmed`: the seats are the fan's; `declined`: no money was taken; `refunding`: the money is on
    /// its way back; `refunded`: it is back.
    pub state: State,
    /// What the provider said when it declined.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "the card was declined")]
    pub reason: Option<String>,
}

impl BookingAnswer {
    /// Describes a booking.
    #[must_use]
    pub fn new(plan: &Plan, booking_id: Uuid, held: &Held, status: BookingStatus, link: String) -> Self {
        Self {
            booking_id,
            number: number(booking_id),
            status,
            event: plan.facts.slug.clone(),
            seats: held.units.iter().map(|&unit| plan.name(unit).to_owned()).collect(),
            together: plan.together(&held.units),
            amount: held.amount,
            currency: plan.facts.currency.clone(),
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

/// Crockford's base 32.
const DIGITS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// Ten letters and digits that people do not confuse (Crockford's base 32), from the first 50 bits of the id.
pub(super) fn number(booking_id: Uuid) -> String {
    let bits = booking_id.as_u128() >> 78;
    let digit = |position: u32| char::from(DIGITS[(bits >> (45 - 5 * position)) as usize & 31]);
    (0..5).map(digit).chain(['-']).chain((5..10).map(digit)).collect()
}

/// The ids that a number may stand for, lowest and highest; `None` when it is no number.
pub(super) fn ids_of_number(text: &str) -> Option<(Uuid, Uuid)> {
    let digits: Vec<u8> = text.bytes().filter(|&byte| byte != b'-').map(|byte| byte.to_ascii_uppercase()).collect();
    if digits.len() != 10 {
        return None;
    }
    let mut bits = 0u128;
    for digit in digits {
        bits = bits << 5 | DIGITS.iter().position(|&known| known == digit)? as u128;
    }
    Some((Uuid::from_u128(bits << 78), Uuid::from_u128(((bits + 1) << 78).wrapping_sub(1))))
}

/// The bookings of a session that concern its fan.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct BookingList {
    /// Newest first: what is held or paid, and what is being paid or was given back, whatever became of its seats.
    pub bookings: Vec<BookingAnswer>,
}

/// The events on sale.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct EventList {
    /// The next one first.
    pub events: Vec<EventSummary>,
}

/// An event in a list.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct EventSummary {
    /// Its id.
    #[schema(example = "midsummer-night")]
    pub id: String,
    /// Its name.
    pub title: String,
    /// Where it is.
    pub venue: String,
    /// When it begins, RFC 3339 in UTC.
    pub starts_at: String,
    /// The zone in which to tell the time.
    #[schema(example = "Europe/Lisbon")]
    pub zone: String,
    /// Whether seats can be reserved, from `sale_starts_at` until `sale_ends_at`.
    pub on_sale: bool,
    /// From when seats can be reserved, RFC 3339 in UTC.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sale_starts_at: Option<String>,
    /// Until when seats can be reserved, RFC 3339 in UTC.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sale_ends_at: Option<String>,
}

/// An event with its sections, rows and prices.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct EventAnswer {
    /// What is said about it.
    #[serde(flatten)]
    pub summary: EventSummary,
    /// ISO 4217.
    #[schema(example = "EUR")]
    pub currency: String,
    /// The digits behind the point of the currency (ISO 4217): a price of 9800 with 2 of them is 98.00.
    #[schema(example = 2)]
    pub minor_units: u8,
    /// How many seats there are: the bits of the availability bitfield.
    pub seats: u32,
    /// How long a hold lasts, in seconds.
    pub hold_s: i32,
    /// How long a hold may last in all, with the time that its fan asks for, in seconds.
    pub hold_total_max_s: i32,
    /// Seats that one fan may have.
    pub fan_seats_max: u32,
    /// Grows with every edit.
    pub version: i64,
    /// From the first bit to the last.
    pub sections: Vec<SectionAnswer>,
}

/// A part of the hall at one price.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct SectionAnswer {
    /// Its id.
    #[schema(example = "stalls-centre")]
    pub id: String,
    /// Its name.
    pub title: String,
    /// How it is sold.
    pub kind: SectionKind,
    /// How far from the stage, from 0.
    pub tier: u16,
    /// In the smallest unit of the currency.
    pub price: u32,
    /// The bit of its first seat.
    pub first: u32,
    /// How many seats it has.
    pub seats: u32,
    /// From the stage backwards.
    pub rows: Vec<RowAnswer>,
}

/// A row of seats. The id of a seat is `section-row-seat`, its bit is the row's first bit plus its position in the row.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct RowAnswer {
    /// What is written at its end.
    pub label: String,
    /// The bit of its leftmost seat.
    pub first: u32,
    /// What is written on its seats, from left to right.
    pub seats: Vec<String>,
}

impl EventSummary {
    /// Describes an event in a few words.
    #[must_use]
    pub fn new(plan: &Plan) -> Self {
        let facts = &plan.facts;
        let starts_at = DbTime::to_rfc3339(facts.starts_at);
        let (id, title, venue, zone) = (&facts.slug, &facts.title, &facts.venue, &facts.zone);
        Self {
            id: id.clone(),
            title: title.clone(),
            venue: venue.clone(),
            starts_at,
            zone: zone.clone(),
            on_sale: facts.on_sale,
            sale_starts_at: facts.sale_starts_at.map(DbTime::to_rfc3339),
            sale_ends_at: facts.sale_ends_at.map(DbTime::to_rfc3339),
        }
    }
}

impl EventAnswer {
    /// Describes an event.
    #[must_use]
    pub fn new(plan: &Plan) -> Self {
        Self {
            summary: EventSummary::new(plan),
            currency: plan.facts.currency.clone(),
            minor_units: minor_units_of_event(&plan.facts.currency),
            seats: plan.seats(),
            hold_s: plan.facts.hold_s,
            hold_total_max_s: plan.facts.hold_total_s(),
            fan_seats_max: plan.facts.fan_seats_max,
            version: plan.facts.version,
            sections: plan.sections.iter().map(section).collect(),
        }
    }
}

fn section(section: &super::plan::Section) -> SectionAnswer {
    let units = section.units();
    let rows = section.rows.iter();
    SectionAnswer {
        id: section.slug.clone(),
        title: section.title.clone(),
        kind: section.kind,
        tier: section.tier,
        price: section.price,
        first: units.start,
        seats: units.end - units.start,
        rows: rows
            .map(|row| RowAnswer { label: row.label.clone(), first: row.first_unit, seats: row.seats.clone() })
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_short_and_follows_from_the_id() {
        assert_eq!(number(Uuid::nil()), "00000-00000");
        assert_eq!(number(Uuid::max()), "ZZZZZ-ZZZZZ");
        assert_eq!(number(Uuid::from_u128(1 << 78)), "00000-00001");
        for id in [Uuid::nil(), Uuid::max(), Uuid::from_u128(0x1234_5678_9abc_8def_8000_0000_0000_0001)] {
            let (lowest, highest) = ids_of_number(&number(id).to_lowercase()).expect("a number");
            assert!(lowest <= id && id <= highest);
            assert_eq!((number(lowest), number(highest)), (number(id), number(id)));
        }
        assert_eq!(ids_of_number("0000U-00000"), None);
        assert_eq!(ids_of_number("00000"), None);
    }
}
