//! Losses that tickets have proved: numbers that were given, and that the store does not know.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use fairgate_draw::v2::TIERS_MAX;
use tokio::sync::{Semaphore, SemaphorePermit};

/// The numbers that tickets prove to have been given.
#[derive(Debug)]
pub(crate) struct ProvedLoss {
    /// Numbers below were given, whatever the store says: of the line and of a pool without tiers, and then of each tier.
    given: [AtomicU64; 1 + TIERS_MAX],
    /// One ticket at a time is held against the store.
    asking: Semaphore,
}

impl Default for ProvedLoss {
    fn default() -> Self {
        Self { given: std::array::from_fn(|_| AtomicU64::new(0)), asking: Semaphore::new(1) }
    }
}

impl ProvedLoss {
    /// What is to be said of the room for as long as this process runs; nothing where nothing was lost.
    pub(crate) fn alarm(&self) -> Option<String> {
        let given = self.given.iter().map(|given| given.load(Relaxed)).max().unwrap_or(0);
        (given > 0).then(|| format!("a ticket proves that the store has lost numbers below {given}"))
    }

    /// The right to hold a ticket against the store; `None` while another ticket has it.
    pub(crate) fn try_ask(&self) -> Option<SemaphorePermit<'_>> {
        self.asking.try_acquire().ok()
    }

    /// Notes that the numbers below `end` were given, in a tier where one is named; answers whether that is news.
    pub(crate) fn note(&self, tier: Option<u8>, end: u64) -> bool {
        let list = tier.map_or(0, |tier| 1 + usize::from(tier));
        self.given.get(list).is_some_and(|given| given.fetch_max(end, Relaxed) < end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_of_a_tier_say_nothing_of_another() {
        let loss = ProvedLoss::default();
        assert_eq!(loss.alarm(), None);
        assert!(loss.note(Some(0), 9) && loss.note(Some(15), 5) && loss.note(None, 3));
        assert!(!loss.note(Some(0), 9) && loss.note(Some(15), 6));
        assert_eq!(loss.alarm().as_deref(), Some("a ticket proves that the store has lost numbers below 9"));
    }
}
