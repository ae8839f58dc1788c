//! How much work is asked: of the crowd, by how busy the store is, and of a network, by what it has entered.
//!
//! Guarantees:
//! - memory is fixed, whatever comes
//! - no address is kept: networks are counted by tags of the draw
//! - a network is compared with the crowd's own mean, so a hall full of people raises the mean with it
//!
//! Counts are this edge's, over the last hour.

use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use fairgate_entry::heat::{NetworkTag, Prefix, Scale, Sketch};
use fairgate_entry::keys::Key;
use fairgate_entry::score::Crowding;
use fairgate_entry::work::effort::{CrowdEffort, EffortRules};

const HOUR_MS: u64 = 3_600_000;
const MINUTE_MS: u64 = 60_000;
/// Codes that are none, an hour of one network, that people mistype.
const GUESSES_USUAL: u32 = 10;
/// Codes that are none, a minute of the whole room, that are guessed.
const GUESSES_A_MINUTE: u32 = 1_000;

/// What is known of the crowd and of its networks.
pub(crate) struct Load {
    rules: EffortRules,
    networks: Key,
    now: Mutex<Now>,
}

struct Now {
    crowd: CrowdEffort,
    hour: u64,
    entries: Sketch,
    before: Sketch,
    /// Codes that were shown and are none, of this hour.
    guesses: Sketch,
    /// The minute, and how many codes were none in it.
    guessed: (u64, u32),
}

impl Load {
    /// Nothing has happened yet. `networks` makes the tags.
    pub(crate) fn new(rules: EffortRules, networks: Key, now_ms: u64) -> Self {
        let crowd = CrowdEffort::new(&rules, now_ms);
        let (entries, before, guesses) = (Sketch::new(0), Sketch::new(0), Sketch::new(0));
        let now = Now { crowd, hour: now_ms / HOUR_MS, entries, before, guesses, guessed: (0, 0) };
        Self { rules, networks, now: Mutex::new(now) }
    }

    /// Moves the crowd's effort; to be called a few times a second.
    pub(crate) fn step(&self, is_overloaded: bool, now_ms: u64) {
        self.now().crowd.step(&self.rules, is_overloaded, now_ms);
    }

    /// Tables that are asked of everybody.
    pub(crate) fn crowd(&self) -> u32 {
        self.now().crowd.tables()
    }

    /// What a network has entered beside the crowd's mean.
    pub(crate) fn crowding(&self, draw: &[u8; 32], address: IpAddr, now_ms: u64) -> Crowding {
        self.crowding_of(&self.tag(draw, address), now_ms)
    }

    /// The same for the network of a tag.
    pub(crate) fn crowding_of(&self, tag: &NetworkTag, now_ms: u64) -> Crowding {
        let mut now = self.now();
        now.turn(now_ms);
        Crowding { entries: now.entries_of(tag, now_ms), mean: now.entries.mean().max(now.before.mean()) }
    }

    /// A network has shown a code that is none. Answers whether the room has just seen so many in a minute that somebody is
    /// guessing.
    pub(crate) fn note_guess(&self, draw: &[u8; 32], address: IpAddr, now_ms: u64) -> bool {
        let tag = self.tag(draw, address);
        let mut now = self.now();
        now.turn(now_ms);
        now.guesses.add(&tag, 1);
        let minute = now_ms / MINUTE_MS;
        let before = if now.guessed.0 == minute { now.guessed.1 } else { 0 };
        now.guessed = (minute, before + 1);
        before + 1 == GUESSES_A_MINUTE
    }

    /// Tables that a network solves on top: one for each code too many that was none.
    pub(crate) fn for_guesses(&self, draw: &[u8; 32], address: IpAddr, now_ms: u64) -> u32 {
        let tag = self.tag(draw, address);
        let mut now = self.now();
        now.turn(now_ms);
        u32::from(now.guesses.count(&tag)).saturating_sub(GUESSES_USUAL)
    }

    /// Tables that are asked of a network.
    pub(crate) fn asked(&self, crowding: Crowding) -> u32 {
        // A mean of entries is far below 2³².
        let mean = crowding.mean.clamp(0.0, f64::from(u32::MAX)) as u32;
        self.rules.of_network(self.crowd(), crowding.entries, mean)
    }

    /// Entries an hour of one network that cost no more than the crowd's.
    pub(crate) fn free(&self) -> u32 {
        self.rules.free
    }

    /// A network has entered.
    pub(crate) fn count(&self, draw: &[u8; 32], address: IpAddr, now_ms: u64) {
        let tag = self.tag(draw, address);
        let mut now = self.now();
        now.turn(now_ms);
        now.entries.add(&tag, 1);
    }

    /// What stands for a network in a draw.
    pub(crate) fn tag(&self, draw: &[u8; 32], address: IpAddr) -> NetworkTag {
        NetworkTag::of(&self.networks, draw, &Prefix::of(address, Scale::Address))
    }

    fn now(&self) -> MutexGuard<'_, Now> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Now {
    /// Begins another hour where one is over. A clock that was set back stays in its hour.
    fn turn(&mut self, now_ms: u64) {
        let hour = now_ms / HOUR_MS;
        if hour <= self.hour {
            return;
        }
        let entries = std::mem::replace(&mut self.entries, Sketch::new(0));
        self.before = if hour == self.hour + 1 { entries } else { Sketch::new(0) };
        self.guesses = Sketch::new(0);
        self.hour = hour;
    }

    /// Entries of the last 60 minutes: of the hour before, the share that is left of it.
    fn entries_of(&self, tag: &NetworkTag, now_ms: u64) -> u32 {
        let left_ms = HOUR_MS - now_ms % HOUR_MS;
        let before = u64::from(self.before.count(tag)) * left_ms / HOUR_MS;
        // Both are below 2¹⁶.
        u32::from(self.entries.count(tag)) + before as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DRAW: [u8; 32] = [1; 32];
    const NOW_MS: u64 = 100 * HOUR_MS;

    fn load() -> Load {
        let rules = EffortRules { effort: 2, effort_max: 8, free: 3 };
        Load::new(rules, Key::from_bytes([1; 32]), NOW_MS)
    }

    fn asked(load: &Load, address: &str, now_ms: u64) -> u32 {
        load.asked(load.crowding(&DRAW, address.parse().unwrap(), now_ms))
    }

    fn count(load: &Load, address: &str, times: u32, now_ms: u64) {
        (0..times).for_each(|_| load.count(&DRAW, address.parse().unwrap(), now_ms));
    }

    #[test]
    fn a_network_pays_more_than_the_crowd_and_another_does_not() {
        let load = load();
        (1..=100).for_each(|n| count(&load, &format!("198.51.100.{n}"), 1, NOW_MS));
        assert_eq!(asked(&load, "198.51.100.7", NOW_MS), 2);
        count(&load, "203.0.113.9", 4, NOW_MS);
        assert_eq!(asked(&load, "203.0.113.9", NOW_MS), 4, "one more than the free ones above the mean");
        count(&load, "203.0.113.9", 100, NOW_MS);
        assert_eq!(asked(&load, "203.0.113.9", NOW_MS), 8, "no more than `effort_max`");
        assert_eq!(asked(&load, "198.51.100.7", NOW_MS), 2);
        assert_eq!(asked(&load, "2001:db8::1", NOW_MS), 2);
    }

    #[test]
    fn addresses_of_one_household_are_one_network() {
        let load = load();
        (0..20).for_each(|n| count(&load, &format!("2001:db8:0:1::{n}"), 1, NOW_MS));
        (0..200).for_each(|n| count(&load, &format!("2001:db8:1:{n}::1"), 1, NOW_MS));
        assert_eq!(asked(&load, "2001:db8:0:1:ffff::1", NOW_MS), 8);
        assert_eq!(asked(&load, "2001:db8:0:2::1", NOW_MS), 2);
    }

    #[test]
    fn whoever_guesses_codes_solves_a_table_for_each_beyond_ten() {
        let load = load();
        let (address, other) = ("203.0.113.9".parse().unwrap(), "203.0.113.10".parse().unwrap());
        let alarms = (0..12).filter(|_| load.note_guess(&DRAW, address, NOW_MS)).count();
        assert_eq!((load.for_guesses(&DRAW, address, NOW_MS), alarms), (2, 0));
        assert_eq!(load.for_guesses(&DRAW, other, NOW_MS), 0);
        let alarms = (12..1_500).filter(|_| load.note_guess(&DRAW, address, NOW_MS)).count();
        assert_eq!(alarms, 1, "said once a minute");
        assert_eq!(load.for_guesses(&DRAW, address, NOW_MS + HOUR_MS), 0);
    }

    #[test]
    fn an_hour_is_forgotten_little_by_little() {
        let load = load();
        count(&load, "203.0.113.9", 60, NOW_MS);
        let entries = |now_ms| load.crowding(&DRAW, "203.0.113.9".parse().unwrap(), now_ms).entries;
        let seen = [0, HOUR_MS, HOUR_MS + HOUR_MS / 2, 2 * HOUR_MS].map(|later_ms| entries(NOW_MS + later_ms));
        assert_eq!(seen, [60, 60, 30, 0]);
        assert_eq!(entries(NOW_MS), 0, "a clock that was set back brings nothing back");
    }
}
