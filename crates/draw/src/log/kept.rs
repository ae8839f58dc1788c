//! A log as its keeper has it in memory: statements in the batches in which they came, and who cosigned which checkpoint.
//!
//! Guarantees:
//! - a checkpoint ends each batch, and no other size has one, so that all who have the same batches show the same
//! - a cosignature that does not hold is not taken

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use super::{
    Checkpoint, KeyKind, LogTree, NoteSigner, SignatureLine, SignedNote, Statement, StatementError, Submission,
    TlogProof, VerifierKey,
};
use crate::hash::plain;

/// Statements of a batch at most.
const BATCH_MAX: usize = 256;
/// Bytes of a batch at most.
const BATCH_BYTES_MAX: usize = 1 << 19;

/// Statements that are appended together, as bytes: each has its length before it, as in the log's bundles.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch(Vec<u8>);

/// Why bytes are no batch.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BatchError {
    /// They end within a statement, are none, or too many.
    #[error("the bytes are no statements with their lengths before them")]
    Malformed,
    /// One of them.
    #[error(transparent)]
    Statement(#[from] StatementError),
}

/// A cosignature with the key that it is by, as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptCosignature {
    /// The size of the checkpoint.
    pub size: u64,
    /// Whose it is.
    pub witness: VerifierKey,
    /// The line below the note.
    pub line: SignatureLine,
}

/// A log in memory.
#[derive(Clone)]
pub struct KeptLog {
    signer: Arc<NoteSigner>,
    statements: Vec<Arc<(Statement, String)>>,
    tree: LogTree,
    /// Where each batch ends: the sizes that have a checkpoint.
    ends: Vec<u64>,
    cosigned: BTreeMap<u64, Vec<KeptCosignature>>,
}

impl Batch {
    /// Statements to append together; `None` where there are none, or too many.
    #[must_use]
    pub fn of(statements: &[Statement]) -> Option<Self> {
        let mut bytes = Vec::new();
        for statement in statements {
            write_entry(&mut bytes, &statement.to_string())?;
        }
        let fits = (1..=BATCH_MAX).contains(&statements.len()) && bytes.len() <= BATCH_BYTES_MAX;
        fits.then_some(Self(bytes))
    }

    /// Bytes that may be a batch: [`Self::statements`] says if they are.
    #[must_use]
    pub fn from_bytes(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// As bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// The statements.
    ///
    /// # Errors
    /// Where the bytes are none.
    pub fn statements(&self) -> Result<Vec<Statement>, BatchError> {
        let (mut rest, mut statements) = (&self.0[..], Vec::new());
        while !rest.is_empty() && self.0.len() <= BATCH_BYTES_MAX {
            let (length, more) = rest.split_first_chunk().ok_or(BatchError::Malformed)?;
            let length = usize::from(u16::from_be_bytes(*length));
            let (text, more) = more.split_at_checked(length).ok_or(BatchError::Malformed)?;
            statements.push(Statement::parse(str::from_utf8(text).map_err(|_| BatchError::Malformed)?)?);
            rest = more;
        }
        if (1..=BATCH_MAX).contains(&statements.len()) { Ok(statements) } else { Err(BatchError::Malformed) }
    }
}

fn write_entry(bytes: &mut Vec<u8>, text: &str) -> Option<()> {
    bytes.extend_from_slice(&u16::try_from(text.len()).ok()?.to_be_bytes());
    bytes.extend_from_slice(text.as_bytes());
    Some(())
}

impl KeptCosignature {
    /// Reads a cosignature as it is kept: size, vkey and line, in three lines; `None` where it is none.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut lines = text.strip_suffix('\n')?.split('\n');
        let size = super::number(lines.next()?)?;
        let witness = VerifierKey::parse(lines.next()?).ok().filter(|key| key.kind() == KeyKind::Witness)?;
        let line = SignatureLine::parse(lines.next()?)?;
        lines.next().is_none().then_some(Self { size, witness, line })
    }
}

impl fmt::Display for KeptCosignature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}\n{}\n{}", self.size, self.witness, self.line)
    }
}

impl KeptLog {
    /// A log without statements, whose checkpoints this key signs.
    #[must_use]
    pub fn new(signer: impl Into<Arc<NoteSigner>>) -> Self {
        let (statements, tree, ends) = (Vec::new(), LogTree::new(), Vec::new());
        Self { signer: signer.into(), statements, tree, ends, cosigned: BTreeMap::new() }
    }

    /// Takes a batch behind all others.
    ///
    /// # Errors
    /// Where it is none; nothing of it is taken.
    pub fn push(&mut self, batch: &Batch) -> Result<(), BatchError> {
        for statement in batch.statements()? {
            self.tree.push(&statement);
            let text = statement.to_string();
            self.statements.push(Arc::new((statement, text)));
        }
        self.ends.push(self.size());
        Ok(())
    }

    /// True if a cosignature is new, holds, and is of a checkpoint that is there.
    #[must_use]
    pub fn lacks(&self, cosignature: &KeptCosignature) -> bool {
        let KeptCosignature { size, witness, line } = cosignature;
        let holds = |note: SignedNote| note.with(line.clone()).cosigned_at_s(witness).is_ok();
        self.signed(*size).is_some_and(holds) && !self.cosignatures(*size).any(|other| other.witness == *witness)
    }

    /// Takes a cosignature that the log [lacks](Self::lacks), and says if it has.
    pub fn cosign(&mut self, cosignature: &KeptCosignature) -> bool {
        let is_new = self.lacks(cosignature);
        if is_new {
            self.cosigned.entry(cosignature.size).or_default().push(cosignature.clone());
        }
        is_new
    }

    /// The public half of the log's key.
    #[must_use]
    pub fn key(&self) -> &VerifierKey {
        self.signer.key()
    }

    /// How many statements there are.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.tree.size()
    }

    /// How many batches there are.
    #[must_use]
    pub fn batches(&self) -> u64 {
        self.ends.len() as u64
    }

    /// The tree over the statements.
    #[must_use]
    pub fn tree(&self) -> &LogTree {
        &self.tree
    }

    /// All statements, in order.
    pub fn statements(&self) -> impl DoubleEndedIterator<Item = &Statement> {
        self.statements.iter().map(|entry| &entry.0)
    }

    /// The last checkpoint, with all cosignatures so far. An empty log has one of no statements.
    #[must_use]
    pub fn latest(&self) -> SignedNote {
        let empty = Checkpoint { origin: self.key().name().to_owned(), size: 0, root: plain(b"") };
        self.note(self.size()).unwrap_or_else(|| self.signer.sign(&empty))
    }

    /// The checkpoint at a size, with all cosignatures so far; `None` where no batch ends there.
    #[must_use]
    pub fn note(&self, size: u64) -> Option<SignedNote> {
        let note = self.signed(size)?;
        Some(self.cosignatures(size).fold(note, |note, cosigned| note.with(cosigned.line.clone())))
    }

    /// Who cosigned the checkpoint at a size.
    pub fn cosignatures(&self, size: u64) -> impl Iterator<Item = &KeptCosignature> {
        self.cosigned.get(&size).into_iter().flatten()
    }

    /// All cosignatures, by the size of the checkpoint.
    pub fn all_cosignatures(&self) -> impl DoubleEndedIterator<Item = &KeptCosignature> {
        self.cosigned.values().flatten()
    }

    /// The proof that the log has a statement: the first checkpoint that has it, with all cosignatures so far.
    #[must_use]
    pub fn proof(&self, index: u64) -> Option<TlogProof> {
        let size = *self.ends.get(self.ends.partition_point(|end| *end <= index))?;
        Some(TlogProof { index, path: self.tree.inclusion(index, size)?, note: self.note(size)? })
    }

    /// What a witness that has cosigned `old_size` is asked to cosign now; `None` where this log is shorter.
    #[must_use]
    pub fn submission(&self, old_size: u64) -> Option<Submission> {
        let proof = self.tree.consistency(old_size, self.size())?;
        let note = self.signed(self.size()).unwrap_or_else(|| self.latest());
        Some(Submission { old_size, proof, note })
    }

    /// Statements as a bundle has them; `None` where one of them is not there.
    pub(super) fn bundle(&self, range: Range<u64>) -> Option<Vec<u8>> {
        let range = usize::try_from(range.start).ok()?..usize::try_from(range.end).ok()?;
        let mut bytes = Vec::new();
        for entry in self.statements.get(range)? {
            write_entry(&mut bytes, &entry.1)?;
        }
        Some(bytes)
    }

    fn signed(&self, size: u64) -> Option<SignedNote> {
        self.ends.binary_search(&size).ok()?;
        let root = self.tree.root(size)?;
        Some(self.signer.sign(&Checkpoint { origin: self.key().name().to_owned(), size, root }))
    }
}

impl fmt::Debug for KeptLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeptLog")
            .field("origin", &self.key().name())
            .field("size", &self.size())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::{Refused, judge_submission};

    fn signer() -> NoteSigner {
        NoteSigner::new("tickets.example/.fairgate/draw.log", KeyKind::Log, &[7; 32]).unwrap()
    }

    fn witness() -> NoteSigner {
        NoteSigner::new("witness.example/w1", KeyKind::Witness, &[8; 32]).unwrap()
    }

    fn batch(draws: Range<u8>) -> Batch {
        Batch::of(&draws.map(|n| Statement::Void { draw: [n; 32] }).collect::<Vec<_>>()).unwrap()
    }

    fn log(batches: &[Batch]) -> KeptLog {
        let mut log = KeptLog::new(signer());
        batches.iter().for_each(|batch| log.push(batch).unwrap());
        log
    }

    #[test]
    fn a_proof_has_the_first_checkpoint_that_has_its_statement() {
        let mut log = log(&[batch(0..1), batch(1..4), batch(4..5)]);
        let note = log.note(4).unwrap();
        let cosigned = KeptCosignature { size: 4, witness: witness().key().clone(), line: witness().cosign(&note, 9) };
        assert_eq!(KeptCosignature::parse(&cosigned.to_string()), Some(cosigned.clone()));
        assert!(log.cosign(&cosigned) && !log.cosign(&cosigned), "once");
        assert!(!log.cosign(&KeptCosignature { size: 5, ..cosigned.clone() }), "of another checkpoint");
        assert!(!log.cosign(&KeptCosignature { size: 3, ..cosigned }), "of a size that has none");
        for (index, size, seen) in [(0, 1, 0), (1, 4, 1), (3, 4, 1), (4, 5, 0)] {
            let proof = TlogProof::parse(&log.proof(index).unwrap().to_string()).unwrap();
            let statement = Statement::Void { draw: [index as u8; 32] };
            let logged = proof.verify(&statement, log.key(), &[witness().key().clone()]).unwrap();
            assert_eq!((logged.checkpoint.size, logged.cosignatures.len()), (size, seen), "{index}");
        }
        assert_eq!(log.proof(5), None);
        assert_eq!(log.latest(), log.note(5).unwrap());
    }

    #[test]
    fn a_witness_cosigns_what_continues_and_nothing_else() {
        let (old, new) = (log(&[batch(0..2)]), log(&[batch(0..2), batch(2..5)]));
        let fork = log(&[batch(0..1), batch(3..6), batch(6..7)]);
        let keys = [new.key().clone()];
        let known = (2, old.tree().root(2).unwrap());
        let judge = |submission: &Submission| {
            let submission = Submission::parse(&submission.to_string()).unwrap();
            judge_submission(&submission, |_| &keys, |_| known).map(|checkpoint| checkpoint.size)
        };
        assert_eq!(judge(&new.submission(2).unwrap()), Ok(5));
        assert_eq!(judge(&old.submission(2).unwrap()), Ok(2), "the same again");
        assert_eq!(judge(&new.submission(0).unwrap()), Err(Refused::OtherSize(2)));
        assert_eq!(judge(&fork.submission(2).unwrap()), Err(Refused::Proof(2)));
        let twin = log(&[batch(1..3)]);
        assert_eq!(judge(&twin.submission(2).unwrap()), Err(Refused::OtherRoot(2)));
        let shrunk = Submission { old_size: 6, ..new.submission(2).unwrap() };
        assert_eq!(judge(&shrunk), Err(Refused::Shrinks));
        let submission = new.submission(2).unwrap();
        assert!(matches!(judge_submission(&submission, |_| &[], |_| known), Err(Refused::UnknownLog(_))));
        let other = [NoteSigner::new(new.key().name(), KeyKind::Log, &[9; 32]).unwrap().key().clone()];
        assert_eq!(judge_submission(&submission, |_| &other, |_| known), Err(Refused::Unsigned));
        assert_eq!(new.submission(6), None);
        let empty = (0, plain(b""));
        assert_eq!(judge_submission(&log(&[]).submission(0).unwrap(), |_| &keys, |_| empty).unwrap().size, 0);
    }

    #[test]
    fn batches_read_back_and_nothing_else_does() {
        let whole = batch(0..3);
        assert_eq!(Batch::from_bytes(whole.bytes().to_vec()), whole);
        assert_eq!(whole.statements().unwrap().len(), 3);
        for length in [0, 1, 5, whole.bytes().len() - 1] {
            assert!(Batch::from_bytes(whole.bytes()[..length].to_vec()).statements().is_err(), "{length}");
        }
        assert_eq!((Batch::of(&[]), Batch::of(&vec![Statement::Void { draw: [0; 32] }; 257])), (None, None));
    }
}
