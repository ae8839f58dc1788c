//! The end of a room at this edge, once requests come to another one in its place, or to none.
//!
//! Guarantee: those who came before go on: the room's tasks end only when nobody can be in it any more.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

/// When a room's tasks end.
#[derive(Debug)]
pub(crate) struct Retirement(watch::Sender<Option<Instant>>);

impl Default for Retirement {
    fn default() -> Self {
        Self(watch::channel(None).0)
    }
}

impl Retirement {
    /// The room is left to those who are in it, for so long.
    pub(crate) fn begin(&self, patience: Duration) {
        self.0.send_replace(Some(Instant::now() + patience));
    }

    /// Waits until the room's tasks are to end.
    pub(crate) async fn over(&self) {
        let mut ends = self.0.subscribe();
        let ends_at = ends.wait_for(Option::is_some).await.map(|ends_at| *ends_at);
        match ends_at.ok().flatten() {
            Some(ends_at) => sleep_until(ends_at).await,
            // The sender lives as long as the room, which whoever waits has.
            None => std::future::pending().await,
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::timeout;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn tasks_end_when_nobody_can_be_in_the_room_any_more_and_not_before() {
        let retirement = Retirement::default();
        assert!(timeout(Duration::from_secs(3_600), retirement.over()).await.is_err(), "nobody has retired it");
        retirement.begin(Duration::from_secs(60));
        assert!(timeout(Duration::from_secs(59), retirement.over()).await.is_err());
        assert!(timeout(Duration::from_secs(2), retirement.over()).await.is_ok());
    }
}
