//! The draw log: what is stated of every draw, in a tree that only grows, under signatures that outsiders confirm.
//!
//! Two audiences that are each shown a sound draw of their own do not meet. A log brings them together: whoever compares
//! one leaf hash, or trusts one witness, sees that there is one freeze and no other. Formats are those of C2SP, version 1:
//! `signed-note`, `tlog-checkpoint`, `tlog-cosignature`, `tlog-tiles`, `tlog-proof`, `tlog-witness`.
//!
//! Guarantees:
//! - only a [`NoteSigner`] signs, under the one name that its key has
//! - what is parsed has one spelling, so that what was hashed or signed is what was read
//! - a signature that is named by a known key and does not hold refuses the whole note

mod checkpoint;
mod kept;
mod note;
mod origin;
mod proof;
mod signer;
mod statement;
mod submission;
mod tile;
mod tree;
mod witness;

pub use checkpoint::{Checkpoint, CheckpointError};
pub use kept::{Batch, BatchError, KeptCosignature, KeptLog};
pub use note::{KeyKind, NoteError, SignatureLine, SignedNote, VerifierKey};
pub use origin::Origin;
pub use proof::{Cosignature, Logged, TlogProof, TlogProofError};
pub use signer::{NoteSigner, SignerError};
pub use statement::{FrozenTier, Statement, StatementError};
pub use submission::{Submission, SubmissionError};
pub use tile::LogPath;
pub use tree::{LogTree, consistent, root_of_inclusion};
pub use witness::{Refused, judge_submission};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::hash::Hash;

/// 32 bytes in base64, as every format here has them.
fn hash_from_base64(text: &str) -> Option<Hash> {
    STANDARD.decode(text).ok()?.try_into().ok()
}

fn to_base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// A number in decimal without leading zeros.
fn number(text: &str) -> Option<u64> {
    let number: u64 = text.parse().ok()?;
    (number.to_string() == text).then_some(number)
}
