//! Signatures after Standard Webhooks (<https://www.standardwebhooks.com>): `webhook-signature: v1,<base64 of HMAC-SHA256>` over
//! `id.timestamp.body`. Pure.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::hmac::{self, HMAC_SHA256, Key};

/// What a secret begins with, for people and programs that look for leaked ones.
const PREFIX: &str = "whsec_";
/// Bytes of a secret that is made here.
pub(super) const SECRET_BYTES: usize = 32;
const SECRET_BYTES_MIN: usize = 24;
const SECRET_BYTES_MAX: usize = 64;

/// A secret that an organizer's system and this installation share.
#[derive(Clone)]
pub struct HookSecret(Vec<u8>);

/// It is no secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a secret is {PREFIX} and the Base64 of {SECRET_BYTES_MIN} to {SECRET_BYTES_MAX} random bytes; leave it out, and one is made"
)]
pub struct SecretError;

impl std::fmt::Debug for HookSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("HookSecret(…)")
    }
}

impl HookSecret {
    /// A secret of these bytes.
    ///
    /// # Errors
    /// [`SecretError`] where there are too few or too many.
    pub fn new(bytes: Vec<u8>) -> Result<Self, SecretError> {
        if (SECRET_BYTES_MIN..=SECRET_BYTES_MAX).contains(&bytes.len()) { Ok(Self(bytes)) } else { Err(SecretError) }
    }

    /// Reads a secret as people have it: `whsec_…`.
    ///
    /// # Errors
    /// [`SecretError`].
    pub fn parse(text: &str) -> Result<Self, SecretError> {
        let base64 = text.strip_prefix(PREFIX).ok_or(SecretError)?;
        Self::new(STANDARD.decode(base64).map_err(|_| SecretError)?)
    }

    /// The secret for the person who sets up the other side.
    #[must_use]
    pub fn reveal(&self) -> String {
        format!("{PREFIX}{}", STANDARD.encode(&self.0))
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// The header's value for a message that is sent now.
    pub(super) fn sign(&self, id: &str, now_s: u64, body: &str) -> String {
        let signed = format!("{id}.{now_s}.{body}");
        let tag = hmac::sign(&Key::new(HMAC_SHA256, &self.0), signed.as_bytes());
        format!("v1,{}", STANDARD.encode(tag))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_the_standard_is_signed_as_it_says() {
        let secret = HookSecret::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").expect("a secret");
        let signed = secret.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, r#"{"test": 2432232314}"#);
        assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn a_secret_is_read_as_it_is_told_and_never_shown_by_chance() {
        let secret = HookSecret::new(vec![7; 32]).expect("long enough");
        assert_eq!(HookSecret::parse(&secret.reveal()).expect("the same").bytes(), secret.bytes());
        assert_eq!(format!("{secret:?}"), "HookSecret(…)");
        for wrong in ["", "whsec_", "whsec_AAAA", "whsec_%", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"] {
            assert!(HookSecret::parse(wrong).is_err(), "{wrong}");
        }
    }
}
