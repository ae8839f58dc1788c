//! Bookings after they were made: a session looks at its own, keeps them longer and gives them back. Their organizer
//! may look at any, and whoever has the address of one may look at that.

pub mod answer;
pub mod extend;
pub mod links;
pub mod receipts;
pub mod review;

use std::sync::Arc;

use uuid::Uuid;

use self::answer::{BookingAnswer, PaymentAnswer};
use self::links::Links;
use crate::db::{Client, Database, DbError, DbTime};
use crate::number::ids_of_number;
use crate::payment::{State, UnderWay};
use crate::sale::booking::BookingStatus;
use crate::sale::booking::read_held;
use crate::sale::on_sale::Events;
use crate::sql;
use crate::units::{signed, unsigned};

/// Why a booking was not given back.
#[derive(Debug, thiserror::Error)]
pub enum CancelError {
    /// The session has no such booking.
    #[error("there is no such booking")]
    NotFound,
    /// The booking is paid.
    #[error("the booking is paid")]
    Paid,
    /// A payment for it is under way.
    #[error("a payment for this booking is under way")]
    UnderWay(UnderWay),
    /// The database cannot be reached; giving back again is safe.
    #[error(transparent)]
    Database(#[from] DbError),
}

impl From<tokio_postgres::Error> for CancelError {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Database(error.into())
    }
}

/// Why a booking was not found by what people call it.
#[derive(Debug, thiserror::Error)]
pub enum FindError {
    /// The booking does not exist.
    #[error("there is no such booking")]
    NotFound,
    /// Numbers are short: two bookings have this one.
    #[error("two bookings share this number: name the id")]
    Ambiguous,
    /// The database cannot be reached.
    #[error(transparent)]
    Database(#[from] DbError),
}

impl From<tokio_postgres::Error> for FindError {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Database(error.into())
    }
}

/// A step of a payment, as it was written down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The payment.
    pub payment_id: Uuid,
    /// When.
    pub at: DbTime,
    /// What became of it: started, confirmed, declined, refunding, refunded.
    pub step: String,
    /// Who moved it on: fan, webhook, worker, organizer.
    pub by: String,
    /// Why, where there is a reason.
    pub detail: Option<String>,
}

/// The bookings of this core's database.
#[derive(Debug)]
pub struct Bookings {
    pub(crate) database: Database,
    pub(crate) events: Arc<Events>,
    pub(crate) core: Uuid,
    links: Links,
}

impl Bookings {
    /// For one core.
    #[must_use]
    pub fn new(database: Database, events: Arc<Events>, core: Uuid, links: Links) -> Self {
        Self { database, events, core, links }
    }

    /// One booking of a session.
    ///
    /// # Errors
    /// When the database cannot be reached.
    pub async fn get(&self, session: &str, booking_id: Uuid) -> Result<Option<BookingAnswer>, DbError> {
        let client = self.database.client().await?;
        let statement = client.prepare_cached(sql::BOOKING_GET).await?;
        let row = client.query_opt(&statement, &[&booking_id, &session]).await?;
        let Some(row) = row else { return Ok(None) };
        self.read(&client, &row).await
    }

    /// The id of a booking, from its id or from its number.
    ///
    /// # Errors
    /// [`FindError`].
    pub async fn find(&self, name: &str) -> Result<Uuid, FindError> {
        if let Ok(booking_id) = name.parse() {
            return Ok(booking_id);
        }
        let (lowest, highest) = ids_of_number(name).ok_or(FindError::NotFound)?;
        let client = self.database.client().await?;
        let statement = client.prepare_cached(sql::BOOKING_FIND).await?;
        match client.query(&statement, &[&lowest, &highest]).await?.as_slice() {
            [] => Err(FindError::NotFound),
            [row] => Ok(row.get("booking_id")),
            _ => Err(FindError::Ambiguous),
        }
    }

    /// The steps of a booking's payments, in the order in which they happened.
    ///
    /// # Errors
    /// When the database cannot be reached.
    pub async fn steps(&self, booking_id: Uuid) -> Result<Vec<Step>, DbError> {
        let client = self.database.client().await?;
        let statement = client.prepare_cached(sql::PAYMENT_STEPS).await?;
        let rows = client.query(&statement, &[&booking_id]).await?;
        Ok(rows.iter().map(read_step).collect())
    }

    /// Any booking, for its organizer.
    ///
    /// # Errors
    /// When the database cannot be reached.
    pub async fn show(&self, booking_id: Uuid) -> Result<Option<BookingAnswer>, DbError> {
        let client = self.database.client().await?;
        let statement = client.prepare_cached(sql::BOOKING_SHOW).await?;
        let row = client.query_opt(&statement, &[&booking_id]).await?;
        let Some(row) = row else { return Ok(None) };
        self.read(&client, &row).await
    }

    /// The bookings of a session that concern its fan: live ones, and those whose money is under way or was given back.
    ///
    /// # Errors
    /// When the database cannot be reached.
    pub async fn list(&self, session: &str) -> Result<Vec<BookingAnswer>, DbError> {
        let client = self.database.client().await?;
        let statement = client.prepare_cached(sql::BOOKING_LIST).await?;
        let rows = client.query(&statement, &[&session]).await?;
        let mut bookings = Vec::with_capacity(rows.len());
        for row in &rows {
            bookings.extend(self.read(&client, row).await?);
        }
        Ok(bookings)
    }

    /// Gives a hold back; once it is given back (or has ended), doing so again changes nothing.
    ///
    /// # Errors
    /// [`CancelError`].
    pub async fn cancel(&self, session: &str, booking_id: Uuid) -> Result<(), CancelError> {
        let client = self.database.begin().await?;
        let lock = client.prepare_cached(sql::BOOKING_LOCK).await?;
        let row = client.query_opt(&lock, &[&booking_id]).await?;
        let row = row.filter(|row| row.get::<_, &str>("session") == session).ok_or(CancelError::NotFound)?;
        match row.get("status") {
            "confirmed" => return Err(CancelError::Paid),
            "held" => {}
            _ => return Ok(()),
        }
        if let Some(under_way) = UnderWay::of_booking(&client, booking_id).await? {
            return Err(CancelError::UnderWay(under_way));
        }
        let (event_id, held) = (row.get::<_, i32>("event_id"), read_held(&row));
        // The desk is there before the commit, so that it learns of it.
        let desk = self.events.desk_with(&client, event_id).await?;
        let cancel = client.prepare_cached(sql::BOOKING_CANCEL).await?;
        let freed = client.query_one(&cancel, &[&booking_id, &event_id, &signed(&held.units), &self.core]).await?;
        client.commit().await?;
        let freed: Vec<u32> = freed.get::<_, Vec<i32>>("units").into_iter().map(unsigned).collect();
        if let Some(desk) = desk {
            desk.state.seat_cache().note(&freed, DbTime::NEVER);
        }
        Ok(())
    }

    async fn read(&self, client: &Client, row: &tokio_postgres::Row) -> Result<Option<BookingAnswer>, DbError> {
        let Some(desk) = self.events.desk_with(client, row.get("event_id")).await? else { return Ok(None) };
        let event = &desk.state;
        let status = match row.get("status") {
            "held" => BookingStatus::Held,
            "confirmed" => BookingStatus::Confirmed,
            "expired" => BookingStatus::Expired,
            _ => BookingStatus::Cancelled,
        };
        let payment = read_payment(row);
        let confirmed = payment.as_ref().filter(|payment| payment.state == State::Confirmed);
        let payment_id = confirmed.map(|payment| payment.payment_id);
        let (seat_map, booking_id, held) = (event.seat_map(), row.get("booking_id"), read_held(row));
        let latest = seat_map.facts.hold_ends_at_most(row.get("created_at"));
        let is_open = status == BookingStatus::Held && seat_map.facts.is_on_sale(event.time().now());
        let more_time_until = Some(latest).filter(|latest| is_open && *latest > held.expires_at);
        let answer = BookingAnswer::new(&seat_map, booking_id, &held, status, self.links.of(booking_id));
        Ok(Some(BookingAnswer {
            payment_id,
            payment,
            more_time_until: more_time_until.map(DbTime::to_rfc3339),
            more_time_until_ms: more_time_until.map(|until| until.0),
            ..answer
        }))
    }
}

/// What the fan may know of the payment. Only a provider's no has a reason that is meant for the fan.
fn read_payment(row: &tokio_postgres::Row) -> Option<PaymentAnswer> {
    let state = State::from_name(row.get::<_, Option<&str>>("payment_state")?)?;
    let reason = row.get::<_, Option<String>>("payment_reason").filter(|_| state == State::Declined);
    Some(PaymentAnswer { payment_id: row.get("payment_id"), state, reason })
}

fn read_step(row: &tokio_postgres::Row) -> Step {
    Step {
        payment_id: row.get("payment_id"),
        at: row.get("at"),
        step: row.get("step"),
        by: row.get("by"),
        detail: row.get("detail"),
    }
}
