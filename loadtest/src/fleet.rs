//! Histories of a fleet under faults, and the one judge of them: whatever was answered has to make sense together.
//!
//! A history is JSON, one event a line: a call is invoked, and then it is ok, or it failed, or nobody knows. Whoever drives
//! a fleet writes one, over real sockets or on paper time.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Display, Formatter};

use serde::{Deserialize, Serialize};

/// An entry of a roster that was lost.
const EMPTY: [u8; 32] = [0; 32];

/// One thing that happened, as a fan saw it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// When, Unix ms, by the fan's own clock.
    pub at_ms: u64,
    /// Which fan.
    pub fan: u64,
    /// Which edge was asked.
    pub edge: usize,
    /// What was asked.
    pub call: Call,
    /// What came of it.
    pub outcome: Outcome,
}

/// What a fan asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Call {
    /// A number.
    Join,
    /// To be let in.
    Claim,
}

/// What comes of a call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It is under way.
    Invoke,
    /// The fan has a number in a draw.
    Joined {
        /// The draw's digest.
        draw: String,
        /// An index of the pool, or a place of the line.
        kind: Kind,
        /// The number.
        number: u64,
        /// What stands in the roster for it.
        entry: String,
    },
    /// The fan is let in.
    Admitted {
        /// With this place.
        place: u64,
        /// As this session.
        session: String,
        /// When the cap was enforced.
        admitted_at_ms: u64,
    },
    /// Not now, for a reason that passes.
    Fail {
        /// The status.
        status: u16,
    },
    /// The fan went home without being let in, or gave the place up: nothing is owed any more.
    WentHome,
    /// The place is lost: the one thing that must not happen.
    Lost {
        /// The status.
        status: u16,
    },
    /// No answer came; it may have happened.
    Unknown,
}

/// What a number counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Entries of the pool.
    Pool,
    /// Places of the line.
    Line,
}

/// What the fleet was allowed to do.
#[derive(Clone, Copy, Debug)]
pub struct Allowed {
    /// People let in per minute.
    pub rate_per_minute: u64,
    /// People at once beyond that.
    pub burst: u64,
    /// Entries of the roster that are empty, as the draw's record admits.
    pub missing: u64,
}

/// A promise that was broken, in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken(String);

impl Display for Broken {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Judges a history; `roster` is the published one, 32 bytes an entry, of the draw that stood.
#[must_use]
pub fn judge(history: &[Event], allowed: Allowed, roster: &[[u8; 32]]) -> Vec<Broken> {
    let mut broken = Vec::new();
    broken.extend(every_number_has_one_owner(history));
    broken.extend(every_place_has_one_session(history));
    broken.extend(nobody_loses_a_place(history));
    broken.extend(everyone_who_joined_comes_in(history));
    broken.extend(the_cap_holds(history, allowed));
    broken.extend(the_roster_has_what_was_answered(history, roster));
    broken.extend(holes_are_admitted(roster, allowed.missing));
    broken
}

fn joined(history: &[Event]) -> impl Iterator<Item = (&Event, &str, Kind, u64, &str)> {
    history.iter().filter_map(|event| match &event.outcome {
        Outcome::Joined { draw, kind, number, entry } => Some((event, draw.as_str(), *kind, *number, entry.as_str())),
        _ => None,
    })
}

fn admitted(history: &[Event]) -> impl Iterator<Item = (&Event, u64, &str, u64)> {
    history.iter().filter_map(|event| match &event.outcome {
        Outcome::Admitted { place, session, admitted_at_ms } => {
            Some((event, *place, session.as_str(), *admitted_at_ms))
        }
        _ => None,
    })
}

/// One number of one draw is one entry's, and numbers of the line begin behind those of the pool.
fn every_number_has_one_owner(history: &[Event]) -> Vec<Broken> {
    let mut owners = BTreeMap::new();
    let mut broken = Vec::new();
    for (event, draw, _, number, entry) in joined(history) {
        let (fan, owner) = owners.entry((draw, number)).or_insert((event.fan, entry));
        if *owner != entry {
            broken.push(Broken(format!("number {number} was given to fan {fan} and to fan {}", event.fan)));
        }
    }
    broken
}

fn every_place_has_one_session(history: &[Event]) -> Vec<Broken> {
    let (mut by_place, mut by_session) = (BTreeMap::new(), BTreeMap::new());
    let mut broken = Vec::new();
    for (event, place, session, _) in admitted(history) {
        if by_place.insert(place, session).is_some_and(|known| known != session) {
            broken.push(Broken(format!("place {place} became two sessions")));
        }
        if by_session.insert(session, event.fan).is_some_and(|known| known != event.fan) {
            broken.push(Broken(format!("fan {} came in with another fan's session (place {place})", event.fan)));
        }
    }
    broken
}

fn nobody_loses_a_place(history: &[Event]) -> Vec<Broken> {
    let lost = history.iter().filter(|event| matches!(event.outcome, Outcome::Lost { .. }));
    lost.map(|event| Broken(format!("fan {} lost the place: {:?} at {}", event.fan, event.outcome, event.at_ms)))
        .collect()
}

/// Liveness: faults end, and then whoever has a number is let in.
fn everyone_who_joined_comes_in(history: &[Event]) -> Vec<Broken> {
    let went_home = history.iter().filter(|event| event.outcome == Outcome::WentHome).map(|event| event.fan);
    let settled: BTreeSet<u64> = admitted(history).map(|(event, ..)| event.fan).chain(went_home).collect();
    let waiting: BTreeSet<u64> = joined(history).map(|(event, ..)| event.fan).collect();
    waiting.difference(&settled).map(|fan| Broken(format!("fan {fan} has a number and never came in"))).collect()
}

/// In every window at most rate · w + burst, by the times at which the cap was enforced.
fn the_cap_holds(history: &[Event], allowed: Allowed) -> Option<Broken> {
    let by_place: BTreeMap<u64, u64> = admitted(history).map(|(_, place, _, at_ms)| (place, at_ms)).collect();
    let mut times: Vec<u64> = by_place.into_values().collect();
    times.sort_unstable();
    for (first, from_ms) in times.iter().enumerate() {
        for (last, to_ms) in times.iter().enumerate().skip(first) {
            let (count, window_ms) = ((last - first + 1) as u64, to_ms - from_ms);
            if count * 60_000 > allowed.rate_per_minute * window_ms + allowed.burst * 60_000 {
                return Some(Broken(format!("{count} were let in within {window_ms} ms")));
            }
        }
    }
    None
}

fn the_roster_has_what_was_answered(history: &[Event], roster: &[[u8; 32]]) -> Vec<Broken> {
    let mut broken = Vec::new();
    for (event, _, _, number, entry) in joined(history).filter(|(_, _, kind, ..)| *kind == Kind::Pool) {
        let published = usize::try_from(number).ok().and_then(|index| roster.get(index));
        if published.is_none_or(|published| *published != EMPTY && hex::encode(published) != entry) {
            broken.push(Broken(format!("fan {}'s entry is not at index {number} of the roster", event.fan)));
        }
    }
    broken
}

/// What is lost is told: the roster has no more empty entries than the draw's record says.
fn holes_are_admitted(roster: &[[u8; 32]], missing: u64) -> Option<Broken> {
    let holes = roster.iter().filter(|entry| **entry == EMPTY).count() as u64;
    (holes > missing).then(|| Broken(format!("{holes} entries of the roster are empty, the record says {missing}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALLOWED: Allowed = Allowed { rate_per_minute: 60, burst: 1, missing: 0 };

    fn event(fan: u64, outcome: Outcome) -> Event {
        Event { at_ms: 0, fan, edge: 0, call: Call::Join, outcome }
    }

    fn joins(fan: u64, number: u64, entry: u8) -> Event {
        let entry = hex::encode([entry; 32]);
        event(fan, Outcome::Joined { draw: "d".into(), kind: Kind::Pool, number, entry })
    }

    fn comes_in(fan: u64, place: u64, session: &str, admitted_at_ms: u64) -> Event {
        event(fan, Outcome::Admitted { place, session: session.into(), admitted_at_ms })
    }

    fn words(history: &[Event]) -> Vec<String> {
        judge(history, ALLOWED, &[[1; 32], [2; 32]]).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_good_history_is_not_blamed() {
        let history = [
            joins(0, 0, 1),
            joins(1, 1, 2),
            joins(1, 1, 2),
            joins(2, 1, 2),
            event(2, Outcome::WentHome),
            comes_in(0, 1, "a", 1_000),
            comes_in(0, 1, "a", 1_000),
            comes_in(1, 0, "b", 2_000),
        ];
        assert_eq!(words(&history), [""; 0]);
    }

    #[test]
    fn every_broken_promise_is_told() {
        let twice = [joins(0, 0, 1), joins(1, 0, 2), comes_in(0, 0, "a", 0), comes_in(1, 1, "b", 9_000)];
        assert!(words(&twice).contains(&"number 0 was given to fan 0 and to fan 1".to_owned()));
        assert!(words(&twice).contains(&"fan 1's entry is not at index 0 of the roster".to_owned()));
        let sessions = [comes_in(0, 0, "a", 0), comes_in(0, 0, "b", 9_000), comes_in(1, 1, "a", 20_000)];
        assert_eq!(
            words(&sessions),
            ["place 0 became two sessions", "fan 1 came in with another fan's session (place 1)"]
        );
        assert_eq!(words(&[joins(0, 0, 1)]), ["fan 0 has a number and never came in"]);
        let holes = judge(&[joins(0, 0, 1)], Allowed { missing: 1, ..ALLOWED }, &[[0; 32], [0; 32]]);
        assert_eq!(holes[1].to_string(), "2 entries of the roster are empty, the record says 1");
        let cap = [comes_in(0, 0, "a", 0), comes_in(1, 1, "b", 999)];
        assert_eq!(words(&cap), ["2 were let in within 999 ms"]);
        assert_eq!(words(&[event(0, Outcome::Lost { status: 410 })]).len(), 1);
    }
}
