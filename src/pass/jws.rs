//! JSON Web Signatures in compact form, Ed25519 only (RFC 7515, RFC 8037).
//!
//! Guarantees: the signature is checked over the very bytes that were received before a claim is looked at; `alg` must be
//! `EdDSA`, `typ` must be the expected one, and no other header is understood; base64 must be canonical, so that one
//! signed token has one spelling and a cache or a log cannot be fooled by two.
//!
//! AWS-LC does the arithmetic: each join and each claim is signed, and it signs in a third of ring's time.

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, UnparsedPublicKey};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// Longer tokens are refused before they are looked at. Ours have about 500 bytes.
pub const TOKEN_BYTES_MAX: usize = 2048;

const ALGORITHM: &str = "EdDSA";

/// Why a token is not one of ours.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JwsError {
    /// More than [`TOKEN_BYTES_MAX`] bytes.
    #[error("the token is longer than {TOKEN_BYTES_MAX} bytes")]
    TooLong,
    /// Not three canonical base64url parts, or a header or claims that cannot be read.
    #[error("the token is not a compact JWS")]
    Malformed,
    /// The header names another algorithm.
    #[error("the token is not signed with EdDSA")]
    Algorithm,
    /// A token of another kind: a ticket shown as a pass, say.
    #[error("the token is of another type")]
    Type,
    /// None of our keys has this id.
    #[error("the token is signed by a key that is not known here")]
    UnknownKey,
    /// The signature does not fit the bytes.
    #[error("the token's signature is wrong")]
    Signature,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Header<'a> {
    alg: &'a str,
    kid: &'a str,
    typ: &'a str,
}

/// The encoded header that a key puts before claims of a type.
pub(super) fn header(kid: &str, typ: &str) -> String {
    URL_SAFE_NO_PAD.encode(format!(r#"{{"alg":"{ALGORITHM}","kid":"{kid}","typ":"{typ}"}}"#))
}

/// Signs claims under an encoded [`header`].
pub(super) fn sign(key: &Ed25519KeyPair, header: &str, claims: &impl Serialize) -> String {
    let claims = serde_json::to_vec(claims).expect("claims are plain structs of numbers and strings");
    let mut token = String::with_capacity(header.len() + 4 * claims.len() / 3 + 96);
    token.push_str(header);
    token.push('.');
    URL_SAFE_NO_PAD.encode_string(&claims, &mut token);
    let signature = key.sign(token.as_bytes());
    token.push('.');
    URL_SAFE_NO_PAD.encode_string(signature.as_ref(), &mut token);
    token
}

/// Signs bytes that travel beside the signature: a detached JWS (RFC 7515, appendix F).
pub(super) fn sign_detached(key: &Ed25519KeyPair, header: &str, payload: &[u8]) -> String {
    let signature = key.sign(signing_input(header, payload).as_bytes());
    format!("{header}..{}", URL_SAFE_NO_PAD.encode(signature.as_ref()))
}

/// Checks a detached JWS of a type over these bytes; answers the id of the key that signed them.
pub(super) fn verify_detached<'k>(
    token: &str,
    payload: &[u8],
    typ: &str,
    find: impl FnOnce(&str) -> Option<&'k [u8; 32]>,
) -> Result<String, JwsError> {
    if token.len() > TOKEN_BYTES_MAX {
        return Err(JwsError::TooLong);
    }
    let (encoded, signature) = token.split_once("..").ok_or(JwsError::Malformed)?;
    let header = decode(encoded)?;
    let key = check_header(&header, typ, find)?;
    let message = signing_input(encoded, payload);
    check_signature(key, &message, signature)?;
    let header: Header = serde_json::from_slice(&header).map_err(|_| JwsError::Malformed)?;
    Ok(header.kid.to_owned())
}

fn signing_input(header: &str, payload: &[u8]) -> String {
    format!("{header}.{}", URL_SAFE_NO_PAD.encode(payload))
}

/// Checks a token of a type with the key that `find` has under its id, and reads its claims.
pub(super) fn verify<'k, C: DeserializeOwned>(
    token: &str,
    typ: &str,
    find: impl FnOnce(&str) -> Option<&'k [u8; 32]>,
) -> Result<C, JwsError> {
    if token.len() > TOKEN_BYTES_MAX {
        return Err(JwsError::TooLong);
    }
    let (message, signature) = token.rsplit_once('.').ok_or(JwsError::Malformed)?;
    let (header, claims) = message.split_once('.').ok_or(JwsError::Malformed)?;
    let header = decode(header)?;
    let key = check_header(&header, typ, find)?;
    check_signature(key, message, signature)?;
    serde_json::from_slice(&decode(claims)?).map_err(|_| JwsError::Malformed)
}

/// The claims of a token that nobody has checked.
pub(super) fn unchecked_claims<C: DeserializeOwned>(token: &str) -> Option<C> {
    let claims = token.split('.').nth(1).filter(|_| token.len() <= TOKEN_BYTES_MAX)?;
    serde_json::from_slice(&decode(claims).ok()?).ok()
}

fn check_header<'k>(
    header: &[u8],
    typ: &str,
    find: impl FnOnce(&str) -> Option<&'k [u8; 32]>,
) -> Result<&'k [u8; 32], JwsError> {
    let header: Header = serde_json::from_slice(header).map_err(|_| JwsError::Malformed)?;
    if header.alg != ALGORITHM {
        return Err(JwsError::Algorithm);
    }
    if header.typ != typ {
        return Err(JwsError::Type);
    }
    find(header.kid).ok_or(JwsError::UnknownKey)
}

fn check_signature(key: &[u8; 32], message: &str, signature: &str) -> Result<(), JwsError> {
    let signature = decode(signature)?;
    UnparsedPublicKey::new(&ED25519, key).verify(message.as_bytes(), &signature).map_err(|_| JwsError::Signature)
}

fn decode(part: &str) -> Result<Vec<u8>, JwsError> {
    URL_SAFE_NO_PAD.decode(part).map_err(|_| JwsError::Malformed)
}
