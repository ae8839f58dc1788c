//! What a witness says to a submission, and why (C2SP `tlog-witness`). Pure.
//!
//! Guarantee: nothing is to be cosigned that does not continue the last checkpoint which this witness has cosigned.

use super::{Checkpoint, SignedNote, Submission, VerifierKey, consistent};
use crate::hash::Hash;

/// Why a checkpoint is not cosigned.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The text of the note is no checkpoint.
    #[error("the note is no checkpoint: it should have origin, size and root in its first three lines")]
    Malformed,
    /// It is of a log that this witness does not know.
    #[error("the log {0:?} is not known to this witness")]
    UnknownLog(String),
    /// No key of the log signed it.
    #[error("no key that this witness has for the log signed the checkpoint")]
    Unsigned,
    /// The old size is above the new one.
    #[error("the old size is above the checkpoint's own")]
    Shrinks,
    /// This witness has cosigned another size than the one which the proof begins at.
    #[error("the last checkpoint that this witness has cosigned has the size {0}")]
    OtherSize(u64),
    /// This witness has cosigned another root for this size: the log forked.
    #[error("this witness has cosigned another root for the size {0}: the log forked")]
    OtherRoot(u64),
    /// The proof does not lead from one to the other.
    #[error("the proof does not show that the log continues the one of size {0}")]
    Proof(u64),
}

/// Judges a submission: the checkpoint that may be cosigned, once it is kept.
///
/// `keys` are those that the witness has for an origin; none where it does not know the log. `known` is size and root that it
/// has cosigned last for an origin, or the empty log.
///
/// # Errors
/// Why nothing is cosigned.
pub fn judge_submission<'k>(
    submission: &Submission,
    keys: impl FnOnce(&str) -> &'k [VerifierKey],
    known: impl FnOnce(&str) -> (u64, Hash),
) -> Result<Checkpoint, Refused> {
    let Submission { old_size, proof, note } = submission;
    let new = Checkpoint::of_any_log(note.text()).ok_or(Refused::Malformed)?;
    let keys = keys(&new.origin);
    if keys.is_empty() {
        return Err(Refused::UnknownLog(new.origin));
    }
    if !is_signed(note, keys) {
        return Err(Refused::Unsigned);
    }
    if *old_size > new.size {
        return Err(Refused::Shrinks);
    }
    let (known_size, known_root) = known(&new.origin);
    if *old_size != known_size {
        return Err(Refused::OtherSize(known_size));
    }
    if new.size == known_size && new.root != known_root {
        return Err(Refused::OtherRoot(known_size));
    }
    match consistent((known_size, known_root), (new.size, new.root), proof) {
        true => Ok(new),
        false => Err(Refused::Proof(known_size)),
    }
}

fn is_signed(note: &SignedNote, keys: &[VerifierKey]) -> bool {
    keys.iter().any(|key| note.check(key).is_ok())
}
