//! Sessions inside: who holds one, until when, and which ended early.
//!
//! Guarantees:
//! - a place has at most one lease, ever
//! - a lease ends when it was not used for the idle time, at its hard end, or when it is released, whichever comes
//!   first
//! - a release is public until the session's pass has run out

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::deadlines::Deadlines;
use super::snapshot::Session;
use super::{ClaimOutcome, Policy, RenewOutcome};

/// What a session keeps besides its idle deadline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Lease {
    admitted_at_ms: u64,
    hard_end_at_ms: u64,
}

/// The leases of a room, by place.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Leases {
    open: HashMap<u64, Lease>,
    expiries: Deadlines,
    /// Shared with views, so it is copied once after each view at most, and only when it changes.
    closed: Arc<BTreeMap<u64, u64>>,
    closed_ends: BTreeSet<(u64, u64)>,
}

impl Leases {
    /// Sessions inside.
    pub(super) fn active(&self) -> u64 {
        self.open.len() as u64
    }

    /// Sessions that ended early, by place, with the time their pass would have lasted.
    pub(super) fn closed(&self) -> Arc<BTreeMap<u64, u64>> {
        Arc::clone(&self.closed)
    }

    /// Takes back sessions that somebody knows of, and those that ended early; answers whether any of them was missing.
    pub(super) fn restore(
        &mut self,
        sessions: &BTreeMap<u64, Session>,
        closed: &BTreeMap<u64, u64>,
        now_ms: u64,
    ) -> bool {
        let mut was_missing = false;
        for (&place, &until_ms) in closed.iter().filter(|(_, until_ms)| **until_ms > now_ms) {
            if !self.closed.contains_key(&place) {
                self.open.remove(&place);
                self.expiries.remove(place);
                self.closed_ends.insert((until_ms, place));
                Arc::make_mut(&mut self.closed).insert(place, until_ms);
                was_missing = true;
            }
        }
        for (&place, session) in sessions.iter().filter(|(_, session)| session.expires_at_ms > now_ms) {
            let Session { admitted_at_ms, expires_at_ms, hard_end_at_ms } = *session;
            let known_ms = self.expiries.get(place).unwrap_or(0);
            if !self.closed.contains_key(&place) && known_ms < expires_at_ms {
                self.open.entry(place).or_insert(Lease { admitted_at_ms, hard_end_at_ms });
                self.expiries.set(place, expires_at_ms);
                was_missing = true;
            }
        }
        was_missing
    }

    /// Ends what has run out; answers whether anything has.
    pub(super) fn expire(&mut self, now_ms: u64) -> bool {
        let mut changed = false;
        while let Some(place) = self.expiries.pop_until(now_ms) {
            self.open.remove(&place);
            changed = true;
        }
        while let Some(&(end, place)) = self.closed_ends.first().filter(|(end, _)| *end <= now_ms) {
            self.closed_ends.remove(&(end, place));
            Arc::make_mut(&mut self.closed).remove(&place);
            changed = true;
        }
        changed
    }

    /// Opens the lease of a place that has just been admitted.
    pub(super) fn open(&mut self, place: u64, policy: &Policy, now_ms: u64) -> ClaimOutcome {
        let hard_end_at_ms = now_ms.saturating_add(policy.session_max_ms);
        let expires_at_ms = now_ms.saturating_add(policy.session_idle_ms).min(hard_end_at_ms);
        self.open.insert(place, Lease { admitted_at_ms: now_ms, hard_end_at_ms });
        self.expiries.set(place, expires_at_ms);
        ClaimOutcome::Admitted { admitted_at_ms: now_ms, expires_at_ms, hard_end_at_ms }
    }

    /// What the claim of an admitted place is answered while its lease lives.
    pub(super) fn admitted(&self, place: u64) -> Option<ClaimOutcome> {
        let lease = self.open.get(&place)?;
        Some(ClaimOutcome::Admitted {
            admitted_at_ms: lease.admitted_at_ms,
            expires_at_ms: self.expiries.get(place)?,
            hard_end_at_ms: lease.hard_end_at_ms,
        })
    }

    /// Starts a session's idle time anew; answers the outcome and whether anything changed.
    pub(super) fn renew(&mut self, place: u64, policy: &Policy, now_ms: u64) -> (RenewOutcome, bool) {
        let Some(lease) = self.open.get(&place) else { return (RenewOutcome::Ended, false) };
        // Never earlier than before: a pass may have been signed for that time.
        let before = self.expiries.get(place).unwrap_or(now_ms);
        let expires_at_ms = now_ms.saturating_add(policy.session_idle_ms).min(lease.hard_end_at_ms).max(before);
        let changed = self.expiries.set(place, expires_at_ms);
        (RenewOutcome::Renewed { expires_at_ms }, changed)
    }

    /// Ends a session before its time; answers whether there was one.
    pub(super) fn release(&mut self, place: u64) -> bool {
        self.open.remove(&place);
        let Some(expires_at_ms) = self.expiries.remove(place) else { return false };
        self.closed_ends.insert((expires_at_ms, place));
        Arc::make_mut(&mut self.closed).insert(place, expires_at_ms);
        true
    }
}
