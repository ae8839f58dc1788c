//! The outer loop: how many people may be inside, and whether anybody may come in now.
//!
//! Guarantees:
//! - never more than people set
//! - whenever the cap is lowered nobody comes in for a moment, and then only as others leave
//! - the cap grows only while it is used and the shop answers well
//! - where nothing can be told of the shop there is no decision, and the room keeps up its floor
//!
//! The shop suffers when requests wait for longer than a quarter of the target or are turned away. It also suffers
//! when the p99 passes the target, or when one answer in twenty is an error. The cap is then set to what the shop has
//! shown it can serve. That is those inside and those on their way in, less the share of their requests that was
//! turned away, and a twentieth. The cap is lowered again only when that has had the time to show. While more than
//! that are inside the cap stays where it is. People leave on their own, and lowering it for those who still have to
//! leave would end far too low. Besides, what was asked of the shop before still comes back for some seconds. Into a
//! shop that fails nobody is let for as long as it does.
//!
//! How fast the cap rises follows from how long requests wait in front of the shop. It rises fast while hardly any
//! waits, since then a quarter of the shop or more is idle. It rises ever slower as more wait, and as the p99 comes
//! near the target, and not at all before it would have to brake. A shop that does not tell its own waits
//! (`Server-Timing`) is probed. The cap rises fast up to nine tenths of where the shop suffered last, then slowly. It
//! rises faster again the longer nothing happens, since a shop that broke down may have come back as a better one.
//!
//! All this takes its time from the length of a session. Where people stay for seconds, a pause of some seconds would
//! empty the shop. A cap that grows by the minute would leave it empty.

use super::stay::Stay;
use super::{STEP_MS, Signals};
use crate::room::{Limit, Steering};

/// How long nobody comes in after the cap was lowered: a twelfth of a session, between these.
const HOLD_SHARE: f64 = 1.0 / 12.0;
const HOLD_MS_MIN: f64 = 500.0;
const HOLD_MS_MAX: f64 = 4_000.0;
/// How long a lower cap takes to show: the called come in, the slowest requests end, and the signals look back two seconds.
const SETTLE_MS: u64 = 6_000;
/// How long nobody comes in to a shop that has answered nothing for too long.
const STUCK_MS: u64 = 4_000;
/// The cap at the start, as a share of what people set.
const FIRST_SHARE: f64 = 0.1;
/// The least cap: with fewer inside nothing could be told of the shop.
const CAP_MIN: f64 = 10.0;
/// How much of it is let go at a brake, besides the share of requests that was turned away.
const BRAKE_SHARE: f64 = 0.05;
/// Growth a second while hardly any request waits, while some do, and while many do.
const FAST_PER_S: f64 = 0.05;
const SLOW_PER_S: f64 = 0.01;
const CREEP_PER_S: f64 = 0.002;
/// For sessions of this length and longer; twice as much where they are half as long or less.
const GROWTH_STAY_MS: f64 = 45_000.0;
const QUICK_MAX: f64 = 2.0;
/// After so long without trouble, growth near the point where a silent shop suffered last doubles, and again after the
/// same time.
const PATIENCE_MS: u64 = 10_000;
/// How long the shop may say nothing at all while people are inside.
const SILENCE_MS: u64 = 3_000;

/// How a room stands, as far as the controller needs to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// Sessions inside.
    pub active: u64,
    /// People who have been called and are expected to come in.
    pub expected: u64,
    /// People let in so far.
    pub admitted: u64,
    /// Sessions inside at most, as people set it.
    pub max_active: u64,
    /// People admitted per minute at most, as people set it.
    pub rate_per_minute: u32,
    /// What the p99 should stay under.
    pub target_ms: u64,
    /// True if any fan waits to come in.
    pub waiting: bool,
}

/// One edge's outer loop for one room.
#[derive(Clone, Debug)]
pub struct Controller {
    edge: u32,
    cap: Option<f64>,
    /// Where the shop suffered last.
    knee: f64,
    held_until_ms: u64,
    /// When the shop suffered last, and when the cap was lowered last.
    suffered_at_ms: u64,
    lowered_at_ms: Option<u64>,
    heard_at_ms: u64,
    limit: Limit,
    stay: Stay,
}

impl Controller {
    /// A loop that has seen nothing, for the edge with this number.
    #[must_use]
    pub fn new(edge: u32) -> Self {
        Self {
            edge,
            cap: None,
            knee: f64::INFINITY,
            held_until_ms: 0,
            suffered_at_ms: 0,
            lowered_at_ms: None,
            heard_at_ms: 0,
            limit: Limit::Rate,
            stay: Stay::default(),
        }
    }

    /// Takes one step; `None` where nothing can be told of the shop.
    pub fn step(&mut self, room: &Room, signals: &Signals, now_ms: u64) -> Option<Steering> {
        self.stay.observe(room.active, room.admitted, now_ms);
        if signals.answers + signals.errors + signals.refused > 0 || room.active == 0 {
            self.heard_at_ms = now_ms;
        } else if now_ms.saturating_sub(self.heard_at_ms) > SILENCE_MS {
            return self.in_silence(room, signals, now_ms);
        }
        match suffers(room, signals) {
            Some(limit) => self.brake(limit, room, signals, now_ms),
            None => self.grow(room, signals, now_ms),
        }
        Some(self.steering(room, now_ms))
    }

    /// Takes over the cap of the edge that steers, so as to go on from there.
    pub fn follow(&mut self, max_active: u64) {
        self.cap = Some(max_active as f64);
    }

    /// A shop that holds requests and answers none is stuck; one that has none may be anything.
    fn in_silence(&mut self, room: &Room, signals: &Signals, now_ms: u64) -> Option<Steering> {
        if signals.in_flight == 0 {
            return None;
        }
        self.limit = Limit::Errors;
        self.held_until_ms = now_ms + STUCK_MS;
        Some(self.steering(room, now_ms))
    }

    fn brake(&mut self, limit: Limit, room: &Room, signals: &Signals, now_ms: u64) {
        let (used, cap) = (used(room), self.cap(room));
        self.limit = limit;
        self.suffered_at_ms = now_ms;
        let took_effect = self.lowered_at_ms.is_none_or(|at_ms| now_ms >= at_ms + SETTLE_MS);
        let lowers = took_effect && used <= cap * 1.02;
        if lowers {
            self.lowered_at_ms = Some(now_ms);
            self.knee = used.max(CAP_MIN);
            self.cap = Some((used * (1.0 - turned_away(signals)) * (1.0 - BRAKE_SHARE)).max(CAP_MIN));
        }
        if lowers || limit == Limit::Errors {
            self.held_until_ms = now_ms + self.hold_ms();
        }
    }

    fn grow(&mut self, room: &Room, signals: &Signals, now_ms: u64) {
        let cap = self.cap(room);
        let is_used = room.waiting && used(room) >= cap * 0.95 - 1.0;
        if now_ms < self.held_until_ms || !is_used {
            return;
        }
        let per_s = if signals.tells_waits { by_waits(room, signals) } else { self.by_feel(cap, now_ms) };
        let per_s = (per_s * self.quickness()).min(by_p99(room, signals));
        self.cap = Some((cap * (1.0 + per_s * STEP_MS as f64 / 1_000.0)).min(room.max_active as f64));
    }

    fn by_feel(&self, cap: f64, now_ms: u64) -> f64 {
        let quiet = now_ms.saturating_sub(self.suffered_at_ms) / PATIENCE_MS;
        let near = CREEP_PER_S * f64::from(1_u32 << quiet.min(5));
        if cap < self.knee * 0.9 { FAST_PER_S } else { near.min(FAST_PER_S) }
    }

    fn hold_ms(&self) -> u64 {
        (self.stay.ms() * HOLD_SHARE).clamp(HOLD_MS_MIN, HOLD_MS_MAX) as u64
    }

    fn quickness(&self) -> f64 {
        (GROWTH_STAY_MS / self.stay.ms()).clamp(1.0, QUICK_MAX)
    }

    fn cap(&self, room: &Room) -> f64 {
        let most = room.max_active as f64;
        self.cap.unwrap_or((most * FIRST_SHARE).max(CAP_MIN)).min(most)
    }

    fn steering(&mut self, room: &Room, now_ms: u64) -> Steering {
        let cap = self.cap(room);
        self.cap = Some(cap);
        let is_held = now_ms < self.held_until_ms;
        let max_active = cap as u64;
        if !is_held && max_active >= room.max_active {
            self.limit = Limit::Rate;
        }
        let rate_per_minute = if is_held { 0 } else { room.rate_per_minute };
        Steering { edge: self.edge, rate_per_minute, max_active, limit: self.limit }
    }
}

/// Those inside and those on their way in.
fn used(room: &Room) -> f64 {
    (room.active + room.expected) as f64
}

/// The growth that is left where the slowest answers come near the target.
fn by_p99(room: &Room, signals: &Signals) -> f64 {
    let target_us = room.target_ms * 1_000;
    match signals.p99_us {
        p99_us if p99_us <= target_us * 6 / 10 => f64::INFINITY,
        p99_us if p99_us <= target_us * 3 / 4 => SLOW_PER_S,
        p99_us if p99_us <= target_us * 9 / 10 => CREEP_PER_S,
        _ => 0.0,
    }
}

fn by_waits(room: &Room, signals: &Signals) -> f64 {
    let target_us = room.target_ms * 1_000;
    match signals.wait_p90_us {
        wait_us if wait_us <= target_us / 100 => FAST_PER_S,
        wait_us if wait_us <= target_us / 16 => SLOW_PER_S,
        wait_us if wait_us <= target_us / 6 => CREEP_PER_S,
        _ => 0.0,
    }
}

/// What is wrong with the shop, if anything is.
fn suffers(room: &Room, signals: &Signals) -> Option<Limit> {
    let target_us = room.target_ms * 1_000;
    let turned_away = signals.refused * 100 > signals.answers;
    if signals.wait_p90_us > target_us / 4 || turned_away {
        Some(Limit::QueueWait)
    } else if signals.errors > 2 && signals.errors * 20 > signals.answers {
        Some(Limit::Errors)
    } else if signals.answers >= 20 && signals.p99_us > target_us {
        Some(Limit::Latency)
    } else {
        None
    }
}

/// The share of requests that was turned away; at most a half is believed at once, since they ask again.
fn turned_away(signals: &Signals) -> f64 {
    let asked = signals.answers + signals.refused;
    if asked == 0 { 0.0 } else { (signals.refused as f64 / asked as f64).min(0.5) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOM: Room = Room {
        active: 100,
        expected: 0,
        admitted: 0,
        max_active: 1_000,
        rate_per_minute: 600,
        target_ms: 500,
        waiting: true,
    };
    const WELL: Signals = Signals {
        answers: 1_000,
        p99_us: 100_000,
        in_shop_p99_us: 100_000,
        wait_p90_us: 0,
        errors: 0,
        refused: 0,
        in_flight: 10,
        span_ms: 2_000,
        tells_waits: true,
    };

    fn steps(controller: &mut Controller, room: &Room, signals: &Signals, from_ms: u64, to_ms: u64) -> Steering {
        let steps = (from_ms..=to_ms).step_by(STEP_MS as usize);
        steps.map(|now_ms| controller.step(room, signals, now_ms).unwrap()).last().unwrap()
    }

    #[test]
    fn opens_while_it_is_used_and_never_beyond_what_people_set() {
        let mut controller = Controller::new(7);
        let first = controller.step(&ROOM, &WELL, 0).unwrap();
        assert_eq!((first.edge, first.max_active, first.rate_per_minute), (7, 101, 600));
        let unused = Room { active: 50, ..ROOM };
        assert_eq!(steps(&mut controller, &unused, &WELL, 250, 10_000).max_active, 101);
        let nobody_waits = Room { waiting: false, ..ROOM };
        assert_eq!(steps(&mut controller, &nobody_waits, &WELL, 10_250, 20_000).max_active, 101);
        let mut room = ROOM;
        for second in 20..120 {
            room.active = steps(&mut controller, &room, &WELL, second * 1_000 + 250, second * 1_000 + 1_000).max_active;
        }
        let last = controller.step(&room, &WELL, 120_250).unwrap();
        assert_eq!((last.max_active, last.limit), (1_000, Limit::Rate));
    }

    #[test]
    fn brakes_at_once_to_what_was_served_and_holds() {
        let bad = [
            (Signals { wait_p90_us: 130_000, ..WELL }, Limit::QueueWait, 95),
            (Signals { refused: 500, answers: 500, ..WELL }, Limit::QueueWait, 47),
            (Signals { p99_us: 501_000, ..WELL }, Limit::Latency, 95),
            (Signals { errors: 60, ..WELL }, Limit::Errors, 95),
        ];
        for (signals, limit, cap) in bad {
            let mut controller = Controller::new(1);
            controller.step(&ROOM, &WELL, 0).unwrap();
            let braked = controller.step(&ROOM, &signals, 250).unwrap();
            assert_eq!((braked.limit, braked.max_active, braked.rate_per_minute), (limit, cap, 0));
            let held = steps(&mut controller, &ROOM, &WELL, 500, 3_750);
            assert_eq!((held.rate_per_minute, held.max_active), (0, cap));
            assert_eq!(controller.step(&ROOM, &WELL, 4_000).unwrap().rate_per_minute, 600);
        }
    }

    #[test]
    fn those_on_their_way_in_count_with_those_inside() {
        let mut controller = Controller::new(1);
        let room = Room { active: 70, expected: 30, ..ROOM };
        controller.step(&room, &WELL, 0).unwrap();
        assert_eq!(controller.step(&room, &Signals { p99_us: 501_000, ..WELL }, 250).unwrap().max_active, 95);
    }

    #[test]
    fn nobody_is_let_into_a_shop_that_fails() {
        let mut controller = Controller::new(1);
        let failing = Signals { errors: 60, ..WELL };
        let room = Room { active: 50, ..ROOM };
        for second in 0..60 {
            let held = steps(&mut controller, &room, &failing, second * 1_000, second * 1_000 + 750);
            assert_eq!((held.limit, held.rate_per_minute), (Limit::Errors, 0));
        }
    }

    #[test]
    fn short_sessions_are_held_for_a_shorter_time_and_let_in_faster() {
        let (mut controller, mut room) = (Controller::new(1), ROOM);
        for second in 0..60 {
            room.admitted = second * 20;
            controller.step(&room, &Signals { wait_p90_us: 100_000, ..WELL }, second * 1_000).unwrap();
        }
        // 100 inside, 20 a second: they stay for five.
        let slow = Signals { p99_us: 501_000, ..WELL };
        assert_eq!(controller.step(&room, &slow, 60_000).unwrap().rate_per_minute, 0);
        assert_eq!(controller.step(&room, &slow, 60_500).unwrap().rate_per_minute, 600);
        room.active = 110;
        let grown = steps(&mut controller, &room, &WELL, 60_750, 61_500).max_active;
        assert_eq!(grown, 104, "a tenth in a second");
    }

    #[test]
    fn grows_ever_slower_as_the_p99_comes_near_the_target() {
        let grown = [300_000, 370_000, 440_000, 460_000].map(|p99_us| {
            let mut controller = Controller::new(1);
            let room = Room { max_active: 10_000, active: 2_000, ..ROOM };
            steps(&mut controller, &room, &Signals { p99_us, ..WELL }, 0, 9_750).max_active
        });
        assert_eq!(grown, [1_643, 1_105, 1_020, 1_000]);
    }

    #[test]
    fn does_not_lower_the_cap_again_for_people_who_are_still_to_leave() {
        let mut controller = Controller::new(1);
        controller.step(&ROOM, &WELL, 0).unwrap();
        let slow = Signals { p99_us: 900_000, ..WELL };
        assert_eq!(steps(&mut controller, &ROOM, &slow, 250, 60_000).max_active, 95);
        // They have left, and it is slow all the same.
        let fewer = Room { active: 85, ..ROOM };
        let held = steps(&mut controller, &fewer, &slow, 60_250, 63_750);
        assert_eq!((held.max_active, held.rate_per_minute), (80, 0));
        let fewer = Room { active: 79, ..ROOM };
        assert_eq!(steps(&mut controller, &fewer, &slow, 64_000, 66_000).max_active, 80, "until that could show");
        assert_eq!(controller.step(&fewer, &slow, 66_250).unwrap().max_active, 75);
    }

    #[test]
    fn says_nothing_of_a_shop_that_it_hears_nothing_of() {
        let mut controller = Controller::new(1);
        let nothing = Signals::default();
        assert!(controller.step(&ROOM, &WELL, 0).is_some());
        assert!(controller.step(&ROOM, &nothing, 3_000).is_some());
        assert!(controller.step(&ROOM, &nothing, 3_250).is_none());
        let stuck = controller.step(&ROOM, &Signals { in_flight: 4, ..nothing }, 3_500).unwrap();
        assert_eq!((stuck.limit, stuck.rate_per_minute), (Limit::Errors, 0));
        let empty = Room { active: 0, ..ROOM };
        assert!(controller.step(&empty, &nothing, 20_000).is_some(), "nobody inside has nothing to say");
    }
}
