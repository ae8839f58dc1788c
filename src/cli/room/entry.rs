//! `fairgate room refusal`, `overrule` and `entry`: what fans were refused for, and what is decided about it.

use std::fs;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};
use clap::Args;
use fairgate_booking::events::import::read_text;
use fairgate_entry::reference::Reference;

use super::print::{plain, print_json, time};
use crate::admin::{Client, Decision, EntryState, OverruleRequest, Overruled, REFERENCES_MAX, RefusalState};

/// A longer list of references is not read.
const LIST_BYTES_MAX: u64 = 64 << 20;
/// Mistakes that are told at once.
const PROBLEMS_MAX: usize = 20;

/// About whom to decide, and what.
#[derive(Debug, Args)]
pub(super) struct Decide {
    /// The room's name.
    room: String,
    /// The reference that the fan quotes, such as FG-7H3KQ9XW2.
    #[arg(value_name = "REF", required_unless_present = "from", conflicts_with = "from")]
    reference: Option<String>,
    /// Decide about all references in a file instead: one a line, or a spreadsheet's export (CSV) with a reference in each line.
    /// `-` is standard input.
    #[arg(long, value_name = "FILE")]
    from: Option<PathBuf>,
    /// Why. It stands in the audit log.
    #[arg(long, value_name = "TEXT")]
    because: String,
    /// Do not let the fans in; without this they are let in.
    #[arg(long)]
    refuse: bool,
    /// Only show what would come of it.
    #[arg(long)]
    dry_run: bool,
}

/// Decides.
pub(super) async fn decide(client: &Client, decide: Decide, json: bool, out: &mut impl Write) -> anyhow::Result<()> {
    let references = match (decide.reference, decide.from) {
        (Some(reference), _) => vec![reference],
        (None, Some(file)) => read_references(&file)?,
        (None, None) => bail!("name a reference, or a file with --from"),
    };
    let verdict = if decide.refuse { Decision::Refuse } else { Decision::LetIn };
    for part in references.chunks(REFERENCES_MAX) {
        let wanted = OverruleRequest { references: part.to_vec(), verdict, because: decide.because.clone() };
        let overruled = client.overrule(&decide.room, &wanted, decide.dry_run).await?;
        if json { print_json(out, &overruled)? } else { print_overruled(out, &overruled)? }
    }
    Ok(())
}

/// Looks a reference up.
pub(super) async fn refusal(
    client: &Client,
    room: &str,
    reference: &str,
    json: bool,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    let refusal = client.refusal(room, reference).await?;
    if json { print_json(out, &refusal) } else { print_refusal(out, &refusal) }
}

/// Shows who came how.
pub(super) async fn show(
    client: &Client,
    room: &str,
    minutes: bool,
    json: bool,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    let entry = client.entry(room).await?;
    if json { print_json(out, &entry) } else { print_entry(out, &entry, minutes) }
}

/// The references of a file: in each line one cell that is a reference. The first line may be a header.
fn read_references(file: &Path) -> anyhow::Result<Vec<String>> {
    let mut bytes = Vec::new();
    let read = match file == Path::new("-") {
        true => io::stdin().lock().take(LIST_BYTES_MAX).read_to_end(&mut bytes),
        false => fs::File::open(file).and_then(|opened| opened.take(LIST_BYTES_MAX).read_to_end(&mut bytes)),
    };
    read.with_context(|| format!("cannot read {}", file.display()))?;
    let text = read_text(&bytes).map_err(|error| anyhow::anyhow!("{}: {error}", file.display()))?.text;
    let (mut references, mut problems) = (Vec::new(), Vec::new());
    for (line, content) in (1..).zip(text.lines()) {
        let mut cells = content.split([',', ';', '\t']).map(|cell| cell.trim().trim_matches('"'));
        match cells.find_map(Reference::read) {
            Some(reference) => references.push(reference.to_string()),
            None if line == 1 || content.trim_matches([' ', ',', ';', '\t', '"']).is_empty() => {}
            None => problems.push(format!("line {line}: has no reference such as FG-7H3KQ9XW2; is one mistyped?")),
        }
    }
    let more = problems.len().saturating_sub(PROBLEMS_MAX);
    problems.truncate(PROBLEMS_MAX);
    if more > 0 {
        problems.push(format!("and {more} more"));
    }
    ensure!(problems.is_empty(), "{}: nothing was decided:\n{}", file.display(), problems.join("\n"));
    ensure!(!references.is_empty(), "{} has no references", file.display());
    references.sort();
    references.dedup();
    Ok(references)
}

fn print_overruled(out: &mut impl Write, overruled: &Overruled) -> anyhow::Result<()> {
    let verb = if overruled.dry_run { "would be decided" } else { "decided" };
    for decided in &overruled.decided {
        writeln!(out, "{}: {verb}: {}", decided.reference, decided.effect)?;
    }
    for reference in &overruled.unchanged {
        writeln!(out, "{reference}: the same was decided before")?;
    }
    Ok(())
}

fn print_refusal(out: &mut impl Write, refusal: &RefusalState) -> anyhow::Result<()> {
    writeln!(out, "{}: {}", refusal.reference, plain(&refusal.reason))?;
    let way = if refusal.way.is_empty() { "none in particular" } else { &refusal.way };
    let position = match (&refusal.tier, refusal.index) {
        (Some(tier), Some(index)) if tier == "line" => format!("place {index} in the line"),
        (Some(tier), Some(index)) => format!("entry {index} of tier {tier}"),
        _ => "has not entered".to_owned(),
    };
    let decided = refusal.decided.as_ref().map_or_else(
        || "nothing".to_owned(),
        |decided| {
            let verdict = if decided.verdict == Decision::LetIn { "let in" } else { "not let in" };
            format!("{verdict}, {}", time(decided.at_ms))
        },
    );
    for (what, value) in
        [("way", way.to_owned()), ("position", position), ("at", time(refusal.at_ms)), ("decided", decided)]
    {
        writeln!(out, "  {what:10} {value}")?;
    }
    for signal in &refusal.signals {
        writeln!(out, "  {:10} {} ({} points)", "sign", plain(&signal.told), signal.points)?;
    }
    Ok(())
}

fn print_entry(out: &mut impl Write, entry: &EntryState, minutes: bool) -> anyhow::Result<()> {
    writeln!(out, "  {:14} {}", "entries", entry.entries)?;
    for way in &entry.by_way {
        writeln!(out, "    by {:9} {}", way.name, way.count)?;
    }
    for refused in &entry.refused {
        writeln!(out, "  {:14} {} ({})", "refused", refused.count, plain(&refused.name))?;
    }
    for (what, value) in [
        ("asked", entry.asked),
        ("showed it", entry.shown),
        ("no-shows", entry.no_show_owing),
        ("overruled", entry.overruled),
        ("moved", entry.moved),
        ("references", entry.references),
    ] {
        writeln!(out, "  {what:14} {value}")?;
    }
    if entry.forgotten {
        writeln!(out, "  what belongs to fans was forgotten")?;
    }
    for minute in entry.minutes.iter().filter(|_| minutes) {
        let way = if minute.way.is_empty() { "entries" } else { &minute.way };
        writeln!(out, "{} {:>8} {} {}", time(minute.at_ms), minute.count, plain(way), plain(&minute.outcome))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_has_a_reference_in_each_line_and_says_where_it_has_none() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("list.csv");
        let [one, two] = [[1; 5], [2; 5]].map(|bytes| Reference::from_bytes(bytes).to_string());
        std::fs::write(&file, format!("Name;Number\nAda;{}\n\n\"Bo\";\"{two}\"\nAda;{one}\n", one.to_lowercase()))
            .unwrap();
        let mut expected = vec![one.clone(), two];
        expected.sort();
        assert_eq!(read_references(&file).unwrap(), expected);
        std::fs::write(&file, format!("{one}\nFG-000000001\n")).unwrap();
        let error = read_references(&file).unwrap_err().to_string();
        assert!(error.contains("line 2: has no reference"), "{error}");
        std::fs::write(&file, "Number\n").unwrap();
        assert!(read_references(&file).unwrap_err().to_string().contains("has no references"));
    }
}
