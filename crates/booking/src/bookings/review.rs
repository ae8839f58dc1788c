//! Bookings in review: an organizer looks at one before it counts, and releases it again or cancels it.
//!
//! Guarantees:
//! - only a person puts a booking in review: no signal does
//! - the same request again has the same answer, also after a restart
//! - seats and money stay as they are

use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::Bookings;
use crate::db::{DbError, DbTime};
use crate::number::number;
use crate::payment::{StoredAnswer, find_answer, keep_answer};
use crate::sql;

/// Whether a booking is in review.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Review {
    /// The booking.
    pub booking_id: Uuid,
    /// Its number, for people.
    #[schema(example = "K7QM2-XRD4T")]
    pub number: String,
    /// True until it is released.
    pub in_review: bool,
    /// Why, in the organizer's words.
    pub reason: String,
    /// Since when it is so. RFC 3339 in UTC.
    pub at: String,
}

/// A request of an organizer that happens once.
#[derive(Clone, Debug)]
pub struct ReviewOrder {
    /// The digest of the idempotency key.
    pub request_id: Uuid,
    /// The digest of the request.
    pub fingerprint: Uuid,
    /// What it is about.
    pub booking_id: Uuid,
    /// True to hold it, false to release it.
    pub held: bool,
    /// Why.
    pub reason: String,
}

/// Why a booking was neither held nor released.
#[derive(Debug, thiserror::Error)]
pub enum ReviewError {
    /// The booking does not exist.
    #[error("there is no such booking")]
    NotFound,
    /// The idempotency key belongs to another request.
    #[error("the idempotency key belongs to another request")]
    OtherRequest,
    /// The database cannot be reached; the same request again finds out.
    #[error(transparent)]
    Database(#[from] DbError),
}

impl From<tokio_postgres::Error> for ReviewError {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Database(error.into())
    }
}

impl Bookings {
    /// Puts a booking in review, or releases it.
    ///
    /// # Errors
    /// [`ReviewError`]; nothing has changed, or, where the database failed, the same request again finds out.
    pub async fn review(&self, order: &ReviewOrder) -> Result<StoredAnswer, ReviewError> {
        let client = self.database.begin().await?;
        let lock = client.prepare_cached(sql::BOOKING_LOCK).await?;
        client.query_opt(&lock, &[&order.booking_id]).await?.ok_or(ReviewError::NotFound)?;
        // Under the lock, so that the same key twice is one request.
        let (request_id, fingerprint) = (order.request_id, order.fingerprint);
        if let Some(answer) = find_answer(&client, request_id, fingerprint, ReviewError::OtherRequest).await? {
            return Ok(answer);
        }
        let put = client.prepare_cached(sql::REVIEW_PUT).await?;
        let row = client.query_one(&put, &[&order.booking_id, &order.held, &order.reason]).await?;
        let review = read(order.booking_id, &row);
        let body = serde_json::to_string(&review).expect("a struct of strings");
        let answer = keep_answer(&client, request_id, fingerprint, body).await?;
        client.commit().await?;
        Ok(answer)
    }

    /// Whether a booking is in review, or was.
    ///
    /// # Errors
    /// When the database cannot be reached.
    pub async fn review_of(&self, booking_id: Uuid) -> Result<Option<Review>, DbError> {
        let client = self.database.client().await?;
        let get = client.prepare_cached(sql::REVIEW_GET).await?;
        Ok(client.query_opt(&get, &[&booking_id]).await?.map(|row| read(booking_id, &row)))
    }
}

fn read(booking_id: Uuid, row: &tokio_postgres::Row) -> Review {
    let at = row.get::<_, DbTime>("at").to_rfc3339();
    Review { booking_id, number: number(booking_id), in_review: row.get("held"), reason: row.get("reason"), at }
}
