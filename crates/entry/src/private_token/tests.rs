use proptest::prelude::*;

use super::*;
use crate::vectors::{EPOCH, bytes, draw, key, nonce};

/// Within the published epoch.
const NOW_MS: u64 = EPOCH as u64 * 60_000;

const KEY: &str = "MIIBUjA9BgkqhkiG9w0BAQowMKANMAsGCWCGSAFlAwQCAqEaMBgGCSqGSIb3DQEBCDALBglghkgBZQMEAgKiAwIBMAOCAQ8A\
    MIIBCgKCAQEAtFeaTYYkuCs3YzvuUcYRleGHGVnJC_jv6JNT5yUowVZgd1fCA-O_lBa7fceR9wWx1J5lVdbiV4EbR483JQ42\
    qXTLGT5hvmfudR8wxoAxTavEbvJozRLQ8HkzvEwC5URVJRNM7X2_sKbtecTu04YnLhnuLr-oaqHz2zRfmdir-BKO4ck85H-7\
    ZOnYwrDd41msBga3tT6M7jxpeJ4Xwjj9bFRjOuhL_U0G8egAJfydVIODAnqutREwjWm_6EQqYKFMakK8VX1KJk9lvwxZiTe5\
    2sJ2EsqBFf01hH5YDtsllBWx81sQsePPF9kcWecJKwLwMWNja0lJCskSm5xOCFNwGwIDAQAB";

/// Made by another implementation's issuer (npm `@cloudflare/privacypass-ts` 0.8.1).
const TOKEN: &str = "AAIm1nXXoOgBwgw81FgpAzG8edl_BRpGUfr19ug5Yfjhnv697bEwvw2e_446EXrIEIKaCF3NvolxOehy_ybLP_R1TamHCNdC\
    GR7ka8_NA0tciMY8pLMCz43RwShwZlO0bu9sEhXkfk0OPmRL5r0m_Ii9LxnMwvuxmCzKSIB-NO9RbmciWzrCj_gXeIROoWAF\
    imbK9SzacjrqManQucSvWlIFoHAeZzs7-CFjVjIbiqeodRMleOkoTm6TmqhqhSZpHnptGhs5QW07beYb498sXNb9ZNSxSvGo\
    P7ghtW36eqTbkuYUWsIpxpMMBgGYZjSFCZ-Myb6glC9DXLIPYACg6Ptq-dHrzIJnq1WoNU-JUgPczbgII2zHmkHxVZ-ZvlWl\
    bz7mWmZIAiT8io-oCJHY56l7JT-kESzluqGYMlAc7H9ZaAZMIrZWI9edFmFiBJRRspGToafJ62ppw8uPVgpqVmfc";

const CHALLENGE: &str = "0002000e6973737565722e6578616d706c6520be6e8764a96af512bbea7ec6ddfd82eb7f15dfac95f0f533bce6537a83\
    d817cf000f7469636b6574732e6578616d706c65";

const DIGEST: &str = "febdedb130bf0d9eff8e3a117ac810829a085dcdbe897139e872ff26cb3ff475";
const KEY_ID: &str = "4da98708d742191ee46bcfcd034b5c88c63ca4b302cf8dd1c128706653b46eef";

fn issuer() -> PrivateTokens {
    PrivateTokens {
        name: WayName::new("private-token").expect("a name"),
        issuer: "issuer.example".into(),
        keys: vec![IssuerKey::read(KEY).expect("a key")],
        seeds: key(0x44),
    }
}

fn challenge() -> TokenChallenge {
    TokenChallenge(hex::decode(CHALLENGE).expect("hex"))
}

/// Runs something in the scene of an entry, a time and hosts.
fn within<T>(bond: Bond, now_ms: u64, hosts: &[&str], run: impl FnOnce(&Scene<'_>) -> T) -> T {
    let (draw, hosts) = (draw(), hosts.iter().map(|host| (*host).to_owned()).collect::<Vec<_>>());
    run(&Scene { now_ms, room: "final", draw: &draw, bond, hosts: &hosts, effort: 2 })
}

fn judged(bond: Bond, now_ms: u64, hosts: &[&str], value: &str) -> Judgement {
    within(bond, now_ms, hosts, |scene| issuer().judge(&Shown::PrivateToken(value), scene))
}

fn bond() -> Bond {
    Bond::of(&nonce(), b"")
}

const HOSTS: &[&str] = &["tickets.example"];

#[test]
fn the_challenge_is_as_published() {
    let made = within(bond(), NOW_MS, HOSTS, |scene| issuer().challenge(Epoch(EPOCH), scene)).expect("a challenge");
    assert_eq!((hex::encode(made.bytes()).as_str(), made.bytes().len()), (CHALLENGE, 68));
    assert_eq!(made.digest(), bytes(DIGEST));
    assert_eq!(*issuer().keys[0].id(), bytes(KEY_ID));
    assert_eq!(issuer().keys[0].spki.len(), 342);
}

#[test]
fn the_published_token_is_good() {
    let token = PrivateToken::read(TOKEN).expect("a token");
    assert!(token.is_valid(&[challenge()], &issuer().keys));
    assert!(!token.is_valid(&[], &issuer().keys));
    assert!(!token.is_valid(&[challenge()], &[]));
    assert_eq!(format!("{token:?}"), "PrivateToken(..)");
}

#[test]
fn a_token_counts_for_its_entry_its_minute_and_its_hosts() {
    let value = format!(r#"PrivateToken token="{TOKEN}""#);
    let (good, refused) = (Judgement::Shown(Person::checked()), Judgement::Refused(Reason::ChallengeFailed));
    assert_eq!(judged(bond(), NOW_MS, HOSTS, &value), good);
    assert_eq!(judged(bond(), NOW_MS + 119_999, HOSTS, &value), good);
    assert_eq!(judged(bond(), NOW_MS + 120_000, HOSTS, &value), refused);
    assert_eq!(judged(bond(), NOW_MS - 1, HOSTS, &value), refused);
    assert_eq!(judged(Bond::of(&nonce(), b"X"), NOW_MS, HOSTS, &value), refused);
    assert_eq!(judged(bond(), NOW_MS, &["evil.example"], &value), refused);
    assert_eq!(judged(bond(), NOW_MS, &["tickets.example", "www.tickets.example"], &value), refused);
    assert_eq!(judged(bond(), NOW_MS, &[], &value), refused);
    let by_code = within(bond(), NOW_MS, HOSTS, |scene| issuer().judge(&Shown::Code(&value), scene));
    assert_eq!(by_code, refused);
}

#[test]
fn authorization_is_read_with_and_without_padding() {
    let of = PrivateToken::of_authorization;
    // 354 bytes need no padding; so a shorter text shows that padding is read.
    assert_eq!(BASE64URL.decode("AA==").ok(), BASE64URL.decode("AA").ok());
    let token = PrivateToken::read(TOKEN).expect("a token");
    for good in [
        format!(r#"PrivateToken token="{TOKEN}""#),
        format!(r#"privatetoken  token = "{TOKEN}" "#),
        format!("PrivateToken token={TOKEN}"),
        format!(r#"PrivateToken token="{TOKEN}", extensions="AAA=""#),
    ] {
        assert_eq!(of(&good), Some(token.clone()), "{good:.40}");
    }
    for bad in [
        String::new(),
        "PrivateToken".into(),
        "PrivateToken token=".into(),
        format!(r#"Bearer token="{TOKEN}""#),
        format!(r#"PrivateToken other="{TOKEN}""#),
        format!(r#"PrivateToken token="{TOKEN}", token="{TOKEN}""#),
        format!(r#"PrivateToken token="{}""#, &TOKEN[4..]),
        format!(r#"PrivateToken token="{TOKEN}AAAA""#),
        format!(r#"PrivateToken token="{TOKEN}"{}"#, " ".repeat(1024)),
    ] {
        assert_eq!(of(&bad), None, "{bad:.40}");
    }
    let mut other_type = token.0.to_vec();
    other_type[1] = 1;
    assert_eq!(PrivateToken::from_bytes(&other_type), None);
}

#[test]
fn the_field_asks_for_the_newest_key() {
    let value = within(bond(), NOW_MS, HOSTS, |scene| issuer().www_authenticate(scene)).expect("a challenge");
    let challenge = BASE64URL.encode(hex::decode(CHALLENGE).expect("hex"));
    let expected = format!(r#"PrivateToken challenge="{challenge}", token-key="{KEY}", max-age=60"#);
    assert_eq!(value, Some(expected));
    let keyless = PrivateTokens { keys: Vec::new(), ..issuer() };
    assert_eq!(within(bond(), NOW_MS, HOSTS, |scene| keyless.www_authenticate(scene)), Ok(None));
    let nowhere = within(bond(), NOW_MS, &[], |scene| issuer().www_authenticate(scene));
    assert_eq!(nowhere, Err(ChallengeError::NoOrigin));
    let anywhere = within(bond(), NOW_MS, &[""], |scene| issuer().www_authenticate(scene));
    assert_eq!(anywhere, Err(ChallengeError::NoOrigin));
    let nameless = PrivateTokens { issuer: String::new(), ..issuer() };
    assert_eq!(within(bond(), NOW_MS, HOSTS, |scene| nameless.www_authenticate(scene)), Err(ChallengeError::Issuer));
    let long = PrivateTokens { issuer: "x".repeat(256), ..issuer() };
    assert_eq!(within(bond(), NOW_MS, HOSTS, |scene| long.www_authenticate(scene)), Err(ChallengeError::Issuer));
    let host = "x".repeat(65_536);
    let wide = within(bond(), NOW_MS, &[&host], |scene| issuer().www_authenticate(scene));
    assert_eq!(wide, Err(ChallengeError::Origins));
}

#[test]
fn only_an_rsa_key_of_2048_bits_is_an_issuers() {
    assert!(IssuerKey::read(KEY).is_ok());
    let spki = BASE64URL.decode(KEY).expect("base64url");
    let pkcs1 = BASE64URL.encode(&spki[spki.len() - 270..]);
    let ed25519 = BASE64URL.encode([&hex::decode("302a300506032b6570032100").expect("hex")[..], &[7; 32]].concat());
    for wrong in ["", "AAAA", "%", &KEY[4..], &pkcs1, &ed25519, &"A".repeat(1025)] {
        assert!(IssuerKey::read(wrong).is_err(), "{wrong:.20}");
    }
}

#[test]
fn a_directory_is_read_in_its_order() {
    let read = |text: &str| read_directory(text.as_bytes(), NOW_MS);
    let (now_s, other) = (NOW_MS / 1000, other_key());
    let directory = format!(
        r#"{{"issuer-request-uri":"/token-request","token-keys":[
            {{"token-type":1,"token-key":"AAAA"}},
            {{"token-type":2,"token-key":"{other}","not-before":{}}},
            {{"token-type":2,"token-key":"{KEY}","not-before":{now_s}}},
            {{"token-type":2,"token-key":"AAAA"}}]}}"#,
        now_s + 1
    );
    let keys = read(&directory).expect("keys");
    assert_eq!(keys.len(), 2);
    assert_eq!(*keys[0].id(), bytes(KEY_ID), "the other key's time has not come");
    assert_eq!(keys[1], IssuerKey::read(&other).expect("a key"));
    assert_eq!(read(r#"{"token-keys":[]}"#), Err(DirectoryError::NoKey));
    assert_eq!(read(r#"{"token-keys":[{"token-type":1,"token-key":"AAAA"}]}"#), Err(DirectoryError::NoKey));
    let long = format!("{directory}{}", " ".repeat(DIRECTORY_BYTES_MAX));
    for form in ["", "[]", "{}", r#"{"token-keys":[{"token-type":2}]}"#, &long] {
        assert_eq!(read(form), Err(DirectoryError::Form), "{form:.20}");
    }
    let many = format!(r#"{{"token-type":2,"token-key":"{KEY}"}},"#).repeat(20);
    let many = format!(r#"{{"token-keys":[{}]}}"#, many.trim_end_matches(','));
    assert_eq!(read(&many).expect("keys").len(), ISSUER_KEYS_MAX);
}

/// The published key with another modulus.
fn other_key() -> String {
    let mut spki = BASE64URL.decode(KEY).expect("base64url");
    let end = spki.len() - 10;
    spki[end] ^= 1;
    BASE64URL.encode(spki)
}

#[test]
fn any_bit_of_a_token_spoils_it() {
    let token = PrivateToken::read(TOKEN).expect("a token");
    for bit in 0..8 * PRIVATE_TOKEN_BYTES {
        let mut bytes = token.0.to_vec();
        bytes[bit / 8] ^= 1 << (bit % 8);
        let other = PrivateToken::from_bytes(&bytes);
        assert!(!other.is_some_and(|other| other.is_valid(&[challenge()], &issuer().keys)), "bit {bit}");
    }
}

proptest! {
    #[test]
    fn any_other_challenge_is_another(bit in 0usize..8 * 68) {
        let mut other = challenge();
        other.0[bit / 8] ^= 1 << (bit % 8);
        prop_assert!(!PrivateToken::read(TOKEN).unwrap().is_valid(&[other], &issuer().keys));
    }

    #[test]
    fn reading_anything_fails_without_a_panic(value in "\\PC{0,60}") {
        prop_assert_eq!(PrivateToken::of_authorization(&value), None);
        prop_assert_eq!(PrivateToken::of_authorization(&format!("PrivateToken token={value}")), None);
    }
}
