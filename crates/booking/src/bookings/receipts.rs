//! Bookings after the visit: shown to whoever has their address, or knows their number and the mail address given with it.
//!
//! Guarantees: who has neither learns nothing, not even whether a number exists. Every refusal is the same, and proofs
//! are compared in constant time. The tries by mail address are bounded for each network and for each number. Only a booking that
//! is paid has tickets.

use std::net::IpAddr;
use std::sync::Arc;

use ring::hmac::{self, HMAC_SHA256};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::Bookings;
use super::answer::BookingAnswer;
use super::links::Links;
use crate::db::{Database, DbError};
use crate::events::answer::EventSummary;
use crate::events::seat_map::{SeatMap, SectionKind};
use crate::money::minor_units_of_event;
use crate::number::ids_of_number;
use crate::sale::booking::BookingStatus;
use crate::sale::on_sale::Events;
use crate::sql;
use crate::tickets::{TicketAnswer, TicketOffice};
use fairgate_core::rate_limit::{Network, Quota, Table, Verdict, networks};

/// Numbers and networks that are remembered, 16 bytes each.
const REMEMBERED: usize = 32_768;
/// Tries by mail address of one network: a whole office, or a mobile carrier's customers, may be behind one address.
const BY_NETWORK: Quota = Quota { per_minute: 30, burst: 30 };
/// Tries by mail address for one number, whoever makes them.
const BY_NUMBER: Quota = Quota { per_minute: 5, burst: 5 };
/// Looks with a key at one number: a page that waits for a payment asks every few seconds.
const BY_KEY: Quota = Quota { per_minute: 120, burst: 60 };

const NETWORK: u8 = 0;
const NUMBER: u8 = 1;
const KEY: u8 = 2;

/// What shows that a booking is the fan's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Proof {
    /// The key in its address.
    Key(String),
    /// The mail address that was given when it was paid, in lower case.
    Email(String),
}

/// Why a booking is not shown.
#[derive(Debug, thiserror::Error)]
pub enum ReceiptError {
    /// No booking has this number and this proof.
    #[error("there is no booking with this number and this proof")]
    NotFound,
    /// Too many tries.
    #[error("too many tries")]
    TooMany {
        /// When the next one is allowed, s.
        retry_after_s: u32,
    },
    /// The database cannot be reached.
    #[error(transparent)]
    Database(#[from] DbError),
}

impl From<tokio_postgres::Error> for ReceiptError {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Database(error.into())
    }
}

/// A booking with everything that is needed to show it by itself.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Receipt {
    /// The booking.
    #[serde(flatten)]
    pub booking: BookingAnswer,
    /// Its event.
    pub about: EventSummary,
    /// The digits behind the point of its currency (ISO 4217).
    #[schema(example = 2)]
    pub minor_units: u8,
    /// Its seats in words.
    pub places: Vec<PlaceAnswer>,
}

/// A seat in words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct PlaceAnswer {
    /// The section's name.
    pub section: String,
    /// How it is sold.
    pub kind: SectionKind,
    /// What is written at the row's end.
    #[schema(example = "A")]
    pub row: String,
    /// What is written on the seat.
    #[schema(example = "14")]
    pub seat: String,
    /// What its owner shows at the door, once it is paid.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ticket: Option<TicketAnswer>,
}

/// Shows bookings to those who can prove that they are theirs.
#[derive(Debug)]
pub struct Receipts {
    database: Database,
    events: Arc<Events>,
    links: Links,
    tickets: Arc<TicketOffice>,
    tries: Table,
    compare: hmac::Key,
}

impl Receipts {
    /// For one core.
    ///
    /// # Panics
    /// When the system has no randomness.
    #[must_use]
    pub fn new(database: Database, events: Arc<Events>, links: Links, tickets: Arc<TicketOffice>) -> Self {
        let compare = hmac::Key::generate(HMAC_SHA256, &fairgate_telemetry::entropy::system())
            .expect("the system has randomness");
        Self { database, events, links, tickets, tries: Table::new(REMEMBERED), compare }
    }

    /// The booking with a number, for somebody who proves that it is theirs. `client` is the address that asks, as the gate
    /// says it.
    ///
    /// # Errors
    /// [`ReceiptError`].
    pub async fn find(
        &self,
        bookings: &Bookings,
        number: &str,
        proof: &Proof,
        client: Option<IpAddr>,
        now_us: u64,
    ) -> Result<Receipt, ReceiptError> {
        let (lowest, highest) = ids_of_number(number).ok_or(ReceiptError::NotFound)?;
        self.may_try(proof, lowest, client, now_us)?;
        let connection = self.database.client().await?;
        let statement = connection.prepare_cached(sql::RECEIPT_FIND).await?;
        let rows = connection.query(&statement, &[&lowest, &highest]).await?;
        drop(connection);
        let candidates = rows.iter().map(|row| (row.get("booking_id"), row.get::<_, Vec<String>>("emails")));
        let proven = candidates.filter(|(id, emails)| self.proves(proof, *id, emails)).map(|(id, _)| id).next();
        let booking = bookings.show(proven.ok_or(ReceiptError::NotFound)?).await?.ok_or(ReceiptError::NotFound)?;
        let seat_map = self.events.seat_map(&booking.event).await?.ok_or(ReceiptError::NotFound)?;
        Ok(self.describe(&seat_map, booking))
    }

    fn may_try(&self, proof: &Proof, number: Uuid, client: Option<IpAddr>, now_us: u64) -> Result<(), ReceiptError> {
        let asked: Vec<(u8, u128, Quota)> = match proof {
            Proof::Key(_) => vec![(KEY, number.as_u128(), BY_KEY)],
            Proof::Email(_) => {
                let by_network = |Network { key, factor }: Network| (NETWORK, key, BY_NETWORK.times(factor));
                let wide_and_narrow = client.into_iter().flat_map(networks).map(by_network);
                wide_and_narrow.chain([(NUMBER, number.as_u128(), BY_NUMBER)]).collect()
            }
        };
        for (class, key, quota) in asked {
            if let Verdict::Refused { retry_after_ms } = self.tries.ask(class, key, &quota, now_us) {
                let retry_after_s = u32::try_from(retry_after_ms.div_ceil(1000)).unwrap_or(u32::MAX);
                return Err(ReceiptError::TooMany { retry_after_s });
            }
        }
        Ok(())
    }

    /// Looks at every address, however many there are and whichever fits.
    fn proves(&self, proof: &Proof, booking_id: Uuid, emails: &[String]) -> bool {
        match proof {
            Proof::Key(key) => self.links.opens(booking_id, key),
            Proof::Email(email) => {
                let tag = hmac::sign(&self.compare, email.as_bytes());
                let fits = |email: &String| hmac::verify(&self.compare, email.as_bytes(), tag.as_ref()).is_ok();
                emails.iter().fold(false, |found, email| found | fits(email))
            }
        }
    }

    fn describe(&self, seat_map: &SeatMap, booking: BookingAnswer) -> Receipt {
        let (is_paid, booking_id) = (booking.status == BookingStatus::Confirmed, booking.booking_id);
        let described = |seat: &String| {
            let unit = seat_map.unit(seat)?;
            let ticket = is_paid.then(|| self.tickets.issue(seat_map, booking_id, unit)).flatten();
            Some(PlaceAnswer { ticket, ..place(seat_map, unit)? })
        };
        let places = booking.seats.iter().filter_map(described).collect();
        let (about, minor_units) = (EventSummary::new(&seat_map.facts), minor_units_of_event(&seat_map.facts.currency));
        Receipt { booking, about, minor_units, places }
    }
}

fn place(seat_map: &SeatMap, unit: u32) -> Option<PlaceAnswer> {
    let section = seat_map.section_of(unit);
    let row = section.rows.get(section.row_of(unit))?;
    let seat = row.seats.get((unit - row.first_unit) as usize)?.clone();
    Some(PlaceAnswer { section: section.title.clone(), kind: section.kind, row: row.label.clone(), seat, ticket: None })
}
