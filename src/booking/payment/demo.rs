//! A provider for demonstrations: takes no money, and remembers nothing because its answer follows from the question.

use std::time::Duration;

use async_trait::async_trait;
use uuid::Uuid;

use super::{Charge, ChargeError, PaymentProvider};

/// Takes every token but those that begin with `demo-declined`; `demo-slow` takes three seconds.
#[derive(Clone, Copy, Debug, Default)]
pub struct DemoProvider;

#[async_trait]
impl PaymentProvider for DemoProvider {
    async fn charge(&self, charge: &Charge) -> Result<String, ChargeError> {
        if charge.token.starts_with("demo-slow") {
            tokio::time::sleep(Duration::from_secs(3)).await;
        }
        if charge.token.starts_with("demo-declined") {
            return Err(ChargeError::Declined("the card was declined".into()));
        }
        Ok(format!("demo_{}", charge.payment_id.simple()))
    }

    async fn refund(&self, _: Uuid, _: &str) -> Result<(), ChargeError> {
        Ok(())
    }
}
