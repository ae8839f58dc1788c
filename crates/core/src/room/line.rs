//! The line: who has been called, who came, who did not, and the leak that calls the next.
//!
//! Guarantees:
//! - `serving` never falls
//! - sessions inside plus the called who are expected never outgrow the limit of sessions by a call
//! - a place is admitted once at most
//! - a fan who asked within the grace never loses the place for having had to wait
//!
//! Two buckets, since they bound different things. The cap decides how many are *let in*: each admission takes a
//! person's credit. The leak decides how many are *called*. Those who come take its credit. What those who are
//! expected will not take ([`Line::expected_units`]) may be called. So no-shows are made up for before they are known
//! one by one. While three of ten called places stay empty, each call counts as seven tenths of a person.
//!
//! The grace is measured on a clock that stops while nobody could be admitted (paused, sold out, ended, out of reach).
//! So neither a pause nor an outage costs anybody their place.

use std::collections::VecDeque;
use std::ops::Range;

use super::bucket::{Bucket, PERSON, units};
use super::deadlines::Deadlines;
use super::places::Places;
use super::snapshot::RoomSnapshot;
use super::{ClaimOutcome, Policy};

/// When to ask again while nothing but a decision of people or the end of a session helps.
pub(super) const HELD_RETRY_MS: u64 = 5_000;
/// When to ask again at the earliest, so that browsers do not spin on the cap.
pub(super) const CAP_RETRY_MIN_MS: u64 = 250;
/// Calls that were all claimed, as which the share of no-shows begins.
pub(super) const SHARE_PRIOR_CALLS: u64 = 20;
/// The share of no-shows is that of about the last so many calls.
pub(super) const SHARE_CALLS_MAX: u64 = 1_000;
/// While those who ask keep the cap busy for this long, nobody else is called: they would only have to wait with them.
pub(super) const ASKED_AHEAD_MS: i64 = 5_000;
/// No more than four of five called places are expected to stay empty.
pub(super) const SHARE_UNITS_MAX: u64 = 48_000;

/// The state of the line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line {
    /// Places admitted or given up. What was called and is not in here by the end of its grace has expired.
    gone: Places,
    /// Where numbers were left out after a loss: the places that are gone, and those, which nobody is expected to have.
    passed_over: Option<Box<Places>>,
    /// In a room with tiers: places that were given up before anybody claimed them, so that they may be replaced.
    given_up: Option<Box<Places>>,
    /// Places below have been called.
    serving: u64,
    /// Places below have had their grace; only those in `asking` may still come.
    lapsed: u64,
    /// Called within the grace: where each call ended, and when it was made.
    calls: VecDeque<Call>,
    /// How many they called.
    calling: u64,
    /// Called places that asked to be let in and had to wait, with the time they asked last.
    asking: Deadlines,
    /// Places called, not gone and not expired.
    outstanding: u64,
    /// The watch for the grace.
    watch_ms: u64,
    leak: Bucket,
    cap: Bucket,
    /// Admissions beyond the rate that the cap still has credit for.
    cap_extra: u64,
    /// People called beyond the rate, or still to be called so; and those still to be called.
    let_in: u64,
    to_let_in: u64,
    /// Calls whose grace is over, and how many of them nobody came for; both are halved now and then.
    lapsed_calls: u64,
    lapsed_no_shows: u64,
    admitted: u64,
    expired: u64,
    honoured: u64,
    left: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Call {
    end: u64,
    watch_ms: u64,
    called: u64,
}

/// Who was called.
struct Called {
    called: u64,
    /// True if `serving` rose; also by places that were given up.
    moved: bool,
}

/// What a line counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) serving: u64,
    pub(super) outstanding: u64,
    pub(super) expected: u64,
    pub(super) no_show_permille: u32,
    pub(super) let_in: u64,
    pub(super) to_let_in: u64,
    pub(super) admitted: u64,
    pub(super) expired: u64,
    pub(super) honoured: u64,
    pub(super) left: u64,
}

impl Line {
    /// A line that nobody has been called from.
    pub(super) fn new(policy: &Policy) -> Self {
        Self {
            gone: Places::default(),
            passed_over: None,
            given_up: None,
            serving: 0,
            lapsed: 0,
            calls: VecDeque::new(),
            calling: 0,
            asking: Deadlines::default(),
            outstanding: 0,
            watch_ms: 0,
            leak: Bucket::of(policy.burst),
            cap: Bucket::of(policy.burst),
            cap_extra: 0,
            let_in: 0,
            to_let_in: 0,
            lapsed_calls: 0,
            lapsed_no_shows: 0,
            admitted: 0,
            expired: 0,
            honoured: 0,
            left: 0,
        }
    }

    /// From now on places that are given up are remembered as such, in a room with tiers.
    pub(super) fn remember_given_up(&mut self, has_tiers: bool) {
        self.given_up = has_tiers.then(Box::default);
    }

    /// Whether a place of the line was given up, or has lapsed where places may lapse, and was claimed by nobody.
    pub(super) fn is_lost(&self, place: u64, may_lapse: bool) -> bool {
        let is_given_up = self.given_up.as_ref().is_some_and(|given_up| given_up.contains(place));
        is_given_up || (may_lapse && !self.gone.contains(place) && self.has_expired(place))
    }

    /// The fan of a place that was lost gets another one: nobody can claim the first any more.
    pub(super) fn take_away(&mut self, place: u64) {
        self.insert_gone(place);
        if let Some(given_up) = &mut self.given_up {
            given_up.remove(place);
        }
    }

    /// Starts the leak: from now on people are called.
    pub(super) fn start(&mut self, policy: &Policy) {
        (self.leak, self.cap) = (Bucket::of(policy.burst), Bucket::of(policy.burst));
    }

    /// The lowest place that was called and may still come, or `serving`.
    pub(super) fn lapsed(&self) -> u64 {
        self.asking.first().map_or(self.lapsed, |asking| asking.min(self.lapsed))
    }

    /// Takes back what somebody knows; answers whether any of it was missing. [`Line::begin_again`] has to follow then.
    pub(super) fn restore(&mut self, memory: &RoomSnapshot, gone: &Places, line_size: u64) -> bool {
        let serving = self.serving.max(memory.serving).min(line_size);
        let was_missing = self.put_back(gone, line_size) | (serving > self.serving);
        self.serving = serving;
        self.lapsed = self.lapsed.max(memory.lapsed).min(serving);
        self.admitted = self.admitted.max(memory.admitted);
        self.expired = self.expired.max(memory.expired);
        self.honoured = self.honoured.max(memory.honoured);
        self.left = self.left.max(memory.left);
        self.let_in = self.let_in.max(memory.let_in);
        was_missing
    }

    /// Takes back places that are gone; answers whether any were missing. [`Line::begin_again`] has to follow then.
    pub(super) fn put_back(&mut self, gone: &Places, line_size: u64) -> bool {
        if let Some(passed_over) = &mut self.passed_over {
            passed_over.unite(gone, line_size);
        }
        self.gone.unite(gone, line_size)
    }

    /// Passes over places that nobody is known to have: they are not called for, and cost neither credit nor grace.
    pub(super) fn pass_over(&mut self, range: Range<u64>) {
        if range.is_empty() {
            return;
        }
        self.passed_over.get_or_insert_with(|| Box::new(self.gone.clone())).insert_all(range);
    }

    /// A fan has come with a place that was passed over: it is somebody's, who waits from now on like everyone who was
    /// called. Answers whether it was one.
    pub(super) fn find(&mut self, place: u64) -> bool {
        let Some(passed_over) = self.passed_over.as_mut().filter(|_| place < self.serving) else { return false };
        let is_found = passed_over.contains(place) && !self.gone.contains(place);
        if is_found {
            passed_over.remove(place);
            self.asking.set(place, self.watch_ms);
            self.outstanding += 1;
        }
        is_found
    }

    /// The places that nobody is called for.
    fn walked(&self) -> &Places {
        self.passed_over.as_deref().unwrap_or(&self.gone)
    }

    fn insert_gone(&mut self, place: u64) {
        self.gone.insert(place);
        if let Some(passed_over) = &mut self.passed_over {
            passed_over.insert(place);
        }
    }

    /// After a loss: whoever was called has the whole grace again. The buckets begin empty, since nobody knows how
    /// much of the burst was used.
    pub(super) fn begin_again(&mut self) {
        self.asking.retain(|place| !self.gone.contains(place));
        // Their grace begins anew with the call's, which it must not end before.
        self.asking.set_all(self.watch_ms);
        self.calling = self.walked().count_missing(self.lapsed..self.serving);
        self.outstanding = self.calling + self.asking.count(0..self.lapsed);
        self.calls.clear();
        if self.serving > self.lapsed {
            self.calls.push_back(Call { end: self.serving, watch_ms: self.watch_ms, called: self.calling });
        }
        (self.leak, self.cap, self.cap_extra) = (Bucket::of(0), Bucket::of(0), 0);
    }

    pub(super) fn counts(&self) -> Counts {
        let Self { serving, outstanding, let_in, to_let_in, admitted, expired, honoured, left, .. } = *self;
        let expected = u64::try_from(self.expected_units()).unwrap_or(0).div_ceil(PERSON.unsigned_abs());
        let no_show_permille = u32::try_from(self.no_show_units() * 1_000 / PERSON).unwrap_or(0);
        Counts {
            serving,
            outstanding,
            expected,
            no_show_permille,
            let_in,
            to_let_in,
            admitted,
            expired,
            honoured,
            left,
        }
    }

    /// Lets time pass, in which the rate gave so many units; `open_ms` of it while people could be let in.
    pub(super) fn pass_time(&mut self, policy: &Policy, gained: u64, open_ms: u64) {
        let burst = units(policy.burst.into());
        self.leak.fill(gained, burst.saturating_add(self.expected_units()));
        self.cap.fill(gained, burst.saturating_add(units(self.cap_extra)));
        self.watch_ms += open_ms;
    }

    /// Takes back the call of everyone who has not come within the grace; answers whether anyone's was.
    pub(super) fn expire(&mut self, policy: &Policy) -> bool {
        let Some(horizon_ms) = self.watch_ms.checked_sub(policy.grace_ms) else { return false };
        let (before, lapsed_before) = (self.expired, self.lapsed);
        while let Some(call) = self.calls.pop_front_if(|call| call.watch_ms <= horizon_ms) {
            let range = self.lapsed..call.end;
            self.expired += self.walked().count_missing(range.clone()) - self.asking.count(range);
            self.lapsed = call.end;
            self.calling -= call.called;
            self.lapsed_calls += call.called;
        }
        while self.asking.pop_until(horizon_ms).is_some() {
            self.expired += 1;
        }
        let expired = self.expired - before;
        self.outstanding -= expired;
        self.lapsed_no_shows += expired;
        self.forget_shares();
        // Those who stayed away were called in vain. That is learned too late to call others in their stead, who would
        // only have to wait for the cap.
        self.spill(policy);
        self.lapsed != lapsed_before || expired > 0
    }

    /// The leak never holds more than a burst for others than those who are expected.
    fn spill(&mut self, policy: &Policy) {
        self.leak.spill(units(policy.burst.into()).saturating_add(self.expected_units()));
    }

    fn forget_shares(&mut self) {
        while self.lapsed_calls > SHARE_CALLS_MAX {
            self.lapsed_calls /= 2;
            self.lapsed_no_shows /= 2;
        }
    }

    /// The share of called places that stay empty, of late, in units of a person.
    fn no_show_units(&self) -> i64 {
        let share = self.lapsed_no_shows * PERSON.unsigned_abs() / (self.lapsed_calls + SHARE_PRIOR_CALLS);
        i64::try_from(share.min(SHARE_UNITS_MAX)).unwrap_or(0)
    }

    /// How many of the called are still expected, in units. That is everyone who asked, and of the others as many as
    /// came of those before them, less those who have come.
    fn expected_units(&self) -> i64 {
        units(self.asking.len()).saturating_add(self.silent_units().max(0))
    }

    /// How many of those who were called and have said nothing yet should still come, in units. Less than none where
    /// more came than should have.
    fn silent_units(&self) -> i64 {
        let silent = self.outstanding - self.asking.len();
        let came = self.calling.saturating_sub(silent);
        let comers = i64::try_from(self.calling).unwrap_or(i64::MAX).saturating_mul(self.call_units());
        comers.saturating_sub(units(came))
    }

    /// What one call speaks for, in units.
    fn call_units(&self) -> i64 {
        PERSON - self.no_show_units()
    }

    /// Has people called beyond the rate, as soon as there is room for them: so many in all; answers whether that is new.
    pub(super) fn let_in(&mut self, in_all: u64) -> bool {
        let more = in_all.saturating_sub(self.let_in);
        self.let_in += more;
        self.to_let_in += more;
        more > 0
    }

    /// Calls whom there is credit and room for, passing over places that were given up; answers whether anything changed.
    /// `seats` is how many more sessions there may be inside. A second call at the same moment calls nobody else.
    pub(super) fn call(&mut self, policy: &Policy, line_size: u64, seats: u64, rate_per_minute: u32) -> bool {
        let extra = self.call_some(line_size, self.to_let_in.min(self.callable(units(seats))));
        self.to_let_in -= extra.called;
        self.cap_extra += extra.called;
        self.cap.grant(extra.called);
        self.leak.grant(extra.called);
        self.spill(policy);
        if !self.is_idle_soon(rate_per_minute) {
            return extra.moved;
        }
        let wanted = self.callable(self.leak.units()).min(self.callable(units(seats)));
        self.call_some(line_size, wanted).moved || extra.moved
    }

    /// True if the cap could admit somebody soon besides those who ask already.
    fn is_idle_soon(&self, rate_per_minute: u32) -> bool {
        let soon = self.cap.units().saturating_add(i64::from(rate_per_minute) * ASKED_AHEAD_MS);
        soon.saturating_sub(units(self.asking.len())) >= self.call_units()
    }

    /// How many more can be called where the called may not take more than so many units. All of them are called at
    /// once, so that it does not matter how often anybody looks. Where more came than should have, those who come in
    /// excess speak for calls to come.
    fn callable(&self, most: i64) -> u64 {
        if most.saturating_sub(self.expected_units()) < self.call_units() {
            return 0;
        }
        let free = most.saturating_sub(units(self.asking.len())).saturating_sub(self.silent_units());
        u64::try_from(free / self.call_units()).unwrap_or(0)
    }

    fn call_some(&mut self, line_size: u64, wanted: u64) -> Called {
        let (end, called) = self.walked().stretch(self.serving..line_size, wanted);
        let moved = end > self.serving;
        if moved {
            self.serving = end;
            self.outstanding += called;
            self.calling += called;
            self.note_call(end, called);
        }
        Called { called, moved }
    }

    fn note_call(&mut self, end: u64, called: u64) {
        match self.calls.back_mut() {
            Some(call) if call.watch_ms == self.watch_ms => (call.end, call.called) = (end, call.called + called),
            _ => self.calls.push_back(Call { end, watch_ms: self.watch_ms, called }),
        }
    }

    /// Lets a fan whose place has expired come all the same, as one who asks; answers whether the place was one.
    pub(super) fn honour(&mut self, place: u64) -> bool {
        let is_late = place < self.serving && !self.gone.contains(place) && self.has_expired(place);
        if is_late {
            self.asking.set(place, self.watch_ms);
            self.outstanding += 1;
            self.honoured += 1;
        }
        is_late
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
            self.cap.take();
            self.leak.take();
            self.cap_extra = self.cap_extra.saturating_sub(1);
            self.insert_gone(place);
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
    pub(super) fn cap_retry_ms(&self, rate_per_minute: u32, nth: u64) -> u64 {
        let wait_ms = self.cap.wait_ms(rate_per_minute, nth);
        wait_ms.map_or(HELD_RETRY_MS, |wait_ms| wait_ms.clamp(CAP_RETRY_MIN_MS, HELD_RETRY_MS))
    }

    /// Gives up a place that is still to come or within its grace; answers whether it was.
    pub(super) fn leave(&mut self, place: u64, line_size: u64) -> bool {
        self.find(place);
        if place >= line_size || self.gone.contains(place) || self.has_expired(place) {
            return false;
        }
        self.insert_gone(place);
        if let Some(given_up) = &mut self.given_up {
            given_up.insert(place);
        }
        self.left += 1;
        if place < self.serving {
            self.asking.remove(place);
            self.outstanding -= 1;
        }
        true
    }
}
