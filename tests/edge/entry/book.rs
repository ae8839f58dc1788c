//! What a draw's edges remember of entries: references that are looked up and overruled, counts that survive a restart, and
//! numbers that are published.

use std::thread::sleep;
use std::time::{Duration, Instant};

use fairgate_testkit::fan::{Answer, Fan};
use fairgate_token::KeySet;
use serde_json::{Value, json};

use super::double::Double;
use super::{ENV_CHALLENGE, asking, assert_entered, assert_refused, code, join, nonce, spelled};
use crate::world::{ADMIN_TOKEN, Setup, World};

const CODE: &str = "[room.entry]\nany_of = [\"code\"]\n[[room.entry.codes]]\ncampaign = \"spring\"";
const ONE_EACH: &str =
    "[room.entry]\nidentity = [\"code\"]\nany_of = [\"code\"]\n[[room.entry.codes]]\ncampaign = \"spring\"";
const BUSY: &str = "[room.entry]\nsuspicious = [\"turnstile\", \"mail\"]\nsuspicious_at = 40\n\
                    [room.entry.work]\neffort = 1\neffort_max = 16\nfree = 1\n\
                    [room.entry.mail]\nsmtp = \"smtp://127.0.0.1:1\"\nfrom = \"tickets@example.com\"\n\
                    [[room.entry.provider]]\nkind = \"turnstile\"\n\
                    sitekey = \"1x00000000000000000000AA\"\nsecret_env = \"TURNSTILE_SECRET\"\n\
                    hostnames = [\"tickets.example\"]\nurl = \"http://{double}/siteverify\"";

/// Longer than a telling, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

fn admin(world: &World, method: &str, path: &str, body: &Value) -> Answer {
    let token = format!("Bearer {ADMIN_TOKEN}");
    let headers = [("Authorization", &*token), ("Content-Type", "application/json")];
    let body = if body.is_null() { String::new() } else { body.to_string() };
    Fan::new(world.admin_address).send(method, &format!("/api/v1/rooms/final/entry{path}"), &headers, &body)
}

/// Asks until the answer is good: what came is told once a second.
fn admin_in_time(world: &World, method: &str, path: &str, body: &Value) -> Value {
    let begun = Instant::now();
    loop {
        let answer = admin(world, method, path, body);
        if answer.status == 200 {
            return answer.json();
        }
        assert!(begun.elapsed() < PATIENCE, "{path}: {}\n{}", answer.text(), world.log());
        sleep(Duration::from_millis(100));
    }
}

fn headers(address: &str) -> [(&str, &str); 2] {
    [("Content-Type", "application/json"), ("X-Forwarded-For", address)]
}

fn until<T>(what: &str, mut found: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = found() {
            return found;
        }
        assert!(begun.elapsed() < PATIENCE, "never {what}");
        sleep(Duration::from_millis(100));
    }
}

pub(super) fn overrule(world: &World, reference: &str, verdict: &str) -> Value {
    let body = json!({ "references": [reference], "verdict": verdict, "because": "she wrote to us" });
    admin_in_time(world, "POST", "/overrules", &body)
}

#[test]
fn a_refused_fan_is_found_by_the_number_and_passes_at_the_next_try_once_somebody_says_so() {
    let mut world = World::start(asking(CODE));
    let show = json!({ "code": code(30).printed() });
    let refused = assert_refused(&join(&mut world.fan(), 1, &show), 403, "code-unknown");
    let reference = refused["reference"].as_str().unwrap().to_owned();
    let found = admin_in_time(&world, "GET", &format!("/refusals/{reference}"), &Value::Null);
    assert_eq!((&found["reason"], &found["way"]), (&json!("code-unknown"), &json!("code")));
    assert_eq!((&found["tier"], &found["decided"]), (&Value::Null, &Value::Null));
    assert!(found["at_ms"].as_u64().unwrap() > 1_700_000_000_000, "{found}");

    // It is there after a crash of the edge, too.
    world.kill();
    world.start_edge();
    assert_eq!(admin_in_time(&world, "GET", &format!("/refusals/{reference}"), &Value::Null)["reason"], "code-unknown");
    let decided = overrule(&world, &reference, "let_in");
    assert_eq!(decided["decided"][0]["effect"], "the same entry passes with this code at its next try");
    until("let in", || Some(join(&mut world.fan(), 1, &show)).filter(|answer| answer.status == 200));
    // It was about this entry with this code, and about nothing else.
    assert_refused(&join(&mut world.fan(), 2, &show), 403, "code-unknown");
    assert_refused(&join(&mut world.fan(), 1, &json!({ "code": code(31).printed() })), 403, "code-unknown");
    world.wait_until("one entry", |status| status["pool_size"] == 1);
    assert_eq!(overrule(&world, &reference, "let_in")["unchanged"], json!([reference]));

    let forgotten = admin(&world, "POST", "/forget", &Value::Null);
    assert_eq!(forgotten.json(), json!({ "forgotten": true }));
    let gone = admin(&world, "GET", &format!("/refusals/{reference}"), &Value::Null);
    assert_eq!((gone.status, gone.problem()), (404, "no-refusal".to_owned()));
    let audit = {
        let token = format!("Bearer {ADMIN_TOKEN}");
        Fan::new(world.admin_address).send("GET", "/api/v1/rooms/final/audit", &[("Authorization", &*token)], "").text()
    };
    for what in ["read_refusal", "overrule", "she wrote to us", "entry_forgotten"] {
        assert!(audit.contains(what), "{what}: {audit}");
    }
}

#[test]
fn where_codes_are_the_identity_an_overruled_code_has_one_entry() {
    let world = World::start(asking(ONE_EACH));
    let show = json!({ "code": code(30).printed() });
    let refused = assert_refused(&join(&mut world.fan(), 1, &show), 403, "code-unknown");
    overrule(&world, refused["reference"].as_str().unwrap(), "let_in");
    let first = until("let in", || Some(join(&mut world.fan(), 1, &show)).filter(|answer| answer.status == 200)).json();
    let again = assert_entered(&join(&mut world.fan(), 1, &show));
    assert_eq!((&first["index"], &again["again"]), (&again["index"], &json!(true)));
    world.wait_until("one entry", |status| status["pool_size"] == 1);
}

#[test]
fn who_came_how_is_told_and_published_with_the_draw() {
    let world = World::start(asking(CODE));
    for byte in 1..=3 {
        assert_entered(&join(&mut world.fan(), byte, &json!({ "code": code(byte).printed() })));
    }
    for _ in 0..4 {
        assert_refused(&join(&mut world.fan(), 9, &json!({ "code": code(30).printed() })), 403, "code-unknown");
    }
    let entry = until("told", || {
        Some(admin_in_time(&world, "GET", "", &Value::Null))
            .filter(|entry| entry["entries"] == 3 && entry["refused"] != json!([]))
    });
    assert_eq!(entry["by_way"], json!([{ "name": "code", "count": 3 }]));
    assert_eq!(entry["refused"], json!([{ "name": "code-unknown", "count": 1 }]), "a retry is no other refusal");
    assert_eq!((&entry["asked"], &entry["overruled"], &entry["references"]), (&json!(0), &json!(0), &json!(1)));
    let minutes = entry["minutes"].as_array().unwrap();
    let entered: u64 =
        minutes.iter().filter(|minute| minute["way"] == "").map(|minute| minute["count"].as_u64().unwrap()).sum();
    assert_eq!(entered, 3, "{minutes:?}");
    let published = world.wait_until("published", |status| status["draw"]["entry"]["entries"] == 3);
    let draw = &published["draw"]["entry"];
    assert_eq!((&draw["by_way"], &draw["no_show_owing"]), (&json!({ "code": 3 }), &json!(0)));
    let signed = world.fan().get("/.fairgate/final/draw/entry").json();
    let of_draw = &published["draw"]["descriptor_digest"];
    assert_eq!((&signed["entry"], &signed["descriptor_digest"]), (draw, of_draw));
    let jwks = world.fan().get("/.fairgate/jwks.json").text();
    let keys = KeySet::from_jwks(&jwks, "").unwrap();
    assert!(keys.verify_counts(signed.clone()).is_ok());
    let mut nicer = signed;
    nicer["entry"]["refused"] = json!({});
    assert!(keys.verify_counts(nicer).is_err());
}

#[test]
fn a_network_that_entered_often_is_known_after_a_crash_asked_at_the_claim_and_may_be_overruled() {
    let double = Double::start();
    let setup = Setup { starts_in_ms: -60_000, edge: "trusted_proxies = [\"127.0.0.1/32\"]", ..asking(BUSY) };
    let mut world = World::start(Setup { env: ENV_CHALLENGE, double: Some(double.address), ..setup });
    let enter = |world: &World, address: &str, n: u8| {
        let mut fan = world.fan();
        let body = json!({ "nonce": spelled(&nonce(n)) }).to_string();
        (assert_entered(&fan.send("POST", "/.fairgate/final/join", &headers(address), &body)), fan)
    };
    let claim = |fan: &mut Fan| {
        for _ in 0..400 {
            let answer = fan.send("POST", "/.fairgate/final/claim", &headers("203.0.113.9"), "{}");
            if answer.status != 202 {
                return answer;
            }
            sleep(Duration::from_millis(50));
        }
        panic!("never called");
    };
    // A crowd of sixty, and one network that enters far more often than they.
    (100..160).for_each(|n| drop(enter(&world, &format!("198.51.100.{n}"), n)));
    let (first, mut early) = enter(&world, "203.0.113.9", 0);
    assert!(first.get("owes").is_none(), "{first}");
    (1..40).for_each(|n| drop(enter(&world, "203.0.113.9", n)));
    until("told", || Some(admin_in_time(&world, "GET", "", &Value::Null)).filter(|entry| entry["entries"] == 100));
    world.kill();
    world.start_edge();
    // Somebody may come before the edge has looked.
    drop(enter(&world, "198.51.100.200", 200));
    world.wait_until("known again", |status| status["draw"]["entry"]["entries"].as_u64() >= Some(100));
    // The edge has seen none of these entries, and asks at the first claim all the same.
    let owed = until("asked", || Some(claim(&mut early)).filter(|answer| answer.status == 403));
    let owed = assert_refused(&owed, 403, "owes");
    assert_eq!((&owed["ways"], &owed["reasons"]), (&json!(["turnstile", "mail"]), &json!(["address"])));
    let (late, mut other) = enter(&world, "203.0.113.9", 40);
    assert_eq!(late["owes"], json!(["turnstile", "mail"]), "who comes now is told at once");
    let reference = owed["reference"].as_str().unwrap();
    let found = admin_in_time(&world, "GET", &format!("/refusals/{reference}"), &Value::Null);
    assert_eq!((&found["reason"], &found["signals"][0]["signal"]), (&json!("owes"), &json!("address")));
    assert!(found["signals"][0]["points"].as_u64().unwrap() >= 40, "{found}");

    assert_eq!(
        overrule(&world, reference, "let_in")["decided"][0]["effect"],
        "the place is asked nothing when it is called"
    );
    until("let in", || Some(claim(&mut early)).filter(|answer| answer.status == 200));
    let owed = assert_refused(&claim(&mut other), 403, "owes");
    overrule(&world, owed["reference"].as_str().unwrap(), "refuse");
    let refused = until("refused", || Some(claim(&mut other)).filter(|answer| answer.problem() == "overruled"));
    assert!(refused.json()["reference"].as_str().unwrap().starts_with("FG-"));
    assert!(other.cookies.keys().any(|name| name.contains("ticket")), "the ticket stays");
    let entry = until("counted", || {
        Some(admin_in_time(&world, "GET", "", &Value::Null)).filter(|entry| entry["overruled"] == 2)
    });
    assert_eq!((&entry["asked"], &entry["shown"], &entry["no_show_owing"]), (&json!(2), &json!(0), &json!(1)));
    let metrics = Fan::new(world.admin_address).get("/metrics").text();
    assert!(metrics.contains("fairgate_entry_overruled_total 2"), "{metrics}");
    assert!(metrics.contains("fairgate_entry_suspicious_total{signal=\"address\"}"));
    assert!(metrics.contains("fairgate_entry_owed_total{outcome=\"asked\"}"));
}

#[test]
fn a_code_from_many_networks_is_told_to_the_organizer() {
    let world = World::start(Setup { edge: "trusted_proxies = [\"127.0.0.1/32\"]", ..asking(ONE_EACH) });
    let show = json!({ "code": code(3).printed() });
    for n in 1..=6u8 {
        let body = json!({ "nonce": spelled(&nonce(n)), "show": show }).to_string();
        let address = format!("198.51.100.{n}");
        let fields = [("Content-Type", "application/json"), ("X-Forwarded-For", &*address)];
        assert_entered(&world.fan().send("POST", "/.fairgate/final/join", &fields, &body));
    }
    let shared = admin_in_time(&world, "GET", "/shared", &Value::Null);
    assert_eq!((&shared["shared"][0]["times"], &shared["shared"][0]["networks"]), (&json!(5), &json!(4)), "{shared}");
    let list = world.dir().join("codes.csv");
    std::fs::write(&list, format!("code\n{}\n{}\n", code(2).printed(), code(3).printed())).unwrap();
    let told = std::process::Command::new(env!("CARGO_BIN_EXE_fairgate"))
        .args(["codes", "show", "--shared", "final", "--list"])
        .arg(&list)
        .args(["--admin", &format!("http://{}", world.admin_address)])
        .env("FAIRGATE_ADMIN_TOKEN", ADMIN_TOKEN)
        .env("FAIRGATE_IDENTITY_KEY", super::IDENTITY)
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&told.stdout).into_owned();
    assert_eq!(told, format!("{}: came again 5 times, from more than 3 networks\n", code(3).printed()));
}

const FEW_DEVICES: &str = "[room.entry]\nidentity = [\"code\"]\nany_of = [\"code\"]\nsuspicious = [\"mail\"]\nsuspicious_at = 60\n\
                           [[room.entry.codes]]\ncampaign = \"spring\"\n\
                           [room.entry.mail]\nsmtp = \"smtp://127.0.0.1:1\"\nfrom = \"tickets@example.com\"";

#[test]
fn the_fourth_device_of_an_identity_is_asked_at_the_claim() {
    let world = World::start(asking(FEW_DEVICES));
    let show = json!({ "code": code(3).printed() });
    let mut fan = world.fan();
    assert!(assert_entered(&join(&mut fan, 1, &show)).get("owes").is_none());
    // A reload is no other device, and neither is a retry whose answer was lost.
    for _ in 0..5 {
        assert_entered(&join(&mut fan, 1, &show));
        assert!(assert_entered(&join(&mut world.fan(), 1, &show)).get("owes").is_none());
    }
    for device in 2..=3 {
        assert!(assert_entered(&join(&mut world.fan(), device, &show)).get("owes").is_none(), "device {device}");
    }
    assert_eq!(assert_entered(&join(&mut world.fan(), 4, &show))["owes"], json!(["mail"]));
    let other = json!({ "code": code(4).printed() });
    assert!(assert_entered(&join(&mut world.fan(), 5, &other)).get("owes").is_none());
}

const CHALLENGE: &str = "[room.entry]\nall_of = [\"turnstile\"]\n[[room.entry.provider]]\nkind = \"turnstile\"\n\
                         sitekey = \"1x00000000000000000000AA\"\nsecret_env = \"TURNSTILE_SECRET\"\n\
                         hostnames = [\"tickets.example\"]\nurl = \"http://{double}/siteverify\"";
const WORK: &str = "[room.entry]\nall_of = [\"work\"]\n[room.entry.work]\neffort = 1";

#[test]
fn who_failed_a_challenge_passes_it_at_the_next_try_once_somebody_says_so() {
    let double = Double::start();
    let world = World::start(Setup { env: ENV_CHALLENGE, double: Some(double.address), ..asking(CHALLENGE) });
    let own = super::bond(1, "").to_base64url();
    let mut fan = world.fan();
    let solve = |fan: &mut Fan, bond: &str| {
        fan.call("entry/provider/turnstile", &json!({ "response": "spent", "bond": bond }).to_string())
    };
    let refused = assert_refused(&solve(&mut fan, &own), 403, "challenge-failed");
    let decided = overrule(&world, refused["reference"].as_str().unwrap(), "let_in");
    assert_eq!(decided["decided"][0]["effect"], "the same entry passes this way at its next try");
    until("let in", || Some(solve(&mut fan, &own)).filter(|answer| answer.status == 200));
    assert_entered(&join(&mut fan, 1, &json!({})));
    assert_refused(&solve(&mut world.fan(), &super::bond(2, "").to_base64url()), 403, "challenge-failed");
    assert_refused(&join(&mut world.fan(), 2, &json!({})), 428, "entry-required");
}

#[test]
fn whose_work_was_wrong_enters_without_once_somebody_says_so_and_not_after_another_word() {
    let world = World::start(asking(WORK));
    let epoch = world.status()["entry"]["ways"]["work"]["e"].clone();
    // A spelling of a solution, which solves nothing.
    let show = json!({ "work": { "e": epoch, "s": "A".repeat(54) } });
    let wrong = |byte: u8| join(&mut world.fan(), byte, &show);
    let refused = [1, 2].map(|byte| assert_refused(&wrong(byte), 403, "work-wrong")["reference"].clone());
    let references: Vec<&str> = refused.iter().map(|reference| reference.as_str().unwrap()).collect();
    overrule(&world, references[0], "let_in");
    overrule(&world, references[1], "let_in");
    overrule(&world, references[1], "refuse");
    until("let in", || Some(join(&mut world.fan(), 1, &json!({}))).filter(|answer| answer.status == 200));
    assert_refused(&wrong(2), 403, "work-wrong");
    world.wait_until("one entry", |status| status["pool_size"] == 1);
}
