//! Measurements of a shop since they were last taken out.
//!
//! Guarantee: everything that a request tells of the shop is counted once.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use fairgate_core::overload::{Interval, Meter};

/// Measurements since the last interval was taken out.
#[derive(Default)]
pub(super) struct Measured {
    answers: Meter,
    in_shop: Meter,
    waits: Meter,
    tells_waits: AtomicBool,
    errors: AtomicU64,
    refused: AtomicU64,
}

/// An answer of a shop.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ShopAnswer {
    /// Since the fan's request came.
    pub(crate) total: Duration,
    /// Since it went to the shop.
    pub(crate) in_shop: Duration,
    /// For a slot.
    pub(crate) waited: Duration,
    /// In the shop's own queue, if the shop says so.
    pub(crate) shop_queue: Option<Duration>,
    /// True if the answer is the shop's failure (5xx).
    pub(crate) is_error: bool,
}

impl Measured {
    /// The shop began to answer.
    pub(crate) fn answer(&self, answer: &ShopAnswer) {
        self.answers.record(us(answer.total));
        self.in_shop.record(us(answer.in_shop));
        match answer.shop_queue {
            Some(queue) => {
                self.tells_waits.store(true, Relaxed);
                self.waits.record(us(answer.waited + queue));
            }
            // A shop that states its queue's time leaves it out where it is zero.
            None if self.tells_waits.load(Relaxed) && answer.waited.is_zero() => {}
            None => self.waits.record(us(answer.waited)),
        }
        if answer.is_error {
            self.errors.fetch_add(1, Relaxed);
        }
    }

    /// The shop could not be reached, or did not answer.
    pub(super) fn failure(&self) {
        self.errors.fetch_add(1, Relaxed);
    }

    /// A request was refused, since the shop had all it could take.
    pub(crate) fn refusal(&self) {
        self.refused.fetch_add(1, Relaxed);
    }

    /// Takes out what was measured since the last time; `in_flight` are the requests with the shop now.
    pub(crate) fn take(&self, in_flight: u64) -> Interval {
        Interval {
            answers: self.answers.take(),
            in_shop: self.in_shop.take(),
            waits: self.waits.take(),
            tells_waits: self.tells_waits.load(Relaxed),
            errors: self.errors.swap(0, Relaxed),
            refused: self.refused.swap(0, Relaxed),
            in_flight,
        }
    }
}

fn us(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

/// The time that a request waited in the shop's own queue: `queue;dur=` of `Server-Timing`, in milliseconds.
pub(crate) fn shop_queue(server_timing: &str) -> Option<Duration> {
    let metric = server_timing.split(',').map(str::trim).find(|metric| metric.split(';').next() == Some("queue"))?;
    let ms: f64 = metric.split(';').find_map(|part| part.trim().strip_prefix("dur="))?.parse().ok()?;
    Duration::try_from_secs_f64(ms / 1_000.0).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_shops_queue() {
        let ms = |text| shop_queue(text).map(|queue| queue.as_micros());
        assert_eq!(ms("queue;dur=12.5, db;dur=3"), Some(12_500));
        assert_eq!(ms("total;dur=2.0, inflight;desc=1, queue;desc=x;dur=0"), Some(0));
        for without in ["", "db;dur=3", "queue", "queue;dur=", "queue;dur=-4", "queue;dur=NaN", "queues;dur=3"] {
            assert_eq!(ms(without), None, "{without}");
        }
    }
}
