//! How the shop felt, second by second: what fans who were inside waited for its answers.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde::Serialize;
use tokio::time::Instant;

/// Seconds of a run that are kept: three hours.
const SECONDS_MAX: usize = 10_800;

/// One second of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct ShopSecond {
    /// Answers that came in it, but for those that asked to come back later.
    pub answered: u64,
    /// Requests that were told to come back later.
    pub turned_away: u64,
    /// 99 of 100 of the answers took no longer, in milliseconds.
    pub p99_ms: f64,
}

/// The shop's answers as they come in.
#[derive(Debug)]
pub(crate) struct Timeline {
    began: Instant,
    seconds: Mutex<Vec<Second>>,
}

#[derive(Clone, Debug, Default)]
struct Second {
    took_us: Vec<u32>,
    turned_away: u64,
}

impl Timeline {
    pub(crate) fn begin() -> Self {
        Self { began: Instant::now(), seconds: Mutex::default() }
    }

    /// Notes an answer that comes now.
    pub(crate) fn answered(&self, status: u16, took: Duration) {
        let at = usize::try_from(self.began.elapsed().as_secs()).unwrap_or(SECONDS_MAX);
        if at >= SECONDS_MAX {
            return;
        }
        let mut seconds = self.seconds.lock().unwrap_or_else(PoisonError::into_inner);
        if seconds.len() <= at {
            seconds.resize(at + 1, Second::default());
        }
        if matches!(status, 429 | 503) {
            seconds[at].turned_away += 1;
        } else {
            seconds[at].took_us.push(u32::try_from(took.as_micros()).unwrap_or(u32::MAX));
        }
    }

    /// Every second of the run so far.
    pub(crate) fn seconds(&self) -> Vec<ShopSecond> {
        self.seconds.lock().unwrap_or_else(PoisonError::into_inner).iter().map(Second::summary).collect()
    }
}

impl Second {
    fn summary(&self) -> ShopSecond {
        let mut took_us = self.took_us.clone();
        took_us.sort_unstable();
        let p99_us = took_us.get(took_us.len() * 99 / 100).copied().unwrap_or(0);
        let answered = took_us.len() as u64;
        ShopSecond { answered, turned_away: self.turned_away, p99_ms: f64::from(p99_us) / 1_000.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn answers_belong_to_the_second_in_which_they_came() {
        let timeline = Timeline::begin();
        (1..=100).for_each(|ms| timeline.answered(200, Duration::from_millis(ms)));
        tokio::time::advance(Duration::from_millis(2_500)).await;
        timeline.answered(503, Duration::from_millis(1));
        timeline.answered(409, Duration::from_millis(7));
        let second = |answered, turned_away, p99_ms| ShopSecond { answered, turned_away, p99_ms };
        assert_eq!(timeline.seconds(), [second(100, 0, 100.0), ShopSecond::default(), second(1, 1, 7.0)]);
    }
}
