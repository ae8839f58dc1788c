//! The operator's identity key, and one key for each purpose made of it.
//!
//! Guarantees:
//! - a purpose's key says nothing of the identity key or of another purpose's (HKDF-SHA256, RFC 5869, no salt)
//! - no key can be printed

use std::fmt;

use aws_lc_rs::{hkdf, hmac};
use fairgate_draw::v2::IdentityKey as DrawKey;

/// Bytes of every key here.
pub const KEY_BYTES: usize = 32;

/// Why a text is no identity key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdentityKeyError {
    /// Not 64 hex digits.
    #[error("the identity key is not 64 hex digits; make one with `openssl rand -hex 32`")]
    Form,
    /// All bytes are alike, as in an example.
    #[error("the identity key is one byte repeated; make one with `openssl rand -hex 32`")]
    Example,
}

/// k: 32 bytes of the system's RNG, the same on all edges, best new for every sale.
///
/// Tags of identities are made with it. Once it is destroyed, published tags are nobody's for good.
#[derive(Clone)]
pub struct IdentityKey([u8; KEY_BYTES]);

impl IdentityKey {
    /// The key of these bytes.
    #[must_use]
    pub fn from_bytes(bytes: [u8; KEY_BYTES]) -> Self {
        Self(bytes)
    }

    /// The key as a file or a variable says it: 64 hex digits.
    ///
    /// # Errors
    /// When it is not that, or is nobody's secret.
    pub fn from_hex(text: &str) -> Result<Self, IdentityKeyError> {
        let mut bytes = [0; KEY_BYTES];
        hex::decode_to_slice(text.trim(), &mut bytes).map_err(|_| IdentityKeyError::Form)?;
        if bytes.iter().all(|byte| *byte == bytes[0]) {
            return Err(IdentityKeyError::Example);
        }
        Ok(Self(bytes))
    }

    /// The key of one purpose: `HKDF-SHA256(k, info)`, 32 bytes.
    #[must_use]
    pub fn derive(&self, purpose: Purpose) -> Key {
        Key::from_bytes(expand(&self.0, purpose.info().as_bytes()))
    }

    /// k_D: makes the identity tags of one draw.
    #[must_use]
    pub fn for_draw(&self, draw: &[u8; 32]) -> DrawKey {
        DrawKey::new(&self.0, draw)
    }
}

impl fmt::Debug for IdentityKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("IdentityKey(..)")
    }
}

/// What a derived key is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// Sealing vouchers.
    Voucher,
    /// The seeds of proof of work, which also date private tokens (k_w).
    Work,
    /// Fingerprints of codes (k_c).
    Codes,
    /// Nonces of a key's proofs (k_n).
    ProofNonce,
    /// Tags of networks (k_net).
    Networks,
    /// References of refusals (k_ref).
    References,
    /// Sealing the state of a sign-in.
    SignIn,
    /// Tags of mail addresses and hashes of mailed codes.
    Mail,
    /// Signing notes that let somebody wait instead.
    Wait,
    /// Sealing offers to move a place.
    Moves,
}

impl Purpose {
    /// HKDF's `info`.
    #[must_use]
    pub fn info(self) -> &'static str {
        match self {
            Self::Voucher => "fairgate/v2/voucher",
            Self::Work => "fairgate/v2/work",
            Self::Codes => "fairgate/v2/codes",
            Self::ProofNonce => "fairgate/v2/proof-nonce",
            Self::Networks => "fairgate/v2/networks",
            Self::References => "fairgate/v2/references",
            Self::SignIn => "fairgate/v2/sign-in",
            Self::Mail => "fairgate/v2/mail",
            Self::Wait => "fairgate/v2/wait",
            Self::Moves => "fairgate/v2/moves",
        }
    }
}

/// A key of one purpose.
#[derive(Clone)]
pub struct Key {
    bytes: [u8; KEY_BYTES],
    hmac: hmac::Key,
}

impl Key {
    /// The key of these bytes.
    #[must_use]
    pub fn from_bytes(bytes: [u8; KEY_BYTES]) -> Self {
        Self { bytes, hmac: hmac::Key::new(hmac::HMAC_SHA256, &bytes) }
    }

    /// `HMAC-SHA256(key, DST(domain) ‖ part ‖ …)`.
    #[must_use]
    pub fn mac(&self, domain: &str, parts: &[&[u8]]) -> [u8; 32] {
        let mut context = hmac::Context::with_key(&self.hmac);
        context.update(domain.as_bytes());
        context.update(&[0]);
        for part in parts {
            context.update(part);
        }
        let mut mac = [0; 32];
        mac.copy_from_slice(context.sign().as_ref());
        mac
    }

    /// The bytes, for a cipher.
    pub(crate) fn bytes(&self) -> &[u8; KEY_BYTES] {
        &self.bytes
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(..)")
    }
}

/// The first bytes of a hash or MAC.
#[must_use]
pub(crate) fn first<const N: usize>(hash: &[u8; 32]) -> [u8; N] {
    std::array::from_fn(|i| hash[i])
}

/// Whether two secrets are alike, in a time that says nothing of where they differ.
#[must_use]
pub(crate) fn equal(a: &[u8], b: &[u8]) -> bool {
    aws_lc_rs::constant_time::verify_slices_are_equal(a, b).is_ok()
}

/// HKDF-SHA256 (RFC 5869) of 32 bytes, no salt.
fn expand(secret: &[u8], info: &[u8]) -> [u8; KEY_BYTES] {
    let mut bytes = [0; KEY_BYTES];
    let prk = hkdf::Salt::new(hkdf::HKDF_SHA256, &[]).extract(secret);
    prk.expand(&[info], hkdf::HKDF_SHA256)
        .and_then(|okm| okm.fill(&mut bytes))
        .expect("32 bytes are one block of HKDF-SHA256");
    bytes
}

#[cfg(test)]
mod tests {
    use fairgate_draw::v2::{Identity, Method, tag};

    use super::*;
    use crate::vectors::{bytes, draw};

    #[test]
    fn hkdf_is_that_of_rfc_5869_without_salt() {
        // Appendix A.3: salt and info of zero length; the first 32 bytes of the 42.
        let expected = bytes("8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d");
        assert_eq!(expand(&[0x0b; 22], b""), expected);
    }

    #[test]
    fn a_mac_is_that_of_rfc_4231() {
        // Case 2 has the key "Jefe", which HMAC pads with zeros: so these 32 bytes are the same key.
        let mut jefe = [0; 32];
        jefe[..4].copy_from_slice(b"Jefe");
        let context = hmac::sign(&Key::from_bytes(jefe).hmac, b"what do ya want for nothing?");
        let expected: [u8; 32] = bytes("5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
        assert_eq!(context.as_ref(), expected);
        let parts = Key::from_bytes(jefe).mac("a", &[b"b", b"c"]);
        assert_eq!(hmac::sign(&Key::from_bytes(jefe).hmac, b"a\0bc").as_ref(), parts);
    }

    #[test]
    fn every_purpose_has_a_key_of_its_own() {
        use Purpose::*;
        let k = IdentityKey::from_bytes(std::array::from_fn(|i| i as u8));
        let purposes = [Voucher, Work, Codes, ProofNonce, Networks, References, SignIn, Mail, Wait, Moves];
        let mut keys: Vec<_> = purposes.iter().map(|purpose| *k.derive(*purpose).bytes()).collect();
        keys.push(k.0);
        keys.sort_unstable();
        keys.dedup();
        assert_eq!(keys.len(), purposes.len() + 1);
    }

    #[test]
    fn a_draws_tags_are_as_published() {
        let key = IdentityKey::from_bytes([0x42; 32]).for_draw(&draw());
        let provider = Method::oidc("https://id.example").expect("a method");
        let identity = Identity::new(provider, "user-0").expect("an identity");
        assert_eq!(tag(&key, &identity), bytes::<16>("0554622971da338e938f1eff14a8060c"));
    }

    #[test]
    fn a_key_is_64_hex_digits_and_nobodys_example() {
        let text = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
        let key = IdentityKey::from_hex(&format!(" {text}\n")).expect("a key");
        assert_eq!(key.0[31], 0x1f);
        assert_eq!(IdentityKey::from_hex(&text[1..]).map(|_| ()), Err(IdentityKeyError::Form));
        assert_eq!(IdentityKey::from_hex(&format!("{text}00")).map(|_| ()), Err(IdentityKeyError::Form));
        assert_eq!(IdentityKey::from_hex(&"42".repeat(32)).map(|_| ()), Err(IdentityKeyError::Example));
        assert_eq!(format!("{key:?} {:?}", key.derive(Purpose::Work)), "IdentityKey(..) Key(..)");
    }
}
