//! A provider over HTTP.
//!
//! Guarantees:
//! - nobody waits for it longer than the patience
//! - calls under way are bounded
//! - what it does not say clearly counts as unknown, and is asked again with the same payment id

use std::time::Duration;

use async_trait::async_trait;
use http::StatusCode;
use reqwest::{RequestBuilder, Response};
use serde::de::DeserializeOwned;
use tokio::sync::Semaphore;
use tokio::time::timeout;
use uuid::Uuid;

use super::api::{ChargeList, ChargeRecord, ChargeRequest, ChargeStatus};
use super::{Charge, ChargeError, Charged, PaymentProvider};

/// From the wish to ask to the whole answer.
const PATIENCE: Duration = Duration::from_secs(15);
const CONNECT_PATIENCE: Duration = Duration::from_secs(3);
/// Calls under way at the same moment; more would only wait at the provider.
const CALLS_MAX: usize = 512;
const ANSWER_BYTES_MAX: usize = 1024 * 1024;

/// A provider at a URL.
#[derive(Debug)]
pub struct RemoteProvider {
    http: reqwest::Client,
    base: String,
    slots: Semaphore,
}

impl RemoteProvider {
    /// The provider at `base`, like `http://127.0.0.1:4000`.
    ///
    /// # Errors
    /// When no HTTP client can be made.
    pub fn new(base: &str) -> reqwest::Result<Self> {
        let http = reqwest::Client::builder().timeout(PATIENCE).connect_timeout(CONNECT_PATIENCE).build()?;
        let base = base.trim_end_matches('/').to_owned();
        Ok(Self { http, base, slots: Semaphore::new(CALLS_MAX) })
    }

    /// A page of the provider's books, in the order of payment ids.
    ///
    /// # Errors
    /// [`ChargeError::Unknown`] when it does not answer.
    pub async fn page(&self, after: Option<Uuid>, limit: usize) -> Result<Vec<ChargeRecord>, ChargeError> {
        let mut url = format!("{}/v1/charges?limit={limit}", self.base);
        if let Some(after) = after {
            url.push_str(&format!("&after={after}"));
        }
        let list: ChargeList = self.call(self.http.get(url)).await?;
        Ok(list.charges)
    }

    /// The charge of a payment, if the provider knows one.
    ///
    /// # Errors
    /// [`ChargeError::Unknown`] when it does not answer.
    pub async fn find(&self, payment_id: Uuid) -> Result<Option<ChargeRecord>, ChargeError> {
        let found = self.call(self.http.get(format!("{}/v1/charges/{payment_id}", self.base))).await;
        match found {
            Err(ChargeError::Unknown(why)) if why == said(StatusCode::NOT_FOUND) => Ok(None),
            found => found.map(Some),
        }
    }

    async fn call<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<T, ChargeError> {
        let asked = timeout(PATIENCE, async {
            let _slot = self.slots.acquire().await.map_err(unknown)?;
            read(request.send().await.map_err(|error| unknown(error.without_url()))?).await
        });
        asked.await.unwrap_or_else(|_| Err(unknown("no answer in time")))
    }

    async fn post(&self, payment_id: Uuid, verb: &str) -> Result<ChargeRecord, ChargeError> {
        self.call(self.http.post(format!("{}/v1/charges/{payment_id}/{verb}", self.base))).await
    }
}

#[async_trait]
impl PaymentProvider for RemoteProvider {
    async fn charge(&self, charge: &Charge) -> Result<Charged, ChargeError> {
        let Charge { payment_id, token, amount, currency } = charge.clone();
        let asked = ChargeRequest { payment_id, token, amount, currency };
        outcome(self.call(self.http.post(format!("{}/v1/charges", self.base)).json(&asked)).await?)
    }

    async fn refund(&self, payment_id: Uuid, _: &str) -> Result<(), ChargeError> {
        let record = self.post(payment_id, "refund").await?;
        if record.status == ChargeStatus::Refunded { Ok(()) } else { Err(unknown("it did not give the money back")) }
    }

    async fn void(&self, payment_id: Uuid) -> Result<String, ChargeError> {
        outcome(self.post(payment_id, "void").await?).map(|charged| charged.charge)
    }
}

/// The charge where there is money, else why there is none.
fn outcome(record: ChargeRecord) -> Result<Charged, ChargeError> {
    match record.status {
        // Money that was taken and given back is no reason to take it again; the books tell.
        ChargeStatus::Succeeded | ChargeStatus::Refunded => {
            Ok(Charged { charge: record.charge, method: record.method })
        }
        ChargeStatus::Declined | ChargeStatus::Voided => {
            let reason = record.reason.unwrap_or_else(|| "no reason given".to_owned());
            Err(ChargeError::Declined { reason, method: record.method })
        }
    }
}

async fn read<T: DeserializeOwned>(mut response: Response) -> Result<T, ChargeError> {
    let status = response.status();
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| unknown(error.without_url()))? {
        if body.len() + chunk.len() > ANSWER_BYTES_MAX {
            return Err(unknown("its answer is too long"));
        }
        body.extend_from_slice(&chunk);
    }
    if status != StatusCode::OK {
        return Err(unknown(said(status)));
    }
    serde_json::from_slice(&body).map_err(|_| unknown("its answer cannot be read"))
}

fn said(status: StatusCode) -> String {
    format!("it answered {status}")
}

fn unknown(why: impl std::fmt::Display) -> ChargeError {
    ChargeError::Unknown(why.to_string())
}
