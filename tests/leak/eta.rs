//! Measures how true the expected time is that fans are told, the way they meet it.
//!
//! One fan in [`EVERY`] waits with the page open, and the page asks again by its own rules. Every answer that the page
//! showed is compared with the wait that was left in truth. Fans who are still waiting at the end of the run are left
//! out, since nobody knows their wait.

use fairgate_core::overload::Advance;
use fairgate_crowd::pace::{Poll, poll_delay_ms};

use crate::chance::Chance;

/// One place in so many is followed, up to the last one that could be called.
const EVERY: u64 = 25;
const PLACES: u64 = 30_000;
/// The policy that an edge has unless it is told another.
const POLL: Poll = Poll { floor_ms: 2_000, ceiling_ms: 180_000, divisor: 10 };

pub(crate) struct Promises {
    waiting: Vec<Fan>,
    told: Vec<Told>,
    chance: Chance,
}

struct Fan {
    place: u64,
    looks_at_ms: u64,
    told: Vec<Told>,
}

/// One answer that a fan was shown.
#[derive(Clone, Copy)]
struct Told {
    at_ms: u64,
    truth_ms: f64,
    guess_ms: f64,
    range_ms: (f64, f64),
}

/// How true it was.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Waits {
    /// The median error of the best guess, as a share of what the wait was.
    pub(crate) median_error: f64,
    /// The same of those in whose time nothing changed at the shop: what could have been known.
    pub(crate) knowable_error: f64,
    /// The share of ranges that had the truth in them.
    pub(crate) in_range: f64,
}

impl Promises {
    pub(crate) fn new(seed: u64) -> Self {
        let fan = |place| Fan { place, looks_at_ms: 0, told: Vec::new() };
        let waiting = (0..PLACES).step_by(EVERY as usize).map(fan).collect();
        Self { waiting, told: Vec::new(), chance: Chance::new(seed) }
    }

    /// Lets every fan look whose page asks now.
    pub(crate) fn tell(&mut self, now_ms: u64, serving: u64, advance: &Advance) {
        let Self { told: all, chance, .. } = self;
        self.waiting.retain_mut(|fan| {
            if fan.place < serving {
                all.extend(fan.told.iter().map(|told| Told { truth_ms: (now_ms - told.at_ms) as f64, ..*told }));
                return false;
            }
            if fan.looks_at_ms <= now_ms {
                fan.look(now_ms, serving, advance, chance);
            }
            true
        });
    }

    /// How true it all was; `workers_at` says who worked at the shop at a time.
    pub(crate) fn outcome(&self, workers_at: impl Fn(u64) -> u64) -> Waits {
        let error = |told: &Told| (told.guess_ms - told.truth_ms).abs() / told.truth_ms;
        let is_steady = |told: &&Told| {
            let until_ms = told.at_ms + told.truth_ms as u64;
            (told.at_ms..until_ms).step_by(5_000).all(|at_ms| workers_at(at_ms) == workers_at(until_ms))
        };
        let within = |told: &&Told| (told.range_ms.0..=told.range_ms.1).contains(&told.truth_ms);
        Waits {
            median_error: median(self.told.iter().map(error)),
            knowable_error: median(self.told.iter().filter(is_steady).map(error)),
            in_range: self.told.iter().filter(within).count() as f64 / self.told.len().max(1) as f64,
        }
    }
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_unstable_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(0.0)
}

impl Fan {
    fn look(&mut self, now_ms: u64, serving: u64, advance: &Advance, chance: &mut Chance) {
        let ahead = self.place - serving;
        let told = advance.wait_ms(ahead).zip(advance.range_ms(ahead));
        if let Some((guess, (low, high))) = told {
            let range_ms = (low as f64, high as f64);
            self.told.push(Told { at_ms: now_ms, truth_ms: 0.0, guess_ms: guess as f64, range_ms });
        }
        let interest_ms = told.map_or(f64::INFINITY, |(guess, _)| guess as f64);
        self.looks_at_ms = now_ms + poll_delay_ms(POLL, interest_ms, chance.between(0.0, 1.0));
    }
}
