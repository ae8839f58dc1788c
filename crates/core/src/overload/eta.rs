//! How long a place will take, so that a fan can be told.
//!
//! Guarantees:
//! - what is told follows from how the room works and not from what people hope for
//! - the expected time is a range, as wide as what was told earlier turned out to be wrong
//! - the range is wider while little is known, and never narrower than a tenth either way
//!
//! People come in as fast as people set it, or as fast as others leave, whichever is slower. How fast others leave
//! follows from Little's law: the sessions that there may be, and how long each takes, from the call to the end. The
//! called hold room, too. So a cap that has just been lowered is believed at once, and not when the line has been slow
//! for minutes. While more than that are inside, the line stands until enough have left, and while fewer are, the
//! first in line find room at once. Places that nobody takes (no-shows, places given up) pass by on the way. While
//! nobody steers an adaptive room, its pace is what it was over the last minute.
//!
//! Until [`PEOPLE_MIN`] have left, the length of a session is partly a guess. The guess is what a shop that ends its
//! sessions makes of the idle time, and no less than those inside have stayed already.
//!
//! Time counts only while people are called: a pause is no slowness.

use std::collections::VecDeque;

use crate::room::{Limit, Phase, View};

/// How often the line is looked at.
const LOOK_MS: u64 = 2_000;
/// What is looked back at: long enough for the length of a session and the places that nobody takes. Where fewer than
/// [`PEOPLE_MIN`] have left in that time, further.
const LONG_MS: f64 = 300_000.0;
const LONGEST_MS: f64 = 1_800_000.0;
/// What is looked back at for the pace itself, where nothing else is known.
const SHORT_MS: f64 = 60_000.0;
/// Of fewer people nothing is concluded for certain.
const PEOPLE_MIN: f64 = 20.0;
/// A session that the shop ends is hardly shorter, and one that nobody uses any more lasts for the idle time. The
/// guess lies between them.
const STAY_MS_MIN: f64 = 20_000.0;
/// Earlier guesses that are remembered while they are open, and their errors.
const OPEN_MAX: usize = 512;
const ERRORS_MAX: usize = 256;
const ERRORS_MIN: usize = 16;
/// How far ahead guesses are made to learn from, ms.
const AHEAD_MS: [f64; 3] = [20_000.0, 60_000.0, 240_000.0];
/// The spread of the range: while nothing is known, at least, at most.
const SPREAD_UNKNOWN: f64 = 0.5;
/// The same where it depends on how long sessions last, and nobody has left.
const SPREAD_STAY_UNKNOWN: f64 = 0.75;
const SPREAD_MIN: f64 = 0.1;
const SPREAD_MAX: f64 = 0.75;

/// How a room stands, as far as the pace of its line depends on it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Look {
    /// The room's time, Unix ms.
    pub now_ms: u64,
    /// True if people are called.
    pub moves: bool,
    /// Places below have been called.
    pub serving: u64,
    /// People let in so far.
    pub admitted: u64,
    /// The called who are expected to come.
    pub expected: u64,
    /// Sessions inside.
    pub active: u64,
    /// Sessions that there may be.
    pub max_active: u64,
    /// People let in a minute at most, as people set it.
    pub rate_per_minute: u32,
    /// How long a session lasts without being used.
    pub session_idle_ms: u64,
    /// True if no edge can measure the shop, so that a floor holds for as long as that lasts.
    pub is_blind: bool,
    /// How many of a thousand called places nobody comes for.
    pub no_show_permille: u32,
}

/// How the line has moved, and how well it was foretold.
#[derive(Clone, Debug, Default)]
pub struct Progress {
    last: Option<Look>,
    sums: VecDeque<Sums>,
    record: Record,
}

/// What is told of the line. It stands for so long, then so many places pass at the rate that people set, and the
/// others as fast as the room allows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Advance {
    /// Until those inside are few enough again that somebody is called.
    pub standstill_ms: f64,
    /// Places that pass before the room is full, where it will be.
    pub free_places: f64,
    /// How fast those pass.
    pub free: Pace,
    /// How fast the others pass.
    pub pace: Pace,
}

/// Places a minute.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pace {
    /// Probably no fewer.
    pub low_per_minute: f64,
    /// The best guess.
    pub per_minute: f64,
    /// Probably no more.
    pub high_per_minute: f64,
}

/// What has happened while people were called.
#[derive(Clone, Copy, Debug, Default)]
struct Sums {
    open_ms: f64,
    places: f64,
    /// People who came or are expected.
    came: f64,
    ended: f64,
    inside_ms: f64,
}

/// What was guessed, and how wrong it was.
#[derive(Clone, Debug, Default)]
struct Record {
    open: VecDeque<Guess>,
    /// Shares of the longer of both times.
    errors: VecDeque<f64>,
}

#[derive(Clone, Copy, Debug)]
struct Guess {
    place: u64,
    at_ms: f64,
    wait_ms: f64,
}

impl From<&View> for Look {
    fn from(view: &View) -> Self {
        let held = view.paused || view.draining || view.is_sold_out() || view.mending;
        Self {
            now_ms: view.now_ms,
            moves: view.phase == Phase::Serving && !held,
            serving: view.serving,
            admitted: view.admitted,
            expected: view.expected,
            active: view.active,
            max_active: view.max_active,
            rate_per_minute: view.set_per_minute(),
            session_idle_ms: view.policy.session_idle_ms,
            is_blind: view.limit == Some(Limit::Silence),
            no_show_permille: view.no_show_permille,
        }
    }
}

impl Progress {
    /// Takes a look at the line. One that begins anew is another one.
    pub fn observe(&mut self, look: &Look) {
        match &self.last {
            Some(last) if last.serving > look.serving => *self = Self::default(),
            Some(last) if look.now_ms < last.now_ms + LOOK_MS => return,
            _ => {}
        }
        let mut sums = self.sums.back().copied().unwrap_or_default();
        if let Some(last) = self.last.replace(*look).filter(|last| last.moves && look.moves) {
            sums.add(&last, look);
        }
        self.sums.push_back(sums);
        while self.is_front_spent(&sums) {
            self.sums.pop_front();
        }
        self.record.settle(look.serving, sums.open_ms);
        if look.moves {
            self.record.guess(look.serving, sums.open_ms, &self.advance(look));
        }
    }

    /// True if the samples are enough without the oldest of them.
    fn is_front_spent(&self, now: &Sums) -> bool {
        let [Some(first), Some(second)] = [self.sums.front(), self.sums.get(1)] else { return false };
        let is_enough = now.ended - second.ended >= PEOPLE_MIN || first.open_ms + LONGEST_MS < now.open_ms;
        first.open_ms + LONG_MS < now.open_ms && is_enough
    }

    /// How the line will move.
    #[must_use]
    pub fn advance(&self, look: &Look) -> Advance {
        let (long, short) = (self.over(LONGEST_MS), self.over(SHORT_MS));
        let spread = self.record.spread();
        if look.is_blind && short.places > 0.0 && short.open_ms + LOOK_MS as f64 >= SHORT_MS {
            return Advance::even(Pace::around(short.places * 60_000.0 / short.open_ms, spread));
        }
        let places_each = long.places_each(look);
        let by_rule = Pace::around(f64::from(look.rate_per_minute) * places_each, spread);
        let stay = long.stay(look);
        let by_room = look.max_active as f64 * 60_000.0 / stay.ms * places_each;
        Advance {
            standstill_ms: look.standstill_ms(stay.ms),
            free_places: look.free_people(stay.ms) * places_each,
            free: by_rule,
            pace: by_rule.slower(&Pace::around(by_room, spread.max(stay.spread))),
        }
    }

    /// What has happened in the last `span_ms`.
    fn over(&self, span_ms: f64) -> Sums {
        let Some(now) = self.sums.back() else { return Sums::default() };
        let then = self.sums.iter().find(|then| then.open_ms + span_ms >= now.open_ms).unwrap_or(now);
        now.since(then)
    }
}

impl Look {
    /// Those inside and those on their way in: the called hold room, too.
    fn used(&self) -> f64 {
        (self.active + self.expected) as f64
    }

    /// How long until those inside and those expected fit into the room again. A share of those inside leaves in each
    /// moment, so the time is the logarithm of the excess.
    fn standstill_ms(&self, stay_ms: f64) -> f64 {
        let excess = self.used() / self.max_active.max(1) as f64;
        stay_ms * excess.ln().max(0.0)
    }

    /// How many people come in before the room is full, where the rate is more than the room can take for long. While
    /// the room fills, a share of those inside leaves in each moment.
    fn free_people(&self, stay_ms: f64) -> f64 {
        let people_a_ms = f64::from(self.rate_per_minute) / 60_000.0;
        let (used, most, unbounded) = (self.used(), self.max_active as f64, people_a_ms * stay_ms);
        if used >= most || unbounded <= most {
            return 0.0;
        }
        people_a_ms * stay_ms * ((unbounded - used) / (unbounded - most)).ln()
    }
}

/// How long a session lasts, and how well that is known.
struct Stay {
    ms: f64,
    spread: f64,
}

impl Sums {
    fn add(&mut self, before: &Look, now: &Look) {
        let ms = (now.now_ms - before.now_ms) as f64;
        let rise = |value: fn(&Look) -> u64| value(now) as f64 - value(before) as f64;
        self.open_ms += ms;
        self.places += rise(|look| look.serving);
        self.came += rise(|look| look.admitted + look.expected);
        self.ended += rise(|look| look.admitted) - rise(|look| look.active);
        self.inside_ms += ms * (before.used() + now.used()) / 2.0;
    }

    /// Places that pass for each person who comes.
    fn places_each(&self, look: &Look) -> f64 {
        let known = self.came >= PEOPLE_MIN;
        if known { (self.places / self.came).max(1.0) } else { 1_000.0 / (1_000.0 - f64::from(look.no_show_permille)) }
    }

    /// The length of a session: what it was, once enough have left, and until then a guess as far as that is not known.
    fn stay(&self, look: &Look) -> Stay {
        let ended = self.ended.max(0.0);
        let known = (ended / PEOPLE_MIN).min(1.0);
        let so_far_ms = self.inside_ms / (look.used() + ended).max(1.0);
        let guess_ms = (STAY_MS_MIN * look.session_idle_ms as f64).sqrt().max(so_far_ms).max(1.0);
        let was_ms = if ended > 0.0 { (self.inside_ms / ended).max(1.0) } else { guess_ms };
        Stay {
            ms: guess_ms.powf(1.0 - known) * was_ms.powf(known),
            spread: if known < 1.0 {
                SPREAD_STAY_UNKNOWN + (SPREAD_UNKNOWN - SPREAD_STAY_UNKNOWN) * known
            } else {
                0.0
            },
        }
    }

    fn since(&self, then: &Self) -> Self {
        Self {
            open_ms: self.open_ms - then.open_ms,
            places: self.places - then.places,
            came: self.came - then.came,
            ended: self.ended - then.ended,
            inside_ms: self.inside_ms - then.inside_ms,
        }
    }
}

impl Record {
    fn guess(&mut self, serving: u64, at_ms: f64, advance: &Advance) {
        for wait_ms in AHEAD_MS {
            let place = serving + advance.places_in(wait_ms) as u64;
            if place > serving && self.open.len() < OPEN_MAX {
                self.open.push_back(Guess { place, at_ms, wait_ms });
            }
        }
    }

    /// Compares with what happened.
    fn settle(&mut self, serving: u64, now_ms: f64) {
        let errors = &mut self.errors;
        self.open.retain(|guess| {
            let is_called = guess.place < serving;
            if is_called {
                let took_ms = now_ms - guess.at_ms;
                errors.push_back((guess.wait_ms - took_ms).abs() / guess.wait_ms.max(took_ms));
            }
            !is_called
        });
        while errors.len() > ERRORS_MAX {
            errors.pop_front();
        }
    }

    /// Nine in ten guesses were no worse than that. What fans are told reaches further ahead than most guesses whose
    /// end is known. So it is wider than the four in five that should be right.
    fn spread(&self) -> f64 {
        if self.errors.len() < ERRORS_MIN {
            return SPREAD_UNKNOWN;
        }
        let mut errors: Vec<f64> = self.errors.iter().copied().collect();
        errors.sort_unstable_by(f64::total_cmp);
        errors[errors.len() * 9 / 10].clamp(SPREAD_MIN, SPREAD_MAX)
    }
}

impl Pace {
    fn around(per_minute: f64, spread: f64) -> Self {
        Self { low_per_minute: per_minute * (1.0 - spread), per_minute, high_per_minute: per_minute / (1.0 - spread) }
    }

    /// The slower of two, in each way in which it may turn out.
    fn slower(&self, other: &Self) -> Self {
        Self {
            low_per_minute: self.low_per_minute.min(other.low_per_minute),
            per_minute: self.per_minute.min(other.per_minute),
            high_per_minute: self.high_per_minute.min(other.high_per_minute),
        }
    }
}

impl Advance {
    /// One pace for everyone.
    fn even(pace: Pace) -> Self {
        Self { standstill_ms: 0.0, free_places: 0.0, free: pace, pace }
    }

    /// How long until a place with so many ahead of it is called: the best guess, ms; none while nobody can tell.
    #[must_use]
    pub fn wait_ms(&self, ahead: u64) -> Option<u64> {
        self.at(|pace| pace.per_minute, ahead)
    }

    /// Probably no sooner and no later, ms.
    #[must_use]
    pub fn range_ms(&self, ahead: u64) -> Option<(u64, u64)> {
        self.at(|pace| pace.high_per_minute, ahead).zip(self.at(|pace| pace.low_per_minute, ahead))
    }

    fn at(&self, per_minute: fn(&Pace) -> f64, ahead: u64) -> Option<u64> {
        let (free, pace) = (per_minute(&self.free), per_minute(&self.pace));
        // The place itself has to be called, too: in a slow room that takes a while.
        let places = ahead as f64 + 1.0;
        let first = self.free_places.min(places);
        let moving_ms = |places: f64, pace: f64| if places > 0.0 { places * 60_000.0 / pace } else { 0.0 };
        let wait_ms = self.standstill_ms + moving_ms(first, free) + moving_ms(places - first, pace);
        (pace > 0.0).then_some(wait_ms as u64)
    }

    /// How many places pass in that time, by the best guess.
    fn places_in(&self, ms: f64) -> f64 {
        let moving_ms = (ms - self.standstill_ms).max(0.0);
        let first = (moving_ms * self.free.per_minute / 60_000.0).min(self.free_places);
        let first_ms = if first > 0.0 { first * 60_000.0 / self.free.per_minute } else { 0.0 };
        first + (moving_ms - first_ms) * self.pace.per_minute / 60_000.0
    }
}

#[cfg(test)]
mod tests;
