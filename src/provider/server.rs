//! The provider over HTTP: charges, refunds, voids, the books, and how to behave.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::Context;
use axum::extract::{DefaultBodyLimit, Path, Query, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::behaviour::{Behaviour, Failing};
use super::ledger::{Ledger, LedgerError};
use super::webhooks::{WebhookTarget, Webhooks};
use fairgate_booking::payment::api::{ChargeList, ChargeRecord, ChargeRequest, ChargeStatus, WebhookKind};

const BODY_BYTES_MAX: usize = 16 * 1024;
const PAGE_MAX: usize = 1000;
/// Longer than any client waits: a call that is never answered does not stay for ever, either.
const NEVER: Duration = Duration::from_secs(120);
/// Payments whose first call failed on purpose, at most.
const FAILED_MAX: usize = 100_000;

/// What a provider is started with.
#[derive(Debug)]
pub struct ProviderSettings {
    /// Where it listens.
    pub listen: SocketAddr,
    /// Where webhooks go; none are sent without it.
    pub webhooks: Option<WebhookTarget>,
    /// Where the books are kept; in memory only without it.
    pub ledger: Option<PathBuf>,
    /// How payments are treated whose token does not say.
    pub behaviour: Behaviour,
}

/// A provider that listens.
#[derive(Debug)]
pub struct Provider {
    listener: TcpListener,
    till: Arc<Till>,
}

#[derive(Debug)]
struct Till {
    books: Mutex<Books>,
    webhooks: Webhooks,
}

#[derive(Debug)]
struct Books {
    ledger: Ledger,
    behaviour: Behaviour,
    failed: std::collections::HashSet<Uuid>,
}

impl Provider {
    /// Opens the books and binds.
    ///
    /// # Errors
    /// What is in the way, worded for the person at the terminal.
    pub async fn start(settings: ProviderSettings) -> anyhow::Result<Self> {
        let ledger = match &settings.ledger {
            Some(path) => Ledger::open(path).with_context(|| format!("cannot use the ledger {}", path.display()))?,
            None => Ledger::default(),
        };
        let books = Mutex::new(Books { ledger, behaviour: settings.behaviour, failed: Default::default() });
        let webhooks = Webhooks::new(settings.webhooks)?;
        let listen = settings.listen;
        let listener =
            TcpListener::bind(listen).await.with_context(|| format!("cannot listen on {listen}; choose another"))?;
        Ok(Self { listener, till: Arc::new(Till { books, webhooks }) })
    }

    /// Where it listens.
    ///
    /// # Errors
    /// When the system does not say.
    pub fn address(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves until `stop` is cancelled. Calls that are never answered are not waited for.
    ///
    /// # Errors
    /// When the listener fails.
    pub async fn serve(self, stop: CancellationToken) -> anyhow::Result<()> {
        tokio::select! {
            served = axum::serve(self.listener, router(self.till)) => served.context("the listener failed"),
            () = stop.cancelled() => Ok(()),
        }
    }
}

fn router(till: Arc<Till>) -> Router {
    Router::new()
        .route("/v1/charges", post(charge).get(list))
        .route("/v1/charges/{payment_id}", get(show))
        .route("/v1/charges/{payment_id}/refund", post(refund))
        .route("/v1/charges/{payment_id}/void", post(void))
        .route("/v1/behaviour", axum::routing::put(behave))
        .route("/healthz", get(|| async { "ok\n" }))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .with_state(till)
}

impl Till {
    fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the token says, else what the provider was told.
    fn behaviour(&self, token: &str) -> Behaviour {
        let asked = Behaviour::of_token(token);
        if asked == Behaviour::default() { self.books().behaviour } else { asked }
    }
}

impl Books {
    /// True if this call fails although nothing is wrong with it.
    fn fails(&mut self, failing: Failing, payment_id: Uuid) -> bool {
        match failing {
            Failing::Never => false,
            Failing::Always => true,
            Failing::Once => self.failed.len() < FAILED_MAX && self.failed.insert(payment_id),
        }
    }
}

async fn charge(State(till): State<Arc<Till>>, Json(asked): Json<ChargeRequest>) -> Result<Response, Refusal> {
    let behaviour = till.behaviour(&asked.token);
    tokio::time::sleep(behaviour.delay).await;
    if till.books().fails(behaviour.failing, asked.payment_id) {
        return Err(Refusal(StatusCode::INTERNAL_SERVER_ERROR, "the provider is out of order".into()));
    }
    if !behaviour.charges {
        return Ok(never().await);
    }
    let (known, record) = {
        let mut books = till.books();
        (books.ledger.get(asked.payment_id).is_some(), books.ledger.charge(&asked, behaviour.declines)?)
    };
    if !known {
        tell(&till, &record, behaviour).await;
    }
    // A lost answer is lost once: whoever asks again is told.
    if !behaviour.answers && !known {
        return Ok(never().await);
    }
    Ok(Json(record).into_response())
}

/// Tells the shop by webhook; in order with the answer if asked for, else when it may be.
async fn tell(till: &Arc<Till>, record: &ChargeRecord, behaviour: Behaviour) {
    let kind = match record.status {
        ChargeStatus::Succeeded => WebhookKind::Succeeded,
        ChargeStatus::Declined => WebhookKind::Declined,
        ChargeStatus::Refunded => WebhookKind::Refunded,
        ChargeStatus::Voided => return,
    };
    let (webhooks, record) = (till.webhooks.clone(), record.clone());
    let delivery = tokio::spawn(async move { webhooks.deliver(kind, record, behaviour.webhooks).await });
    if behaviour.webhook_first {
        let _ = delivery.await;
    }
}

async fn refund(State(till): State<Arc<Till>>, Path(payment_id): Path<Uuid>) -> Result<Json<ChargeRecord>, Refusal> {
    let behaviour = till.books().behaviour;
    if till.books().fails(behaviour.failing, payment_id) {
        return Err(Refusal(StatusCode::INTERNAL_SERVER_ERROR, "the provider is out of order".into()));
    }
    let record = till.books().ledger.refund(payment_id)?;
    tell(&till, &record, behaviour).await;
    Ok(Json(record))
}

async fn void(State(till): State<Arc<Till>>, Path(payment_id): Path<Uuid>) -> Result<Json<ChargeRecord>, Refusal> {
    Ok(Json(till.books().ledger.void(payment_id)?))
}

async fn show(State(till): State<Arc<Till>>, Path(payment_id): Path<Uuid>) -> Result<Json<ChargeRecord>, Refusal> {
    let record = till.books().ledger.get(payment_id).cloned();
    Ok(Json(record.ok_or(LedgerError::Unknown)?))
}

/// A page of the books.
#[derive(Debug, Deserialize)]
struct PageQuery {
    after: Option<Uuid>,
    limit: Option<usize>,
}

async fn list(State(till): State<Arc<Till>>, Query(page): Query<PageQuery>) -> Json<ChargeList> {
    let limit = page.limit.unwrap_or(PAGE_MAX).min(PAGE_MAX);
    Json(ChargeList { charges: till.books().ledger.page(page.after, limit) })
}

/// `PUT /v1/behaviour`: how payments are treated from now on whose token does not say.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Told {
    behaviour: String,
}

async fn behave(State(till): State<Arc<Till>>, Json(told): Json<Told>) -> Result<StatusCode, Refusal> {
    let behaviour = Behaviour::parse(&told.behaviour);
    till.books().behaviour = behaviour.map_err(|error| Refusal(StatusCode::UNPROCESSABLE_ENTITY, error))?;
    Ok(StatusCode::NO_CONTENT)
}

async fn never() -> Response {
    tokio::time::sleep(NEVER).await;
    StatusCode::GATEWAY_TIMEOUT.into_response()
}

/// An answer that is no charge.
struct Refusal(StatusCode, String);

#[derive(Serialize)]
struct RefusalBody {
    error: String,
}

impl From<LedgerError> for Refusal {
    fn from(error: LedgerError) -> Self {
        let status = match error {
            LedgerError::Unknown => StatusCode::NOT_FOUND,
            LedgerError::OtherCharge | LedgerError::NothingTaken => StatusCode::UNPROCESSABLE_ENTITY,
            LedgerError::Full | LedgerError::File(_) => StatusCode::SERVICE_UNAVAILABLE,
        };
        Self(status, error.to_string())
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        (self.0, Json(RefusalBody { error: self.1 })).into_response()
    }
}
