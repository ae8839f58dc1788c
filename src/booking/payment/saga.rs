//! The saga of a payment: intent, charge, then seats or refund; each step committed before the next.
//!
//! Guarantees: the intent is in the table before the provider is asked; a payment is confirmed with its booking in one
//! transaction; money for seats that are gone is given back; whoever dies in between, the next one who drives the
//! payment (a retry of the fan or the cashier's own round) goes on where it stood.

use std::sync::Arc;
use std::time::Duration;

use deadpool_postgres::Object;
use http::StatusCode;
use tokio::time::{sleep, timeout};
use tracing::{info, warn};
use uuid::Uuid;

use super::super::batch::Held;
use super::super::db::{Database, DbError, DbTime, Transaction};
use super::super::desk::Desk;
use super::super::events::{Events, read_held};
use super::super::in_progress::InProgress;
use super::super::metrics::BookingMetrics;
use super::super::sql;
use super::super::writer::signed;
use super::{Charge, ChargeError, Ending, PaymentProvider, StoredAnswer};

const PROVIDER_PATIENCE: Duration = Duration::from_secs(15);
/// A payment that nobody drives for so long is taken up by the cashier's own round.
const ABANDONED_AFTER_S: f64 = 20.0;
const ROUND: Duration = Duration::from_secs(5);
const ROUND_BATCH: i64 = 100;

/// A payment that a fan asks for.
#[derive(Clone, Debug)]
pub struct Order {
    /// The digest of session and idempotency key.
    pub payment_id: Uuid,
    /// What is paid for.
    pub booking_id: Uuid,
    /// Who pays.
    pub session: String,
    /// The digest of the request.
    pub print: Uuid,
    /// What the provider gave the browser.
    pub token: String,
}

/// Why a payment has not begun, or not ended yet.
#[derive(Debug, thiserror::Error)]
pub enum PayError {
    /// The session has no such booking.
    #[error("there is no such booking")]
    NotFound,
    /// The idempotency key belongs to another request.
    #[error("the idempotency key belongs to another request")]
    OtherRequest,
    /// The booking is paid.
    #[error("the booking is paid already")]
    Paid,
    /// The fan gave the seats back.
    #[error("the booking was cancelled")]
    Cancelled,
    /// The hold ended and somebody else has the seats. No money was taken.
    #[error("the hold has ended and the seats are gone")]
    Gone,
    /// Another payment for the same booking is under way.
    #[error("another payment for this booking is under way")]
    UnderWay,
    /// The provider cannot say; the same key goes on later.
    #[error(transparent)]
    Provider(ChargeError),
    /// The database cannot be reached; the same key finds out later.
    #[error(transparent)]
    Database(#[from] DbError),
}

impl From<tokio_postgres::Error> for PayError {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Database(error.into())
    }
}

/// Drives payments.
pub struct Cashier {
    database: Database,
    events: Arc<Events>,
    provider: Arc<dyn PaymentProvider>,
    core: Uuid,
    metrics: Arc<BookingMetrics>,
    in_progress: Arc<InProgress>,
}

/// A booking as it stands under its lock.
struct Locked {
    desk: Arc<Desk>,
    session: String,
    held: Held,
    status: String,
    late: bool,
}

/// A payment as it stands.
struct Stored {
    booking_id: Uuid,
    print: Uuid,
    charge: Charge,
    charged: Option<String>,
    answer: Option<StoredAnswer>,
}

impl Cashier {
    /// A cashier for one core.
    #[must_use]
    pub fn new(
        database: Database,
        events: Arc<Events>,
        provider: Arc<dyn PaymentProvider>,
        core: Uuid,
        metrics: Arc<BookingMetrics>,
        in_progress: Arc<InProgress>,
    ) -> Self {
        Self { database, events, provider, core, metrics, in_progress }
    }

    /// Pays a booking. The same order again has the same answer. The caller holds the payment's id as in progress.
    ///
    /// # Errors
    /// [`PayError`].
    pub async fn pay(&self, order: &Order) -> Result<StoredAnswer, PayError> {
        if let Some(stored) = self.load(order.payment_id).await? {
            if stored.print != order.print || stored.booking_id != order.booking_id {
                return Err(PayError::OtherRequest);
            }
        } else {
            self.begin(order).await?;
        }
        self.drive(order.payment_id).await
    }

    /// Takes up abandoned payments, for ever.
    pub async fn run(&self) {
        loop {
            if let Err(error) = self.run_once().await {
                warn!(%error, "abandoned payments could not be taken up and are looked at later");
            }
            sleep(ROUND).await;
        }
    }

    /// Takes up the payments that nobody drives.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn run_once(&self) -> Result<(), PayError> {
        let client = self.database.client().await?;
        let open = client.prepare_cached(sql::PAYMENT_OPEN).await?;
        let rows = client.query(&open, &[&ABANDONED_AFTER_S, &ROUND_BATCH]).await?;
        drop(client);
        for payment_id in rows.iter().map(|row| row.get::<_, Uuid>("payment_id")) {
            let Some(_guard) = self.in_progress.enter(payment_id) else { continue };
            match self.drive(payment_id).await {
                Ok(_) => info!(%payment_id, "an abandoned payment was brought to its end"),
                Err(error) => warn!(%error, %payment_id, "an abandoned payment is not at its end yet"),
            }
        }
        Ok(())
    }

    /// Writes the intent, unless the booking cannot be paid any more.
    async fn begin(&self, order: &Order) -> Result<(), PayError> {
        let client = self.database.begin().await?;
        let locked = self.lock(&client, order.booking_id).await?.filter(|locked| locked.session == order.session);
        let locked = locked.ok_or(PayError::NotFound)?;
        match locked.status.as_str() {
            "confirmed" => return Err(PayError::Paid),
            "cancelled" => return Err(PayError::Cancelled),
            _ => {}
        }
        let statement = client.prepare_cached(sql::PAYMENT_OF_BOOKING).await?;
        if client.query_one(&statement, &[&order.booking_id, &order.payment_id]).await?.get("under_way") {
            return Err(PayError::UnderWay);
        }
        if locked.late && !self.claim(&client, order.booking_id, &locked).await? {
            return Err(PayError::Gone);
        }
        let begin = client.prepare_cached(sql::PAYMENT_BEGIN).await?;
        let currency = &locked.desk.plan().facts.currency;
        let (token, amount) = (&order.token, &locked.held.amount);
        let ids = (&order.payment_id, &order.booking_id);
        client.execute(&begin, &[ids.0, ids.1, &order.session, &order.print, token, amount, currency]).await?;
        client.commit().await?;
        Ok(())
    }

    /// Brings a payment to its end from wherever it stands.
    async fn drive(&self, payment_id: Uuid) -> Result<StoredAnswer, PayError> {
        let stored = self.load(payment_id).await?.ok_or(PayError::NotFound)?;
        if let Some(answer) = stored.answer {
            return Ok(answer);
        }
        let charged = match &stored.charged {
            Some(charged) => Ok(charged.clone()),
            None => self.charge(&stored.charge).await,
        };
        match charged {
            Ok(charged) => self.sell_or_refund(payment_id, stored.booking_id, &charged).await,
            Err(ChargeError::Declined(reason)) => {
                self.end(payment_id, stored.booking_id, None, Ending::Declined(reason)).await
            }
            Err(unknown) => Err(PayError::Provider(unknown)),
        }
    }

    async fn charge(&self, charge: &Charge) -> Result<String, ChargeError> {
        let charged = timeout(PROVIDER_PATIENCE, self.provider.charge(charge)).await;
        charged.unwrap_or_else(|_| Err(ChargeError::Unknown("no answer in time".into())))
    }

    /// The seats if they can be had in this moment, else the money back.
    async fn sell_or_refund(
        &self,
        payment_id: Uuid,
        booking_id: Uuid,
        charged: &str,
    ) -> Result<StoredAnswer, PayError> {
        let client = self.database.begin().await?;
        let locked = self.lock(&client, booking_id).await?.ok_or(PayError::NotFound)?;
        // Whoever drove the payment at the same time may have ended it before we got the lock.
        if let Some(answer) = load(&client, payment_id).await?.and_then(|stored| stored.answer) {
            return Ok(answer);
        }
        let payable = matches!(locked.status.as_str(), "held" | "expired");
        if payable && self.claim(&client, booking_id, &locked).await? {
            return self.confirm(client, payment_id, booking_id, charged, &locked).await;
        }
        settle(&client, payment_id, "refunding", Some(charged), Some("the seats were gone"), None).await?;
        client.commit().await?;
        let refunded = timeout(PROVIDER_PATIENCE, self.provider.refund(payment_id, charged)).await;
        refunded
            .unwrap_or_else(|_| Err(ChargeError::Unknown("no answer in time".into())))
            .map_err(PayError::Provider)?;
        self.end(payment_id, booking_id, Some(charged), Ending::Refunded).await
    }

    /// Locks the booking's seats; whether all of them are its own or nobody's.
    async fn claim(&self, client: &Transaction, booking_id: Uuid, locked: &Locked) -> Result<bool, DbError> {
        let statement = client.prepare_cached(sql::SEAT_CLAIM).await?;
        let event_id = locked.desk.plan().facts.event_id;
        let seats = client.query(&statement, &[&event_id, &signed(&locked.held.units), &booking_id]).await?;
        Ok(seats.len() == locked.held.units.len())
    }

    async fn confirm(
        &self,
        client: Transaction,
        payment_id: Uuid,
        booking_id: Uuid,
        charged: &str,
        locked: &Locked,
    ) -> Result<StoredAnswer, PayError> {
        let plan = locked.desk.plan();
        let confirm = client.prepare_cached(sql::BOOKING_CONFIRM).await?;
        let units = signed(&locked.held.units);
        client.execute(&confirm, &[&booking_id, &plan.facts.event_id, &units, &self.core]).await?;
        let answer = Ending::Confirmed.answer(&plan, booking_id, payment_id, &locked.held);
        settle(&client, payment_id, "confirmed", Some(charged), None, Some(&answer)).await?;
        client.commit().await?;
        locked.desk.mirror().note(&locked.held.units, DbTime::FOREVER);
        self.metrics.count_payment("confirmed");
        Ok(answer)
    }

    /// Ends a payment that sold nothing.
    async fn end(
        &self,
        payment_id: Uuid,
        booking_id: Uuid,
        charged: Option<&str>,
        ending: Ending,
    ) -> Result<StoredAnswer, PayError> {
        let client = self.database.begin().await?;
        let locked = self.lock(&client, booking_id).await?.ok_or(PayError::NotFound)?;
        let plan = locked.desk.plan();
        let answer = ending.answer(&plan, booking_id, payment_id, &locked.held);
        let reason = if let Ending::Declined(reason) = &ending { Some(reason.as_str()) } else { None };
        settle(&client, payment_id, ending.state(), charged, reason, Some(&answer)).await?;
        if ending == Ending::Refunded {
            let tell = client.prepare_cached(sql::REFUND_TELL).await?;
            client.execute(&tell, &[&booking_id, &plan.facts.event_id, &self.core]).await?;
        }
        client.commit().await?;
        self.metrics.count_payment(ending.state());
        Ok(answer)
    }

    async fn lock(&self, client: &Transaction, booking_id: Uuid) -> Result<Option<Locked>, DbError> {
        let statement = client.prepare_cached(sql::BOOKING_LOCK).await?;
        let Some(row) = client.query_opt(&statement, &[&booking_id]).await? else { return Ok(None) };
        let desk = self.events.find_by_id(row.get("event_id"));
        let desk = desk.ok_or_else(|| DbError::Odd(format!("booking {booking_id} is for an event unknown here")))?;
        let (session, status, late) = (row.get("session"), row.get("status"), row.get("late"));
        Ok(Some(Locked { desk, session, held: read_held(&row), status, late }))
    }

    async fn load(&self, payment_id: Uuid) -> Result<Option<Stored>, DbError> {
        load(&self.database.client().await?, payment_id).await
    }
}

async fn load(client: &Object, payment_id: Uuid) -> Result<Option<Stored>, DbError> {
    let statement = client.prepare_cached(sql::PAYMENT_GET).await?;
    let Some(row) = client.query_opt(&statement, &[&payment_id]).await? else { return Ok(None) };
    let (token, amount, currency) = (row.get("token"), row.get("amount"), row.get("currency"));
    let status = row.get::<_, Option<i16>>("answer_status").and_then(|code| u16::try_from(code).ok());
    let status = status.and_then(|code| StatusCode::from_u16(code).ok());
    Ok(Some(Stored {
        booking_id: row.get("booking_id"),
        print: row.get("request_print"),
        charge: Charge { payment_id, token, amount, currency },
        charged: row.get("charge"),
        answer: status.map(|status| StoredAnswer { status, body: row.get("answer_body") }),
    }))
}

async fn settle(
    client: &Object,
    payment_id: Uuid,
    state: &str,
    charged: Option<&str>,
    reason: Option<&str>,
    answer: Option<&StoredAnswer>,
) -> Result<(), DbError> {
    let statement = client.prepare_cached(sql::PAYMENT_SETTLE).await?;
    let status = answer.map(|answer| answer.status.as_u16().cast_signed());
    let body = answer.map(|answer| answer.body.as_str());
    client.execute(&statement, &[&payment_id, &state, &charged, &reason, &status, &body]).await?;
    Ok(())
}
