//! What the checks of a join cost, and what ten million codes weigh. Run it optimised:
//!
//! `CARGO_PROFILE_DEV_OPT_LEVEL=3 cargo test -p fairgate-entry --test figures -- --ignored --nocapture`

#![allow(clippy::print_stderr, reason = "the figures are what this is for")]

use std::collections::BTreeMap;
use std::hint::black_box;
use std::time::{Duration, Instant};

use fairgate_draw::v2::{Identity, Method};
use fairgate_entry::binding::{ProofNonces, ProofOf, Thumbprint, verify_proof};
use fairgate_entry::code::{Campaign, CampaignBuilder, CampaignName, CampaignReader, Code, CodeKind, Fingerprinter};
use fairgate_entry::keys::Key;
use fairgate_entry::shop::{SHOP_TOKEN_TYPE, Shop, ShopKey};
use fairgate_entry::voucher::{Voucher, VoucherKey};
use fairgate_entry::way::{Person, WayName};

const NOW_MS: u64 = 1_764_581_400_000;
const CODES: u64 = 10_000_000;
const ROUNDS: u32 = 2000;

/// The mean of the best of five runs, in ns: the machine may have other work.
fn measured(name: &str, goal_ns: u64, mut run: impl FnMut(u32)) {
    let mut best = Duration::MAX;
    for _ in 0..5 {
        let start = Instant::now();
        (0..ROUNDS).for_each(&mut run);
        best = best.min(start.elapsed() / ROUNDS);
    }
    eprintln!("{name}: {} ns (goal {goal_ns})", best.as_nanos());
    assert!(best < Duration::from_nanos(goal_ns), "{name}: {best:?}");
}

fn code(number: u64) -> Code {
    let mut random = [0; 7];
    random.copy_from_slice(&number.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes()[1..]);
    Code::make(random)
}

#[test]
#[ignore = "a measurement: a minute, 500 MB, and it wants an optimised build"]
fn ten_million_codes() {
    let maker = Fingerprinter::new(Key::from_bytes([0x45; 32]), CampaignName::new("large").expect("a name"));
    let start = Instant::now();
    let mut builder = CampaignBuilder::new(maker.clone(), CodeKind::Made);
    (0..CODES).for_each(|number| builder.push(&code(number)).expect("a made code"));
    let file = builder.finish(|_| vec![7; 64]).expect("no code twice");
    eprintln!("made in {:?}, {} bytes", start.elapsed(), file.len());
    assert!(file.len() < 90_000_000);

    let mut best = Duration::MAX;
    let mut list = None;
    for _ in 0..3 {
        let start = Instant::now();
        let mut reader = CampaignReader::default();
        file.chunks(512 * 1024).for_each(|piece| reader.push(piece).expect("a piece"));
        list = Some(reader.finish(|_, _| true).expect("a list"));
        best = best.min(start.elapsed());
    }
    eprintln!("read in {best:?} (goal 500 ms)");
    assert!(best < Duration::from_millis(500), "{best:?}");

    let list: Campaign = list.expect("read");
    let known: Vec<Code> = (0..u64::from(ROUNDS)).map(|n| code(n * 4999)).collect();
    let fingerprints: Vec<_> = known.iter().map(|code| maker.of(code)).collect();
    measured("look-up", 1000, |n| assert!(black_box(list.rank(fingerprints[n as usize])).is_some()));
    measured("HMAC and look-up", 2000, |n| assert!(black_box(list.rank(maker.of(&known[n as usize]))).is_some()));
}

#[test]
#[ignore = "a measurement: it wants an optimised build"]
fn checks_of_a_join() {
    let way = |name: &str| WayName::new(name).expect("a name");
    let key = VoucherKey::new(&Key::from_bytes([0x46; 32]));
    let identity = Identity::new(Method::oidc("https://id.example").expect("a method"), "user-0").expect("an identity");
    let voucher = Voucher::of_identity(&way("club"), Person::of(identity, Some(1)), NOW_MS, 600);
    let text = key.seal(&voucher, "final", [1; 12]).expect("sealed");
    measured("voucher", 4000, |_| assert!(black_box(key.open(&text, "final", NOW_MS)).is_ok()));

    let secret = b"a secret of at least 32 bytes, really";
    let shop = Shop {
        name: way("shop"),
        issuer: "https://shop.example".into(),
        key: ShopKey::secret(secret).expect("long enough"),
        tiers: BTreeMap::new(),
        max_age_s: 600,
    };
    let mut header = jsonwebtoken::Header::new(jsonwebtoken::Algorithm::HS256);
    header.typ = Some(SHOP_TOKEN_TYPE.into());
    let now_s = NOW_MS / 1000;
    let claims =
        serde_json::json!({"iss": shop.issuer, "aud": "final", "sub": "customer-7", "iat": now_s, "exp": now_s + 60});
    let token =
        jsonwebtoken::encode(&header, &claims, &jsonwebtoken::EncodingKey::from_secret(secret)).expect("signed");
    measured("HS256 token", 15_000, |_| assert!(black_box(shop.verify(&token, "final", NOW_MS)).is_ok()));
}

#[test]
#[ignore = "a measurement: it wants an optimised build"]
fn a_claims_proof() {
    const PROOF: &str = include_str!("proof.jwt");
    let key = Thumbprint::read("vQQ8mp3CZ_lggo1F_4767Xtm7df5zXoOS0GhGSCof3I").expect("a thumbprint");
    let of = ProofOf {
        method: "POST",
        address: "https://tickets.example/.fairgate/final/claim",
        token: "eyJ0aWNrZXQiOjF9.e30.AA",
        key: &key,
    };
    let draw: [u8; 32] = hex::decode("22e36c62347d489d3a2af3e31ec8e06a784f73ced0222510ae373233781933e6")
        .expect("hex")
        .try_into()
        .expect("32 bytes");
    let nonces = ProofNonces::new(Key::from_bytes([0x43; 32]), draw);
    measured("proof", 160_000, |_| {
        assert_eq!(black_box(verify_proof(PROOF.trim_end(), &of, &nonces, NOW_MS)), Ok(()));
    });
}
