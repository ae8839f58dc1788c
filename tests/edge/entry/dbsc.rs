//! Browsers that keep a bound pass alive by themselves, with a key of their device (Device Bound Session Credentials).

use fairgate_testkit::fan::{Answer, Fan};
use serde_json::{Value, json};

use super::device::{Device, claims_of, proof_nonce};
use super::{ENV, assert_entered, assert_refused, nonce, spelled};
use crate::world::{Setup, World};

const BOUND: &str = "[room.entry]\nbinding = \"key\"";
const PASS: &str = "__Host-fairgate-pass-final";
const TLS: (&str, &str) = ("X-Forwarded-Proto", "https");

fn world() -> World {
    let edge = "trusted_proxies = [\"127.0.0.1/32\"]";
    World::start(Setup { entry: BOUND, env: ENV, edge, ..Setup::default() })
}

/// A call as a browser makes it over TLS, in front of a proxy.
fn post(fan: &mut Fan, call: &str, more: &[(&str, &str)], body: &str) -> Answer {
    let headers = [&[TLS, ("Content-Type", "application/json")][..], more].concat();
    fan.send("POST", &format!("/.fairgate/final/{call}"), &headers, body)
}

/// A call that is proved for a token.
fn proved(fan: &mut Fan, device: &Device, call: &str, token: &str) -> Answer {
    let origin = format!("https://{}", fan.address);
    let nonce = proof_nonce(fan);
    let proof = device.proof(&Device::claims(&origin, call, &nonce, token));
    post(fan, call, &[("DPoP", &proof)], "{}")
}

/// A fan who was let in, with the answer to the claim.
fn admitted(world: &World, byte: u8) -> (Fan, Device, Answer) {
    let (mut fan, device) = (world.fan(), Device::new());
    let body = json!({"nonce": spelled(&nonce(byte)), "jkt": device.jkt()}).to_string();
    let joined = assert_entered(&post(&mut fan, "join", &[], &body));
    let place = joined["place"].as_u64().unwrap();
    world.wait_until("the fan is called", |status| status["serving"].as_u64() > Some(place));
    let ticket = joined["ticket"].as_str().unwrap().to_owned();
    for _ in 0..200 {
        let answer = proved(&mut fan, &device, "claim", &ticket);
        if answer.status != 202 {
            assert_entered(&answer);
            return (fan, device, answer);
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    panic!("never let in");
}

/// The value of a parameter of a structured field.
fn parameter(answer: &Answer, field: &str, name: &str) -> String {
    let field = answer.header(field).unwrap_or_default();
    let found = field.split(';').find_map(|part| part.trim().strip_prefix(&format!("{name}=")));
    found.unwrap_or_else(|| panic!("{name} in {field:?}")).trim_matches('"').to_owned()
}

fn challenge(answer: &Answer) -> String {
    let field = answer.header("secure-session-challenge").unwrap_or_default();
    field.split(';').next().unwrap_or_default().trim_matches('"').to_owned()
}

fn pass(fan: &Fan) -> Value {
    claims_of(&fan.cookies[PASS])
}

/// Binds a device to the session of whoever was let in; answers the session's name and the next challenge.
fn registered(fan: &mut Fan, device: &Device, admitted: &Answer) -> (String, String) {
    let path = parameter(admitted, "secure-session-registration", "path");
    assert_eq!(path, "/.fairgate/final/dbsc");
    let invitation = parameter(admitted, "secure-session-registration", "challenge");
    let answer = post(fan, "dbsc", &[("Secure-Session-Response", &device.response(&invitation, true))], "");
    assert_eq!(answer.status, 200, "{}", answer.text());
    let told = answer.json();
    let credential = json!({"type": "cookie", "name": PASS, "attributes": "Path=/; Secure; HttpOnly; SameSite=Lax"});
    assert_eq!((&told["credentials"][0], &told["refresh_url"]), (&credential, &json!("/.fairgate/final/dbsc/refresh")));
    assert_eq!(told["scope"]["origin"], format!("https://{}", fan.address));
    (told["session_identifier"].as_str().unwrap().to_owned(), challenge(&answer))
}

#[test]
fn a_device_keeps_the_pass_alive_also_without_its_cookie_and_a_copy_ends() {
    let world = world();
    let (mut fan, _, admitted) = admitted(&world, 1);
    let device = Device::new();
    let (name, next) = registered(&mut fan, &device, &admitted);
    let bound = pass(&fan);
    assert_eq!(
        (&bound["dev"], &bound["exp"]),
        (&json!(true), &claims_of(admitted.json()["pass"].as_str().unwrap())["exp"])
    );
    let copied = fan.cookies.clone();

    // The browser has let the cookie go, and asks before anything else.
    fan.cookies.remove(PASS);
    let id = ("Sec-Secure-Session-Id", &*name);
    let asked = post(&mut fan, "dbsc/refresh", &[id], "");
    assert_eq!((asked.status, parameter(&asked, "secure-session-challenge", "id")), (403, name.clone()));
    for challenge in [challenge(&asked), next] {
        fan.cookies.remove(PASS);
        let quoted = format!("\"{}\"", device.response(&challenge, false));
        let answer = post(&mut fan, "dbsc/refresh", &[id, ("Secure-Session-Response", &quoted)], "");
        assert_eq!((answer.status, &answer.json()["session_identifier"]), (200, &json!(name)));
        assert_eq!((&pass(&fan)["sub"], &pass(&fan)["dev"]), (&bound["sub"], &json!(true)));
    }
    let field = format!("{PASS}={}", fan.cookies[PASS]);
    assert_eq!(fan.send("GET", "/seats", &[TLS, ("Cookie", &field)], "").status, 200);

    // A copy has the cookie and the session's name, and no key.
    let mut thief = Fan { cookies: copied, ..world.fan() };
    let other = Device::new();
    let signed = other.response(&challenge(&asked), false);
    let refused = post(&mut thief, "dbsc/refresh", &[id, ("Secure-Session-Response", &signed)], "");
    assert_refused(&refused, 401, "proof-wrong");
    let guessed = other.response(&challenge(&asked), true);
    let refused = post(&mut thief, "dbsc", &[("Secure-Session-Response", &guessed)], "");
    let told = assert_refused(&refused, 401, "proof-wrong");
    assert!(told["reason"].as_str().unwrap().contains("another session's"), "{told}");
    assert_refused(&post(&mut thief, "dbsc", &[], ""), 401, "proof-wrong");
}

#[test]
fn another_browsers_invitation_binds_nothing_and_without_tls_nobody_is_invited() {
    let world = world();
    let (_, _, first) = admitted(&world, 1);
    let (mut second, key, own) = admitted(&world, 2);
    let invitation = parameter(&first, "secure-session-registration", "challenge");
    let signed = Device::new().response(&invitation, true);
    assert_refused(&post(&mut second, "dbsc", &[("Secure-Session-Response", &signed)], ""), 401, "proof-wrong");

    // Whoever renews by the page is invited again, until a device is bound.
    let token = second.cookies[PASS].clone();
    let renewed = proved(&mut second, &key, "renew", &token);
    assert!(renewed.status == 200 && renewed.header("secure-session-registration").is_some());
    let _ = registered(&mut second, &Device::new(), &own);
    let token = second.cookies[PASS].clone();
    let renewed = proved(&mut second, &key, "renew", &token);
    assert_eq!((renewed.status, renewed.header("secure-session-registration")), (200, None));

    let (mut plain, device) = (world.fan(), Device::new());
    let joined = assert_entered(&device.join(&mut plain, 3));
    let place = joined["place"].as_u64().unwrap();
    world.wait_until("the fan is called", |status| status["serving"].as_u64() > Some(place));
    let ticket = joined["ticket"].as_str().unwrap();
    let mut claimed = device.call(&mut plain, "claim", ticket, "{}");
    while claimed.status == 202 {
        std::thread::sleep(std::time::Duration::from_millis(50));
        claimed = device.call(&mut plain, "claim", ticket, "{}");
    }
    assert_entered(&claimed);
    assert_eq!(claimed.header("secure-session-registration"), None);
}

#[test]
fn a_session_that_is_over_or_nobodys_ends_in_the_browser_too() {
    let world = world();
    let (mut fan, _, admitted) = admitted(&world, 1);
    let (name, next) = registered(&mut fan, &Device::new(), &admitted);
    let other = format!("{}A", &name[..name.len() - 1]);
    let other = if other == name { format!("{}B", &name[..name.len() - 1]) } else { other };
    let signed = Device::new().response(&next, false);
    for id in [&*other, "nobodys"] {
        let headers = [("Sec-Secure-Session-Id", id), ("Secure-Session-Response", &*signed)];
        let mut fan = Fan { cookies: fan.cookies.clone(), ..world.fan() };
        let answer = post(&mut fan, "dbsc/refresh", &headers, "");
        assert_eq!((answer.status, &answer.json()["continue"]), (200, &json!(false)), "{id}");
        assert!(!fan.cookies.contains_key(PASS), "the cookie is cleared");
    }
    for id in ["", "a b", &"x".repeat(300)] {
        let answer = post(&mut fan, "dbsc/refresh", &[("Sec-Secure-Session-Id", id)], "");
        assert_eq!(answer.status, 400, "{id}");
    }
}
