//! A key of the tests, and the JWTs that a browser would sign with it.

use aws_lc_rs::digest;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

/// A P-256 key pair.
pub(super) struct SigningKey {
    pair: EcdsaKeyPair,
    /// The public key as a JWK.
    pub(super) jwk: Value,
}

impl SigningKey {
    pub(super) fn new() -> Self {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("a key");
        let point = pair.public_key().as_ref();
        let [x, y] = [&point[1..33], &point[33..]].map(|half| URL_SAFE_NO_PAD.encode(half));
        Self { jwk: json!({"kty": "EC", "crv": "P-256", "x": x, "y": y}), pair }
    }

    /// The JWT of `header` and `claims`, signed by ES256 whatever the header says.
    pub(super) fn sign(&self, header: &Value, claims: &Value) -> String {
        let parts = [header, claims].map(|part| URL_SAFE_NO_PAD.encode(part.to_string()));
        let message = parts.join(".");
        let signature = self.pair.sign_digest(&digest::digest(&digest::SHA256, message.as_bytes())).expect("signed");
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature.as_ref()))
    }
}
