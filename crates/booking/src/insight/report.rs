//! The report: what an organizer is told about a sale, from its counts. Pure.
//!
//! Guarantees:
//! - a forecast is a range; where too little is sold to say anything, there is none
//! - whatever the counts are, the report is one: no division by nothing, no time out of range

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

use super::flow::Flow;
use super::fold::{SLICE_MS, middle_s};
use crate::db::DbTime;
use crate::events::seat_map::SeatMap;
use crate::stock::Stock;

/// How far back the counts of each moment are looked at.
pub(super) const RECENT_S: i64 = 300;
/// The pace of this moment.
const NOW_S: i64 = 60;
/// Fewer seats than these say nothing about the next ones.
const SOLD_MIN: i64 = 5;
/// So many standard deviations on each side are nine of ten cases.
const NINE_OF_TEN: f64 = 1.645;
/// Nobody plans for what comes after that.
const FORECAST_S_MAX: f64 = 366.0 * 86_400.0;

/// What the report is made from.
pub(super) struct Given<'a> {
    pub(super) now: DbTime,
    pub(super) knows_from: DbTime,
    pub(super) behind_s: i64,
    pub(super) seat_map: &'a SeatMap,
    /// How the seats of each section stand.
    pub(super) stock: Vec<Stock>,
    /// When the first thing happened.
    pub(super) began: Option<DbTime>,
    pub(super) totals: BTreeMap<usize, Flow>,
    pub(super) recent: Vec<Slice>,
    pub(super) pay_times: Vec<(i16, i32)>,
    pub(super) declines: Vec<DeclineReason>,
    pub(super) signals: i64,
    pub(super) open_long: i64,
}

/// Counts of some seconds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slice {
    pub(super) at: DbTime,
    pub(super) section: usize,
    pub(super) flow: Flow,
}

/// How an event sells.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Sales {
    /// The event's id.
    pub event: String,
    /// When this was so. RFC 3339 in UTC.
    pub at: String,
    /// What happened before is not counted. RFC 3339 in UTC.
    pub knows_from: String,
    /// The age of the oldest change that is not counted yet, in seconds.
    pub behind_seconds: i64,
    /// All seats.
    pub seats: Standing,
    /// Each section.
    pub sections: Vec<SectionSales>,
    /// Bookings that were paid.
    pub bookings: i64,
    /// What they cost together, in the smallest unit of the currency.
    pub gross: i64,
    /// Payments that were given back.
    pub refunds: i64,
    /// What was given back, in the smallest unit of the currency.
    pub refunded: i64,
    /// ISO 4217.
    pub currency: String,
    /// How fast seats are sold.
    pub pace: Pace,
    /// When all seats are sold at this pace, in nine of ten cases. None where too little is sold to say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sold_out: Option<SoldOut>,
    /// The section that is sold out first at this pace.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_section: Option<String>,
    /// From the hold to the payment.
    pub funnel: Funnel,
    /// What becomes of holds.
    pub holds: Holds,
    /// Why payments were declined, as the provider said it, the most frequent first.
    pub declines: Vec<DeclineReason>,
    /// How many signals there are (`…/signals`): evidence of what does not look like people who buy for themselves.
    pub signals: i64,
}

/// How seats stand now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = SalesStanding)]
pub struct Standing {
    /// All of them.
    pub capacity: u32,
    /// Can be reserved.
    pub free: u32,
    /// Reserved and not paid.
    pub held: u32,
    /// Paid.
    pub sold: u32,
}

/// How a section sells.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct SectionSales {
    /// The section's id.
    pub id: String,
    /// Its price now, in the smallest unit of the currency.
    pub price: u32,
    /// Its seats.
    pub seats: Standing,
    /// Seats sold a minute, in the last five minutes. (By the section of a booking's first seat.)
    pub per_minute: f64,
}

/// How fast seats are sold, less those that come back.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, ToSchema)]
pub struct Pace {
    /// A second, in the last minute.
    pub per_second: f64,
    /// A minute, in the last five minutes.
    pub per_minute: f64,
    /// A minute, since the first hold.
    pub per_minute_overall: f64,
}

/// A range of time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct SoldOut {
    /// Not before. RFC 3339 in UTC.
    pub earliest: String,
    /// Not after. None where it may be never.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latest: Option<String>,
}

/// How many come from one step to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Funnel {
    /// Bookings that were held.
    pub holds: i64,
    /// Payments that began. A booking may have several.
    pub payments: i64,
    /// Payments that took no money.
    pub declined: i64,
    /// Bookings that were paid.
    pub paid: i64,
    /// Payments and refunds that have been under way for more than a minute: the provider may be silent.
    pub open_long: i64,
}

/// Payments that were declined for one reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct DeclineReason {
    /// What the provider said, or `other` beyond the fiftieth reason.
    #[schema(example = "the card was declined")]
    pub reason: String,
    /// How many.
    pub payments: i64,
}

/// What becomes of holds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, ToSchema)]
pub struct Holds {
    /// Holds that ended unpaid.
    pub expired: i64,
    /// Seats that came back with them.
    pub expired_seats: i64,
    /// Of the holds that have ended, the share that ended by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expired_share: Option<f64>,
    /// Half of those who paid had paid after so many seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pay_seconds_p50: Option<f64>,
    /// Nine of ten of those who paid had paid after so many seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pay_seconds_p90: Option<f64>,
}

/// Makes the report.
pub(super) fn report(given: &Given<'_>) -> Sales {
    let facts = &given.seat_map.facts;
    let mut all = Flow::default();
    given.totals.values().for_each(|flow| all += *flow);
    let seats = standing(given.stock.iter());
    let sections = sections(given);
    let per_minute = net_seats(given, RECENT_S, None) as f64 * 60.0 / RECENT_S as f64;
    let first = sections.iter().filter_map(|section| Some((minutes_left(section)?, &section.id)));
    Sales {
        event: facts.slug.clone(),
        at: given.now.to_rfc3339(),
        knows_from: given.knows_from.to_rfc3339(),
        behind_seconds: given.behind_s,
        first_section: first.min_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, id)| id.clone()),
        sections,
        bookings: all.bookings,
        gross: all.gross,
        refunds: all.refunds,
        refunded: all.refunded,
        currency: facts.currency.clone(),
        pace: Pace {
            per_second: net_seats(given, NOW_S, None) as f64 / NOW_S as f64,
            per_minute,
            per_minute_overall: overall(given, &all),
        },
        sold_out: sold_out(given, seats.capacity - seats.sold),
        funnel: Funnel {
            holds: all.holds,
            payments: all.payments,
            declined: all.declined,
            paid: all.bookings,
            open_long: given.open_long,
        },
        holds: Holds {
            expired: all.expired,
            expired_seats: all.expired_seats,
            expired_share: share(all.expired, all.expired + all.bookings),
            pay_seconds_p50: quantile(&given.pay_times, 0.5),
            pay_seconds_p90: quantile(&given.pay_times, 0.9),
        },
        declines: given.declines.clone(),
        signals: given.signals,
        seats,
    }
}

fn standing<'a>(stocks: impl Iterator<Item = &'a Stock>) -> Standing {
    let mut all = Stock::default();
    for stock in stocks {
        all = Stock { free: all.free + stock.free, held: all.held + stock.held, sold: all.sold + stock.sold };
    }
    Standing { capacity: all.free + all.held + all.sold, free: all.free, held: all.held, sold: all.sold }
}

fn sections(given: &Given<'_>) -> Vec<SectionSales> {
    let described = given.seat_map.sections.iter().zip(&given.stock).enumerate();
    let sales = described.map(|(place, (section, stock))| SectionSales {
        id: section.slug.clone(),
        price: section.price,
        seats: standing([stock].into_iter()),
        per_minute: net_seats(given, RECENT_S, Some(place)) as f64 * 60.0 / RECENT_S as f64,
    });
    sales.collect()
}

/// Seats sold in the last seconds, less those that came back.
fn net_seats(given: &Given<'_>, span_s: i64, section: Option<usize>) -> i64 {
    let from = given.now.0 - span_s * 1000;
    let is_meant = |slice: &&Slice| slice.at.0 > from && section.is_none_or(|place| place == slice.section);
    given.recent.iter().filter(is_meant).map(|slice| slice.flow.net_seats()).sum()
}

fn minutes_left(section: &SectionSales) -> Option<f64> {
    let left = section.seats.capacity - section.seats.sold;
    (left > 0 && section.per_minute > 0.0).then(|| f64::from(left) / section.per_minute)
}

fn overall(given: &Given<'_>, all: &Flow) -> f64 {
    let Some(began) = given.began else { return 0.0 };
    let minutes = (given.now.0 - began.0).max(SLICE_MS) as f64 / 60_000.0;
    all.net_seats() as f64 / minutes
}

/// When the seats that are left are sold at the pace of the last minutes. How much that pace varies from slice to slice says how
/// wide the range is; it is never narrower than for buyers who come independently of each other.
fn sold_out(given: &Given<'_>, left: u32) -> Option<SoldOut> {
    let span_s = (given.now.0 - given.began?.0).clamp(SLICE_MS, RECENT_S * 1000) as f64 / 1000.0;
    let slices = (span_s * 1000.0 / SLICE_MS as f64).ceil().max(1.0);
    let mut sold: BTreeMap<i64, i64> = BTreeMap::new();
    for slice in &given.recent {
        *sold.entry(slice.at.0).or_default() += slice.flow.net_seats();
    }
    let in_all: i64 = sold.values().sum();
    if left == 0 || in_all < SOLD_MIN {
        return None;
    }
    let (sum, mean) = (in_all as f64, in_all as f64 / slices);
    let squares: f64 = sold.values().map(|seats| (*seats as f64).powi(2)).sum();
    let variance = (squares / slices - mean * mean).max(mean);
    let spread = NINE_OF_TEN * (variance * slices).sqrt();
    let after = |seats: f64| f64::from(left) * span_s / seats;
    let earliest_s = after(sum + spread);
    let latest_s = Some(sum - spread).filter(|seats| *seats > 0.0).map(after);
    let when = |seconds: f64| DbTime(given.now.0 + (seconds * 1000.0) as i64).to_rfc3339();
    (earliest_s <= FORECAST_S_MAX).then(|| SoldOut {
        earliest: when(earliest_s),
        latest: latest_s.filter(|seconds| *seconds <= FORECAST_S_MAX).map(when),
    })
}

fn share(part: i64, whole: i64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

fn quantile(pay_times: &[(i16, i32)], share: f64) -> Option<f64> {
    let all: i64 = pay_times.iter().map(|(_, bookings)| i64::from(*bookings)).sum();
    let wanted = (all as f64 * share).ceil() as i64;
    let mut seen = 0;
    let mut reached = pay_times.iter().filter(|(_, bookings)| {
        seen += i64::from(*bookings);
        seen >= wanted.max(1)
    });
    reached.next().map(|(bucket, _)| (middle_s(*bucket) * 10.0).round() / 10.0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::events::seat_map::tests::small;

    const NOW: DbTime = DbTime(1_800_000_000_000);

    fn given(seat_map: &SeatMap, recent: Vec<Slice>, sold: u32, left: u32) -> Given<'_> {
        let mut all = Flow::default();
        recent.iter().for_each(|slice| all += slice.flow);
        Given {
            now: NOW,
            knows_from: NOW,
            behind_s: 0,
            seat_map,
            stock: vec![Stock { free: left, held: 0, sold }],
            began: Some(DbTime(NOW.0 - RECENT_S * 1000)),
            totals: BTreeMap::from([(0, all)]),
            recent,
            pay_times: vec![(40, 5), (50, 4), (60, 1)],
            declines: Vec::new(),
            signals: 0,
            open_long: 0,
        }
    }

    fn slices(seats: &[i64]) -> Vec<Slice> {
        let slice = |(n, seats): (usize, &i64)| Slice {
            at: DbTime(NOW.0 - (n as i64 + 1) * SLICE_MS + 1),
            section: 0,
            flow: Flow { bookings: *seats, sold_seats: *seats, gross: seats * 100, ..Flow::default() },
        };
        seats.iter().enumerate().map(slice).collect()
    }

    fn seconds_from_now(time: &str) -> f64 {
        let at = time.parse::<jiff::Timestamp>().expect("a time").as_millisecond();
        (at - NOW.0) as f64 / 1000.0
    }

    #[test]
    fn a_steady_sale_is_foreseen_within_a_range_around_its_pace() {
        let seat_map = small(&[3]);
        // Two seats a second: 3000 are left, so about 25 minutes.
        let told = report(&given(&seat_map, slices(&[20; 29]), 580, 3000));
        assert!((told.pace.per_minute - 116.0).abs() < 0.01, "{:?}", told.pace);
        let range = told.sold_out.expect("a forecast");
        let (earliest, latest) = (seconds_from_now(&range.earliest), seconds_from_now(&range.latest.expect("an end")));
        assert!(earliest < 1551.0 && latest > 1551.0 && earliest > 1300.0 && latest < 1800.0, "{earliest} to {latest}");
        assert_eq!(told.first_section.as_deref(), Some("a"));
        assert_eq!(told.gross, 58_000);
        assert!(told.holds.pay_seconds_p50 < told.holds.pay_seconds_p90);
    }

    #[test]
    fn what_comes_in_bursts_has_a_wider_range() {
        let seat_map = small(&[3]);
        let width = |seats: &[i64]| {
            let range = report(&given(&seat_map, slices(seats), 290, 3000)).sold_out.expect("a forecast");
            range.latest.map_or(f64::MAX, |latest| seconds_from_now(&latest)) - seconds_from_now(&range.earliest)
        };
        let mut burst = [0; 29];
        burst[3] = 290;
        assert!(width(&burst) > 3.0 * width(&[10; 29]));
    }

    #[test]
    fn too_little_says_nothing_and_what_is_sold_out_needs_no_forecast() {
        let seat_map = small(&[3]);
        assert_eq!(report(&given(&seat_map, slices(&[1, 1]), 2, 100)).sold_out, None);
        assert_eq!(report(&given(&seat_map, slices(&[9; 9]), 81, 0)).sold_out, None);
    }

    proptest! {
        #[test]
        fn whatever_the_counts_are_there_is_a_report(
            seats in prop::collection::vec(-50i64..50, 0..40), sold in 0u32..100_000, left in 0u32..100_000,
        ) {
            let seat_map = small(&[3]);
            let told = report(&given(&seat_map, slices(&seats), sold, left));
            prop_assert!(told.pace.per_minute.is_finite() && told.pace.per_minute_overall.is_finite());
            if let Some(SoldOut { earliest, latest: Some(latest) }) = told.sold_out {
                prop_assert!(seconds_from_now(&earliest) <= seconds_from_now(&latest));
            }
        }
    }
}
