//! Signed notes, submissions to a witness, proofs and statements of a draw log: what is read has one spelling.

use fairgate_draw::log::{Batch, KeptCosignature, LogPath, SignedNote, Statement, Submission, TlogProof, VerifierKey};

/// Reads any bytes as everything that strangers send about a log.
///
/// # Panics
/// When something is read that is not written as it was read.
pub fn notes(bytes: &[u8]) {
    if let Ok(statements) = Batch::from_bytes(bytes.to_vec()).statements() {
        let again = Batch::of(&statements).expect("what was read can be written");
        assert_eq!(again.bytes(), bytes);
    }
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(note) = SignedNote::parse(text) {
        assert_eq!(note.to_string(), text);
    }
    if let Ok(submission) = Submission::parse(text) {
        assert_eq!(submission.to_string(), text);
    }
    if let Ok(statement) = Statement::parse(text) {
        assert_eq!(statement.to_string(), text);
    }
    if let Ok(key) = VerifierKey::parse(text) {
        assert_eq!(key.to_string(), text);
    }
    if let Some(cosignature) = KeptCosignature::parse(text) {
        assert_eq!(cosignature.to_string(), text);
    }
    if let Ok(proof) = TlogProof::parse(text) {
        let again = TlogProof::parse(&proof.to_string());
        assert_eq!(again, Ok(proof));
    }
    let _ = LogPath::parse(text);
}
