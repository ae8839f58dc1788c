//! What is kept of a room each second: thirty numbers, and how several moments make one.
//!
//! The order is that of the file's slots and never changes. A number that nobody has told is no number, not zero.

/// How many numbers a sample has.
pub const SERIES: usize = 30;
/// A number that is not known.
const UNKNOWN: u32 = u32::MAX;

/// One of a sample's numbers. The value is its place in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Series {
    /// The phase: 0 idle, 1 pooling, 2 drawing, 3 serving, 4 ended.
    Phase,
    /// What limits admission: 0 nothing, or the number of the limit in `Limit::ALL`, from 1 on.
    Limit,
    /// Entries in the roster of the draw.
    Pool,
    /// Places given so far.
    Line,
    /// Places below this number have been called.
    Serving,
    /// Fans who wait: in the line, or in the pool before there is one.
    Waiting,
    /// Fans who were called and are not in yet.
    Called,
    /// Sessions inside.
    Inside,
    /// Sessions that may be inside at this moment.
    InsideMax,
    /// The limit on sessions inside, as people set it.
    InsideSet,
    /// Fans let in a minute at most at this moment.
    Rate,
    /// Fans let in a minute at most, as people set it.
    RateSet,
    /// Fans let in since the sale began.
    Admitted,
    /// Called places that were not claimed in time, since the sale began.
    Expired,
    /// Places given up by their fans, since the sale began.
    Left,
    /// Late comers who were admitted, since the sale began.
    Honoured,
    /// Fans called beyond the rate on request, since the sale began.
    LetIn,
    /// Called fans who are expected to come.
    Expected,
    /// Of a thousand called places, those that nobody came for, of late.
    NoShow,
    /// The 99th percentile of the shop's answers to aim for.
    Target,
    /// Answers of the shop, as this edge has seen them.
    ShopAnswers,
    /// Requests that the shop did not answer, or with a server error.
    ShopErrors,
    /// Requests that were turned away because the shop has all it can take.
    ShopRefused,
    /// The 99th percentile of the shop's answers, the wait for a slot included.
    ShopP99,
    /// What the tenth that waited longest waited at least, before anybody worked on the request.
    ShopWait,
    /// Requests with the shop.
    ShopInFlight,
    /// Requests that may be with the shop at once.
    ShopWindow,
    /// Requests that this edge has answered, in all its rooms.
    Requests,
    /// Requests that this edge has turned away, in all its rooms.
    Shed,
    /// What the shop has left, where it says so.
    Stock,
}

/// How two moments make one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Combine {
    /// The later one counts.
    Last,
    /// The higher one counts.
    Peak,
    /// Both count.
    Sum,
}

use Combine::{Last, Peak, Sum};

/// Each series with its name, its unit, and how moments of it are combined.
const TABLE: [(Series, &str, &str, Combine); SERIES] = [
    (Series::Phase, "phase", "code", Last),
    (Series::Limit, "limit", "code", Last),
    (Series::Pool, "pool", "people", Last),
    (Series::Line, "line", "places", Last),
    (Series::Serving, "serving", "places", Last),
    (Series::Waiting, "waiting", "people", Last),
    (Series::Called, "called", "people", Last),
    (Series::Inside, "inside", "sessions", Last),
    (Series::InsideMax, "inside_max", "sessions", Last),
    (Series::InsideSet, "inside_set", "sessions", Last),
    (Series::Rate, "rate", "people a minute", Last),
    (Series::RateSet, "rate_set", "people a minute", Last),
    (Series::Admitted, "admitted", "people", Last),
    (Series::Expired, "expired", "places", Last),
    (Series::Left, "left", "places", Last),
    (Series::Honoured, "honoured", "people", Last),
    (Series::LetIn, "let_in", "people", Last),
    (Series::Expected, "expected", "people", Last),
    (Series::NoShow, "no_show", "permille", Last),
    (Series::Target, "target", "ms", Last),
    (Series::ShopAnswers, "shop_answers", "requests", Sum),
    (Series::ShopErrors, "shop_errors", "requests", Sum),
    (Series::ShopRefused, "shop_refused", "requests", Sum),
    (Series::ShopP99, "shop_p99", "ms", Peak),
    (Series::ShopWait, "shop_wait", "ms", Peak),
    (Series::ShopInFlight, "shop_in_flight", "requests", Peak),
    (Series::ShopWindow, "shop_window", "requests", Last),
    (Series::Requests, "requests", "requests", Sum),
    (Series::Shed, "shed", "requests", Sum),
    (Series::Stock, "stock", "items", Last),
];

impl Series {
    /// All of them, in the order of the file.
    pub fn all() -> impl Iterator<Item = Self> {
        TABLE.iter().map(|(series, ..)| *series)
    }

    /// The series of a name, where there is one.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        TABLE.iter().find(|(_, own, ..)| *own == name).map(|(series, ..)| *series)
    }

    /// Its name in calls and commands.
    #[must_use]
    pub fn name(self) -> &'static str {
        TABLE[self as usize].1
    }

    /// What it counts.
    #[must_use]
    pub fn unit(self) -> &'static str {
        TABLE[self as usize].2
    }
}

/// A room's numbers in a second, or over several.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    /// The second, Unix time; of several the first.
    pub at_s: u32,
    pub(super) values: [u32; SERIES],
}

impl Sample {
    /// A sample of a second of which nothing is known yet.
    #[must_use]
    pub fn new(at_s: u32) -> Self {
        Self { at_s, values: [UNKNOWN; SERIES] }
    }

    /// Says a number; one that is too large for the file is kept as the largest that is not.
    pub fn set(&mut self, series: Series, value: u64) {
        self.values[series as usize] = u32::try_from(value).unwrap_or(UNKNOWN).min(UNKNOWN - 1);
    }

    /// A number, where it is known.
    #[must_use]
    pub fn get(&self, series: Series) -> Option<u32> {
        Some(self.values[series as usize]).filter(|value| *value != UNKNOWN)
    }

    /// Takes in a later sample; the time stays.
    pub fn merge(&mut self, later: &Self) {
        for (series, _, _, combine) in &TABLE {
            let (own, other) = (&mut self.values[*series as usize], later.values[*series as usize]);
            *own = match (*own, other) {
                (own, UNKNOWN) => own,
                (UNKNOWN, other) => other,
                (own, other) => match combine {
                    Last => other,
                    Peak => own.max(other),
                    Sum => own.saturating_add(other).min(UNKNOWN - 1),
                },
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_series_stands_in_its_place_and_is_found_by_its_name() {
        for (place, series) in Series::all().enumerate() {
            assert_eq!((series as usize, Series::named(series.name())), (place, Some(series)));
        }
        assert_eq!(Series::named("nothing"), None);
    }

    #[test]
    fn of_two_moments_counts_are_added_peaks_stay_and_the_later_level_counts() {
        let sample = |admitted, answers, p99| {
            let mut sample = Sample::new(7);
            sample.set(Series::Admitted, admitted);
            sample.set(Series::ShopAnswers, answers);
            sample.set(Series::ShopP99, p99);
            sample
        };
        let (mut both, mut later) = (sample(5, 10, 900), sample(6, 20, 100));
        later.set(Series::Stock, 3);
        both.merge(&later);
        let told = [Series::Admitted, Series::ShopAnswers, Series::ShopP99, Series::Stock, Series::Shed];
        assert_eq!(told.map(|series| both.get(series)), [Some(6), Some(30), Some(900), Some(3), None]);
        both.merge(&Sample::new(9));
        assert_eq!((both.at_s, both.get(Series::Admitted)), (7, Some(6)), "what nobody tells changes nothing");
        both.set(Series::Waiting, u64::MAX);
        assert_eq!(both.get(Series::Waiting), Some(u32::MAX - 1));
    }
}
