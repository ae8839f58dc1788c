//! Who signs notes: a log its checkpoints, a witness what it saw.
//!
//! Guarantees:
//! - a key signs under one name, and one kind of message
//! - the private half is in no debug text
//! - signatures follow from key and message alone, so that all who have a log's key make the same checkpoint

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::signature::{Ed25519KeyPair, KeyPair};

use super::{Checkpoint, KeyKind, SignatureLine, SignedNote, VerifierKey, to_base64};

/// What begins a private key.
const PRIVATE: &str = "PRIVATE+KEY+";

/// A private key with the name that it signs under.
pub struct NoteSigner {
    key: VerifierKey,
    pair: Ed25519KeyPair,
}

/// Why a text is no private key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignerError {
    /// Not a line `PRIVATE+KEY+name+hash+key`, or not of a kind that is known here.
    #[error(
        "this is no key for notes: it should be one line, PRIVATE+KEY+name+hash+key, as `fairgate keys log` or `witness` makes it"
    )]
    Malformed,
    /// Its hash is that of another name or key.
    #[error(
        "the name and the key do not belong together: was the name changed by hand? Make a new key for another name"
    )]
    Hash,
}

impl NoteSigner {
    /// The key of a seed (RFC 8032) under a name; `None` where that is no name of a key.
    #[must_use]
    pub fn new(name: &str, kind: KeyKind, seed: &[u8; 32]) -> Option<Self> {
        let pair = Ed25519KeyPair::from_seed_unchecked(seed).ok()?;
        let public_key = pair.public_key().as_ref().try_into().ok()?;
        Some(Self { key: VerifierKey::new(name, kind, public_key)?, pair })
    }

    /// Reads a private key: `PRIVATE+KEY+name+hash+key`, the key being its kind and the seed in base64.
    ///
    /// # Errors
    /// Where it is none.
    pub fn parse(text: &str) -> Result<Self, SignerError> {
        let read = || {
            let mut parts = text.trim_end().strip_prefix(PRIVATE)?.splitn(3, '+');
            let (name, id, key) = (parts.next()?, parts.next()?, STANDARD.decode(parts.next()?).ok()?);
            let (kind, seed) = key.split_first()?;
            Some((Self::new(name, KeyKind::of(*kind)?, seed.try_into().ok()?)?, id))
        };
        let (signer, id) = read().ok_or(SignerError::Malformed)?;
        if hex::encode(signer.key.id()) == id { Ok(signer) } else { Err(SignerError::Hash) }
    }

    /// The text of a private key, for a file that only its owner reads; `None` where that is no name of a key.
    #[must_use]
    pub fn private_text(name: &str, kind: KeyKind, seed: &[u8; 32]) -> Option<String> {
        let key = Self::new(name, kind, seed)?.key;
        let private = to_base64(&[&[kind.byte()][..], seed].concat());
        Some(format!("{PRIVATE}{name}+{}+{private}\n", hex::encode(key.id())))
    }

    /// The public half.
    #[must_use]
    pub fn key(&self) -> &VerifierKey {
        &self.key
    }

    /// A log's checkpoint under its signature.
    #[must_use]
    pub fn sign(&self, checkpoint: &Checkpoint) -> SignedNote {
        let text = checkpoint.to_string();
        let line = SignatureLine::new(&self.key, self.pair.sign(text.as_bytes()).as_ref().to_vec());
        SignedNote::new(text, line)
    }

    /// A witness's line on a note that it saw at a time, Unix seconds (`tlog-cosignature`).
    #[must_use]
    pub fn cosign(&self, note: &SignedNote, time_s: u64) -> SignatureLine {
        let message = format!("cosignature/v1\ntime {time_s}\n{}", note.text());
        let signature = self.pair.sign(message.as_bytes());
        SignatureLine::new(&self.key, [&time_s.to_be_bytes()[..], signature.as_ref()].concat())
    }
}

impl fmt::Debug for NoteSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NoteSigner").field("key", &self.key.to_string()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &str = "tickets.example/.fairgate/draw.log";

    #[test]
    fn keys_are_those_of_the_worked_example() {
        let log = NoteSigner::new(LOG, KeyKind::Log, &[7; 32]).unwrap();
        assert_eq!(
            log.key().to_string(),
            "tickets.example/.fairgate/draw.log+2a89550f+AepKbGPinFIKvvVQexMuxfmVR3auvr57kkIe6mkURtIs"
        );
        let witness = NoteSigner::new("witness.example/w1", KeyKind::Witness, &[8; 32]).unwrap();
        assert_eq!(
            witness.key().to_string(),
            "witness.example/w1+fea3b187+BBOY9ixtGkV8UbpqS189vS9p/KkyFiGNyJl+QWvRfZPK"
        );
    }

    #[test]
    fn a_private_key_reads_back_under_its_own_name_only() {
        let text = NoteSigner::private_text(LOG, KeyKind::Log, &[7; 32]).unwrap();
        let signer = NoteSigner::parse(&text).unwrap();
        assert_eq!(signer.key(), NoteSigner::new(LOG, KeyKind::Log, &[7; 32]).unwrap().key());
        assert!(!format!("{signer:?}").contains(&to_base64(&[7; 32])[..20]));
        let renamed = text.replace("tickets", "another");
        assert_eq!(NoteSigner::parse(&renamed).unwrap_err(), SignerError::Hash);
        for other in ["", "PRIVATE+KEY+a+b", &text.replace("PRIVATE+", ""), &text.replace("+A", "+/")] {
            assert_eq!(NoteSigner::parse(other).unwrap_err(), SignerError::Malformed, "{other}");
        }
    }

    #[test]
    fn what_is_signed_and_cosigned_verifies() {
        let log = NoteSigner::new(LOG, KeyKind::Log, &[7; 32]).unwrap();
        let witness = NoteSigner::new("witness.example/w1", KeyKind::Witness, &[8; 32]).unwrap();
        let note = log.sign(&Checkpoint { origin: LOG.into(), size: 2, root: [1; 32] });
        let line = witness.cosign(&note, 1_692_806_352);
        let note = SignedNote::parse(&note.with(line).to_string()).unwrap();
        assert_eq!(Checkpoint::open(&note, log.key()).unwrap().size, 2);
        assert_eq!(note.cosigned_at_s(witness.key()), Ok(1_692_806_352));
    }
}
