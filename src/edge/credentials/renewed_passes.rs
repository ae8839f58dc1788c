//! Renewed passes that their fans may not have yet, since an answer that a cache may keep carries no cookie.
//!
//! Guarantee: memory is bounded. A pass that was forgotten is asked of the room again.

use std::time::Duration;

use moka::sync::Cache;

use super::holder::Holder;

/// Sessions that are remembered, about a kilobyte each.
const SESSIONS_MAX: u64 = 20_000;

/// How long a session is remembered to be over. So a client that goes on asking with its pass does not ask the store
/// each time.
const OVER_FOR: Duration = Duration::from_secs(2);

/// The newer passes of sessions, by the pass that their fans show.
#[derive(Debug)]
pub(crate) struct RenewedPasses {
    fresh: Cache<[u8; 32], Holder>,
    over: Cache<[u8; 32], ()>,
}

impl RenewedPasses {
    pub(crate) fn new() -> Self {
        Self {
            fresh: Cache::new(SESSIONS_MAX),
            over: Cache::builder().max_capacity(SESSIONS_MAX).time_to_live(OVER_FOR).build(),
        }
    }

    /// Keeps the pass that the fan should have.
    pub(crate) fn keep(&self, holder: &Holder) {
        self.fresh.insert(holder.shown, holder.clone());
    }

    /// The pass that the fan should have instead of the shown one, where that is known here.
    pub(crate) fn newer(&self, shown: &[u8; 32], now_ms: u64) -> Option<Holder> {
        self.fresh.get(shown).filter(|holder| holder.pass.check_time(now_ms).is_ok())
    }

    /// Notes that the session of a pass is over.
    pub(crate) fn end(&self, shown: [u8; 32]) {
        self.over.insert(shown, ());
    }

    /// True if the session of a pass was over a moment ago.
    pub(crate) fn is_over(&self, shown: &[u8; 32]) -> bool {
        self.over.contains_key(shown)
    }
}
