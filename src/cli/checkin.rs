//! `fairgate checkin`: tickets at the door, without a network.

use std::io::{self, BufRead, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, ensure};
use clap::{Args, Subcommand};
use jiff::Timestamp;

use super::organizer::{Api, OrganizerArgs};
use crate::door::journal::{Journal, read_journal, write_merged};
use crate::door::judge::{Door, Verdict};
use crate::door::merge::merge;
use crate::door::pack_file::{read_pack, write_pack};
use fairgate_booking::tickets::SignedPack;
use fairgate_telemetry::clock::{Clock, SystemClock};

/// A longer line is no ticket; the rest of it is thrown away.
const LINE_BYTES_MAX: usize = 1024;
/// Tickets were used more than once.
const TWICE: u8 = 11;

/// Check tickets at the door, without a network.
#[derive(Debug, Args)]
pub(super) struct CheckinArgs {
    #[command(subcommand)]
    step: Step,
}

#[derive(Debug, Subcommand)]
enum Step {
    /// Write the file that the doors of an event need: public keys, names of seats, and tickets that were revoked so far.
    ///
    /// It has no secret and names no buyer. Make it as late as you can: what is cancelled afterwards is not in it.
    Pack {
        #[command(flatten)]
        api: OrganizerArgs,
        /// The event's id.
        event: String,
        /// The file; EVENT.pack without it.
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// Check tickets: one per line of standard input, as a scanner types them. Answers one line each.
    ///
    /// Whoever is admitted is written to the journal on the disk first. The exit code is that of the last ticket: 0 admitted,
    /// 11 already used, 12 revoked, 13 for another event, 14 forged, 15 unreadable.
    Verify {
        /// The file that `fairgate checkin pack` wrote.
        pack: PathBuf,
        /// The journal of this door; beside the pack without it, with the ending .journal.
        #[arg(long, value_name = "FILE")]
        journal: Option<PathBuf>,
        /// The name of this door, for the journal.
        #[arg(long, value_name = "NAME", default_value = "door")]
        door: String,
        /// The journal of another door, whose tickets count as used here. Can be repeated.
        #[arg(long = "also", value_name = "JOURNAL")]
        others: Vec<PathBuf>,
        /// Accept only a pack that this public key has signed (64 hexadecimal digits, as `fairgate checkin pack` prints it).
        #[arg(long, value_name = "KEY")]
        key: Option<String>,
    },
    /// Put the journals of several doors together, and name each ticket that was used more than once.
    ///
    /// The exit code is 11 where there is one.
    Merge {
        /// The file that `fairgate checkin pack` wrote.
        pack: PathBuf,
        /// The journals.
        #[arg(required = true)]
        journals: Vec<PathBuf>,
        /// Write what all doors know to this file, for `--also`.
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
}

/// Runs one step.
///
/// # Errors
/// Where the core cannot be reached or refuses; a file that cannot be used; a journal that cannot be written.
pub(super) fn run(args: CheckinArgs) -> anyhow::Result<ExitCode> {
    match args.step {
        Step::Pack { api, event, out } => pack(&api, &event, out),
        Step::Verify { pack, journal, door, others, key } => {
            verify(&pack, journal, &door, &others, key.as_deref()).map(ExitCode::from)
        }
        Step::Merge { pack, journals, out } => merge_journals(&pack, &journals, out.as_deref()),
    }
}

fn pack(api: &OrganizerArgs, event: &str, out: Option<PathBuf>) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (answer, _) = runtime.block_on(async { Api::open(api)?.get(&format!("events/{event}/door")).await })?;
    let signed: SignedPack = serde_json::from_value(answer).context("the core answered something else")?;
    let (pack, key) = signed.open().map_err(anyhow::Error::msg).context("the core's pack is not whole")?;
    let out = out.unwrap_or_else(|| PathBuf::from(format!("{}.pack", pack.event)));
    write_pack(&out, &signed)?;
    let seats: usize = pack.sections.iter().flat_map(|section| &section.rows).map(|row| row.seats.len()).sum();
    let (file, revoked) = (out.display(), pack.revoked.len());
    writeln!(io::stdout(), "{file}: {} seats, {revoked} tickets revoked, signed by the key {}", seats, key.public)?;
    Ok(ExitCode::SUCCESS)
}

/// Checks tickets until there are no more; answers the exit code.
fn verify(
    file: &Path,
    journal: Option<PathBuf>,
    name: &str,
    others: &[PathBuf],
    key: Option<&str>,
) -> anyhow::Result<u8> {
    let (pack, signer) = read_pack(file)?;
    let is_trusted = key.is_none_or(|key| key.eq_ignore_ascii_case(&signer.public));
    ensure!(is_trusted, "{} is signed by the key {}, which is not the one of --key", file.display(), signer.public);
    let path = journal.unwrap_or_else(|| file.with_extension("journal"));
    let (mut journal, known, was_cut) = Journal::open(&path, &pack, name)?;
    let last = known.iter().max().cloned();
    let elsewhere: Vec<_> = others.iter().map(|other| read_journal(other, &pack)).collect::<Result<_, _>>()?;
    let title = format!("{} ({}), pack of {}", pack.title, pack.event, pack.made_at);
    let mut door = Door::new(name, pack);
    known.into_iter().chain(elsewhere.into_iter().flatten()).for_each(|admission| door.note(admission));

    let mut told = io::stderr().lock();
    writeln!(told, "checking tickets for {title}; {} admitted so far; journal {}", door.admitted(), path.display())?;
    if was_cut {
        writeln!(told, "the journal ended within a line, which was taken out: nobody was admitted by it")?;
    }
    if let Some(last) = last {
        // Whoever it was may stand at the door still: written down, and never told.
        writeln!(told, "the last one in: {}, {}", door.seat(last.unit), door.came_in(&last))?;
    }
    let (mut input, mut out, mut code) = (io::stdin().lock(), io::stdout().lock(), 0);
    while let Some(line) = next_line(&mut input)? {
        if line.trim().is_empty() {
            continue;
        }
        let verdict = door.judge(&line, now()?);
        if let Verdict::Admit(admission) = &verdict {
            journal.write(admission).context("ADMIT NOBODY: an admission cannot be written down")?;
            door.note(admission.clone());
        }
        writeln!(out, "{}", door.words(&verdict))?;
        out.flush()?;
        code = verdict.code();
    }
    Ok(code)
}

fn now() -> anyhow::Result<Timestamp> {
    let now_ms = i64::try_from(SystemClock.now_ms()).unwrap_or(i64::MAX);
    Timestamp::from_millisecond(now_ms).context("this machine's clock is far off: set it")
}

/// A line up to its bound; ends with a line end, or a carriage return as some scanners send it. `None` at the end.
fn next_line(input: &mut impl BufRead) -> io::Result<Option<String>> {
    let (mut line, mut began) = (Vec::new(), false);
    loop {
        let piece = input.fill_buf()?;
        if piece.is_empty() {
            return Ok(began.then(|| String::from_utf8_lossy(&line).into_owned()));
        }
        began = true;
        let end = piece.iter().position(|byte| matches!(byte, b'\n' | b'\r'));
        let length = end.unwrap_or(piece.len());
        line.extend_from_slice(&piece[..length.min(LINE_BYTES_MAX - line.len())]);
        input.consume(end.map_or(length, |end| end + 1));
        if end.is_some() {
            return Ok(Some(String::from_utf8_lossy(&line).into_owned()));
        }
    }
}

fn merge_journals(file: &Path, journals: &[PathBuf], out: Option<&Path>) -> anyhow::Result<ExitCode> {
    let (pack, _) = read_pack(file)?;
    let read: Vec<_> = journals.iter().map(|journal| read_journal(journal, &pack)).collect::<Result<_, _>>()?;
    let merged = merge(read);
    if let Some(out) = out {
        write_merged(out, &pack, &merged.admissions)?;
    }
    let door = Door::new("merged", pack);
    let mut told = io::stdout().lock();
    for (name, admitted) in &merged.doors {
        writeln!(told, "{name}: {admitted} admitted")?;
    }
    for admissions in &merged.twice {
        let when: Vec<String> = admissions.iter().map(|admission| door.came_in(admission)).collect();
        writeln!(told, "TWICE  {}: {}", door.seat(admissions[0].unit), when.join("; "))?;
    }
    writeln!(told, "{} admissions, {} tickets used more than once", merged.admissions.len(), merged.twice.len())?;
    Ok(if merged.twice.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(TWICE) })
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use super::*;

    #[test]
    fn lines_end_as_scanners_end_them_and_endless_ones_are_cut() {
        let long = "x".repeat(5000);
        let text = format!("one\r\ntwo\rthree\n{long}\nfour");
        let mut input = BufReader::with_capacity(7, text.as_bytes());
        let mut lines = Vec::new();
        while let Some(line) = next_line(&mut input).unwrap() {
            lines.push(line);
        }
        assert_eq!(lines, ["one", "", "two", "three", &long[..LINE_BYTES_MAX], "four"]);
        assert_eq!(next_line(&mut &b""[..]).unwrap(), None);
    }
}
