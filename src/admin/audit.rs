//! Who changed what, when, from which value to which: a line of JSON a change, in a file that is only ever added to.
//!
//! Guarantees:
//! - a change is on the disk before it is told to whoever asked for it
//! - the values before are those that the change met, since changes through this edge are made one at a time
//! - a line that is not as it was written is told in the log and not shown
//!
//! A line ends with `"crc"`: the CRC-32 of all of it before that member, in hex. Those of the first version have none.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::ops::Range;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use tracing::{error, info};
use utoipa::ToSchema;

use super::change::Change;
use crate::config::Role;

/// How much of the file is read at once: several thousand entries.
const PART_BYTES: u64 = 1 << 20;
/// How many such parts are read for one page.
const PARTS_MAX: usize = 16;

/// One change.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AuditEntry {
    /// When, Unix ms.
    pub at_ms: u64,
    /// Who: the token's name.
    pub who: String,
    /// In which role.
    pub role: Role,
    /// The room that was changed.
    pub room: String,
    /// What `undo` takes: the change that this is a part of. Empty in entries of the first version.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub id: String,
    /// From which network: the /24 or /48 of the address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// The revision of the room's controls after the change, where it changed any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub control_revision: Option<u64>,
    /// The change that this one undoes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undoes: Option<String>,
    /// What, before and after.
    #[serde(flatten)]
    pub change: Change,
}

/// The file.
#[derive(Debug)]
pub struct AuditLog {
    path: PathBuf,
    file: Mutex<File>,
}

impl AuditLog {
    /// Opens the file, or makes it; only its owner may read it.
    ///
    /// # Errors
    /// The audit log cannot be written.
    pub fn open(path: &Path) -> io::Result<Self> {
        if let Some(dir) = path.parent() {
            std::fs::create_dir_all(dir)?;
        }
        let mut file = OpenOptions::new().create(true).read(true).append(true).mode(0o600).open(path)?;
        end_torn_line(&mut file, path)?;
        Ok(Self { path: path.to_owned(), file: Mutex::new(file) })
    }

    /// Adds lines, and waits until they are on the disk.
    pub(super) fn append(&self, lines: &[Vec<u8>]) -> io::Result<()> {
        let all: Vec<u8> = lines.iter().flat_map(|line| line.iter().copied().chain([b'\n'])).collect();
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.write_all(&all)?;
        file.sync_data()
    }

    /// The entries that are wanted, the newest first, of the lines before a place in the file; and the place where the
    /// earlier ones end, unless there are none.
    pub(super) fn page(
        &self,
        before: Option<u64>,
        wanted: impl Fn(&AuditEntry) -> bool,
        most: usize,
    ) -> io::Result<(Vec<AuditEntry>, Option<u64>)> {
        let mut file = File::open(&self.path)?;
        let mut end = before.unwrap_or(u64::MAX).min(file.metadata()?.len());
        let (mut entries, mut rotten) = (Vec::new(), 0_u64);
        for _ in 0..PARTS_MAX {
            let from = end.saturating_sub(PART_BYTES);
            let part = read_part(&mut file, from..end)?;
            // The first line has been cut, unless the file begins with it.
            let first = if from == 0 { 0 } else { part.iter().position(|byte| *byte == b'\n').map_or(0, |at| at + 1) };
            for (at, line) in whole_lines(&part, first).into_iter().rev() {
                match audit_line(line) {
                    Some(entry) if wanted(&entry) => entries.push(entry),
                    Some(_) => {}
                    None => rotten += 1,
                }
                if entries.len() == most {
                    self.tell_rotten(rotten);
                    return Ok((entries, Some(from + at as u64).filter(|at| *at > 0)));
                }
            }
            end = from + first as u64;
            if from == 0 {
                self.tell_rotten(rotten);
                return Ok((entries, None));
            }
        }
        self.tell_rotten(rotten);
        Ok((entries, Some(end)))
    }

    fn tell_rotten(&self, rotten: u64) {
        if rotten > 0 {
            error!(path = %self.path.display(), rotten, "lines of the audit log are not as they were written");
        }
    }
}

fn read_part(file: &mut File, range: Range<u64>) -> io::Result<Vec<u8>> {
    let mut part = Vec::new();
    file.seek(SeekFrom::Start(range.start))?;
    file.take(range.end - range.start).read_to_end(&mut part)?;
    Ok(part)
}

/// The lines from a place on, each with where it begins.
fn whole_lines(part: &[u8], first: usize) -> Vec<(usize, &[u8])> {
    let mut at = first;
    let mut lines = Vec::new();
    for line in part[first..].split(|byte| *byte == b'\n') {
        if !line.is_empty() {
            lines.push((at, line));
        }
        at += line.len() + 1;
    }
    lines
}

/// Entries as the lines that are kept of them, without line feeds.
pub(super) fn lines(entries: &[AuditEntry]) -> io::Result<Vec<Vec<u8>>> {
    let line = |entry: &AuditEntry| {
        let mut line = Vec::new();
        push_line(&mut line, entry)?;
        line.pop();
        Ok(line)
    };
    entries.iter().map(line).collect()
}

/// Adds an entry with its checksum.
fn push_line(lines: &mut Vec<u8>, entry: &AuditEntry) -> io::Result<()> {
    let mut line = serde_json::to_vec(entry)?;
    line.pop();
    let crc = crc32fast::hash(&line);
    write!(line, ",\"crc\":\"{crc:08x}\"}}")?;
    line.push(b'\n');
    lines.append(&mut line);
    Ok(())
}

/// What a line says; nothing if it is not as it was written.
pub(crate) fn audit_line(line: &[u8]) -> Option<AuditEntry> {
    const CRC_BYTES: usize = r#","crc":"01234567"}"#.len();
    let entry: AuditEntry = serde_json::from_slice(line).ok()?;
    let (said, crc) = line.split_at(line.len().saturating_sub(CRC_BYTES));
    let has_crc = crc.starts_with(br#","crc":""#);
    let is_whole = !has_crc || crc[8..16] == *format!("{:08x}", crc32fast::hash(said)).as_bytes();
    is_whole.then_some(entry)
}

/// A line that was cut short when the log was used last stays a line of its own.
fn end_torn_line(file: &mut File, path: &Path) -> io::Result<()> {
    let length = file.metadata()?.len();
    let mut last = [b'\n'];
    if length > 0 {
        file.seek(SeekFrom::Start(length - 1))?;
        file.read_exact(&mut last)?;
    }
    if last != [b'\n'] {
        info!(path = %path.display(), "the last line of the audit log was torn");
        file.write_all(b"\n")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn entry(room: &str, after: u32, at_ms: u64) -> AuditEntry {
        AuditEntry {
            at_ms,
            who: "maria".into(),
            role: Role::Organizer,
            room: room.into(),
            id: format!("{after:016x}"),
            from: Some("192.0.2.0/24".into()),
            control_revision: Some(after.into()),
            undoes: None,
            change: Change { what: "rate_per_minute".into(), before: json!(0), after: json!(after) },
        }
    }

    #[test]
    fn a_log_of_many_parts_is_read_to_its_beginning_page_by_page() {
        let dir = tempfile::tempdir().unwrap();
        let log = AuditLog::open(&dir.path().join("log.jsonl")).unwrap();
        let many: u32 = 12_000;
        log.append(&lines(&(0..many).map(|number| entry("final", number, 1)).collect::<Vec<_>>()).unwrap()).unwrap();
        assert!(std::fs::metadata(&log.path).unwrap().len() > 2 * PART_BYTES);
        let (mut before, mut seen) = (None, Vec::new());
        loop {
            let (page, next) = log.page(before, |_| true, 100).unwrap();
            seen.extend(page.iter().map(|entry| entry.change.after.as_u64().unwrap()));
            before = next;
            if before.is_none() {
                break;
            }
        }
        assert_eq!(seen, (0..u64::from(many)).rev().collect::<Vec<_>>());
        assert_eq!(log.page(None, |entry| entry.change.after == json!(0), 1).unwrap().0.len(), 1);
    }

    #[test]
    fn what_was_written_is_there_after_reopening_and_a_torn_line_is_passed_over() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("audit/log.jsonl");
        let record = |log: &AuditLog, room: &str, after: &[u32], at_ms: u64| {
            let entries: Vec<_> = after.iter().map(|after| entry(room, *after, at_ms)).collect();
            log.append(&lines(&entries).unwrap()).unwrap();
        };
        record(&AuditLog::open(&path).unwrap(), "final", &[1, 2], 5);
        std::fs::OpenOptions::new().append(true).open(&path).unwrap().write_all(b"{\"torn\n").unwrap();
        let log = AuditLog::open(&path).unwrap();
        record(&log, "other", &[3], 6);
        record(&log, "final", &[4], 7);
        let (latest, next) = log.page(None, |entry| entry.room == "final", 2).unwrap();
        let (earlier, none) = log.page(next, |entry| entry.room == "final", 2).unwrap();
        assert_eq!((earlier.len(), &earlier[0].change.after, none), (1, &json!(1), None));
        let bytes = std::fs::read(&path).unwrap();
        assert!(
            bytes.split(|byte| *byte == b'\n').filter(|line| line.len() > 10).all(|line| audit_line(line).is_some())
        );
        let told: Vec<_> = latest.iter().map(|entry| (entry.at_ms, &entry.change.after, &*entry.who)).collect();
        assert_eq!(told, [(7, &json!(4), "maria"), (5, &json!(2), "maria")]);
    }

    #[test]
    fn a_line_is_as_it_was_written_or_it_is_none_and_those_of_before_have_no_checksum() {
        let entry = entry("final", 2, 5);
        let mut line = Vec::new();
        push_line(&mut line, &entry).unwrap();
        line.pop();
        assert_eq!(audit_line(&line).as_ref(), Some(&entry));
        assert_eq!(audit_line(&serde_json::to_vec(&entry).unwrap()).as_ref(), Some(&entry));
        // A flipped bit that hides the checksum itself leaves a line of before; any other is seen.
        let seen = (0..line.len() - 18).flat_map(|at| (0..8).map(move |bit| (at, bit)));
        for (at, bit) in seen {
            let mut rotten = line.clone();
            rotten[at] ^= 1 << bit;
            assert_eq!(audit_line(&rotten), None, "byte {at}, bit {bit}");
        }
    }
}
