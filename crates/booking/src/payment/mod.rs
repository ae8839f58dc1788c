//! Payments: what is asked of a provider, what it tells on its own, and the saga. The saga ends each payment in one
//! confirmed booking, one refund, or no money at all.
//!
//! [`Cashier`] drives the saga; [`State::hear`] decides it. Every step and compensation is a row of `payment_step`.

mod answers;
pub mod api;
mod demo;
mod ending;
mod reconcile;
mod refund;
mod remote;
mod round;
mod saga;
pub mod signature;
mod state;
mod store;
mod under_way;

use async_trait::async_trait;
use uuid::Uuid;

pub(crate) use answers::{find_answer, keep_answer};
pub use demo::{DemoProvider, SLOW, card_of};
pub use ending::{EndedPayment, Ending, StoredAnswer, WordEnding};
pub use reconcile::{Difference, ReconcileError, Reconciliation, compare, reconcile};
pub use refund::{CancelOrder, Cancelled, RefundError};
pub use remote::RemoteProvider;
pub use saga::{Cashier, Order, PayError};
pub use state::{News, Source, State};
pub use under_way::UnderWay;

/// Money to be taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Charge {
    /// Ours; the provider takes the money once for each, however often it is asked.
    pub payment_id: Uuid,
    /// What the provider's page gave the fan's browser.
    pub token: String,
    /// In the smallest unit of the currency.
    pub amount: i64,
    /// ISO 4217.
    pub currency: String,
}

/// Money that was taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Charged {
    /// The provider's name for the charge.
    pub charge: String,
    /// The card or account, as the provider recognises it.
    pub method: Option<String>,
}

/// Why there is no money.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChargeError {
    /// The provider says no; no money was taken, and asking again gives the same answer.
    #[error("the payment was declined: {reason}")]
    Declined {
        /// Why, for the fan.
        reason: String,
        /// The card or account, as the provider recognises it.
        method: Option<String>,
    },
    /// Nobody knows; asking again is safe.
    #[error("the payment provider cannot be reached: {0}")]
    Unknown(String),
}

/// Takes money and gives it back.
#[async_trait]
pub trait PaymentProvider: Send + Sync + 'static {
    /// Takes the money.
    async fn charge(&self, charge: &Charge) -> Result<Charged, ChargeError>;

    /// Gives the money of a charge back, once however often it is asked.
    async fn refund(&self, payment_id: Uuid, charge: &str) -> Result<(), ChargeError>;

    /// Makes sure that no money will be taken for a payment that nobody has heard of. The payment is `Declined` from
    /// now on; or the answer is the name of the charge where the money was taken already.
    async fn void(&self, payment_id: Uuid) -> Result<String, ChargeError>;
}
