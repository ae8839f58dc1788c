//! Rooms that ask something of those who enter: over sockets, with real codes, tokens and puzzles.

mod binding;
mod book;
mod clients;
mod codes;
mod dbsc;
mod device;
mod double;
mod farm;
mod mail;
mod malformed;
mod moving;
mod oidc;
mod private_token;
mod provider;
mod sellers;
mod shop;
mod work;

use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use fairgate::codes::save;
use fairgate_entry::bond::Bond;
use fairgate_entry::code::{CampaignBuilder, CampaignName, Code, CodeKind, Fingerprinter};
use fairgate_entry::keys::{IdentityKey, Key, Purpose};
use fairgate_testkit::fan::{Answer, Fan};
use fairgate_token::KeyRing;
use serde_json::{Value, json};

use crate::world::{Setup, World};

/// k of the tests.
const IDENTITY: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
const SHOP_SECRET: &str = "a secret of at least 32 bytes, really";
const ENV: &[(&str, &str)] = &[("FAIRGATE_IDENTITY_KEY", IDENTITY), ("FAIRGATE_SHOP_SECRET", SHOP_SECRET)];

const ENV_CHALLENGE: &[(&str, &str)] = &[("FAIRGATE_IDENTITY_KEY", IDENTITY), ("TURNSTILE_SECRET", double::SECRET)];

/// A sale that begins in an hour, whose pool is open, and what the room asks.
fn asking(entry: &'static str) -> Setup {
    Setup { starts_in_ms: 3_600_000, entry, env: ENV, before: make_codes, ..Setup::default() }
}

fn key(purpose: Purpose) -> Key {
    IdentityKey::from_hex(IDENTITY).unwrap().derive(purpose)
}

/// Twenty codes of the campaign `spring`.
fn make_codes(dir: &Path) {
    let (key, campaign) = (key(Purpose::Codes), CampaignName::new("spring").unwrap());
    let mut builder = CampaignBuilder::new(Fingerprinter::new(key.clone(), campaign), CodeKind::Made);
    (0..20).for_each(|n| builder.push(&code(n)).unwrap());
    let ring = KeyRing::load(&dir.join("keys"), "fairgate").unwrap();
    save(&dir.join("codes"), builder, &key, &ring, u64::MAX).unwrap();
}

fn code(n: u8) -> Code {
    Code::make([n; 7])
}

fn nonce(byte: u8) -> [u8; 16] {
    [byte; 16]
}

fn spelled(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// A join with a nonce of the fan's own that shows this.
fn join(fan: &mut Fan, byte: u8, show: &Value) -> Answer {
    fan.call("join", &json!({ "nonce": spelled(&nonce(byte)), "show": show }).to_string())
}

fn bond(byte: u8, credential: &str) -> Bond {
    Bond::of(&nonce(byte), credential.as_bytes())
}

#[track_caller]
fn assert_entered(answer: &Answer) -> Value {
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()
}

#[track_caller]
fn assert_refused(answer: &Answer, status: u16, kind: &str) -> Value {
    assert_eq!((answer.status, answer.problem()), (status, kind.to_owned()), "{}", answer.text());
    answer.json()
}

#[test]
fn the_status_says_what_a_room_asks_and_a_room_that_asks_nothing_says_nothing() {
    let plain = World::start(Setup::default());
    assert!(plain.status().get("entry").is_none());
    assert_eq!(plain.fan().call("entry/wait", r#"{"bond":"AAAAAAAAAAAAAAAAAAAAAA"}"#).problem(), "not-asked");
    drop(plain);
    let world = World::start(asking(
        "[room.entry]\nany_of = [\"work\", \"code\"]\n[room.entry.work]\neffort = 3\n[[room.entry.codes]]\ncampaign = \"spring\"",
    ));
    let entry = world.status()["entry"].clone();
    assert_eq!((&entry["any_of"], &entry["all_of"]), (&json!(["work", "code"]), &json!([])));
    assert_eq!((&entry["identity"], &entry["binding"]), (&json!([]), &json!("none")));
    assert_eq!((&entry["ways"]["work"]["effort"], &entry["ways"]["code"]), (&json!(3), &json!({})));
    assert_eq!(entry["ways"]["work"]["seed"].as_str().map(str::len), Some(32));
}

#[test]
fn scripts_of_the_entry_have_their_type_and_run_nothing_else() {
    let world = World::start(Setup::default());
    let script = world.fan().get("/.fairgate/entry/birthday.js");
    assert_eq!(script.header("content-type"), Some("text/javascript; charset=utf-8"));
    assert_eq!(script.header("cache-control"), Some("public, max-age=60"));
    assert_eq!(script.header("content-security-policy"), Some("default-src 'none'"));
    assert!(script.text().contains("onmessage") && !script.text().contains("export "), "a classic worker runs it");
}
