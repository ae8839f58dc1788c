//! Comparing our payments and bookings with the provider's books.
//!
//! Guarantees: reads only; what was moving while it was read is looked at again before it is called a difference.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;
use tokio::time::sleep;
use tokio_postgres::Row;
use uuid::Uuid;

use super::api::{ChargeRecord, ChargeStatus};
use super::{ChargeError, RemoteProvider, State};
use crate::db::{Client, Database, DbError};
use crate::number::number;
use crate::sql;

const PAGE: usize = 500;
/// Longer than a payment that goes well takes.
const OPEN_S_MAX: i64 = 120;
/// Before differences are looked at again.
const SECOND_LOOK_AFTER: Duration = Duration::from_secs(2);

/// A payment of ours, with its booking.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ours {
    booking_id: Uuid,
    state: State,
    booking_status: String,
    amount: i64,
    currency: String,
    age_s: i64,
}

/// Why the books could not be compared.
#[derive(Debug, thiserror::Error)]
pub enum ReconcileError {
    /// Ours cannot be read.
    #[error(transparent)]
    Database(#[from] DbError),
    /// The provider's cannot.
    #[error(transparent)]
    Provider(#[from] ChargeError),
}

impl From<tokio_postgres::Error> for ReconcileError {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Database(error.into())
    }
}

/// Something about which the two books do not agree.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// The payment.
    pub payment_id: Uuid,
    /// The booking's number, where there is a booking.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub number: Option<String>,
    /// What differs.
    pub what: String,
    /// What it is about, in the smallest unit of the currency.
    pub amount: i64,
    /// ISO 4217.
    pub currency: String,
}

/// What was compared, and what differs.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Reconciliation {
    /// Payments of ours.
    pub payments: usize,
    /// Charges of the provider.
    pub charges: usize,
    /// In the order of payment ids.
    pub differences: Vec<Difference>,
}

/// Compares all payments.
///
/// # Errors
/// [`ReconcileError`].
pub async fn reconcile(database: &Database, provider: &RemoteProvider) -> Result<Reconciliation, ReconcileError> {
    let client = database.client().await?;
    let (mut result, mut suspects) = (Reconciliation::default(), Vec::new());
    let (mut ours, mut theirs) = (Page::default(), Page::default());
    loop {
        if ours.is_due() {
            ours.take(our_page(&client, ours.after).await?);
            result.payments += ours.rows.len();
        }
        if theirs.is_due() {
            let page = provider.page(theirs.after, PAGE).await?;
            theirs.take(page.into_iter().map(|charge| (charge.payment_id, charge)).collect());
            result.charges += theirs.rows.len();
        }
        let first = |page: Option<Uuid>, other: Option<Uuid>| page.into_iter().chain(other).min();
        let Some(payment_id) = first(ours.first(), theirs.first()) else { break };
        let pair = (ours.rows.remove(&payment_id), theirs.rows.remove(&payment_id));
        if compare(payment_id, pair.0.as_ref(), pair.1.as_ref()).is_some() {
            suspects.push(payment_id);
        }
    }
    if !suspects.is_empty() {
        sleep(SECOND_LOOK_AFTER).await;
    }
    for payment_id in suspects {
        let (ours, theirs) = (our_payment(&client, payment_id).await?, provider.find(payment_id).await?);
        result.differences.extend(compare(payment_id, ours.as_ref(), theirs.as_ref()));
    }
    Ok(result)
}

/// One side's rows that are still to be compared.
struct Page<T> {
    rows: BTreeMap<Uuid, T>,
    after: Option<Uuid>,
    is_last: bool,
}

impl<T> Default for Page<T> {
    fn default() -> Self {
        Self { rows: BTreeMap::new(), after: None, is_last: false }
    }
}

impl<T> Page<T> {
    fn is_due(&self) -> bool {
        self.rows.is_empty() && !self.is_last
    }

    fn take(&mut self, rows: BTreeMap<Uuid, T>) {
        self.is_last = rows.len() < PAGE;
        self.after = rows.last_key_value().map(|(payment_id, _)| *payment_id).or(self.after);
        self.rows = rows;
    }

    fn first(&self) -> Option<Uuid> {
        self.rows.first_key_value().map(|(payment_id, _)| *payment_id)
    }
}

/// What the two books say about one payment, where they do not agree.
#[must_use]
pub fn compare(payment_id: Uuid, ours: Option<&Ours>, theirs: Option<&ChargeRecord>) -> Option<Difference> {
    let what = disagreement(ours, theirs)?;
    let (amount, currency) = match (ours, theirs) {
        (Some(ours), _) => (ours.amount, ours.currency.clone()),
        (None, Some(theirs)) => (theirs.amount, theirs.currency.clone()),
        (None, None) => return None,
    };
    let number = ours.map(|ours| number(ours.booking_id));
    Some(Difference { payment_id, number, what, amount, currency })
}

fn disagreement(ours: Option<&Ours>, theirs: Option<&ChargeRecord>) -> Option<String> {
    let has_money = theirs.is_some_and(|charge| charge.status == ChargeStatus::Succeeded);
    let Some(ours) = ours else {
        return has_money.then(|| "charged, but no payment of ours knows of it".to_owned());
    };
    if let Some(theirs) = theirs.filter(|_| has_money)
        && (theirs.amount, &theirs.currency) != (ours.amount, &ours.currency)
    {
        return Some(format!("charged {} {}", theirs.amount, theirs.currency));
    }
    let stands = theirs.map_or("has no charge", |charge| match charge.status {
        ChargeStatus::Succeeded => "has the money",
        ChargeStatus::Declined => "declined",
        ChargeStatus::Refunded => "gave it back",
        ChargeStatus::Voided => "voided it",
    });
    let gave_back = theirs.is_some_and(|charge| charge.status == ChargeStatus::Refunded);
    let agrees = match ours.state {
        State::Confirmed => has_money,
        State::Declined => !has_money,
        State::Refunded => gave_back,
        State::Started | State::Refunding => {
            let what = format!("{} for {} s; the provider {stands}", ours.state.name(), ours.age_s);
            return (ours.age_s > OPEN_S_MAX).then_some(what);
        }
    };
    if !agrees {
        return Some(format!("{} here, but the provider {stands}", ours.state.name()));
    }
    let sold = ours.booking_status == "confirmed";
    (ours.state == State::Confirmed && !sold).then(|| format!("confirmed, but the booking is {}", ours.booking_status))
}

async fn our_page(client: &Client, after: Option<Uuid>) -> Result<BTreeMap<Uuid, Ours>, ReconcileError> {
    let page = client.prepare_cached(sql::PAYMENT_PAGE).await?;
    let rows = client.query(&page, &[&after.unwrap_or(Uuid::nil()), &(PAGE as i64)]).await?;
    rows.iter().map(read).collect()
}

async fn our_payment(client: &Client, payment_id: Uuid) -> Result<Option<Ours>, ReconcileError> {
    let look = client.prepare_cached(sql::PAYMENT_LOOK).await?;
    client.query_opt(&look, &[&payment_id]).await?.map(|row| read(&row).map(|(_, ours)| ours)).transpose()
}

fn read(row: &Row) -> Result<(Uuid, Ours), ReconcileError> {
    let state = row.get::<_, &str>("state");
    let ours = Ours {
        booking_id: row.get("booking_id"),
        state: State::from_name(state).ok_or_else(|| DbError::Odd(format!("a payment is {state:?}")))?,
        booking_status: row.get("status"),
        amount: row.get("amount"),
        currency: row.get("currency"),
        age_s: row.get("age_s"),
    };
    Ok((row.get("payment_id"), ours))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ours(state: State, booking_status: &str) -> Ours {
        let (booking_status, currency) = (booking_status.to_owned(), "EUR".to_owned());
        Ours { booking_id: Uuid::nil(), state, booking_status, amount: 500, currency, age_s: 10 }
    }

    fn theirs(status: ChargeStatus) -> ChargeRecord {
        let (payment_id, charge, currency) = (Uuid::nil(), "c".to_owned(), "EUR".to_owned());
        ChargeRecord { payment_id, charge, amount: 500, currency, status, reason: None, method: None }
    }

    #[test]
    fn books_that_fit_have_no_difference() {
        for (state, booking, charge) in [
            (State::Confirmed, "confirmed", Some(ChargeStatus::Succeeded)),
            (State::Declined, "held", Some(ChargeStatus::Declined)),
            (State::Declined, "expired", Some(ChargeStatus::Voided)),
            (State::Declined, "expired", None),
            (State::Refunded, "cancelled", Some(ChargeStatus::Refunded)),
            (State::Started, "held", None),
            (State::Refunding, "expired", Some(ChargeStatus::Succeeded)),
        ] {
            let found = compare(Uuid::nil(), Some(&ours(state, booking)), charge.map(theirs).as_ref());
            assert_eq!(found, None, "{state:?} {booking} {charge:?}");
        }
        assert_eq!(compare(Uuid::nil(), None, Some(&theirs(ChargeStatus::Declined))), None);
    }

    #[test]
    fn each_way_to_differ_is_told() {
        let says = |ours: Option<Ours>, theirs: Option<ChargeRecord>| {
            compare(Uuid::nil(), ours.as_ref(), theirs.as_ref()).map(|difference| difference.what).unwrap_or_default()
        };
        let stale = Ours { age_s: 500, ..ours(State::Started, "held") };
        let dear = ChargeRecord { amount: 501, ..theirs(ChargeStatus::Succeeded) };
        for (ours, theirs, what) in [
            (None, Some(theirs(ChargeStatus::Succeeded)), "no payment of ours"),
            (Some(ours(State::Confirmed, "confirmed")), None, "confirmed here, but the provider has no charge"),
            (Some(ours(State::Confirmed, "confirmed")), Some(theirs(ChargeStatus::Refunded)), "gave it back"),
            (Some(ours(State::Confirmed, "expired")), Some(theirs(ChargeStatus::Succeeded)), "the booking is expired"),
            (Some(ours(State::Confirmed, "confirmed")), Some(dear), "charged 501 EUR"),
            (Some(ours(State::Declined, "held")), Some(theirs(ChargeStatus::Succeeded)), "has the money"),
            (Some(ours(State::Refunded, "expired")), Some(theirs(ChargeStatus::Succeeded)), "has the money"),
            (Some(ours(State::Refunded, "expired")), None, "has no charge"),
            (Some(stale), None, "started for 500 s"),
        ] {
            let said = says(ours, theirs);
            assert!(said.contains(what), "{said:?} does not say {what:?}");
        }
    }
}
