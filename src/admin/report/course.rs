//! What a sale's history says as a whole: how long people waited, what held the line back, how the shop was. Purely.

use fairgate_store::history::{Sample, Series};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::admin::history::limit_of;

/// Places whose waits are looked at.
const PLACES: u64 = 1_000;
/// Stretches that are told one by one.
const STRETCHES_MAX: usize = 200;
/// The code of a sale that goes on (see [`Series::Phase`]).
const SERVING: u32 = 3;

/// How long people waited from their place in the line, or from the draw, until they were called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Waits {
    /// Half of them waited no longer, s.
    pub median_s: u32,
    /// Nine of ten waited no longer, s.
    pub nine_of_ten_s: u32,
    /// The longest wait, s.
    pub longest_s: u32,
}

/// A time in which one thing limited how many were let in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LimitStretch {
    /// What limited, as in `limit` of a room.
    pub limit: String,
    /// When it began, Unix seconds.
    pub from_s: u32,
    /// For how long, s.
    pub seconds: u32,
}

/// How the shop was, as this edge has seen it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ShopCourse {
    /// Answers.
    pub answers: u64,
    /// Requests that were not answered, or with a server error.
    pub errors: u64,
    /// Requests that were turned away because the shop had all it could take.
    pub refused: u64,
    /// The highest 99th percentile of any ten seconds, ms.
    pub p99_highest_ms: u32,
    /// The most people who were let in within a minute.
    pub best_minute: u32,
}

/// What the samples of a sale say. They are in order, each `step_s` long.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Course {
    pub(super) waits: Option<Waits>,
    /// In order of time.
    pub(super) limits: Vec<LimitStretch>,
    pub(super) shop: ShopCourse,
    /// Seconds of the sale of which there is no sample.
    pub(super) unknown_s: u32,
}

impl Course {
    pub(super) fn of(samples: &[Sample], step_s: u32) -> Self {
        let unknown = samples.windows(2).map(|pair| (pair[1].at_s - pair[0].at_s).saturating_sub(step_s));
        Self { waits: waits(samples), limits: limits(samples, step_s), shop: shop(samples), unknown_s: unknown.sum() }
    }

    /// How long each limit held in all, the longest first.
    pub(super) fn totals(&self) -> Vec<(&str, u32)> {
        let mut totals: Vec<(&str, u32)> = Vec::new();
        for LimitStretch { limit, seconds, .. } in &self.limits {
            match totals.iter_mut().find(|(known, _)| known == limit) {
                Some((_, total)) => *total += seconds,
                None => totals.push((limit, *seconds)),
            }
        }
        totals.sort_by_key(|(_, seconds)| std::cmp::Reverse(*seconds));
        totals
    }

    /// Only the longest stretches, so that a report stays short.
    pub(super) fn longest(&self) -> Vec<LimitStretch> {
        let mut longest = self.limits.clone();
        longest.sort_by_key(|stretch| std::cmp::Reverse(stretch.seconds));
        longest.truncate(STRETCHES_MAX);
        longest.sort_by_key(|stretch| stretch.from_s);
        longest
    }
}

/// A place waits from the sample that first has it until the one in which it was called.
fn waits(samples: &[Sample]) -> Option<Waits> {
    let known = |series: Series| -> Vec<(u32, u64)> {
        samples.iter().filter_map(|sample| Some((sample.at_s, sample.get(series)?.into()))).collect()
    };
    let (given, called) = (known(Series::Line), known(Series::Serving));
    let places = called.last()?.1;
    let first_with = |counts: &[(u32, u64)], place: u64| {
        counts.get(counts.partition_point(|(_, count)| *count <= place)).map(|(at_s, _)| *at_s)
    };
    let looked = PLACES.min(places);
    let mut waits: Vec<u32> = (0..looked)
        .map(|number| number * places / looked.max(1))
        .filter_map(|place| Some(first_with(&called, place)?.saturating_sub(first_with(&given, place)?)))
        .collect();
    waits.sort_unstable();
    let at = |permille: usize| waits.get((waits.len() * permille / 1_000).min(waits.len().saturating_sub(1))).copied();
    Some(Waits { median_s: at(500)?, nine_of_ten_s: at(900)?, longest_s: *waits.last()? })
}

fn limits(samples: &[Sample], step_s: u32) -> Vec<LimitStretch> {
    let mut stretches: Vec<LimitStretch> = Vec::new();
    for sample in samples.iter().filter(|sample| sample.get(Series::Phase) == Some(SERVING)) {
        let Some(limit) = sample.get(Series::Limit).and_then(limit_of) else { continue };
        match stretches.last_mut() {
            Some(last) if last.limit == limit.label() && last.from_s + last.seconds == sample.at_s => {
                last.seconds += step_s;
            }
            _ => stretches.push(LimitStretch { limit: limit.label().to_owned(), from_s: sample.at_s, seconds: step_s }),
        }
    }
    stretches
}

fn shop(samples: &[Sample]) -> ShopCourse {
    let sum = |series| samples.iter().filter_map(|sample| sample.get(series)).map(u64::from).sum();
    let admitted: Vec<(u32, u32)> =
        samples.iter().filter_map(|sample| Some((sample.at_s, sample.get(Series::Admitted)?))).collect();
    let of_minute = |(end, (at_s, now)): (usize, &(u32, u32))| {
        let begin = admitted[..end].partition_point(|(known_s, _)| known_s + 60 < *at_s);
        now.saturating_sub(admitted[begin].1)
    };
    ShopCourse {
        answers: sum(Series::ShopAnswers),
        errors: sum(Series::ShopErrors),
        refused: sum(Series::ShopRefused),
        p99_highest_ms: samples.iter().filter_map(|sample| sample.get(Series::ShopP99)).max().unwrap_or(0),
        best_minute: admitted.iter().enumerate().map(of_minute).max().unwrap_or(0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fairgate_core::room::Limit;

    /// A sale of ten minutes: a hundred at the draw, ten more in each minute, sixty called in each minute.
    fn sale() -> Vec<Sample> {
        (0..60_u32)
            .filter(|step| !(40..43).contains(step))
            .map(|step| {
                let mut sample = Sample::new(1_000 + step * 10);
                sample.set(Series::Phase, 3);
                sample.set(Series::Limit, if step < 30 { 1 } else { 2 });
                sample.set(Series::Line, 100 + u64::from(step) * 2);
                sample.set(Series::Serving, u64::from(step * 10).min(100 + u64::from(step) * 2));
                sample.set(Series::Admitted, u64::from(step * 10).min(100 + u64::from(step) * 2));
                sample.set(Series::ShopAnswers, 5);
                sample.set(Series::ShopP99, (step % 7).into());
                sample
            })
            .collect()
    }

    #[test]
    fn a_sale_is_told_by_its_samples_and_what_they_miss() {
        let course = Course::of(&sale(), 10);
        let waits = course.waits.unwrap();
        assert_eq!((waits.median_s, waits.nine_of_ten_s, waits.longest_s), (20, 90, 100));
        let stretches: Vec<_> = course.limits.iter().map(|stretch| (stretch.from_s, stretch.seconds)).collect();
        assert_eq!(stretches, [(1_000, 300), (1_300, 100), (1_430, 170)], "a gap is nobody's");
        let labels = [Limit::ALL[0].label(), Limit::ALL[1].label()];
        assert_eq!(course.totals(), [(labels[0], 300), (labels[1], 270)]);
        assert_eq!((course.unknown_s, course.shop.answers, course.shop.p99_highest_ms), (30, 285, 6));
        assert_eq!(course.shop.best_minute, 60);
        assert_eq!(Course::of(&[], 10), Course::default());
    }
}
