//! What was carried: counts by kind, second by second.

use hdrhistogram::Histogram;
use serde::Serialize;

/// What fans ask of the edges, and edges of the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Page,
    Poll,
    Join,
    Claim,
    StoreEnter,
    StoreClaim,
    StoreView,
    StoreRelease,
}

pub(crate) const KINDS: [(Kind, &str); 8] = [
    (Kind::Page, "pages"),
    (Kind::Poll, "status polls"),
    (Kind::Join, "joins"),
    (Kind::Claim, "claims"),
    (Kind::StoreEnter, "store: enter"),
    (Kind::StoreClaim, "store: claim"),
    (Kind::StoreView, "store: view"),
    (Kind::StoreRelease, "store: release"),
];

/// One kind's totals.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Carried {
    /// What it is.
    pub kind: &'static str,
    /// In all.
    pub total: u64,
    /// In the busiest second, everywhere.
    pub peak_per_s: u64,
    /// In the busiest second of the busiest edge.
    pub peak_per_s_and_edge: u64,
    /// Answered in all.
    pub bytes: u64,
    /// Answered in the busiest second, everywhere.
    pub peak_bytes_per_s: u64,
}

struct Counter {
    carried: Carried,
    this_second: Vec<u64>,
    bytes_this_second: u64,
}

/// All kinds.
pub(crate) struct Meter {
    counters: Vec<Counter>,
}

impl Meter {
    pub(crate) fn new(edges: usize) -> Self {
        let counter = |(_, kind): &(Kind, &'static str)| Counter {
            carried: Carried { kind, ..Carried::default() },
            this_second: vec![0; edges],
            bytes_this_second: 0,
        };
        Self { counters: KINDS.iter().map(counter).collect() }
    }

    pub(crate) fn count(&mut self, kind: Kind, edge: usize, bytes: u64) {
        let counter = &mut self.counters[kind as usize];
        counter.this_second[edge] += 1;
        counter.bytes_this_second += bytes;
    }

    /// Closes a second.
    pub(crate) fn second(&mut self) {
        for Counter { carried, this_second, bytes_this_second } in &mut self.counters {
            let everywhere = this_second.iter().sum::<u64>();
            carried.total += everywhere;
            carried.peak_per_s = carried.peak_per_s.max(everywhere);
            carried.peak_per_s_and_edge =
                carried.peak_per_s_and_edge.max(this_second.iter().copied().max().unwrap_or(0));
            carried.bytes += *bytes_this_second;
            carried.peak_bytes_per_s = carried.peak_bytes_per_s.max(*bytes_this_second);
            this_second.fill(0);
            *bytes_this_second = 0;
        }
    }

    pub(crate) fn carried(self) -> Vec<Carried> {
        self.counters.into_iter().map(|counter| counter.carried).collect()
    }
}

/// How long something took.
#[derive(Clone, Debug, Serialize)]
pub struct Took {
    /// What it was.
    pub what: &'static str,
    /// Half of it took no longer, ms.
    pub median_ms: u64,
    /// 99 of 100 took no longer, ms.
    pub p99_ms: u64,
    /// Nothing took longer, ms.
    pub longest_ms: u64,
}

impl Took {
    pub(crate) fn of(what: &'static str, times_ms: &Histogram<u64>) -> Self {
        Self {
            what,
            median_ms: times_ms.value_at_quantile(0.5),
            p99_ms: times_ms.value_at_quantile(0.99),
            longest_ms: times_ms.max(),
        }
    }
}
