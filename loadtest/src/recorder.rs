//! What every request took and what went wrong, counted while thousands of fans write to it at once.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use hdrhistogram::Histogram;

use crate::timeline::{ShopSecond, Timeline};

/// The kinds of request that fans make, as the report names them, and connecting.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Connect,
    Page,
    Status,
    Join,
    Claim,
    Leave,
    Event,
    Availability,
    Reserve,
    Payment,
    Cancel,
}

impl Kind {
    pub(crate) const ALL: [Self; 11] = [
        Self::Connect,
        Self::Page,
        Self::Status,
        Self::Join,
        Self::Claim,
        Self::Leave,
        Self::Event,
        Self::Availability,
        Self::Reserve,
        Self::Payment,
        Self::Cancel,
    ];

    fn is_shopping(self) -> bool {
        matches!(self, Self::Event | Self::Availability | Self::Reserve | Self::Payment | Self::Cancel)
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Page => "page",
            Self::Status => "status",
            Self::Join => "join",
            Self::Claim => "claim",
            Self::Leave => "leave",
            Self::Event => "event",
            Self::Availability => "availability",
            Self::Reserve => "reserve",
            Self::Payment => "payment",
            Self::Cancel => "cancel",
        }
    }
}

/// How long answers took, in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Serialize)]
pub struct Latency {
    /// Answers.
    pub count: u64,
    /// Their mean.
    pub mean: f64,
    /// Half of them were quicker.
    pub p50: f64,
    /// 90 of 100 were quicker.
    pub p90: f64,
    /// 99 of 100 were quicker.
    pub p99: f64,
    /// 999 of 1,000 were quicker.
    pub p999: f64,
    /// The slowest.
    pub max: f64,
}

/// Latencies by kind, errors by kind, and the counters that the progress display reads.
#[derive(Debug)]
pub(crate) struct Recorder {
    took_us: [Mutex<Histogram<u64>>; Kind::ALL.len()],
    errors: Mutex<BTreeMap<String, u64>>,
    turned_away: Mutex<BTreeMap<String, u64>>,
    requests: AtomicU64,
    shop: Timeline,
}

impl Recorder {
    pub(crate) fn new() -> Self {
        Self {
            took_us: std::array::from_fn(|_| Mutex::new(empty_histogram())),
            errors: Mutex::default(),
            turned_away: Mutex::default(),
            requests: AtomicU64::new(0),
            shop: Timeline::begin(),
        }
    }

    pub(crate) fn answered(&self, kind: Kind, took: Duration) {
        if kind != Kind::Connect {
            self.requests.fetch_add(1, Ordering::Relaxed);
        }
        let took_us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        lock(&self.took_us[kind as usize]).saturating_record(took_us);
    }

    /// An answer of the shop to somebody inside; others are no matter of it.
    pub(crate) fn shopped(&self, kind: Kind, status: u16, took: Duration) {
        if kind.is_shopping() {
            self.shop.answered(status, took);
        }
    }

    pub(crate) fn shop_seconds(&self) -> Vec<ShopSecond> {
        self.shop.seconds()
    }

    /// Something that should not have happened.
    pub(crate) fn error(&self, kind: Kind, what: &str) {
        *lock(&self.errors).entry(format!("{}: {what}", kind.name())).or_default() += 1;
    }

    /// A fan of this crowd came to grief by the crowd's own fault.
    pub(crate) fn crashed(&self, why: &str) {
        *lock(&self.errors).entry(format!("crowd: {why}")).or_default() += 1;
    }

    /// The server asked to come back later (429, or 503 with `Retry-After`), which it may.
    pub(crate) fn turned_away(&self, kind: Kind, status: u16) {
        *lock(&self.turned_away).entry(format!("{}: {status}", kind.name())).or_default() += 1;
    }

    pub(crate) fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    pub(crate) fn errors(&self) -> BTreeMap<String, u64> {
        lock(&self.errors).clone()
    }

    pub(crate) fn all_turned_away(&self) -> BTreeMap<String, u64> {
        lock(&self.turned_away).clone()
    }

    /// The latencies of each kind that was asked at all, and of all requests together under `all`.
    pub(crate) fn latencies(&self) -> BTreeMap<String, Latency> {
        let mut all = empty_histogram();
        let mut latencies = BTreeMap::new();
        for kind in Kind::ALL {
            let took = lock(&self.took_us[kind as usize]);
            if took.is_empty() {
                continue;
            }
            latencies.insert(kind.name().to_owned(), latency(&took));
            if kind != Kind::Connect {
                // Both have the same bounds, so that nothing can be out of range.
                let _ = all.add(&*took);
            }
        }
        latencies.insert("all".to_owned(), latency(&all));
        latencies
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn empty_histogram() -> Histogram<u64> {
    // One microsecond to ten minutes, three digits: constants that the constructor accepts.
    Histogram::new_with_bounds(1, 600_000_000, 3).expect("valid bounds")
}

fn latency(took_us: &Histogram<u64>) -> Latency {
    let ms = |us: f64| (us / 10.0).round() / 100.0;
    let quantile = |q: f64| ms(took_us.value_at_quantile(q) as f64);
    Latency {
        count: took_us.len(),
        mean: ms(took_us.mean()),
        p50: quantile(0.5),
        p90: quantile(0.9),
        p99: quantile(0.99),
        p999: quantile(0.999),
        max: ms(took_us.max() as f64),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn latencies_are_in_milliseconds_and_only_of_what_was_asked() {
        let recorder = Recorder::new();
        for ms in 1..=100 {
            recorder.answered(Kind::Join, Duration::from_millis(ms));
        }
        let latencies = recorder.latencies();
        assert_eq!(latencies.keys().collect::<Vec<_>>(), ["all", "join"]);
        let join = latencies["join"];
        assert_eq!((join.count, join.mean.round(), join.p50.round(), join.p99.round()), (100, 51.0, 50.0, 99.0));
        assert_eq!(latencies["all"], join);
    }

    #[test]
    fn errors_are_counted_by_kind() {
        let recorder = Recorder::new();
        recorder.error(Kind::Claim, "HTTP 500");
        recorder.error(Kind::Claim, "HTTP 500");
        recorder.turned_away(Kind::Join, 503);
        assert_eq!(recorder.errors(), BTreeMap::from([("claim: HTTP 500".to_owned(), 2)]));
        assert_eq!(recorder.all_turned_away(), BTreeMap::from([("join: 503".to_owned(), 1)]));
    }
}
