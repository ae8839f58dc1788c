//! Tokens as an attacker would shape them.

use std::collections::BTreeMap;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use fairgate_core::room::Position;
use fairgate_telemetry::entropy;
use proptest::prelude::*;
use tempfile::TempDir;

use super::*;

const NOW_MS: u64 = 1_790_000_000_000;
const DRAW: [u8; 32] = [7; 32];
const ISSUER: &str = "https://tickets.example";

fn keys_in(dir: &Path, signs_from_ms: &[u64]) -> KeyRing {
    for &from_ms in signs_from_ms {
        create_key(dir, from_ms, &entropy::system()).expect("a key");
    }
    KeyRing::load(dir, ISSUER).expect("keys")
}

fn keys() -> KeyRing {
    let dir = TempDir::new().expect("a directory");
    keys_in(dir.path(), &[NOW_MS - 1000])
}

fn pass() -> Pass {
    Pass::new("final", DRAW, 41, NOW_MS, NOW_MS + 600_000, NOW_MS + 3_600_000)
}

fn ticket() -> Ticket {
    Ticket {
        room: "final".into(),
        draw: DRAW,
        position: Position::Pool(3),
        entry: [9; 32],
        issued_at_ms: NOW_MS,
        of_tier: None,
        terms: Terms::default(),
    }
}

/// A token as our key would sign it, but with any header and claims.
fn forge(dir: &Path, header: &str, claims: &str) -> String {
    let file = list_keys(dir).expect("keys").remove(0);
    let pem = pem::parse(std::fs::read(file.path).expect("the key file")).expect("PEM");
    let pair = aws_lc_rs::signature::Ed25519KeyPair::from_pkcs8_maybe_unchecked(pem.contents()).expect("a key");
    let header = header.replace("KID", &file.kid);
    let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
    let signature = pair.sign(message.as_bytes());
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
}

#[test]
fn tokens_of_ours_are_known_by_what_they_say() {
    let keys = keys();
    assert!(is_gate_token(&keys.sign_pass(&pass())) && is_gate_token(&keys.sign_ticket(&ticket())));
    for other in ["", "a.b.c", "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.e30.c2hvcA", "eyJ0eXAiOiJmYWlyZ2F0ZS14In0"] {
        assert!(!is_gate_token(other), "{other}");
    }
}

#[test]
fn a_pass_and_a_ticket_say_what_was_signed() {
    let keys = keys();
    assert_eq!(keys.verify_pass(&keys.sign_pass(&pass()), "final", NOW_MS), Ok(pass()));
    for position in [Position::Pool(0), Position::Line(14_000_000)] {
        let ticket = Ticket { position, ..ticket() };
        assert_eq!(keys.verify_ticket(&keys.sign_ticket(&ticket), "final"), Ok(ticket));
    }
}

#[test]
fn a_ticket_of_a_tier_says_its_tier_and_tag_and_another_says_neither() {
    let keys = keys();
    let claims = |ticket: &Ticket| {
        let token = keys.sign_ticket(ticket);
        let claims = URL_SAFE_NO_PAD.decode(token.split('.').nth(1).expect("claims")).expect("base64url");
        (keys.verify_ticket(&token, "final"), String::from_utf8(claims).expect("UTF-8"))
    };
    let of_tier = Some(OfTier { tier: 2, tag: [0xab; 16] });
    let in_tier = Ticket { of_tier, ..ticket() };
    let (read, text) = claims(&in_tier);
    assert_eq!(read, Ok(in_tier));
    assert!(text.ends_with(&format!(r#","tier":2,"tag":"{}"}}"#, "ab".repeat(16))), "{text}");
    let (_, text) = claims(&ticket());
    assert!(text.ends_with(&format!(r#""entry":"{}"}}"#, "09".repeat(32))), "{text}");
}

#[test]
fn half_of_a_tier_is_no_ticket() {
    let dir = TempDir::new().expect("a directory");
    let keys = keys_in(dir.path(), &[NOW_MS - 1000]);
    let (draw, entry) = (hex::encode(DRAW), "09".repeat(32));
    let header = r#"{"alg":"EdDSA","kid":"KID","typ":"fairgate-ticket+jwt"}"#;
    let said = |more: &str| {
        let text = format!(
            r#"{{"iss":"{ISSUER}","aud":"final","iat":1,"draw":"{draw}","kind":"pool","n":3,"entry":"{entry}"{more}}}"#
        );
        keys.verify_ticket(&forge(dir.path(), header, &text), "final")
    };
    assert!(said("").is_ok());
    let tag = "00".repeat(16);
    assert!(said(&format!(r#","tier":0,"tag":"{tag}""#)).is_ok());
    for half in [r#","tier":0"#.to_owned(), format!(r#","tag":"{tag}""#), r#","tier":0,"tag":"00""#.to_owned()] {
        assert_eq!(said(&half), Err(TicketError::Claims), "{half}");
    }
}

#[test]
fn a_ticket_says_what_its_claim_will_ask_for_and_nothing_where_that_is_nothing() {
    let keys = keys();
    let plain = keys.sign_ticket(&ticket());
    let text = |text: &str| Some(text.to_owned());
    let terms = Terms {
        owes: vec!["turnstile".into(), "mail".into()],
        why: vec!["address".into()],
        later: vec!["turnstile".into()],
        network: text("0102030405060708"),
        block: text("0807060504030201"),
        is_shared: true,
        key: text("vQQ8mp3CZ_lggo1F_4767Xtm7df5zXoOS0GhGSCof3I"),
        keepsake: text("AAAAAAAAAAAAAAAAAAAAAA"),
        moves: 1,
    };
    let ticket = Ticket { terms, ..ticket() };
    let token = keys.sign_ticket(&ticket);
    assert!(plain.len() < token.len() && token.len() < TOKEN_BYTES_MAX);
    assert_eq!(keys.verify_ticket(&token, "final"), Ok(ticket));
    let claims = URL_SAFE_NO_PAD.decode(plain.split('.').nth(1).expect("claims")).expect("base64url");
    let claims: serde_json::Value = serde_json::from_slice(&claims).expect("JSON");
    assert_eq!(claims.as_object().map(serde_json::Map::len), Some(7), "{claims}");
}

#[test]
fn the_jwks_alone_verifies() {
    let keys = keys();
    let theirs = KeySet::from_jwks(&keys.jwks(), ISSUER).expect("a JWKS");
    assert_eq!(&theirs, keys.public());
    assert_eq!(theirs.verify_pass(&keys.sign_pass(&pass()), "final", NOW_MS), Ok(pass()));
}

#[test]
fn another_jwt_library_accepts_our_pass_and_jwks() {
    let keys = keys();
    let token = keys.sign_pass(&pass());
    let jwks: jsonwebtoken::jwk::JwkSet = serde_json::from_str(&keys.jwks()).expect("a JWKS");
    let kid = jsonwebtoken::decode_header(&token).expect("a header").kid.expect("a kid");
    let key = jsonwebtoken::DecodingKey::from_jwk(jwks.find(&kid).expect("the key")).expect("a usable key");
    let mut validation = jsonwebtoken::Validation::new(jsonwebtoken::Algorithm::EdDSA);
    validation.set_audience(&["final"]);
    validation.set_issuer(&[ISSUER]);
    validation.validate_exp = false; // It would read the wall clock.
    let claims = jsonwebtoken::decode::<serde_json::Value>(&token, &key, &validation).expect("a valid token").claims;
    assert_eq!(claims["sub"], SessionId::of(&DRAW, 41).to_string());
    assert_eq!(claims["exp"], (NOW_MS + 600_000) / 1000);
    assert_eq!(
        (&claims["iat"], &claims["nbf"]),
        (&(NOW_MS / 1000).into(), &(NOW_MS / 1000 - 60).into()),
        "for clocks behind"
    );
    assert_eq!(claims["hard_exp"], (NOW_MS + 3_600_000) / 1000);
}

#[test]
fn no_byte_of_a_token_can_be_changed() {
    let keys = keys();
    let token = keys.sign_pass(&pass());
    for at in 0..token.len() {
        for with in [b'A', b'B', b'.', b'=', b'_', b'-', b'0', b' '] {
            let mut bytes = token.clone().into_bytes();
            if bytes[at] == with {
                continue;
            }
            bytes[at] = with;
            let tampered = String::from_utf8(bytes).expect("ASCII");
            assert!(keys.verify_pass(&tampered, "final", NOW_MS).is_err(), "byte {at} as {:?}", with as char);
        }
    }
    for cut in 0..token.len() {
        assert!(keys.verify_pass(&token[..cut], "final", NOW_MS).is_err(), "cut at {cut}");
    }
}

#[test]
fn a_ticket_is_no_pass_and_a_pass_no_ticket() {
    let keys = keys();
    let shown = keys.verify_pass(&keys.sign_ticket(&ticket()), "final", NOW_MS);
    assert_eq!(shown, Err(PassError::Token(JwsError::Type)));
    let shown = keys.verify_ticket(&keys.sign_pass(&pass()), "final");
    assert_eq!(shown, Err(TicketError::Token(JwsError::Type)));
}

#[test]
fn another_room_or_issuer_is_refused() {
    let dir = TempDir::new().expect("a directory");
    let keys = keys_in(dir.path(), &[NOW_MS]);
    let (pass, ticket) = (keys.sign_pass(&pass()), keys.sign_ticket(&ticket()));
    assert_eq!(keys.verify_pass(&pass, "semifinal", NOW_MS), Err(PassError::Room));
    assert_eq!(keys.verify_ticket(&ticket, "semifinal"), Err(TicketError::Room));
    let others = KeyRing::load(dir.path(), "https://other.example").expect("keys");
    assert_eq!(others.verify_pass(&pass, "final", NOW_MS), Err(PassError::Issuer));
    assert_eq!(others.verify_ticket(&ticket, "final"), Err(TicketError::Issuer));
}

#[test]
fn a_pass_is_valid_from_its_start_to_before_its_end() {
    let keys = keys();
    let token = keys.sign_pass(&pass());
    let at = |now_ms| keys.verify_pass(&token, "final", now_ms).map(|_| ());
    assert_eq!(at(NOW_MS - CLOCK_SKEW_MS), Ok(()));
    assert_eq!(at(NOW_MS - CLOCK_SKEW_MS - 1), Err(PassError::NotYet));
    assert_eq!(at(NOW_MS + 600_000 - 1), Ok(()));
    assert_eq!(at(NOW_MS + 600_000), Err(PassError::Expired));
}

#[test]
fn no_renewal_outlives_the_hard_end() {
    let keys = keys();
    let renewed = Pass::new("final", DRAW, 41, NOW_MS, NOW_MS + 600_000, NOW_MS + 1_999);
    assert_eq!(renewed.expires_at_ms, NOW_MS + 1000);
    let token = keys.sign_pass(&renewed);
    assert_eq!(keys.verify_pass(&token, "final", NOW_MS + 1000), Err(PassError::Expired));
}

#[test]
fn a_pass_is_renewed_after_a_third_of_the_idle_time() {
    let pass = |expires_at_ms, hard_end_at_ms| Pass::new("r", [0; 32], 1, 0, expires_at_ms, hard_end_at_ms);
    assert!(!pass(600_000, 3_600_000).is_due(600_000, 200_000));
    assert!(pass(600_000, 3_600_000).is_due(600_000, 200_001));
    assert!(!pass(600_000, 600_000).is_due(600_000, 500_000), "nothing to gain at the hard end");
}

#[test]
fn foreign_algorithms_and_headers_are_refused() {
    let dir = TempDir::new().expect("a directory");
    let keys = keys_in(dir.path(), &[NOW_MS]);
    let claims = {
        let token = keys.sign_pass(&pass());
        let part = token.split('.').nth(1).expect("claims").to_owned();
        String::from_utf8(URL_SAFE_NO_PAD.decode(part).expect("base64")).expect("JSON")
    };
    let shown = |header: &str| keys.verify_pass(&forge(dir.path(), header, &claims), "final", NOW_MS);
    assert_eq!(shown(r#"{"alg":"EdDSA","kid":"KID","typ":"fairgate-pass+jwt"}"#), Ok(pass()));
    for (header, refusal) in [
        (r#"{"alg":"none","kid":"KID","typ":"fairgate-pass+jwt"}"#, JwsError::Malformed),
        (r#"{"alg":"HS256","kid":"KID","typ":"fairgate-pass+jwt"}"#, JwsError::Algorithm),
        (r#"{"alg":"eddsa","kid":"KID","typ":"fairgate-pass+jwt"}"#, JwsError::Malformed),
        (r#"{"alg":"EdDSA","kid":"other","typ":"fairgate-pass+jwt"}"#, JwsError::UnknownKey),
        (r#"{"alg":"EdDSA","kid":"KID","typ":"JWT"}"#, JwsError::Type),
        (r#"{"alg":"EdDSA","kid":"KID"}"#, JwsError::Type),
        (r#"{"alg":"EdDSA","typ":"fairgate-pass+jwt"}"#, JwsError::Malformed),
        (r#"{"alg":"EdDSA","kid":"KID","typ":"fairgate-pass+jwt","crit":["exp"]}"#, JwsError::Malformed),
        (r#"{"alg":"EdDSA","kid":"KID","typ":"fairgate-pass+jwt","jwk":{}}"#, JwsError::Malformed),
        (r#"{"alg":"EdDSA","alg":"none","kid":"KID","typ":"fairgate-pass+jwt"}"#, JwsError::Malformed),
    ] {
        assert_eq!(shown(header), Err(PassError::Token(refusal)), "{header}");
    }
}

#[test]
fn claims_that_contradict_each_other_are_refused() {
    let dir = TempDir::new().expect("a directory");
    let keys = keys_in(dir.path(), &[NOW_MS]);
    let token = keys.sign_pass(&pass());
    let part = URL_SAFE_NO_PAD.decode(token.split('.').nth(1).expect("claims")).expect("base64");
    let signed: serde_json::Value = serde_json::from_slice(&part).expect("JSON");
    for (claim, value) in [
        ("place", serde_json::json!(42)),
        ("sub", serde_json::json!("00")),
        ("exp", serde_json::json!(u64::MAX)),
        ("hard_exp", serde_json::json!(1)),
        ("draw", serde_json::json!("07")),
    ] {
        let mut claims = signed.clone();
        claims[claim] = value;
        let header = r#"{"alg":"EdDSA","kid":"KID","typ":"fairgate-pass+jwt"}"#;
        let token = forge(dir.path(), header, &claims.to_string());
        assert_eq!(keys.verify_pass(&token, "final", NOW_MS), Err(PassError::Claims), "{claim}");
    }
}

#[test]
fn a_token_beyond_the_size_limit_is_not_looked_at() {
    let keys = keys();
    let long = "a".repeat(TOKEN_BYTES_MAX + 1);
    assert_eq!(keys.verify_pass(&long, "final", NOW_MS), Err(PassError::Token(JwsError::TooLong)));
    assert!(keys.sign_pass(&Pass { room: "x".repeat(40), ..pass() }).len() < TOKEN_BYTES_MAX / 3);
}

#[test]
fn the_newest_key_whose_time_has_come_signs_and_all_verify() {
    let dir = TempDir::new().expect("a directory");
    let old = keys_in(dir.path(), &[NOW_MS - 86_400_000]);
    let before = old.sign_pass(&pass());
    let both = keys_in(dir.path(), &[NOW_MS + 60_000]);
    assert_eq!(both.sign_pass(&pass()), before, "the new key does not sign yet");
    assert_eq!(both.verify_pass(&before, "final", NOW_MS), Ok(pass()));

    let later = Pass::new("final", DRAW, 41, NOW_MS + 60_000, NOW_MS + 600_000, NOW_MS + 3_600_000);
    let after = both.sign_pass(&later);
    assert_eq!(old.verify_pass(&after, "final", NOW_MS + 60_000), Err(PassError::Token(JwsError::UnknownKey)));
    assert_eq!(both.verify_pass(&after, "final", NOW_MS + 60_000), Ok(later));
    assert!(old.public().is_behind(&after) && !both.public().is_behind(&after));
    let withdrawn = keys_in(TempDir::new().expect("a directory").path(), &[NOW_MS - 172_800_000]).sign_pass(&pass());
    assert!(!old.public().is_behind(&withdrawn) && !old.public().is_behind(&before));
    assert!(!old.public().is_behind("no token"));
}

#[test]
fn a_remembered_pass_is_still_held_against_time_room_draw_and_endings() {
    let keys = keys();
    let cache = PassCache::new(100);
    let token = keys.sign_pass(&pass());
    let open = BTreeMap::new();
    let gate = Gate { room: "final", draw: Some(&DRAW), closed: &open };
    let check = |gate, now_ms| cache.check(keys.public(), &token, gate, now_ms).map(|checked| checked.from_cache);
    assert_eq!(check(gate, NOW_MS), Ok(false));
    assert_eq!(check(gate, NOW_MS), Ok(true));
    assert_eq!(check(Gate { room: "semifinal", ..gate }, NOW_MS), Err(PassError::Room));
    assert_eq!(check(gate, NOW_MS), Ok(false), "a refused pass is forgotten");
    assert_eq!(check(Gate { draw: Some(&[8; 32]), ..gate }, NOW_MS), Err(PassError::Draw));
    assert_eq!(check(Gate { draw: None, ..gate }, NOW_MS), Ok(false));
    let closed = BTreeMap::from([(41, NOW_MS + 600_000)]);
    assert_eq!(check(Gate { closed: &closed, ..gate }, NOW_MS), Err(PassError::Closed));
    assert_eq!(check(gate, NOW_MS), Ok(false));
    assert_eq!(check(gate, NOW_MS + 600_000), Err(PassError::Expired));
}

#[test]
fn keys_that_others_can_read_or_that_are_no_keys_are_refused() {
    use std::os::unix::fs::PermissionsExt;
    let dir = TempDir::new().expect("a directory");
    assert!(matches!(KeyRing::load(dir.path(), ISSUER), Err(KeyError::NoKey { .. })));
    let key = create_key(dir.path(), NOW_MS, &entropy::system()).expect("a key");
    let mode = |mode| std::fs::set_permissions(&key.path, std::fs::Permissions::from_mode(mode)).expect("chmod");
    assert_eq!(std::fs::metadata(&key.path).expect("the file").permissions().mode() & 0o777, 0o600);
    mode(0o640);
    assert!(matches!(KeyRing::load(dir.path(), ISSUER), Err(KeyError::Readable { mode: 0o640, .. })));
    mode(0o600);
    std::fs::write(&key.path, "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n").expect("write");
    assert!(matches!(KeyRing::load(dir.path(), ISSUER), Err(KeyError::NotEd25519 { .. })));
    std::fs::rename(&key.path, dir.path().join("mine.pem")).expect("rename");
    assert!(matches!(KeyRing::load(dir.path(), ISSUER), Err(KeyError::Name { .. })));
}

#[test]
fn a_jwks_without_our_kind_of_key_is_refused() {
    assert!(matches!(KeySet::from_jwks("{}", ISSUER), Err(JwksError::Json(_))));
    let rsa = r#"{"keys":[{"kty":"RSA","kid":"a","n":"AQAB","e":"AQAB"}]}"#;
    assert!(matches!(KeySet::from_jwks(rsa, ISSUER), Err(JwksError::Empty)));
    let short = r#"{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"a","x":"AAAA"}]}"#;
    assert!(matches!(KeySet::from_jwks(short, ISSUER), Err(JwksError::Key { .. })));
}

proptest! {
    #[test]
    fn noise_is_refused_and_never_panics(token in "[A-Za-z0-9._=-]{0,300}") {
        let keys = KeySet::new(ISSUER, BTreeMap::from([("k".to_owned(), [1; 32])]));
        prop_assert!(keys.verify_pass(&token, "final", NOW_MS).is_err());
        prop_assert!(keys.verify_ticket(&token, "final").is_err());
    }

    #[test]
    fn every_pass_reads_as_it_was_signed(place: u64, from_s in 0_u64..4_000_000_000, idle_ms in 0_u64..1 << 32, hard_ms in 0_u64..1 << 32) {
        let keys = keys();
        let from_ms = from_s * 1000;
        let pass = Pass::new("r", DRAW, place, from_ms, from_ms + idle_ms, from_ms + hard_ms);
        let read = keys.verify_pass(&keys.sign_pass(&pass), "r", from_ms);
        if pass.expires_at_ms > from_ms {
            prop_assert_eq!(read, Ok(pass));
        } else {
            prop_assert_eq!(read, Err(PassError::Expired));
        }
    }
}
