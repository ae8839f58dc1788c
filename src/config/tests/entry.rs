//! What a room asks is read whole, and every mistake in it is told where it stands.

use std::collections::HashMap;

use fairgate_entry::oidc::SubjectClaim;
use fairgate_entry::policy::Binding;
use fairgate_entry::provider::{OnFailure, ProviderKind};

use super::*;

const PROVIDER: &str = "[[room.entry.provider]]\nkind = 'turnstile'\nsitekey = 'x'\nsecret_env = 'TURNSTILE'\n";
const SHOP: &str = "[[room.entry.shop]]\nissuer = 'https://shop.example'\nhs256_env = 'SHOP'\n";
const CLUB: &str = "[[room.entry.oidc]]\nname = 'club'\nissuer = 'https://id.example'\nclient_id = 'fairgate'\n\
                    client_secret_env = 'CLUB'\n";
const MAIL: &str = "[room.entry.mail]\nsmtp = 'smtps://mail.example'\nfrom = 'tickets@example.com'\n";
const CODES: &str = "[[room.entry.codes]]\ncampaign = 'spring'\n";
const MEMBERS: &str = "[[room.tier]]\nname = 'members'\n";
/// The line that the first of the entry's lines has in the file.
const FIRST: usize = 15;

/// The file with these lines for its entry.
fn asking(lines: &str) -> String {
    with("[room.admission]", &format!("{lines}\n[room.admission]"))
}

fn entry(lines: &str) -> EntryConfig {
    parse(&asking(lines)).unwrap_or_else(|error| panic!("{lines}\n{error}")).rooms.remove(0).entry
}

#[track_caller]
fn refused(lines: &str, line: usize, key: &str, words: &[&str]) {
    assert_problem(&asking(lines), FIRST + line, &format!("room[final].entry.{key}"), words);
}

#[test]
fn nothing_is_asked_unless_it_is_written() {
    let entry = entry("");
    assert!(entry.policy.asks_nothing() && !entry.needs_key());
    assert_eq!((entry.told(), entry.methods().len()), (None, 0));
    assert_eq!(entry.identity_key_env, "FAIRGATE_IDENTITY_KEY");
}

#[test]
fn every_way_is_read_with_its_defaults() {
    let entry = entry(&format!(
        "[room.entry]\nidentity = ['club', 'mail', 'shop', 'code']\nany_of = ['club', 'mail', 'shop', 'code']\n\
         all_of = ['work', 'turnstile']\nbinding = 'key'\n{PROVIDER}{SHOP}{CLUB}{MAIL}{CODES}"
    ));
    let methods: Vec<String> = entry.methods().iter().map(ToString::to_string).collect();
    assert_eq!(methods, ["enqueue-token", "invite", "mail", "oidc:https://id.example"]);
    let provider = &entry.providers[0];
    assert_eq!((provider.way.kind, provider.way.action.as_str()), (ProviderKind::Turnstile, "join"));
    assert_eq!((provider.way.on_failure, provider.way.score_min), (OnFailure::Later, 0.5));
    assert_eq!(provider.url.as_str(), "https://challenges.cloudflare.com/turnstile/v0/siteverify");
    assert_eq!((entry.shops[0].name.as_str(), entry.shops[0].max_age_s), ("shop", 600));
    let club = &entry.oidc[0];
    assert_eq!((club.subject, club.per_second, &club.scopes[..]), (SubjectClaim::Sub, 50, &["openid".to_owned()][..]));
    assert_eq!(club.open_from_ms, 1_796_117_400_000, "the pool's opening");
    let mail = entry.mail.as_ref().expect("mail");
    assert_eq!((mail.per_second, mail.domain_entries), (10, 50));
    assert!(mail.large_domains.iter().any(|domain| domain == "gmail.com"));
    let codes = &entry.codes[0];
    assert_eq!((codes.entries, codes.from_ms, codes.until_ms), (1, 0, u64::MAX));
    assert_eq!((entry.work.rules.effort, entry.work.rules.effort_max, entry.work.rules.free), (2, 16, 60));
    assert_eq!((entry.policy.binding, entry.policy.moves), (Binding::Key, 1));
}

#[test]
fn unknown_keys_are_told_with_the_nearest_known_one() {
    refused("[room.entry]\nanyof = ['work']", 1, "anyof", &["did you mean any_of?"]);
    refused("[room.entry.work]\nefort = 3", 1, "work.efort", &["did you mean effort?"]);
    refused("[room.entry.mial]\n", 0, "mial", &["did you mean mail?"]);
    refused(&format!("{PROVIDER}secret = 'x'"), 4, "provider[0].secret", &["not a key"]);
}

#[test]
fn lists_name_ways_that_are_there_and_every_branch_shows_an_identity() {
    refused("[room.entry]\nany_of = ['club']", 1, "any_of", &["`club` is no way of this room", "configured are: work"]);
    let work = format!("[room.entry]\nidentity = ['club']\nany_of = ['club', 'work']\n{CLUB}");
    refused(&work, 2, "any_of", &["`work` shows no identity", "all_of"]);
    let scripts = format!("[room.entry]\nclaim = ['turnstile', 'work']\n{PROVIDER}");
    refused(&scripts, 1, "claim", &["need scripts"]);
    refused("[room.entry]\nmoves = 9", 1, "moves", &["0 to 8"]);
    refused("[room.entry]\nmoves = 256", 1, "moves", &["out of range"]);
    refused("[room.entry]\nsuspicious_at = 0", 1, "suspicious_at", &["ask everybody"]);
    refused("[room.entry]\nbinding = 'device'", 1, "binding", &["\"none\" or \"key\" or \"network\""]);
}

#[test]
fn a_way_that_does_not_fit_makes_no_name_unknown() {
    let lines = format!("[room.entry]\nidentity = ['club']\nany_of = ['club']\n{CLUB}per_second = 0");
    refused(&lines, 8, "oidc[club].per_second", &["nobody could ever enter"]);
    let lines = format!("[room.entry]\nany_of = 'club'\n{CLUB}");
    refused(&lines, 1, "any_of", &["an array in [ ]"]);
}

#[test]
fn no_two_ways_have_one_name_and_no_two_clients_one_issuer() {
    refused(&format!("{PROVIDER}{PROVIDER}"), 4, "provider[1].name", &["name of another way"]);
    refused(&format!("{CLUB}{SHOP}name = 'club'"), 1, "oidc[club].name", &["name of another way"]);
    refused(&format!("{SHOP}name = 'mail'"), 3, "shop[mail].name", &["name of another way"]);
    refused(&format!("{SHOP}name = 'Shop'"), 3, "shop[Shop].name", &["a-z, 0-9 and -"]);
    let second = CLUB.replace("'club'", "'fans'");
    refused(&format!("{CLUB}{second}"), 7, "oidc[fans].issuer", &["second client"]);
    refused(&format!("{SHOP}{SHOP}name = 'b'"), 4, "shop[b].issuer", &["two shops sign as"]);
    refused(&format!("{CODES}{CODES}"), 3, "codes[1].campaign", &["two tables"]);
    let both = "[room.entry]\nidentity = ['shop', 'b']\nany_of = ['shop', 'b']\n";
    let other = SHOP.replace("shop.example", "b.example");
    let problems =
        parse(&asking(&format!("{both}{SHOP}{other}name = 'b'"))).expect_err("both are `enqueue-token`").problems;
    assert!(problems[0].what.contains("both vouch as `enqueue-token`"), "{problems:?}");
}

#[test]
fn what_each_way_needs_is_asked_for() {
    refused("[[room.entry.provider]]\nkind = 'turnstile'\nsecret_env = 'A'", 0, "provider[0].sitekey", &["is missing"]);
    refused(&PROVIDER.replace("turnstile", "friendly"), 1, "provider[0].kind", &["\"hcaptcha\""]);
    refused(&format!("{PROVIDER}score_min = 1.5"), 4, "provider[0].score_min", &["from 0 to 1"]);
    refused(&format!("{PROVIDER}url = 'http://a.example'"), 4, "provider[0].url", &["https://"]);
    assert_eq!(entry(&format!("{PROVIDER}url = 'http://127.0.0.1:1/v'\nscore_min = 1")).providers.len(), 1);
    refused(&format!("{SHOP}jwks = 'a.json'"), 3, "shop[0].jwks", &["keep one"]);
    refused("[[room.entry.shop]]\nissuer = 'a'", 0, "shop[0].hs256_env", &["is missing", "jwks"]);
    refused("[[room.entry.private_token]]\nissuer = 'a.example'", 0, "private_token[0].directory", &["is missing"]);
    let keys = "[[room.entry.private_token]]\nissuer = 'a.example'\nkeys = ['AAAA']";
    refused(keys, 2, "private_token[0].keys", &["2048 bits"]);
    refused(&format!("{CLUB}scopes = ['profile']"), 5, "oidc[club].scopes", &["lacks openid"]);
    refused(&format!("{CLUB}subject = 'email'"), 0, "oidc[club].scopes", &["lacks email"]);
    let claimless = format!("{MEMBERS}{CLUB}tiers = {{ gold = 'members' }}");
    refused(&claimless, 7, "oidc[club].tiers", &["the name of the claim"]);
    refused(&CLUB.replace("https://id.example", "http://id.example"), 2, "oidc[club].issuer", &["byte for byte"]);
    refused("[room.entry.mail]\nfrom = 'a@b.example'", 0, "mail.smtp", &["is missing"]);
    refused(&MAIL.replace("tickets@example.com", "tickets"), 2, "mail.from", &["is not a mail address"]);
    refused(&format!("{CODES}entries = 9"), 2, "codes[0].entries", &["1 to 8"]);
    let times = "from = 2026-12-01T10:00:00Z\nuntil = 2026-12-01T10:00:00Z";
    refused(&format!("{CODES}{times}"), 3, "codes[0].until", &["is not after from"]);
    refused("[room.entry.work]\neffort = 33", 1, "work.effort", &["1 to 32"]);
    refused("[room.entry.work]\neffort = 8\neffort_max = 7", 2, "work.effort_max", &["from effort, 8"]);
}

#[test]
fn what_is_compared_with_hosts_needs_hosts() {
    let any = |lines: &str| asking(lines).replace("hosts = [\"tickets.example\"]", "hosts = ['*']");
    let asked = format!("[room.entry]\nany_of = ['turnstile']\n{PROVIDER}");
    assert_problem(&any(&asked), 17, "room[final].entry.provider[0].hostnames", &["for any host"]);
    assert!(parse(&any(&format!("{asked}hostnames = ['a.example']"))).is_ok());
    assert!(parse(&any(PROVIDER)).is_ok(), "nobody is asked for it");
    let token = "[[room.entry.private_token]]\nissuer = 'a.example'\ndirectory = 'https://a.example/d'\n";
    let asked = format!("[room.entry]\nany_of = ['private-token']\n{token}");
    assert_problem(&any(&asked), 18, "room[final].entry.private_token[0].issuer", &["any site"]);
}

#[test]
fn a_secret_in_the_file_is_refused_and_not_repeated() {
    for (lines, line, key) in [
        (PROVIDER.replace("'TURNSTILE'", "'0x4hunter2'"), 3, "provider[0].secret_env"),
        (SHOP.replace("'SHOP'", "'hunter2'"), 2, "shop[0].hs256_env"),
        (CLUB.replace("'CLUB'", "'hunter2'"), 4, "oidc[club].client_secret_env"),
        (MAIL.replace("smtps://", "smtps://me:hunter2@"), 1, "mail.smtp"),
        (format!("{PROVIDER}url = 'https://me:hunter2@a.example'"), 4, "provider[0].url"),
        ("[room.entry]\nidentity_key_env = 'hunter2'".to_owned(), 1, "identity_key_env"),
    ] {
        refused(&lines, line, key, &[]);
        assert!(!problem(&asking(&lines)).2.contains("hunter2"), "{key}");
    }
}

#[test]
fn secrets_come_from_the_environment() {
    let entry = entry(&format!("[room.entry]\nany_of = ['work']\n{PROVIDER}{SHOP}{CLUB}{MAIL}"));
    let mut values: HashMap<&str, String> = HashMap::new();
    let resolve = |values: &HashMap<&str, String>| entry.resolve(|name| values.get(name).cloned());
    let missing = resolve(&values).expect_err("nothing is set");
    for name in ["FAIRGATE_IDENTITY_KEY", "TURNSTILE", "SHOP", "CLUB"] {
        assert!(missing.iter().any(|said| said.starts_with(&format!("{name} is not set"))), "{name}: {missing:?}");
    }
    values.extend([("TURNSTILE", "a".into()), ("CLUB", "b".into()), ("SHOP", "short".into())]);
    values.insert("FAIRGATE_IDENTITY_KEY", "42".repeat(32));
    values.insert("FAIRGATE_SMTP_USER", "me".into());
    let wrong = resolve(&values).expect_err("not good").join("\n");
    for said in ["one byte repeated", "SHOP has fewer than 32 bytes", "only one of FAIRGATE_SMTP_USER"] {
        assert!(wrong.contains(said), "{wrong}");
    }
    assert!(!wrong.contains("short") && !wrong.contains("4242"));
    values.insert("FAIRGATE_IDENTITY_KEY", "0123456789abcdef".repeat(4));
    values.insert("SHOP", "hunter2".repeat(5));
    values.insert("FAIRGATE_SMTP_PASSWORD", "hunter2".into());
    let secrets = resolve(&values).expect("all there");
    assert_eq!(secrets.providers[0].expose(), "a");
    assert!(secrets.identity.is_some() && secrets.shops[0].is_some() && secrets.oidc.len() == 1);
    let login = secrets.mail.as_ref().expect("a login");
    let url = entry.mail.as_ref().expect("mail").smtp.with_login(&login.user, login.password.expose());
    assert_eq!(url, "smtps://me:hunter2@mail.example");
    assert!(!format!("{secrets:?}").contains("hunter2"));
}

#[test]
fn a_room_that_asks_nothing_needs_no_key() {
    assert!(entry("").resolve(|_| None).expect("nothing to look up").identity.is_none());
    assert!(entry("[room.entry]\nall_of = ['work']").needs_key());
    assert!(entry(CODES).needs_key(), "codes are found by it");
    assert!(entry("[room.entry]\nbinding = 'key'").needs_key(), "proofs are dated by it");
}

#[test]
fn tiers_are_those_of_the_room() {
    refused(&format!("{CODES}tier = 'gold'"), 2, "codes[0].tier", &["add a [[room.tier]]", "\"gold\""]);
    let other = format!("{MEMBERS}{SHOP}tiers = {{ gold = 'member' }}");
    refused(&other, 5, "shop[0].tiers", &["the room's tiers are members"]);
    let entry = entry(&format!(
        "{MEMBERS}[[room.tier]]\nname = 'friends'\nband = 1\n{CODES}tier = 'members'\n{SHOP}tiers = {{ gold = 'members', silver = 'friends' }}\n{CLUB}tiers = {{ claim = \
         'level', gold = 'members' }}"
    ));
    let mut names: Vec<&str> = entry.tier_names().collect();
    names.sort_unstable();
    assert_eq!(names, ["friends", "members", "members", "members"]);
    let tiers = ["members", "friends", "fans"].map(str::to_owned);
    assert_eq!(entry.codes[0].terms(&tiers).tier, Some(0));
    assert_eq!(entry.codes[0].terms(&[]).tier, None);
    let rules = entry.oidc[0].claim_rules(&tiers);
    assert_eq!((rules.tier_claim.as_deref(), rules.tiers.get("gold")), (Some("level"), Some(&0)));
    let key = fairgate_entry::shop::ShopKey::secret(&[7; 32]).expect("long enough");
    assert_eq!(entry.shops[0].way(key, &tiers).tiers.get("silver"), Some(&1));
}

#[test]
fn identities_and_expected_fans_are_in_the_rules_of_the_draw() {
    let lines =
        format!("expected = 7\n[room.entry]\nidentity = ['mail', 'code']\nany_of = ['code', 'mail']\n{MAIL}{CODES}");
    let rules = parse(&asking(&lines)).unwrap_or_else(|error| panic!("{error}")).rooms[0].rules.clone();
    let rules = rules.expect("identities have rules");
    let methods: Vec<String> = rules.identity.iter().map(ToString::to_string).collect();
    assert_eq!((methods, rules.expected, rules.tiers.len()), (vec!["invite".to_owned(), "mail".to_owned()], 7, 1));
    let work = parse(&asking("[room.entry]\nany_of = ['work']")).expect("right");
    assert_eq!(work.rooms[0].rules, None, "work says nothing of who it is");
    assert_problem(&asking("expected = 268435456"), FIRST, "room[final].expected", &["more than a room can hold"]);
}

#[test]
fn a_fan_is_told_what_will_be_asked() {
    let told = |lines: &str| entry(lines).told().expect("something is asked");
    assert_eq!(
        told(&format!(
            "[room.entry]\nidentity = ['club', 'code']\nany_of = ['code', 'club']\nall_of = ['work']\nclaim = \
             ['mail']\nsuspicious = ['turnstile', 'mail']\nbinding = 'key'\nmoves = 0\n{PROVIDER}{CLUB}{MAIL}{CODES}entries \
             = 2"
        )),
        "To enter, a fan lets the device solve a puzzle (2 tables), and shows a code (good for up to 2 entries) or signs in at \
         club. One person, as known by code or club, has one entry. When it is their turn, everybody types a code that was \
         mailed. Whoever has 100 points of suspicion solves the challenge turnstile or types a code that was mailed when it is \
         their turn. An entry is bound to a key of its browser; it cannot move to another device."
    );
    let network = told("[room.entry]\nbinding = 'network'\nmoves = 2");
    assert_eq!(network, "To enter, a fan shows nothing. A claim from another network counts as suspicious.");
}

#[test]
fn what_hardly_anybody_means_is_told() {
    let said = |lines: &str, expected: u32| -> Vec<String> {
        let text = asking(lines).replace("paths =", &format!("expected = {expected}\npaths ="));
        parse(&text).expect("right").warnings(0).iter().map(ToString::to_string).collect()
    };
    let club = format!("[room.entry]\nidentity = ['club']\nany_of = ['club']\n{CLUB}");
    assert_eq!(said(&club, 0), [""; 0], "nobody said how many are expected");
    assert_eq!(said(&club, 90_000), [""; 0], "50 a second for 30 minutes");
    let short = said(&club, 1_000_000);
    assert_eq!(
        short,
        [
            "room[final].entry.oidc[club].open_from: 1000000 fans at 50 sign-ins a second take 5.6 h, and there are 0.5 h until the \
          sale starts; open 6 h earlier, with open_from = \"2026-12-01T03:30:00Z\", or raise per_second"
        ]
    );
    assert_eq!(said(&format!("{club}open_from = 2026-12-01T03:30:00Z"), 1_000_000), [""; 0]);
    let mail = format!("[room.entry]\nidentity = ['mail']\nany_of = ['mail']\n{MAIL}");
    assert!(said(&mail, 20_000)[0].starts_with("room[final].entry.mail.per_second: 20000 fans at 10 mails"));
    let several = said(&format!("{CODES}entries = 2"), 0);
    assert!(
        several[0].starts_with("room[final].entry.binding: ") && several[0].contains("sold one by one"),
        "{several:?}"
    );
    assert!(said("[room.entry]\nany_of = ['work']", 0)[0].contains("prices nothing"));
    assert!(said(MAIL, 0)[0].contains("nobody is asked for `mail`"));
}

#[test]
fn sessions_prove_their_key_where_they_have_one() {
    let session = |lines: &str| parse(&asking(lines)).unwrap_or_else(|error| panic!("{error}")).rooms[0].session;
    assert_eq!(session(""), SessionConfig { prove_ms: 180_000, several: Several::Count });
    assert_eq!(session("[room.entry]\nbinding = 'key'").several, Several::Prove);
    assert_eq!(session("[room.entry]\nbinding = 'key'\n[room.session]\nseveral = 'end'").several, Several::End);
    let short = asking("[room.session]\nprove = '119s'");
    assert_problem(&short, FIRST + 1, "room[final].session.prove", &["2m"]);
    let keyless = asking("[room.session]\nseveral = 'prove'");
    assert_problem(&keyless, FIRST + 1, "room[final].session.several", &["have no key"]);
}
