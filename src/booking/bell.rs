//! Wakes the other cores and the relays after a batch of reservations.
//!
//! Guarantees: it rings soon after each commit, and not more often than the rest. It is not part of the transaction, because
//! commits that notify wait for each other, one for the whole server, until they are on the disk. A ring that is lost with its
//! core costs nothing but time: the others look now and then anyway.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::sleep;
use tracing::warn;

use super::db::{Database, DbError};
use super::sql;

/// Between two rings.
const REST: Duration = Duration::from_millis(50);

/// Rung by the writers.
#[derive(Debug, Default)]
pub(super) struct Bell(Notify);

impl Bell {
    /// Something was committed.
    pub(super) fn ring(&self) {
        self.0.notify_one();
    }

    /// Tells the others, for ever.
    pub(super) async fn run(self: Arc<Self>, database: Database) {
        loop {
            self.0.notified().await;
            if let Err(error) = tell(&database).await {
                warn!(%error, "the other cores were not woken and look by themselves");
            }
            sleep(REST).await;
        }
    }
}

async fn tell(database: &Database) -> Result<(), DbError> {
    let client = database.client().await?;
    let ring = client.prepare_cached(sql::RING).await?;
    client.execute(&ring, &[]).await?;
    Ok(())
}
