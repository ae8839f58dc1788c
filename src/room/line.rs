//! The line: who has been called, who came, who did not, and the leak that calls the next.
//!
//! Guarantees: `serving` never falls; sessions inside plus called places never outgrow `max_active` by a call; a place is
//! admitted once at most; a fan who asked within the grace never loses the place for having had to wait.
//!
//! Two buckets, since they bound different things: the leak decides how many are *called* and gets back the credit of
//! those who do not come; the cap decides how many are *let in* and never gets anything back.
//!
//! The grace is measured on a watch that stops while nobody could be let in (paused, sold out, ended), so that a pause
//! costs nobody their place.

use std::collections::VecDeque;

use super::bucket::Bucket;
use super::deadlines::Deadlines;
use super::places::Places;
use super::{ClaimOutcome, Policy};

/// When to ask again while nothing but a decision of people or the end of a session helps.
pub(super) const HELD_RETRY_MS: u64 = 5_000;
/// When to ask again at the earliest, so that browsers do not spin on the cap.
const CAP_RETRY_MIN_MS: u64 = 250;

/// The state of the line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line {
    /// Places admitted or given up. What was called and is not in here by the end of its grace has expired.
    gone: Places,
    /// Places below have been called.
    serving: u64,
    /// Places below have had their grace; only those in `asking` may still come.
    lapsed: u64,
    /// Called within the grace: where each call ended, and when it was made.
    calls: VecDeque<Call>,
    /// Called places that asked to be let in and had to wait, with the time they asked last.
    asking: Deadlines,
    /// Places called, not gone and not expired.
    outstanding: u64,
    /// The watch for the grace.
    watch_ms: u64,
    leak: Bucket,
    cap: Bucket,
    /// Called places that did not come since the leak ran last: it calls others for them.
    no_shows: u64,
    admitted: u64,
    expired: u64,
    left: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Call {
    end: u64,
    watch_ms: u64,
}

/// What a line counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) serving: u64,
    pub(super) outstanding: u64,
    pub(super) admitted: u64,
    pub(super) expired: u64,
    pub(super) left: u64,
}

impl Line {
    /// A line that nobody has been called from.
    pub(super) fn new(policy: &Policy) -> Self {
        Self {
            gone: Places::default(),
            serving: 0,
            lapsed: 0,
            calls: VecDeque::new(),
            asking: Deadlines::default(),
            outstanding: 0,
            watch_ms: 0,
            leak: Bucket::full(policy),
            cap: Bucket::full(policy),
            no_shows: 0,
            admitted: 0,
            expired: 0,
            left: 0,
        }
    }

    /// Starts the leak: from now on people are called.
    pub(super) fn start(&mut self, policy: &Policy) {
        (self.leak, self.cap) = (Bucket::full(policy), Bucket::full(policy));
    }

    pub(super) fn counts(&self) -> Counts {
        let Self { serving, outstanding, admitted, expired, left, .. } = *self;
        Counts { serving, outstanding, admitted, expired, left }
    }

    /// Lets time pass: `open_ms` of it while people could be let in.
    pub(super) fn pass_time(&mut self, policy: &Policy, elapsed_ms: u64, open_ms: u64) {
        self.leak.fill(policy, elapsed_ms);
        self.cap.fill(policy, elapsed_ms);
        self.watch_ms += open_ms;
    }

    /// Takes back the call of everyone who has not come within the grace; answers whether anyone's was.
    pub(super) fn expire(&mut self, policy: &Policy) -> bool {
        let Some(horizon_ms) = self.watch_ms.checked_sub(policy.grace_ms) else { return false };
        let (before, lapsed_before) = (self.expired, self.lapsed);
        while let Some(call) = self.calls.pop_front_if(|call| call.watch_ms <= horizon_ms) {
            let range = self.lapsed..call.end;
            self.expired += self.gone.count_missing(range.clone()) - self.asking.count(range);
            self.lapsed = call.end;
        }
        while self.asking.pop_until(horizon_ms).is_some() {
            self.expired += 1;
        }
        let expired = self.expired - before;
        self.outstanding -= expired;
        self.no_shows += expired;
        self.lapsed != lapsed_before || expired > 0
    }

    /// Calls whom there is credit and room for, passing over places that were given up; answers whether anything changed.
    pub(super) fn call(&mut self, line_size: u64, seats: u64) -> bool {
        let no_shows = std::mem::take(&mut self.no_shows);
        self.leak.give_back(no_shows);
        let wanted = self.leak.people().min(seats);
        let (end, called) = self.gone.stretch(self.serving..line_size, wanted);
        self.leak.take(called);
        let moved = end > self.serving;
        if moved {
            self.serving = end;
            self.outstanding += called;
            self.note_call(end);
        }
        no_shows > 0 || moved
    }

    fn note_call(&mut self, end: u64) {
        match self.calls.back_mut() {
            Some(call) if call.watch_ms == self.watch_ms => call.end = end,
            _ => self.calls.push_back(Call { end, watch_ms: self.watch_ms }),
        }
    }

    /// Why a place cannot be admitted at any time, or not before it is called.
    pub(super) fn refuses(&self, place: u64, line_size: u64) -> Option<ClaimOutcome> {
        match place {
            _ if place >= line_size => Some(ClaimOutcome::Unknown),
            _ if self.gone.contains(place) || self.has_expired(place) => Some(ClaimOutcome::Expired),
            _ if place >= self.serving => Some(ClaimOutcome::NotCalled),
            _ => None,
        }
    }

    fn has_expired(&self, place: u64) -> bool {
        place < self.lapsed && self.asking.get(place).is_none()
    }

    /// Admits a place that is not refused, if the cap allows; answers whether it does.
    pub(super) fn admit(&mut self, place: u64) -> bool {
        let allowed = self.cap.people() > 0;
        if allowed {
            self.cap.take(1);
            self.gone.insert(place);
            self.asking.remove(place);
            self.outstanding -= 1;
            self.admitted += 1;
        }
        allowed
    }

    /// Notes that the fan of a called place is there and had to wait; answers whether that is new.
    pub(super) fn keep_waiting(&mut self, place: u64) -> bool {
        self.asking.set(place, self.watch_ms)
    }

    /// When the n-th fan who waits for the cap should ask again.
    pub(super) fn cap_retry_ms(&self, policy: &Policy, nth: u64) -> u64 {
        self.cap.wait_ms(policy, nth).clamp(CAP_RETRY_MIN_MS, HELD_RETRY_MS)
    }

    /// Gives up a place that is still to come or within its grace; answers whether it was.
    pub(super) fn leave(&mut self, place: u64, line_size: u64) -> bool {
        if place >= line_size || self.gone.contains(place) || self.has_expired(place) {
            return false;
        }
        self.gone.insert(place);
        self.left += 1;
        if place < self.serving {
            self.asking.remove(place);
            self.outstanding -= 1;
            self.no_shows += 1;
        }
        true
    }
}
