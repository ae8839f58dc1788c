//! What was seen of an event: its bookings of the last hour, folded from rows of the change log.
//!
//! Guarantees:
//! - it is the same, however the rows are cut into pages
//! - it is bounded: an hour, and the latest [`BOOKINGS_MAX`] bookings

use std::collections::{HashMap, VecDeque};

use uuid::Uuid;

/// Bookings of an event that are remembered.
pub(in crate::insight) const BOOKINGS_MAX: usize = 20_000;
/// How long they are remembered, in milliseconds of the log.
const REMEMBERED_MS: i64 = 3_600_000;
/// Declines that are remembered of one booking; no more are tried ([`crate::payment`]).
const DECLINES_MAX: usize = 16;

/// A row of the change log about a booking, with its traces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::insight) struct Happening {
    /// Unix ms.
    pub(in crate::insight) at: i64,
    pub(in crate::insight) booking_id: Uuid,
    /// The fan's pseudonym.
    pub(in crate::insight) fan: u64,
    pub(in crate::insight) kind: String,
    pub(in crate::insight) units: Vec<i32>,
    pub(in crate::insight) network: Option<i64>,
    pub(in crate::insight) pass_age_ms: Option<i32>,
    pub(in crate::insight) mailbox: Option<i64>,
    pub(in crate::insight) card: Option<i64>,
}

/// How an event is sold, as far as signals need it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::insight) struct Hall {
    /// Seats that one fan may have.
    pub(in crate::insight) seats_max: usize,
    /// The rows by their first unit.
    pub(in crate::insight) rows: Vec<SeatRow>,
}

/// A row of seats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::insight) struct SeatRow {
    pub(in crate::insight) first_unit: i32,
    pub(in crate::insight) section: i16,
    /// True if its seats have neighbours: false for places to stand.
    pub(in crate::insight) is_seated: bool,
}

impl Hall {
    /// The row of a seat.
    pub(in crate::insight) fn row(&self, unit: i32) -> Option<&SeatRow> {
        let after = self.rows.partition_point(|row| row.first_unit <= unit);
        after.checked_sub(1).and_then(|row| self.rows.get(row))
    }
}

/// What was seen of an event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::insight) struct Seen {
    /// In the order in which they were held.
    order: VecDeque<Uuid>,
    visits: HashMap<Uuid, Visit>,
}

/// What was seen of a booking.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Visit {
    pub(super) fan: u64,
    /// Ascending.
    pub(super) units: Vec<i32>,
    pub(super) network: Option<i64>,
    pub(super) pass_age_ms: Option<i32>,
    pub(super) mailbox: Option<i64>,
    pub(super) card: Option<i64>,
    pub(super) held_at: i64,
    pub(super) pay_started_at: Option<i64>,
    pub(super) paid_at: Option<i64>,
    /// When the hold was given back or ended unpaid.
    pub(super) dropped_at: Option<i64>,
    /// Cards that were declined, where the provider said which, and when.
    pub(super) declines: Vec<(i64, Option<i64>)>,
    pub(super) last_at: i64,
}

impl Visit {
    /// How long its fan needed from the hold to the payment.
    pub(super) fn pay_ms(&self) -> Option<i64> {
        self.pay_started_at.map(|at| at - self.held_at)
    }
}

impl Seen {
    /// Takes in what happened.
    pub(in crate::insight) fn add(&mut self, happening: &Happening) {
        if happening.kind == "held" && !self.visits.contains_key(&happening.booking_id) {
            self.begin(happening);
        }
        let Some(visit) = self.visits.get_mut(&happening.booking_id) else { return };
        visit.last_at = happening.at;
        match happening.kind.as_str() {
            "payment_started" => {
                visit.pay_started_at.get_or_insert(happening.at);
                visit.mailbox = happening.mailbox.or(visit.mailbox);
            }
            "declined" if visit.declines.len() < DECLINES_MAX => visit.declines.push((happening.at, happening.card)),
            "booked" => {
                visit.paid_at = Some(happening.at);
                visit.card = happening.card;
                visit.mailbox = happening.mailbox.or(visit.mailbox);
            }
            "expired" | "cancelled" if visit.paid_at.is_none() => visit.dropped_at = Some(happening.at),
            _ => {}
        }
    }

    fn begin(&mut self, held: &Happening) {
        let is_old = |id: &Uuid| self.visits.get(id).is_none_or(|visit| visit.held_at < held.at - REMEMBERED_MS);
        let mut old = self.order.iter().take_while(|id| is_old(id)).count();
        old = old.max((self.order.len() + 1).saturating_sub(BOOKINGS_MAX));
        for id in self.order.drain(..old) {
            self.visits.remove(&id);
        }
        let mut units = held.units.clone();
        units.sort_unstable();
        self.order.push_back(held.booking_id);
        let visit = Visit {
            fan: held.fan,
            units,
            network: held.network,
            pass_age_ms: held.pass_age_ms,
            mailbox: None,
            card: None,
            held_at: held.at,
            pay_started_at: None,
            paid_at: None,
            dropped_at: None,
            declines: Vec::new(),
            last_at: held.at,
        };
        self.visits.insert(held.booking_id, visit);
    }

    /// How many bookings are remembered.
    pub(in crate::insight) fn len(&self) -> usize {
        self.visits.len()
    }

    /// Its bookings in the order in which they were held.
    pub(super) fn visits(&self) -> impl Iterator<Item = (Uuid, &Visit)> {
        self.order.iter().filter_map(|id| Some((*id, self.visits.get(id)?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(n: u128, at: i64) -> Happening {
        Happening {
            at,
            booking_id: Uuid::from_u128(n),
            fan: 1,
            kind: "held".into(),
            units: vec![3, 1],
            network: None,
            pass_age_ms: None,
            mailbox: None,
            card: None,
        }
    }

    #[test]
    fn what_is_remembered_is_bounded_by_time_and_number() {
        let mut seen = Seen::default();
        for n in 0..BOOKINGS_MAX + 5 {
            seen.add(&held(n as u128, 0));
        }
        assert_eq!(seen.visits().count(), BOOKINGS_MAX);
        assert_eq!(seen.visits().next().map(|(id, _)| id), Some(Uuid::from_u128(5)), "the oldest go first");
        seen.add(&held(1_000_000, REMEMBERED_MS + 1));
        assert_eq!((seen.visits().count(), seen.visits.len()), (1, 1));
    }

    #[test]
    fn a_hold_that_is_kept_longer_is_one_visit_and_what_is_paid_is_not_dropped() {
        let mut seen = Seen::default();
        seen.add(&held(1, 0));
        seen.add(&held(1, 100));
        seen.add(&Happening { kind: "booked".into(), card: Some(9), ..held(1, 200) });
        seen.add(&Happening { kind: "cancelled".into(), ..held(1, 300) });
        seen.add(&Happening { kind: "booked".into(), ..held(2, 300) });
        let visits: Vec<&Visit> = seen.visits().map(|(_, visit)| visit).collect();
        assert_eq!(visits.len(), 1, "a booking whose hold is forgotten is not known");
        assert_eq!((visits[0].held_at, visits[0].paid_at, visits[0].dropped_at), (0, Some(200), None));
        assert_eq!((visits[0].units.as_slice(), visits[0].card), (&[1, 3][..], Some(9)));
    }
}
