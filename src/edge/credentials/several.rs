//! Sessions whose passes are watched for use in several networks at once.
//!
//! Guarantees: memory is bounded, and what is forgotten is asked for at the pass's next proof in any case. A session is judged by
//! this edge's requests alone.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use fairgate_entry::binding::Networks;
use fairgate_token::Pass;
use moka::sync::Cache;

/// Sessions that are watched, some 200 bytes each.
const SESSIONS_MAX: u64 = 50_000;
/// How long a session is remembered without a request: longer than any pass goes without a proof, as rooms have it.
const KEPT: Duration = Duration::from_secs(10 * 60);

/// What is known of sessions, by their ids.
#[derive(Debug)]
pub(crate) struct Watched {
    sessions: Cache<u128, Arc<Mutex<Seen>>>,
}

#[derive(Debug, Default)]
struct Seen {
    networks: Networks,
    /// Passes that were signed until then (Unix ms) have to be proved.
    doubted_ms: u64,
}

impl Watched {
    pub(crate) fn new() -> Self {
        Self { sessions: Cache::builder().max_capacity(SESSIONS_MAX).time_to_idle(KEPT).build() }
    }

    /// Notes a request with a pass; answers whether its session is used in several networks at once.
    pub(crate) fn saw(&self, pass: &Pass, address: IpAddr, now_ms: u64) -> bool {
        let seen = self.sessions.get_with(pass.session.number(), Arc::default);
        let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
        let is_several = seen.networks.saw(address, now_ms);
        if is_several {
            seen.networks.forget();
        }
        is_several
    }

    /// Has all passes of a session proved that were signed so far.
    pub(crate) fn doubt(&self, pass: &Pass, now_ms: u64) {
        let seen = self.sessions.get_with(pass.session.number(), Arc::default);
        seen.lock().unwrap_or_else(PoisonError::into_inner).doubted_ms = now_ms;
    }

    /// True if a pass has to be proved since its session was in several networks.
    pub(crate) fn is_doubted(&self, pass: &Pass) -> bool {
        let seen = self.sessions.get(&pass.session.number());
        seen.is_some_and(|seen| pass.issued_at_ms <= seen.lock().unwrap_or_else(PoisonError::into_inner).doubted_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_doubt_is_about_passes_that_were_signed_before_it() {
        let pass = |place, signed_ms| Pass::new("r", [1; 32], place, signed_ms, 600_000, 600_000);
        let watched = Watched::new();
        let by_turns = ["198.51.100.7", "203.0.113.7"].map(|address| address.parse().unwrap());
        let seen = [0, 1, 0, 1, 0].map(|at: usize| watched.saw(&pass(1, 0), by_turns[at], 5_000));
        assert_eq!(seen, [false, false, false, true, false], "and begins anew");
        watched.doubt(&pass(1, 0), 5_000);
        assert!(watched.is_doubted(&pass(1, 5_000)) && !watched.is_doubted(&pass(1, 6_000)));
        assert!(!watched.is_doubted(&pass(2, 0)), "another session's");
    }
}
