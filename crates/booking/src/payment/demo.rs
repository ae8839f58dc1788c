//! A provider without a process, for benchmarks and first steps: takes no money, and remembers nothing because its answer
//! follows from the question. `fairgate provider` is the one that keeps books.

use std::time::Duration;

use async_trait::async_trait;
use uuid::Uuid;

use super::{Charge, ChargeError, Charged, PaymentProvider};

/// How long a payment with the word `slow` in its token takes.
pub const SLOW: Duration = Duration::from_secs(3);

/// The card that a token of a demonstration names: its part that begins with `card`, like `demo-card4242`.
#[must_use]
pub fn card_of(token: &str) -> Option<String> {
    token.split('-').find(|part| part.starts_with("card")).map(str::to_owned)
}

/// Understands the words `declined` and `slow` of a token, as `fairgate provider` does, and those that begin with `card`.
#[derive(Clone, Copy, Debug, Default)]
pub struct DemoProvider;

#[async_trait]
impl PaymentProvider for DemoProvider {
    async fn charge(&self, charge: &Charge) -> Result<Charged, ChargeError> {
        let says = |word| charge.token.split('-').any(|part| part == word);
        if says("slow") {
            tokio::time::sleep(SLOW).await;
        }
        if says("declined") {
            return Err(ChargeError::Declined {
                reason: "the card was declined".into(),
                method: card_of(&charge.token),
            });
        }
        let name = format!("demo_{}", charge.payment_id.simple());
        Ok(Charged { charge: name, method: card_of(&charge.token) })
    }

    async fn refund(&self, _: Uuid, _: &str) -> Result<(), ChargeError> {
        Ok(())
    }

    async fn void(&self, _: Uuid) -> Result<String, ChargeError> {
        Err(ChargeError::Declined { reason: "the shop gave up on the payment".into(), method: None })
    }
}
