//! Sealing: what a browser keeps for us and cannot read, change, or move elsewhere.
//!
//! Guarantees:
//! - a sealed text opens only under the key, the version and the context that it was sealed with (AES-256-GCM, the
//!   context as associated data)
//! - one text has one spelling
//! - longer texts than the caller's bound are refused unread

use std::fmt;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::keys::Key;

/// Random bytes that each sealing needs, never used twice under one key.
///
/// They are random, so a key seals at most 2³² texts with a chance of 2⁻³² that two are alike (NIST SP 800-38D, 8.3).
pub const SEAL_NONCE_BYTES: usize = NONCE_LEN;

const VERSION: &str = "v1.";
const TAG_BYTES: usize = 16;

/// A key that seals and opens, ready for use.
pub(crate) struct Sealer(LessSafeKey);

impl Sealer {
    pub(crate) fn new(key: &Key) -> Self {
        let key = UnboundKey::new(&AES_256_GCM, key.bytes()).expect("AES-256 takes 32 bytes");
        Self(LessSafeKey::new(key))
    }

    /// `v1.<base64url(nonce ‖ AES-256-GCM(plain))>`.
    pub(crate) fn seal(&self, context: &str, nonce: [u8; SEAL_NONCE_BYTES], plain: Vec<u8>) -> String {
        let mut sealed = plain;
        self.0
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), aad(context), &mut sealed)
            .expect("what is sealed is far below the 64 GB of AES-GCM");
        sealed.splice(0..0, nonce);
        let mut text = String::with_capacity(VERSION.len() + sealed_length(sealed.len()));
        text.push_str(VERSION);
        URL_SAFE_NO_PAD.encode_string(&sealed, &mut text);
        text
    }

    /// What was sealed; `None` where it was not, or not for this context.
    pub(crate) fn open(&self, context: &str, text: &str, bytes_max: usize) -> Option<Vec<u8>> {
        let text = Some(text).filter(|text| text.len() <= bytes_max)?.strip_prefix(VERSION)?;
        let mut sealed = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (nonce, rest) = sealed.split_first_chunk_mut::<NONCE_LEN>()?;
        let plain = self.0.open_in_place(Nonce::assume_unique_for_key(*nonce), aad(context), rest).ok()?;
        Some(plain.to_vec())
    }
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sealer(..)")
    }
}

/// How long a sealed text of so many bytes is.
pub(crate) fn text_length(plain_bytes: usize) -> usize {
    VERSION.len() + sealed_length(NONCE_LEN + plain_bytes + TAG_BYTES)
}

fn sealed_length(bytes: usize) -> usize {
    (bytes * 4).div_ceil(3)
}

fn aad(context: &str) -> Aad<&[u8]> {
    Aad::from(context.as_bytes())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::vectors::key;

    #[test]
    fn another_key_context_or_version_does_not_open() {
        let sealer = Sealer::new(&key(0x41));
        let text = sealer.seal("room", [7; 12], b"plain".to_vec());
        assert_eq!(text.len(), text_length(5));
        assert_eq!(sealer.open("room", &text, text.len()).as_deref(), Some(&b"plain"[..]));
        assert_eq!(sealer.open("room", &text, text.len() - 1), None, "longer than the bound");
        assert_eq!(sealer.open("other", &text, 1000), None);
        assert_eq!(Sealer::new(&key(0x42)).open("room", &text, 1000), None);
        assert_eq!(sealer.open("room", &text.replace("v1.", "v2."), 1000), None);
        assert_eq!(sealer.open("room", &text["v1.".len()..], 1000), None);
        for short in ["", "v1.", "v1.AAAA", &format!("v1.{}", "A".repeat(16)), &format!("{text}="), &format!("{text}A")]
        {
            assert_eq!(sealer.open("room", short, 1000), None, "{short}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn any_bit_spoils_it(plain in proptest::collection::vec(any::<u8>(), 0..80), nonce: [u8; 12]) {
            let sealer = Sealer::new(&key(0x41));
            let text = sealer.seal("room", nonce, plain.clone());
            prop_assert_eq!(text.len(), text_length(plain.len()));
            prop_assert_eq!(sealer.open("room", &text, 1000), Some(plain));
            for bit in 0..8 * text.len() {
                let mut bytes = text.clone().into_bytes();
                bytes[bit / 8] ^= 1 << (bit % 8);
                if let Ok(other) = String::from_utf8(bytes) {
                    prop_assert_eq!(sealer.open("room", &other, 1000), None, "bit {}", bit);
                }
            }
        }
    }
}
