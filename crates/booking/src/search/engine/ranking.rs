//! Which documents fit the filters, and in which order they are told. What fits better in its words always comes first.
//!
//! Guarantees: an end at the deadline, looked at after every [`LOOKS`] documents; no more kept than are asked for, twice.

use std::cmp::Ordering;
use std::f64::consts::PI;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering as Order};
use std::time::Instant;

use tantivy::collector::{Collector, SegmentCollector};
use tantivy::columnar::ColumnValues;
use tantivy::query::Weight;
use tantivy::{DocAddress, DocId, Score, SegmentReader, TERMINATED, TantivyError};

use super::fields::NOWHERE;
use crate::search::question::{Near, Question, Sort};

/// Between two looks at the clock.
const LOOKS: u32 = 1024;
/// What is over for so long is found no more, unless days are named: people come late.
const LATE_MS: i64 = 6 * 3_600_000;
/// What a document gains whose name is nothing but what was asked for.
const WHOLE_NAME: f32 = 0.03;
/// What a document gains that begins at once.
const SOON: f32 = 0.01;
/// The most that is gained within a kind: less than from one kind to the next.
#[cfg(test)]
pub(super) const WITHIN_A_KIND: f32 = WHOLE_NAME + SOON;
/// So far away an event counts half as soon.
const SOON_MS: f32 = 90.0 * 86_400_000.0;
const EARTH_KM: f64 = 6_371.0;

/// A document that fits.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Ranked {
    score: Score,
    key: i64,
    starts: i64,
    event_id: i64,
    pub(super) address: DocAddress,
}

impl Ranked {
    /// The one that is told first is the lesser.
    fn order(&self, other: &Self) -> Ordering {
        let by_score = other.score.total_cmp(&self.score);
        let rest = (self.key, self.starts, self.event_id).cmp(&(other.key, other.starts, other.event_id));
        by_score.then(rest)
    }
}

/// Collects what fits.
#[derive(Debug)]
pub(super) struct Ranking<'a> {
    pub(super) question: &'a Question,
    pub(super) now_ms: i64,
    pub(super) deadline: Instant,
    /// So many are wanted, from the first on.
    pub(super) wanted: usize,
    /// True once the deadline has ended it.
    pub(super) is_late: AtomicBool,
}

/// How many fit, and the first of them.
pub(super) type Fruit = (usize, Vec<Ranked>);

type Values = Arc<dyn ColumnValues<i64>>;

/// What fits in one part of the index.
pub(super) struct Part {
    question: Question,
    now_ms: i64,
    wanted: usize,
    part: u32,
    total: usize,
    ranked: Vec<Ranked>,
    event_id: Values,
    starts: Values,
    day: Values,
    published: Values,
    price_min: Values,
    price_max: Values,
    lat: Values,
    lon: Values,
    length: Values,
}

impl Collector for Ranking<'_> {
    type Fruit = Fruit;
    type Child = Part;

    fn for_segment(&self, part: u32, segment: &SegmentReader) -> tantivy::Result<Part> {
        let fast = segment.fast_fields();
        let values = |name: &str| fast.i64(name).map(|column| column.first_or_default_col(0));
        Ok(Part {
            question: self.question.clone(),
            now_ms: self.now_ms,
            wanted: self.wanted,
            part,
            total: 0,
            ranked: Vec::new(),
            event_id: values("event_id")?,
            starts: values("starts")?,
            day: values("day")?,
            published: values("published")?,
            price_min: values("price_min")?,
            price_max: values("price_max")?,
            lat: values("lat")?,
            lon: values("lon")?,
            length: values("length")?,
        })
    }

    fn requires_scoring(&self) -> bool {
        true
    }

    fn merge_fruits(&self, parts: Vec<Fruit>) -> tantivy::Result<Fruit> {
        let total = parts.iter().map(|(total, _)| total).sum();
        let mut ranked: Vec<Ranked> = parts.into_iter().flat_map(|(_, ranked)| ranked).collect();
        ranked.sort_unstable_by(Ranked::order);
        ranked.truncate(self.wanted);
        Ok((total, ranked))
    }

    fn collect_segment(&self, weight: &dyn Weight, part: u32, segment: &SegmentReader) -> tantivy::Result<Fruit> {
        let mut child = self.for_segment(part, segment)?;
        let mut scorer = weight.scorer(segment, 1.0)?;
        let alive = segment.alive_bitset();
        let (mut doc, mut seen) = (scorer.doc(), 0_u32);
        while doc != TERMINATED {
            if seen.is_multiple_of(LOOKS) && Instant::now() >= self.deadline {
                self.is_late.store(true, Order::Relaxed);
                return Err(TantivyError::SystemError("the deadline has passed".to_owned()));
            }
            seen += 1;
            if alive.is_none_or(|alive| alive.is_alive(doc)) {
                child.collect(doc, scorer.score());
            }
            doc = scorer.advance();
        }
        Ok(child.harvest())
    }
}

impl Part {
    fn fits(&self, doc: DocId) -> bool {
        let question = &self.question;
        let day = self.day.get_val(doc);
        let names_days = question.from_day.is_some() || question.to_day.is_some();
        self.published.get_val(doc) <= self.now_ms
            && (names_days || self.starts.get_val(doc) >= self.now_ms.saturating_sub(LATE_MS))
            && question.from_day.is_none_or(|from| day >= from)
            && question.to_day.is_none_or(|to| day <= to)
            && question.price_min.is_none_or(|min| self.price_max.get_val(doc) >= i64::from(min))
            && question.price_max.is_none_or(|max| self.price_min.get_val(doc) <= i64::from(max))
            && question.near.is_none_or(|near| is_near(near, self.lat.get_val(doc), self.lon.get_val(doc)))
    }

    fn rank(&self, doc: DocId, score: Score) -> Ranked {
        let starts = self.starts.get_val(doc);
        let (score, key) = match self.question.sort {
            Sort::Date => (0.0, starts),
            Sort::Price => (0.0, self.price_min.get_val(doc)),
            Sort::Relevance if self.question.words.is_empty() => (0.0, starts),
            Sort::Relevance => {
                let length = self.length.get_val(doc).max(1) as f32;
                let share = (self.question.words.len() as f32 / length).min(1.0);
                let wait_ms = starts.saturating_sub(self.now_ms).max(0) as f32;
                (score + WHOLE_NAME * share + SOON / (1.0 + wait_ms / SOON_MS), 0)
            }
        };
        let address = DocAddress::new(self.part, doc);
        Ranked { score, key, starts, event_id: self.event_id.get_val(doc), address }
    }
}

impl SegmentCollector for Part {
    type Fruit = Fruit;

    fn collect(&mut self, doc: DocId, score: Score) {
        if !self.fits(doc) {
            return;
        }
        self.total += 1;
        let ranked = self.rank(doc, score);
        self.ranked.push(ranked);
        if self.ranked.len() >= self.wanted.max(1) * 2 {
            self.ranked.select_nth_unstable_by(self.wanted, Ranked::order);
            self.ranked.truncate(self.wanted);
        }
    }

    fn harvest(self) -> Fruit {
        (self.total, self.ranked)
    }
}

/// True if a position lies so near to another one, on a sphere.
fn is_near(near: Near, lat_e5: i64, lon_e5: i64) -> bool {
    if lat_e5 == NOWHERE {
        return false;
    }
    let radians = |e5: f64| e5 / 100_000.0 * PI / 180.0;
    let (lat, lon) = (radians(lat_e5 as f64), radians(lon_e5 as f64));
    let (to_lat, to_lon) = (radians(f64::from(near.lat_e5)), radians(f64::from(near.lon_e5)));
    let half = |difference: f64| (difference / 2.0).sin().powi(2);
    let part = half(lat - to_lat) + lat.cos() * to_lat.cos() * half(lon - to_lon);
    2.0 * EARTH_KM * part.sqrt().min(1.0).asin() <= f64::from(near.km)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_distance_is_on_a_sphere_and_across_the_date_line() {
        let near = |lat_e5, lon_e5, km| Near { lat_e5, lon_e5, km };
        let lisbon = (3_870_710, -913_640);
        assert!(is_near(near(4_114_960, -861_100, 280), lisbon.0, lisbon.1), "Porto is 275 km away");
        assert!(!is_near(near(4_114_960, -861_100, 270), lisbon.0, lisbon.1));
        assert!(is_near(near(0, 17_999_000, 3), 0, -17_999_000));
        assert!(!is_near(near(0, 0, 1_000), NOWHERE, NOWHERE));
    }
}
