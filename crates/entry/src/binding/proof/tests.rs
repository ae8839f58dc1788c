use serde_json::{Value, json};

use super::*;
use crate::binding::signing_key::SigningKey;
use crate::binding::thumbprint::PublicKey;
use crate::vectors::{EPOCH, draw, key};

const NOW_MS: u64 = EPOCH as u64 * 60_000;
const TICKET: &str = "eyJ0aWNrZXQiOjF9.e30.AA";
const ADDRESS: &str = "https://tickets.example/.fairgate/final/claim";
const JKT: &str = "vQQ8mp3CZ_lggo1F_4767Xtm7df5zXoOS0GhGSCof3I";

/// The published proof.
const PROOF: &str = include_str!("../../../tests/proof.jwt").trim_ascii();

fn nonces() -> ProofNonces {
    ProofNonces::new(key(0x43), draw())
}

fn published() -> Thumbprint {
    Thumbprint::read(JKT).expect("a thumbprint")
}

fn verified(proof: &str, now_ms: u64) -> Result<(), ProofError> {
    let of = ProofOf { method: "POST", address: ADDRESS, token: TICKET, key: &published() };
    verify_proof(proof, &of, &nonces(), now_ms)
}

#[test]
fn the_published_proof_is_good() {
    assert_eq!(PROOF.len(), 568);
    assert_eq!(token_hash(TICKET), "2ukoNsnR_paO_9dmGuIccHez-ROxsuPceyf7PzGLur4");
    assert_eq!(verified(PROOF, NOW_MS), Ok(()));
    assert_eq!(verified(PROOF, NOW_MS + 119_999), Ok(()));
    assert_eq!(verified(PROOF, NOW_MS + 120_000), Err(ProofError::UseNonce));
    assert_eq!(verified(PROOF, NOW_MS - 1), Err(ProofError::UseNonce));
}

#[test]
fn it_counts_for_one_call_one_token_and_one_key() {
    let (published, other) = (published(), Thumbprint::read(&token_hash("other")).expect("a thumbprint"));
    let good = ProofOf { method: "POST", address: ADDRESS, token: TICKET, key: &published };
    let verify = |of: ProofOf<'_>| verify_proof(PROOF, &of, &nonces(), NOW_MS);
    assert_eq!(verify(good), Ok(()));
    assert_eq!(verify(ProofOf { key: &other, ..good }), Err(ProofError::OtherKey));
    assert_eq!(verify(ProofOf { method: "GET", ..good }), Err(ProofError::Method));
    for address in ["http://tickets.example/.fairgate/final/claim", "https://tickets.example/.fairgate/final/leave"] {
        assert_eq!(verify(ProofOf { address, ..good }), Err(ProofError::Address), "{address}");
    }
    assert_eq!(verify(ProofOf { token: "another", ..good }), Err(ProofError::OtherToken));
    let elsewhere = ProofNonces::new(key(0x43), [1; 32]);
    assert_eq!(verify_proof(PROOF, &good, &elsewhere, NOW_MS), Err(ProofError::UseNonce));
}

/// A key of the test, and what it proves.
struct Signer(SigningKey);

impl Signer {
    fn new() -> Self {
        Self(SigningKey::new())
    }

    fn header(&self) -> Value {
        json!({"alg": "ES256", "typ": PROOF_TYPE, "jwk": self.0.jwk})
    }

    fn thumbprint(&self) -> Thumbprint {
        PublicKey::read(self.0.jwk.to_string().as_bytes()).expect("a key").thumbprint()
    }

    fn verified(&self, header: &Value, claims: &Value) -> Result<(), ProofError> {
        let of = ProofOf { method: "POST", address: ADDRESS, token: TICKET, key: &self.thumbprint() };
        verify_proof(&self.0.sign(header, claims), &of, &nonces(), NOW_MS)
    }
}

fn claims() -> Value {
    json!({"jti": "1", "htm": "POST", "htu": ADDRESS, "iat": 1, "nonce": nonces().now(NOW_MS), "ath": token_hash(TICKET)})
}

#[test]
fn every_member_is_judged_in_its_order() {
    let signer = Signer::new();
    let with = |name: &str, value: Value| {
        let mut header = signer.header();
        header[name] = value;
        signer.verified(&header, &claims())
    };
    assert_eq!(signer.verified(&signer.header(), &claims()), Ok(()));
    assert_eq!(with("typ", json!("JWT")), Err(ProofError::Type));
    assert_eq!(with("alg", json!("EdDSA")), Err(ProofError::Algorithm));
    assert_eq!(with("alg", json!("none")), Err(ProofError::Algorithm));
    assert_eq!(with("crit", json!(["exp"])), Err(ProofError::Algorithm));
    assert_eq!(with("jwk", json!({})), Err(ProofError::Key(JwkError::NotP256)));
    let mut private = signer.0.jwk.clone();
    private["d"] = json!("AQ");
    assert_eq!(with("jwk", private), Err(ProofError::Key(JwkError::Private)));
    assert_eq!(with("jwk", Signer::new().0.jwk), Err(ProofError::OtherKey));
    assert_eq!(with("kid", json!("1")), Ok(()));
    let with = |name: &str, value: Value| {
        let mut claims = claims();
        claims[name] = value;
        signer.verified(&signer.header(), &claims)
    };
    assert_eq!(with("iat", json!(1.5)), Ok(()), "not judged");
    assert_eq!(with("htm", json!("post")), Err(ProofError::Method));
    assert_eq!(with("htu", json!(format!("{ADDRESS}?a=1"))), Err(ProofError::Address));
    assert_eq!(with("nonce", json!("AAAA")), Err(ProofError::UseNonce));
    assert_eq!(with("nonce", Value::Null), Err(ProofError::UseNonce));
    assert_eq!(with("ath", json!("")), Err(ProofError::OtherToken));
    for missing in ["jti", "iat", "htm", "htu", "ath"] {
        assert_eq!(with(missing, Value::Null), Err(ProofError::Malformed), "{missing}");
    }
}

#[test]
fn another_form_is_no_proof() {
    let signer = Signer::new();
    let good = signer.0.sign(&signer.header(), &claims());
    let of = ProofOf { method: "POST", address: ADDRESS, token: TICKET, key: &signer.thumbprint() };
    let verify = |proof: &str| verify_proof(proof, &of, &nonces(), NOW_MS);
    assert_eq!(verify(&good), Ok(()));
    assert_eq!(verify(&format!("{good}.AA")), Err(ProofError::Malformed), "four parts");
    for text in ["", ".", "..", "a.b", "a.b.c", &"x".repeat(PROOF_BYTES_MAX)] {
        assert_eq!(verify(text), Err(ProofError::Malformed), "{text:.9}");
    }
    assert_eq!(verify(&"x".repeat(PROOF_BYTES_MAX + 1)), Err(ProofError::TooLong));
    let (message, _) = good.rsplit_once('.').expect("three parts");
    for signature in ["", "AA", &URL_SAFE_NO_PAD.encode([0; 64]), &URL_SAFE_NO_PAD.encode([7; 65])] {
        assert_eq!(verify(&format!("{message}.{signature}")), Err(ProofError::Signature), "{signature:.9}");
    }
}

#[test]
fn any_bit_spoils_it() {
    for bit in 0..8 * PROOF.len() {
        let mut bytes = PROOF.as_bytes().to_vec();
        bytes[bit / 8] ^= 1 << (bit % 8);
        let Ok(other) = String::from_utf8(bytes) else { continue };
        assert!(verified(&other, NOW_MS).is_err(), "bit {bit}");
    }
}
