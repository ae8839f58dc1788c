//! The saga of a payment: intent, charge, then seats or refund; each step committed before the next.
//!
//! Guarantees:
//! - the intent is in the table before the provider is asked
//! - a payment is confirmed with its booking in one transaction
//! - money for seats that are gone is given back
//! - whoever dies in between, the next one who hears of the payment goes on where it stood
//! - that may be a retry of the fan, a webhook, or the cashier's round

use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;
use tracing::{debug, warn};
use uuid::Uuid;

use super::api::{WebhookEvent, WebhookKind};
use super::state::Step;
use super::store::{Move, Stored, load, move_on};
use super::{
    ChargeError, Charged, EndedPayment, Ending, News, PaymentProvider, Source, State, StoredAnswer, UnderWay,
    WordEnding,
};
use crate::db::{Database, DbError, DbTime, Transaction};
use crate::in_progress::InProgress;
use crate::metrics::BookingMetrics;
use crate::sale::booking::Held;
use crate::sale::booking::read_held;
use crate::sale::on_sale::{Events, OnSale};
use crate::sql;
use crate::traces::Traces;
use crate::units::signed;

/// While the provider is silent, its webhook may tell another core.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Payments for one booking that may be declined before no more are tried: people mistype, programs try cards.
const DECLINED_MAX: i64 = 8;

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
    pub fingerprint: Uuid,
    /// What the provider gave the browser.
    pub token: String,
    /// Where the confirmation is sent, if anywhere.
    pub email: Option<String>,
    /// The IANA zone in which the fan is, if that is known.
    pub zone: Option<String>,
}

/// Why a payment has not begun, or not ended yet.
#[derive(Debug, thiserror::Error)]
pub enum PayError {
    /// The session has no such booking.
    #[error("there is no such booking")]
    NotFound,
    /// The payment does not exist.
    #[error("there is no such payment")]
    UnknownPayment,
    /// The news is about another amount than the payment's.
    #[error("the amount or the currency is not the payment's")]
    OtherAmount,
    /// The idempotency key belongs to another request.
    #[error("the idempotency key belongs to another request")]
    OtherRequest,
    /// The booking is paid.
    #[error("the booking is paid already")]
    Paid,
    /// The seats were given back.
    #[error("the booking was cancelled")]
    Cancelled,
    /// The hold ended and somebody else has the seats. No money was taken.
    #[error("the hold has ended and the seats are gone")]
    Gone,
    /// Another payment is under way, and this one could be a second charge.
    #[error("another payment is under way")]
    UnderWay(UnderWay),
    /// So many payments for the booking were declined that no more are tried.
    #[error("{DECLINED_MAX} payments for this booking were declined")]
    TooOften,
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
    pub(super) database: Database,
    pub(super) events: Arc<Events>,
    pub(super) provider: Arc<dyn PaymentProvider>,
    pub(super) core: Uuid,
    pub(super) metrics: Arc<BookingMetrics>,
    pub(super) in_progress: Arc<InProgress>,
    pub(super) word_ending: Box<WordEnding>,
    pub(super) traces: Arc<Traces>,
}

/// A booking as it stands under its lock.
pub(super) struct Locked {
    pub(super) booking_id: Uuid,
    /// Kept until what is done to its seats is noted there.
    pub(super) desk: Arc<OnSale>,
    pub(super) session: String,
    pub(super) held: Held,
    pub(super) status: String,
    pub(super) late: bool,
}

/// What became of a payment for now.
enum Outcome {
    Answer(StoredAnswer),
    GiveBack,
    Open,
}

impl Cashier {
    /// A cashier for one core; `word_ending` words what fans are told. It leaves no traces until it is given some.
    #[must_use]
    pub fn new(
        database: Database,
        events: Arc<Events>,
        provider: Arc<dyn PaymentProvider>,
        core: Uuid,
        metrics: Arc<BookingMetrics>,
        in_progress: Arc<InProgress>,
        word_ending: Box<WordEnding>,
    ) -> Self {
        let traces = Arc::new(Traces::new(database.clone()));
        Self { database, events, provider, core, metrics, in_progress, word_ending, traces }
    }

    /// The same with traces that are kept up to date by somebody else.
    #[must_use]
    pub fn with_traces(self, traces: Arc<Traces>) -> Self {
        Self { traces, ..self }
    }

    /// Pays a booking. The same order again has the same answer. The caller holds the payment's id as in progress.
    ///
    /// # Errors
    /// [`PayError`].
    pub async fn pay(&self, order: &Order) -> Result<StoredAnswer, PayError> {
        if let Some(stored) = self.load(order.payment_id).await? {
            if stored.fingerprint != order.fingerprint || stored.booking_id != order.booking_id {
                return Err(PayError::OtherRequest);
            }
        } else {
            self.begin(order).await?;
        }
        self.drive(order.payment_id, Source::Fan).await
    }

    /// Takes in what the provider tells on its own, as often and as late as it likes.
    ///
    /// # Errors
    /// [`PayError`]; when it is for want of an answer, the provider should tell again.
    pub async fn hear(&self, payment_id: Uuid, amount: (i64, &str), news: News) -> Result<(), PayError> {
        let stored = self.load(payment_id).await?.ok_or(PayError::UnknownPayment)?;
        if (stored.charge.amount, stored.charge.currency.as_str()) != amount {
            return Err(PayError::OtherAmount);
        }
        match self.take_in_and_finish(payment_id, &news, Source::Webhook).await {
            // The news itself is in the table; the round asks for the refund again.
            Err(PayError::Provider(error)) => warn!(%error, %payment_id, "a refund is asked for again later"),
            outcome => outcome?,
        }
        Ok(())
    }

    /// Takes in an event as the provider words it, whichever way it came.
    ///
    /// # Errors
    /// [`Self::hear`]'s.
    pub async fn hear_event(&self, event: WebhookEvent) -> Result<(), PayError> {
        let charge = event.charge;
        self.note_method(charge.payment_id, charge.method.as_deref()).await;
        let news = match event.kind {
            WebhookKind::Succeeded => News::Charged(charge.charge),
            WebhookKind::Declined => News::Declined(charge.reason.unwrap_or_else(|| "no reason given".to_owned())),
            WebhookKind::Refunded => News::Refunded,
        };
        self.hear(charge.payment_id, (charge.amount, &charge.currency), news).await
    }

    /// Takes in news, and gives the money back where that is what follows.
    pub(super) async fn take_in_and_finish(&self, payment_id: Uuid, news: &News, by: Source) -> Result<(), PayError> {
        let stored = self.load(payment_id).await?.ok_or(PayError::UnknownPayment)?;
        if let Outcome::GiveBack = self.take_in(payment_id, &stored, news, by).await? {
            self.give_back(payment_id, by).await?;
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
        let wait = client.prepare_cached(sql::SESSION_WAIT).await?;
        client.query_one(&wait, &[&locked.desk.state.seat_map().facts.event_id, &order.session]).await?;
        if let Some(under_way) = UnderWay::beside(&client, order.booking_id, order.payment_id).await? {
            return Err(PayError::UnderWay(under_way));
        }
        let declined = client.prepare_cached(sql::PAYMENT_DECLINED).await?;
        let declined = client.query_one(&declined, &[&order.booking_id, &order.payment_id]).await?;
        if declined.get::<_, i64>("declined") >= DECLINED_MAX {
            return Err(PayError::TooOften);
        }
        if locked.late && !self.claim(&client, &locked).await? {
            return Err(PayError::Gone);
        }
        let begin = client.prepare_cached(sql::PAYMENT_BEGIN).await?;
        let currency = &locked.desk.state.seat_map().facts.currency;
        let (token, amount, email, zone) = (&order.token, &locked.held.amount, &order.email, &order.zone);
        let ids = (&order.payment_id, &order.booking_id);
        client
            .execute(&begin, &[ids.0, ids.1, &order.session, &order.fingerprint, token, amount, currency, email, zone])
            .await?;
        if let Some(mailbox) = email.as_deref().and_then(|email| self.traces.mailbox(email)) {
            let note = client.prepare_cached(sql::PAYMENT_TRACE).await?;
            client.execute(&note, &[&order.payment_id, &Some(mailbox), &None::<i64>]).await?;
        }
        client.commit().await?;
        Ok(())
    }

    /// Brings a payment to its end from wherever it stands.
    pub(super) async fn drive(&self, payment_id: Uuid, by: Source) -> Result<StoredAnswer, PayError> {
        let stored = self.load(payment_id).await?.ok_or(PayError::UnknownPayment)?;
        let outcome = match (stored.state, &stored.answer) {
            (State::Started, _) => match self.ask_or_hear(&stored).await? {
                Some(news) => self.take_in(payment_id, &stored, &news, by).await?,
                None => return Box::pin(self.drive(payment_id, by)).await,
            },
            // A booking that the organizer cancelled was answered before; its fan need not wait for the refund.
            (State::Refunding, Some(answer)) if by == Source::Fan => Outcome::Answer(answer.clone()),
            (State::Refunding, _) => Outcome::GiveBack,
            (_, Some(answer)) => Outcome::Answer(answer.clone()),
            (_, None) => Outcome::Open,
        };
        match outcome {
            Outcome::Answer(answer) => Ok(answer),
            Outcome::GiveBack => self.give_back(payment_id, by).await,
            Outcome::Open => Err(DbError::Odd(format!("payment {payment_id} ended without an answer")).into()),
        }
    }

    /// The provider's answer, or nothing if meanwhile somebody else heard it and the payment has moved on.
    async fn ask_or_hear(&self, stored: &Stored) -> Result<Option<News>, PayError> {
        tokio::select! {
            news = self.ask(stored) => news.map(Some),
            () = self.moved_on(stored.charge.payment_id) => Ok(None),
        }
    }

    async fn moved_on(&self, payment_id: Uuid) {
        loop {
            sleep(LOOK_EVERY).await;
            if let Ok(Some(stored)) = self.load(payment_id).await
                && stored.state != State::Started
            {
                return;
            }
        }
    }

    async fn ask(&self, stored: &Stored) -> Result<News, PayError> {
        match self.provider.charge(&stored.charge).await {
            Ok(Charged { charge, method }) => {
                self.note_method(stored.charge.payment_id, method.as_deref()).await;
                Ok(News::Charged(charge))
            }
            Err(ChargeError::Declined { reason, method }) => {
                self.note_method(stored.charge.payment_id, method.as_deref()).await;
                Ok(News::Declined(reason))
            }
            Err(unknown) => {
                self.metrics.count_failed_provider();
                Err(PayError::Provider(unknown))
            }
        }
    }

    /// Notes what a payment was paid with, before it moves on. A sale goes on without it.
    async fn note_method(&self, payment_id: Uuid, method: Option<&str>) {
        let Some(card) = method.and_then(|method| self.traces.card(method)) else { return };
        let noted = async {
            let client = self.database.client().await?;
            let note = client.prepare_cached(sql::PAYMENT_TRACE).await?;
            client.execute(&note, &[&payment_id, &None::<i64>, &Some(card)]).await?;
            Ok::<_, DbError>(())
        };
        if let Err(error) = noted.await {
            debug!(%error, %payment_id, "what a payment was paid with could not be noted");
        }
    }

    /// Decides over news under the booking's lock, so that everybody who hears of it does so one after the other.
    async fn take_in(&self, payment_id: Uuid, known: &Stored, news: &News, by: Source) -> Result<Outcome, PayError> {
        let client = self.database.begin().await?;
        let locked = self.lock(&client, known.booking_id).await?.ok_or(PayError::NotFound)?;
        let stored = load(&client, payment_id).await?.ok_or(PayError::UnknownPayment)?;
        match (stored.state.hear(news), news) {
            (Step::Sell, News::Charged(charged)) => self.sell(client, payment_id, charged, &locked, by).await,
            (Step::Decline, News::Declined(reason)) => {
                let ending = Ending::Declined(reason.clone());
                self.end(client, payment_id, &ending, &locked, by).await.map(Outcome::Answer)
            }
            (Step::GiveBack, News::Charged(charged)) => {
                let reason = "charged after it had been declined";
                to_refund(client, payment_id, charged, reason, by).await
            }
            (Step::Refunded, _) => {
                self.end(client, payment_id, &Ending::Refunded, &locked, by).await.map(Outcome::Answer)
            }
            (Step::Contradiction, _) => {
                warn!(%payment_id, state = stored.state.name(), ?news, "the provider contradicts itself; reconcile");
                Ok(stored.answer.map_or(Outcome::Open, Outcome::Answer))
            }
            _ if stored.state == State::Refunding && stored.answer.is_none() => Ok(Outcome::GiveBack),
            _ => Ok(stored.answer.map_or(Outcome::Open, Outcome::Answer)),
        }
    }

    /// The seats if they can be had in this moment, else the money back.
    async fn sell(
        &self,
        client: Transaction,
        payment_id: Uuid,
        charged: &str,
        locked: &Locked,
        by: Source,
    ) -> Result<Outcome, PayError> {
        let payable = matches!(locked.status.as_str(), "held" | "expired");
        if !payable || !self.claim(&client, locked).await? {
            return to_refund(client, payment_id, charged, "the seats were gone", by).await;
        }
        let seat_map = locked.desk.state.seat_map();
        let confirm = client.prepare_cached(sql::BOOKING_CONFIRM).await?;
        let units = signed(&locked.held.units);
        client
            .execute(&confirm, &[&locked.booking_id, &seat_map.facts.event_id, &units, &self.core, &payment_id])
            .await?;
        let answer = self.word(&Ending::Confirmed, payment_id, locked);
        let charged = Some(charged);
        move_on(&client, payment_id, Move { charged, answer: Some(&answer), ..Move::to(State::Confirmed, by) }).await?;
        client.commit().await?;
        locked.desk.state.seat_cache().note(&locked.held.units, DbTime::FOREVER);
        self.metrics.count_payment(State::Confirmed.name());
        Ok(Outcome::Answer(answer))
    }

    /// Gives the money back, and says so.
    pub(super) async fn give_back(&self, payment_id: Uuid, by: Source) -> Result<StoredAnswer, PayError> {
        let stored = self.load(payment_id).await?.ok_or(PayError::UnknownPayment)?;
        if stored.state == State::Refunding {
            let charged = stored.charged.as_deref().unwrap_or_default();
            self.provider.refund(payment_id, charged).await.map_err(PayError::Provider)?;
        }
        match self.take_in(payment_id, &stored, &News::Refunded, by).await? {
            Outcome::Answer(answer) => Ok(answer),
            _ => Err(DbError::Odd(format!("payment {payment_id} was refunded without an answer")).into()),
        }
    }

    /// Ends a payment that sold nothing, or whose seats are no longer sold.
    async fn end(
        &self,
        client: Transaction,
        payment_id: Uuid,
        ending: &Ending,
        locked: &Locked,
        by: Source,
    ) -> Result<StoredAnswer, PayError> {
        let answer = self.word(ending, payment_id, locked);
        let reason = if let Ending::Declined(reason) = ending { Some(reason.as_str()) } else { None };
        let step = Move { reason, answer: Some(&answer), ..Move::to(ending.state(), by) };
        move_on(&client, payment_id, step).await?;
        let answered = load(&client, payment_id).await?.and_then(|stored| stored.answer).unwrap_or(answer);
        client.commit().await?;
        self.metrics.count_payment(ending.state().name());
        Ok(answered)
    }

    fn word(&self, ending: &Ending, payment_id: Uuid, locked: &Locked) -> StoredAnswer {
        let (booking_id, held, seat_map) = (locked.booking_id, &locked.held, &locked.desk.state.seat_map());
        (self.word_ending)(EndedPayment { ending, payment_id, booking_id, held, seat_map })
    }

    /// Locks the booking's seats; whether all of them are its own or nobody's.
    async fn claim(&self, client: &Transaction, locked: &Locked) -> Result<bool, DbError> {
        let statement = client.prepare_cached(sql::SEAT_CLAIM).await?;
        let event_id = locked.desk.state.seat_map().facts.event_id;
        let seats = client.query(&statement, &[&event_id, &signed(&locked.held.units), &locked.booking_id]).await?;
        Ok(seats.len() == locked.held.units.len())
    }

    pub(super) async fn lock(&self, client: &Transaction, booking_id: Uuid) -> Result<Option<Locked>, DbError> {
        let statement = client.prepare_cached(sql::BOOKING_LOCK).await?;
        let Some(row) = client.query_opt(&statement, &[&booking_id]).await? else { return Ok(None) };
        let desk = self.events.desk_with(client, row.get("event_id")).await?;
        let desk = desk.ok_or_else(|| DbError::Odd(format!("booking {booking_id} is for an event unknown here")))?;
        let (session, status, late) = (row.get("session"), row.get("status"), row.get("late"));
        Ok(Some(Locked { booking_id, desk, session, held: read_held(&row), status, late }))
    }

    async fn load(&self, payment_id: Uuid) -> Result<Option<Stored>, DbError> {
        let client = self.database.client().await?;
        load(&client, payment_id).await
    }
}

/// Writes down that the money goes back, before the provider is asked to give it.
async fn to_refund(
    client: Transaction,
    payment_id: Uuid,
    charged: &str,
    reason: &str,
    by: Source,
) -> Result<Outcome, PayError> {
    let step = Move { charged: Some(charged), reason: Some(reason), ..Move::to(State::Refunding, by) };
    move_on(&client, payment_id, step).await?;
    client.commit().await?;
    Ok(Outcome::GiveBack)
}
