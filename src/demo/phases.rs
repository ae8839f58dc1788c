//! One line for each change of the room's phase, as its public status tells it.

use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Deserialize;

use fairgate_core::room::Phase;

const LOOK_EVERY: Duration = Duration::from_millis(250);

#[derive(Debug, Deserialize)]
struct Status {
    phase: Phase,
    paused: bool,
    now_ms: u64,
    starts_at_ms: u64,
    pool_size: u64,
    line_size: u64,
    rate_per_minute: u64,
}

/// Tells every change until it is dropped.
pub(super) async fn tell(status_url: String) {
    let client = reqwest::Client::new();
    let mut last = None;
    loop {
        // A look that fails tells nothing; whether the edge is well is seen elsewhere.
        if let Ok(answer) = client.get(&status_url).send().await
            && let Ok(status) = answer.json::<Status>().await
        {
            let now = (status.phase, status.paused);
            if last != Some(now) {
                super::say(&line(&status));
                last = Some(now);
            }
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

fn line(status: &Status) -> String {
    let starts_in_s = status.starts_at_ms.saturating_sub(status.now_ms).div_ceil(1_000);
    let what = match status.phase {
        Phase::Idle => "idle: the pool opens soon".to_owned(),
        Phase::Pooling => format!("pooling: everyone who comes in the next {starts_in_s} s takes part in the draw"),
        Phase::Drawing => format!("drawing: {} entries are frozen, their root is public", status.pool_size),
        Phase::Serving if status.paused => "serving, but paused: nobody is let in".to_owned(),
        Phase::Serving => {
            let (places, rate) = (status.line_size, status.rate_per_minute);
            format!("serving: {places} places are given, {rate} people a minute are let in")
        }
        Phase::Ended => "ended: the sale is over".to_owned(),
    };
    format!("{}  {what}", clock(status.now_ms))
}

fn clock(now_ms: u64) -> String {
    let time = i64::try_from(now_ms).ok().and_then(|ms| Timestamp::from_millisecond(ms).ok()).unwrap_or_default();
    time.to_zoned(TimeZone::system()).strftime("%H:%M:%S").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_phase_has_its_line() {
        let status = |phase, paused| Status {
            phase,
            paused,
            now_ms: 0,
            starts_at_ms: 59_100,
            pool_size: 7,
            line_size: 9,
            rate_per_minute: 60,
        };
        let told = |phase, paused| line(&status(phase, paused))[10..].to_owned();
        assert_eq!(told(Phase::Pooling, false), "pooling: everyone who comes in the next 60 s takes part in the draw");
        assert_eq!(told(Phase::Drawing, false), "drawing: 7 entries are frozen, their root is public");
        assert_eq!(told(Phase::Serving, false), "serving: 9 places are given, 60 people a minute are let in");
        assert_ne!(told(Phase::Serving, true), told(Phase::Serving, false));
    }
}
