use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256, RsaKeyPair,
};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::EncodingKey;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::bond::Bond;
use crate::vectors::{draw, nonce};

const NOW_MS: u64 = 1_764_581_400_500;
const NOW_S: u64 = NOW_MS / 1000;
const SECRET: &[u8] = b"a secret of at least 32 bytes, really";

fn shop(key: ShopKey) -> Shop {
    Shop {
        name: WayName::new("shop").expect("a name"),
        issuer: "https://shop.example".into(),
        key,
        tiers: BTreeMap::from([("gold".to_owned(), 0), ("silver".to_owned(), 1)]),
        max_age_s: 600,
    }
}

fn hs256() -> Shop {
    shop(ShopKey::secret(SECRET).expect("long enough"))
}

fn claims() -> Value {
    json!({"iss": "https://shop.example", "aud": "final", "sub": "customer-7", "iat": NOW_S - 10, "exp": NOW_S + 100, "tier": "gold"})
}

fn header(alg: &str) -> Value {
    json!({"alg": alg, "typ": SHOP_TOKEN_TYPE})
}

fn signed(header: &Value, claims: &Value, sign: impl FnOnce(&[u8]) -> Vec<u8>) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let message = format!("{}.{}", part(header), part(claims));
    let signature = sign(message.as_bytes());
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
}

fn with_secret(header: &Value, claims: &Value, secret: &[u8]) -> String {
    let key = EncodingKey::from_secret(secret);
    signed(header, claims, |message| {
        let signature = jsonwebtoken::crypto::sign(message, &key, Algorithm::HS256).expect("signed");
        URL_SAFE_NO_PAD.decode(signature).expect("base64url")
    })
}

fn token(claims: &Value) -> String {
    with_secret(&header("HS256"), claims, SECRET)
}

fn judged(claims: &Value) -> Result<Person, ShopTokenError> {
    hs256().verify(&token(claims), "final", NOW_MS)
}

fn with(name: &str, value: Value) -> Value {
    let mut claims = claims();
    claims[name] = value;
    claims
}

#[test]
fn a_good_token_is_its_subject_and_tier() {
    let person = judged(&claims()).expect("a person");
    let identity = person.identity.expect("an identity");
    assert_eq!((identity.method().as_str(), identity.subject()), ("enqueue-token", "customer-7"));
    assert_eq!((person.tier, person.entries), (Some(0), 1));
    let mut without = claims();
    without.as_object_mut().expect("an object").remove("tier");
    assert_eq!(judged(&without).expect("a person").tier, None);
    assert!(judged(&with("tier", Value::Null)).is_ok());
    assert!(judged(&with("jti", json!("x"))).is_ok());
    assert!(judged(&with("aud", json!(["semi", "final"]))).is_ok());
}

#[test]
fn every_claim_is_judged() {
    use ShopTokenError::*;
    for (name, value, error) in [
        ("iss", json!("https://other.example"), Issuer),
        ("aud", json!("semi"), Room),
        ("aud", json!(["semi"]), Room),
        ("aud", json!([]), Room),
        ("aud", json!(7), Claims),
        ("sub", json!(""), Subject),
        ("sub", json!("s".repeat(1025)), Subject),
        ("sub", json!(7), Claims),
        ("sub", Value::Null, Claims),
        ("iat", json!(NOW_S + 61), NotYet),
        ("iat", json!("now"), Claims),
        ("iat", json!(1.5), Claims),
        ("exp", json!(NOW_S), Expired),
        ("exp", json!(NOW_S - 10 + 601), TooLongLived),
        ("exp", Value::Null, Claims),
        ("tier", json!("platinum"), Tier),
        ("tier", json!(0), Claims),
    ] {
        assert_eq!(judged(&with(name, value.clone())), Err(error), "{name} {value}");
    }
    for (name, value) in [("sub", json!("s".repeat(1024))), ("exp", json!(NOW_S + 1)), ("exp", json!(NOW_S - 10 + 600))]
    {
        assert!(judged(&with(name, value.clone())).is_ok(), "{name} {value:.20}");
    }
    let mut ahead = with("iat", json!(NOW_S + 60));
    ahead["exp"] = json!(NOW_S + 660);
    assert!(judged(&ahead).is_ok());
    ahead["iat"] = json!(u64::MAX);
    assert_eq!(judged(&ahead), Err(NotYet));
}

#[test]
fn the_header_is_judged_and_the_algorithm_is_ours() {
    use ShopTokenError::*;
    let judged = |header: Value| hs256().verify(&with_secret(&header, &claims(), SECRET), "final", NOW_MS).map(|_| ());
    assert_eq!(judged(header("HS256")), Ok(()));
    assert_eq!(judged(json!({"alg": "HS256", "typ": SHOP_TOKEN_TYPE, "kid": "1"})), Ok(()));
    assert_eq!(judged(header("HS384")), Err(Algorithm));
    assert_eq!(judged(header("RS256")), Err(Algorithm));
    assert_eq!(judged(header("none")), Err(Malformed));
    assert_eq!(judged(json!({"alg": "HS256", "typ": "JWT"})), Err(Type));
    assert_eq!(judged(json!({"alg": "HS256"})), Err(Type));
    assert_eq!(judged(json!({"alg": "HS256", "typ": SHOP_TOKEN_TYPE, "crit": ["exp"]})), Err(Critical));
    let other = with_secret(&header("HS256"), &claims(), b"another secret of at least 32 bytes..");
    assert_eq!(hs256().verify(&other, "final", NOW_MS), Err(Signature));
    let unsigned = signed(&header("HS256"), &claims(), |_| Vec::new());
    assert_eq!(hs256().verify(&unsigned, "final", NOW_MS), Err(Signature));
    for text in ["", ".", "..", "a.b.c", &"x".repeat(SHOP_TOKEN_BYTES_MAX)] {
        assert_eq!(hs256().verify(text, "final", NOW_MS), Err(Malformed), "{text:.10}");
    }
    assert_eq!(hs256().verify(&"x".repeat(SHOP_TOKEN_BYTES_MAX + 1), "final", NOW_MS), Err(TooLong));
}

#[test]
fn a_short_secret_is_refused() {
    assert!(ShopKey::secret(&[7; 32]).is_ok());
    assert_eq!(ShopKey::secret(&[7; 31]).err(), Some(ShortSecret));
}

fn url(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Three keys of the three kinds, and a token by each.
fn public_keys() -> (Value, Vec<String>) {
    let ed = Ed25519KeyPair::from_seed_unchecked(&[7; 32]).expect("a key");
    let ec = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("a key");
    let rsa = RsaKeyPair::generate(aws_lc_rs::rsa::KeySize::Rsa2048).expect("a key");
    let (point, modulus) = (ec.public_key().as_ref(), rsa.public_key().modulus().big_endian_without_leading_zero());
    let jwks = json!({"keys": [
        {"kid": "ed", "kty": "OKP", "crv": "Ed25519", "x": url(ed.public_key().as_ref()), "use": "sig"},
        {"kid": "ec", "kty": "EC", "crv": "P-256", "x": url(&point[1..33]), "y": url(&point[33..]), "alg": "ES256"},
        {"kid": "rsa", "kty": "RSA", "n": url(modulus), "e": "AQAB"},
        {"kid": "oct", "kty": "oct", "k": url(SECRET)},
        {"kid": "enc", "kty": "EC", "crv": "P-256", "x": url(&point[1..33]), "y": url(&point[33..]), "use": "enc"},
    ]});
    let head = |alg: &str, kid: &str| json!({"alg": alg, "typ": SHOP_TOKEN_TYPE, "kid": kid});
    let digest = |message: &[u8]| aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, message);
    let tokens = vec![
        signed(&head("EdDSA", "ed"), &claims(), |message| ed.sign(message).as_ref().to_vec()),
        signed(&head("ES256", "ec"), &claims(), |message| {
            ec.sign_digest(&digest(message)).expect("signed").as_ref().to_vec()
        }),
        signed(&head("RS256", "rsa"), &claims(), |message| {
            let mut signature = vec![0; 256];
            rsa.sign_digest(&RSA_PKCS1_SHA256, &digest(message), &mut signature).expect("signed");
            signature
        }),
    ];
    (jwks, tokens)
}

fn read(jwks: &Value) -> Result<ShopKeys, JwksError> {
    ShopKeys::read(jwks.to_string().as_bytes())
}

#[test]
fn public_keys_verify_each_its_own_algorithm() {
    let (jwks, tokens) = public_keys();
    let shop = shop(ShopKey::Public(read(&jwks).expect("keys")));
    for token in &tokens {
        assert!(shop.verify(token, "final", NOW_MS).is_ok(), "{:?}", jsonwebtoken::decode_header(token));
        assert_eq!(shop.verify(token, "semi", NOW_MS), Err(ShopTokenError::Room));
    }
    let judged = |header: Value, secret: &[u8]| shop.verify(&with_secret(&header, &claims(), secret), "final", NOW_MS);
    let head = |kid: &str| json!({"alg": "HS256", "typ": SHOP_TOKEN_TYPE, "kid": kid});
    // The public key as a secret, the shared key of the set, a name that nobody has, and no name at all.
    let point = jwks["keys"][1]["x"].as_str().expect("x");
    assert_eq!(judged(head("ec"), point.as_bytes()), Err(ShopTokenError::Algorithm));
    assert_eq!(judged(head("oct"), SECRET), Err(ShopTokenError::UnknownKey));
    assert_eq!(judged(head("enc"), SECRET), Err(ShopTokenError::UnknownKey));
    assert_eq!(judged(header("HS256"), SECRET), Err(ShopTokenError::UnknownKey));
}

#[test]
fn a_key_set_is_bounded_and_its_keys_can_be_told_apart() {
    let (jwks, tokens) = public_keys();
    let keys = jwks["keys"].as_array().expect("keys").clone();
    let of = |keys: &[Value]| read(&json!({ "keys": keys })).map(|_| ());
    assert_eq!(of(&[]), Err(JwksError::NoKey));
    assert_eq!(of(&keys[3..]), Err(JwksError::NoKey), "a shared secret, and a key for encryption");
    assert_eq!(of(&vec![keys[0].clone(); JWKS_KEYS_MAX + 1]), Err(JwksError::TooMany));
    assert_eq!(of(&[keys[0].clone(), keys[0].clone()]), Err(JwksError::Name));
    let mut nameless = keys[0].clone();
    nameless.as_object_mut().expect("an object").remove("kid");
    assert_eq!(of(&[nameless.clone(), keys[1].clone()]), Err(JwksError::Name));
    let only = shop(ShopKey::Public(read(&json!({"keys": [nameless]})).expect("one key")));
    assert!(only.verify(&tokens[0], "final", NOW_MS).is_ok(), "the only key needs no name");
    let mut weak = keys[2].clone();
    weak["n"] = json!(url(&[0xff; 255]));
    assert_eq!(of(&[weak]), Err(JwksError::NoKey));
    let mut other = keys[1].clone();
    other["alg"] = json!("ES384");
    assert_eq!(of(&[other]), Err(JwksError::NoKey));
    for text in ["", "[]", "{}", &" ".repeat(JWKS_BYTES_MAX + 1)] {
        assert_eq!(ShopKeys::read(text.as_bytes()).map(|_| ()), Err(JwksError::Form), "{text:.9}");
    }
}

#[test]
fn the_way_is_cheap_only_with_a_secret() {
    let (jwks, tokens) = public_keys();
    let (draw, public) = (draw(), shop(ShopKey::Public(read(&jwks).expect("keys"))));
    let scene =
        Scene { now_ms: NOW_MS, room: "final", draw: &draw, bond: Bond::of(&nonce(), b""), hosts: &[], effort: 2 };
    assert!(hs256().is_judged_at_join() && !public.is_judged_at_join());
    assert!(matches!(public.judge(&Shown::Shop(&tokens[0]), &scene), Judgement::Shown(_)));
    assert_eq!(hs256().judge(&Shown::Shop(&tokens[0]), &scene), Judgement::Refused(Reason::TokenWrong));
    assert_eq!(hs256().judge(&Shown::Code("X"), &scene), Judgement::Refused(Reason::TokenWrong));
    assert_eq!(shop_hearsay(&tokens[0]).as_deref(), Some("https://shop.example"));
    assert_eq!(shop_hearsay("a.b.c"), None);
    assert!(!format!("{:?}", hs256()).contains("secret of"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn any_bit_spoils_it(subject in "[a-z0-9]{1,20}") {
        let text = token(&with("sub", json!(subject)));
        prop_assert!(hs256().verify(&text, "final", NOW_MS).is_ok());
        for bit in 0..8 * text.len() {
            let mut bytes = text.clone().into_bytes();
            bytes[bit / 8] ^= 1 << (bit % 8);
            let Ok(other) = String::from_utf8(bytes) else { continue };
            prop_assert!(hs256().verify(&other, "final", NOW_MS).is_err(), "bit {}", bit);
        }
    }
}
