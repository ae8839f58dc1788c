//! `fairgate draw`: verify a published draw, and compute places of it.

mod beacon;
mod dispute;
mod verify;

use std::fmt::Display;
use std::fs;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, Subcommand};
use fairgate_draw::{Hash, Shuffle};

use fairgate_token::KeySet;

/// Verify a published draw.
#[derive(Debug, Args)]
pub(super) struct DrawArgs {
    #[command(subcommand)]
    step: Step,
}

#[derive(Debug, Subcommand)]
enum Step {
    /// Compute the place of one entry.
    Place {
        #[command(flatten)]
        draw: DrawNumbers,
        /// The entry's index in the roster, from 0.
        #[arg(long)]
        index: u64,
    },
    /// Compute every place, one per line, in the order of the entries.
    Places {
        #[command(flatten)]
        draw: DrawNumbers,
    },
    /// Verify every step of a draw and write a report.
    ///
    /// Exit code 0: the draw holds; 1: a step fails; 2: the draw cannot be read; 3: the draw is not finished.
    Verify(verify::VerifyArgs),
    /// Submit the public randomness (a drand round) that a draw waits for.
    ///
    /// Anyone may do so. It is needed only where the edge reaches none of its drand relays.
    Beacon(beacon::BeaconArgs),
    /// Check whether a published draw honours a fan's ticket.
    ///
    /// Exit code 0: honoured; 1: contradicted; 2: nothing to compare with.
    Dispute(dispute::DisputeArgs),
}

/// What fixes every place.
#[derive(Debug, Args)]
struct DrawNumbers {
    /// The draw's seed: 64 hex digits.
    #[arg(long, value_parser = parse_hash, value_name = "HEX")]
    seed: Hash,
    /// The number of entries in the frozen roster (N).
    #[arg(long, value_name = "N")]
    entries: u64,
}

/// Runs one step.
///
/// # Errors
/// Where there is no such entry, or the output cannot be written.
pub(super) fn run(args: DrawArgs) -> anyhow::Result<ExitCode> {
    let out = io::stdout().lock();
    match args.step {
        Step::Place { draw, index } => print(out, [draw.place(index)?])?,
        Step::Places { draw } => print(out, draw.shuffle().all_places()?)?,
        Step::Verify(args) => return verify::run(&args, out),
        Step::Beacon(args) => return beacon::run(&args, out),
        Step::Dispute(args) => return dispute::run(&args, out),
    }
    Ok(ExitCode::SUCCESS)
}

fn print(out: impl Write, lines: impl IntoIterator<Item: Display>) -> anyhow::Result<()> {
    let mut out = BufWriter::with_capacity(1 << 16, out);
    let written = lines.into_iter().try_for_each(|line| writeln!(out, "{line}")).and_then(|()| out.flush());
    match written {
        // `| head` has seen enough; so have we.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other.context("cannot write to standard output"),
    }
}

impl DrawNumbers {
    fn shuffle(&self) -> Shuffle {
        Shuffle::new(&self.seed, self.entries)
    }

    fn place(&self, index: u64) -> anyhow::Result<u64> {
        self.shuffle().place(index).with_context(|| {
            format!("there is no entry {index}: with --entries {} indexes run {}", self.entries, self.indexes())
        })
    }

    fn indexes(&self) -> String {
        self.entries.checked_sub(1).map_or_else(|| "nowhere".to_owned(), |last| format!("from 0 to {last}"))
    }
}

/// What `verify` and `dispute` answer where there is nothing to check.
const NOTHING_TO_CHECK: u8 = 2;

/// Says why there is nothing to check, with the exit code that means so.
#[expect(clippy::print_stderr, reason = "the exit code has its reason beside it")]
fn nothing_to_check(error: &anyhow::Error) -> ExitCode {
    eprintln!("fairgate: {error:#}");
    ExitCode::from(NOTHING_TO_CHECK)
}

/// The operator's keys, from a file.
fn read_keys(path: &Path, issuer: &str) -> anyhow::Result<KeySet> {
    KeySet::from_jwks(&read(path)?, issuer).with_context(|| format!("cannot use {}", path.display()))
}

fn read(path: &Path) -> anyhow::Result<String> {
    fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

fn parse_hash(text: &str) -> Result<Hash, String> {
    let mut hash = [0; 32];
    let digits = text.chars().count();
    match hex::decode_to_slice(text, &mut hash) {
        Ok(()) => Ok(hash),
        Err(hex::FromHexError::InvalidHexCharacter { c, index }) => {
            Err(format!("{c:?} at position {index} is not a hex digit"))
        }
        Err(_) => Err(format!("a seed has 64 hex digits, this has {digits}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(entries: u64) -> DrawNumbers {
        DrawNumbers { seed: std::array::from_fn(|i| i as u8), entries }
    }

    #[test]
    fn prints_a_line_a_place() {
        let mut out = Vec::new();
        print(&mut out, numbers(10).shuffle().all_places().unwrap()).unwrap();
        assert_eq!(out, b"8\n9\n5\n0\n4\n3\n2\n7\n1\n6\n");
        assert_eq!(numbers(14_000_000).place(4).unwrap(), 11_728_609);
    }

    #[test]
    fn a_reader_that_has_seen_enough_is_no_error_and_a_full_disk_is() {
        let after = |kind: io::ErrorKind| print(Failing(kind), [0]);
        assert!(after(io::ErrorKind::BrokenPipe).is_ok());
        assert!(after(io::ErrorKind::StorageFull).is_err());
    }

    struct Failing(io::ErrorKind);

    impl Write for Failing {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn says_what_is_wrong() {
        let wrong = |entries, index| numbers(entries).place(index).unwrap_err().to_string();
        assert_eq!(wrong(10, 10), "there is no entry 10: with --entries 10 indexes run from 0 to 9");
        assert_eq!(wrong(0, 0), "there is no entry 0: with --entries 0 indexes run nowhere");
        assert_eq!(parse_hash("00").unwrap_err(), "a seed has 64 hex digits, this has 2");
        assert_eq!(parse_hash(&"0g".repeat(32)).unwrap_err(), "'g' at position 1 is not a hex digit");
        assert_eq!(parse_hash("é").unwrap_err(), "a seed has 64 hex digits, this has 1");
        assert_eq!(parse_hash(&"aB".repeat(32)), Ok([0xab; 32]));
    }
}
