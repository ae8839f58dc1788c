//! Who changed what, when, from which value to which: a line of JSON a change, in a file that is only ever added to.
//!
//! Guarantees:
//! - a change is on the disk before it is told to whoever asked for it
//! - the values before are those that the change met, since changes through this edge are made one at a time
//! - a line that is not as it was written is told in the log and not shown
//!
//! A line ends with `"crc"`: the CRC-32 of all of it before that member, in hex. Those of the first version have none.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use tracing::{error, info};
use utoipa::ToSchema;

use super::access::Caller;
use super::change::Change;
use crate::config::Role;

/// How much of the file's end is read for the latest entries: several thousand.
const TAIL_BYTES: u64 = 1 << 20;

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

    /// Writes changes down, and waits until they are on the disk.
    pub(super) fn record(&self, caller: &Caller, room: &str, changes: &[Change], at_ms: u64) -> io::Result<()> {
        let mut lines = Vec::new();
        for change in changes {
            let Change { what, before, after } = change;
            info!(target: "audit", who = caller.name, role = ?caller.role, room, what, %before, %after, "changed a room");
            let (who, role, room, change) = (caller.name.clone(), caller.role, room.to_owned(), change.clone());
            push_line(&mut lines, &AuditEntry { at_ms, who, role, room, change })?;
        }
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.write_all(&lines)?;
        file.sync_data()
    }

    /// The latest changes of a room, the newest first.
    pub(super) fn latest(&self, room: &str, most: usize) -> io::Result<Vec<AuditEntry>> {
        let mut file = File::open(&self.path)?;
        let from = file.metadata()?.len().saturating_sub(TAIL_BYTES);
        file.seek(SeekFrom::Start(from))?;
        // The first line has been cut then, and is none.
        let lines = BufReader::new(file).split(b'\n').map_while(Result::ok).skip(usize::from(from > 0));
        let (mut entries, mut rotten) = (Vec::new(), 0_u64);
        for line in lines.filter(|line| !line.is_empty()) {
            match audit_line(&line) {
                Some(entry) if entry.room == room => entries.push(entry),
                Some(_) => {}
                None => rotten += 1,
            }
        }
        if rotten > 0 {
            error!(path = %self.path.display(), rotten, "lines of the audit log are not as they were written");
        }
        entries.reverse();
        entries.truncate(most);
        Ok(entries)
    }
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

    #[test]
    fn what_was_written_is_there_after_reopening_and_a_torn_line_is_passed_over() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("audit/log.jsonl");
        let caller = Caller { name: "maria".into(), role: Role::Organizer };
        let change = |after: u32| Change { what: "rate_per_minute".into(), before: json!(0), after: json!(after) };
        AuditLog::open(&path).unwrap().record(&caller, "final", &[change(1), change(2)], 5).unwrap();
        std::fs::OpenOptions::new().append(true).open(&path).unwrap().write_all(b"{\"torn\n").unwrap();
        let log = AuditLog::open(&path).unwrap();
        log.record(&caller, "other", &[change(3)], 6).unwrap();
        log.record(&caller, "final", &[change(4)], 7).unwrap();
        let latest = log.latest("final", 2).unwrap();
        let bytes = std::fs::read(&path).unwrap();
        assert!(
            bytes.split(|byte| *byte == b'\n').filter(|line| line.len() > 10).all(|line| audit_line(line).is_some())
        );
        let told: Vec<_> = latest.iter().map(|entry| (entry.at_ms, &entry.change.after, &*entry.who)).collect();
        assert_eq!(told, [(7, &json!(4), "maria"), (5, &json!(2), "maria")]);
    }

    #[test]
    fn a_line_is_as_it_was_written_or_it_is_none_and_those_of_before_have_no_checksum() {
        let entry = AuditEntry {
            at_ms: 5,
            who: "maria".into(),
            role: Role::Organizer,
            room: "final".into(),
            change: Change { what: "rate_per_minute".into(), before: json!(1), after: json!(2) },
        };
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
