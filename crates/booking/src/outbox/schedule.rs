//! When a message that failed is tried again, and when no more. Pure.

use std::time::Duration;

/// The waits between attempts; after the attempt that follows the last one, a message is dead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule(Vec<Duration>);

impl Default for Schedule {
    fn default() -> Self {
        Self([1, 5, 10, 30, 60].map(Duration::from_secs).to_vec())
    }
}

impl Schedule {
    /// Reads spans like `1s,5s,10s`.
    ///
    /// # Errors
    /// What is wrong, and what would be right.
    pub fn parse(text: &str) -> Result<Self, String> {
        let span = |part: &str| {
            let span = part.trim().parse::<jiff::SignedDuration>().ok().and_then(|span| Duration::try_from(span).ok());
            span.ok_or_else(|| format!("{part:?} is not a span of time; write them like 1s,5s,10s,30s,60s"))
        };
        text.split(',').map(span).collect::<Result<_, _>>().map(Self)
    }

    /// How long to wait after so many attempts, or that there were enough.
    #[must_use]
    pub fn wait_after(&self, attempts: usize) -> Option<Duration> {
        self.0.get(attempts.checked_sub(1)?).copied()
    }

    /// After so many attempts a message is dead.
    #[must_use]
    pub fn attempts_max(&self) -> usize {
        self.0.len() + 1
    }

    /// All waits, in their order.
    #[cfg(feature = "amqp")]
    pub(super) fn waits(&self) -> &[Duration] {
        &self.0
    }

    /// The shortest wait: nothing is due sooner.
    #[must_use]
    pub fn shortest(&self) -> Duration {
        self.0.iter().min().copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_more_attempts_and_then_no_more() {
        let schedule = Schedule::default();
        let waits: Vec<_> = (1..=6).map(|attempts| schedule.wait_after(attempts).map(|wait| wait.as_secs())).collect();
        assert_eq!(waits, [Some(1), Some(5), Some(10), Some(30), Some(60), None]);
        assert_eq!(Schedule::parse("1s, 5s,10s,30s,1m"), Ok(schedule));
        assert!(Schedule::parse("soon").is_err());
    }
}
