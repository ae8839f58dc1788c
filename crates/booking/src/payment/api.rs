//! What a payment provider is asked and what it tells, as JSON: the contract between the core and any provider.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// `POST /v1/charges`: take money, once for each payment id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChargeRequest {
    /// The shop's name for the payment.
    pub payment_id: Uuid,
    /// What the provider's page gave the fan's browser.
    pub token: String,
    /// In the smallest unit of the currency.
    pub amount: i64,
    /// ISO 4217.
    pub currency: String,
}

/// A charge as the provider has it in its books.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChargeRecord {
    /// The shop's name for the payment.
    pub payment_id: Uuid,
    /// The provider's name for it.
    pub charge: String,
    /// In the smallest unit of the currency.
    pub amount: i64,
    /// ISO 4217.
    pub currency: String,
    /// How it stands.
    pub status: ChargeStatus,
    /// Why there is no money.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// A name under which the provider recognises the card or account, the same for each payment with it. It is compared as a
    /// keyed digest and not kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
}

/// How a charge stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ChargeStatus {
    /// The money was taken.
    Succeeded,
    /// The money was not taken and will not be.
    Declined,
    /// The money was taken and given back.
    Refunded,
    /// The shop gave up before any money was taken; it cannot be taken any more.
    Voided,
}

/// `GET /v1/charges`: a page of the books, in the order of payment ids.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ChargeList {
    /// The charges after the one that was asked for.
    pub charges: Vec<ChargeRecord>,
}

/// What a webhook says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WebhookEvent {
    /// The webhook's id, the same for every copy.
    pub id: Uuid,
    /// What happened.
    #[serde(rename = "type")]
    pub kind: WebhookKind,
    /// The charge as it stood then.
    pub charge: ChargeRecord,
}

/// What a webhook is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum WebhookKind {
    /// The money was taken.
    #[serde(rename = "charge.succeeded")]
    Succeeded,
    /// The payment was not charged and will not be.
    #[serde(rename = "charge.declined")]
    Declined,
    /// The money was given back.
    #[serde(rename = "charge.refunded")]
    Refunded,
}
