//! `fairgate codes import`.
//!
//! Guarantee: a list with mistakes changes nothing, and every mistake is told with its line.

use std::io::Write;

use anyhow::ensure;
use fairgate_entry::code::{CampaignBuilder, CampaignName, CodeKind};

use super::directory::Dir;
use super::list::{PROBLEMS_MAX, Problems, read_list};
use super::{ListArgs, Others, STEP, kind_word, megabytes, progress_bar};
use crate::codes::{BITS_MIN, CodeList, Strength, list_file};

pub(super) fn import(
    dir: &Dir,
    campaign: &CampaignName,
    args: &ListArgs,
    weak: bool,
    others: &Others,
    mut out: impl Write,
) -> anyhow::Result<()> {
    let _alone = dir.alone()?;
    let replaced = dir.replaced(campaign, others.replace)?;
    let taken = dir.others(campaign, &others.apart_from)?;
    let text = read_list(&args.file)?;
    let list = CodeList::new(&text, &args.options())?;
    let (strength, all_made) = survey(&list)?;
    let count = strength.codes();
    ensure!(count > 0, "{} has no codes", args.file.display());
    let bits = strength.bits();
    ensure!(
        weak || all_made || bits >= BITS_MIN,
        "these codes can be guessed: what differs in them has about {bits:.0} bits, and {BITS_MIN:.0} are needed. Use `fairgate codes \
         new`, or add --weak, which halves the tries of every fan"
    );
    let kind = match (weak, all_made) {
        (true, _) => CodeKind::OwnWeak,
        (false, true) => CodeKind::Made,
        (false, false) => CodeKind::Own,
    };
    let bar = progress_bar(count as u64, "codes");
    let mut builder = CampaignBuilder::new(dir.fingerprinter(campaign), kind);
    let (mut lines, mut problems) = (Vec::with_capacity(count), Problems::default());
    for entry in list.codes() {
        let (line, code) = entry?;
        if let Some(other) = taken.of(&code) {
            problems.add(line, format!("stands in campaign {other} as well; remove it, or add --apart-from {other}"));
        }
        builder.push(&code)?;
        lines.push(line);
        if line % STEP == 0 {
            bar.set_position(line);
        }
    }
    for (first, nth) in builder.doubles(PROBLEMS_MAX) {
        let (first, line) = (lines[first - 1], lines[nth - 1]);
        problems.add(line, format!("has the same code as line {first}; remove one"));
    }
    problems.into_result()?;
    let bytes = dir.save(builder, replaced)?;
    bar.finish_and_clear();
    let path = list_file(&dir.path, campaign);
    writeln!(out, "{}: {count} codes, {} ({})", path.display(), megabytes(bytes), told(kind, bits))?;
    if let Some(line) = list.header_line() {
        writeln!(out, "note: line {line} was taken for a header, and not for a code")?;
    }
    if let Some((shortest, longest)) = strength.dropped_zeros() {
        writeln!(
            out,
            "note: the codes are numbers of {shortest} to {longest} digits; if a spreadsheet dropped zeros at the front, import the \
             list again with --replace"
        )?;
    }
    Ok(())
}

/// What the codes of a list have in common, and if fairgate made all of them. Every line that is no code is told.
fn survey(list: &CodeList<'_>) -> anyhow::Result<(Strength, bool)> {
    let (mut strength, mut all_made, mut problems) = (Strength::default(), true, Problems::default());
    for entry in list.codes() {
        match entry {
            Ok((_, code)) => {
                strength.add(&code);
                all_made &= code.is_checked();
            }
            Err(problem) => problems.push(problem),
        }
    }
    problems.into_result()?;
    Ok((strength, all_made))
}

fn told(kind: CodeKind, bits: f64) -> String {
    match kind {
        CodeKind::Made => "made by fairgate".to_owned(),
        CodeKind::Own | CodeKind::OwnWeak => format!("{}, about {bits:.0} bits each", kind_word(kind)),
    }
}
