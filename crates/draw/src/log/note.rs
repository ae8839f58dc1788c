//! C2SP `signed-note`: a text, and below it who signed it.
//!
//! Guarantees:
//! - a key signs under one name
//! - a signature line that a known key's name and number claim is checked, and where it is wrong the whole note is
//!   refused
//! - lines of unknown keys prove nothing and do no harm

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::digest::{Context, SHA256};
use ring::signature::{ED25519, UnparsedPublicKey};

use super::{number, to_base64};
use crate::hash::Hash;

/// Longer notes are none of ours.
const NOTE_BYTES_MAX: usize = 1 << 16;
const SIGNATURES_MAX: usize = 64;
/// What begins a signature line.
const SIGNED_BY: &str = "\u{2014} ";

/// What a key's signatures say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyKind {
    /// That its holder made the note: Ed25519 over the text (type 0x01).
    Log,
    /// That its holder saw the note as the continuation of all it saw before, at a time (`tlog-cosignature`, type 0x04).
    Witness,
}

/// A name and the public key that signs under it, as a vkey writes them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifierKey {
    name: String,
    kind: KeyKind,
    public_key: [u8; 32],
}

/// A note as it was published: nothing is checked yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedNote {
    text: String,
    signatures: Vec<SignatureLine>,
}

/// One line below a note: who signed it, and how. Nothing says that it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignatureLine {
    name: String,
    key_id: [u8; 4],
    signature: Vec<u8>,
}

/// Why a note, a key or a signature is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// Not a signed note.
    #[error("this is no signed note: {0}")]
    Malformed(&'static str),
    /// Not a vkey, or not one of a kind that is known here.
    #[error("{0:?} is no key: it should read name+hash+key, of Ed25519 (type 01) or of a witness (type 04)")]
    Key(String),
    /// A known key's name stands beside a signature that is not its own.
    #[error("the signature of {0} is wrong")]
    Signature(String),
    /// The key did not sign.
    #[error("{0} did not sign")]
    Unsigned(String),
}

impl KeyKind {
    pub(super) fn byte(self) -> u8 {
        match self {
            Self::Log => 1,
            Self::Witness => 4,
        }
    }

    pub(super) fn of(byte: u8) -> Option<Self> {
        [Self::Log, Self::Witness].into_iter().find(|kind| kind.byte() == byte)
    }
}

impl VerifierKey {
    /// A key under a name; `None` where the name is empty, or has a space, a control or a `+`.
    #[must_use]
    pub fn new(name: &str, kind: KeyKind, public_key: [u8; 32]) -> Option<Self> {
        let is_name = is_name(name) && !name.contains('+');
        is_name.then(|| Self { name: name.to_owned(), kind, public_key })
    }

    /// Reads a vkey: `name+hash+key`.
    ///
    /// # Errors
    /// Where it is none, its hash is not that of name and key, or its kind is not known.
    pub fn parse(vkey: &str) -> Result<Self, NoteError> {
        let read = || {
            let mut parts = vkey.splitn(3, '+');
            let (name, id, key) = (parts.next()?, parts.next()?, STANDARD.decode(parts.next()?).ok()?);
            let (kind, public_key) = key.split_first()?;
            let key = Self::new(name, KeyKind::of(*kind)?, public_key.try_into().ok()?)?;
            (hex::encode(key.id()) == id).then_some(key)
        };
        read().ok_or_else(|| NoteError::Key(vkey.to_owned()))
    }

    /// The key's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What its signatures say.
    #[must_use]
    pub fn kind(&self) -> KeyKind {
        self.kind
    }

    /// The number that signature lines name it by.
    pub(super) fn id(&self) -> [u8; 4] {
        let mut context = Context::new(&SHA256);
        context.update(self.name.as_bytes());
        context.update(&[b'\n', self.kind.byte()]);
        context.update(&self.public_key);
        *context.finish().as_ref().first_chunk().expect("SHA-256 has 32 bytes")
    }

    fn has_signed(&self, message: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ED25519, self.public_key).verify(message, signature).is_ok()
    }
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = to_base64(&[&[self.kind.byte()][..], &self.public_key].concat());
        write!(f, "{}+{}+{key}", self.name, hex::encode(self.id()))
    }
}

impl SignedNote {
    /// A text with the line of whoever made it.
    pub(super) fn new(text: String, made_by: SignatureLine) -> Self {
        Self { text, signatures: vec![made_by] }
    }

    /// The same note with one more line, as long as a note may have more.
    #[must_use]
    pub fn with(mut self, line: SignatureLine) -> Self {
        if self.signatures.len() < SIGNATURES_MAX {
            self.signatures.push(line);
        }
        self
    }

    /// Reads a note.
    ///
    /// # Errors
    /// Where it is none.
    pub fn parse(note: &str) -> Result<Self, NoteError> {
        if note.len() > NOTE_BYTES_MAX || note.chars().any(|c| c < ' ' && c != '\n') {
            return Err(NoteError::Malformed("it is too long, or has control characters"));
        }
        let split = note.rfind("\n\n").ok_or(NoteError::Malformed("it has no signatures"))?;
        let (text, signatures) = (&note[..=split], &note[split + 2..]);
        let signatures = signatures.strip_suffix('\n').ok_or(NoteError::Malformed("it does not end with a line"))?;
        let signatures: Option<Vec<_>> = signatures.split('\n').map(SignatureLine::parse).collect();
        let signatures = signatures.ok_or(NoteError::Malformed("a signature line cannot be read"))?;
        if signatures.len() > SIGNATURES_MAX {
            return Err(NoteError::Malformed("it has too many signatures"));
        }
        Ok(Self { text: text.to_owned(), signatures })
    }

    /// What was signed.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Checks that the log's key signed the text.
    ///
    /// # Errors
    /// The key did not sign the text, or what stands under its name is wrong.
    pub fn check(&self, log: &VerifierKey) -> Result<(), NoteError> {
        let line = self.line_of(log, KeyKind::Log).ok_or_else(|| NoteError::Unsigned(log.name.clone()))?;
        let holds = log.has_signed(self.text.as_bytes(), &line.signature);
        if holds { Ok(()) } else { Err(NoteError::Signature(log.name.clone())) }
    }

    /// When the witness says that it saw the text, Unix seconds.
    ///
    /// # Errors
    /// It did not sign, or what stands under its name is wrong.
    pub fn cosigned_at_s(&self, witness: &VerifierKey) -> Result<u64, NoteError> {
        let line = self.line_of(witness, KeyKind::Witness).ok_or_else(|| NoteError::Unsigned(witness.name.clone()))?;
        let wrong = || NoteError::Signature(witness.name.clone());
        let (time, signature) = line.signature.split_first_chunk().ok_or_else(wrong)?;
        let time_s = u64::from_be_bytes(*time);
        let message = format!("cosignature/v1\ntime {time_s}\n{}", self.text);
        if witness.has_signed(message.as_bytes(), signature) { Ok(time_s) } else { Err(wrong()) }
    }

    /// Under which names it is signed; nothing says that these signatures hold.
    pub fn signers(&self) -> impl Iterator<Item = &str> {
        self.signatures.iter().map(|line| line.name.as_str())
    }

    /// The first line that a key's name and number claim.
    fn line_of(&self, key: &VerifierKey, kind: KeyKind) -> Option<&SignatureLine> {
        let id = key.id();
        self.signatures.iter().find(|line| key.kind == kind && line.name == key.name && line.key_id == id)
    }
}

impl fmt::Display for SignedNote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.text)?;
        self.signatures.iter().try_for_each(|line| writeln!(f, "{line}"))
    }
}

impl fmt::Display for SignatureLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{SIGNED_BY}{} {}", self.name, to_base64(&[&self.key_id[..], &self.signature].concat()))
    }
}

impl SignatureLine {
    pub(super) fn new(key: &VerifierKey, signature: Vec<u8>) -> Self {
        Self { name: key.name.clone(), key_id: key.id(), signature }
    }

    /// Reads a line, without what ends it; `None` where it is none.
    #[must_use]
    pub fn parse(line: &str) -> Option<Self> {
        let (name, signature) = line.strip_prefix(SIGNED_BY)?.split_once(' ')?;
        let bytes = STANDARD.decode(signature).ok()?;
        let (key_id, signature) = bytes.split_first_chunk()?;
        let is_line = is_name(name) && !signature.is_empty();
        is_line.then(|| Self { name: name.to_owned(), key_id: *key_id, signature: signature.to_vec() })
    }
}

pub(super) fn is_name(name: &str) -> bool {
    !name.is_empty() && !name.chars().any(|c| c.is_whitespace() || c.is_control())
}

/// The three lines of a checkpoint, for who has checked its signature.
pub(super) fn origin_size_root(text: &str) -> Option<(&str, u64, Hash)> {
    let mut lines = text.strip_suffix('\n')?.split('\n');
    let (origin, size, root) = (lines.next()?, number(lines.next()?)?, super::hash_from_base64(lines.next()?)?);
    (lines.next().is_none() && is_name(origin)).then_some((origin, size, root))
}
