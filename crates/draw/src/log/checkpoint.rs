//! C2SP `tlog-checkpoint`: the size and root of a log, under its signature.

use std::fmt;

use super::note::origin_size_root;
use super::{NoteError, SignedNote, VerifierKey, consistent, hash_from_base64, number, to_base64};
use crate::hash::Hash;

/// How far a log had grown. There are no extension lines in the logs of draws.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// Which log: `<host>/.fairgate/draw.log`.
    pub origin: String,
    /// How many statements it had.
    pub size: u64,
    /// The RFC 6962 root over them.
    pub root: Hash,
}

/// Why a checkpoint is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointError {
    /// The note is not signed by the log.
    #[error(transparent)]
    Note(#[from] NoteError),
    /// Not origin, size and root, in three lines.
    #[error("this is no checkpoint of a draw log: it should have three lines, origin, size and root")]
    Malformed,
    /// The log's key is named otherwise.
    #[error("the checkpoint is of the log {found:?}, not of {expected:?}")]
    Origin {
        /// What the checkpoint says.
        found: String,
        /// The name of the key.
        expected: String,
    },
}

impl Checkpoint {
    /// Reads a checkpoint that its log has signed; a log's key has the log's origin for a name.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn open(note: &SignedNote, log: &VerifierKey) -> Result<Self, CheckpointError> {
        note.check(log)?;
        let (origin, size, root) = origin_size_root(note.text()).ok_or(CheckpointError::Malformed)?;
        if origin != log.name() {
            return Err(CheckpointError::Origin { found: origin.to_owned(), expected: log.name().to_owned() });
        }
        Ok(Self { origin: origin.to_owned(), size, root })
    }

    /// Reads the text of a checkpoint of any log, which may have lines of its own below its root. Nothing says who made it.
    #[must_use]
    pub fn of_any_log(text: &str) -> Option<Self> {
        let mut lines = text.strip_suffix('\n')?.splitn(4, '\n');
        let [origin, size, root] = [lines.next()?, lines.next()?, lines.next()?];
        let is_whole = lines.next().is_none_or(|more| more.split('\n').all(|line| !line.is_empty()));
        let (size, root) = (number(size)?, hash_from_base64(root)?);
        (is_whole && !origin.is_empty()).then(|| Self { origin: origin.to_owned(), size, root })
    }

    /// True if a proof shows that this log was continued to that one.
    ///
    /// Two checkpoints with a log's signature for which there is no such proof, whatever their order, convict whoever
    /// holds its key.
    #[must_use]
    pub fn continues_to(&self, later: &Self, proof: &[Hash]) -> bool {
        self.origin == later.origin && consistent((self.size, self.root), (later.size, later.root), proof)
    }
}

impl fmt::Display for Checkpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}\n{}\n{}", self.origin, self.size, to_base64(&self.root))
    }
}
