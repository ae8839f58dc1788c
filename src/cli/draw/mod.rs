//! `fairgate draw`: verify a published draw, and compute places and tags of it.

mod beacon;
mod dispute;
mod places;
mod tag;
mod verify;
mod witness;

use std::fs;
use std::io;
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, Subcommand};
use fairgate_draw::Hash;

use self::places::{DrawNumbers, EntryNumbers};
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
        #[command(flatten)]
        entry: EntryNumbers,
    },
    /// Compute every place, one per line, in the order of the entries.
    ///
    /// With --tiers, a line has the tier, the index and the place.
    Places {
        #[command(flatten)]
        draw: DrawNumbers,
    },
    /// Compute the tag that stands for an identity in a draw with identities.
    Tag(tag::TagArgs),
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
    Witness(witness::WitnessArgs),
}

/// Runs one step.
///
/// # Errors
/// Where there is no such entry, or the output cannot be written.
pub(super) fn run(args: DrawArgs) -> anyhow::Result<ExitCode> {
    match args.step {
        Step::Witness(args) => witness::run(args),
        step => print(step, io::stdout().lock()),
    }
}

fn print(step: Step, out: impl io::Write) -> anyhow::Result<ExitCode> {
    match step {
        Step::Place { draw, entry } => places::print_place(&draw, &entry, out)?,
        Step::Places { draw } => places::print_places(&draw, out)?,
        Step::Tag(args) => tag::run(&args, out)?,
        Step::Verify(args) => return verify::run(&args, out),
        Step::Beacon(args) => return beacon::run(&args, out),
        Step::Dispute(args) => return dispute::run(&args, out),
        // It has no output but what it announces.
        Step::Witness(args) => return witness::run(args),
    }
    Ok(ExitCode::SUCCESS)
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
        Err(_) => Err(format!("64 hex digits are needed, these are {digits}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_what_is_wrong() {
        assert_eq!(parse_hash("00").unwrap_err(), "64 hex digits are needed, these are 2");
        assert_eq!(parse_hash(&"0g".repeat(32)).unwrap_err(), "'g' at position 1 is not a hex digit");
        assert_eq!(parse_hash("é").unwrap_err(), "64 hex digits are needed, these are 1");
        assert_eq!(parse_hash(&"aB".repeat(32)), Ok([0xab; 32]));
    }
}
