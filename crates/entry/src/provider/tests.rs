use super::*;
use crate::vectors::{draw, nonce};

const NOW_MS: u64 = 1_764_581_400_000;

fn provider(kind: ProviderKind) -> Provider {
    Provider::new(ProviderConfig {
        name: WayName::new(kind.as_str()).expect("a name"),
        kind,
        sitekey: "site".into(),
        hostnames: Vec::new(),
        action: "join".into(),
        score_min: 0.5,
        on_failure: OnFailure::Later,
    })
}

fn bond() -> Bond {
    Bond::of(&nonce(), b"")
}

fn hosts() -> Vec<String> {
    vec!["tickets.example".into(), "www.tickets.example".into()]
}

fn judged(kind: ProviderKind, status: u16, body: &str) -> Result<(), Fault> {
    SiteverifyAnswer::read(status, body.as_bytes()).judge(provider(kind).config(), &bond(), &hosts())
}

fn turnstile(hostname: &str, action: &str, cdata: &str) -> String {
    format!(
        r#"{{"success":true,"challenge_ts":"2026-12-01T09:00:00Z","hostname":"{hostname}","error-codes":[],
            "action":"{action}","cdata":"{cdata}","metadata":{{"interactive":false}}}}"#
    )
}

#[test]
fn turnstile_counts_for_its_host_action_and_entry_alone() {
    let (b, other) = (bond().to_base64url(), Bond::of(&nonce(), b"X").to_base64url());
    for (hostname, action, cdata, expected) in [
        ("tickets.example", "join", &b, Ok(())),
        ("WWW.tickets.example", "join", &b, Ok(())),
        ("tickets.example", "join", &other, Err(Fault::Fan)),
        ("tickets.example", "join", &String::new(), Err(Fault::Fan)),
        ("tickets.example", "login", &b, Err(Fault::Fan)),
        ("evil.example", "join", &b, Err(Fault::Fan)),
        ("tickets.example.evil.example", "join", &b, Err(Fault::Fan)),
        ("", "join", &b, Err(Fault::Fan)),
    ] {
        let body = turnstile(hostname, action, cdata);
        assert_eq!(judged(ProviderKind::Turnstile, 200, &body), expected, "{body}");
    }
    let without_cdata = r#"{"success":true,"hostname":"tickets.example","action":"join"}"#;
    assert_eq!(judged(ProviderKind::Turnstile, 200, without_cdata), Err(Fault::Fan));
}

#[test]
fn a_success_without_a_hostname_is_a_failure() {
    for kind in [ProviderKind::Turnstile, ProviderKind::Hcaptcha, ProviderKind::Recaptcha] {
        let cdata = bond().to_base64url();
        let body = format!(r#"{{"success":true,"action":"join","cdata":"{cdata}","score":0.9}}"#);
        assert_eq!(judged(kind, 200, &body), Err(Fault::Fan), "{kind:?}");
        let body = body.replace("true", r#"true,"hostname":null"#);
        assert_eq!(judged(kind, 200, &body), Err(Fault::Fan), "{kind:?}");
    }
}

#[test]
fn configured_hostnames_replace_the_rooms() {
    let mut config = provider(ProviderKind::Hcaptcha).config().clone();
    config.hostnames = vec!["widget.example".into()];
    let judge = |host: &str| {
        let body = format!(r#"{{"success":true,"hostname":"{host}"}}"#);
        SiteverifyAnswer::read(200, body.as_bytes()).judge(&config, &bond(), &hosts())
    };
    assert_eq!([judge("widget.example"), judge("tickets.example")], [Ok(()), Err(Fault::Fan)]);
}

#[test]
fn a_score_of_recaptcha_is_judged_and_v2_has_none() {
    for (members, expected) in [
        ("", Ok(())),
        (r#","score":0.5,"action":"join""#, Ok(())),
        (r#","score":1,"action":"join""#, Ok(())),
        (r#","score":0.49,"action":"join""#, Err(Fault::Fan)),
        (r#","score":0.9,"action":"login""#, Err(Fault::Fan)),
        (r#","score":0.9"#, Err(Fault::Fan)),
        (r#","action":"login""#, Err(Fault::Fan)),
    ] {
        let body = format!(r#"{{"success":true,"hostname":"tickets.example"{members}}}"#);
        assert_eq!(judged(ProviderKind::Recaptcha, 200, &body), expected, "{body}");
    }
}

#[test]
fn faults_are_ours_theirs_or_the_fans() {
    for (codes, expected) in [
        (r#"["missing-input-secret"]"#, Fault::Ours),
        (r#"["invalid-input-secret"]"#, Fault::Ours),
        (r#"["sitekey-secret-mismatch"]"#, Fault::Ours),
        (r#"["bad-request"]"#, Fault::Ours),
        (r#"["invalid-keys"]"#, Fault::Ours),
        (r#"["invalid-input-response","invalid-input-secret"]"#, Fault::Ours),
        (r#"["internal-error"]"#, Fault::Theirs),
        (r#"["invalid-input-response"]"#, Fault::Fan),
        (r#"["missing-input-response"]"#, Fault::Fan),
        (r#"["timeout-or-duplicate"]"#, Fault::Fan),
        (r#"["expired-input-response"]"#, Fault::Fan),
        (r#"["already-seen-response"]"#, Fault::Fan),
        (r#"["something-new"]"#, Fault::Fan),
        ("[]", Fault::Fan),
    ] {
        let body = format!(r#"{{"success":false,"error-codes":{codes}}}"#);
        assert_eq!(judged(ProviderKind::Turnstile, 200, &body), Err(expected), "{codes}");
    }
    assert_eq!(judged(ProviderKind::Turnstile, 200, r#"{"success":false}"#), Err(Fault::Fan));
}

#[test]
fn anything_but_json_with_200_is_the_providers_fault() {
    let good = turnstile("tickets.example", "join", &bond().to_base64url());
    let spent = r#"{"success":false,"error-codes":["timeout-or-duplicate"]}"#;
    let secret = r#"{"success":false,"error-codes":["invalid-input-secret"]}"#;
    let long = format!("{good}{}", " ".repeat(SITEVERIFY_BYTES_MAX));
    for (status, body, expected) in [
        (500, &good[..], Fault::Theirs),
        (204, &good, Fault::Theirs),
        (302, &good, Fault::Theirs),
        (200, "<html>", Fault::Theirs),
        (200, "", Fault::Theirs),
        (200, r#"{"success":"true"}"#, Fault::Theirs),
        (200, r#"{"hostname":"tickets.example"}"#, Fault::Theirs),
        (200, &long, Fault::Theirs),
        (400, spent, Fault::Theirs),
        (400, secret, Fault::Ours),
        (503, secret, Fault::Theirs),
    ] {
        assert_eq!(judged(ProviderKind::Turnstile, status, body), Err(expected), "{status} {body:.40}");
    }
    let failed = SiteverifyAnswer::Failed.judge(provider(ProviderKind::Hcaptcha).config(), &bond(), &hosts());
    assert_eq!(failed, Err(Fault::Theirs));
}

#[test]
fn the_form_is_that_of_the_contract() {
    let form = |kind: ProviderKind, response: &str| provider(kind).question(response, bond()).map(|ask| ask.form);
    let turnstile = form(ProviderKind::Turnstile, "0.abc").expect("a form");
    assert_eq!(turnstile[0], ("response", "0.abc".to_owned()));
    let (name, uuid) = &turnstile[1];
    let groups: Vec<usize> = uuid.split('-').map(str::len).collect();
    assert_eq!((*name, groups), ("idempotency_key", vec![8, 4, 4, 4, 12]));
    assert_eq!((&uuid[14..15], form(ProviderKind::Turnstile, "0.abc")), ("8", Some(turnstile.clone())), "a retry");
    assert_ne!(form(ProviderKind::Turnstile, "0.abd").expect("a form")[1], turnstile[1]);
    let hcaptcha = form(ProviderKind::Hcaptcha, "P1_x").expect("a form");
    assert_eq!(hcaptcha, [("response", "P1_x".to_owned()), ("sitekey", "site".to_owned())]);
    assert_eq!(form(ProviderKind::Recaptcha, "03A").expect("a form"), [("response", "03A".to_owned())]);
}

#[test]
fn a_response_is_bounded() {
    let asked = |kind, response: &str| provider(kind).question(response, bond()).is_some();
    assert!(asked(ProviderKind::Turnstile, &"x".repeat(2048)));
    assert!(!asked(ProviderKind::Turnstile, &"x".repeat(2049)));
    assert!(asked(ProviderKind::Hcaptcha, &"x".repeat(16_384)));
    assert!(!asked(ProviderKind::Hcaptcha, &"x".repeat(16_385)));
    for wrong in ["", "a b", "a\n", "ä"] {
        assert!(!asked(ProviderKind::Recaptcha, wrong), "{wrong:?}");
    }
}

#[test]
fn the_way_asks_runs_an_errand_and_settles() {
    let (way, draw, hosts) = (provider(ProviderKind::Turnstile), draw(), hosts());
    let scene = Scene { now_ms: NOW_MS, room: "final", draw: &draw, bond: bond(), hosts: &hosts, effort: 2 };
    assert_eq!(
        serde_json::to_string(&way.ask(&scene)).expect("JSON"),
        r#"{"kind":"turnstile","sitekey":"site","action":"join"}"#
    );
    let Judgement::Errand(Errand::Siteverify(question)) = way.judge(&Shown::Challenge("0.abc"), &scene) else {
        panic!("an errand");
    };
    assert_eq!((question.response(), format!("{question:?}")), ("0.abc", "Siteverify(turnstile)".to_owned()));
    assert_eq!(way.judge(&Shown::Code("X"), &scene), Judgement::Refused(Reason::ChallengeFailed));
    assert_eq!(way.judge(&Shown::Challenge(""), &scene), Judgement::Refused(Reason::ChallengeFailed));
    let good = turnstile("tickets.example", "join", &bond().to_base64url());
    let settle =
        |status, body: &str| way.settle(&Answer::Siteverify(SiteverifyAnswer::read(status, body.as_bytes())), &scene);
    assert_eq!(settle(200, &good), Judgement::Shown(Person::checked()));
    assert_eq!(settle(200, r#"{"success":false}"#), Judgement::Refused(Reason::ChallengeFailed));
    assert_eq!(settle(500, &good), Judgement::Refused(Reason::ChallengeUnavailable));
}

#[test]
fn a_remembered_response_is_good_for_its_own_entry_and_for_five_minutes() {
    let other = Bond::of(&nonce(), b"X");
    let mut memory = AnswerMemory::default();
    memory.keep("hcaptcha", "good", &bond(), Ok(()), NOW_MS);
    memory.keep("hcaptcha", "bad", &bond(), Err(Fault::Fan), NOW_MS);
    memory.keep("hcaptcha", "theirs", &bond(), Err(Fault::Theirs), NOW_MS);
    memory.keep("hcaptcha", "ours", &bond(), Err(Fault::Ours), NOW_MS);
    let find = |response: &str, bond: &Bond, ms: u64| memory.find("hcaptcha", response, bond, NOW_MS + ms);
    assert_eq!(find("good", &bond(), ANSWER_MS - 1), Remembered::Good);
    assert_eq!(find("good", &bond(), ANSWER_MS), Remembered::Unknown);
    assert_eq!(find("good", &other, 0), Remembered::Bad, "one answer is no two entries");
    assert_eq!(find("bad", &bond(), 0), Remembered::Bad);
    for unknown in ["theirs", "ours", "else"] {
        assert_eq!(find(unknown, &bond(), 0), Remembered::Unknown, "{unknown}");
    }
    assert_eq!(memory.find("turnstile", "good", &bond(), NOW_MS), Remembered::Unknown);
}

#[test]
fn the_kinds_are_those_of_the_configuration() {
    for kind in [ProviderKind::Turnstile, ProviderKind::Hcaptcha, ProviderKind::Recaptcha] {
        assert_eq!(ProviderKind::of(kind.as_str()), Some(kind));
        assert!(kind.url().ends_with("/siteverify") && kind.csp().iter().any(|(name, _)| *name == "script-src"));
    }
    assert_eq!(ProviderKind::of("recaptcha-enterprise"), None);
}
