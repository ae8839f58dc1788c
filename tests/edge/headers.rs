//! What the shop gets to hear, and from whom.

use crate::fan::exchange;
use crate::world::{Setup, World};

#[test]
fn nothing_that_a_client_says_passes_for_the_gates_word() {
    let edge = "[edge.headers]\nstrip = [\"X-Shop-*\"]\nallow = [\"CF-IPCountry\"]";
    let world = World::start(Setup { edge, ..Setup::default() });
    let mut fan = world.fan();
    let admitted = fan.enter(1);
    fan.cookies.insert("theirs".to_owned(), "1".to_owned());
    let lies = [
        ("X-Fairgate-Session", "evil"),
        ("X-Fairgate-Place", "0"),
        ("X_Fairgate_Pass", "evil"),
        ("X-Fairgate-Anything", "evil"),
        ("X-Forwarded-For", "6.6.6.6"),
        ("X-Forwarded-Proto", "https"),
        ("X-Forwarded-Host", "evil.example"),
        ("X_Forwarded_For", "6.6.6.6"),
        ("Forwarded", "for=6.6.6.6"),
        ("X-Real-IP", "6.6.6.6"),
        ("Proxy", "http://evil.example"),
        ("X-Original-URL", "/admin"),
        ("X-Rewrite-URL", "/admin"),
        ("X-HTTP-Method-Override", "DELETE"),
        ("x_method_override", "DELETE"),
        ("CF-Connecting-IP", "6.6.6.6"),
        ("X-Forwarded-Client-Cert", "evil"),
        ("X.Client.IP", "6.6.6.6"),
        ("X-Shop-Admin", "1"),
        ("CF-IPCountry", "PT"),
        ("Keep-Alive", "timeout=1000"),
        ("TE", "trailers"),
        ("Accept", "text/html"),
    ];
    assert_eq!(fan.send("GET", "/seats", &lies, "").status, 200);
    let seen = world.shop.seen("/seats").remove(0);
    assert_eq!(seen.all("x-fairgate-session"), [admitted["session"].as_str().unwrap()]);
    assert_eq!(seen.all("x-fairgate-place"), ["0"]);
    assert_eq!(seen.all("x-fairgate-room"), ["final"]);
    assert_eq!(seen.all("x-fairgate-pass"), [admitted["pass"].as_str().unwrap()]);
    assert_eq!(seen.all("x-forwarded-for"), ["127.0.0.1"]);
    assert_eq!(seen.all("x-forwarded-proto"), ["http"]);
    assert_eq!(seen.all("x-forwarded-host"), [world.address.to_string()]);
    assert_eq!(seen.all("host"), [world.address.to_string()]);
    assert_eq!(seen.all("cf-ipcountry"), ["PT"], "what the configuration allows");
    assert_eq!(seen.all("cookie"), ["theirs=1"], "the gate's cookies are the gate's");
    for name in [
        "x_fairgate_pass",
        "x-fairgate-anything",
        "x_forwarded_for",
        "forwarded",
        "x-real-ip",
        "x-original-url",
        "x-rewrite-url",
        "x-http-method-override",
        "x_method_override",
        "cf-connecting-ip",
        "x-forwarded-client-cert",
        "x.client.ip",
        "x-shop-admin",
        "proxy",
        "keep-alive",
        "te",
        "connection",
    ] {
        assert!(seen.all(name).is_empty(), "{name}: {seen:?}");
    }
}

#[test]
fn a_cookie_of_any_bytes_stands_in_nobodys_way() {
    let world = World::start(Setup::default());
    let mut fan = world.fan();
    let joined = fan.join(1);
    assert_eq!(joined.status, 200);
    let send = |start: &str, cookies: &[u8], more: &str| {
        let mut request =
            format!("{start} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{more}Cookie: theirs=").into_bytes();
        request.extend_from_slice(b"caf\xe9; ");
        request.extend_from_slice(cookies);
        request.extend_from_slice(b"\r\n\r\n");
        exchange(world.address, &request, false).unwrap()
    };
    let claim = "POST /.fairgate/final/claim";
    world.wait_until("called", |status| status["serving"] == 1);
    let claimed = send(claim, fan.cookie().as_bytes(), "Content-Length: 0\r\n");
    assert_eq!(claimed.status, 200, "{}", claimed.text());
    let pass = claimed.json()["pass"].as_str().unwrap().to_owned();
    let both = format!("{}; fairgate-pass-final={pass}; last=1", fan.cookie());
    let by_bearer = format!("Authorization: Bearer {pass}\r\n");
    for (path, cookies, more) in
        [("/seats", both.as_str(), ""), ("/assets/a", both.as_str(), ""), ("/bearer", "last=1", by_bearer.as_str())]
    {
        assert_eq!(send(&format!("GET {path}"), cookies.as_bytes(), more).status, 200, "{path}");
        let seen = world.shop.seen(path).remove(0);
        assert_eq!(
            seen.all("cookie"),
            ["theirs=caf\u{e9}; last=1"],
            "{path}: theirs byte by byte, and none of the gate's"
        );
        assert!(seen.all("authorization").is_empty(), "{path}: a pass is for the gate");
    }
}

#[test]
fn fields_that_a_connection_names_are_its_own() {
    let world = World::start(Setup::default());
    let request = b"GET /assets/a HTTP/1.1\r\nHost: x\r\nConnection: close, X-Mine\r\nX-Mine: 1\r\nX-Theirs: 2\r\n\r\n";
    assert_eq!(exchange(world.address, request, false).unwrap().status, 200);
    let seen = world.shop.seen("/assets/a").remove(0);
    assert!(seen.all("x-mine").is_empty());
    assert_eq!(seen.all("x-theirs"), ["2"]);
}

#[test]
fn exempt_pages_are_nobodys() {
    let world = World::start(Setup::default());
    let answer = world.fan().send("GET", "/assets/a", &[("X-Fairgate-Session", "evil")], "");
    assert_eq!(answer.status, 200);
    let seen = world.shop.seen("/assets/a").remove(0);
    assert!(seen.headers.iter().all(|(name, _)| !name.to_ascii_lowercase().starts_with("x-fairgate")), "{seen:?}");
}

#[test]
fn trusted_proxies_speak_for_their_clients() {
    let world = World::start(Setup { edge: "trusted_proxies = [\"127.0.0.0/8\"]", ..Setup::default() });
    let forwarded = [("X-Forwarded-For", "6.6.6.6, 198.51.100.7"), ("X-Forwarded-Proto", "https")];
    let mut fan = world.fan();
    assert_eq!(fan.send("GET", "/assets/a", &forwarded, "").status, 200);
    let seen = world.shop.seen("/assets/a").remove(0);
    assert_eq!(seen.all("x-forwarded-for"), ["198.51.100.7"]);
    assert_eq!(seen.all("x-forwarded-proto"), ["https"]);
    let joined = fan.send("POST", "/.fairgate/final/join", &forwarded, "{\"nonce\":\"AAECAwQFBgcICQoLDA0ODw\"}");
    let cookie = joined.header("set-cookie").unwrap();
    assert!(cookie.starts_with("__Host-fairgate-ticket-final=") && cookie.contains("; Secure;"), "{cookie}");
}
