//! Payments: what is asked of a provider, and the saga that ends each payment in one confirmed booking or one refund.

mod demo;
mod ending;
mod saga;

use async_trait::async_trait;
use uuid::Uuid;

pub use demo::DemoProvider;
pub use ending::{Ending, StoredAnswer};
pub use saga::{Cashier, Order, PayError};

/// Money to be taken.
#[derive(Clone, Debug)]
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

/// Why there is no money.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChargeError {
    /// The provider says no; no money was taken, and asking again gives the same answer.
    #[error("the payment was declined: {0}")]
    Declined(String),
    /// Nobody knows; asking again is safe.
    #[error("the payment provider cannot be reached: {0}")]
    Unknown(String),
}

/// Takes money and gives it back.
#[async_trait]
pub trait PaymentProvider: Send + Sync + 'static {
    /// Takes the money and returns the provider's name for the charge.
    async fn charge(&self, charge: &Charge) -> Result<String, ChargeError>;

    /// Gives the money of a charge back, once however often it is asked.
    async fn refund(&self, payment_id: Uuid, charge: &str) -> Result<(), ChargeError>;
}
