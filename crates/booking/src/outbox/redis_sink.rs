//! The Redis stream as a sink: a message's number is its id, so the stream itself says how far it has come.

use async_trait::async_trait;

use super::sink::{Entry, LastEntry, Sink, SinkError};
use super::streams::Redis;

/// Messages that consumers have not handled yet; beyond it the relay waits, and the log in Postgres grows instead.
const UNHANDLED_MAX: usize = 1_000_000;

#[async_trait]
impl Sink for Redis {
    async fn position(&self) -> Result<i64, SinkError> {
        Ok(self.publish(None, &[]).await?)
    }

    async fn append(&self, after: i64, batch: &[Entry]) -> Result<i64, SinkError> {
        Ok(self.publish(Some(after), batch).await?)
    }

    async fn last(&self) -> Result<Option<LastEntry>, SinkError> {
        Ok(self.last_entry().await?)
    }

    async fn has_room(&self) -> Result<bool, SinkError> {
        Ok(self.messages().await? < UNHANDLED_MAX)
    }

    async fn tidy(&self) -> Result<usize, SinkError> {
        self.trim().await?;
        Ok(self.messages().await?)
    }
}
