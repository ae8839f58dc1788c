//! Who changed what, when, from which value to which: a line of JSON a change, in a file that is only ever added to.
//!
//! Guarantees: a change is on the disk before it is told to whoever asked for it; the values before are those that the
//! change met, since changes through this edge are made one at a time.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use tracing::info;
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
    /// Of which room.
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
    /// It cannot be written.
    pub fn open(path: &Path) -> io::Result<Self> {
        if let Some(dir) = path.parent() {
            std::fs::create_dir_all(dir)?;
        }
        let file = OpenOptions::new().create(true).append(true).mode(0o600).open(path)?;
        Ok(Self { path: path.to_owned(), file: Mutex::new(file) })
    }

    /// Writes changes down, and waits until they are on the disk.
    pub(super) fn record(&self, caller: &Caller, room: &str, changes: &[Change], at_ms: u64) -> io::Result<()> {
        let mut lines = Vec::new();
        for change in changes {
            let Change { what, before, after } = change;
            info!(target: "audit", who = caller.name, role = ?caller.role, room, what, %before, %after, "changed a room");
            let (who, role, room, change) = (caller.name.clone(), caller.role, room.to_owned(), change.clone());
            serde_json::to_writer(&mut lines, &AuditEntry { at_ms, who, role, room, change })?;
            lines.push(b'\n');
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
        // The first line may have been cut, and is none then.
        let entries = BufReader::new(file).lines().map_while(Result::ok);
        let entries = entries.filter_map(|line| serde_json::from_str::<AuditEntry>(&line).ok());
        let mut entries: Vec<_> = entries.filter(|entry| entry.room == room).collect();
        entries.reverse();
        entries.truncate(most);
        Ok(entries)
    }
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
        let told: Vec<_> = latest.iter().map(|entry| (entry.at_ms, &entry.change.after, &*entry.who)).collect();
        assert_eq!(told, [(7, &json!(4), "maria"), (5, &json!(2), "maria")]);
    }
}
