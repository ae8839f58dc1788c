//! Payments that stand in the way of another one.
//!
//! Guarantees:
//! - a booking has at most one payment under way
//! - a fan has at most one for an event of which nobody knows yet whether there is money
//! - a reload, a second tab or an impatient second purchase is never charged beside an open payment

use tokio_postgres::Row;
use uuid::Uuid;

use super::State;
use crate::db::{DbError, Transaction};
use crate::sql;

/// A payment that has not come to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnderWay {
    /// The payment's id.
    pub payment_id: Uuid,
    /// What it is for.
    pub booking_id: Uuid,
    /// Where it stands.
    pub state: State,
}

impl UnderWay {
    /// The one for a booking, which the transaction has locked.
    ///
    /// # Errors
    /// When the database cannot be asked.
    pub(crate) async fn of_booking(client: &Transaction, booking_id: Uuid) -> Result<Option<Self>, DbError> {
        let statement = client.prepare_cached(sql::PAYMENT_OF_BOOKING).await?;
        client.query_opt(&statement, &[&booking_id]).await?.map(|row| read(&row)).transpose()
    }

    /// The one beside which a new payment for a booking could be a second charge. The transaction has locked the
    /// booking, and waited for its fan.
    pub(super) async fn beside(
        client: &Transaction,
        booking_id: Uuid,
        payment_id: Uuid,
    ) -> Result<Option<Self>, DbError> {
        let statement = client.prepare_cached(sql::PAYMENT_IN_THE_WAY).await?;
        client.query_opt(&statement, &[&booking_id, &payment_id]).await?.map(|row| read(&row)).transpose()
    }
}

fn read(row: &Row) -> Result<UnderWay, DbError> {
    let state = row.get::<_, &str>("state");
    let state = State::from_name(state).ok_or_else(|| DbError::Odd(format!("a payment is {state:?}")))?;
    Ok(UnderWay { payment_id: row.get("payment_id"), booking_id: row.get("booking_id"), state })
}
