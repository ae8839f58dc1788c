//! Notifies the other cores and the relays after a batch of reservations (`NOTIFY`).
//!
//! Guarantees: a notification follows soon after each commit, and no more often than every 50 ms. It is not part of the
//! transaction: Postgres makes commits that notify wait for each other, until each is on the disk. A notification that is
//! lost with its core costs nothing but time: the others look now and then anyway.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::sleep;
use tracing::warn;

use crate::db::{Database, DbError};
use crate::sql;

/// Between two notifications.
const REST: Duration = Duration::from_millis(50);

/// Told by the writers after each commit.
#[derive(Debug, Default)]
pub(crate) struct Notifier(Notify);

impl Notifier {
    /// Something was committed.
    pub(crate) fn notify(&self) {
        self.0.notify_one();
    }

    /// Tells the others, for ever.
    pub(crate) async fn run(self: Arc<Self>, database: Database) {
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
    let notify = client.prepare_cached(sql::NOTIFY).await?;
    client.execute(&notify, &[]).await?;
    Ok(())
}
