//! The signature on webhooks: `Fairgate-Signature: t=<Unix seconds>,v1=<HMAC-SHA256 of "t.body", hex>`.
//!
//! Guarantees:
//! - what passes was signed by somebody who knows the secret, over these very bytes, within the tolerance of now
//! - comparing takes the same time whatever differs
//!
//! An old copy within the tolerance passes again: who hears it must not mind.

use ring::hmac::{self, HMAC_SHA256, Key};

/// The header that carries the signature.
pub const SIGNATURE_HEADER: &str = "fairgate-signature";

/// How far the time of a signature may be from now, in seconds: clocks differ, and replays should be useless soon.
pub const TOLERANCE_S: u64 = 300;
const SECRET_BYTES_MIN: usize = 16;
/// While a secret is changed, a message may carry a signature by each; more is nonsense.
const SIGNATURES_MAX: usize = 4;

/// A secret that both sides know.
#[derive(Clone, Debug)]
pub struct WebhookSecret(Key);

/// Why a message is not believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// No signature, or not one that can be read.
    #[error("the signature is missing or unreadable: send `Fairgate-Signature: t=<Unix seconds>,v1=<hex>`")]
    Unreadable,
    /// Signed too long ago, or in the future.
    #[error(
        "the signature's time is more than {TOLERANCE_S} s away from now: sign each attempt anew, and check the clocks"
    )]
    Stale,
    /// Signed by somebody else, or over other bytes.
    #[error("the signature does not fit the body and the secret")]
    Wrong,
}

/// The secret is too short to be one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a webhook secret needs at least {SECRET_BYTES_MIN} characters; make one with `openssl rand -hex 32`")]
pub struct SecretTooShort;

impl WebhookSecret {
    /// Takes a secret.
    ///
    /// # Errors
    /// [`SecretTooShort`].
    pub fn new(secret: &str) -> Result<Self, SecretTooShort> {
        if secret.len() < SECRET_BYTES_MIN {
            return Err(SecretTooShort);
        }
        Ok(Self(Key::new(HMAC_SHA256, secret.as_bytes())))
    }

    /// The header's value for a body that is sent now.
    #[must_use]
    pub fn sign(&self, now_s: u64, body: &[u8]) -> String {
        format!("t={now_s},v1={}", hex::encode(hmac::sign(&self.0, &signed(now_s, body))))
    }

    /// Believes a body that came with `header`, or says why not.
    ///
    /// # Errors
    /// [`SignatureError`].
    pub fn verify(&self, header: &str, now_s: u64, body: &[u8]) -> Result<(), SignatureError> {
        // Before the time is judged: whoever does not know the secret learns nothing about our clock.
        let at_s = self.verify_at_any_age(header, body)?;
        if now_s.abs_diff(at_s) > TOLERANCE_S { Err(SignatureError::Stale) } else { Ok(()) }
    }

    /// Believes a body however long ago it was signed, for those who hear copies without harm; answers when that was, Unix seconds.
    ///
    /// # Errors
    /// [`SignatureError`].
    pub fn verify_at_any_age(&self, header: &str, body: &[u8]) -> Result<u64, SignatureError> {
        let (at_s, signatures) = read(header).ok_or(SignatureError::Unreadable)?;
        let message = signed(at_s, body);
        let fits = |signature: &Vec<u8>| hmac::verify(&self.0, &message, signature).is_ok();
        if signatures.iter().any(fits) { Ok(at_s) } else { Err(SignatureError::Wrong) }
    }
}

fn signed(at_s: u64, body: &[u8]) -> Vec<u8> {
    [at_s.to_string().as_bytes(), b".", body].concat()
}

fn read(header: &str) -> Option<(u64, Vec<Vec<u8>>)> {
    let (mut at_s, mut signatures) = (None, Vec::new());
    for part in header.split(',') {
        match part.trim().split_once('=')? {
            ("t", time) if at_s.is_none() => at_s = Some(time.parse().ok()?),
            ("v1", signature) if signatures.len() < SIGNATURES_MAX => signatures.push(hex::decode(signature).ok()?),
            ("t" | "v1", _) => return None,
            _ => {}
        }
    }
    Some((at_s?, signatures)).filter(|(_, signatures)| !signatures.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW_S: u64 = 1_800_000_000;

    fn secret(words: &str) -> WebhookSecret {
        WebhookSecret::new(words).expect("long enough")
    }

    #[test]
    fn what_was_signed_is_believed_for_a_while() {
        let ours = secret("0123456789abcdef");
        let header = ours.sign(NOW_S, b"{}");
        for (now_s, judged) in [
            (NOW_S, Ok(())),
            (NOW_S + TOLERANCE_S, Ok(())),
            (NOW_S - TOLERANCE_S, Ok(())),
            (NOW_S + TOLERANCE_S + 1, Err(SignatureError::Stale)),
            (NOW_S - TOLERANCE_S - 1, Err(SignatureError::Stale)),
        ] {
            assert_eq!(ours.verify(&header, now_s, b"{}"), judged, "{now_s}");
        }
        assert_eq!(ours.verify_at_any_age(&header, b"{}"), Ok(NOW_S));
        assert_eq!(ours.verify_at_any_age(&header, b"[]"), Err(SignatureError::Wrong));
    }

    #[test]
    fn another_body_another_time_or_another_secret_is_not() {
        let ours = secret("0123456789abcdef");
        let header = ours.sign(NOW_S, b"{}");
        assert_eq!(ours.verify(&header, NOW_S, b"{ }"), Err(SignatureError::Wrong));
        let moved = header.replace(&NOW_S.to_string(), &(NOW_S + 1).to_string());
        assert_eq!(ours.verify(&moved, NOW_S, b"{}"), Err(SignatureError::Wrong));
        let forged = secret("fedcba9876543210").sign(NOW_S, b"{}");
        assert_eq!(ours.verify(&forged, NOW_S, b"{}"), Err(SignatureError::Wrong));
        let both = format!("{forged},{}", header.split_once(',').expect("two parts").1);
        assert_eq!(ours.verify(&both, NOW_S, b"{}"), Ok(()), "while the secret is changed");
    }

    #[test]
    fn nonsense_is_unreadable() {
        let ours = secret("0123456789abcdef");
        let many = format!("t=1{}", ",v1=00".repeat(5));
        for header in ["", "t=1", "v1=00", "t=x,v1=00", "t=1,v1=zz", "t=1,t=1,v1=00", "t=1 v1=00", many.as_str()] {
            assert_eq!(ours.verify(header, 1, b""), Err(SignatureError::Unreadable), "{header:?}");
        }
        assert!(WebhookSecret::new("short").is_err());
    }
}
