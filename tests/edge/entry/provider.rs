//! Rooms that ask a provider's challenge, against the provider's double.

use std::thread;

use fairgate_testkit::fan::{Answer, Fan};
use serde_json::{Value, json};

use super::double::{Double, SECRET};
use super::{ENV_CHALLENGE, asking, assert_entered, assert_refused, bond, join};
use crate::world::{Setup, World};

const CHALLENGE: &str = "[room.entry]\nall_of = [\"turnstile\"]\n[[room.entry.provider]]\nkind = \"turnstile\"\n\
                         sitekey = \"1x00000000000000000000AA\"\nsecret_env = \"TURNSTILE_SECRET\"\n\
                         hostnames = [\"tickets.example\"]\nurl = \"http://{double}/siteverify\"";
const REFUSE: &str = "[room.entry]\nall_of = [\"turnstile\"]\n[[room.entry.provider]]\nkind = \"turnstile\"\n\
                      sitekey = \"1x00000000000000000000AA\"\nsecret_env = \"TURNSTILE_SECRET\"\non_failure = \"refuse\"\n\
                      hostnames = [\"tickets.example\"]\nurl = \"http://{double}/siteverify\"";
const SUSPICIOUS: &str = "[room.entry]\nclaim = [\"turnstile\", \"mail\"]\n[room.entry.mail]\n\
                          smtp = \"smtp://127.0.0.1:1\"\nfrom = \"tickets@example.com\"\n[[room.entry.provider]]\nkind = \"turnstile\"\n\
                          sitekey = \"1x00000000000000000000AA\"\nsecret_env = \"TURNSTILE_SECRET\"\n\
                          hostnames = [\"tickets.example\"]\nurl = \"http://{double}/siteverify\"";

fn world(entry: &'static str) -> (World, Double) {
    let double = Double::start();
    (World::start(Setup { env: ENV_CHALLENGE, double: Some(double.address), ..asking(entry) }), double)
}

fn show(fan: &mut Fan, response: &str, bond: &str) -> Answer {
    fan.call("entry/provider/turnstile", &json!({ "response": response, "bond": bond }).to_string())
}

fn own(byte: u8) -> String {
    bond(byte, "").to_base64url()
}

fn good(bond: &str) -> String {
    format!("pass:tickets.example:join:{bond}")
}

#[test]
fn a_solved_challenge_lets_its_entry_in_and_no_other() {
    let (world, double) = world(CHALLENGE);
    let asked = world.status()["entry"]["ways"]["turnstile"].clone();
    assert_eq!(asked, json!({"kind": "turnstile", "sitekey": "1x00000000000000000000AA", "action": "join"}));
    let mut fan = world.fan();
    assert_refused(&join(&mut fan, 1, &json!({})), 428, "entry-required");
    let given = show(&mut fan, &good(&own(1)), &own(1));
    assert_eq!(given.status, 200, "{}", given.text());
    assert!(given.json()["voucher_until_ms"].is_u64());
    let form = double.last();
    assert!(form.contains(&format!("secret={SECRET}")) && form.contains("idempotency_key="), "{form}");
    assert!(!form.contains("remoteip"), "the fan's address stays here");
    let mut thief = Fan { cookies: fan.cookies.clone(), ..world.fan() };
    assert_refused(&join(&mut thief, 2, &json!({})), 428, "entry-required");
    assert_entered(&join(&mut fan, 1, &json!({})));
    assert!(!world.log().contains(SECRET));
}

#[test]
fn what_is_not_good_is_refused_and_a_flood_of_it_costs_one_call() {
    let (world, double) = world(CHALLENGE);
    let wrong = [
        "spent".to_owned(),
        "nonsense".to_owned(),
        format!("pass:elsewhere.example:join:{}", own(1)),
        format!("pass:tickets.example:buy:{}", own(1)),
        good(&own(2)),
    ];
    for response in &wrong {
        let refused = assert_refused(&show(&mut world.fan(), response, &own(1)), 403, "challenge-failed");
        assert_eq!((&refused["way"], &refused["reason"]), (&json!("turnstile"), &json!("challenge-failed")));
    }
    let calls = double.calls();
    for _ in 0..20 {
        assert_refused(&show(&mut world.fan(), "spent", &own(1)), 403, "challenge-failed");
    }
    assert_eq!(double.calls(), calls);
    // What was good for one entry is asked about once, and is good for no other.
    let response = good(&own(3));
    assert_eq!(show(&mut world.fan(), &response, &own(3)).status, 200);
    assert_eq!(show(&mut world.fan(), &response, &own(3)).status, 200);
    assert_refused(&show(&mut world.fan(), &response, &own(4)), 403, "challenge-failed");
    assert_eq!(double.calls(), calls + 1);
}

#[test]
fn while_the_provider_is_away_fans_join_and_are_asked_at_the_claim() {
    let (world, double) = world(CHALLENGE);
    double.set_down(true);
    let mut fan = world.fan();
    let answer = show(&mut fan, &good(&own(1)), &own(1));
    assert_eq!((answer.status, answer.json()), (200, json!({"voucher_until_ms": null, "later": true})));
    let ticket = assert_entered(&join(&mut fan, 1, &json!({})));
    let claims = ticket["ticket"].as_str().unwrap().split('.').nth(1).unwrap().to_owned();
    let claims = base64::Engine::decode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, claims).unwrap();
    let claims: Value = serde_json::from_slice(&claims).unwrap();
    assert_eq!(claims["later"], json!(["turnstile"]));
    double.set_down(false);
    assert_eq!(show(&mut world.fan(), &good(&own(2)), &own(2)).status, 200);
    assert_refused(&join(&mut world.fan(), 3, &json!({})), 428, "entry-required");
}

#[test]
fn where_nobody_goes_on_without_it_they_are_told_to_come_back() {
    let (world, double) = world(REFUSE);
    for response in ["500", "html", "misconfigured"] {
        let answer = show(&mut world.fan(), response, &own(1));
        assert_refused(&answer, 503, "challenge-unavailable");
        assert!(answer.header("retry-after").is_some());
    }
    assert!(world.log().contains("entry.provider.misconfigured"));
    let calls = double.calls();
    for _ in 0..10 {
        assert_refused(&show(&mut world.fan(), "500", &own(1)), 503, "challenge-unavailable");
    }
    assert!(double.calls() <= calls + 10, "after ten failures in a row nobody is asked");
    assert_refused(&join(&mut world.fan(), 1, &json!({})), 428, "entry-required");
}

#[test]
fn a_slow_provider_holds_no_more_than_its_bound() {
    let (world, double) = world(REFUSE);
    let statuses: Vec<u16> = thread::scope(|scope| {
        let world = &world;
        let ask = |n: u8| scope.spawn(move || show(&mut world.fan(), "slow", &own(n)).status);
        let asked: Vec<_> = (0..80).map(ask).collect();
        asked.into_iter().map(|asked| asked.join().unwrap()).collect()
    });
    assert!(statuses.iter().all(|status| *status == 503), "{statuses:?}");
    assert!(double.calls() <= 80, "{}: two tries, and no more than 64 at once", double.calls());
}

#[test]
fn what_is_owed_at_the_claim_is_settled_by_a_challenge_for_the_place() {
    let (world, _double) = world_that_serves();
    let mut fan = world.fan();
    assert_entered(&join(&mut fan, 1, &json!({})));
    let owed = assert_refused(&claim(&mut fan), 403, "owes");
    assert_eq!((&owed["ways"], &owed["until_ms"]), (&json!(["turnstile", "mail"]), &Value::Null));
    assert!(owed["reference"].as_str().unwrap().starts_with("FG-"));
    assert!(fan.cookies.keys().any(|name| name.contains("ticket")), "the ticket stays");
    let bond = owed["bond"].as_str().unwrap();
    // A check for the join is none for the claim.
    assert_eq!(show(&mut fan, &good(&own(1)), &own(1)).status, 200);
    assert_refused(&claim(&mut fan), 403, "owes");
    let mut other = world.fan();
    assert_entered(&join(&mut other, 2, &json!({})));
    assert_eq!(show(&mut fan, &good(bond), bond).status, 200);
    let voucher = fan.cookies.iter().find(|(name, _)| name.contains("-me-")).unwrap();
    other.cookies.insert(voucher.0.clone(), voucher.1.clone());
    assert_eq!(claim(&mut fan).status, 200);
    assert_refused(&claim(&mut other), 403, "owes");
}

/// Claims until the place is called.
fn claim(fan: &mut Fan) -> Answer {
    for _ in 0..400 {
        let answer = fan.call("claim", "{}");
        if answer.status != 202 {
            return answer;
        }
        thread::sleep(std::time::Duration::from_millis(50));
    }
    panic!("never called");
}

fn world_that_serves() -> (World, Double) {
    let double = Double::start();
    let setup = Setup { starts_in_ms: -60_000, ..asking(SUSPICIOUS) };
    (World::start(Setup { env: ENV_CHALLENGE, double: Some(double.address), ..setup }), double)
}
