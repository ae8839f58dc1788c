//! A request to a witness (C2SP `tlog-witness`, `add-checkpoint`): a checkpoint, and that it continues the one that the
//! witness has.
//!
//! Guarantee: what is read has one spelling, and no more hashes than a proof may have.

use std::fmt;

use super::{NoteError, SignedNote, hash_from_base64, number, to_base64};
use crate::hash::Hash;

/// Hashes of a consistency proof, as the format bounds them.
const PROOF_MAX: usize = 63;

/// The body of `add-checkpoint`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Submission {
    /// The size that the witness has, as whoever asks believes.
    pub old_size: u64,
    /// That the checkpoint continues a log of that size.
    pub proof: Vec<Hash>,
    /// The checkpoint.
    pub note: SignedNote,
}

/// Why a text is no submission.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SubmissionError {
    /// Its lines before the checkpoint.
    #[error("this is no submission: {0}")]
    Malformed(&'static str),
    /// Its checkpoint.
    #[error(transparent)]
    Note(#[from] NoteError),
}

impl Submission {
    /// Reads a submission.
    ///
    /// # Errors
    /// Where it is none.
    pub fn parse(text: &str) -> Result<Self, SubmissionError> {
        let malformed = SubmissionError::Malformed;
        let (head, note) = text.split_once("\n\n").ok_or(malformed("it has no checkpoint behind an empty line"))?;
        let mut lines = head.split('\n');
        let old_size = lines.next().and_then(|line| number(line.strip_prefix("old ")?));
        let old_size = old_size.ok_or(malformed("its first line is not `old` and a size"))?;
        let proof: Option<Vec<Hash>> = lines.map(hash_from_base64).collect();
        let proof = proof.ok_or(malformed("a hash of its proof cannot be read"))?;
        if proof.len() > PROOF_MAX {
            return Err(malformed("its proof has more than 63 hashes"));
        }
        Ok(Self { old_size, proof, note: SignedNote::parse(note)? })
    }
}

impl fmt::Display for Submission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "old {}", self.old_size)?;
        self.proof.iter().try_for_each(|hash| writeln!(f, "{}", to_base64(hash)))?;
        write!(f, "\n{}", self.note)
    }
}
