//! `fairgate keys`: make and list signing keys.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, Subcommand};
use jiff::{SignedDuration, Timestamp};

use fairgate_draw::log::{KeyKind, NoteSigner, Origin};
use fairgate_telemetry::clock::{Clock, SystemClock};
use fairgate_telemetry::entropy;
use fairgate_token::{KeyFile, create_key, list_keys};

/// How long a new key is only verified with, so that a fleet has it before it meets its tokens.
const SPREAD_WITHIN: SignedDuration = SignedDuration::from_mins(10);

/// Create and list the keys that sign tickets and passes.
///
/// Each key is an Ed25519 key in a file of its own (PKCS#8 PEM, readable by its owner only). The file's name is the key's id:
/// the Unix second from which it signs, then a hash of its public half. The newest key whose time has come signs. Every
/// key in the directory verifies.
///
/// To rotate: 1. Run `fairgate keys new`: the new key signs after ten minutes. 2. Copy its file to every edge before that;
/// edges read new keys within seconds, without a restart. 3. When the sales that were open at that time are over, delete
/// the old file: tickets signed with it are invalid from then on.
#[derive(Debug, Args)]
pub(super) struct KeysArgs {
    #[command(subcommand)]
    step: Step,
}

#[derive(Debug, Subcommand)]
enum Step {
    /// Create a key.
    New {
        #[command(flatten)]
        place: Place,
        /// Time until the key signs; it verifies at once. The default is 0s for the first key of a directory and 10m for
        /// others. Copy the file to every edge within that time.
        #[arg(long, value_name = "SPAN")]
        signs_in: Option<SignedDuration>,
    },
    /// List the keys, in the order in which they sign.
    List {
        #[command(flatten)]
        place: Place,
    },
    /// Create the key of a draw log: `draw.log.key` in the configuration. Prints the log's public key, for its witnesses.
    Log {
        /// The host that fans know, with its port where that is not 443.
        #[arg(long)]
        host: String,
        /// Which log of the host it is: 1, or more for the successor of a log that cannot be continued.
        #[arg(long, default_value_t = 1)]
        number: u32,
        /// The file, which must not be there yet.
        #[arg(long, value_name = "FILE", default_value = "draw-log.key")]
        out: PathBuf,
    },
    /// Create the key of a witness of draw logs, for `fairgate draw witness`. Prints its public key, for operators and for
    /// whoever verifies draws.
    Witness {
        /// The witness's name, like a host and a path: "witness.example/w1".
        #[arg(long)]
        name: String,
        /// The file, which must not be there yet.
        #[arg(long, value_name = "FILE", default_value = "witness.key")]
        out: PathBuf,
    },
}

#[derive(Debug, Args)]
struct Place {
    /// The directory of keys: `edge.keys` in the configuration.
    #[arg(long, value_name = "DIR", default_value = "keys")]
    dir: PathBuf,
}

/// Runs one step.
///
/// # Errors
/// Where the directory cannot be read or written.
pub(super) fn run(args: KeysArgs) -> anyhow::Result<ExitCode> {
    let now_ms = SystemClock.now_ms();
    let out = io::stdout().lock();
    match args.step {
        Step::New { place, signs_in } => new(out, &place.dir, now_ms, signs_in)?,
        Step::List { place } => list(out, &place.dir, now_ms)?,
        Step::Log { host, number, out: file } => {
            let origin = Origin::new(&host, number).with_context(|| {
                format!("{host:?} is no host in lower case, like \"tickets.example\" or \"tickets.example:8443\"")
            })?;
            new_note_key(out, &origin.to_string(), KeyKind::Log, &file)?;
        }
        Step::Witness { name, out: file } => new_note_key(out, &name, KeyKind::Witness, &file)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn new(mut out: impl Write, dir: &Path, now_ms: u64, signs_in: Option<SignedDuration>) -> anyhow::Result<()> {
    let is_first = list_keys(dir).map_or(true, |keys| keys.is_empty());
    let signs_in = signs_in.unwrap_or(if is_first { SignedDuration::ZERO } else { SPREAD_WITHIN });
    let after_ms =
        u64::try_from(signs_in.as_millis()).context("--signs-in lies in the past: give a span from now on")?;
    let key = create_key(dir, now_ms.saturating_add(after_ms), &entropy::system())?;
    writeln!(out, "{}", key.path.display())?;
    Ok(())
}

/// Makes a key for notes in a file of its own; prints its public half.
fn new_note_key(mut out: impl Write, name: &str, kind: KeyKind, path: &Path) -> anyhow::Result<()> {
    let seed = entropy::random_bytes()?;
    let text = NoteSigner::private_text(name, kind, &seed)
        .with_context(|| format!("{name:?} is no name of a key: it has a space, a +, or nothing in it"))?;
    let signer = NoteSigner::parse(&text)?;
    let mut options = OpenOptions::new();
    let file = options.write(true).create_new(true).mode(0o600).open(path);
    let mut file = file.with_context(|| format!("cannot make {}", path.display()))?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all())?;
    writeln!(out, "{}", signer.key())?;
    Ok(())
}

fn list(mut out: impl Write, dir: &Path, now_ms: u64) -> anyhow::Result<()> {
    let keys = list_keys(dir)?;
    let signing = keys.iter().rfind(|key| key.signs_from_ms <= now_ms).or(keys.first());
    for key in &keys {
        let state = if Some(key) == signing { "signs and verifies" } else { "verifies" };
        writeln!(out, "{}  from {}  {state}", key.kid, from(key))?;
    }
    Ok(())
}

fn from(key: &KeyFile) -> String {
    let time = i64::try_from(key.signs_from_ms).ok().and_then(|ms| Timestamp::from_millisecond(ms).ok());
    time.map_or_else(String::new, |time| time.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW_MS: u64 = 1_790_000_000_000;

    #[test]
    fn keys_for_notes_are_made_once_and_read_by_their_owner_only() {
        use std::os::unix::fs::PermissionsExt;

        let dir = tempfile::TempDir::new().unwrap();
        let (path, mut out) = (dir.path().join("log.key"), Vec::new());
        let name = "tickets.example/.fairgate/draw.log";
        new_note_key(&mut out, name, KeyKind::Log, &path).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        let vkey = NoteSigner::parse(&text).unwrap().key().to_string();
        assert_eq!(String::from_utf8(out).unwrap(), format!("{vkey}\n"));
        assert!(vkey.starts_with("tickets.example/.fairgate/draw.log+"));
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(new_note_key(Vec::new(), name, KeyKind::Log, &path).is_err(), "a key is never written over");
        assert!(new_note_key(Vec::new(), "a b", KeyKind::Witness, &dir.path().join("w")).is_err());
    }

    #[test]
    fn lists_which_key_signs_now_and_later() {
        let dir = tempfile::TempDir::new().unwrap();
        let mut out = Vec::new();
        new(&mut out, dir.path(), NOW_MS, None).unwrap();
        new(&mut out, dir.path(), NOW_MS, None).unwrap();
        let states = |now_ms| {
            let mut out = Vec::new();
            list(&mut out, dir.path(), now_ms).unwrap();
            let lines = String::from_utf8(out).unwrap();
            lines.lines().map(|line| line.split("  ").last().unwrap().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(states(NOW_MS - 1), ["signs and verifies", "verifies"]);
        assert_eq!(states(NOW_MS), ["signs and verifies", "verifies"]);
        assert_eq!(states(NOW_MS + 600_000), ["verifies", "signs and verifies"]);
        assert!(new(Vec::new(), dir.path(), NOW_MS, Some(SignedDuration::from_secs(-1))).is_err());
    }
}
