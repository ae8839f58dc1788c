//! C2SP `tlog-proof`: that a log has a statement, and which witnesses saw it when.

use std::fmt;

use super::{
    Checkpoint, CheckpointError, NoteError, SignedNote, Statement, VerifierKey, hash_from_base64, number,
    root_of_inclusion, to_base64,
};
use crate::hash::Hash;

const HEADER: &str = "c2sp.org/tlog-proof@v1";
/// Hashes on the path through a log of 2⁶³ statements.
const PATH_MAX: usize = 63;

/// A proof as it was published: nothing is checked yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlogProof {
    /// The statement's index in the log.
    pub index: u64,
    /// From its leaf hash to the checkpoint's root.
    pub path: Vec<Hash>,
    /// The checkpoint, with the log's signature and all cosignatures.
    pub note: SignedNote,
}

/// What a proof shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Logged {
    /// The checkpoint that has the statement.
    pub checkpoint: Checkpoint,
    /// Who of the witnesses that were asked about saw it.
    pub cosignatures: Vec<Cosignature>,
}

/// A witness's word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cosignature {
    /// The witness's name.
    pub witness: String,
    /// When it says that it saw the checkpoint, Unix seconds.
    pub time_s: u64,
}

/// Why a proof shows nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TlogProofError {
    /// Not a proof.
    #[error("this is no proof of inclusion ({HEADER}): {0}")]
    Malformed(&'static str),
    /// The checkpoint in it.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// The note in it, or a witness's line on it.
    #[error(transparent)]
    Note(#[from] NoteError),
    /// The path leads elsewhere.
    #[error("the log does not have this statement at {0}: the path leads to another root")]
    NotIncluded(u64),
}

impl TlogProof {
    /// Reads a proof.
    ///
    /// # Errors
    /// Where it is none.
    pub fn parse(text: &str) -> Result<Self, TlogProofError> {
        let malformed = TlogProofError::Malformed;
        let (head, note) = text.split_once("\n\n").ok_or(malformed("it has no checkpoint"))?;
        let mut lines = head.split('\n').peekable();
        if lines.next() != Some(HEADER) {
            return Err(malformed("it begins with something else"));
        }
        // What an application adds is not signed, so it says nothing here.
        lines.next_if(|line| line.starts_with("extra "));
        let index = lines.next().and_then(|line| number(line.strip_prefix("index ")?));
        let index = index.ok_or(malformed("it has no index"))?;
        let path: Option<Vec<Hash>> = lines.map(hash_from_base64).collect();
        let path = path.ok_or(malformed("a hash of its path cannot be read"))?;
        if path.len() > PATH_MAX {
            return Err(malformed("its path is too long"));
        }
        Ok(Self { index, path, note: SignedNote::parse(note)? })
    }

    /// What the proof shows of a statement: that the log has it, and which of these witnesses saw it.
    ///
    /// # Errors
    /// The log's signature is wrong or another log's, the statement is not in it, or what stands under a witness's name is
    /// not the witness's.
    pub fn verify(
        &self,
        statement: &Statement,
        log: &VerifierKey,
        witnesses: &[VerifierKey],
    ) -> Result<Logged, TlogProofError> {
        let checkpoint = Checkpoint::open(&self.note, log)?;
        let root = root_of_inclusion(&statement.leaf_hash(), self.index, checkpoint.size, &self.path);
        if root != Some(checkpoint.root) {
            return Err(TlogProofError::NotIncluded(self.index));
        }
        let mut cosignatures = Vec::new();
        for witness in witnesses {
            match self.note.cosigned_at_s(witness) {
                Ok(time_s) => cosignatures.push(Cosignature { witness: witness.name().to_owned(), time_s }),
                Err(NoteError::Unsigned(_)) => {}
                Err(wrong) => return Err(wrong.into()),
            }
        }
        Ok(Logged { checkpoint, cosignatures })
    }
}

impl Logged {
    /// Who saw the statement before a moment (Unix ms): for a freeze, the time of the round that its draw waits for.
    pub fn seen_before(&self, ms: u64) -> impl Iterator<Item = &Cosignature> {
        self.cosignatures.iter().filter(move |seen| seen.time_s.saturating_mul(1000) < ms)
    }
}

impl fmt::Display for TlogProof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{HEADER}\nindex {}", self.index)?;
        self.path.iter().try_for_each(|hash| writeln!(f, "{}", to_base64(hash)))?;
        write!(f, "\n{}", self.note)
    }
}
