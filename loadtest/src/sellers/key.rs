//! A browser's key, and the proofs that it signs (RFC 9449).

use anyhow::{Context as _, anyhow};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use fairgate_entry::binding::{PublicKey, token_hash};
use serde_json::{Value, json};

/// A P-256 key that never leaves its browser.
#[derive(Debug)]
pub struct BrowserKey {
    pair: EcdsaKeyPair,
    jwk: Value,
}

impl BrowserKey {
    /// A new key.
    ///
    /// # Errors
    /// The system has no randomness.
    pub fn make() -> anyhow::Result<Self> {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).map_err(|_| anyhow!("no key was made"))?;
        let point = pair.public_key().as_ref();
        let (x, y) = point.get(1..33).zip(point.get(33..65)).context("a public key has two coordinates")?;
        let jwk = json!({"kty": "EC", "crv": "P-256", "x": spelled(x), "y": spelled(y)});
        Ok(Self { pair, jwk })
    }

    /// Its thumbprint, as a join says it (RFC 7638).
    ///
    /// # Errors
    /// The key cannot be spelled.
    pub fn thumbprint(&self) -> anyhow::Result<String> {
        Ok(PublicKey::read(self.jwk.to_string().as_bytes())?.thumbprint().to_base64url())
    }

    /// A proof for one `POST` at an address, for a token.
    ///
    /// # Errors
    /// Nothing was signed.
    pub fn proof(&self, address: &str, nonce: &str, token: &str) -> anyhow::Result<String> {
        let head = json!({"alg": "ES256", "typ": "dpop+jwt", "jwk": self.jwk});
        let claims =
            json!({"jti": nonce, "htm": "POST", "htu": address, "iat": 0, "nonce": nonce, "ath": token_hash(token)});
        let said = [head, claims].map(|part| spelled(part.to_string().as_bytes())).join(".");
        let signature =
            self.pair.sign(&SystemRandom::new(), said.as_bytes()).map_err(|_| anyhow!("nothing was signed"))?;
        Ok(format!("{said}.{}", spelled(signature.as_ref())))
    }
}

fn spelled(bytes: &[u8]) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_key_has_a_thumbprint_of_its_own_and_signs_what_it_is_asked() {
        let [one, other] = [BrowserKey::make().unwrap(), BrowserKey::make().unwrap()];
        assert_ne!(one.thumbprint().unwrap(), other.thumbprint().unwrap());
        let proof = one.proof("http://a/claim", "n", "ticket").unwrap();
        let claims = BASE64_URL_SAFE_NO_PAD.decode(proof.split('.').nth(1).unwrap()).unwrap();
        let claims: Value = serde_json::from_slice(&claims).unwrap();
        assert_eq!((&claims["htu"], &claims["ath"]), (&json!("http://a/claim"), &json!(token_hash("ticket"))));
        assert_eq!(proof.split('.').count(), 3);
    }
}
