//! The cashier's round: payments that nobody drives any more, because their worker died or the provider was silent.
//!
//! Guarantees:
//! - a payment is taken up by one core at a time and at growing intervals
//! - one that nobody knows anything about is voided at last, so that it ends, and ends without money

use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::iter;
use tokio::time::sleep;
use tokio_postgres::Row;
use tracing::{info, warn};
use uuid::Uuid;

use super::{Cashier, ChargeError, News, PayError, Source};
use crate::db::DbError;
use crate::sql;

/// Between two looks.
const ROUND: Duration = Duration::from_secs(2);
/// Payments that one round takes up.
const BATCH: i64 = 64;
/// Of these, so many are driven at the same moment.
const AT_ONCE: usize = 8;
/// The waits double from 20 s: after some twenty minutes nobody waits for the provider any more.
const DRIVES_MAX: i32 = 6;

impl Cashier {
    /// Takes up abandoned payments, for ever.
    pub async fn run(&self) {
        loop {
            if let Err(error) = self.run_once().await {
                warn!(%error, "abandoned payments could not be taken up and are looked at later");
            }
            sleep(ROUND).await;
        }
    }

    /// Takes up the payments that are due.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn run_once(&self) -> Result<(), DbError> {
        let client = self.database.client().await?;
        let take = client.prepare_cached(sql::PAYMENT_TAKE_UP).await?;
        let due = client.query(&take, &[&BATCH]).await?;
        drop(client);
        // Money that is on its way back is never given up.
        let hopeless =
            |row: &Row| row.get::<_, &str>("state") == "started" && row.get::<_, i32>("drives") >= DRIVES_MAX;
        let due: Vec<(Uuid, bool)> = due.iter().map(|row| (row.get("payment_id"), hopeless(row))).collect();
        let due = due.into_iter().map(|(payment_id, hopeless)| self.take_up(payment_id, hopeless));
        iter(due).buffer_unordered(AT_ONCE).collect::<()>().await;
        Ok(())
    }

    async fn take_up(&self, payment_id: Uuid, hopeless: bool) {
        let Some(_guard) = self.in_progress.enter(payment_id) else { return };
        let driven = match self.drive(payment_id, Source::Worker).await {
            Err(PayError::Provider(_)) if hopeless => self.give_up(payment_id).await,
            driven => driven.map(drop),
        };
        match driven {
            Ok(()) => info!(%payment_id, "an abandoned payment was brought to its end"),
            Err(error) => warn!(%error, %payment_id, "an abandoned payment is not at its end yet"),
        }
    }

    /// Asks the provider to forget the payment; it says so, or that it has the money after all.
    async fn give_up(&self, payment_id: Uuid) -> Result<(), PayError> {
        let news = match self.provider.void(payment_id).await {
            Ok(charged) => News::Charged(charged),
            Err(ChargeError::Declined { reason, .. }) => News::Declined(reason),
            Err(unknown) => return Err(PayError::Provider(unknown)),
        };
        self.take_in_and_finish(payment_id, &news, Source::Worker).await
    }
}
