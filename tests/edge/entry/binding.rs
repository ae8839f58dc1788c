//! Rooms that bind tickets and passes to a key: what a copy is worth, and what a lost key costs.

use fairgate_core::room::LINE;
use fairgate_entry::binding::{Keepsake, token_hash};
use fairgate_testkit::Nginx;
use fairgate_testkit::fan::{Answer, Fan, HTML};
use fairgate_token::{Bound, KeyRing, Pass};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::book::overrule;
use super::device::{Device, claims_of, proof_nonce, send};
use super::mail::{Sink, sign_in};
use super::{ENV, assert_entered, assert_refused, nonce};
use crate::sessions::{echoes, upgrade};
use crate::world::{Setup, World, now_ms};

const BOUND: &str = "[room.entry]\nbinding = \"key\"";
const TICKET: &str = "fairgate-ticket-final";
const PASS: &str = "fairgate-pass-final";
const CHALLENGE: &str = "DPoP error=\"use_dpop_nonce\", algs=\"ES256\"";

fn bound(entry: &'static str) -> Setup {
    Setup { entry, env: ENV, ..Setup::default() }
}

/// Waits until whoever has joined is called.
fn called(world: &World, joined: &Answer) -> Value {
    let joined = assert_entered(joined);
    let place = joined["place"].as_u64().unwrap();
    world.wait_until("the fan is called", |status| status["serving"].as_u64() > Some(place));
    joined
}

/// A fan of the room, called, with the key that the ticket names, and the ticket.
fn joined(world: &World, byte: u8) -> (Fan, Device, String) {
    let (mut fan, device) = (world.fan(), Device::new());
    let joined = called(world, &device.join(&mut fan, byte));
    let ticket = joined["ticket"].as_str().unwrap().to_owned();
    assert_eq!(claims_of(&ticket)["cnf"]["jkt"], device.jkt());
    (fan, device, ticket)
}

/// Claims until let in.
fn let_in(mut claim: impl FnMut() -> Answer) -> Value {
    for _ in 0..200 {
        let answer = claim();
        if answer.status != 202 {
            return assert_entered(&answer);
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    panic!("never let in");
}

/// The same session's pass whose key has to be proved, as an edge signed it before.
fn unproved(world: &World, pass: &str) -> String {
    proved_until(world, pass, -2_000)
}

/// The same session's pass as it is when its key has to be proved in so many ms.
fn proved_until(world: &World, pass: &str, in_ms: i64) -> String {
    let ring = KeyRing::load(&world.dir().join("keys"), "fairgate").unwrap();
    let pass = ring.public().verify_past_pass(pass, "final").unwrap();
    let (end_ms, bound) = (u64::try_from(now_ms() + in_ms).unwrap(), *pass.bound.clone().unwrap());
    let other = Pass::new("final", pass.draw, pass.place, end_ms - 60_000, end_ms, pass.hard_end_at_ms);
    ring.sign_pass(&other.bound_to(Bound { prove_by_ms: end_ms, ..bound }))
}

#[test]
fn who_has_the_key_is_let_in_and_a_copied_ticket_claims_nothing_and_gives_nothing_up() {
    let world = World::start(bound(BOUND));
    let (mut fan, device, ticket) = joined(&world, 1);
    assert_eq!(world.status()["entry"]["binding"], "key");
    let mut thief = Fan { cookies: fan.cookies.clone(), ..world.fan() };
    let refused = thief.call("claim", "{}");
    let told = assert_refused(&refused, 403, "prove-otherwise");
    assert!(told["reference"].as_str().unwrap().starts_with("FG-") && told["ways"] == json!([]), "{told}");
    assert!(refused.header("dpop-nonce").is_some() && refused.all("set-cookie").is_empty(), "nothing is cleared");
    let other = Device::new();
    let stolen = other.call(&mut thief, "claim", &ticket, "{}");
    assert_eq!(
        assert_refused(&stolen, 401, "proof-wrong")["reason"].as_str().map(|why| why.contains("cnf.jkt")),
        Some(true)
    );
    assert_eq!(stolen.header("www-authenticate"), Some("DPoP error=\"invalid_dpop_proof\", algs=\"ES256\""));
    assert_eq!(assert_refused(&thief.call("leave", "{}"), 401, "use-proof-nonce").get("ath"), None);
    assert_refused(&other.call(&mut thief, "leave", &ticket, "{}"), 401, "proof-wrong");
    let admitted = let_in(|| device.call(&mut fan, "claim", &ticket, "{}"));
    let pass = claims_of(admitted["pass"].as_str().unwrap());
    assert_eq!((&pass["cnf"]["jkt"], pass["of"][0].as_u64()), (&json!(device.jkt()), Some(LINE.into())));
    assert!(pass["exp"].as_u64() <= pass["prove_by"].as_u64() && pass["prove_by"].as_u64().is_some(), "{pass}");
    assert_eq!(fan.visit("/seats").status, 200);
    assert!(thief.cookies.contains_key(TICKET) && thief.visit("/seats").status == 200, "the waiting page");
    assert!(!thief.cookies.contains_key(PASS));
    assert_eq!(device.call(&mut fan, "leave", &ticket, "{}").status, 204);
}

#[test]
fn a_proof_is_for_one_call_one_token_and_two_minutes() {
    let world = World::start(bound(BOUND));
    let (mut fan, device, ticket) = joined(&world, 1);
    let origin = format!("http://{}", fan.address);
    let good = Device::claims(&origin, "claim", &proof_nonce(&mut fan), &ticket);
    let changed = |name: &str, value: Value| {
        let mut claims = good.clone();
        claims[name] = value;
        device.proof(&claims)
    };
    for (name, value, kind) in [
        ("nonce", json!("AcDBmqa1wArxtx8jATbY_w"), "use-proof-nonce"),
        ("nonce", json!(null), "use-proof-nonce"),
        ("htm", json!("GET"), "proof-wrong"),
        ("htu", json!(format!("{origin}/.fairgate/final/leave")), "proof-wrong"),
        ("htu", json!(format!("https://{}/.fairgate/final/claim", fan.address)), "proof-wrong"),
        ("htu", json!("http://other.example/.fairgate/final/claim"), "proof-wrong"),
        ("ath", json!(token_hash("another")), "proof-wrong"),
    ] {
        let answer = send(&mut fan, "claim", &changed(name, value.clone()), "{}");
        assert_refused(&answer, 401, kind);
        assert!(answer.header("dpop-nonce").is_some() && answer.all("set-cookie").is_empty(), "{name} {value}");
        assert_eq!(answer.header("www-authenticate") == Some(CHALLENGE), kind == "use-proof-nonce");
    }
    let twice = [("DPoP", device.proof(&good)), ("DPoP", device.proof(&good))];
    let twice = twice.each_ref().map(|(name, proof)| (*name, proof.as_str()));
    assert_refused(&fan.send("POST", "/.fairgate/final/claim", &twice, ""), 401, "proof-wrong");
    assert_refused(&send(&mut fan, "claim", &"x".repeat(1_025), "{}"), 401, "proof-wrong");
    // The nonce of an answer is as good as the status's.
    let nonce = fan.call("leave", "{}").header("dpop-nonce").unwrap().to_owned();
    let proof = device.proof(&Device::claims(&origin, "claim", &nonce, &ticket));
    let_in(|| send(&mut fan, "claim", &proof, "{}"));
}

#[test]
fn the_nonce_is_public_and_a_room_without_keys_has_none() {
    let world = World::start(bound(BOUND));
    let status = world.fan().get("/.fairgate/final/status");
    assert_eq!(status.json()["proof_nonce"].as_str().map(str::len), Some(22));
    let plain = World::start(Setup::default());
    let mut fan = plain.fan();
    assert!(plain.status().get("proof_nonce").is_none());
    fan.enter(1);
    assert!(claims_of(&fan.cookies[PASS]).get("prove_by").is_none());
    let claimed = fan.call("claim", "{}");
    assert!(claimed.status == 200 && claimed.header("dpop-nonce").is_none());
    assert_refused(&fan.call("renew", "{}"), 404, "not-asked");
}

#[test]
fn a_proof_names_the_address_that_the_browser_has_behind_a_proxy_too() {
    let world = World::start(Setup { edge: "trusted_proxies = [\"127.0.0.0/8\"]", ..bound(BOUND) });
    let edge = world.address;
    let fields = "proxy_set_header Host tickets.example; proxy_set_header X-Forwarded-Proto https;";
    let nginx = Nginx::start(&format!("location / {{ {fields} proxy_pass http://{edge}; }}")).unwrap();
    let (mut fan, device) = (Fan::new(nginx.address()), Device::new());
    let ticket = called(&world, &device.join(&mut fan, 1))["ticket"].as_str().unwrap().to_owned();
    let nonce = proof_nonce(&mut fan);
    let of = |origin: &str| device.proof(&Device::claims(origin, "claim", &nonce, &ticket));
    assert_refused(&send(&mut fan, "claim", &of("http://tickets.example"), "{}"), 401, "proof-wrong");
    assert_refused(&send(&mut fan, "claim", &of(&format!("https://{edge}")), "{}"), 401, "proof-wrong");
    let_in(|| send(&mut fan, "claim", &of("https://tickets.example"), "{}"));
}

#[test]
fn a_pass_that_nobody_proves_opens_nothing_and_the_keys_browser_goes_on() {
    let world = World::start(bound(BOUND));
    let (mut fan, device, ticket) = joined(&world, 1);
    let admitted = let_in(|| device.call(&mut fan, "claim", &ticket, "{}"));
    let old = unproved(&world, admitted["pass"].as_str().unwrap());
    fan.cookies.insert(PASS.to_owned(), old.clone());
    let page = fan.visit("/seats?row=1");
    assert_eq!(page.status, 401, "{}", page.text());
    assert!(
        page.text().contains("<script src=\"/.fairgate/final/keep.js\" data-then=\"load\" async>"),
        "{}",
        page.text()
    );
    assert!(page.text().contains("href=\"/seats?row=1\"") && page.body.len() < 1_536);
    assert_refused(&fan.get("/seats"), 401, "prove");
    let form = [HTML, ("Content-Type", "application/x-www-form-urlencoded"), ("Sec-Fetch-Site", "same-origin")];
    let kept = fan.send("POST", "/seats", &form, "seat=A1&note=a%22b");
    assert!(kept.status == 401 && kept.text().contains("name=\"seat\" value=\"A1\""), "{}", kept.text());
    assert!(kept.text().contains("data-then=\"send\"") && world.shop.seen("/seats").is_empty());
    // A copy has the pass, and not the key.
    let mut thief = Fan { cookies: fan.cookies.clone(), ..world.fan() };
    let asked = assert_refused(&thief.call("renew", "{}"), 401, "use-proof-nonce");
    assert_eq!(asked["ath"], token_hash(&old));
    assert_refused(&Device::new().call(&mut thief, "renew", &old, "{}"), 401, "proof-wrong");
    assert_eq!(thief.visit("/seats").status, 401);
    let renewed = device.call(&mut fan, "renew", &old, "{}");
    let told = assert_entered(&renewed);
    assert!(told["prove_by_ms"].as_u64() > told["now_ms"].as_u64() && told.get("pass").is_none(), "{told}");
    assert_eq!((fan.visit("/seats").status, world.shop.seen("/seats").len()), (200, 1));
    assert_eq!(fan.send("POST", "/seats", &form, "seat=A1").status, 200);
    // A program has no cookies.
    let mut program = world.fan();
    let bearer = format!("Bearer {}", fan.cookies[PASS]);
    let proof = device.proof(&Device::claims(
        &format!("http://{}", world.address),
        "renew",
        &proof_nonce(&mut program),
        &fan.cookies[PASS],
    ));
    let headers = [("Authorization", &*bearer), ("DPoP", &proof)];
    let renewed = program.send("POST", "/.fairgate/final/renew", &headers, "");
    assert!(assert_entered(&renewed)["pass"].is_string() && renewed.all("set-cookie").is_empty());
    // Whoever has no key gives the pass up, and is in the waiting room.
    assert_eq!(thief.call("renew", "{\"lost\":true}").status, 204);
    assert!(!thief.cookies.contains_key(PASS) && thief.visit("/seats").text().contains("id=\"config\""));
}

#[test]
fn a_tunnel_ends_with_the_proof_of_its_pass_however_much_goes_through() {
    let world = World::start(Setup { session: "idle = \"9s\"\nmax = \"60s\"", ..bound(BOUND) });
    let (mut fan, device, ticket) = joined(&world, 1);
    let admitted = let_in(|| device.call(&mut fan, "claim", &ticket, "{}"));
    fan.cookies.insert(PASS.to_owned(), proved_until(&world, admitted["pass"].as_str().unwrap(), 4_000));
    let (status, mut tunnel) = upgrade(&fan);
    assert!(status == 101 && echoes(&mut tunnel));
    let begun = std::time::Instant::now();
    while echoes(&mut tunnel) {
        assert!(begun.elapsed().as_secs() < 8, "it is used, and goes on");
        std::thread::sleep(std::time::Duration::from_millis(200));
    }
}

#[test]
fn a_session_that_is_over_is_not_renewed() {
    let world = World::start(bound(BOUND));
    let (mut fan, device, ticket) = joined(&world, 1);
    let_in(|| device.call(&mut fan, "claim", &ticket, "{}"));
    let pass = fan.cookies[PASS].clone();
    assert_eq!(fan.get("/done").status, 200, "the shop ends the visit");
    world.wait_until("the session is over", |status| status["active"] == 0);
    fan.cookies.insert(PASS.to_owned(), pass.clone());
    let over = device.call(&mut fan, "renew", &pass, "{}");
    assert_refused(&over, 410, "expired");
    assert!(!fan.cookies.contains_key(PASS));
}

#[test]
fn a_lost_key_loses_no_place_the_keepsake_names_another_once() {
    let world = World::start(bound(BOUND));
    let (fan, device, ticket) = joined(&world, 1);
    let mut after = Fan { cookies: fan.cookies.clone(), ..world.fan() };
    let (fresh, third) = (Device::new(), Device::new());
    let named = |device: &Device, letters: &str| json!({"jkt": device.jkt(), "keepsake": letters}).to_string();
    let letters = Keepsake::of(&nonce(1)).printed();
    let wrong = Keepsake::of(&nonce(2)).printed();
    assert_refused(&after.call("claim", &named(&fresh, &wrong)), 403, "prove-otherwise");
    assert_refused(&after.call("claim", &json!({"keepsake": letters}).to_string()), 403, "prove-otherwise");
    let admitted = let_in(|| after.call("claim", &named(&fresh, &letters.to_lowercase())));
    let new = admitted["ticket"].as_str().unwrap().to_owned();
    assert_eq!((claims_of(&new)["cnf"]["jkt"].as_str(), &after.cookies[TICKET]), (Some(&*fresh.jkt()), &new));
    assert_eq!(claims_of(admitted["pass"].as_str().unwrap())["cnf"]["jkt"], fresh.jkt());
    // Once more, as after a lost answer: it is one move.
    let mut again = Fan { cookies: fan.cookies.clone(), ..world.fan() };
    assert_eq!(again.call("claim", &named(&fresh, &letters)).status, 200);
    assert_eq!(fresh.call(&mut after, "claim", &new, "{}").status, 200, "that key signs from now on");
    // The first browser's key is good for nothing any more, nor is its keepsake for a third.
    let mut before = Fan { cookies: fan.cookies.clone(), ..world.fan() };
    let moved = assert_refused(&device.call(&mut before, "claim", &ticket, "{}"), 409, "moved");
    assert!(moved["since_ms"].as_u64() > Some(1_700_000_000_000), "{moved}");
    assert_refused(&device.call(&mut before, "leave", &ticket, "{}"), 409, "moved");
    assert_refused(&before.call("claim", &named(&third, &letters)), 409, "moved");
    let mut spent = Fan { cookies: after.cookies.clone(), ..world.fan() };
    let spent = assert_refused(&spent.call("claim", &named(&third, &letters)), 403, "prove-otherwise");
    assert_eq!(spent["ways"], json!([]), "it may move once");
}

#[test]
fn a_pass_of_the_key_before_ends_with_its_proof() {
    let world = World::start(bound(BOUND));
    let (mut fan, device, ticket) = joined(&world, 1);
    let_in(|| device.call(&mut fan, "claim", &ticket, "{}"));
    let (pass, letters) = (fan.cookies[PASS].clone(), Keepsake::of(&nonce(1)).printed());
    let (mut after, fresh) = (Fan { cookies: fan.cookies.clone(), ..world.fan() }, Device::new());
    after.cookies.remove(PASS);
    let moved = after.call("claim", &json!({"jkt": fresh.jkt(), "keepsake": letters}).to_string());
    assert_eq!(moved.status, 200, "the same session, {}", moved.text());
    assert_refused(&device.call(&mut fan, "renew", &pass, "{}"), 410, "expired");
    let pass = after.cookies[PASS].clone();
    assert_eq!(fresh.call(&mut after, "renew", &pass, "{}").status, 200);
}

#[test]
fn moves_outlive_the_edge_and_none_are_where_the_room_allows_none() {
    let mut world = World::start(bound("[room.entry]\nbinding = \"key\"\nmoves = 2"));
    let (fan, device, ticket) = joined(&world, 1);
    let (mut after, fresh) = (Fan { cookies: fan.cookies.clone(), ..world.fan() }, Device::new());
    let letters = Keepsake::of(&nonce(1)).printed();
    let_in(|| after.call("claim", &json!({"jkt": fresh.jkt(), "keepsake": letters}).to_string()));
    world.kill();
    world.start_edge();
    let mut before = Fan { cookies: fan.cookies, ..world.fan() };
    assert_refused(&device.call(&mut before, "claim", &ticket, "{}"), 409, "moved");
    drop(world);
    let world = World::start(bound("[room.entry]\nbinding = \"key\"\nmoves = 0"));
    let (mut fan, ..) = joined(&world, 1);
    let named = json!({"jkt": fresh.jkt(), "keepsake": letters}).to_string();
    assert_refused(&fan.call("claim", &named), 403, "prove-otherwise");
}

#[test]
fn an_identity_that_is_shown_again_names_another_key_and_a_copied_voucher_does_not() {
    const MAIL: &str = "[room.entry]\nidentity = [\"mail\"]\nany_of = [\"mail\"]\nbinding = \"key\"\n[room.entry.mail]\n\
                        smtp = \"smtp://{double}\"\nfrom = \"Box office <tickets@example.com>\"";
    let sink = Sink::start();
    let world = World::start(Setup { double: Some(sink.address), ..bound(MAIL) });
    let (mut fan, device) = (world.fan(), Device::new());
    sign_in(&mut fan, &sink, 1, "ana@example.com");
    let ticket = called(&world, &device.join(&mut fan, 1))["ticket"].as_str().unwrap().to_owned();
    std::thread::sleep(std::time::Duration::from_millis(1_100));
    // All cookies, the voucher among them: it is older than the ticket.
    let (mut thief, fresh) = (Fan { cookies: fan.cookies.clone(), ..world.fan() }, Device::new());
    let named = json!({"jkt": fresh.jkt()}).to_string();
    let told = assert_refused(&thief.call("claim", &named), 403, "prove-otherwise");
    assert_eq!(told["ways"], json!(["mail"]));
    sign_in(&mut thief, &sink, 2, "eve@example.com");
    assert_refused(&thief.call("claim", &named), 403, "prove-otherwise");
    let mut after = Fan { cookies: fan.cookies.clone(), ..world.fan() };
    sign_in(&mut after, &sink, 3, "ana@example.com");
    let_in(|| after.call("claim", &named));
    assert_refused(&device.call(&mut fan, "claim", &ticket, "{}"), 409, "moved");
}

#[test]
fn a_browser_without_keys_comes_in_by_its_identity_and_one_that_has_none_is_told_whom_to_ask() {
    let world = World::start(bound(BOUND));
    let mut fan = world.fan();
    called(&world, &fan.join(1));
    let told = assert_refused(&fan.call("claim", "{}"), 403, "prove-otherwise");
    assert!(told["reference"].as_str().unwrap().starts_with("FG-"));
    let device = Device::new();
    let bad = device.join(&mut world.fan(), 2);
    assert_eq!(bad.status, 200);
    for (body, name) in [(json!({"jkt": "short"}), "jkt"), (json!({"keepsake": "AA"}), "keepsake")] {
        let mut body = body;
        body["nonce"] = json!("AAECAwQFBgcICQoLDA0ODw");
        let refused = world.fan().call("join", &body.to_string());
        assert!(assert_refused(&refused, 400, "bad-body")["detail"].as_str().unwrap().contains(name));
    }
}

#[test]
fn an_organizer_lets_whoever_has_lost_the_key_in_by_the_reference() {
    let world = World::start(bound(BOUND));
    let (mut fan, ..) = joined(&world, 1);
    let fresh = Device::new();
    let named = json!({"jkt": fresh.jkt()}).to_string();
    let told = assert_refused(&fan.call("claim", &named), 403, "prove-otherwise");
    overrule(&world, told["reference"].as_str().unwrap(), "let_in");
    let begun = std::time::Instant::now();
    while fan.call("claim", &named).status == 403 {
        assert!(begun.elapsed().as_secs() < 20, "{}", world.log());
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    let ticket = fan.cookies[TICKET].clone();
    assert_eq!(claims_of(&ticket)["cnf"]["jkt"], fresh.jkt());
    let_in(|| fresh.call(&mut fan, "claim", &ticket, "{}"));
}

#[test]
fn no_byte_of_a_proof_can_be_turned() {
    let world = World::start(bound(BOUND));
    let (fan, device, ticket) = joined(&world, 1);
    let origin = format!("http://{}", fan.address);
    let proof = device.proof(&Device::claims(&origin, "leave", &proof_nonce(&mut world.fan()), &ticket));
    let turned = |at: usize, bit: u8| {
        let mut bytes = proof.clone().into_bytes();
        let at = at % bytes.len();
        bytes[at] ^= 1 << bit;
        String::from_utf8(bytes).ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_graphic()))
    };
    proptest!(ProptestConfig::with_cases(150), |(at: usize, bit in 0_u8..7)| {
        if let Some(proof) = turned(at, bit) {
            let mut thief = Fan { cookies: fan.cookies.clone(), ..world.fan() };
            let answer = send(&mut thief, "leave", &proof, "{}");
            prop_assert_eq!(answer.status, 401, "{}", answer.text());
            prop_assert!(thief.cookies.contains_key(TICKET));
        }
    });
}

const BEHIND: &str = "trusted_proxies = [\"127.0.0.0/8\"]";

/// A visit from an address, behind a proxy.
fn from(fan: &mut Fan, address: &str, path: &str) -> Answer {
    fan.send("GET", path, &[HTML, ("X-Forwarded-For", address)], "")
}

/// Two people who use one pass by turns.
fn by_turns(fan: &mut Fan, times: usize) -> Vec<u16> {
    ["198.51.100.7", "203.0.113.7"].iter().cycle().take(times).map(|from_| from(fan, from_, "/seats").status).collect()
}

#[test]
fn a_pass_in_several_networks_at_once_proves_its_key_and_the_copy_is_worth_nothing_then() {
    let world = World::start(Setup { edge: BEHIND, ..bound(BOUND) });
    let (mut fan, device, ticket) = joined(&world, 1);
    let_in(|| device.call(&mut fan, "claim", &ticket, "{}"));
    let mut thief = fan.clone();
    assert_eq!(by_turns(&mut fan, 3), [200; 3], "a phone that changes networks and back is one");
    assert_eq!(from(&mut thief, "203.0.113.7", "/seats").status, 401);
    assert_eq!(from(&mut fan, "198.51.100.7", "/seats").status, 401);
    std::thread::sleep(std::time::Duration::from_millis(1_100));
    let pass = fan.cookies[PASS].clone();
    assert_eq!(device.call(&mut fan, "renew", &pass, "{}").status, 200);
    assert_eq!(from(&mut fan, "198.51.100.7", "/seats").status, 200);
    assert_eq!(from(&mut thief, "203.0.113.7", "/seats").status, 401, "the copy is of the pass before");
}

#[test]
fn a_room_that_ends_such_sessions_ends_them_and_one_that_counts_them_does_not() {
    let ends = "several = \"end\"";
    let world = World::start(Setup { edge: BEHIND, session: ends, ..Setup::default() });
    let mut fan = world.fan();
    fan.enter(1);
    assert_eq!(by_turns(&mut fan, 3), [200; 3]);
    let page = from(&mut fan, "203.0.113.7", "/seats");
    assert!(page.text().contains("id=\"config\""), "the waiting page");
    world.wait_until("the session is over", |status| status["active"] == 0);
    drop(world);
    let world = World::start(Setup { edge: BEHIND, session: "several = \"count\"", ..bound(BOUND) });
    let (mut fan, device, ticket) = joined(&world, 1);
    let_in(|| device.call(&mut fan, "claim", &ticket, "{}"));
    assert_eq!(by_turns(&mut fan, 8), [200; 8]);
}

#[test]
fn a_ticket_that_is_bound_to_a_network_is_asked_elsewhere_and_never_refused() {
    const NETWORK: &str = "[room.entry]\nbinding = \"network\"\nsuspicious = [\"mail\"]\n[room.entry.mail]\n\
                           smtp = \"smtp://{double}\"\nfrom = \"Box office <tickets@example.com>\"";
    let sink = Sink::start();
    let world = World::start(Setup { edge: BEHIND, double: Some(sink.address), ..bound(NETWORK) });
    let mut fan = world.fan();
    let at = |fan: &mut Fan, address: &str, call: &str, body: &str| {
        let headers = [("Content-Type", "application/json"), ("X-Forwarded-For", address)];
        fan.send("POST", &format!("/.fairgate/final/{call}"), &headers, body)
    };
    let join = json!({"nonce": "AAECAwQFBgcICQoLDA0ODw"}).to_string();
    called(&world, &at(&mut fan, "198.51.100.7", "join", &join));
    let owed = assert_refused(&at(&mut fan, "203.0.113.7", "claim", "{}"), 403, "owes");
    assert_eq!((&owed["ways"], &owed["reasons"]), (&json!(["mail"]), &json!(["other-network"])));
    let_in(|| at(&mut fan, "198.51.100.9", "claim", "{}"));
}
