//! Pages without scripts, and other sites that would use a fan's browser.

use crate::fan::{Answer, Fan, HTML};
use crate::world::{Setup, World};

fn form(fan: &mut Fan, call: &str, body: &str, more: &[(&str, &str)]) -> Answer {
    let mut headers = vec![HTML, ("Content-Type", "application/x-www-form-urlencoded")];
    headers.extend_from_slice(more);
    fan.send("POST", &format!("/.fairgate/final/{call}"), &headers, body)
}

#[test]
fn the_whole_way_by_forms() {
    let world = World::start(Setup::default());
    let mut fan = world.fan();
    let joined = form(&mut fan, "join", "return_to=%2Fseats%3Fx%3D1", &[]);
    assert_eq!((joined.status, joined.header("location")), (303, Some("/seats?x=1")));
    assert!(fan.cookies.contains_key("fairgate-ticket-final"));
    world.wait_until("called", |status| status["serving"] == 1);
    let waiting = fan.visit("/seats?x=1");
    assert_eq!((waiting.status, waiting.header("cache-control")), (200, Some("no-store")));
    let claimed = form(&mut fan, "claim", "return_to=%2Fseats%3Fx%3D1", &[]);
    assert_eq!((claimed.status, claimed.header("location")), (303, Some("/seats?x=1")));
    assert_eq!(fan.visit("/seats?x=1").text(), "shop");
}

#[test]
fn a_form_that_claims_too_early_leads_back_to_the_page() {
    let world = World::start(Setup { admission: "rate_per_minute = 1\nburst = 1\nmax_active = 1", ..Setup::default() });
    form(&mut world.fan(), "join", "return_to=/", &[]);
    let mut second = world.fan();
    form(&mut second, "join", "return_to=/", &[]);
    let claimed = form(&mut second, "claim", "return_to=/", &[]);
    assert_eq!((claimed.status, claimed.header("location")), (303, Some("/")));
    assert!(!second.cookies.contains_key("fairgate-pass-final"));
    let left = form(&mut second, "leave", "return_to=/", &[]);
    assert_eq!((left.status, left.header("location")), (303, Some("/")));
    assert!(second.cookies.is_empty());
}

#[test]
fn pages_of_named_origins_may_join_and_read_and_others_may_not() {
    let named = "https://www.shop.example";
    let world = World::start(Setup { room: "allowed_origins = [\"https://www.shop.example\"]", ..Setup::default() });
    let from = |origin| [("Origin", origin), ("Sec-Fetch-Site", "same-site"), ("Content-Type", "application/json")];
    let mut fan = world.fan();
    let asks = [&from(named)[..], &[("Access-Control-Request-Method", "POST")]].concat();
    let preflight = fan.send("OPTIONS", "/.fairgate/final/join", &asks, "");
    assert_eq!(
        (preflight.status, preflight.header("access-control-allow-origin")),
        (204, Some(named)),
        "{preflight:?}"
    );
    assert!(preflight.header("access-control-allow-headers").is_some_and(|names| names.contains("content-type")));
    let nonce = "{\"nonce\":\"AAECAwQFBgcICQoLDA0ODw\"}";
    let joined = fan.send("POST", "/.fairgate/final/join", &from(named), nonce);
    assert_eq!((joined.status, joined.header("access-control-allow-credentials")), (200, Some("true")), "{joined:?}");
    assert_eq!((joined.header("access-control-allow-origin"), joined.header("vary")), (Some(named), Some("Origin")));
    let waits = fan.send("GET", "/seats", &from(named), "");
    assert_eq!(
        (waits.status, waits.header("access-control-allow-origin")),
        (503, Some(named)),
        "it may read when to come back"
    );
    let status = fan.send("GET", "/.fairgate/final/status", &from(named), "");
    assert_eq!(status.all("access-control-allow-origin"), [named]);
    assert_eq!(fan.get("/.fairgate/final/status").all("access-control-allow-origin"), ["*"], "it is public");

    let evil = world.fan().send("POST", "/.fairgate/final/join", &from("https://evil.example"), nonce);
    assert_eq!((evil.status, evil.header("access-control-allow-origin")), (403, None));
}

#[test]
fn what_a_shop_allows_other_origins_is_the_shops_to_say() {
    let world = World::start(Setup::default());
    let ask = |more: &[(&str, &str)]| {
        let origin = ("Origin", "https://www.shop.example");
        world.fan().send("OPTIONS", "/seats", &[&[origin], more].concat(), "")
    };
    let answer = ask(&[("Access-Control-Request-Method", "PUT")]);
    assert_eq!((answer.status, answer.header("access-control-allow-origin")), (200, Some("https://www.shop.example")));
    assert!(answer.body.is_empty() && answer.all("set-cookie").is_empty(), "it is no page of the shop: {answer:?}");
    assert_eq!(ask(&[]).status, 503, "any other OPTIONS needs a pass");
}

#[test]
fn crawlers_keep_the_shops_page_in_their_index() {
    let world = World::start(Setup {
        edge: "hsts = \"max-age=60\"",
        room: "page.frame_ancestors = [\"https://www.shop.example\"]",
        tls: false,
        ..Setup::default()
    });
    let google = ("User-Agent", "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)");
    let answer = world.fan().send("GET", "/seats", &[HTML, google], "");
    assert_eq!((answer.status, answer.header("retry-after")), (503, Some("3600")));
    let page = world.fan().visit("/seats");
    assert_eq!(page.status, 200);
    assert!(page.header("content-security-policy").unwrap().contains("frame-ancestors https://www.shop.example;"));
    assert!(page.header("strict-transport-security").is_none(), "without TLS it says nothing");
}

#[test]
fn redirects_never_leave_the_site() {
    let world = World::start(Setup::default());
    for return_to in [
        "https%3A%2F%2Fevil.example%2F",
        "%2F%2Fevil.example",
        "%2F%5Cevil.example",
        "%5C%5Cevil.example",
        "evil.example",
        "%2F%2509%2Fevil.example",
        "javascript%3Aalert(1)",
        "%2Fa%0D%0ASet-Cookie%3A%20x%3Dy",
        "%2F..%2F%2Fevil.example",
        "",
    ] {
        let answer = form(&mut world.fan(), "join", &format!("return_to={return_to}"), &[]);
        assert_eq!((answer.status, answer.header("location")), (400, None), "{return_to}");
    }
}

#[test]
fn other_sites_cannot_act_for_a_fan() {
    let world = World::start(Setup::default());
    let own = format!("http://{}", world.address);
    for (headers, status) in [
        (vec![("Origin", "https://evil.example")], 403),
        (vec![("Origin", "null")], 403),
        (vec![("Sec-Fetch-Site", "cross-site")], 403),
        (vec![("Sec-Fetch-Site", "same-site"), ("Origin", own.as_str())], 403),
        (vec![("Origin", own.as_str())], 303),
        (vec![("Sec-Fetch-Site", "same-origin"), ("Origin", "null")], 303),
        (vec![], 303),
    ] {
        for call in ["join", "claim", "leave"] {
            let mut fan = world.fan();
            form(&mut fan, "join", "return_to=/", &[]);
            assert_eq!(form(&mut fan, call, "return_to=/", &headers).status, status, "{call} {headers:?}");
        }
    }
}

#[test]
fn bodies_that_cannot_be_read_say_what_is_wrong() {
    let world = World::start(Setup::default());
    for body in ["{", "[]", "{}", "{\"nonce\":1}", "{\"nonce\":\"short\"}", "nonce=x"] {
        let answer = world.fan().call("join", body);
        assert_eq!((answer.status, answer.problem().as_str()), (400, "bad-body"), "{body}");
    }
    let mut fan = world.fan();
    assert_eq!(fan.call("claim", "").problem(), "no-ticket");
    fan.cookies.insert("fairgate-ticket-final".to_owned(), "a.b.c".to_owned());
    let forged = fan.call("claim", "");
    assert_eq!((forged.status, forged.problem().as_str()), (401, "bad-ticket"));
    assert!(fan.cookies.is_empty());
    assert_eq!(world.status()["line_size"], 0);
}

#[test]
fn programs_may_bring_their_ticket_as_a_bearer_token() {
    let world = World::start(Setup::default());
    let mut fan = world.fan();
    let ticket = fan.join(1).json()["ticket"].as_str().unwrap().to_owned();
    fan.cookies.clear();
    world.wait_until("called", |status| status["serving"] == 1);
    let bearer = format!("Bearer {ticket}");
    let claimed = fan.send("POST", "/.fairgate/final/claim", &[("Authorization", &bearer)], "");
    assert_eq!(claimed.status, 200, "{}", claimed.text());
    let pass = format!("Bearer {}", claimed.json()["pass"].as_str().unwrap());
    fan.cookies.clear();
    assert_eq!(fan.send("GET", "/seats", &[("Authorization", &pass)], "").text(), "shop");
    assert_eq!(fan.send("GET", "/seats", &[("Authorization", &bearer)], "").status, 503, "a ticket is no pass");
}

/// The waiting page sends its ticket as a bearer token, and its browser the cookie of the same ticket.
#[test]
fn a_page_that_leaves_with_its_ticket_in_both_places_joins_anew() {
    let world = World::start(Setup::default());
    let mut fan = world.fan();
    let ticket = fan.join(1).json()["ticket"].as_str().unwrap().to_owned();
    let bearer = format!("Bearer {ticket}");
    let both = [("Authorization", bearer.as_str()), ("Content-Type", "application/json")];
    assert_eq!(fan.send("POST", "/.fairgate/final/leave", &both, "{}").status, 204);
    assert!(fan.cookies.is_empty(), "it would bring the place back that was given up: {:?}", fan.cookies);
    assert_eq!(fan.join(2).json()["place"], 1);
}

/// What a browser sends with a form of the shop's own page.
const OWN_FORM: [(&str, &str); 5] = [
    HTML,
    ("Content-Type", "application/x-www-form-urlencoded"),
    ("Sec-Fetch-Site", "same-origin"),
    ("Sec-Fetch-Mode", "navigate"),
    ("Accept-Language", "pt-PT,pt;q=0.9,en;q=0.8"),
];

/// The form on a page: where it goes, and its fields as a browser would send them again.
fn form_of(page: &Answer) -> (String, String) {
    let html = page.text();
    let between =
        |text: &str, from: &str, to: &str| text.split(from).nth(1).and_then(|rest| rest.split(to).next()).map(unescape);
    let action = between(&html, "action=\"", "\"").unwrap_or_else(|| panic!("no form: {html}"));
    let mut body = form_urlencoded::Serializer::new(String::new());
    for input in html.split("<input type=\"hidden\"").skip(1) {
        body.append_pair(&between(input, "name=\"", "\"").unwrap(), &between(input, "value=\"", "\"").unwrap());
    }
    (action, body.finish())
}

fn unescape(text: &str) -> String {
    let pairs = [
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&quot;", "\""),
        ("&#39;", "'"),
        ("&#13;", "\r"),
        ("&#10;", "\n"),
        ("&amp;", "&"),
    ];
    pairs.iter().fold(text.to_owned(), |text, (from, to)| text.replace(from, to))
}

const SEATS: &str = "seat=A%26B+7&note=%3Cb%3E%22%C3%A9%22%0D%0Asecond+line&submit=go";

#[test]
fn a_form_that_cannot_be_served_now_is_kept_and_sent_again() {
    let world = World::start(Setup {
        edge: "limits.session_per_minute = 60\nlimits.session_burst = 3",
        upstream: "max_in_flight = 1\nqueue = 0",
        ..Setup::default()
    });
    let mut fan = world.fan();
    let check = |page: &Answer, status: u16, title: &str| {
        assert_eq!((page.status, page.header("content-language")), (status, Some("pt")), "{}", page.text());
        assert!(page.text().contains(title) && !page.text().contains("http-equiv"), "{}", page.text());
        assert!(page.header("retry-after").is_some() && page.header("content-security-policy").is_some());
        assert_eq!(form_of(page), ("/reserve?event=7".to_owned(), SEATS.to_owned()));
    };
    // The pass has ended, or there has been none yet.
    let outside = fan.send("POST", "/reserve?event=7", &OWN_FORM, SEATS);
    check(&outside, 503, "O seu formulário está guardado");
    assert!(outside.text().contains("href=\"/reserve?event=7\" target=\"_blank\""), "{}", outside.text());
    fan.enter(1);
    // The shop is full.
    let slow = std::thread::spawn({
        let mut fan = fan.clone();
        move || fan.get("/slow").status
    });
    world.shop.wait_for("/slow");
    let full = fan.send("POST", "/reserve?event=7", &OWN_FORM, SEATS);
    check(&full, 503, "A loja não aguenta mais");
    assert_eq!(slow.join().unwrap(), 200);
    assert!(world.shop.seen("/reserve").is_empty());
    // It is sent again as it stands there, and then too often.
    let (action, body) = form_of(&full);
    let answers: Vec<Answer> = (0..5).map(|_| fan.send("POST", &action, &OWN_FORM, &body)).collect();
    assert_eq!(answers[0].status, 200);
    check(answers.last().unwrap(), 429, "pedem mais vezes");
    assert_eq!(world.shop.seen("/reserve")[0].body, SEATS.as_bytes());
    // A form with a file, and a program's request, are told what they need to know.
    let multipart = [HTML, ("Content-Type", "multipart/form-data; boundary=x"), OWN_FORM[4]];
    assert!(fan.send("POST", "/reserve", &multipart, "--x--").text().contains("não chegou"));
    let program = fan.send("POST", "/reserve", &[("Content-Type", "application/json")], "{}");
    assert_eq!(program.problem(), "too-many-requests");
    let mut second = world.fan();
    second.enter(2);
    let down = second.send("POST", "/hang-up", &OWN_FORM, SEATS);
    assert!(down.status == 503 && down.text().contains("A loja não responde"), "{}", down.text());
    assert_eq!(form_of(&down), ("/hang-up".to_owned(), SEATS.to_owned()));
}

#[test]
fn what_a_bank_sends_back_arrives() {
    let world = World::start(Setup { room: "return_paths = [\"/pay/return\"]", ..Setup::default() });
    let mut fan = world.fan();
    fan.enter(1);
    let bank = [
        HTML,
        ("Content-Type", "application/x-www-form-urlencoded"),
        ("Origin", "https://acs.bank.example"),
        ("Sec-Fetch-Site", "cross-site"),
        ("Sec-Fetch-Mode", "navigate"),
    ];
    let cres = "cres=eyJhY3NUcmFuc0lEIjoiMSJ9&threeDSSessionData=a%2Bb%3D%3D";
    // A browser sends no SameSite=Lax cookies with it.
    let mut without = world.fan();
    let page = without.send("POST", "/pay/return?order=9", &bank, cres);
    assert_eq!((page.status, page.header("cache-control")), (200, Some("no-store")));
    let script = "HTMLFormElement.prototype.submit.call(document.forms[0])";
    assert!(page.text().contains(&format!("<script>{script}</script>")) && page.text().contains("<button>"));
    assert!(page.header("content-security-policy").unwrap().contains("script-src 'sha256-"));
    let (action, body) = form_of(&page);
    let arrived = fan.send("POST", &action, &OWN_FORM, &body);
    assert_eq!(arrived.status, 200);
    let seen = world.shop.seen("/pay/return?order=9").remove(0);
    assert_eq!(seen.body, cres.as_bytes());
    // Elsewhere the fan is asked; browsers that say no more than an origin are understood, too.
    let asked = without.send("POST", "/account/delete", &bank[..3], "sure=yes");
    assert!(asked.status == 503 && asked.text().contains("acs.bank.example") && !asked.text().contains("<script"));
    assert!(world.shop.seen("/account").is_empty());
    // Sent on without a pass, it is not sent round in circles.
    let still_outside = without.send("POST", &action, &OWN_FORM, &body);
    assert!(still_outside.status == 503 && !still_outside.text().contains("<script"));
}
