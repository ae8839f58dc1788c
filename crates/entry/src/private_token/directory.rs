//! An issuer's key directory (RFC 9578, 4).
//!
//! Guarantees:
//! - keys of other types are passed over
//! - a key whose time has not come is not asked for, and yet believed once an issuer uses it
//! - what cannot be read leaves the caller with the last good directory

use serde::Deserialize;

use super::{ISSUER_KEYS_MAX, IssuerKey};

/// Where an issuer has its directory.
pub const DIRECTORY_PATH: &str = "/.well-known/private-token-issuer-directory";
/// The directory's media type.
pub const DIRECTORY_MEDIA_TYPE: &str = "application/private-token-issuer-directory";
/// A longer directory is refused unread.
pub const DIRECTORY_BYTES_MAX: usize = 64 * 1024;

const TOKEN_TYPE: u16 = 2;

/// Why a directory is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DirectoryError {
    /// Not a directory, or too long.
    #[error("the issuer's key directory is not JSON of its form, of at most {DIRECTORY_BYTES_MAX} bytes")]
    Form,
    /// No key of our type that could be used.
    #[error("the issuer's key directory has no key of token type 2 (blind RSA of 2048 bits)")]
    NoKey,
}

#[derive(Deserialize)]
struct Directory {
    #[serde(rename = "token-keys")]
    keys: Vec<DirectoryKey>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct DirectoryKey {
    token_type: u16,
    token_key: String,
    #[serde(default)]
    not_before: Option<u64>,
}

/// The keys of a directory, those whose time has come first, each in the issuer's order of preference.
///
/// # Errors
/// When it has another form, or no key of our type.
pub fn read_directory(document: &[u8], now_ms: u64) -> Result<Vec<IssuerKey>, DirectoryError> {
    if document.len() > DIRECTORY_BYTES_MAX {
        return Err(DirectoryError::Form);
    }
    let directory: Directory = serde_json::from_slice(document).map_err(|_| DirectoryError::Form)?;
    let mut keys: Vec<(bool, IssuerKey)> = directory
        .keys
        .iter()
        .filter(|key| key.token_type == TOKEN_TYPE)
        .filter_map(|key| {
            let is_later = key.not_before.is_some_and(|from_s| from_s > now_ms / 1000);
            IssuerKey::read(&key.token_key).ok().map(|own| (is_later, own))
        })
        .take(ISSUER_KEYS_MAX)
        .collect();
    keys.sort_by_key(|(is_later, _)| *is_later);
    if keys.is_empty() {
        return Err(DirectoryError::NoKey);
    }
    Ok(keys.into_iter().map(|(_, key)| key).collect())
}
