//! What a witness has cosigned last, on the disk: a file a log, with the checkpoint as its log has signed it.
//!
//! Guarantees:
//! - a file is the old one or the new one, whenever the power fails
//! - a file that is not as it was written ends the program: without it the log could fork unnoticed
//! - one process at a time has the directory

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use fairgate_draw::log::{Checkpoint, LogTree, SignedNote};
use fairgate_draw::{Hash, tagged};
use fairgate_store::{DirLock, LockError, replace_file};

use super::logs::KnownLogs;

const ENDING: &str = "checkpoint";

/// Why the state cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// Another process has the directory.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// A file cannot be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A file is not as it was written.
    #[error(
        "{} is no checkpoint that its log has signed: it has rotted, or the log's key is not in the list any more. Put the \
         key back, or put the log's last cosigned checkpoint there; without it a fork would be cosigned",
        path.display()
    )]
    Rotten {
        /// The file.
        path: PathBuf,
    },
}

/// The last checkpoint of each log.
#[derive(Debug)]
pub(super) struct State {
    dir: PathBuf,
    last: HashMap<String, (u64, Hash)>,
    _lock: DirLock,
}

impl State {
    /// Reads the directory, which is made where it is missing.
    pub(super) fn open(dir: &Path, logs: &KnownLogs) -> Result<Self, StateError> {
        let lock = DirLock::take(dir)?;
        let mut state = Self { dir: dir.to_owned(), last: HashMap::new(), _lock: lock };
        let failed = |path: &Path, source| StateError::Io { path: path.to_owned(), source };
        for file in fs::read_dir(dir).map_err(|error| failed(dir, error))? {
            let path = file.map_err(|error| failed(dir, error))?.path();
            if path.extension().is_none_or(|ending| ending != ENDING) {
                continue;
            }
            let text = fs::read_to_string(&path).map_err(|error| failed(&path, error))?;
            let checkpoint = read(&text, logs).filter(|checkpoint| state.path(&checkpoint.origin) == path);
            let checkpoint = checkpoint.ok_or(StateError::Rotten { path })?;
            state.last.insert(checkpoint.origin, (checkpoint.size, checkpoint.root));
        }
        Ok(state)
    }

    /// Size and root that were cosigned last for a log, or the empty log.
    pub(super) fn last(&self, origin: &str) -> (u64, Hash) {
        let empty = || (0, LogTree::new().root(0).unwrap_or_default());
        self.last.get(origin).copied().unwrap_or_else(empty)
    }

    /// Keeps a checkpoint that is about to be cosigned.
    pub(super) fn keep(&mut self, checkpoint: &Checkpoint, note: &SignedNote) -> Result<(), StateError> {
        let now = (checkpoint.size, checkpoint.root);
        if self.last.get(&checkpoint.origin) == Some(&now) {
            return Ok(());
        }
        let path = self.path(&checkpoint.origin);
        replace_file(&path, note.to_string().as_bytes()).map_err(|source| StateError::Io { path, source })?;
        self.last.insert(checkpoint.origin.clone(), now);
        Ok(())
    }

    /// Origins are text of others: a file is named by their hash.
    fn path(&self, origin: &str) -> PathBuf {
        self.dir.join(hex::encode(tagged("fairgate/witness/origin", &[origin.as_bytes()]))).with_extension(ENDING)
    }
}

/// The signature of the log is the checksum.
fn read(text: &str, logs: &KnownLogs) -> Option<Checkpoint> {
    let note = SignedNote::parse(text).ok()?;
    let checkpoint = Checkpoint::of_any_log(note.text())?;
    logs.keys(&checkpoint.origin).iter().any(|key| note.check(key).is_ok()).then_some(checkpoint)
}

#[cfg(test)]
mod tests {
    use super::*;
    use fairgate_draw::log::{KeyKind, NoteSigner};

    #[test]
    fn what_was_kept_is_there_after_a_restart_and_damage_is_noticed() {
        let dir = tempfile::tempdir().unwrap();
        let signer = NoteSigner::new("a.example/log", KeyKind::Log, &[7; 32]).unwrap();
        let mut logs = KnownLogs::default();
        logs.add(&signer.key().to_string()).unwrap();
        let checkpoint = |size| Checkpoint { origin: "a.example/log".into(), size, root: [size as u8; 32] };
        let mut state = State::open(dir.path(), &logs).unwrap();
        assert_eq!(state.last("a.example/log").0, 0);
        for size in [3, 9] {
            state.keep(&checkpoint(size), &signer.sign(&checkpoint(size))).unwrap();
        }
        assert!(matches!(State::open(dir.path(), &logs), Err(StateError::Lock(_))), "one process at a time");
        let path = state.path("a.example/log");
        drop(state);
        assert_eq!(State::open(dir.path(), &logs).unwrap().last("a.example/log"), (9, [9; 32]));
        assert!(matches!(State::open(dir.path(), &KnownLogs::default()), Err(StateError::Rotten { .. })));
        let text = fs::read_to_string(&path).unwrap();
        fs::write(&path, text.replace("\n9\n", "\n3\n")).unwrap();
        assert!(matches!(State::open(dir.path(), &logs), Err(StateError::Rotten { .. })));
    }
}
