//! Cancelling a booking for its organizer: the seats are free at once, the money goes back as soon as the provider takes it.
//!
//! Guarantees:
//! - seats, booking and the intent to refund change in one transaction
//! - the same request again has the same answer, also after a restart
//! - a refund that the provider does not take now is asked for again by the cashier's round

use serde::Serialize;
use tracing::warn;
use utoipa::ToSchema;
use uuid::Uuid;

use super::answers::{find_answer, keep_answer};
use super::saga::Locked;
use super::store::{Move, move_on};
use super::{Cashier, PayError, Source, State, StoredAnswer, UnderWay};
use crate::db::{DbError, DbTime, Transaction};
use crate::sale::booking::BookingStatus;
use crate::sql;
use crate::units::{signed, unsigned};

/// Why a booking was not cancelled.
#[derive(Debug, thiserror::Error)]
pub enum RefundError {
    /// The booking does not exist.
    #[error("there is no such booking")]
    NotFound,
    /// The fan is just paying.
    #[error("a payment for this booking is under way")]
    UnderWay(UnderWay),
    /// The idempotency key belongs to another request.
    #[error("the idempotency key belongs to another request")]
    OtherRequest,
    /// The database cannot be reached; the same request again finds out.
    #[error(transparent)]
    Database(#[from] DbError),
}

impl From<tokio_postgres::Error> for RefundError {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Database(error.into())
    }
}

/// What became of a booking that the organizer cancelled.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Cancelled {
    /// The booking.
    pub booking_id: Uuid,
    /// How it stands now: `cancelled`, or `expired` where it had ended before.
    pub status: BookingStatus,
    /// The payment that is given back, if it was paid.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refunded_payment: Option<Uuid>,
    /// What is given back, in the smallest unit of the currency.
    pub refunded_amount: i64,
    /// ISO 4217.
    pub currency: String,
}

/// A request of an organizer that happens once.
#[derive(Clone, Debug)]
pub struct CancelOrder {
    /// The digest of the idempotency key.
    pub request_id: Uuid,
    /// The digest of the request.
    pub fingerprint: Uuid,
    /// What is cancelled.
    pub booking_id: Uuid,
    /// Why, for the payment's steps.
    pub reason: String,
}

impl Cashier {
    /// Cancels a booking, paid or not, and gives the money back.
    ///
    /// # Errors
    /// [`RefundError`]; nothing has changed, or, where the database failed, the same request again finds out.
    pub async fn cancel(&self, order: &CancelOrder) -> Result<StoredAnswer, RefundError> {
        let client = self.database.begin().await?;
        let (request_id, fingerprint) = (order.request_id, order.fingerprint);
        if let Some(answer) = find_answer(&client, request_id, fingerprint, RefundError::OtherRequest).await? {
            return Ok(answer);
        }
        let locked = self.lock(&client, order.booking_id).await?.ok_or(RefundError::NotFound)?;
        // Somebody else may have answered the same key while this one waited for the lock.
        if let Some(answer) = find_answer(&client, request_id, fingerprint, RefundError::OtherRequest).await? {
            return Ok(answer);
        }
        let (cancelled, freed) = self.undo(&client, &locked, &order.reason).await?;
        let body = serde_json::to_string(&cancelled).expect("a struct of strings and numbers");
        let answer = keep_answer(&client, request_id, fingerprint, body).await?;
        client.commit().await?;
        locked.desk.state.seat_cache().note(&freed, DbTime::NEVER);
        if let Some(payment_id) = cancelled.refunded_payment {
            self.refund_now_or_later(payment_id).await;
        }
        Ok(answer)
    }

    /// Frees the seats and writes down that the money goes back, where there are any.
    async fn undo(
        &self,
        client: &Transaction,
        locked: &Locked,
        reason: &str,
    ) -> Result<(Cancelled, Vec<u32>), RefundError> {
        let booking_id = locked.booking_id;
        let currency = locked.desk.state.seat_map().facts.currency.clone();
        let ended = |status| Cancelled { booking_id, status, refunded_payment: None, refunded_amount: 0, currency };
        match locked.status.as_str() {
            "cancelled" => return Ok((ended(BookingStatus::Cancelled), Vec::new())),
            "expired" => return Ok((ended(BookingStatus::Expired), Vec::new())),
            "held" => {
                if let Some(under_way) = UnderWay::of_booking(client, booking_id).await? {
                    return Err(RefundError::UnderWay(under_way));
                }
            }
            _ => {}
        }
        let cancel = client.prepare_cached(sql::BOOKING_CANCEL).await?;
        let (event_id, units) = (locked.desk.state.seat_map().facts.event_id, signed(&locked.held.units));
        let freed = client.query_one(&cancel, &[&booking_id, &event_id, &units, &self.core]).await?;
        let freed = freed.get::<_, Vec<i32>>("units").into_iter().map(unsigned).collect();
        let confirmed = client.prepare_cached(sql::PAYMENT_CONFIRMED).await?;
        let paid = client.query_opt(&confirmed, &[&booking_id]).await?.map(|row| row.get::<_, Uuid>("payment_id"));
        let Some(payment_id) = paid else { return Ok((ended(BookingStatus::Cancelled), freed)) };
        let step = Move { reason: Some(reason), ..Move::to(State::Refunding, Source::Organizer) };
        move_on(client, payment_id, step).await?;
        let (refunded_payment, refunded_amount) = (Some(payment_id), locked.held.amount);
        Ok((Cancelled { refunded_payment, refunded_amount, ..ended(BookingStatus::Cancelled) }, freed))
    }

    async fn refund_now_or_later(&self, payment_id: Uuid) {
        match self.give_back(payment_id, Source::Organizer).await {
            Ok(_) => {}
            Err(PayError::Provider(error)) => warn!(%error, %payment_id, "a refund is asked for again later"),
            Err(error) => warn!(%error, %payment_id, "a refund could not be written down and is looked at later"),
        }
    }
}
