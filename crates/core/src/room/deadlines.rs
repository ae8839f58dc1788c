//! Places with a time each, found by place and in order of time.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

/// At most one time for each place.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Deadlines {
    by_place: BTreeMap<u64, u64>,
    by_time: BTreeSet<(u64, u64)>,
}

impl Deadlines {
    /// Sets a place's time; answers whether that changed anything.
    pub(super) fn set(&mut self, place: u64, time_ms: u64) -> bool {
        let before = self.by_place.insert(place, time_ms);
        if let Some(before) = before {
            self.by_time.remove(&(before, place));
        }
        self.by_time.insert((time_ms, place));
        before != Some(time_ms)
    }

    /// Sets the time of all places that have one.
    pub(super) fn set_all(&mut self, time_ms: u64) {
        self.by_place.values_mut().for_each(|known_ms| *known_ms = time_ms);
        self.by_time = self.by_place.keys().map(|place| (time_ms, *place)).collect();
    }

    /// Forgets a place.
    pub(super) fn remove(&mut self, place: u64) -> Option<u64> {
        let time_ms = self.by_place.remove(&place)?;
        self.by_time.remove(&(time_ms, place));
        Some(time_ms)
    }

    /// Takes out one place whose time is at or before `time_ms`, the earliest first.
    pub(super) fn pop_until(&mut self, time_ms: u64) -> Option<u64> {
        let &(earliest, place) = self.by_time.first().filter(|(earliest, _)| *earliest <= time_ms)?;
        self.by_time.remove(&(earliest, place));
        self.by_place.remove(&place);
        Some(place)
    }

    /// The lowest place that has a time.
    pub(super) fn first(&self) -> Option<u64> {
        self.by_place.first_key_value().map(|(place, _)| *place)
    }

    /// Keeps only some places.
    pub(super) fn retain(&mut self, keep: impl Fn(u64) -> bool) {
        self.by_place.retain(|place, _| keep(*place));
        self.by_time.retain(|(_, place)| keep(*place));
    }

    /// A place's time.
    pub(super) fn get(&self, place: u64) -> Option<u64> {
        self.by_place.get(&place).copied()
    }

    /// How many places have a time.
    pub(super) fn len(&self) -> u64 {
        self.by_place.len() as u64
    }

    /// How many places of a range have a time.
    pub(super) fn count(&self, range: Range<u64>) -> u64 {
        self.by_place.range(range).count() as u64
    }
}
