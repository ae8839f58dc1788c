use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use fairgate_entry::code::{CampaignBuilder, CampaignName, CodeKind, Fingerprinter, Revoked};
use ring::hmac;
use serde_json::json;
use tempfile::TempDir;

use super::*;

const KEY: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
const SECRET: &str = "a secret of the shop with more than 32 bytes";
const GOOD: &str = "7H3K-Q9XW-2MVK";

/// A configuration in a directory of its own, with keys and a campaign.
struct World {
    dir: TempDir,
}

impl World {
    fn new() -> Self {
        let dir = TempDir::new().unwrap();
        fairgate_token::create_key(&dir.path().join("keys"), 0, &entropy::system()).unwrap();
        let world = Self { dir };
        let at = world.dir.path().display();
        let config = format!(
            "[edge]\nkeys = '{at}/keys'\ncodes = '{at}/codes'\n[[upstream]]\nname = 'shop'\naddress = '127.0.0.1:1'\n[[room]]\nname \
             = 'final'\nhosts = ['tickets.example']\nupstream = 'shop'\nopens_at = 2026-12-01T09:30:00Z\nstarts_at = \
             2026-12-01T10:00:00Z\nadmission.rate_per_minute = 600\n[[room.tier]]\nname = 'members'\n[room.entry]\nany_of = ['code', 'shop', 'club']\n\
             [room.entry.work]\neffort = 1\n[[room.entry.codes]]\ncampaign = 'spring'\ntier = 'members'\nentries = 2\n\
             [[room.entry.shop]]\nissuer = 'https://shop.example'\nhs256_env = 'SHOP'\ntiers = {{ gold = 'members' }}\n\
             [[room.entry.oidc]]\nname = 'club'\nissuer = 'https://id.example'\nclient_id = 'gate'\nclient_secret_env = 'CLUB'\n\
             [[room.entry.provider]]\nkind = 'turnstile'\nsitekey = 'x'\nsecret_env = 'CLUB'\n"
        );
        fs::write(world.dir.path().join("fairgate.toml"), config).unwrap();
        world
    }

    /// What is printed, with the exit code as 0 or 1.
    fn attempt(&self, way: &str, shown: &str) -> Result<(bool, String), String> {
        let file = self.dir.path().join("shown");
        fs::write(&file, format!("{shown}\n")).unwrap();
        let config = self.dir.path().join("fairgate.toml");
        let attempt = Attempt { room: "final".into(), way: way.into(), config, shown: Some(file) };
        let env = |name: &str| match name {
            "FAIRGATE_IDENTITY_KEY" => Some(KEY.to_owned()),
            "SHOP" => Some(SECRET.to_owned()),
            "CLUB" => Some("x".to_owned()),
            _ => None,
        };
        let mut out = Vec::new();
        let code = run(&attempt, env, &mut out).map_err(|error| format!("{error:#}"))?;
        Ok((code == ExitCode::SUCCESS, String::from_utf8(out).unwrap()))
    }

    fn make_campaign(&self, is_revoked: bool) {
        let (dir, name) = (self.dir.path().join("codes"), CampaignName::new("spring").unwrap());
        let key = IdentityKey::from_hex(KEY).unwrap().derive(Purpose::Codes);
        let signer = KeyRing::load(&self.dir.path().join("keys"), "fairgate").unwrap();
        let mut builder = CampaignBuilder::new(Fingerprinter::new(key.clone(), name.clone()), CodeKind::Made);
        builder.push(&Code::read(GOOD).unwrap()).unwrap();
        let saved = codes::save(&dir, builder, &key, &signer, 1).unwrap();
        let mut revoked = Revoked::none(&saved.campaign);
        if is_revoked {
            revoked.revoke(0);
        }
        codes::save_revoked(&dir, &name, &revoked).unwrap();
    }
}

/// A token of the shop, with changes.
fn token(changes: &[(&str, serde_json::Value)]) -> String {
    let now_s = SystemClock.now_ms() / 1000;
    let mut claims = json!({
        "iss": "https://shop.example", "aud": "final", "sub": "customer-1", "iat": now_s, "exp": now_s + 300, "tier": "gold",
    });
    changes.iter().for_each(|(name, value)| claims[*name] = value.clone());
    let header = json!({"alg": "HS256", "typ": "fairgate-enqueue+jwt"});
    let signed = [header, claims].map(|part| URL_SAFE_NO_PAD.encode(part.to_string())).join(".");
    let signature = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes()), signed.as_bytes());
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
}

#[test]
fn work_is_solved_and_checked() {
    let (is_good, said) = World::new().attempt("work", "").unwrap();
    assert!(is_good && said.contains("1 solutions in") && said.contains("good: checked in"), "{said}");
}

#[test]
fn a_code_is_looked_up_and_never_repeated() {
    let world = World::new();
    let (is_good, said) = world.attempt("code", GOOD).unwrap();
    assert!(!is_good && said.contains("cannot be read") && said.contains("in no campaign"), "no list yet: {said}");
    world.make_campaign(false);
    let (is_good, said) = world.attempt("code", "7h3k q9xw 2mvk").unwrap();
    assert_eq!((is_good, said.as_str()), (true, "good: a code of campaign spring, for 2 entries, tier members\n"));
    let (is_good, said) = world.attempt("code", "7H3K-Q9XW-2MVJ").unwrap();
    assert!(!is_good && said.contains("a character is mistyped") && !said.contains("7H3K"), "{said}");
    assert!(!world.attempt("code", "no").unwrap().0);
    world.make_campaign(true);
    let (is_good, said) = world.attempt("code", GOOD).unwrap();
    assert!(!is_good && said.contains("in campaign spring, and revoked"), "{said}");
    assert!(world.attempt("code", "").unwrap_err().contains("there is no code"));
}

#[test]
fn a_shops_token_is_judged_and_its_subject_not_told() {
    let world = World::new();
    let (is_good, said) = world.attempt("shop", &token(&[])).unwrap();
    assert!(is_good && said.contains("tier members") && !said.contains("customer-1"), "{said}");
    for (changes, words) in [
        (("aud", json!("semi")), "does not name this room"),
        (("tier", json!("lead")), "none of those that `tiers` names"),
        (("exp", json!(1)), "has passed"),
        (("iss", json!("https://other.example")), "the token says another"),
    ] {
        let (is_good, said) = world.attempt("shop", &token(&[changes])).unwrap();
        assert!(!is_good && said.contains(words), "{said}");
    }
    assert!(!world.attempt("shop", "abc").unwrap().0);
}

#[test]
fn what_needs_a_browser_says_what_to_set_up() {
    let world = World::new();
    let (_, said) = world.attempt("club", "").unwrap();
    assert!(said.contains("redirect URI https://tickets.example/.fairgate/final/entry/oidc/club/back"), "{said}");
    let (_, said) = world.attempt("turnstile", "").unwrap();
    assert!(said.contains("allow these hosts at the provider: tickets.example"), "{said}");
    let unknown = world.attempt("mail", "").unwrap_err();
    assert!(unknown.contains("no way mail; its ways are work, code, turnstile, shop, club"), "{unknown}");
}
