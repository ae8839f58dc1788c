//! Public keys: all that is needed to check tickets and passes.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};

use super::jws::{self, JwsError};
use super::keys::is_key_name;

/// Why a JWKS document cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum JwksError {
    /// Not the JSON of a JWKS.
    #[error("not a JWKS document: {0}")]
    Json(#[from] serde_json::Error),
    /// A key for our algorithm that is not 32 bytes.
    #[error("the key {kid:?} is not an Ed25519 public key")]
    Key {
        /// The key's id.
        kid: String,
    },
    /// Nothing to check passes with.
    #[error("the JWKS has no Ed25519 signing key; is this the edge's jwks.json?")]
    Empty,
}

/// The public keys of an issuer by their ids. Each is for Ed25519 and nothing else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeySet {
    issuer: String,
    keys: BTreeMap<String, [u8; 32]>,
}

#[derive(Serialize, Deserialize)]
struct Jwks {
    keys: Vec<Jwk>,
}

#[derive(Serialize, Deserialize)]
struct Jwk {
    kty: String,
    #[serde(default)]
    crv: String,
    #[serde(default)]
    kid: String,
    #[serde(default)]
    x: String,
    #[serde(default)]
    alg: String,
    #[serde(default, rename = "use")]
    purpose: String,
}

impl Jwk {
    fn is_ours(&self) -> bool {
        self.kty == "OKP" && self.crv == "Ed25519" && (self.purpose.is_empty() || self.purpose == "sig")
    }
}

impl KeySet {
    /// Public keys by their ids. `issuer` is what tokens must name as `iss`.
    #[must_use]
    pub fn new(issuer: &str, keys: BTreeMap<String, [u8; 32]>) -> Self {
        Self { issuer: issuer.to_owned(), keys }
    }

    /// Reads the edge's `jwks.json`; keys for other algorithms are passed over, as RFC 7517 asks.
    ///
    /// # Errors
    /// When the document has no key that fits, or is none.
    pub fn from_jwks(json: &str, issuer: &str) -> Result<Self, JwksError> {
        let jwks: Jwks = serde_json::from_str(json)?;
        let keys: BTreeMap<_, _> =
            jwks.keys.into_iter().filter(Jwk::is_ours).map(public_key).collect::<Result<_, _>>()?;
        if keys.is_empty() {
            return Err(JwksError::Empty);
        }
        Ok(Self { issuer: issuer.to_owned(), keys })
    }

    /// The same keys as a JWKS document (RFC 7517, RFC 8037).
    #[must_use]
    pub fn to_jwks(&self) -> String {
        let keys = self.keys.iter().map(|(kid, key)| Jwk {
            kty: "OKP".into(),
            crv: "Ed25519".into(),
            kid: kid.clone(),
            x: URL_SAFE_NO_PAD.encode(key),
            alg: "EdDSA".into(),
            purpose: "sig".into(),
        });
        serde_json::to_string(&Jwks { keys: keys.collect() }).expect("a struct of strings")
    }

    /// The same keys, for tokens of this issuer.
    #[must_use]
    pub fn of_issuer(&self, issuer: &str) -> Self {
        Self::new(issuer, self.keys.clone())
    }

    /// What tokens must name as `iss`.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// True if a token names a key that may still come to be known here.
    ///
    /// Such a key is one of ours by its name, and younger than the oldest that is known. An older key was withdrawn.
    #[must_use]
    pub fn is_behind(&self, token: &str) -> bool {
        let Some(kid) = jws::kid(token) else { return false };
        let is_younger = self.keys.keys().next().is_some_and(|oldest| *oldest < kid);
        is_younger && !self.keys.contains_key(&kid) && is_key_name(&kid)
    }

    /// The ids of the keys.
    pub fn kids(&self) -> impl Iterator<Item = &str> {
        self.keys.keys().map(String::as_str)
    }

    /// The RFC 7638 thumbprint of a key, as the draw log names it; `None` where the id is not known.
    #[must_use]
    pub fn thumbprint(&self, kid: &str) -> Option<[u8; 32]> {
        let x = URL_SAFE_NO_PAD.encode(self.keys.get(kid)?);
        let members = format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}"#);
        digest(&SHA256, members.as_bytes()).as_ref().try_into().ok()
    }

    /// The thumbprints of all keys.
    #[must_use]
    pub fn thumbprints(&self) -> Vec<[u8; 32]> {
        self.kids().filter_map(|kid| self.thumbprint(kid)).collect()
    }

    pub(crate) fn verify<C: serde::de::DeserializeOwned>(&self, token: &str, typ: &str) -> Result<C, JwsError> {
        jws::verify(token, typ, |kid| self.keys.get(kid))
    }

    pub(crate) fn verify_detached(&self, token: &str, payload: &[u8], typ: &str) -> Result<String, JwsError> {
        jws::verify_detached(token, payload, typ, |kid| self.keys.get(kid))
    }
}

fn public_key(jwk: Jwk) -> Result<(String, [u8; 32]), JwksError> {
    let bytes = URL_SAFE_NO_PAD.decode(&jwk.x).ok().and_then(|x| x.try_into().ok());
    match bytes {
        Some(bytes) if !jwk.kid.is_empty() => Ok((jwk.kid, bytes)),
        _ => Err(JwksError::Key { kid: jwk.kid }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The key of RFC 8037, appendix A, and its thumbprint.
    #[test]
    fn a_key_has_its_thumbprint() {
        let jwks =
            r#"{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"a","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;
        let keys = KeySet::from_jwks(jwks, "").unwrap();
        let thumbprint = URL_SAFE_NO_PAD.encode(keys.thumbprint("a").unwrap());
        assert_eq!(thumbprint, "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
        assert_eq!(keys.thumbprint("b"), None);
        assert_eq!(keys.of_issuer("https://tickets.example").issuer(), "https://tickets.example");
    }
}
