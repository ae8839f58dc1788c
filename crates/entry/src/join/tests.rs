use std::collections::BTreeMap;

use fairgate_draw::v2::Method;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::json;

use super::*;
use crate::code::campaign::tests::{campaign, code};
use crate::code::{CampaignName, Campaigns, CodeTerms, CodeWay, Revoked};
use crate::policy::EntrySettings;
use crate::score::Facts;
use crate::shop::{SHOP_TOKEN_TYPE, Shop, ShopKey};
use crate::vectors::{draw, key, nonce};
use crate::wait::Wait;

const NOW_MS: u64 = 1_764_581_400_000;
const SECRET: &[u8] = b"a secret of at least 32 bytes, really";

fn name(text: &str) -> WayName {
    WayName::new(text).expect("a name")
}

fn policy(change: impl FnOnce(&mut EntrySettings)) -> EntryPolicy {
    let ways = [
        ("work", WayKind::Work),
        ("turnstile", WayKind::Challenge),
        ("code", WayKind::Code { entries_max: 3 }),
        ("shop", WayKind::Shop),
        ("club", WayKind::Oidc { issuer: "https://id.example".into() }),
        ("mail", WayKind::Mail),
    ];
    let ways = ways.map(|(text, kind)| (name(text), kind)).to_vec();
    let mut settings = EntrySettings { ways, ..EntrySettings::default() };
    change(&mut settings);
    EntryPolicy::new(settings).expect("a policy")
}

fn texts(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn ways() -> Ways {
    let list = campaign("spring", 20);
    let revoked = Revoked::none(&list);
    let campaign = CampaignName::new("spring").expect("a name");
    let terms = CodeTerms { campaign, tier: Some(1), entries: 3, from_ms: 0, until_ms: u64::MAX };
    let mut campaigns = Campaigns::new(&key(0x45), [terms]);
    campaigns.load(Arc::new(list), Arc::new(revoked));
    let shop = Shop {
        name: name("shop"),
        issuer: "https://shop.example".into(),
        key: ShopKey::secret(SECRET).expect("long enough"),
        tiers: BTreeMap::from([("gold".to_owned(), 0)]),
        max_age_s: 600,
    };
    let wait = Wait::new(key(0x47));
    Ways::new(vec![Arc::new(CodeWay::new(name("code"), campaigns)), Arc::new(shop), Arc::new(wait)])
}

fn vouchers() -> VoucherKey {
    VoucherKey::new(&key(0x46))
}

fn sealed(voucher: &Voucher) -> String {
    vouchers().seal(voucher, "final", [3; 12]).expect("sealed")
}

fn member(subject: &str) -> Voucher {
    let identity = Identity::new(Method::oidc("https://id.example").expect("a method"), subject).expect("an identity");
    Voucher::of_identity(&name("club"), Person::of(identity, Some(2)), NOW_MS, 600)
}

fn mailbox() -> Voucher {
    let identity = Identity::new(Method::mail(), "ada@example.org").expect("an identity");
    Voucher::of_identity(&name("mail"), Person::of(identity, None), NOW_MS, 600)
}

fn shop_token(subject: &str) -> String {
    let mut header = Header::new(Algorithm::HS256);
    header.typ = Some(SHOP_TOKEN_TYPE.into());
    let claims = json!({"iss": "https://shop.example", "aud": "final", "sub": subject, "iat": NOW_MS / 1000,
        "exp": NOW_MS / 1000 + 60, "tier": "gold"});
    jsonwebtoken::encode(&header, &claims, &EncodingKey::from_secret(SECRET)).expect("signed")
}

fn joined_with(policy: &EntryPolicy, show: &Show<'_>, deferred: &[WayName], excused: &[WayName]) -> Joined {
    let (ways, vouchers, draw) = (ways(), vouchers(), draw());
    let judge = Judge { policy, ways: &ways, vouchers: &vouchers, deferred, excused, overruled: &[] };
    let bond = Bond::from_bytes([0; 16]);
    let scene = Scene { now_ms: NOW_MS, room: "final", draw: &draw, bond, hosts: &[], effort: 2 };
    judge.join(show, &nonce(), &scene)
}

fn joined(policy: &EntryPolicy, show: &Show<'_>) -> Joined {
    joined_with(policy, show, &[], &[])
}

#[track_caller]
fn entrant(joined: Joined) -> Entrant {
    match joined {
        Joined::Enters(entrant) => entrant,
        other => panic!("{other:?}"),
    }
}

fn names_of(identities: &[Identity]) -> Vec<String> {
    identities.iter().map(|own| format!("{} {}", own.method(), own.subject())).collect()
}

#[test]
fn a_room_that_asks_nothing_takes_everybody() {
    let entrant = entrant(joined(&policy(|_| {}), &Show::default()));
    assert!(entrant.identities.is_empty() && entrant.by.is_empty() && entrant.tier.is_none());
}

#[test]
fn what_is_missing_is_named() {
    let policy = policy(|settings| {
        settings.any_of = texts(&["code", "shop"]);
        settings.all_of = texts(&["turnstile"]);
    });
    let required = |any_of: &[&str], missing: &[&str]| {
        let of = |names: &[&str]| names.iter().map(|text| name(text)).collect();
        Joined::Required(Required { any_of: of(any_of), missing: of(missing) })
    };
    assert_eq!(joined(&policy, &Show::default()), required(&["code", "shop"], &["turnstile"]));
    let typed = code(3).printed();
    let by_code = Show { code: Some(&typed), ..Show::default() };
    assert_eq!(joined(&policy, &by_code), required(&[], &["turnstile"]));
}

#[test]
fn a_code_is_as_many_subjects_as_it_has_entries() {
    let policy = policy(|settings| {
        settings.identity = texts(&["code"]);
        settings.any_of = texts(&["code"]);
    });
    let typed = code(3).printed();
    let entrant = entrant(joined(&policy, &Show { code: Some(&typed), ..Show::default() }));
    let subject = code(3).as_str().to_owned();
    let expected: Vec<String> = (1..=3).map(|n| format!("invite {subject}#{n}")).collect();
    assert_eq!(names_of(&entrant.identities), expected);
    assert_eq!((entrant.tier, entrant.by), (Some(1), vec![name("code")]));
    assert!(entrant.others.is_empty());
}

#[test]
fn a_refusal_ends_it_whatever_else_is_shown() {
    let policy = policy(|settings| settings.any_of = texts(&["code", "shop", "club"]));
    let (voucher, token) = (sealed(&member("user-0")), shop_token("customer-7"));
    let refused = |way: &str, reason| Joined::Refused { way: name(way), reason };
    let wrong_code = Show { code: Some("7H3KQ9XW2MVK"), vouchers: vec![&voucher], ..Show::default() };
    assert_eq!(joined(&policy, &wrong_code), refused("code", Reason::CodeUnknown));
    let wrong_token = Show { shop: Some("a.b.c"), vouchers: vec![&voucher], ..Show::default() };
    assert_eq!(joined(&policy, &wrong_token), refused("shop", Reason::TokenWrong));
    let both = Show { code: Some("no code"), shop: Some(&token), ..Show::default() };
    assert_eq!(joined(&policy, &both), refused("code", Reason::CodeUnknown));
    let good = Show { shop: Some(&token), ..Show::default() };
    assert_eq!(entrant(joined(&policy, &good)).tier, Some(0));
}

#[test]
fn the_first_method_of_the_list_makes_the_entry_and_others_are_looked_up() {
    let policy = policy(|settings| {
        settings.identity = texts(&["club", "mail", "shop"]);
        settings.any_of = texts(&["club", "mail", "shop"]);
    });
    let (club, mail, token) = (sealed(&member("user-0")), sealed(&mailbox()), shop_token("customer-7"));
    let show = Show { shop: Some(&token), vouchers: vec![&club, &mail], ..Show::default() };
    let entrant = entrant(joined(&policy, &show));
    assert_eq!(names_of(&entrant.identities), ["enqueue-token customer-7"]);
    assert_eq!(names_of(&entrant.others), ["mail ada@example.org", "oidc:https://id.example user-0"]);
    assert_eq!(entrant.tier, Some(0), "the best of all that was shown");
}

#[test]
fn old_and_foreign_vouchers_are_passed_over() {
    let policy = policy(|settings| {
        settings.identity = texts(&["club"]);
        settings.any_of = texts(&["club"]);
    });
    let mut old = member("user-1");
    old.expires_s = NOW_MS / 1000;
    let (old, good) = (sealed(&old), sealed(&member("user-0")));
    let foreign = vouchers().seal(&member("user-2"), "semi", [4; 12]).expect("sealed");
    let show = Show { vouchers: vec!["v1.x", &foreign, &good], ..Show::default() };
    assert_eq!(names_of(&entrant(joined(&policy, &show)).identities), ["oidc:https://id.example user-0"]);
    let late = Show { vouchers: vec![&old, &foreign], ..Show::default() };
    assert!(matches!(joined(&policy, &late), Joined::Required(_)));
    let fourth = Show { vouchers: vec!["a", "b", "c", &good], ..Show::default() };
    assert!(matches!(joined(&policy, &fourth), Joined::Required(_)), "three are looked at");
}

#[test]
fn a_check_counts_for_the_bond_of_this_join_alone() {
    let policy = policy(|settings| settings.all_of = texts(&["turnstile"]));
    let check = |bond| sealed(&Voucher::of_check(&name("turnstile"), bond, NOW_MS));
    let plain = Show::default().bond(&nonce(), &[]);
    let own = check(plain);
    assert_eq!(entrant(joined(&policy, &Show { vouchers: vec![&own], ..Show::default() })).by, [name("turnstile")]);
    let other = check(Bond::of(&[1; 16], b""));
    assert!(matches!(joined(&policy, &Show { vouchers: vec![&other], ..Show::default() }), Joined::Required(_)));
    // One solved challenge does not enter a second code.
    let typed = code(3).printed();
    let with_code = Show { code: Some(&typed), vouchers: vec![&own], ..Show::default() };
    assert!(matches!(joined(&policy, &with_code), Joined::Required(_)));
    let of_code = check(with_code.bond(&nonce(), &[]));
    let with_code = Show { vouchers: vec![&of_code], ..with_code };
    entrant(joined(&policy, &with_code));
    // Nor a second identity.
    let club = sealed(&member("user-0"));
    let with_club = Show { vouchers: vec![&club, &own], ..Show::default() };
    assert!(matches!(joined(&policy, &with_club), Joined::Required(_)));
    let of_club = check(Bond::of(&nonce(), voucher_id(&club).as_bytes()));
    entrant(joined(&policy, &Show { vouchers: vec![&of_club, &club], ..Show::default() }));
}

#[test]
fn the_bond_is_of_the_code_as_normalised_then_the_token_then_the_voucher() {
    let bond = |code, shop, identities: &[&str]| Show { code, shop, ..Show::default() }.bond(&nonce(), identities);
    let of = |credential: &str| Bond::of(&nonce(), credential.as_bytes());
    assert_eq!(bond(Some("7h3k-q9xw-2mvk"), Some("t"), &["v"]), of("7H3KQ9XW2MVK"));
    assert_eq!(bond(Some("none"), Some("t"), &["v"]), of("none"));
    assert_eq!(bond(None, Some("t"), &["v"]), of("t"));
    assert_eq!(bond(None, None, &["v", "w"]), of(&voucher_id("v")));
    assert_eq!(bond(None, None, &[]), of(""));
}

#[test]
fn a_provider_that_is_away_is_put_off_or_passed() {
    let policy = policy(|settings| {
        settings.identity = texts(&["club"]);
        settings.all_of = texts(&["turnstile", "club"]);
    });
    let (club, away) = (sealed(&member("user-0")), [name("turnstile")]);
    let show = Show { vouchers: vec![&club], ..Show::default() };
    assert!(matches!(joined(&policy, &show), Joined::Required(_)));
    assert_eq!(entrant(joined_with(&policy, &show, &away, &[])).deferred, away);
    assert!(entrant(joined_with(&policy, &show, &[], &away)).deferred.is_empty());
    // An identity cannot be put off: it makes the tag.
    let away = [name("turnstile"), name("club")];
    let without = joined_with(&policy, &Show::default(), &away, &[]);
    assert_eq!(without, Joined::Required(Required { any_of: vec![name("club")], missing: Vec::new() }));
}

#[test]
fn one_of_several_that_are_away_is_asked_at_the_claim() {
    let policy = policy(|settings| settings.any_of = texts(&["turnstile", "mail"]));
    let away = [name("turnstile"), name("mail")];
    assert_eq!(entrant(joined_with(&policy, &Show::default(), &away, &[])).deferred, [name("turnstile")]);
    let mail = sealed(&mailbox());
    let show = Show { vouchers: vec![&mail], ..Show::default() };
    assert!(entrant(joined_with(&policy, &show, &away, &[])).deferred.is_empty());
}

#[test]
fn what_is_owed_at_the_claim_is_settled_for_that_position() {
    let policy = policy(|settings| {
        settings.suspicious = texts(&["turnstile", "mail"]);
        settings.suspicious_at = 60;
    });
    let (calm, waited) = (Facts::default(), Facts { has_waited: true, ..Facts::default() });
    let place = Bound::Position { tier: 0, index: 7 };
    let ask = |facts: &Facts, shown: &[Voucher]| owed(&policy, &Score::of(facts, 60), &[], shown, &place);
    assert!(ask(&calm, &[]).is_empty());
    let asked = ask(&waited, &[]);
    assert_eq!(asked.len(), 1);
    assert_eq!((asked[0].reason, &asked[0].signals[..]), (Reason::Owes, &[crate::score::Signal::Waited][..]));
    assert!(ask(&waited, &[Voucher::of_claim(&name("turnstile"), 0, 7, NOW_MS)]).is_empty());
    assert!(ask(&waited, &[mailbox()]).is_empty());
    assert_eq!(ask(&waited, &[Voucher::of_claim(&name("turnstile"), 0, 8, NOW_MS)]).len(), 1);
    assert_eq!(ask(&waited, &[member("user-0")]).len(), 1, "another way");
}

#[test]
fn everybody_and_those_who_were_put_off_owe_too() {
    let policy = policy(|settings| settings.claim = texts(&["mail"]));
    let (place, calm) = (Bound::Position { tier: 0, index: 7 }, Score::of(&Facts::default(), 60));
    let ask = |deferred: &[WayName], shown: &[Voucher]| {
        owed(&policy, &calm, deferred, shown, &place).into_iter().map(|owed| owed.reason).collect::<Vec<_>>()
    };
    let deferred = [name("turnstile")];
    assert_eq!(ask(&[], &[]), [Reason::EntryRequired]);
    assert!(ask(&[], &[mailbox()]).is_empty());
    assert_eq!(ask(&deferred, &[mailbox()]), [Reason::ChallengeUnavailable]);
    let shown = [mailbox(), Voucher::of_claim(&name("turnstile"), 0, 7, NOW_MS)];
    assert!(ask(&deferred, &shown).is_empty());
}

#[test]
fn waiting_stands_for_work_and_is_counted_as_waiting() {
    let policy = policy(|settings| {
        settings.all_of = texts(&["work"]);
        settings.suspicious = texts(&["mail"]);
    });
    let bond = Show::default().bond(&nonce(), &[]);
    let note = |from_ms| Wait::new(key(0x47)).note(&draw(), &bond, from_ms);
    let joined_by = |note: &str| joined(&policy, &Show { wait: Some(note), ..Show::default() });
    assert_eq!(entrant(joined_by(&note(NOW_MS))).by, [name("wait")]);
    let early = joined_by(&note(NOW_MS + 1));
    assert_eq!(early, Joined::Required(Required { any_of: Vec::new(), missing: vec![name("work")] }));
    let late = joined_by(&note(NOW_MS - 60_000));
    assert_eq!(late, Joined::Refused { way: name("wait"), reason: Reason::WorkLate });
}

#[test]
fn too_little_work_is_asked_for_where_nothing_else_is_missing() {
    use crate::vectors::EPOCH;
    use crate::work::solution::tests::TWO;
    use crate::work::way::Work;
    let join = |policy: &EntryPolicy, effort| {
        let ways = Ways::new(vec![Arc::new(Work::new(key(0x44)))]);
        let (vouchers, draw) = (vouchers(), draw());
        let judge = Judge { policy, ways: &ways, vouchers: &vouchers, deferred: &[], excused: &[], overruled: &[] };
        let bond = Bond::from_bytes([0; 16]);
        let scene = Scene { now_ms: NOW_MS, room: "final", draw: &draw, bond, hosts: &[], effort };
        judge.join(&Show { work: Some((EPOCH, TWO)), ..Show::default() }, &nonce(), &scene)
    };
    let only_work = policy(|settings| settings.all_of = texts(&["work"]));
    assert_eq!(entrant(join(&only_work, 2)).by, [name("work")]);
    assert!(matches!(join(&only_work, 3), Joined::More(Ask::Work { effort: 3, e: EPOCH, .. })));
    let or_mail = policy(|settings| settings.any_of = texts(&["work", "mail"]));
    assert!(matches!(join(&or_mail, 3), Joined::More(_)));
    let and_mail = policy(|settings| settings.all_of = texts(&["work", "mail"]));
    let missing = vec![name("work"), name("mail")];
    assert_eq!(join(&and_mail, 3), Joined::Required(Required { any_of: Vec::new(), missing }));
}

#[test]
fn who_was_overruled_passes_by_that_way_and_by_no_other() {
    let join = |policy: &EntryPolicy, show: &Show<'_>, overruled: &[(WayName, Person)]| {
        let (ways, vouchers, draw) = (ways(), vouchers(), draw());
        let judge = Judge { policy, ways: &ways, vouchers: &vouchers, deferred: &[], excused: &[], overruled };
        let bond = Bond::from_bytes([0; 16]);
        let scene = Scene { now_ms: NOW_MS, room: "final", draw: &draw, bond, hosts: &[], effort: 2 };
        judge.join(show, &nonce(), &scene)
    };
    let typed = code(99).printed();
    let show = Show { code: Some(&typed), ..Show::default() };
    let by_code = policy(|settings| {
        settings.identity = texts(&["code"]);
        settings.any_of = texts(&["code"]);
    });
    assert_eq!(join(&by_code, &show, &[]), Joined::Refused { way: name("code"), reason: Reason::CodeUnknown });
    let holder = Identity::new(Method::invite(), &typed.replace('-', "")).expect("an identity");
    let passed = [(name("code"), Person::of(holder, None))];
    let found = entrant(join(&by_code, &show, &passed));
    assert_eq!((found.identities.len(), &found.by[..]), (1, &[name("code")][..]));
    let and_more = policy(|settings| settings.all_of = texts(&["code", "turnstile"]));
    let missing = Joined::Required(Required { any_of: Vec::new(), missing: vec![name("turnstile")] });
    assert_eq!(join(&and_more, &show, &[(name("code"), Person::checked())]), missing);
}
