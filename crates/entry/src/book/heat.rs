//! Entries by network over the whole draw, and over this hour and the one before.

use serde::{Deserialize, Serialize};

use crate::heat::sketch::{COLUMNS_LARGE, COLUMNS_SMALL, linear_count};
use crate::heat::{NetworkTag, Sketch};

/// Counts of a fleet's entries by network.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Heat {
    draw: Sketch,
    /// The last two hours, each at its number modulo 2.
    hours: [(u32, Sketch); 2],
    /// Columns of the first row that were taken by the network of an address.
    used: u32,
    joins: u64,
    light: i64,
}

/// Entries of one network.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sums {
    /// In the whole draw.
    pub draw: u16,
    /// In this hour.
    pub hour: u16,
    /// In the hour before.
    pub before: u16,
}

impl PartialEq for Heat {
    /// What is kept is the same: a sketch of a store does not know its total.
    fn eq(&self, other: &Self) -> bool {
        let hours = |heat: &Self| heat.hours.clone().map(|(hour, sketch)| (hour, sketch.counters().to_vec()));
        let totals = |heat: &Self| (heat.used, heat.joins, heat.light);
        totals(self) == totals(other) && self.draw.counters() == other.draw.counters() && hours(self) == hours(other)
    }
}

impl Heat {
    /// Nothing was counted yet. So many columns as one of the two sizes of sketches has; the smaller one for any other
    /// number.
    #[must_use]
    pub fn new(columns: u32) -> Self {
        let new = || Sketch::with_columns(columns as usize);
        Self { draw: new(), hours: [(0, new()), (0, new())], used: 0, joins: 0, light: 0 }
    }

    /// The size of counts that were asked to have so many columns.
    #[must_use]
    pub fn new_columns(columns: u32) -> u32 {
        Self::columns_for(if columns as usize == COLUMNS_LARGE { u64::MAX } else { 0 })
    }

    /// The columns for a draw of about so many entries.
    #[must_use]
    pub fn columns_for(expected_entries: u64) -> u32 {
        // Both are far below 2³².
        (if expected_entries > COLUMNS_LARGE as u64 { COLUMNS_LARGE } else { COLUMNS_SMALL }) as u32
    }

    /// The counts of parts that a store keeps: counters big-endian, row after row. A part that is too short ends in zeros.
    #[must_use]
    pub fn of(columns: u32, draw: &[u8], hours: [(u32, &[u8]); 2], (joins, light, used): (u64, i64, u32)) -> Self {
        let sketch = |counters: &[u8]| Sketch::of_counters(columns as usize, counters);
        Self { draw: sketch(draw), hours: hours.map(|(hour, counters)| (hour, sketch(counters))), used, joins, light }
    }

    /// More entries, of whatever network, and so many more networks with few.
    pub fn add(&mut self, joins: u32, light: i32) {
        self.joins += u64::from(joins);
        self.light += i64::from(light);
    }

    /// More entries of a network, in an hour. An hour that is over for two hours is not counted any more.
    pub fn count(&mut self, network: &NetworkTag, entries: u16, hour: u32) {
        let is_new = network.is_address() && self.draw.is_new_in_first_row(network);
        self.used += u32::from(is_new && entries > 0);
        self.draw.add(network, entries);
        let (of, sketch) = &mut self.hours[hour as usize % 2];
        if *of < hour {
            *of = hour;
            *sketch = Sketch::with_columns(self.draw.columns());
        }
        if *of == hour {
            sketch.add(network, entries);
        }
    }

    /// Entries of a network, as of an hour.
    #[must_use]
    pub fn sums(&self, network: &NetworkTag, hour: u32) -> Sums {
        let of = |hour: u32| {
            let (own, sketch) = &self.hours[hour as usize % 2];
            if *own == hour { sketch.count(network) } else { 0 }
        };
        Sums { draw: self.draw.count(network), hour: of(hour), before: hour.checked_sub(1).map_or(0, of) }
    }

    /// A network has at least so many: what another counted is taken over.
    pub fn raise(&mut self, network: &NetworkTag, sums: Sums, hour: u32) {
        self.draw.raise(network, sums.draw);
        for (hour, count) in [(Some(hour), sums.hour), (hour.checked_sub(1), sums.before)] {
            let Some(hour) = hour.filter(|_| count > 0) else { continue };
            let (of, sketch) = &mut self.hours[hour as usize % 2];
            if *of < hour {
                *of = hour;
                *sketch = Sketch::with_columns(self.draw.columns());
            }
            if *of == hour {
                sketch.raise(network, count);
            }
        }
    }

    /// Takes over what the fleet has counted in all.
    pub fn set_totals(&mut self, joins: u64, light: i64, used: u32) {
        (self.joins, self.light, self.used) = (joins, light, used);
    }

    /// All entries.
    #[must_use]
    pub fn joins(&self) -> u64 {
        self.joins
    }

    /// Networks with few entries at an edge.
    #[must_use]
    pub fn light(&self) -> i64 {
        self.light
    }

    /// Columns of the first row that are in use.
    #[must_use]
    pub fn used(&self) -> u32 {
        self.used
    }

    /// Columns of the counts.
    #[must_use]
    pub fn columns(&self) -> u32 {
        self.draw.columns() as u32
    }

    /// The crowd's own mean: entries a network; 1 while there is none.
    #[must_use]
    pub fn mean(&self) -> f64 {
        let many = linear_count(self.used as usize, self.draw.columns());
        (self.joins as f64 / (many + self.light.max(0) as f64).max(1.0)).max(1.0)
    }
}
