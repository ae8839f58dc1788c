//! The fold: rows of the change log become counts. Pure.
//!
//! Guarantee: the counts are the same, however the rows are cut into pages.

use std::collections::BTreeMap;

use super::flow::Flow;
use crate::db::DbTime;

/// How long a slice is.
pub(super) const SLICE_MS: i64 = 10_000;
/// Buckets for each doubling of a time.
const BUCKETS_PER_DOUBLING: f64 = 8.0;
/// Nobody is faster than the first bucket.
const FASTEST_S: f64 = 0.125;

/// What a provider says of a payment, at most.
const REASON_CHARS_MAX: usize = 80;
const NO_REASON: &str = "no reason given";

/// Something that happened to a booking.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Happened {
    pub(super) at: DbTime,
    pub(super) event_id: i32,
    /// The section of the booking's first seat, by its place in the event.
    pub(super) section: i16,
    pub(super) kind: String,
    pub(super) seats: i64,
    pub(super) amount: i64,
    pub(super) created_at: DbTime,
    pub(super) confirmed_at: Option<DbTime>,
    /// The fan's pseudonym.
    pub(super) fan: u64,
    /// Why the payment that it follows from took no money.
    pub(super) reason: Option<String>,
}

/// Counts by event, slice and section; and times from hold to payment by event and bucket.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) slices: BTreeMap<(i32, i64, i16), Flow>,
    pub(super) pay_times: BTreeMap<(i32, i16), i32>,
    /// By event and fan.
    pub(super) buyers: BTreeMap<(i32, u64), Bought>,
    /// Payments that were declined, by event and reason.
    pub(super) declines: BTreeMap<(i32, String), i32>,
}

/// What a fan has bought, less what came back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Bought {
    pub(super) bookings: i64,
    pub(super) seats: i64,
}

impl Bought {
    fn add(&mut self, bookings: i64, seats: i64) {
        self.bookings += bookings;
        self.seats += seats;
    }
}

impl Counts {
    /// Takes in what happened.
    pub(super) fn add(&mut self, happened: &Happened) {
        let slice_ms = happened.at.0.div_euclid(SLICE_MS) * SLICE_MS;
        let flow = flow(happened);
        *self.slices.entry((happened.event_id, slice_ms, happened.section)).or_default() += flow;
        if flow.bookings > 0 || flow.returned > 0 {
            let bought = self.buyers.entry((happened.event_id, happened.fan)).or_default();
            bought.add(flow.bookings - flow.returned, flow.net_seats());
        }
        if flow.declined > 0 {
            let reason = happened.reason.as_deref().unwrap_or(NO_REASON);
            let reason = reason.chars().take(REASON_CHARS_MAX).collect();
            *self.declines.entry((happened.event_id, reason)).or_default() += 1;
        }
        if happened.kind == "booked" {
            let took_s = (happened.at.0 - happened.created_at.0).max(0) as f64 / 1000.0;
            *self.pay_times.entry((happened.event_id, bucket(took_s))).or_default() += 1;
        }
    }

    #[cfg(test)]
    fn add_all(&mut self, other: Self) {
        for (key, flow) in other.slices {
            *self.slices.entry(key).or_default() += flow;
        }
        for (key, bookings) in other.pay_times {
            *self.pay_times.entry(key).or_default() += bookings;
        }
        for (key, Bought { bookings, seats }) in other.buyers {
            self.buyers.entry(key).or_default().add(bookings, seats);
        }
        for (key, payments) in other.declines {
            *self.declines.entry(key).or_default() += payments;
        }
    }
}

fn flow(happened: &Happened) -> Flow {
    let (seats, amount, none) = (happened.seats, happened.amount, Flow::default());
    match happened.kind.as_str() {
        // A hold that is kept for longer is held already.
        "held" if happened.at == happened.created_at => Flow { holds: 1, held_seats: seats, ..none },
        "payment_started" => Flow { payments: 1, ..none },
        "declined" => Flow { declined: 1, ..none },
        "booked" => Flow { bookings: 1, sold_seats: seats, gross: amount, ..none },
        "expired" => Flow { expired: 1, expired_seats: seats, ..none },
        // A hold that its fan gave back was never paid.
        "cancelled" if happened.confirmed_at.is_some() => Flow { returned: 1, returned_seats: seats, ..none },
        "refunded" => Flow { refunds: 1, refunded: amount, ..none },
        _ => none,
    }
}

/// The bucket of a time.
fn bucket(took_s: f64) -> i16 {
    let place = (took_s.max(FASTEST_S) / FASTEST_S).log2() * BUCKETS_PER_DOUBLING;
    // A time of ten years has bucket 258.
    place.min(400.0) as i16
}

/// The middle of a bucket, in seconds.
pub(super) fn middle_s(bucket: i16) -> f64 {
    FASTEST_S * ((f64::from(bucket) + 0.5) / BUCKETS_PER_DOUBLING).exp2()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn happened() -> impl Strategy<Value = Happened> {
        let kinds = ["held", "payment_started", "declined", "booked", "expired", "cancelled", "refunded", "edited"];
        let of_time = (0i64..100_000, 0i64..50_000, any::<bool>());
        (of_time, 1i32..3, 0i16..3, prop::sample::select(kinds.to_vec()), 1i64..5).prop_map(
            |((at, ago, is_paid), event_id, section, kind, seats)| Happened {
                at: DbTime(at),
                event_id,
                section,
                kind: kind.to_owned(),
                seats,
                amount: seats * 100,
                created_at: DbTime(if ago < 10_000 { at } else { at - ago }),
                confirmed_at: is_paid.then_some(DbTime(at)),
                fan: ago.unsigned_abs() % 3,
                reason: is_paid.then(|| format!("reason {section}")),
            },
        )
    }

    proptest! {
        #[test]
        fn pages_may_be_cut_anywhere(rows in prop::collection::vec(happened(), 0..60), cut in 0usize..60) {
            let fold = |rows: &[Happened]| rows.iter().fold(Counts::default(), |mut counts, row| { counts.add(row); counts });
            let (first, second) = rows.split_at(cut.min(rows.len()));
            let mut apart = fold(first);
            apart.add_all(fold(second));
            prop_assert_eq!(apart, fold(&rows));
        }

        #[test]
        fn a_bucket_is_as_long_as_what_is_in_it(took_s in 0.2f64..100_000.0) {
            let said = middle_s(bucket(took_s));
            prop_assert!((said / took_s - 1.0).abs() < 0.1, "{took_s} s are told as {said} s");
        }
    }

    #[test]
    fn a_hold_that_is_kept_longer_is_one_and_what_was_not_paid_does_not_come_back() {
        let held = Happened {
            at: DbTime(5),
            event_id: 1,
            section: 0,
            kind: "held".into(),
            seats: 2,
            amount: 200,
            created_at: DbTime(5),
            confirmed_at: None,
            fan: 1,
            reason: None,
        };
        assert_eq!(flow(&held), Flow { holds: 1, held_seats: 2, ..Flow::default() });
        assert_eq!(flow(&Happened { at: DbTime(9), ..held.clone() }), Flow::default());
        let given_back = Happened { kind: "cancelled".into(), ..held };
        assert_eq!(flow(&given_back), Flow::default());
        let cancelled = Happened { confirmed_at: Some(DbTime(6)), ..given_back };
        assert_eq!(flow(&cancelled), Flow { returned: 1, returned_seats: 2, ..Flow::default() });
    }

    #[test]
    fn a_fan_has_what_was_bought_and_not_given_back_and_reasons_are_short() {
        let bought = Happened {
            at: DbTime(5),
            event_id: 1,
            section: 0,
            kind: "booked".into(),
            seats: 3,
            amount: 300,
            created_at: DbTime(1),
            confirmed_at: Some(DbTime(5)),
            fan: 7,
            reason: None,
        };
        let mut counts = Counts::default();
        counts.add(&bought);
        counts.add(&Happened { seats: 2, ..bought.clone() });
        counts.add(&Happened { kind: "cancelled".into(), ..bought.clone() });
        counts.add(&Happened { kind: "declined".into(), reason: Some("x".repeat(500)), ..bought.clone() });
        counts.add(&Happened { kind: "declined".into(), ..bought });
        assert_eq!(counts.buyers, BTreeMap::from([((1, 7), Bought { bookings: 1, seats: 2 })]));
        let reasons: Vec<(usize, i32)> =
            counts.declines.iter().map(|((_, reason), payments)| (reason.len(), *payments)).collect();
        assert_eq!(reasons, [(NO_REASON.len(), 1), (REASON_CHARS_MAX, 1)]);
    }
}
