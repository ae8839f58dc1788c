//! The judge: from what every fan saw to what the run proves. Pure: facts in, report figures and verdicts out.

mod audit;
mod cap;
mod fairness;
mod promises;
mod statistics;

pub(crate) use audit::Audit;
pub use cap::{Breach, Cap, most_in_a_window};
pub(crate) use fairness::fairness;
pub(crate) use promises::promises;
pub use statistics::{ChiSquare, goodness_of_fit, independence};

use crate::fan::Life;
use crate::room::Called;

/// All that a run brought to light.
#[derive(Debug)]
pub(crate) struct Facts {
    pub(crate) lives: Vec<Life>,
    pub(crate) timeline: Vec<Called>,
    pub(crate) cap: Cap,
    /// Entries in the whole pool, once frozen.
    pub(crate) entries: Option<u64>,
    pub(crate) audit: Audit,
    /// Of the seats that fans paid for, those that the booking core still offers; `None` where it could not be asked.
    pub(crate) still_offered: Option<Vec<String>>,
}

impl Facts {
    /// The instants of all admissions, sorted.
    pub(crate) fn admitted_at_ms(&self) -> Vec<u64> {
        let mut instants: Vec<u64> =
            self.lives.iter().filter_map(|life| life.admitted.as_ref()).map(|admission| admission.at_ms).collect();
        instants.sort_unstable();
        instants
    }

    /// The last `serving` that anybody saw.
    pub(crate) fn serving(&self) -> u64 {
        self.timeline.iter().map(|called| called.serving).max().unwrap_or(0)
    }

    /// Every seat that a purchase names.
    pub(crate) fn seats_sold(&self) -> Vec<&str> {
        let purchases = self.lives.iter().filter_map(|life| life.purchase.as_ref());
        purchases.flat_map(|bought| bought.seats.iter().map(String::as_str)).collect()
    }

    /// Seats that two purchases name.
    pub(crate) fn seats_sold_twice(&self) -> Vec<&str> {
        let mut seats = self.seats_sold();
        seats.sort_unstable();
        let mut twice: Vec<&str> = seats.windows(2).filter(|pair| pair[0] == pair[1]).map(|pair| pair[0]).collect();
        twice.dedup();
        twice
    }
}
