//! Nonces: what dates a key's proof.
//!
//! Guarantee: a nonce is of this draw and of this minute or the last one, and nobody but an edge makes one.
//!
//! It is the same for everybody, so it stands in the public status and no call is needed to get one.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::epoch::Epoch;
use crate::keys::{Key, equal, first};

const NONCE_CHARACTERS: usize = 22;

/// The nonces of one draw.
#[derive(Clone, Debug)]
pub struct ProofNonces {
    key: Key,
    draw: [u8; 32],
}

impl ProofNonces {
    /// From the key of [`Purpose::ProofNonce`](crate::keys::Purpose::ProofNonce), and D.
    #[must_use]
    pub fn new(key: Key, draw: [u8; 32]) -> Self {
        Self { key, draw }
    }

    /// This minute's.
    #[must_use]
    pub fn now(&self, now_ms: u64) -> String {
        URL_SAFE_NO_PAD.encode(self.of(Epoch::of(now_ms)))
    }

    /// Whether a text is this minute's or the last one's.
    #[must_use]
    pub fn is_good(&self, text: &str, now_ms: u64) -> bool {
        let shown =
            Some(text).filter(|text| text.len() == NONCE_CHARACTERS).and_then(|text| URL_SAFE_NO_PAD.decode(text).ok());
        let Some(shown) = shown else { return false };
        Epoch::accepted(now_ms).iter().any(|minute| equal(&self.of(*minute), &shown))
    }

    /// `u32be(minute) ‖ HMAC-SHA256(k_n, DST("fairgate/v2/proof-nonce") ‖ D ‖ u32be(minute))[0..12]`.
    fn of(&self, minute: Epoch) -> [u8; 16] {
        let minute = minute.0.to_be_bytes();
        let mac: [u8; 12] = first(&self.key.mac("fairgate/v2/proof-nonce", &[&self.draw, &minute]));
        let mut nonce = [0; 16];
        nonce[..4].copy_from_slice(&minute);
        nonce[4..].copy_from_slice(&mac);
        nonce
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vectors::{EPOCH, draw, key};

    const NOW_MS: u64 = EPOCH as u64 * 60_000;
    const NONCE: &str = "AcDBmqa1wArxtx8jATbY_w";

    #[test]
    fn it_is_as_published_and_good_for_two_minutes() {
        let nonces = ProofNonces::new(key(0x43), draw());
        assert_eq!((nonces.now(NOW_MS), nonces.now(NOW_MS + 59_999)), (NONCE.to_owned(), NONCE.to_owned()));
        for (ms, expected) in [(0, true), (119_999, true), (120_000, false)] {
            assert_eq!(nonces.is_good(NONCE, NOW_MS + ms), expected, "{ms}");
        }
        assert!(!nonces.is_good(NONCE, NOW_MS - 1));
        assert!(!ProofNonces::new(key(0x43), [0; 32]).is_good(NONCE, NOW_MS));
        assert!(!ProofNonces::new(key(0x44), draw()).is_good(NONCE, NOW_MS));
    }

    #[test]
    fn any_bit_spoils_it() {
        let nonces = ProofNonces::new(key(0x43), draw());
        for bit in 0..8 * NONCE.len() {
            let mut bytes = NONCE.as_bytes().to_vec();
            bytes[bit / 8] ^= 1 << (bit % 8);
            let Ok(other) = String::from_utf8(bytes) else { continue };
            assert!(!nonces.is_good(&other, NOW_MS), "{other}");
        }
        for other in ["", &NONCE[1..], "AcDBmqa1wArxtx8jATbY_w=="] {
            assert!(!nonces.is_good(other, NOW_MS), "{other}");
        }
    }
}
