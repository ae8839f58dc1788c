//! The public keys of a shop.
//!
//! Guarantees:
//! - each key has one algorithm, which follows from its type
//! - a key that could be used as a shared secret is refused, and so is one that is too weak

use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, JwkSet, KeyAlgorithm, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

use super::ED25519;

/// A longer key set is refused unread.
pub const JWKS_BYTES_MAX: usize = 64 * 1024;
/// Most keys of a set.
pub const JWKS_KEYS_MAX: usize = 32;

/// Bytes of the shortest RSA modulus that RS256 may be used with (RFC 7518, 3.3), and of the longest that is verified.
const MODULUS_BYTES: std::ops::RangeInclusive<usize> = 256..=1024;

/// Why a key set is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JwksError {
    /// Not a JWKS document, or too long.
    #[error("the key set is not a JWKS document of at most {JWKS_BYTES_MAX} bytes")]
    Form,
    /// More than [`JWKS_KEYS_MAX`] keys.
    #[error("the key set has more than {JWKS_KEYS_MAX} keys")]
    TooMany,
    /// No key that could be used.
    #[error("the key set has no Ed25519, P-256 or RSA key (of 2048 bits or more) that is for signatures")]
    NoKey,
    /// Two keys of one name, or one without a name beside others.
    #[error("the keys of the set need a `kid` each, and no two the same")]
    Name,
}

/// The keys of a set that can be used.
#[derive(Clone)]
pub struct ShopKeys(Vec<(Option<String>, Algorithm, DecodingKey)>);

impl ShopKeys {
    /// Reads a JWKS document. Keys of other types, and for other uses, are passed over.
    ///
    /// # Errors
    /// When it has none that can be used, or they cannot be told apart.
    pub fn read(document: &[u8]) -> Result<Self, JwksError> {
        if document.len() > JWKS_BYTES_MAX {
            return Err(JwksError::Form);
        }
        let mut document: Value = serde_json::from_slice(document).map_err(|_| JwksError::Form)?;
        let keys = document.get_mut("keys").and_then(Value::as_array_mut).ok_or(JwksError::Form)?;
        keys.iter_mut().for_each(with_older_name);
        let set: JwkSet = serde_json::from_value(document).map_err(|_| JwksError::Form)?;
        if set.keys.len() > JWKS_KEYS_MAX {
            return Err(JwksError::TooMany);
        }
        let keys: Vec<_> = set.keys.iter().filter_map(usable).collect();
        let names: Vec<_> = keys.iter().filter_map(|(kid, ..)| kid.as_deref()).collect();
        let is_twice = names.iter().enumerate().any(|(i, name)| names[..i].contains(name));
        match keys.len() {
            0 => Err(JwksError::NoKey),
            1 => Ok(Self(keys)),
            several if names.len() < several || is_twice => Err(JwksError::Name),
            _ => Ok(Self(keys)),
        }
    }

    /// The key that a token names. A token without `kid` is checked with the only key, where there is one.
    pub(crate) fn find(&self, kid: Option<&str>) -> Option<(Algorithm, &DecodingKey)> {
        let named = |own: &Option<String>| match (own.as_deref(), kid) {
            (Some(own), Some(kid)) => own == kid,
            _ => self.0.len() == 1,
        };
        self.0.iter().find(|(own, ..)| named(own)).map(|(_, algorithm, key)| (*algorithm, key))
    }
}

impl std::fmt::Debug for ShopKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ShopKeys({})", self.0.len())
    }
}

/// RFC 9864 gives `EdDSA` on the curve Ed25519 a name of its own. The curve is looked at either way.
fn with_older_name(key: &mut Value) {
    if key.get("alg").is_some_and(|alg| alg == ED25519) {
        key["alg"] = Value::from("EdDSA");
    }
}

fn usable(jwk: &Jwk) -> Option<(Option<String>, Algorithm, DecodingKey)> {
    if !matches!(jwk.common.public_key_use, None | Some(PublicKeyUse::Signature)) {
        return None;
    }
    let bytes = |text: &str| URL_SAFE_NO_PAD.decode(text).map_or(0, |bytes| bytes.len());
    let (algorithm, said, is_strong) = match &jwk.algorithm {
        AlgorithmParameters::OctetKeyPair(key) => {
            let is_ed25519 = key.curve == EllipticCurve::Ed25519;
            (Algorithm::EdDSA, KeyAlgorithm::EdDSA, is_ed25519 && bytes(&key.x) == 32)
        }
        AlgorithmParameters::EllipticCurve(key) => {
            let is_p256 = key.curve == EllipticCurve::P256;
            (Algorithm::ES256, KeyAlgorithm::ES256, is_p256 && bytes(&key.x) == 32 && bytes(&key.y) == 32)
        }
        AlgorithmParameters::RSA(key) => {
            (Algorithm::RS256, KeyAlgorithm::RS256, MODULUS_BYTES.contains(&bytes(&key.n)) && bytes(&key.e) > 0)
        }
        _ => return None,
    };
    let is_for_it = jwk.common.key_algorithm.is_none_or(|own| own == said);
    let key = DecodingKey::from_jwk(jwk).ok().filter(|_| is_strong && is_for_it)?;
    Some((jwk.common.key_id.clone(), algorithm, key))
}
