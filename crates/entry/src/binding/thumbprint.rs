//! A P-256 key as a JWK, and its thumbprint (RFC 7638).
//!
//! Guarantee: one key has one thumbprint: coordinates have 32 bytes each, in the one spelling of base64url.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::bond::sha256;
use crate::keys::first;

/// SHA-256 of a key: `jkt` in `cnf`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Thumbprint([u8; 32]);

impl Thumbprint {
    /// Reads base64url without padding, as a join or a token says it.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        decode_32(text).map(Self)
    }

    /// The thumbprint of these bytes.
    pub(super) fn of_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// As tokens say it: base64url, 43 characters.
    #[must_use]
    pub fn to_base64url(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.0)
    }

    /// The first 16 bytes: what the store keeps of those who moved.
    #[must_use]
    pub fn short(&self) -> [u8; 16] {
        first(&self.0)
    }

    /// The bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for Thumbprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Thumbprint({})", self.to_base64url())
    }
}

/// A public P-256 key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey {
    x: String,
    y: String,
}

/// Why a JWK is no public P-256 key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JwkError {
    /// A private key, which must not leave its device.
    #[error("the proof's `jwk` has a private member; send the public key alone")]
    Private,
    /// Another key type or curve, or coordinates of another length.
    #[error("the proof's `jwk` is not a P-256 key with `kty`, `crv`, `x` and `y`")]
    NotP256,
}

/// A JWK as it was sent; members that RFC 7518 has for secrets are looked for.
#[derive(Deserialize)]
pub(super) struct Jwk {
    kty: String,
    crv: String,
    x: String,
    y: String,
    d: Option<IgnoredAny>,
    p: Option<IgnoredAny>,
    q: Option<IgnoredAny>,
    dp: Option<IgnoredAny>,
    dq: Option<IgnoredAny>,
    qi: Option<IgnoredAny>,
    oth: Option<IgnoredAny>,
    k: Option<IgnoredAny>,
}

impl Jwk {
    pub(super) fn public(self) -> Result<PublicKey, JwkError> {
        let secrets = [self.d, self.p, self.q, self.dp, self.dq, self.qi, self.oth, self.k];
        if secrets.iter().any(Option::is_some) {
            return Err(JwkError::Private);
        }
        let is_p256 = self.kty == "EC" && self.crv == "P-256";
        if !is_p256 || decode_32(&self.x).is_none() || decode_32(&self.y).is_none() {
            return Err(JwkError::NotP256);
        }
        Ok(PublicKey { x: self.x, y: self.y })
    }
}

impl PublicKey {
    /// Reads a JWK.
    ///
    /// # Errors
    /// When it is a private key, or no P-256 key.
    pub fn read(jwk: &[u8]) -> Result<Self, JwkError> {
        serde_json::from_slice::<Jwk>(jwk).map_err(|_| JwkError::NotP256)?.public()
    }

    /// `base64url(SHA-256({"crv":"P-256","kty":"EC","x":…,"y":…}))` (RFC 7638, 3).
    #[must_use]
    pub fn thumbprint(&self) -> Thumbprint {
        let Self { x, y } = self;
        Thumbprint(sha256(format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#).as_bytes()))
    }

    /// The key of these coordinates.
    pub(super) fn of_coordinates(x: &[u8; 32], y: &[u8; 32]) -> Self {
        Self { x: URL_SAFE_NO_PAD.encode(x), y: URL_SAFE_NO_PAD.encode(y) }
    }

    /// The coordinates.
    pub(super) fn bytes(&self) -> ([u8; 32], [u8; 32]) {
        // They were read as 32 bytes each.
        let bytes = |text: &str| decode_32(text).unwrap_or_default();
        (bytes(&self.x), bytes(&self.y))
    }

    /// The coordinates, base64url.
    pub(super) fn coordinates(&self) -> (&str, &str) {
        (&self.x, &self.y)
    }
}

/// 32 bytes of base64url without padding, in their one spelling.
fn decode_32(text: &str) -> Option<[u8; 32]> {
    let bytes = Some(text).filter(|text| text.len() == 43).and_then(|text| URL_SAFE_NO_PAD.decode(text).ok())?;
    bytes.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const X: &str = "lLaDnAvX6WC-foYIGzACfkIxW1AnLD59frHC95InBW8";
    const Y: &str = "Cb4R_c-HwzfIpUmR4aSOBfHwD-4nO16Tu24E4gjZns4";

    fn jwk(members: &str) -> Result<Thumbprint, JwkError> {
        PublicKey::read(format!("{{{members}}}").as_bytes()).map(|key| key.thumbprint())
    }

    #[test]
    fn the_thumbprint_is_as_published() {
        let expected = "vQQ8mp3CZ_lggo1F_4767Xtm7df5zXoOS0GhGSCof3I";
        for members in [
            format!(r#""kty":"EC","crv":"P-256","x":"{X}","y":"{Y}""#),
            format!(r#""y":"{Y}","x":"{X}","ext":true,"key_ops":["verify"],"crv":"P-256","kty":"EC","kid":"1""#),
        ] {
            let thumbprint = jwk(&members).expect("a key");
            assert_eq!(thumbprint.to_base64url(), expected);
            assert_eq!(Thumbprint::read(expected), Some(thumbprint));
            assert_eq!(thumbprint.short(), thumbprint.bytes()[..16]);
        }
    }

    #[test]
    fn another_key_or_a_private_one_is_refused() {
        let good = format!(r#""kty":"EC","crv":"P-256","x":"{X}","y":"{Y}""#);
        for secret in ["d", "p", "q", "dp", "dq", "qi", "oth", "k"] {
            assert_eq!(jwk(&format!(r#"{good},"{secret}":"AQ""#)), Err(JwkError::Private), "{secret}");
        }
        for (from, to) in
            [("EC", "OKP"), ("P-256", "P-384"), (X, &X[1..]), (Y, &format!("{Y}A")), (X, &format!("{X}="))]
        {
            assert_eq!(jwk(&good.replace(from, to)), Err(JwkError::NotP256), "{to}");
        }
        // The last character of 43 has two bits that no byte uses.
        assert_eq!(jwk(&good.replace("InBW8", "InBW9")), Err(JwkError::NotP256));
        for members in ["", r#""kty":"EC""#, &format!(r#"{good},"x":"{X}""#)] {
            assert_eq!(jwk(members), Err(JwkError::NotP256), "{members:.30}");
        }
        assert_eq!(Thumbprint::read("AAAA"), None);
    }
}
