//! The proof that a call comes from whoever has the key (RFC 9449, with a nonce).
//!
//! Guarantee: a proof counts for one method, one address, one token and one minute, and was made with the key that the token
//! names.
//!
//! The cheap checks stand before the signature. A proof never clears a ticket: it is refused, and that is all.
//!
//! `iat` is not judged, for the nonce is the clock; `jti` is not kept, for a call said twice has the same effect.

use aws_lc_rs::digest;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};

use super::device::DeviceError;
use super::nonce::ProofNonces;
use super::thumbprint::{Jwk, JwkError, Thumbprint};

/// A longer proof is refused unread.
pub const PROOF_BYTES_MAX: usize = 1024;
/// `typ` of a proof.
pub const PROOF_TYPE: &str = "dpop+jwt";
const ALGORITHM: &str = "ES256";

/// Why a proof does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// More than [`PROOF_BYTES_MAX`] bytes.
    #[error("the proof is longer than {PROOF_BYTES_MAX} bytes")]
    TooLong,
    /// Not a JWT with the claims of a proof.
    #[error("the proof is not a JWT with `jti`, `htm`, `htu`, `iat` and `ath`")]
    Malformed,
    /// Another `typ`.
    #[error("the proof's `typ` is not `{PROOF_TYPE}`")]
    Type,
    /// Another `alg`, or an extension.
    #[error("the proof's `alg` is not ES256, or it has `crit`")]
    Algorithm,
    /// No public P-256 key.
    #[error(transparent)]
    Key(#[from] JwkError),
    /// Another key than the token names.
    #[error("the proof is by another key than the token's `cnf.jkt`")]
    OtherKey,
    /// Another method.
    #[error("the proof's `htm` is another method")]
    Method,
    /// Another address.
    #[error("the proof's `htu` is another address")]
    Address,
    /// Of another time: sign again with the nonce that the answer brings.
    #[error("the proof's `nonce` is missing or over; sign again with the one in `DPoP-Nonce`")]
    UseNonce,
    /// For another token.
    #[error("the proof's `ath` is of another token")]
    OtherToken,
    /// Not by the key.
    #[error("the proof's signature is wrong")]
    Signature,
    /// What the browser has signed with its device's key does not count.
    #[error(transparent)]
    Device(#[from] DeviceError),
}

/// What a proof has to be of.
#[derive(Clone, Copy, Debug)]
pub struct ProofOf<'a> {
    /// The request's method.
    pub method: &'a str,
    /// Scheme, judged host and path, without a query.
    pub address: &'a str,
    /// The ticket (claim, leave, move) or the pass (renew).
    pub token: &'a str,
    /// The key that the token names.
    pub key: &'a Thumbprint,
}

#[derive(Deserialize)]
struct Header {
    typ: String,
    alg: String,
    jwk: Jwk,
    crit: Option<IgnoredAny>,
}

/// What a header says of itself, so that another `typ` or `alg` is named as such whatever key stands beside it.
#[derive(Deserialize)]
struct Kind {
    #[serde(default)]
    typ: String,
    #[serde(default)]
    alg: String,
}

#[derive(Deserialize)]
struct Claims {
    // Read so that a proof without it is refused, as the RFC says.
    #[serde(rename = "jti")]
    _jti: String,
    htm: String,
    htu: String,
    #[serde(rename = "iat")]
    _iat: serde_json::Number,
    nonce: Option<String>,
    ath: String,
}

/// `ath`: `base64url(SHA-256(token))`.
#[must_use]
pub fn token_hash(token: &str) -> String {
    URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, token.as_bytes()))
}

/// Checks a proof. The order is that of the cost; the signature is last.
///
/// # Errors
/// Why it does not count.
pub fn verify_proof(proof: &str, of: &ProofOf<'_>, nonces: &ProofNonces, now_ms: u64) -> Result<(), ProofError> {
    if proof.len() > PROOF_BYTES_MAX {
        return Err(ProofError::TooLong);
    }
    let (message, signature) = proof.rsplit_once('.').ok_or(ProofError::Malformed)?;
    let (header, claims) = message.split_once('.').ok_or(ProofError::Malformed)?;
    let header = header_of(header)?;
    let key = header.jwk.public()?;
    if key.thumbprint() != *of.key {
        return Err(ProofError::OtherKey);
    }
    check_claims(&part::<Claims>(claims)?, of, nonces, now_ms)?;
    let (x, y) = key.coordinates();
    let key = DecodingKey::from_ec_components(x, y).map_err(|_| JwkError::NotP256)?;
    match jsonwebtoken::crypto::verify(signature, message.as_bytes(), &key, Algorithm::ES256) {
        Ok(true) => Ok(()),
        _ => Err(ProofError::Signature),
    }
}

fn header_of(text: &str) -> Result<Header, ProofError> {
    let kind: Kind = part(text)?;
    if kind.typ != PROOF_TYPE {
        return Err(ProofError::Type);
    }
    if kind.alg != ALGORITHM {
        return Err(ProofError::Algorithm);
    }
    let header: Header = part(text).map_err(|_| JwkError::NotP256)?;
    let is_known = header.typ == PROOF_TYPE && header.alg == ALGORITHM && header.crit.is_none();
    if is_known { Ok(header) } else { Err(ProofError::Algorithm) }
}

fn check_claims(claims: &Claims, of: &ProofOf<'_>, nonces: &ProofNonces, now_ms: u64) -> Result<(), ProofError> {
    if claims.htm != of.method {
        return Err(ProofError::Method);
    }
    if claims.htu != of.address {
        return Err(ProofError::Address);
    }
    if !claims.nonce.as_ref().is_some_and(|nonce| nonces.is_good(nonce, now_ms)) {
        return Err(ProofError::UseNonce);
    }
    if claims.ath != token_hash(of.token) {
        return Err(ProofError::OtherToken);
    }
    Ok(())
}

fn part<T: DeserializeOwned>(text: &str) -> Result<T, ProofError> {
    let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| ProofError::Malformed)?;
    serde_json::from_slice(&bytes).map_err(|_| ProofError::Malformed)
}

#[cfg(test)]
mod tests;
