//! More time for a hold, for fans who need it (WCAG 2.2.1): up to ten times as long again, or what the seller allows.
//!
//! Guarantees:
//! - a hold never lasts longer in all than the event's `hold_total_max_s`, counted from when the seats were reserved
//! - only what is held at this moment by the database's clock can be kept
//! - a hold can be kept only while the event is on sale, the fan is within the limit and no payment is under way
//!
//! Asking again at once changes nothing.

use uuid::Uuid;

use super::Bookings;
use super::answer::BookingAnswer;
use crate::db::{DbError, DbTime};
use crate::payment::UnderWay;
use crate::sale::booking::read_held;
use crate::sale::event_state::EventState;
use crate::sql;
use crate::units::{signed, unsigned};

/// Why a hold is not kept longer.
#[derive(Debug, thiserror::Error)]
pub enum ExtendError {
    /// The session has no such booking.
    #[error("there is no such booking")]
    NotFound,
    /// The booking is paid.
    #[error("the booking is paid")]
    Paid,
    /// The booking was given back.
    #[error("the booking was given back")]
    Cancelled,
    /// The hold has ended.
    #[error("the hold has ended")]
    Ended,
    /// A payment for it is under way, which decides what becomes of it.
    #[error("a payment for this booking is under way")]
    UnderWay(UnderWay),
    /// The sale has ended or was stopped.
    #[error("{0} is not on sale")]
    NotOnSale(String),
    /// The fan has more seats than the limit allows by now.
    #[error("the fan has {has} seats, and may have {seats_max}")]
    Limit {
        /// How many one fan may have.
        seats_max: u32,
        /// How many the fan has.
        has: u32,
    },
    /// The seller allows no more.
    #[error("the hold has lasted as long as it may")]
    NoMore,
    /// The database cannot be reached; asking again is safe.
    #[error(transparent)]
    Database(#[from] DbError),
}

impl From<tokio_postgres::Error> for ExtendError {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Database(error.into())
    }
}

impl Bookings {
    /// Keeps a hold for as long again, counted from now. With more than half of the time left it stays as it is.
    ///
    /// # Errors
    /// [`ExtendError`]; the hold is as it was.
    pub async fn extend(&self, session: &str, booking_id: Uuid) -> Result<BookingAnswer, ExtendError> {
        let client = self.database.begin().await?;
        let lock = client.prepare_cached(sql::BOOKING_LOCK).await?;
        let row = client.query_opt(&lock, &[&booking_id]).await?;
        let row = row.filter(|row| row.get::<_, &str>("session") == session).ok_or(ExtendError::NotFound)?;
        match row.get("status") {
            "held" if !row.get::<_, bool>("late") => {}
            "confirmed" => return Err(ExtendError::Paid),
            "cancelled" => return Err(ExtendError::Cancelled),
            _ => return Err(ExtendError::Ended),
        }
        if let Some(under_way) = UnderWay::of_booking(&client, booking_id).await? {
            return Err(ExtendError::UnderWay(under_way));
        }
        let held = read_held(&row);
        let desk = self.events.desk_with(&client, row.get("event_id")).await?.ok_or(ExtendError::NotFound)?;
        let event = &desk.state;
        let facts = event.seat_map().facts.clone();
        let now = event.time().now();
        if !facts.is_on_sale(now) {
            return Err(ExtendError::NotOnSale(facts.title));
        }
        self.check_limit(&client, session, event).await?;
        let latest = facts.hold_ends_at_most(row.get("created_at"));
        // The answer to the first request may have been lost.
        if held.expires_at.0 - now.0 > i64::from(facts.hold_s) * 1000 / 2 {
            drop(client);
            return self.get(session, booking_id).await?.ok_or(ExtendError::NotFound);
        }
        if latest <= held.expires_at {
            return Err(ExtendError::NoMore);
        }
        let extend = client.prepare_cached(sql::HOLD_EXTEND).await?;
        let units = signed(&held.units);
        let kept = client
            .query_one(&extend, &[&booking_id, &facts.event_id, &units, &facts.hold_s, &latest, &self.core])
            .await?;
        if kept.get::<_, i64>("kept") != units.len() as i64 {
            return Err(ExtendError::Ended);
        }
        client.commit().await?;
        event.seat_cache().note(&held.units, kept.get::<_, DbTime>("expires_at"));
        self.get(session, booking_id).await?.ok_or(ExtendError::NotFound)
    }

    /// The limit may have been lowered since the seats were reserved.
    async fn check_limit(
        &self,
        client: &crate::db::Transaction,
        session: &str,
        event: &EventState,
    ) -> Result<(), ExtendError> {
        let seat_map = event.seat_map();
        let statement = client.prepare_cached(sql::SESSION_SEATS).await?;
        let sessions = [session];
        let row = client.query_opt(&statement, &[&seat_map.facts.event_id, &sessions.as_slice()]).await?;
        let has = row.map_or(0, |row| row.get::<_, i64>("seats"));
        let (has, seats_max) = (unsigned(i32::try_from(has).unwrap_or(i32::MAX)), seat_map.facts.fan_seats_max);
        if has > seats_max { Err(ExtendError::Limit { seats_max, has }) } else { Ok(()) }
    }
}
