use super::*;

fn name(text: &str) -> WayName {
    WayName::new(text).expect("a name")
}

fn oidc(issuer: &str) -> WayKind {
    WayKind::Oidc { issuer: issuer.into() }
}

fn settings() -> EntrySettings {
    let ways = [
        ("work", WayKind::Work),
        ("turnstile", WayKind::Challenge),
        ("private-token", WayKind::PrivateToken),
        ("code", WayKind::Code { entries_max: 1 }),
        ("shop", WayKind::Shop),
        ("club", oidc("https://id.example")),
        ("mail", WayKind::Mail),
    ];
    let ways = ways.map(|(text, kind)| (name(text), kind)).to_vec();
    EntrySettings { ways, ..EntrySettings::default() }
}

fn with(change: impl FnOnce(&mut EntrySettings)) -> Result<EntryPolicy, Vec<(&'static str, String)>> {
    let mut settings = settings();
    change(&mut settings);
    EntryPolicy::new(settings)
        .map_err(|problems| problems.into_iter().map(|problem| (problem.key, problem.message)).collect())
}

fn texts(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[track_caller]
fn refused(key: &str, word: &str, change: impl FnOnce(&mut EntrySettings)) {
    let problems = with(change).expect_err("refused");
    assert!(problems.iter().any(|(own, message)| *own == key && message.contains(word)), "{problems:?}");
}

#[test]
fn nothing_asked_is_a_policy() {
    let policy = EntryPolicy::new(EntrySettings::default()).expect("a policy");
    assert!(policy.asks_nothing() && policy.warnings().is_empty());
    assert_eq!(policy.told(), "Whoever comes may enter.");
    assert_eq!((policy.suspicious_at, policy.moves, policy.binding), (100, 1, Binding::None));
}

#[test]
fn the_descriptors_methods_ascend() {
    let policy = with(|settings| {
        settings.identity = texts(&["shop", "club", "mail", "code"]);
        settings.any_of = texts(&["club", "code", "shop", "mail"]);
    })
    .expect("a policy");
    let methods = policy.methods();
    let methods: Vec<&str> = methods.iter().map(|method| method.as_str()).collect();
    assert_eq!(methods, ["enqueue-token", "invite", "mail", "oidc:https://id.example"]);
    let ways: Vec<&str> = policy.identity().map(WayName::as_str).collect();
    assert_eq!(ways, ["shop", "code", "mail", "club"]);
    assert_eq!(policy.any_of().len(), 4);
    assert_eq!(policy.kind(&name("club")), Some(&oidc("https://id.example")));
}

#[test]
fn it_is_told_in_sentences() {
    let policy = with(|settings| {
        settings.identity = texts(&["club", "code"]);
        settings.any_of = texts(&["club", "code"]);
        settings.all_of = texts(&["work"]);
        settings.claim = texts(&["turnstile", "mail"]);
        settings.suspicious = texts(&["mail"]);
    })
    .expect("a policy");
    let expected = "Whoever enters shows work, and club or code. One identity (code or club) has one entry. Everybody shows \
                    turnstile or mail when called. Whoever has 100 points of suspicion or more shows mail when called.";
    assert_eq!(policy.to_string(), expected);
}

#[test]
fn every_branch_shows_an_identity() {
    refused("any_of", "`work` shows no identity", |settings| {
        settings.identity = texts(&["club"]);
        settings.any_of = texts(&["club", "work"]);
    });
    refused("any_of", "nobody is asked for", |settings| settings.identity = texts(&["club"]));
    refused("any_of", "`shop` shows no identity", |settings| {
        settings.identity = texts(&["club"]);
        settings.any_of = texts(&["shop"]);
    });
    let policy = with(|settings| {
        settings.identity = texts(&["club"]);
        settings.all_of = texts(&["club"]);
        settings.any_of = texts(&["work", "turnstile"]);
    });
    assert!(policy.is_ok(), "{policy:?}");
    let only_to_get_in = with(|settings| settings.any_of = texts(&["shop", "work"]));
    assert!(only_to_get_in.is_ok());
}

#[test]
fn names_are_of_this_room_and_stand_once() {
    refused("any_of", "`workk` is no way of this room; configured are: work, turnstile", |settings| {
        settings.any_of = texts(&["workk"]);
    });
    refused("claim", "configured are: none", |settings| {
        settings.ways.clear();
        settings.claim = texts(&["mail"]);
    });
    refused("all_of", "`work` stands twice", |settings| settings.all_of = texts(&["work", "work"]));
    refused("any_of", "stands for `work`", |settings| settings.any_of = texts(&["wait"]));
    refused("name", "two ways are called `work`", |settings| settings.ways.push((name("work"), WayKind::Challenge)));
    refused("name", "`wait`", |settings| settings.ways.push((name("wait"), WayKind::Mail)));
    refused("ways", "at most 32", |settings| {
        settings.ways = (0..33).map(|n| (name(&format!("way-{n}")), WayKind::Challenge)).collect();
    });
}

#[test]
fn identities_are_of_somebody_and_cannot_be_mixed_up() {
    for check in ["work", "turnstile", "private-token"] {
        refused("identity", "nobody in particular", |settings| settings.identity = texts(&[check]));
    }
    refused("oidc", "second client of one issuer", |settings| {
        settings.ways.push((name("club-2"), oidc("https://id.example")));
    });
    assert!(with(|settings| settings.ways.push((name("club-2"), oidc("https://other.example")))).is_ok());
    refused("oidc", "in ASCII", |settings| settings.ways.push((name("club-2"), oidc("https://ä.example"))));
    refused("identity", "both vouch as `enqueue-token`", |settings| {
        settings.ways.push((name("shop-2"), WayKind::Shop));
        settings.identity = texts(&["shop", "shop-2"]);
        settings.any_of = texts(&["shop", "shop-2"]);
    });
}

#[test]
fn nobody_is_shut_out_by_a_script() {
    for (key, set) in [
        ("suspicious", (|settings, ways| settings.suspicious = ways) as fn(&mut EntrySettings, Vec<String>)),
        ("claim", |settings, ways| settings.claim = ways),
    ] {
        refused(key, "need scripts", |settings| set(settings, texts(&["turnstile", "private-token", "work"])));
        assert!(with(|settings| set(settings, texts(&["turnstile", "mail"]))).is_ok());
    }
}

#[test]
fn numbers_have_bounds() {
    refused("suspicious_at", "ask everybody", |settings| settings.suspicious_at = 0);
    refused("moves", "0 to 8", |settings| settings.moves = 9);
    for entries_max in [0, 9] {
        refused("codes", "1 to 8", |settings| settings.ways.push((name("vip"), WayKind::Code { entries_max })));
    }
}

#[test]
fn all_problems_are_told_at_once() {
    let problems = with(|settings| {
        settings.suspicious_at = 0;
        settings.moves = 9;
        settings.any_of = texts(&["a", "b"]);
    })
    .expect_err("refused");
    assert_eq!(problems.len(), 4, "{problems:?}");
}

#[test]
fn what_an_organizer_may_not_want_is_said() {
    let keys = |policy: &EntryPolicy| policy.warnings().iter().map(|warning| warning.key).collect::<Vec<_>>();
    let several = |binding| {
        with(|settings| {
            settings.ways.push((name("vip"), WayKind::Code { entries_max: 2 }));
            settings.binding = binding;
        })
        .expect("a policy")
    };
    assert_eq!(keys(&several(Binding::None)), ["binding"]);
    assert_eq!(keys(&several(Binding::Key)), ["binding"], "a browser without scripts has no key");
    let signed_in = with(|settings| {
        settings.binding = Binding::Key;
        (settings.identity, settings.any_of) = (texts(&["mail"]), texts(&["mail"]));
    });
    assert!(keys(&signed_in.expect("a policy")).is_empty());
    let work = with(|settings| settings.any_of = texts(&["work"])).expect("a policy");
    assert_eq!(keys(&work), ["identity"]);
    let asked = with(|settings| {
        settings.any_of = texts(&["work"]);
        settings.suspicious = texts(&["mail"]);
    });
    assert!(keys(&asked.expect("a policy")).is_empty());
}
