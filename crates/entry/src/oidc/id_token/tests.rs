use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

const NOW_MS: u64 = 1_764_581_400_500;
const NOW_S: u64 = NOW_MS / 1000;

fn pair(seed: u8) -> Ed25519KeyPair {
    Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).expect("a seed")
}

fn keys(seeds: &[(&str, u8)]) -> ShopKeys {
    let key = |(kid, seed): &(&str, u8)| {
        let x = URL_SAFE_NO_PAD.encode(pair(*seed).public_key());
        json!({"kty": "OKP", "crv": "Ed25519", "kid": kid, "x": x, "use": "sig"})
    };
    let keys: Vec<Value> = seeds.iter().map(key).collect();
    ShopKeys::read(json!({ "keys": keys }).to_string().as_bytes()).expect("a key set")
}

fn claims() -> Value {
    json!({"iss": "https://id.example", "aud": "fairgate", "sub": "user-0", "nonce": "n-1", "iat": NOW_S - 5,
        "exp": NOW_S + 300})
}

fn token(header: &Value, claims: &Value, seed: u8) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let message = format!("{}.{}", part(header), part(claims));
    let signature = URL_SAFE_NO_PAD.encode(pair(seed).sign(message.as_bytes()));
    format!("{message}.{signature}")
}

fn verify(token: &str, algorithms: &[&str]) -> Result<Value, IdTokenError> {
    let algorithms: Vec<String> = algorithms.iter().map(|name| (*name).to_owned()).collect();
    let expected = Expected {
        issuer: "https://id.example",
        client_id: "fairgate",
        nonce: "n-1",
        algorithms: &algorithms,
        now_ms: NOW_MS,
    };
    verify_id_token(token, &keys(&[("a", 1), ("b", 2)]), &expected)
}

fn header() -> Value {
    json!({"alg": "EdDSA", "kid": "a"})
}

fn judged(change: impl FnOnce(&mut Value)) -> Option<IdTokenError> {
    let mut claims = claims();
    change(&mut claims);
    verify(&token(&header(), &claims, 1), &["EdDSA"]).err()
}

#[test]
fn a_token_of_this_sign_in_counts() {
    assert_eq!(verify(&token(&header(), &claims(), 1), &["EdDSA", "RS256"]), Ok(claims()));
    assert_eq!(judged(|claims| claims["aud"] = json!(["fairgate"])), None);
    assert_eq!(
        judged(|claims| (claims["aud"], claims["azp"]) = (json!(["other", "fairgate"]), json!("fairgate"))),
        None
    );
}

#[test]
fn each_claim_is_looked_at() {
    use IdTokenError::{Audience, Issuer, Nonce, Time};
    let cases: [(&str, Value, IdTokenError); 13] = [
        ("iss", json!("https://id.example/"), Issuer),
        ("aud", json!("other"), Audience),
        ("aud", json!(["fairgate", "other"]), Audience),
        ("aud", json!([]), Audience),
        ("azp", json!("other"), Audience),
        ("nonce", json!("n-2"), Nonce),
        ("nonce", Value::Null, Nonce),
        ("exp", json!(NOW_S - 60), Time),
        ("exp", json!("never"), Time),
        ("iat", json!(NOW_S + 61), Time),
        ("iat", json!(NOW_S - 661), Time),
        ("iat", json!(-1), Time),
        ("iat", Value::Null, Time),
    ];
    for (name, value, expected) in cases {
        assert_eq!(judged(|claims| claims[name] = value.clone()), Some(expected), "{name} {value}");
    }
}

#[test]
fn the_key_and_the_provider_say_the_algorithm() {
    let good = token(&header(), &claims(), 1);
    assert_eq!(verify(&good, &[]).err(), Some(IdTokenError::Algorithm), "only RS256 goes without saying");
    assert_eq!(verify(&good, &["ES256"]).err(), Some(IdTokenError::Algorithm));
    let of = |header: Value, seed| verify(&token(&header, &claims(), seed), &["EdDSA", "HS256", "none"]).err();
    assert_eq!(of(json!({"alg": "HS256", "kid": "a"}), 1), Some(IdTokenError::Algorithm));
    assert_eq!(of(json!({"alg": "none", "kid": "a"}), 1), Some(IdTokenError::Malformed));
    assert_eq!(of(json!({"alg": "EdDSA", "kid": "c"}), 1), Some(IdTokenError::UnknownKey));
    assert_eq!(of(json!({"alg": "EdDSA"}), 1), Some(IdTokenError::UnknownKey));
    assert_eq!(of(json!({"alg": "EdDSA", "kid": "b"}), 1), Some(IdTokenError::Signature));
    assert_eq!(of(json!({"alg": "EdDSA", "kid": "a", "crit": ["b64"]}), 1), Some(IdTokenError::Malformed));
    assert_eq!(verify(&"a".repeat(ID_TOKEN_BYTES_MAX + 1), &[]).err(), Some(IdTokenError::Malformed));
}

proptest! {
    #[test]
    fn a_turned_bit_is_no_token(bit: prop::sample::Index) {
        let mut bytes = token(&header(), &claims(), 1).into_bytes();
        let bit = bit.index(8 * bytes.len());
        bytes[bit / 8] ^= 1 << (bit % 8);
        if let Ok(other) = String::from_utf8(bytes) {
            prop_assert!(verify(&other, &["EdDSA"]).is_err(), "{}", other);
        }
    }
}
