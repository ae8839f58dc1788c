//! What is in a store's directory, file by file, and whether each is as it was written. Nothing is changed, and nobody has
//! to be stopped for it.
//!
//! Guarantee: what is torn, rotten, missing, or of another version has that word and no other. A torn write was cut
//! short, which costs nobody anything.

use std::fmt;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use super::embedded::look_at_journals;
use super::redis::{Unread, Unreadable, read_knowledge, read_ledger};
use super::{CopiedList, Damage, book, check_name, copy, draw_log, history, next_draw};

/// How a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// As it was written.
    Whole,
    /// Its last write was cut short: nobody was answered for it, and it is cut off when the store is opened.
    Torn,
    /// Not as it was written.
    Rotten,
    /// The file was there once.
    Missing,
    /// The file cannot be read, or is of another version.
    Unreadable,
}

/// One file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The file.
    pub path: PathBuf,
    /// How it is.
    pub condition: Condition,
    /// What is in it, or what is wrong.
    pub what: String,
}

impl Condition {
    /// True if a person has to act on it.
    #[must_use]
    pub fn is_alarming(self) -> bool {
        matches!(self, Self::Rotten | Self::Missing | Self::Unreadable)
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Whole => "whole",
            Self::Torn => "torn",
            Self::Rotten => "rotten",
            Self::Missing => "missing",
            Self::Unreadable => "unreadable",
        })
    }
}

/// Looks at every file of a store, room by room. `is_change` says whether a line of the admin API's log, which lies beside the
/// rooms, is as it was written.
///
/// # Errors
/// The directory cannot be read.
pub fn check(dir: &Path, is_change: impl Fn(&[u8]) -> bool) -> io::Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for path in sorted(dir)? {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if path.is_dir() && check_name(name).is_ok() {
            findings.extend(check_room(&path)?);
        } else if path.extension().is_some_and(|of| of == "jsonl") {
            findings.push(check_lines(&path, &is_change));
        }
    }
    findings.extend(draw_log::files_in(dir)?.iter().filter_map(|path| check_draw_log(path)));
    findings.extend(history::files_in(dir)?.iter().filter_map(|path| check_history(path)));
    Ok(findings)
}

/// Looks at a room's history; none where it was set aside as another version's.
fn check_history(path: &Path) -> Option<Finding> {
    let (condition, what) = match path.extension().and_then(|of| of.to_str())? {
        "history" => match history::look(path) {
            Ok(Ok((samples, 0))) => (Condition::Whole, format!("a room's history of {samples} samples")),
            Ok(Ok((samples, gaps))) => (
                Condition::Rotten,
                format!("a room's history of {samples} samples, and {gaps} that are gaps in charts"),
            ),
            Ok(Err(history::Unread::Damaged(damage))) => (damage.into(), "a room's history".to_owned()),
            Ok(Err(history::Unread::Version(version))) => {
                (Condition::Unreadable, format!("written in version {version}"))
            }
            Err(error) => (Condition::Unreadable, error.to_string()),
        },
        "rotten" => (Condition::Rotten, "kept aside when it was found".to_owned()),
        _ => return None,
    };
    Some(Finding { path: path.to_owned(), condition, what })
}

/// Looks at a file of a draw log; none where it is of another kind.
fn check_draw_log(path: &Path) -> Option<Finding> {
    let (condition, what) = match path.extension().and_then(|of| of.to_str())? {
        "statements" => match draw_log::look(path) {
            Ok((records, None)) => (Condition::Whole, format!("a draw log in {records} records")),
            Ok((records, Some(damage))) => {
                (damage.into(), format!("a draw log, {records} records of which can be read"))
            }
            Err(error) => (Condition::Unreadable, error.to_string()),
        },
        "signed" => match draw_log::look_at_mark(path) {
            Ok(Some(size)) => (Condition::Whole, format!("the last checkpoint of a draw log, of {size} statements")),
            Ok(None) => (Condition::Rotten, "the last checkpoint of a draw log".to_owned()),
            Err(error) => (Condition::Unreadable, error.to_string()),
        },
        _ => return None,
    };
    Some(Finding { path: path.to_owned(), condition, what })
}

fn check_room(dir: &Path) -> io::Result<Vec<Finding>> {
    let mut findings = look_at_journals(dir).unwrap_or_else(|error| {
        vec![Finding { path: dir.to_owned(), condition: Condition::Unreadable, what: error.to_string() }]
    });
    findings.extend(sorted(dir)?.iter().filter_map(|path| check_file(path)));
    Ok(findings)
}

/// Looks at a file of what an edge could put back; none where it is of another kind.
fn check_file(path: &Path) -> Option<Finding> {
    let extension = path.extension().and_then(|of| of.to_str()).unwrap_or_default();
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let (condition, what) = match extension {
        _ if name == "knowledge" => check_knowledge(path),
        _ if name == next_draw::NAME => check_next(path),
        "ledger" => check_ledger(path),
        "entries" => (Condition::Whole, "entries in their first format, which has no checksum".to_owned()),
        "roster" | "tags" => check_copy(path)?,
        book::EXTENSION => check_book(path),
        "rotten" => (Condition::Rotten, "kept aside when it was found".to_owned()),
        _ => return None,
    };
    Some(Finding { path: path.to_owned(), condition, what })
}

fn check_knowledge(path: &Path) -> (Condition, String) {
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) => return (Condition::Unreadable, error.to_string()),
    };
    match read_knowledge(&bytes) {
        Ok(knowledge) => {
            let known = knowledge.memory.map_or_else(
                || "nothing is known of the room".to_owned(),
                |memory| format!("{} in the pool, {} later, serving {}", memory.early, memory.late, memory.serving),
            );
            (Condition::Whole, format!("what the edge knows: {known}"))
        }
        Err(Unreadable::Damaged(damage)) => (damage.into(), "what the edge knew".to_owned()),
        Err(Unreadable::Version(version)) => (Condition::Unreadable, format!("written in version {version}")),
    }
}

fn check_next(path: &Path) -> (Condition, String) {
    match next_draw::look(path) {
        Ok(Ok(_)) => (Condition::Whole, "the draw of the next sale".to_owned()),
        Ok(Err(next_draw::Unread::Damaged(damage))) => (damage.into(), "the draw of the next sale".to_owned()),
        Ok(Err(next_draw::Unread::Version(version))) => {
            (Condition::Unreadable, format!("written in version {version}"))
        }
        Err(error) => (Condition::Unreadable, error.to_string()),
    }
}

fn check_ledger(path: &Path) -> (Condition, String) {
    match read_ledger(path) {
        Ok((entries, Unread { torn_bytes: 0, rotten_bytes: 0 })) => (Condition::Whole, format!("{entries} entries")),
        Ok((entries, Unread { torn_bytes, rotten_bytes: 0 })) => {
            (Condition::Torn, format!("{entries} entries, and {torn_bytes} bytes of writes that were cut short"))
        }
        Ok((entries, Unread { rotten_bytes, .. })) => {
            (Condition::Rotten, format!("{entries} entries, and {rotten_bytes} bytes that cannot be read"))
        }
        Err(error) => (Condition::Unreadable, error.to_string()),
    }
}

fn check_book(path: &Path) -> (Condition, String) {
    match book::look(path) {
        Ok(Ok(joins)) => (Condition::Whole, format!("the book of a draw: {joins} entries counted by network")),
        Ok(Err(damage)) => (damage.into(), "the book of a draw".to_owned()),
        Err(error) => (Condition::Unreadable, error.to_string()),
    }
}

fn check_copy(path: &Path) -> Option<(Condition, String)> {
    let (root, list) = (copy::named_root(path)?, CopiedList::of(path)?);
    let what = match list {
        CopiedList::Roster => "a copy of the frozen roster".to_owned(),
        CopiedList::Tags => "a copy of the frozen tags of a tier".to_owned(),
    };
    Some(match File::open(path).and_then(|mut file| copy::look(&mut file, list, &root)) {
        Ok(Ok(_)) => (Condition::Whole, what),
        Ok(Err(damage)) => (damage.into(), what),
        Err(error) => (Condition::Unreadable, error.to_string()),
    })
}

/// The audit log: a line of JSON a change.
fn check_lines(path: &Path, is_change: impl Fn(&[u8]) -> bool) -> Finding {
    let found = |condition, what: String| Finding { path: path.to_owned(), condition, what };
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) => return found(Condition::Unreadable, error.to_string()),
    };
    let is_torn = bytes.last().is_some_and(|last| *last != b'\n');
    let mut lines: Vec<&[u8]> = bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).collect();
    let torn = if is_torn { lines.pop() } else { None };
    let rotten = lines.iter().filter(|line| !is_change(line)).count();
    match (rotten, torn) {
        (0, None) => found(Condition::Whole, format!("{} changes", lines.len())),
        (0, Some(_)) => found(Condition::Torn, format!("{} changes, and one that was cut short", lines.len())),
        (rotten, _) => {
            found(Condition::Rotten, format!("{rotten} of {} lines are not as they were written", lines.len()))
        }
    }
}

fn sorted(dir: &Path) -> io::Result<Vec<PathBuf>> {
    let mut paths = fs::read_dir(dir)?.map(|file| Ok(file?.path())).collect::<io::Result<Vec<_>>>()?;
    paths.sort_unstable();
    Ok(paths)
}

impl From<Damage> for Condition {
    fn from(damage: Damage) -> Self {
        match damage {
            Damage::Torn => Self::Torn,
            Damage::Rotten => Self::Rotten,
        }
    }
}
