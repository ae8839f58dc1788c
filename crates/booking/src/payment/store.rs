//! Payments in the tables: reading one, moving one on, and writing the step down, in the caller's transaction.

use http::StatusCode;
use tokio_postgres::Row;
use uuid::Uuid;

use super::{Charge, Source, State, StoredAnswer};
use crate::db::{Client, DbError, Transaction};
use crate::sql;

/// A payment as it stands.
pub(super) struct Stored {
    pub(super) booking_id: Uuid,
    pub(super) fingerprint: Uuid,
    pub(super) charge: Charge,
    pub(super) charged: Option<String>,
    pub(super) state: State,
    pub(super) answer: Option<StoredAnswer>,
}

/// What a step changes.
pub(super) struct Move<'a> {
    pub(super) to: State,
    pub(super) step: &'static str,
    pub(super) by: Source,
    pub(super) charged: Option<&'a str>,
    pub(super) reason: Option<&'a str>,
    pub(super) answer: Option<&'a StoredAnswer>,
}

impl Move<'_> {
    /// A step that is called as the state it leads to.
    pub(super) fn to(to: State, by: Source) -> Self {
        Self { to, step: to.name(), by, charged: None, reason: None, answer: None }
    }
}

pub(super) async fn load(client: &Client, payment_id: Uuid) -> Result<Option<Stored>, DbError> {
    let statement = client.prepare_cached(sql::PAYMENT_GET).await?;
    let row = client.query_opt(&statement, &[&payment_id]).await?;
    row.map(|row| read(payment_id, &row)).transpose()
}

fn read(payment_id: Uuid, row: &Row) -> Result<Stored, DbError> {
    let (token, amount, currency) = (row.get("token"), row.get("amount"), row.get("currency"));
    let status = row.get::<_, Option<i16>>("answer_status").and_then(|code| u16::try_from(code).ok());
    let status = status.and_then(|code| StatusCode::from_u16(code).ok());
    let state = row.get::<_, &str>("state");
    Ok(Stored {
        booking_id: row.get("booking_id"),
        fingerprint: row.get("request_fingerprint"),
        charge: Charge { payment_id, token, amount, currency },
        charged: row.get("charge"),
        state: State::from_name(state).ok_or_else(|| DbError::Odd(format!("a payment is {state:?}")))?,
        answer: status.map(|status| StoredAnswer { status, body: row.get("answer_body") }),
    })
}

/// Moves a payment on and writes the step down. The first answer stays the answer.
pub(super) async fn move_on(client: &Transaction, payment_id: Uuid, step: Move<'_>) -> Result<(), DbError> {
    let statement = client.prepare_cached(sql::PAYMENT_MOVE).await?;
    let status = step.answer.map(|answer| answer.status.as_u16().cast_signed());
    let body = step.answer.map(|answer| answer.body.as_str());
    let (to, by) = (step.to.name(), step.by.name());
    client
        .execute(&statement, &[&payment_id, &to, &step.charged, &step.reason, &status, &body, &step.step, &by])
        .await?;
    Ok(())
}
