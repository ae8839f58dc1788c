use proptest::prelude::*;

use super::*;
use crate::vectors::{key, nonce};

const NOW_MS: u64 = 1_764_581_400_000;

fn way(name: &str) -> WayName {
    WayName::new(name).expect("a name")
}

fn fan(subject: &str) -> Person {
    let identity = Identity::new(Method::oidc("https://id.example").expect("a method"), subject).expect("an identity");
    Person { identity: Some(identity), tier: Some(2), entries: 3 }
}

fn keys() -> VoucherKey {
    VoucherKey::new(&key(0x46))
}

fn bond() -> Bond {
    Bond::of(&nonce(), b"")
}

#[test]
fn what_is_sealed_is_what_opens() {
    let vouchers = [
        Voucher::of_identity(&way("club"), fan("user-0"), NOW_MS, 600),
        Voucher::of_check(&way("turnstile"), bond(), NOW_MS),
        Voucher::of_claim(&way("mail"), 15, 13_999_999, NOW_MS),
    ];
    for voucher in vouchers {
        let text = keys().seal(&voucher, "final", [9; 12]).expect("sealed");
        assert!(text.starts_with("v1.") && text.len() <= VOUCHER_BYTES_MAX);
        assert_eq!(keys().open(&text, "final", NOW_MS), Ok(voucher));
        assert_eq!(keys().open(&text, "semi", NOW_MS), Err(VoucherError::Foreign));
        assert_eq!(VoucherKey::new(&key(0x47)).open(&text, "final", NOW_MS), Err(VoucherError::Foreign));
    }
}

#[test]
fn its_content_is_the_published_json() {
    let voucher = Voucher::of_identity(&way("club"), fan("user-0"), NOW_MS, 600);
    let json = |voucher: &Voucher| serde_json::to_string(&Content::of(voucher)).expect("JSON");
    assert_eq!(
        json(&voucher),
        r#"{"m":"oidc:https://id.example","s":"user-0","t":2,"n":3,"w":"club","e":1764582000,"b":null}"#
    );
    let check = Voucher::of_check(&way("turnstile"), bond(), NOW_MS);
    assert_eq!(
        json(&check),
        r#"{"m":null,"s":null,"t":null,"n":1,"w":"turnstile","e":1764581520,"b":"D6NTm0PGWRw518OQFsd4DA"}"#
    );
    let claim = Voucher::of_claim(&way("mail"), 1, 7, NOW_MS);
    assert!(json(&claim).ends_with(r#""w":"mail","e":1764582000,"b":[1,7]}"#));
}

#[test]
fn it_ends_to_the_millisecond() {
    let voucher = Voucher::of_identity(&way("club"), fan("user-0"), NOW_MS, 600);
    let text = keys().seal(&voucher, "final", [9; 12]).expect("sealed");
    assert!(keys().open(&text, "final", NOW_MS + 599_999).is_ok());
    assert_eq!(keys().open(&text, "final", NOW_MS + 600_000), Err(VoucherError::Expired));
    let week = Voucher::of_identity(&way("club"), fan("user-0"), NOW_MS, u64::MAX);
    assert_eq!(week.expires_s, NOW_MS / 1000 + 7 * 24 * 3600);
    assert_eq!(Voucher::of_check(&way("work"), bond(), NOW_MS + 59_999).expires_s, NOW_MS / 1000 + 120);
}

#[test]
fn a_check_counts_for_one_entry_and_an_identity_for_whoever_holds_it() {
    let (entry, other) = (Bound::Entry(bond()), Bound::Entry(Bond::of(&nonce(), b"X")));
    let (place, next) = (Bound::Position { tier: 0, index: 7 }, Bound::Position { tier: 0, index: 8 });
    let check = Voucher::of_check(&way("turnstile"), bond(), NOW_MS);
    assert_eq!([entry, other, place].map(|now| check.is_for(&now)), [true, false, false]);
    let claim = Voucher::of_claim(&way("turnstile"), 0, 7, NOW_MS);
    assert_eq!([entry, place, next].map(|now| claim.is_for(&now)), [false, true, false]);
    let identity = Voucher::of_identity(&way("club"), fan("user-0"), NOW_MS, 600);
    assert_eq!([entry, other, place].map(|now| identity.is_for(&now)), [true; 3]);
}

#[test]
fn what_must_not_be_vouched_for_is_not() {
    let seal = |voucher: &Voucher| keys().seal(voucher, "final", [9; 12]).err();
    let mut unbound = Voucher::of_check(&way("turnstile"), bond(), NOW_MS);
    unbound.bound = Bound::Holder;
    assert_eq!(seal(&unbound), Some(VoucherError::Unbound));
    let with = |tier, entries| Person { tier, entries, ..fan("user-0") };
    for (tier, entries, expected) in [
        (Some(15), 8, None),
        (None, 1, None),
        (Some(16), 1, Some(VoucherError::Bounds)),
        (None, 0, Some(VoucherError::Bounds)),
        (None, 9, Some(VoucherError::Bounds)),
    ] {
        let voucher = Voucher::of_identity(&way("club"), with(tier, entries), NOW_MS, 600);
        assert_eq!(seal(&voucher), expected, "{tier:?} {entries}");
    }
    assert_eq!(seal(&Voucher::of_claim(&way("mail"), 16, 0, NOW_MS)), Some(VoucherError::Bounds));
}

#[test]
fn the_longest_voucher_has_1024_bytes() {
    let sealed = |bytes| {
        let voucher = Voucher::of_identity(&way("club"), fan(&"s".repeat(bytes)), NOW_MS, 600);
        keys().seal(&voucher, "final", [9; 12])
    };
    let longest = (1..1024).take_while(|bytes| sealed(*bytes).is_ok()).last().expect("some are short enough");
    assert!(longest > 600, "{longest}");
    let text = sealed(longest).expect("sealed");
    assert!((1020..=1024).contains(&text.len()), "{}", text.len());
    assert!(keys().open(&text, "final", NOW_MS).is_ok());
    assert_eq!(sealed(longest + 1), Err(VoucherError::TooLong));
}

#[test]
fn sealed_texts_of_another_content_are_no_vouchers() {
    let sealer = Sealer::new(&key(0x46));
    for content in [
        "",
        "{}",
        r#"{"m":"mail","s":null,"t":null,"n":1,"w":"mail","e":9999999999,"b":null}"#,
        r#"{"m":null,"s":null,"t":null,"n":1,"w":"mail","e":9999999999,"b":"AAAA"}"#,
        r#"{"m":null,"s":null,"t":null,"n":1,"w":"mail","e":9999999999,"b":[0,1],"x":1}"#,
        r#"{"m":null,"s":null,"t":null,"n":1,"w":"Mail","e":9999999999,"b":[0,1]}"#,
    ] {
        let text = sealer.seal("final", [1; 12], content.into());
        assert_eq!(keys().open(&text, "final", NOW_MS), Err(VoucherError::Foreign), "{content}");
    }
    let unbound = r#"{"m":null,"s":null,"t":null,"n":1,"w":"mail","e":9999999999,"b":null}"#;
    let text = sealer.seal("final", [1; 12], unbound.into());
    assert_eq!(keys().open(&text, "final", NOW_MS), Err(VoucherError::Unbound));
}

#[test]
fn it_is_not_printed() {
    let voucher = Voucher::of_identity(&way("club"), fan("user-0"), NOW_MS, 600);
    assert!(!format!("{voucher:?} {:?}", keys()).contains("user-0"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn any_bit_spoils_it(subject in "\\PC{1,40}", nonce: [u8; 12], room in "[a-z-]{1,20}") {
        let voucher = Voucher::of_identity(&way("club"), fan(&subject), NOW_MS, 600);
        let text = keys().seal(&voucher, &room, nonce).unwrap();
        let id = voucher_id(&text);
        prop_assert_eq!(id.len(), 22);
        for bit in 0..8 * text.len() {
            let mut bytes = text.clone().into_bytes();
            bytes[bit / 8] ^= 1 << (bit % 8);
            let Ok(other) = String::from_utf8(bytes) else { continue };
            prop_assert_eq!(keys().open(&other, &room, NOW_MS), Err(VoucherError::Foreign));
            prop_assert_ne!(voucher_id(&other), id.clone());
        }
    }
}
