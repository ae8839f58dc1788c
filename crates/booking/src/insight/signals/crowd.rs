//! What is usual in a sale, against which everything is measured.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::Hash;

use uuid::Uuid;

use super::chance::share;
use super::seen::{Hall, Seen, Visit};
use super::{Signal, SignalKind};

/// Of how many payments it takes to say how long one usually takes.
const PAID_MIN: usize = 50;

/// A booking and what was seen of it.
pub(super) type Entry<'a> = (Uuid, &'a Visit);

/// The bookings of a sale.
pub(super) struct Crowd<'a> {
    pub(super) hall: &'a Hall,
    /// In the order in which they were held.
    pub(super) visits: Vec<Entry<'a>>,
    /// Nine of ten fans needed more milliseconds from the hold to the payment.
    quick_ms: Option<i64>,
}

impl<'a> Crowd<'a> {
    pub(super) fn of(seen: &'a Seen, hall: &'a Hall) -> Self {
        let visits: Vec<Entry<'a>> = seen.visits().collect();
        let paid = visits.iter().filter(|(_, visit)| visit.paid_at.is_some());
        let mut took: Vec<i64> = paid.filter_map(|(_, visit)| visit.pay_ms()).collect();
        let place = took.len() / 10;
        let quick_ms = (took.len() >= PAID_MIN).then(|| *took.select_nth_unstable(place).1);
        Self { hall, visits, quick_ms }
    }

    /// True if the booking has as many seats as a fan may have, and more than one.
    pub(super) fn takes_all(&self, visit: &Visit) -> bool {
        self.hall.seats_max > 1 && visit.units.len() >= self.hall.seats_max
    }

    /// True if its fan was faster than nine of ten.
    pub(super) fn is_quick(&self, visit: &Visit) -> bool {
        self.quick_ms.zip(visit.pay_ms()).is_some_and(|(quick_ms, took)| took <= quick_ms)
    }

    /// Bookings that have something in common.
    pub(super) fn by<K: Eq + Hash>(&self, key: impl Fn(&Visit) -> Option<K>) -> HashMap<K, Vec<Entry<'a>>> {
        let mut groups: HashMap<K, Vec<Entry<'a>>> = HashMap::new();
        for (id, visit) in &self.visits {
            if let Some(key) = key(visit) {
                groups.entry(key).or_default().push((*id, visit));
            }
        }
        groups
    }

    /// The share of bookings outside of a group of which something is true. Nothing where too few are outside to say.
    pub(super) fn share_outside(
        &self,
        is_counted: impl Fn(&Visit) -> bool,
        is_inside: impl Fn(&Visit) -> bool,
        is_so: impl Fn(&Visit) -> bool,
    ) -> Option<f64> {
        let outside = self.visits.iter().filter(|(_, visit)| is_counted(visit) && !is_inside(visit));
        let (all, some) = outside.fold((0, 0), |(all, some), (_, visit)| (all + 1, some + usize::from(is_so(visit))));
        (all >= PAID_MIN).then(|| share(some, all))
    }
}

/// How many fans have these bookings.
pub(super) fn fans(entries: &[Entry<'_>]) -> BTreeSet<u64> {
    entries.iter().map(|(_, visit)| visit.fan).collect()
}

/// A signal about some bookings, in the order in which they were held.
pub(super) fn signal(
    kind: SignalKind,
    subject: String,
    score: f64,
    entries: &[Entry<'_>],
    (why, evidence): (String, BTreeMap<&'static str, f64>),
) -> Signal {
    Signal {
        kind,
        subject,
        score,
        why,
        evidence,
        fans: fans(entries).into_iter().collect(),
        bookings: entries.iter().map(|(id, _)| *id).collect(),
        first_at: entries.iter().map(|(_, visit)| visit.held_at).min().unwrap_or(0),
        last_at: entries.iter().map(|(_, visit)| visit.last_at).max().unwrap_or(0),
    }
}

/// A share in words.
pub(super) fn percent(share: f64) -> String {
    format!("{:.0}%", share * 100.0)
}
