//! A browser's key, and what it signs (RFC 9449).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use fairgate_entry::binding::{Keepsake, PublicKey, token_hash};
use fairgate_telemetry::entropy;
use fairgate_testkit::fan::{Answer, Fan};
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use serde_json::{Value, json};

use super::{nonce, spelled};

/// A browser with a key of its own.
pub(super) struct Device {
    pair: EcdsaKeyPair,
    jwk: Value,
}

impl Device {
    pub(super) fn new() -> Self {
        let (algorithm, random) = (&ECDSA_P256_SHA256_FIXED_SIGNING, entropy::system());
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(algorithm, &random).unwrap();
        let pair = EcdsaKeyPair::from_pkcs8(algorithm, pkcs8.as_ref(), &random).unwrap();
        let point = &pair.public_key().as_ref()[1..];
        let jwk = json!({"kty": "EC", "crv": "P-256", "x": spelled(&point[..32]), "y": spelled(&point[32..])});
        Self { pair, jwk }
    }

    /// The key's thumbprint.
    pub(super) fn jkt(&self) -> String {
        PublicKey::read(self.jwk.to_string().as_bytes()).unwrap().thumbprint().to_base64url()
    }

    /// A proof with these claims.
    pub(super) fn proof(&self, claims: &Value) -> String {
        self.sign(&json!({"alg": "ES256", "typ": "dpop+jwt", "jwk": self.jwk}), claims)
    }

    /// What a browser signs to bind this key to a session (with the key), and to keep that alive.
    pub(super) fn response(&self, challenge: &str, with_key: bool) -> String {
        let mut header = json!({"alg": "ES256", "typ": "dbsc+jwt"});
        if with_key {
            header["jwk"] = self.jwk.clone();
        }
        self.sign(&header, &json!({ "jti": challenge }))
    }

    fn sign(&self, header: &Value, claims: &Value) -> String {
        let said = [header, claims].map(|part| spelled(part.to_string().as_bytes())).join(".");
        let signature = self.pair.sign(&entropy::system(), said.as_bytes()).unwrap();
        format!("{said}.{}", spelled(signature.as_ref()))
    }

    /// The claims of a good proof for a call at this origin, for a token.
    pub(super) fn claims(origin: &str, call: &str, nonce: &str, token: &str) -> Value {
        let htu = format!("{origin}/.fairgate/final/{call}");
        json!({"jti": "WxKIvbhszzPMAVja", "htm": "POST", "htu": htu, "iat": 1, "nonce": nonce, "ath": token_hash(token)})
    }

    /// Joins with this key and the keepsake of the fan's number.
    pub(super) fn join(&self, fan: &mut Fan, byte: u8) -> Answer {
        let keepsake = Keepsake::of(&nonce(byte)).hash().to_base64url();
        let body = json!({"nonce": spelled(&nonce(byte)), "jkt": self.jkt(), "keepsake": keepsake});
        fan.call("join", &body.to_string())
    }

    /// A call that is proved for a token: a nonce that the gate has given, and once more with another.
    pub(super) fn call(&self, fan: &mut Fan, call: &str, token: &str, body: &str) -> Answer {
        let origin = format!("http://{}", fan.address);
        let nonce = proof_nonce(fan);
        send(fan, call, &self.proof(&Self::claims(&origin, call, &nonce, token)), body)
    }
}

/// What dates proofs, as the status says it.
pub(super) fn proof_nonce(fan: &mut Fan) -> String {
    fan.get("/.fairgate/final/status").json()["proof_nonce"].as_str().unwrap().to_owned()
}

/// A call with a proof.
pub(super) fn send(fan: &mut Fan, call: &str, proof: &str, body: &str) -> Answer {
    let headers = [("Content-Type", "application/json"), ("DPoP", proof)];
    fan.send("POST", &format!("/.fairgate/final/{call}"), &headers, body)
}

/// What a token says of itself.
pub(super) fn claims_of(token: &str) -> Value {
    let claims = URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap();
    serde_json::from_slice(&claims).unwrap()
}
