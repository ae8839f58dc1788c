//! npm's `jose`: what a shop makes with it the edge reads, and what it makes for others the edge refuses.

use fairgate_testkit::fan::{Answer, Fan};
use fairgate_testkit::free_port;
use fairgate_testkit::node::Client;
use serde_json::{Value, json};

use super::client;
use crate::entry::{SHOP_SECRET, asking, assert_entered, assert_refused, join};
use crate::world::{Setup, World, now_ms};

const SECRET: &str = "[room.entry]\nidentity = [\"shop\"]\nany_of = [\"shop\"]\n[[room.entry.shop]]\n\
                      issuer = \"https://shop.example\"\nhs256_env = \"FAIRGATE_SHOP_SECRET\"";
const KEYS: &str = "[room.entry]\nidentity = [\"shop\"]\nany_of = [\"shop\"]\n[[room.entry.shop]]\n\
                    issuer = \"https://shop.example\"\njwks = \"http://{double}/jwks.json\"";

fn claims(subject: &str) -> Value {
    let now_s = now_ms() / 1000;
    json!({"iss": "https://shop.example", "aud": ["semi", "final"], "sub": subject, "iat": now_s, "exp": now_s + 300})
}

fn header(alg: &str, kid: Option<&str>) -> Value {
    let header = json!({"alg": alg, "typ": "fairgate-enqueue+jwt"});
    kid.map_or_else(|| header.clone(), |kid| changed(header.clone(), "kid", json!(kid)))
}

fn changed(mut object: Value, member: &str, value: Value) -> Value {
    object[member] = value;
    object
}

fn show(fan: &mut Fan, token: &Value) -> Answer {
    fan.call("entry/shop", &json!({ "token": token }).to_string())
}

fn join_by(fan: &mut Fan, byte: u8, token: &Value) -> Answer {
    join(fan, byte, &json!({ "shop": token }))
}

#[test]
fn its_tokens_under_a_shared_secret_join_by_themselves() {
    let world = World::start(asking(SECRET));
    let mut jose = client("jose.mjs");
    let hs256 = || header("HS256", None);
    let mut token = |claims: Value, header: Value, secret: &str| {
        jose.ask(&json!({"do": "shared", "claims": claims, "header": header, "secret": secret}))
    };
    let good = token(claims("customer-7"), hs256(), SHOP_SECRET);
    let first = assert_entered(&join_by(&mut world.fan(), 1, &good));
    let later = token(changed(claims("customer-7"), "jti", json!("2")), hs256(), SHOP_SECRET);
    assert_eq!(
        assert_entered(&join_by(&mut world.fan(), 2, &later))["index"],
        first["index"],
        "one customer, one entry"
    );
    let of = claims("customer-8");
    let now_s = now_ms() / 1000;
    let mut wrong = vec![
        token(of.clone(), hs256(), "another secret of at least 32 bytes"),
        token(of.clone(), header("HS512", None), SHOP_SECRET),
        token(of.clone(), changed(hs256(), "typ", json!("JWT")), SHOP_SECRET),
        token(changed(of.clone(), "aud", json!("semi")), hs256(), SHOP_SECRET),
        token(changed(of.clone(), "iss", json!("https://other.example")), hs256(), SHOP_SECRET),
        token(changed(of.clone(), "exp", json!(now_s - 1)), hs256(), SHOP_SECRET),
        token(changed(of.clone(), "exp", json!(now_s + 3_600)), hs256(), SHOP_SECRET),
        token(changed(of.clone(), "iat", json!(now_s + 120)), hs256(), SHOP_SECRET),
        token(changed(of.clone(), "sub", json!("")), hs256(), SHOP_SECRET),
        token(changed(of.clone(), "tier", json!("gold")), hs256(), SHOP_SECRET),
    ];
    wrong.push(jose.ask(&json!({"do": "unsigned", "claims": of})));
    for wrong in wrong {
        assert_refused(&join_by(&mut world.fan(), 3, &wrong), 403, "token-wrong");
    }
    assert_eq!(world.wait_until("one entry", |status| status["pool_size"] == 1)["pool_size"], 1);
}

/// A shop's key set: its own keys, and such as it has for other ends.
fn key_set(jose: &mut Client) -> Vec<Value> {
    let mut pair = |name: &str, alg: &str| jose.ask(&json!({"do": "pair", "name": name, "alg": alg}));
    pair("pss", "PS256");
    let own = [
        ("ed", "EdDSA"),
        ("edn", "Ed25519"),
        ("ec", "ES256"),
        ("rsa", "RS256"),
        ("enc", "RSA-OAEP-256"),
        ("p384", "ES384"),
    ];
    let mut keys: Vec<Value> = own.iter().map(|(name, alg)| pair(name, alg)).collect();
    // Which no library here knows yet.
    keys.push(json!({"kty": "AKP", "alg": "ML-DSA-44", "use": "sig", "kid": "later", "pub": "AAAA"}));
    keys.push(json!({"kty": "EC", "crv": "secp256k1", "use": "sig", "kid": "coin", "x": "AAAA", "y": "AAAA"}));
    keys
}

#[test]
fn its_tokens_under_a_key_pair_are_shown_first_and_join_by_the_voucher() {
    let (mut jose, port) = (client("jose.mjs"), free_port().unwrap());
    let keys = key_set(&mut jose);
    let public = keys[3]["n"].as_str().unwrap().to_owned();
    jose.ask(&json!({"do": "serve", "port": port, "keys": keys}));
    let world = World::start(Setup { double: Some(([127, 0, 0, 1], port).into()), ..asking(KEYS) });
    let mut token = |name: &str, header: Value, claims: Value| {
        jose.ask(&json!({"do": "token", "name": name, "header": header, "claims": claims}))
    };
    let mut indexes = Vec::new();
    for (byte, (name, alg)) in (1..).zip([("ed", "EdDSA"), ("edn", "Ed25519"), ("ec", "ES256"), ("rsa", "RS256")]) {
        let good = token(name, header(alg, Some(name)), claims(name));
        let mut fan = world.fan();
        let shown = show(&mut fan, &good);
        assert_eq!(shown.status, 200, "{alg}: {}", shown.text());
        indexes.push(assert_entered(&join(&mut fan, byte, &json!({})))["index"].clone());
    }
    assert_eq!(indexes.len(), 4);
    let wrong = [
        token("ed", header("EdDSA", Some("ec")), claims("customer-8")),
        token("ed", header("EdDSA", None), claims("customer-8")),
        token("ed", header("Ed25519", Some("ec")), claims("customer-8")),
        token("pss", header("PS256", Some("rsa")), claims("customer-8")),
        token("p384", header("ES384", Some("p384")), claims("customer-8")),
        // The key in the token is whoever's.
        token("ed", changed(header("EdDSA", Some("ed2")), "jwk", json!("public")), claims("customer-8")),
        // The public key is no shared secret.
        jose.ask(&json!({"do": "shared", "claims": claims("customer-8"), "header": header("HS256", Some("rsa")), "secret": public})),
    ];
    for wrong in wrong {
        assert_refused(&show(&mut world.fan(), &wrong), 403, "token-wrong");
        // What a signature has to be checked for is not judged at the join.
        assert_refused(&join_by(&mut world.fan(), 9, &wrong), 428, "entry-required");
    }
    assert_eq!(world.wait_until("four entries", |status| status["pool_size"] == 4)["pool_size"], 4);
}
