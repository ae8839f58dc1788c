//! JSON Web Signatures in compact form, Ed25519 only (RFC 7515, RFC 8037).
//!
//! Guarantees:
//! - the signature is checked over the very bytes that were received before a claim is looked at
//! - `alg` must be `EdDSA`, `typ` must be the expected one, and any other header is refused
//! - base64 must be canonical, so that one signed token has one spelling and a cache or a log cannot be fooled by two
//!
//! `jsonwebtoken` reads and checks. It would parse the private key again for each signature, and every join is signed.
//! So signing is done here, with the key that AWS-LC has parsed once.

use aws_lc_rs::signature::Ed25519KeyPair;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, DecodingKey, Header, Validation};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// Longer tokens are refused before they are looked at. Ours have about 500 bytes.
pub const TOKEN_BYTES_MAX: usize = 2048;

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

/// True if a text says of itself that it is a token of ours, good or not. Such a text is not passed on.
#[inline]
#[must_use]
pub fn is_gate_token(token: &str) -> bool {
    let Some((header, _)) = token.split_once('.').filter(|_| token.len() <= TOKEN_BYTES_MAX) else { return false };
    let Ok(header) = URL_SAFE_NO_PAD.decode(header) else { return false };
    let typ = serde_json::from_slice::<Typed>(&header).map(|header| header.typ);
    typ.is_ok_and(|typ| typ.starts_with("fairgate-"))
}

#[derive(Deserialize)]
struct Typed {
    typ: String,
}

/// The encoded header that a key puts before claims of a type.
pub(crate) fn header(kid: &str, typ: &str) -> String {
    URL_SAFE_NO_PAD.encode(format!(r#"{{"alg":"EdDSA","kid":"{kid}","typ":"{typ}"}}"#))
}

/// Signs claims under an encoded [`header`].
pub(crate) fn sign(key: &Ed25519KeyPair, header: &str, claims: &impl Serialize) -> String {
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
pub(crate) fn sign_detached(key: &Ed25519KeyPair, header: &str, payload: &[u8]) -> String {
    let signature = key.sign(signing_input(header, payload).as_bytes());
    format!("{header}..{}", URL_SAFE_NO_PAD.encode(signature.as_ref()))
}

/// Checks a detached JWS of a type over these bytes; answers the id of the key that signed them.
pub(crate) fn verify_detached<'k>(
    token: &str,
    payload: &[u8],
    typ: &str,
    find: impl FnOnce(&str) -> Option<&'k [u8; 32]>,
) -> Result<String, JwsError> {
    let (kid, key) = check_header(token, typ, find)?;
    let (header, signature) = token.split_once("..").ok_or(JwsError::Malformed)?;
    let message = signing_input(header, payload);
    match jsonwebtoken::crypto::verify(signature, message.as_bytes(), &key, Algorithm::EdDSA) {
        Ok(true) => Ok(kid),
        Ok(false) => Err(JwsError::Signature),
        Err(_) => Err(JwsError::Malformed),
    }
}

fn signing_input(header: &str, payload: &[u8]) -> String {
    format!("{header}.{}", URL_SAFE_NO_PAD.encode(payload))
}

/// Checks a token of a type with the key that `find` has under its id, and reads its claims. Issuer, audience and times are
/// the caller's to judge.
pub(crate) fn verify<'k, C: DeserializeOwned>(
    token: &str,
    typ: &str,
    find: impl FnOnce(&str) -> Option<&'k [u8; 32]>,
) -> Result<C, JwsError> {
    let (_, key) = check_header(token, typ, find)?;
    let mut validation = Validation::new(Algorithm::EdDSA);
    validation.required_spec_claims.clear();
    (validation.validate_exp, validation.validate_aud) = (false, false);
    match jsonwebtoken::decode(token, &key, &validation) {
        Ok(token) => Ok(token.claims),
        Err(error) if *error.kind() == ErrorKind::InvalidSignature => Err(JwsError::Signature),
        Err(_) => Err(JwsError::Malformed),
    }
}

/// The claims of a token that nobody has checked.
pub(crate) fn unchecked_claims<C: DeserializeOwned>(token: &str) -> Option<C> {
    if token.len() > TOKEN_BYTES_MAX {
        return None;
    }
    jsonwebtoken::dangerous::insecure_decode_claims(token).ok()
}

/// The id of the key that a token names, which nobody has checked.
pub(crate) fn kid(token: &str) -> Option<String> {
    if token.len() > TOKEN_BYTES_MAX {
        return None;
    }
    jsonwebtoken::decode_header(token).ok()?.kid
}

/// The key that a token of a type names, and its id.
fn check_header<'k>(
    token: &str,
    typ: &str,
    find: impl FnOnce(&str) -> Option<&'k [u8; 32]>,
) -> Result<(String, DecodingKey), JwsError> {
    if token.len() > TOKEN_BYTES_MAX {
        return Err(JwsError::TooLong);
    }
    let header = jsonwebtoken::decode_header(token).map_err(|_| JwsError::Malformed)?;
    if header.alg != Algorithm::EdDSA {
        return Err(JwsError::Algorithm);
    }
    if header.typ.as_deref() != Some(typ) {
        return Err(JwsError::Type);
    }
    let kid = header.kid.clone().ok_or(JwsError::Malformed)?;
    if header != (Header { typ: header.typ.clone(), kid: header.kid.clone(), ..Header::new(Algorithm::EdDSA) }) {
        return Err(JwsError::Malformed);
    }
    let key = find(&kid).ok_or(JwsError::UnknownKey)?;
    Ok((kid, DecodingKey::from_ed_der(key)))
}
