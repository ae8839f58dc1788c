//! A consumer group of the Redis stream as a queue.

use async_trait::async_trait;

use super::streams::Group;
use super::work::{Dead, Delivery, QueueError, Standing, WorkQueue};

#[async_trait]
impl WorkQueue for Group {
    fn name(&self) -> &str {
        self.name()
    }

    async fn declare(&self) -> Result<(), QueueError> {
        Ok(self.declare().await?)
    }

    async fn take(&self, count: usize) -> Result<Vec<Delivery>, QueueError> {
        Ok(self.take(count).await?)
    }

    async fn done(&self, delivery: &Delivery) -> Result<(), QueueError> {
        Ok(self.done(delivery).await?)
    }

    async fn failed(&self, delivery: &Delivery, reason: &str) -> Result<bool, QueueError> {
        Ok(self.failed(delivery, reason).await?)
    }

    async fn bury(&self, delivery: &Delivery, reason: &str) -> Result<(), QueueError> {
        Ok(self.bury(delivery, reason).await?)
    }

    async fn dead(&self, count: usize) -> Result<Vec<Dead>, QueueError> {
        Ok(self.dead(count).await?)
    }

    async fn retry(&self, ids: &[String]) -> Result<usize, QueueError> {
        Ok(self.retry(ids).await?)
    }

    async fn drop_dead(&self, ids: &[String]) -> Result<usize, QueueError> {
        Ok(self.drop_dead(ids).await?)
    }

    async fn standing(&self) -> Result<Standing, QueueError> {
        Ok(self.standing().await?)
    }
}
