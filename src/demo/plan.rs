//! What a demo plays: how many come, when the sale starts, and how fast people are let in. Pure.

use std::fmt::{Display, Formatter};
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::ports::EdgePorts;

/// The room and the event of the demo.
pub(super) const ROOM: &str = "demo";

/// A crowd is let in within about so long, so that the demo ends while somebody watches; a very large one takes longer.
const LET_IN_WITHIN_S: u64 = 100;
const RATE_MIN: u64 = 600;
const RATE_MAX: u64 = 12_000;
const BURST_MIN: u64 = 10;
const ACTIVE_MIN: u64 = 1_000;

/// What the person at the terminal asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DemoPlan {
    /// From the opening of the pool to the start of the sale.
    pub starts_in: Duration,
    /// Simulated fans.
    pub fans: u32,
    /// Simulated bots.
    pub bots: u32,
    /// Decides who behaves how.
    pub seed: u64,
    /// People let in per minute, where the usual rate is not wanted.
    pub rate_per_minute: Option<u32>,
    /// Edges that the crowd is spread over; more than one share a Redis.
    pub edges: u16,
    /// Keep rooms in a private Redis instead of a file.
    pub redis: bool,
    /// Stay up after the report.
    pub keep_running: bool,
    /// Where to write the report as JSON.
    pub report: Option<PathBuf>,
    /// Send a farm into side rooms as well.
    pub farm: bool,
    /// Where to write what every fan did and was told.
    pub history: Option<PathBuf>,
}

impl DemoPlan {
    /// Fans and bots.
    #[must_use]
    pub fn everyone(&self) -> u64 {
        u64::from(self.fans) + u64::from(self.bots)
    }

    /// People let in per minute: fast enough that a crowd of some thousands is through in under two minutes.
    #[must_use]
    pub fn rate_per_minute(&self) -> u64 {
        let usual = (self.everyone() * 60 / LET_IN_WITHIN_S).next_multiple_of(100).clamp(RATE_MIN, RATE_MAX);
        self.rate_per_minute.map_or(usual, u64::from)
    }

    /// What the steady rate calls between two looks of the edge at its room, so that the burst never slows it down.
    fn burst(&self) -> u64 {
        (self.rate_per_minute() / 300).max(BURST_MIN)
    }

    /// Buyers leave at once; the others stay until their session is idle: room for both.
    fn max_active(&self) -> u64 {
        (self.rate_per_minute() * 3).max(ACTIVE_MIN)
    }

    /// The configuration of an edge, for a pool that opens at `opens_at`; `redis` is where rooms are kept, if not in a file.
    ///
    /// # Errors
    /// When the start lies beyond the calendar.
    pub(super) fn config(
        &self,
        edge: EdgePorts,
        booking: u16,
        redis: Option<&str>,
        files: &Path,
        opens_at: Timestamp,
    ) -> Result<String, jiff::Error> {
        let starts_at = opens_at.checked_add(SignedDuration::try_from(self.starts_in)?)?;
        let EdgePorts { gate, admin } = edge;
        let (rate, burst, max_active) = (self.rate_per_minute(), self.burst(), self.max_active());
        let quoted = |name: &str| toml::Value::from(files.join(name).to_string_lossy().into_owned()).to_string();
        let (keys, store) = (quoted("keys"), quoted(&format!("rooms-{gate}")));
        let redis = redis.map_or_else(String::new, |url| format!("redis = \"{url}\"\n"));
        Ok(format!(
            r#"# Written by `fairgate demo`.
[edge]
listen = ["127.0.0.1:{gate}"]
keys = {keys}
shutdown_grace = "1s"

[store]
path = {store}
{redis}
[admin]
listen = "127.0.0.1:{admin}"

[log]
level = "warn"

[[upstream]]
name = "shop"
address = "127.0.0.1:{booking}"

[[room]]
name = "{ROOM}"
title = "The demo concert"
hosts = ["*"]
paths = ["/"]
exempt = ["/bookings", "/search"]
upstream = "shop"
opens_at = "{opens_at}"
starts_at = "{starts_at}"

[room.admission]
rate_per_minute = {rate}
burst = {burst}
max_active = {max_active}
grace = "2m"

[room.session]
idle = "3m"
max = "30m"

[room.poll]
floor = "2s"
ceiling = "30s"
divisor = 10
per_second = 4_000
"#
        ))
    }
}

impl Display for DemoPlan {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        let (starts_in_s, rate) = (self.starts_in.as_secs(), self.rate_per_minute());
        write!(f, "The pool is open. The sale starts in {starts_in_s} s; then {rate} people a minute are let in.")?;
        if self.everyone() > 0 {
            write!(f, "\nA crowd of {} fans and {} bots is on its way.", self.fans, self.bots)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    const PORTS: EdgePorts = EdgePorts { gate: 8080, admin: 9090 };

    fn plan(fans: u32, bots: u32) -> DemoPlan {
        DemoPlan {
            starts_in: Duration::from_secs(60),
            fans,
            bots,
            seed: 1,
            rate_per_minute: None,
            edges: 1,
            redis: false,
            keep_running: false,
            report: None,
            farm: false,
            history: None,
        }
    }

    #[test]
    fn the_configuration_is_one_that_the_edge_takes() {
        let opens_at: Timestamp = "2026-12-01T10:00:00.25Z".parse().unwrap();
        for (fans, bots) in [(0, 0), (5_000, 200), (100_000, 1_000)] {
            let redis = (fans > 0).then_some("redis://127.0.0.1:7000");
            let files = Path::new("/tmp/a \"quoted\" place");
            let text = plan(fans, bots).config(PORTS, 3000, redis, files, opens_at).unwrap();
            let config = Config::parse(&text, Path::new("demo.toml")).unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(config.store.redis.is_some(), fans > 0);
            let schedule = &config.rooms[0].schedule;
            assert_eq!(schedule.starts_at_ms - schedule.opens_at_ms, 60_000);
            assert_eq!(config.edge.keys, Path::new("/tmp/a \"quoted\" place/keys"));
        }
    }

    #[test]
    fn a_crowd_of_thousands_is_let_in_within_two_minutes() {
        assert_eq!(plan(0, 0).rate_per_minute(), 600);
        assert_eq!(plan(5_000, 200).rate_per_minute(), 3_200);
        assert_eq!(plan(60_000, 200).rate_per_minute(), 12_000);
        assert_eq!(DemoPlan { rate_per_minute: Some(60), ..plan(5_000, 200) }.rate_per_minute(), 60);
    }
}
