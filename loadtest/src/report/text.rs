//! The report for people.

use std::fmt::{Display, Formatter, Result};

use super::{ArrivalDecile, Report};

impl Display for Report {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        self.way(f)?;
        self.waits(f)?;
        self.fairness(f)?;
        self.troubles(f)?;
        self.promises(f)
    }
}

impl Report {
    fn way(&self, f: &mut Formatter<'_>) -> Result {
        let seconds = self.duration_ms as f64 / 1_000.0;
        let per_second = self.requests as f64 / seconds.max(0.001);
        writeln!(f, "The crowd: {} people, {} of them bots, in {seconds:.0} s", self.sent, self.bots)?;
        writeln!(f, "  {} requests, {per_second:.0} a second, up to {} sockets", self.requests, self.connections_max)?;
        writeln!(f)?;
        for (what, count) in [
            ("pooled", self.pooled),
            ("drawn", self.drawn),
            ("came late", self.queued),
            ("called", self.called),
            ("admitted", self.admitted),
            ("booked", self.booked),
            ("seats sold", self.seats_sold),
            ("sold twice", self.seats_sold_twice),
        ] {
            writeln!(f, "  {what:<12} {count:>8}")?;
        }
        writeln!(f)?;
        writeln!(f, "  {:<12} {:>8} {:>9} {:>8}", "behaviour", "people", "admitted", "booked")?;
        for (behaviour, count) in &self.behaviours {
            let name = named(behaviour);
            writeln!(f, "  {name:<12} {:>8} {:>9} {:>8}", count.fans, count.admitted, count.booked)?;
        }
        let fates: Vec<_> = self.fates.iter().map(|(fate, count)| format!("{} {count}", named(fate))).collect();
        writeln!(f, "  what became of them: {}", fates.join(", "))
    }

    fn waits(&self, f: &mut Formatter<'_>) -> Result {
        let columns = ["mean", "p50", "p90", "p99", "p99.9", "max"];
        write!(f, "\n  {:<12} {:>9}", "answers, ms", "count")?;
        columns.iter().try_for_each(|column| write!(f, " {column:>8}"))?;
        writeln!(f)?;
        for (kind, took) in &self.latency_ms {
            write!(f, "  {kind:<12} {:>9}", took.count)?;
            for ms in [took.mean, took.p50, took.p90, took.p99, took.p999, took.max] {
                write!(f, " {ms:>8.1}")?;
            }
            writeln!(f)?;
        }
        Ok(())
    }

    fn fairness(&self, f: &mut Formatter<'_>) -> Result {
        writeln!(f, "\n  place by arrival (the first tenth of the pool to the last; 50% is even)")?;
        for (n, ArrivalDecile { fans, mean_place }) in (1..).zip(&self.arrival_deciles) {
            let bar = "#".repeat((mean_place * 40.0).round() as usize);
            writeln!(f, "  {n:>2} {fans:>7} fans {:>5.1}% {bar}", mean_place * 100.0)?;
        }
        writeln!(f, "  chi-square over all pooled fans: p = {}", p_value(self.places_p_value))?;
        writeln!(f, "  bots against everyone else:      p = {}", p_value(self.bots_p_value))?;
        writeln!(f, "  (small p speaks against chance; below 0.001 would mean that arrival buys a place)")?;
        writeln!(f, "\n  most admitted in any second: {} of {} allowed", self.admitted_max_in_1s, self.cap_in_1s)
    }

    fn troubles(&self, f: &mut Formatter<'_>) -> Result {
        writeln!(f, "\n  errors: {}", self.errors)?;
        self.errors_by_kind.iter().try_for_each(|(kind, count)| writeln!(f, "    {count:>7} {kind}"))?;
        if !self.turned_away_by_kind.is_empty() {
            writeln!(f, "  asked to come back later (and came):")?;
        }
        self.turned_away_by_kind.iter().try_for_each(|(kind, count)| writeln!(f, "    {count:>7} {kind}"))
    }

    fn promises(&self, f: &mut Formatter<'_>) -> Result {
        writeln!(f)?;
        for invariant in &self.invariants {
            let verdict = if invariant.held { "kept  " } else { "BROKEN" };
            writeln!(f, "  {verdict} {} ({} checked)", invariant.promise, invariant.checked)?;
            invariant.findings.iter().try_for_each(|finding| writeln!(f, "           {finding}"))?;
        }
        let verdict = if self.held { "Every promise was kept." } else { "A PROMISE WAS BROKEN." };
        writeln!(f, "\n{verdict}")
    }
}

fn p_value(p: Option<f64>) -> String {
    p.map_or_else(|| "too few to tell".to_owned(), |p| format!("{p:.4}"))
}

/// The name as programs read it, with spaces.
fn named(value: &impl serde::Serialize) -> String {
    let name = serde_json::to_value(value).ok();
    name.as_ref().and_then(|name| name.as_str()).unwrap_or("?").replace('_', " ")
}
