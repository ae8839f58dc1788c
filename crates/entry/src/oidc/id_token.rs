//! The ID token of a provider (OpenID Connect Core 1.0, 2 and 3.1.3.7).
//!
//! Guarantees:
//! - the algorithm follows from the provider's key, and is one that the provider says it signs with
//! - a token counts for one client, one sign-in and ten minutes

use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, Validation};
use serde_json::Value;

use crate::keys::equal;
use crate::shop::ShopKeys;

/// A longer token is refused unread.
pub const ID_TOKEN_BYTES_MAX: usize = 16 * 1024;
/// How far the provider's clock may be from ours, seconds.
const PROVIDER_SKEW_S: u64 = 60;
/// How old a token may be, seconds.
const AGE_S_MAX: u64 = 600;

/// What a token must say.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'e> {
    /// The provider's issuer, byte for byte.
    pub issuer: &'e str,
    /// Our id at the provider.
    pub client_id: &'e str,
    /// The sign-in's nonce.
    pub nonce: &'e str,
    /// What the provider signs with, by its metadata; empty for RS256, which every provider knows.
    pub algorithms: &'e [String],
    /// The time, Unix ms.
    pub now_ms: u64,
}

/// Why a token does not count; for logs, never for the fan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdTokenError {
    /// Not a JWT, or too long.
    #[error("the ID token is not a compact JWT of at most {ID_TOKEN_BYTES_MAX} bytes")]
    Malformed,
    /// Signed by a key that is not in the set.
    #[error("the ID token's `kid` is not in the provider's key set")]
    UnknownKey,
    /// Another algorithm than the key's, or one that the provider does not name.
    #[error("the ID token's `alg` is not one that the provider signs with")]
    Algorithm,
    /// Not signed with the key.
    #[error("the ID token's signature is wrong")]
    Signature,
    /// Another issuer.
    #[error("the ID token's `iss` is not the provider's issuer")]
    Issuer,
    /// For another client.
    #[error("the ID token's `aud` or `azp` is not our client")]
    Audience,
    /// Of another sign-in.
    #[error("the ID token's `nonce` is not that of this sign-in")]
    Nonce,
    /// Over, from the future, or too old.
    #[error("the ID token's `exp` or `iat` is not of this time")]
    Time,
}

/// Checks a token, and answers its claims.
///
/// # Errors
/// Why it does not count.
pub fn verify_id_token(token: &str, keys: &ShopKeys, expected: &Expected<'_>) -> Result<Value, IdTokenError> {
    if token.len() > ID_TOKEN_BYTES_MAX {
        return Err(IdTokenError::Malformed);
    }
    let header = jsonwebtoken::decode_header(token).map_err(|_| IdTokenError::Malformed)?;
    if header.crit.is_some() {
        return Err(IdTokenError::Malformed);
    }
    let (algorithm, key) = keys.find(header.kid.as_deref()).ok_or(IdTokenError::UnknownKey)?;
    if header.alg != algorithm || !is_offered(algorithm, expected.algorithms) {
        return Err(IdTokenError::Algorithm);
    }
    // Times, issuer and audience are judged by us: the library reads the system's clock.
    let mut validation = Validation::new(algorithm);
    validation.required_spec_claims.clear();
    (validation.validate_exp, validation.validate_aud) = (false, false);
    let claims = match jsonwebtoken::decode::<Value>(token, key, &validation) {
        Ok(token) => token.claims,
        Err(error) if *error.kind() == ErrorKind::InvalidSignature => return Err(IdTokenError::Signature),
        Err(_) => return Err(IdTokenError::Malformed),
    };
    check(&claims, expected).map(|()| claims)
}

fn is_offered(algorithm: Algorithm, offered: &[String]) -> bool {
    let name = match algorithm {
        Algorithm::EdDSA => "EdDSA",
        Algorithm::ES256 => "ES256",
        _ => "RS256",
    };
    (offered.is_empty() && name == "RS256") || offered.iter().any(|own| own == name)
}

fn check(claims: &Value, expected: &Expected<'_>) -> Result<(), IdTokenError> {
    let text = |name: &str| claims.get(name).and_then(Value::as_str);
    if text("iss") != Some(expected.issuer) {
        return Err(IdTokenError::Issuer);
    }
    let (is_ours, is_only) = match claims.get("aud") {
        Some(Value::String(aud)) => (aud == expected.client_id, true),
        Some(Value::Array(all)) => (all.iter().any(|aud| aud == expected.client_id), all.len() == 1),
        _ => (false, false),
    };
    let has_party = match claims.get("azp") {
        Some(azp) => azp == expected.client_id,
        None => is_only,
    };
    if !is_ours || !has_party {
        return Err(IdTokenError::Audience);
    }
    let is_nonce = text("nonce").is_some_and(|nonce| equal(nonce.as_bytes(), expected.nonce.as_bytes()));
    if !is_nonce {
        return Err(IdTokenError::Nonce);
    }
    let now_s = expected.now_ms / 1000;
    let time = |name: &str| claims.get(name).and_then(Value::as_u64).ok_or(IdTokenError::Time);
    let (exp, iat) = (time("exp")?, time("iat")?);
    let is_now = exp.saturating_add(PROVIDER_SKEW_S) > now_s
        && iat <= now_s + PROVIDER_SKEW_S
        && iat.saturating_add(AGE_S_MAX + PROVIDER_SKEW_S) > now_s;
    is_now.then_some(()).ok_or(IdTokenError::Time)
}

#[cfg(test)]
#[path = "id_token/tests.rs"]
mod tests;
