//! Rooms that ask to sign in, with an OpenID provider's double: the code flow with PKCE, signed ID tokens.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use fairgate_testkit::fan::Fan;
use ring::digest::{SHA256, digest};
use ring::signature::{Ed25519KeyPair, KeyPair};
use serde_json::{Value, json};

use super::{IDENTITY, asking, assert_entered, assert_refused, join};
use crate::world::{Setup, World, now_ms};

const CLUB: &str = "[room.entry]\nany_of = [\"club\"]\n[[room.entry.oidc]]\nname = \"club\"\nissuer = \"http://{double}\"\n\
                    client_id = \"fairgate\"\nclient_secret_env = \"CLUB_SECRET\"\nper_second = 3";
const ENV: &[(&str, &str)] = &[("FAIRGATE_IDENTITY_KEY", IDENTITY), ("CLUB_SECRET", "our secret at the club")];

/// What is odd about the provider's answers.
const GOOD: u8 = 0;
const WRONG_NONCE: u8 = 1;
const WRONG_KEY: u8 = 2;
const OTHER_AUDIENCE: u8 = 3;
const DOWN: u8 = 4;
const ROTATED: u8 = 5;

/// The provider.
struct Club {
    address: SocketAddr,
    mode: Arc<AtomicU8>,
    codes: Codes,
}

/// What was asked for, by code.
type Codes = Arc<Mutex<HashMap<String, HashMap<String, String>>>>;

impl Club {
    fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", fairgate_testkit::free_port().unwrap())).unwrap();
        let address = listener.local_addr().unwrap();
        let club = Self { address, mode: Arc::default(), codes: Arc::default() };
        let (mode, codes) = (club.mode.clone(), club.codes.clone());
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let mode = mode.load(Ordering::Relaxed);
                if mode != DOWN {
                    let codes = codes.clone();
                    thread::spawn(move || answer(stream, address, mode, &codes));
                }
            }
        });
        club
    }

    fn set(&self, mode: u8) {
        self.mode.store(mode, Ordering::Relaxed);
    }

    /// The fan signs in: what the provider sends the browser back with.
    fn sign_in(&self, location: &str) -> String {
        let (endpoint, query) = location.split_once('?').unwrap();
        assert_eq!(endpoint, format!("http://{}/authorize", self.address));
        let asked: HashMap<String, String> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        assert_eq!((&*asked["response_type"], &*asked["code_challenge_method"]), ("code", "S256"), "{asked:?}");
        assert_eq!((&*asked["client_id"], &*asked["scope"]), ("fairgate", "openid"));
        let code = format!("code-{}", self.codes.lock().unwrap().len());
        let back =
            format!("{}?state={}&code={code}&iss=http://{}", asked["redirect_uri"], asked["state"], self.address);
        self.codes.lock().unwrap().insert(code, asked);
        back.split_once("/.fairgate").map(|(_, path)| format!("/.fairgate{path}")).unwrap()
    }
}

fn pair(mode: u8) -> Ed25519KeyPair {
    Ed25519KeyPair::from_seed_unchecked(&[if mode == ROTATED { 2 } else { 1 }; 32]).unwrap()
}

fn answer(mut stream: TcpStream, address: SocketAddr, mode: u8, codes: &Codes) -> Option<()> {
    stream.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
    let (line, body) = read(&mut stream)?;
    let issuer = format!("http://{address}");
    let (status, document) = match line.split(' ').nth(1)? {
        "/.well-known/openid-configuration" => (
            200,
            json!({"issuer": issuer, "authorization_endpoint": format!("{issuer}/authorize"),
                "token_endpoint": format!("{issuer}/token"), "jwks_uri": format!("{issuer}/jwks"),
                "id_token_signing_alg_values_supported": ["RS256", "EdDSA"],
                "authorization_response_iss_parameter_supported": true}),
        ),
        "/jwks" => {
            let x = URL_SAFE_NO_PAD.encode(pair(mode).public_key());
            (200, json!({"keys": [{"kty": "OKP", "crv": "Ed25519", "kid": kid(mode), "x": x}]}))
        }
        "/token" => exchange(&issuer, mode, codes, &body),
        _ => (404, json!({})),
    };
    let body = document.to_string();
    let head = format!(
        "HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(format!("{head}{body}").as_bytes()).ok()
}

fn kid(mode: u8) -> &'static str {
    if mode == ROTATED { "second" } else { "first" }
}

fn exchange(issuer: &str, mode: u8, codes: &Codes, body: &str) -> (u16, Value) {
    let form: HashMap<String, String> = form_urlencoded::parse(body.as_bytes()).into_owned().collect();
    // A code is good once.
    let Some(asked) = codes.lock().unwrap().remove(&form["code"]) else {
        return (400, json!({"error": "invalid_grant"}));
    };
    let challenge = URL_SAFE_NO_PAD.encode(digest(&SHA256, form["code_verifier"].as_bytes()));
    if challenge != asked["code_challenge"] || form["redirect_uri"] != asked["redirect_uri"] {
        return (400, json!({"error": "invalid_grant"}));
    }
    let now_s = now_ms() / 1000;
    let nonce = if mode == WRONG_NONCE { "another" } else { &*asked["nonce"] };
    let audience = if mode == OTHER_AUDIENCE { "another" } else { "fairgate" };
    let claims =
        json!({"iss": issuer, "aud": audience, "sub": "member-7", "nonce": nonce, "iat": now_s, "exp": now_s + 60});
    let header = json!({"alg": "EdDSA", "kid": kid(mode)});
    let message = [header, claims].map(|part| URL_SAFE_NO_PAD.encode(part.to_string())).join(".");
    let signer = if mode == WRONG_KEY { Ed25519KeyPair::from_seed_unchecked(&[9; 32]).unwrap() } else { pair(mode) };
    let signature = URL_SAFE_NO_PAD.encode(signer.sign(message.as_bytes()));
    (200, json!({"access_token": "t", "token_type": "Bearer", "id_token": format!("{message}.{signature}")}))
}

fn read(stream: &mut TcpStream) -> Option<(String, String)> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        if stream.read(&mut byte).ok()? == 0 {
            return None;
        }
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).ok()?;
    let length = head
        .to_ascii_lowercase()
        .split("content-length: ")
        .nth(1)
        .map_or(0, |rest| rest.split("\r\n").next().and_then(|length| length.parse().ok()).unwrap_or(0));
    let mut body = vec![0; length];
    stream.read_exact(&mut body).ok()?;
    Some((head.lines().next()?.to_owned(), String::from_utf8(body).ok()?))
}

fn world() -> (World, Club) {
    let club = Club::start();
    (World::start(Setup { double: Some(club.address), env: ENV, ..asking(CLUB) }), club)
}

fn begin(fan: &mut Fan) -> String {
    for _ in 0..50 {
        let answer = fan.get("/.fairgate/final/entry/oidc/club?return_to=/tickets?day%3D1");
        if answer.status == 302 {
            return answer.header("location").unwrap().to_owned();
        }
        assert_eq!(answer.problem(), "sign-in-busy");
        thread::sleep(Duration::from_millis(200));
    }
    panic!("never begun");
}

#[test]
fn who_signs_in_comes_back_with_a_voucher_and_enters() {
    let (world, club) = world();
    let asked = world.status()["entry"]["ways"]["club"].clone();
    assert_eq!(asked, json!({"url": "/.fairgate/final/entry/oidc/club", "label": "club"}));
    let mut fan = world.fan();
    let back = club.sign_in(&begin(&mut fan));
    let cookie = fan.cookies.clone();
    let answer = fan.get(&back);
    assert_eq!((answer.status, answer.header("location")), (303, Some("/tickets?day=1")), "{}", answer.text());
    assert!(!fan.cookies.keys().any(|name| name.contains("oidc")), "the sign-in is over: {:?}", fan.cookies);
    assert_eq!(fan.get("/.fairgate/final/entry/me").json()["ways"], json!(["club"]));
    assert_entered(&join(&mut fan, 1, &json!({})));
    // The same way back once more, as by a reload: whoever is signed in already is taken back.
    assert_eq!(fan.get(&back).header("location"), Some("/"));
    let mut twice = Fan { cookies: cookie.clone(), ..world.fan() };
    twice.cookies.extend(fan.cookies.clone());
    let answer = twice.get(&back);
    assert_eq!((answer.status, answer.header("location")), (303, Some("/tickets?day=1")), "{}", answer.text());
    // Without a voucher it is refused: the provider knows the code no more.
    let mut again = Fan { cookies: cookie, ..world.fan() };
    assert_refused(&again.get(&back), 403, "sign-in-failed");
    let log = world.log();
    assert!(
        !log.contains("member-7") && !log.contains("our secret") && !log.contains("code-0"),
        "no secret in the log"
    );
}

#[test]
fn another_browsers_state_and_another_issuer_are_refused() {
    let (world, club) = world();
    let mut fan = world.fan();
    let back = club.sign_in(&begin(&mut fan));
    assert_refused(&world.fan().get(&back), 409, "sign-in-mismatch");
    assert_refused(&fan.get(&back.replace("iss=", "iss=http://elsewhere.example&x=")), 409, "sign-in-mismatch");
    assert_refused(&fan.get(back.split("&iss=").next().unwrap()), 409, "sign-in-mismatch");
    assert_eq!(fan.get(&back).status, 303, "and none of that ends it");
    let mut fan = world.fan();
    let back = club.sign_in(&begin(&mut fan));
    let state = back.split("state=").nth(1).unwrap().split('&').next().unwrap();
    let refused =
        format!("/.fairgate/final/entry/oidc/club/back?state={state}&error=access_denied&iss=http://{}", club.address);
    assert_refused(&fan.get(&refused), 403, "sign-in-failed");
    for wrong in ["//elsewhere.example", "https://elsewhere.example/", "/%5Celsewhere.example"] {
        let answer = fan.get(&format!("/.fairgate/final/entry/oidc/club?return_to={wrong}"));
        assert_refused(&answer, 400, "bad-body");
    }
    assert_refused(&fan.get("/.fairgate/final/entry/oidc/other"), 404, "not-asked");
}

#[test]
fn an_id_token_that_is_not_of_this_sign_in_vouches_for_nobody() {
    let (world, club) = world();
    for mode in [WRONG_NONCE, WRONG_KEY, OTHER_AUDIENCE] {
        club.set(GOOD);
        let mut fan = world.fan();
        let back = club.sign_in(&begin(&mut fan));
        club.set(mode);
        assert_refused(&fan.get(&back), 403, "sign-in-failed");
        assert_eq!(fan.get("/.fairgate/final/entry/me").json()["ways"], json!([]));
    }
}

#[test]
fn a_provider_that_is_down_is_said_and_whoever_has_a_voucher_is_not_touched() {
    let (world, club) = world();
    let mut fan = world.fan();
    let back = club.sign_in(&begin(&mut fan));
    assert_eq!(fan.get(&back).status, 303);
    let mut late = world.fan();
    let back = club.sign_in(&begin(&mut late));
    club.set(DOWN);
    let answer = late.get(&back);
    assert_refused(&answer, 503, "sign-in-busy");
    assert!(answer.header("retry-after").is_some());
    assert_entered(&join(&mut fan, 1, &json!({})));
}

#[test]
fn no_more_begin_a_second_than_the_provider_bears() {
    let (world, _club) = world();
    begin(&mut world.fan());
    let statuses: Vec<u16> =
        (0..20).map(|_| world.fan().get("/.fairgate/final/entry/oidc/club?return_to=/").status).collect();
    assert!(statuses.contains(&503) && statuses.contains(&302), "{statuses:?}");
}
