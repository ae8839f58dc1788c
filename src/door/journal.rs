//! The journal of a door: who came in, one line each, on the disk before anybody is told.
//!
//! Guarantees:
//! - an admission that was told is in the file, whatever dies and whenever
//! - a line that was cut off by a death is taken out: nobody was told of it
//! - one process at a time writes to a journal
//!
//! A line is a JSON object. The first one says of which event and which door the journal is.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use fairgate_booking::tickets::{DoorPack, TicketId};
use fairgate_store::replace_file;

const FORMAT: &str = "fairgate-door-journal/1";
/// A longer journal is not read: a million admissions have less than half of it.
const JOURNAL_BYTES_MAX: u64 = 256 << 20;

/// Somebody came in.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Admission {
    /// When, by the clock of the door.
    pub at: Timestamp,
    /// With which ticket.
    pub ticket: TicketId,
    /// To which seat, by its place in the event's plan.
    pub unit: u32,
    /// At which door.
    pub door: String,
}

#[derive(Debug, Serialize, Deserialize)]
struct Head {
    format: String,
    event: String,
    event_id: i32,
    door: String,
}

impl Head {
    fn of(pack: &DoorPack, door: &str) -> Self {
        Self { format: FORMAT.into(), event: pack.event.clone(), event_id: pack.event_id, door: door.to_owned() }
    }
}

/// Why a journal cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The file cannot be read or written.
    #[error("cannot use the journal {}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Another process writes to it.
    #[error("another program writes to the journal {}: end that one, or name another journal with --journal", path.display())]
    Taken {
        /// The file.
        path: PathBuf,
    },
    /// The file is not a journal of this event.
    #[error("{}:{line}: {why}", path.display())]
    Unfit {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong, and what to do.
        why: String,
    },
}

/// A journal that is open for writing.
#[derive(Debug)]
pub struct Journal {
    file: File,
    path: PathBuf,
    bytes: u64,
}

impl Journal {
    /// Opens the journal of a door, or begins it. Answers what is in it, too, and whether a line was cut off.
    ///
    /// # Errors
    /// [`JournalError`].
    pub fn open(path: &Path, pack: &DoorPack, door: &str) -> Result<(Self, Vec<Admission>, bool), JournalError> {
        let failed = |source| JournalError::Io { path: path.to_owned(), source };
        let mut options = OpenOptions::new();
        let mut file = options.read(true).append(true).create(true).mode(0o600).open(path).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(JournalError::Taken { path: path.to_owned() }),
            Err(TryLockError::Error(source)) => return Err(failed(source)),
        }
        let found = read_whole(&mut file, path)?;
        let whole = whole_lines(&found);
        let was_cut = whole.len() < found.len();
        let bytes = u64::try_from(whole.len()).unwrap_or(u64::MAX);
        if was_cut {
            file.set_len(bytes).and_then(|()| file.sync_all()).map_err(failed)?;
        }
        let mut journal = Self { file, path: path.to_owned(), bytes };
        if whole.is_empty() {
            journal.write_line(&serde_json::json!(Head::of(pack, door)).to_string())?;
            let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
            File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed)?;
            return Ok((journal, vec![], was_cut));
        }
        let admissions = read_lines(path, whole, pack)?;
        Ok((journal, admissions, was_cut))
    }

    /// Writes an admission down, to the disk itself. Only then may it be told.
    ///
    /// # Errors
    /// [`JournalError::Io`]: nothing is written, and nobody may be let in.
    pub fn write(&mut self, admission: &Admission) -> Result<(), JournalError> {
        self.write_line(&serde_json::json!(admission).to_string())
    }

    fn write_line(&mut self, line: &str) -> Result<(), JournalError> {
        let line = format!("{line}\n");
        let written = self.file.write_all(line.as_bytes()).and_then(|()| self.file.sync_data());
        if let Err(source) = written {
            // Half a line would make the next one unreadable. Where even this fails, the next start cuts it off.
            let _ = self.file.set_len(self.bytes);
            return Err(JournalError::Io { path: self.path.clone(), source });
        }
        self.bytes += line.len() as u64;
        Ok(())
    }
}

/// What a journal of this event says, also while a door writes to it.
///
/// # Errors
/// [`JournalError`].
pub fn read_journal(path: &Path, pack: &DoorPack) -> Result<Vec<Admission>, JournalError> {
    let failed = |source| JournalError::Io { path: path.to_owned(), source };
    let found = read_whole(&mut File::open(path).map_err(failed)?, path)?;
    read_lines(path, whole_lines(&found), pack)
}

/// Writes a journal of what several doors know, whole or not at all.
///
/// # Errors
/// [`JournalError::Io`].
pub fn write_merged(path: &Path, pack: &DoorPack, admissions: &[Admission]) -> Result<(), JournalError> {
    let mut text = format!("{}\n", serde_json::json!(Head::of(pack, "merged")));
    for admission in admissions {
        text.push_str(&format!("{}\n", serde_json::json!(admission)));
    }
    replace_file(path, text.as_bytes()).map_err(|source| JournalError::Io { path: path.to_owned(), source })
}

fn read_whole(file: &mut File, path: &Path) -> Result<Vec<u8>, JournalError> {
    let mut bytes = Vec::new();
    let read = file.take(JOURNAL_BYTES_MAX + 1).read_to_end(&mut bytes);
    read.map_err(|source| JournalError::Io { path: path.to_owned(), source })?;
    if bytes.len() as u64 > JOURNAL_BYTES_MAX {
        let why = format!("a journal has at most {} MiB", JOURNAL_BYTES_MAX >> 20);
        return Err(JournalError::Unfit { path: path.to_owned(), line: 1, why });
    }
    Ok(bytes)
}

fn unfit_line() -> String {
    "this is no line of a door's journal; keep the file for evidence, and name another one with --journal".to_owned()
}

/// The lines that were written to their end.
fn whole_lines(found: &[u8]) -> &[u8] {
    found.iter().rposition(|byte| *byte == b'\n').map_or(&[], |end| &found[..=end])
}

fn read_lines(path: &Path, whole: &[u8], pack: &DoorPack) -> Result<Vec<Admission>, JournalError> {
    let unfit = |line, why: String| JournalError::Unfit { path: path.to_owned(), line, why };
    let mut lines = whole.split_inclusive(|byte| *byte == b'\n');
    let head = lines.next().and_then(|head| serde_json::from_slice::<Head>(head).ok());
    let head = head.filter(|head| head.format == FORMAT).ok_or_else(|| unfit(1, unfit_line()))?;
    if (&head.event, head.event_id) != (&pack.event, pack.event_id) {
        let why = format!(
            "this is a journal of {}, and the pack is of {}; name another one with --journal",
            head.event, pack.event
        );
        return Err(unfit(1, why));
    }
    let read = |(at, line): (usize, &[u8])| serde_json::from_slice(line).map_err(|_| unfit(at + 2, unfit_line()));
    lines.enumerate().map(read).collect()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::door) fn pack() -> DoorPack {
        let json = serde_json::json!({
            "format": "fairgate-door-pack/1", "event": "night", "event_id": 3, "title": "Night", "venue": "Hall",
            "starts_at": "2027-06-21T19:30:00.000Z", "zone": "Europe/Lisbon", "made_at": "2027-06-21T12:00:00.000Z",
            "keys": [], "revoked": [],
            "sections": [{ "title": "Stalls", "kind": "seated", "rows": [{ "label": "A", "first": 0, "seats": ["1", "2"] }] }],
        });
        serde_json::from_value(json).unwrap()
    }

    pub(in crate::door) fn admission(ticket: u8, door: &str, at: &str) -> Admission {
        let ticket = hex::encode([ticket; 8]).parse().unwrap();
        Admission { at: at.parse().unwrap(), ticket, unit: 1, door: door.into() }
    }

    #[test]
    fn what_was_written_is_there_after_any_death_and_half_a_line_is_not() {
        let files = tempfile::tempdir().unwrap();
        let path = files.path().join("night.journal");
        let (mut journal, known, was_cut) = Journal::open(&path, &pack(), "north").unwrap();
        assert!(known.is_empty() && !was_cut);
        let taken = Journal::open(&path, &pack(), "north").unwrap_err();
        assert!(matches!(taken, JournalError::Taken { .. }), "{taken}");
        let admissions = [1, 2].map(|ticket| admission(ticket, "Nordtür", "2027-06-21T19:00:00Z"));
        for admission in &admissions {
            journal.write(admission).unwrap();
        }
        drop(journal);
        let text = std::fs::read(&path).unwrap();

        // Killed at any byte of the last line, also within a letter: all before it is there, and the journal goes on.
        let begins = whole_lines(&text[..text.len() - 1]).len();
        for bytes in begins..text.len() {
            std::fs::write(&path, &text[..bytes]).unwrap();
            let (mut journal, known, was_cut) = Journal::open(&path, &pack(), "north").unwrap();
            assert_eq!((&known[..], was_cut), (&admissions[..1], bytes > begins));
            journal.write(&admissions[1]).unwrap();
            assert_eq!(read_journal(&path, &pack()).unwrap(), admissions);
        }
        // Killed in the first line.
        std::fs::write(&path, &text[..10]).unwrap();
        assert_eq!(Journal::open(&path, &pack(), "north").unwrap().1, []);
    }

    #[test]
    fn a_journal_of_something_else_is_left_alone_and_the_line_is_named() {
        let files = tempfile::tempdir().unwrap();
        let path = files.path().join("night.journal");
        drop(Journal::open(&path, &pack(), "north").unwrap());
        let head = std::fs::read_to_string(&path).unwrap();
        let other = DoorPack { event: "day".into(), ..pack() };
        let told = |pack: &DoorPack| Journal::open(&path, pack, "north").unwrap_err().to_string();
        assert!(told(&other).contains("a journal of night, and the pack is of day"), "{}", told(&other));
        for (text, line) in [("a diary\n".to_owned(), 1), (format!("{head}a diary\n"), 2), (format!("{head}{{}}\n"), 2)]
        {
            std::fs::write(&path, &text).unwrap();
            assert!(told(&pack()).contains(&format!("night.journal:{line}: this is no line")), "{}", told(&pack()));
            assert_eq!(std::fs::read_to_string(&path).unwrap(), text, "nothing is changed");
        }
        std::fs::write(&path, [head.as_bytes(), b"\xff\n"].concat()).unwrap();
        assert!(told(&pack()).contains("night.journal:2: "), "{}", told(&pack()));
    }

    /// A full disk: whoever is scanned then is not admitted, and what was written before can be read.
    #[test]
    fn what_cannot_be_written_admits_nobody() {
        let Ok(file) = OpenOptions::new().write(true).open("/dev/full") else { return };
        let mut journal = Journal { file, path: "/dev/full".into(), bytes: 0 };
        let error = journal.write(&admission(1, "north", "2027-06-21T19:00:00Z")).unwrap_err();
        assert!(error.to_string().starts_with("cannot use the journal /dev/full: "), "{error}");
        assert_eq!(journal.bytes, 0);
    }
}
