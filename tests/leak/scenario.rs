//! What happens to the shop, and who steers.

use crate::people::Errand;

/// Who decides how many come in.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Policy {
    /// The organizer's rate, which is right for the shop as long as it is well.
    Fixed,
    /// The controller.
    Adaptive,
    /// Somebody who knows what the shop will bear, and loads it so far.
    Clairvoyant { load: f64 },
}

/// One thing that happens to a shop.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    pub(crate) seconds: u64,
    /// Workers over time: from this second on so many, in a straight line to the next where `ramps`.
    pub(crate) workers: &'static [(u64, u64)],
    pub(crate) ramps: bool,
    pub(crate) no_show: f64,
    /// True if the shop sends `Server-Timing`.
    pub(crate) tells_waits: bool,
    /// Signals come so much later.
    pub(crate) lag_ms: u64,
    /// From which second to which nothing is heard.
    pub(crate) silent: Option<(u64, u64)>,
    /// When every second person inside comes back with more tabs.
    pub(crate) stampede_at: Option<u64>,
    /// What the organizer set.
    pub(crate) rate_per_minute: u32,
    /// What people do inside.
    pub(crate) errand: Errand,
}

const WELL: Scenario = Scenario {
    name: "well",
    seconds: 900,
    workers: &[(0, 12)],
    ramps: false,
    no_show: 0.1,
    tells_waits: true,
    lag_ms: 0,
    silent: None,
    stampede_at: None,
    rate_per_minute: 1_000,
    errand: Errand::Browse,
};

/// Half of the shop is gone for five minutes.
pub(crate) const HALVED: Scenario = Scenario { name: "halved", workers: &[(0, 12), (300, 6), (600, 12)], ..WELL };
const STEPS: Scenario =
    Scenario { name: "steps", workers: &[(0, 12), (200, 9), (400, 5), (600, 8), (750, 12)], ..WELL };
const RAMPS: Scenario =
    Scenario { name: "ramps", workers: &[(0, 12), (200, 12), (450, 5), (700, 12)], ramps: true, ..WELL };
const UNTOLD: Scenario = Scenario { name: "halved, no Server-Timing", tells_waits: false, ..HALVED };
const LAGGING: Scenario = Scenario { name: "halved, signals 2 s late", lag_ms: 2_000, ..HALVED };
/// The shop is halved while nobody can tell.
pub(crate) const SILENT: Scenario =
    Scenario { name: "silent for 60 s", seconds: 600, silent: Some((300, 360)), ..WELL };
const STAMPEDE: Scenario = Scenario { name: "stampede", stampede_at: Some(400), ..WELL };
/// Three of ten never come, and the organizer wants 500 a minute.
pub(crate) const NO_SHOWS: Scenario = Scenario { name: "no-shows 30%", no_show: 0.3, rate_per_minute: 500, ..WELL };
/// Sessions of seconds with their work at the end, and a capacity that changes every few of them.
pub(crate) const CHECKOUT: Scenario = Scenario {
    name: "checkout, halved",
    seconds: 400,
    workers: &[(0, 12), (150, 6), (270, 12)],
    rate_per_minute: 1_500,
    errand: Errand::Checkout,
    ..WELL
};

pub(crate) fn all() -> [Scenario; 10] {
    [WELL, HALVED, STEPS, RAMPS, UNTOLD, LAGGING, SILENT, STAMPEDE, NO_SHOWS, CHECKOUT]
}

impl Scenario {
    pub(crate) fn workers_at(&self, second: f64) -> u64 {
        let reached = self.workers.iter().rposition(|(from, _)| *from as f64 <= second).unwrap_or(0);
        let (from, workers) = self.workers[reached];
        match self.workers.get(reached + 1) {
            Some((to, next)) if self.ramps => {
                let part = (second - from as f64) / (to - from) as f64;
                (workers as f64 + (*next as f64 - workers as f64) * part).round() as u64
            }
            _ => workers,
        }
    }
}
