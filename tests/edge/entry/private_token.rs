//! Rooms that ask for a private access token, with an issuer's key and tokens that are made here.

use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{KeyPair as _, RSA_PSS_SHA384};
use base64::Engine;
use base64::engine::general_purpose::{URL_SAFE, URL_SAFE_NO_PAD};
use fairgate_testkit::fan::{Answer, Fan};
use ring::digest::{SHA256, digest};
use serde_json::json;

use super::{asking, assert_entered, assert_refused, bond, join};
use crate::world::{Setup, World};

/// An issuer: what it signs with, and its public key.
struct Issuer {
    pair: KeyPair,
    spki: Vec<u8>,
}

impl Issuer {
    fn new() -> Self {
        let pair = KeyPair::generate(KeySize::Rsa2048).unwrap();
        let spki: PublicKeyX509Der<'_> = pair.public_key().as_der().unwrap();
        Self { spki: spki.as_ref().to_vec(), pair }
    }

    /// A token that answers a challenge (RFC 9578, 6).
    fn token(&self, challenge: &[u8]) -> String {
        let hash = |bytes: &[u8]| digest(&SHA256, bytes).as_ref().to_vec();
        let mut token = [&[0, 2][..], &[7; 32], &hash(challenge), &hash(&self.spki)].concat();
        let mut signature = vec![0; self.pair.public_modulus_len()];
        self.pair.sign(&RSA_PSS_SHA384, &SystemRandom::new(), &token, &mut signature).unwrap();
        token.extend(signature);
        URL_SAFE.encode(token)
    }
}

fn world(issuer: &Issuer) -> World {
    let key = URL_SAFE_NO_PAD.encode(&issuer.spki);
    let entry = format!(
        "[room.entry]\nany_of = [\"private-token\"]\n[[room.entry.private_token]]\nissuer = \"issuer.example\"\nkeys = [\"{key}\"]"
    );
    World::start(Setup { room: "hosts = [\"127.0.0.1\"]", ..asking(Box::leak(entry.into_boxed_str())) })
}

fn path(byte: u8) -> String {
    format!("/.fairgate/final/entry/private-token?bond={}", bond(byte, "").to_base64url())
}

fn challenge(answer: &Answer) -> Vec<u8> {
    assert_eq!(answer.status, 401, "{}", answer.text());
    let field = answer.header("www-authenticate").unwrap();
    assert!(field.starts_with("PrivateToken challenge=\"") && field.contains("token-key=\""), "{field}");
    let text = field.split("challenge=\"").nth(1).unwrap().split('"').next().unwrap();
    URL_SAFE.decode(text).unwrap()
}

fn show(fan: &mut Fan, byte: u8, token: &str) -> Answer {
    fan.send("GET", &path(byte), &[("Authorization", &format!("PrivateToken token=\"{token}\""))], "")
}

#[test]
fn a_token_lets_its_entry_in_and_no_other() {
    let issuer = Issuer::new();
    let world = world(&issuer);
    assert_eq!(world.status()["entry"]["ways"]["private-token"], json!({}));
    let mut fan = world.fan();
    let token = issuer.token(&challenge(&fan.get(&path(1))));
    assert_refused(&show(&mut world.fan(), 2, &token), 403, "challenge-failed");
    assert_refused(&show(&mut world.fan(), 1, &Issuer::new().token(b"x")), 403, "challenge-failed");
    assert_refused(&show(&mut world.fan(), 1, "nonsense"), 403, "challenge-failed");
    let given = show(&mut fan, 1, &token);
    assert_eq!((given.status, &given.json()["ways"]), (200, &json!(["private-token"])), "{}", given.text());
    assert_refused(&join(&mut fan, 2, &json!({})), 428, "entry-required");
    assert_entered(&join(&mut fan, 1, &json!({})));
    assert_refused(&world.fan().get("/.fairgate/final/entry/private-token"), 400, "bad-body");
}
