//! What the payment provider tells by way of a queue: heard as webhooks are, and let go of once it is in the tables.
//!
//! Guarantees:
//! - a notice counts only with the provider's signature over its very bytes
//! - it is acknowledged after what it says was committed; copies in any order change nothing
//! - one that can never be heard (forged, unreadable, of no payment of ours) is a dead letter at once, and holds up no other
//! - one that could not be heard for now comes again, for a day
//!
//! A signature's age is not judged: a queue keeps a notice while nobody works, and a copy changes nothing.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::sleep;
use tracing::{error, info, warn};

use super::work::{Delivery, QueueError, WorkQueue};
use crate::payment::api::WebhookEvent;
use crate::payment::signature::{SIGNATURE_HEADER, SignatureError, WebhookSecret};
use crate::payment::{Cashier, PayError};

/// Notices worked on at the same moment.
const AT_ONCE: usize = 16;
const AGAIN_AFTER: Duration = Duration::from_secs(1);

/// Why a notice was not heard.
#[derive(Debug, thiserror::Error)]
enum NoticeError {
    #[error("it is not believed: {0}")]
    Signature(#[from] SignatureError),
    #[error("it cannot be read: {0}")]
    Unreadable(#[from] serde_json::Error),
    #[error(transparent)]
    Pay(#[from] PayError),
}

impl NoticeError {
    /// True if hearing it again cannot help.
    fn is_final(&self) -> bool {
        match self {
            Self::Signature(_) | Self::Unreadable(_) => true,
            Self::Pay(error) => matches!(error, PayError::UnknownPayment | PayError::OtherAmount),
        }
    }
}

/// Hears notices from a queue.
#[derive(Clone)]
pub struct Notices {
    queue: Arc<dyn WorkQueue>,
    secret: WebhookSecret,
    cashier: Arc<Cashier>,
}

impl std::fmt::Debug for Notices {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Notices").field("queue", &self.queue).finish_non_exhaustive()
    }
}

impl Notices {
    /// Notices that were signed with a secret.
    #[must_use]
    pub fn new(queue: Arc<dyn WorkQueue>, secret: WebhookSecret, cashier: Arc<Cashier>) -> Self {
        Self { queue, secret, cashier }
    }

    /// Hears for ever.
    pub async fn run(&self) {
        let (mut fails, mut is_declared) = (false, false);
        loop {
            match self.round(&mut is_declared).await {
                Ok(()) => {
                    if std::mem::replace(&mut fails, false) {
                        info!(queue = self.queue.name(), "payment notices are heard again");
                    }
                }
                Err(error) => {
                    is_declared = false;
                    // Once for each time that it begins to fail.
                    if !std::mem::replace(&mut fails, true) {
                        warn!(%error, "payment notices cannot be heard; it is tried again and again");
                    }
                    sleep(AGAIN_AFTER).await;
                }
            }
        }
    }

    async fn round(&self, is_declared: &mut bool) -> Result<(), QueueError> {
        if !*is_declared {
            self.queue.declare().await?;
            *is_declared = true;
        }
        let deliveries = self.queue.take(AT_ONCE).await?;
        let worked = join_all(deliveries.iter().map(|delivery| self.work(delivery))).await;
        worked.into_iter().collect()
    }

    async fn work(&self, delivery: &Delivery) -> Result<(), QueueError> {
        match self.hear(delivery).await {
            Ok(()) => self.queue.done(delivery).await,
            Err(error) if error.is_final() => {
                error!(%error, "a payment notice can never be heard: it is among the dead letters");
                self.queue.bury(delivery, &error.to_string()).await
            }
            Err(error) => {
                let is_dead = self.queue.failed(delivery, &error.to_string()).await?;
                warn!(%error, is_dead, attempts = delivery.attempts, "a payment notice was not heard");
                Ok(())
            }
        }
    }

    async fn hear(&self, delivery: &Delivery) -> Result<(), NoticeError> {
        let signature = delivery.headers.get(SIGNATURE_HEADER).map_or("", String::as_str);
        self.secret.verify_at_any_age(signature, delivery.message.as_bytes())?;
        let event: WebhookEvent = serde_json::from_str(&delivery.message)?;
        Ok(self.cashier.hear_event(event).await?)
    }
}
