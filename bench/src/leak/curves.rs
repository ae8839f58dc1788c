//! What happened in each second of a run, for whoever wants to look closer: `target/leak-<who steers>.csv`.

use std::fmt::Write;
use std::fs;

use anyhow::Context;

use super::score::Second;

/// Writes one line a second.
pub(super) fn save(who: &str, seconds: &[Second]) -> anyhow::Result<()> {
    let mut csv = "second,answered,turned_away,p99_ms,passed,capacity\n".to_owned();
    for (number, second) in seconds.iter().enumerate() {
        let Second { shop, passed, capacity } = second;
        writeln!(csv, "{number},{},{},{:.0},{passed},{capacity}", shop.answered, shop.turned_away, shop.p99_ms)?;
    }
    let path = format!("target/leak-{}.csv", who.replace(' ', "-"));
    fs::write(&path, csv).with_context(|| format!("cannot write {path}"))
}
