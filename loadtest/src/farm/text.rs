//! The farm's report for the terminal.

use std::fmt::{Display, Formatter, Result};

use super::{FarmReport, Side};

impl Display for FarmReport {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        writeln!(f, "                 people  attempts   entries  of the first {} places  CPU s of work", self.seats)?;
        line(f, "fans", &self.fans)?;
        line(f, "farm", &self.farm)?;
        let percent = |share: f64| 100.0 * share;
        writeln!(
            f,
            "the farm's share: {:.1} % of the people, {:.1} % of the entries, {:.1} % of the first {} places",
            percent(self.share_of_people),
            percent(self.share_of_entries),
            percent(self.share_of_seats),
            self.seats
        )?;
        match self.places_p_value {
            Some(p) => writeln!(f, "the farm's places beside everybody else's: p = {p:.3}")?,
            None => writeln!(f, "the farm has too few entries to test their places")?,
        }
        match self.people_chi_square.zip(self.people_p_value) {
            Some((statistic, p)) => {
                writeln!(f, "the first places beside what so many people have: χ² = {statistic:.1}, p = {p:.3}")?;
            }
            None => writeln!(f, "too few places to hold them against the people")?,
        }
        if let Some(hours) = self.work_hours_a_seat.filter(|hours| *hours > 0.0) {
            writeln!(f, "each of the farm's places cost {hours:.5} CPU hours of puzzles")?;
        }
        for (name, side) in [("fans", &self.fans), ("farm", &self.farm)] {
            for (reason, times) in &side.refused {
                writeln!(f, "refused, {name}: {times} x {reason}")?;
            }
        }
        Ok(())
    }
}

fn line(f: &mut Formatter<'_>, name: &str, side: &Side) -> Result {
    let Side { people, attempts, entries, seats, work_s, .. } = side;
    writeln!(f, "{name:<12} {people:>10} {attempts:>9} {entries:>9} {seats:>26} {work_s:>14.1}")
}
