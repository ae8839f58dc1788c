//! The report of sellers and sharers for the terminal.

use std::fmt::{Display, Formatter, Result};

use super::{Kind, SellersReport};

impl Display for SellersReport {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let kinds = [("own browser", &self.own), ("copied ticket", &self.buyers), ("copied pass", &self.guests)];
        writeln!(f, "the room binds places to: {}", self.binding)?;
        writeln!(f, "came by              people    inside")?;
        for (name, Kind { people, inside, .. }) in kinds {
            writeln!(f, "{name:<16} {people:>10} {inside:>9}")?;
        }
        let percent = |share: f64| 100.0 * share;
        writeln!(
            f,
            "{:.1} % of the people inside came by a copy: {:.1} % by a ticket's, {:.1} % by a pass's",
            percent(self.share_by_ticket + self.share_by_pass),
            percent(self.share_by_ticket),
            percent(self.share_by_pass)
        )?;
        for (name, kind) in kinds {
            for (reason, times) in &kind.refused {
                writeln!(f, "refused, {name}: {times} x {reason}")?;
            }
        }
        Ok(())
    }
}
