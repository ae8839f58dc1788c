//! A fan's whole way, over sockets: countdown, pool, draw, line, claim, shop.

use std::thread::sleep;
use std::time::Duration;

use fairgate_draw::{Record, Shuffle};
use serde_json::json;

use crate::fan::{Fan, HTML};
use crate::world::{Setup, World};

#[test]
fn from_the_countdown_into_the_shop() {
    let world = World::start(Setup { opens_in_ms: -1_000, starts_in_ms: 8_000, ..Setup::default() });
    let mut fans: Vec<Fan> = (0..20).map(|_| world.fan()).collect();
    let indexes: Vec<u64> = fans.iter_mut().zip(0..).map(|(fan, nonce)| pooled(fan, nonce)).collect();
    assert_eq!(
        {
            let mut sorted = indexes.clone();
            sorted.sort_unstable();
            sorted
        },
        (0..20).collect::<Vec<_>>()
    );
    assert_eq!(fans[3].call("claim", "").status, 202);

    let frozen = world.wait_until("frozen", |status| !status["draw"]["root"].is_null());
    assert_eq!(
        (&frozen["phase"], &frozen["draw"]["secret"]),
        (&json!("drawing"), &json!(null)),
        "the root comes first"
    );
    let mut late = world.fan();
    assert_eq!(late.join(99).json()["place"], 20, "who comes during the draw stands behind it");

    world.wait_until("serving", |status| status["phase"] == "serving");
    let record: Record = serde_json::from_slice(&world.fan().get("/.fairgate/final/draw").body).unwrap();
    let shuffle = Shuffle::new(&record.seed.unwrap(), record.entries.unwrap());
    for (fan, index) in fans.iter_mut().zip(indexes) {
        let admitted = claimed(fan);
        assert_eq!(admitted["place"], shuffle.place(index).unwrap(), "each fan has the place of its index");
    }
    assert_eq!(claimed(&mut late)["place"], 20);
    inside(&world, &mut late);
}

#[test]
fn before_the_pool_opens_there_is_a_page_and_nothing_to_join() {
    let world = World::start(Setup { opens_in_ms: 600_000, starts_in_ms: 700_000, ..Setup::default() });
    let mut fan = world.fan();
    let page = fan.visit("/tickets");
    assert_eq!((page.status, page.header("cache-control")), (200, Some("no-store")));
    assert!(page.header("content-security-policy").is_some() && page.all("set-cookie").is_empty());
    let opens_at_ms = fan.get("/.fairgate/final/status").json()["opens_at_ms"].as_i64().unwrap();
    let opens = jiff::Timestamp::from_millisecond(opens_at_ms).unwrap();
    let without_scripts = page.text();
    let without_scripts = &without_scripts[without_scripts.find("<noscript>\n<p").expect("a part for them")..];
    for part in [&opens.strftime("%F %H:%M (UTC)").to_string(), "/.fairgate/final/calendar.ics"] {
        assert!(without_scripts.contains(part), "{part}: {without_scripts}");
    }
    let calendar = fan.get("/.fairgate/final/calendar.ics");
    assert_eq!((calendar.status, calendar.header("content-type")), (200, Some("text/calendar; charset=utf-8")));
    for line in [opens.strftime("DTSTART:%Y%m%dT%H%M%SZ\r\n").to_string(), "UID:final-draw-".to_owned()] {
        assert!(calendar.text().contains(&line), "{line}: {}", calendar.text());
    }
    let refused = fan.join(1);
    assert_eq!((refused.status, refused.problem().as_str()), (409, "not-open"));
    assert!(refused.header("retry-after").is_some());
    assert!(world.shop.seen("/").is_empty(), "nothing reaches the shop");
}

#[test]
fn a_shops_own_login_stands_in_no_tickets_way() {
    let world = World::start(Setup::default());
    let mut fan = world.fan();
    fan.join(1);
    world.wait_until("called", |status| status["serving"] == 1);
    assert_eq!(fan.get("/.fairgate/final/calendar.ics").status, 404, "nothing is to come");
    let login = [("Authorization", "Bearer eyJhbGciOiJIUzI1NiJ9.e30.c2hvcA")];
    let again = fan.send("POST", "/.fairgate/final/join", &login, "{\"nonce\":\"AAECAwQFBgcICQoLDA0ODw\"}");
    assert_eq!(again.json()["place"], 0, "joining again is answered with the place that the cookie shows");
    let claimed = fan.send("POST", "/.fairgate/final/claim", &login, "");
    assert_eq!((claimed.status, claimed.json()["place"].as_u64()), (200, Some(0)), "{}", claimed.text());
    assert_eq!(fan.send("GET", "/seats", &login, "").status, 200);
    // Without a cookie it is no ticket, and there is nothing to clear.
    let refused = world.fan().send("POST", "/.fairgate/final/claim", &login, "");
    assert_eq!((refused.status, refused.all("set-cookie").len()), (401, 0), "{refused:?}");
}

#[test]
fn joins_by_get_are_joins() {
    let world = World::start(Setup {
        edge: "[edge.limits]\nunlimited = []\njoins_per_minute = 1\njoins_burst = 3",
        room: "join_on_get = true",
        ..Setup::default()
    });
    let answers: Vec<_> = (0..8).map(|_| world.fan().get("/seats")).collect();
    let tickets = answers.iter().filter(|answer| !answer.all("set-cookie").is_empty()).count();
    assert_eq!((tickets, answers[7].status, answers[7].problem().as_str()), (3, 429, "too-many-requests"));
    world.wait_until("three are in the line", |status| status["serving"] == 3);
    assert_eq!(world.fan().join(1).status, 429, "whichever way they come");
}

#[test]
fn what_a_script_fetches_into_its_page_is_no_waiting_page() {
    let world = World::start(Setup::default());
    let ask = |more: &[(&str, &str)]| world.fan().send("GET", "/part", &[&[HTML], more].concat(), "");
    assert_eq!(ask(&[("Sec-Fetch-Mode", "navigate"), ("Sec-Fetch-Dest", "document")]).status, 200);
    for fetched in [("Sec-Fetch-Mode", "cors"), ("X-Requested-With", "XMLHttpRequest"), ("Turbo-Frame", "cart")] {
        let answer = ask(&[fetched]);
        assert_eq!((answer.status, answer.problem().as_str()), (503, "waiting-room"), "{fetched:?}");
    }
}

fn pooled(fan: &mut Fan, nonce: u8) -> u64 {
    let joined = fan.join(nonce);
    assert_eq!(joined.status, 200, "{}", joined.text());
    let body = joined.json();
    assert_eq!(body["kind"], "pool");
    let again = fan.join(nonce + 100);
    assert_eq!(again.json()["index"], body["index"], "the ticket counts, not the nonce");
    let mut forgetful = Fan::new(fan.address);
    assert_eq!(forgetful.join(nonce).json()["index"], body["index"], "a lost answer is given again");
    body["index"].as_u64().unwrap()
}

fn claimed(fan: &mut Fan) -> serde_json::Value {
    for _ in 0..100 {
        let claim = fan.call("claim", "");
        if claim.status == 200 {
            let again = fan.call("claim", "").json();
            let first = claim.json();
            assert_eq!((&again["session"], &again["admitted_at_ms"]), (&first["session"], &first["admitted_at_ms"]));
            return first;
        }
        assert_eq!(claim.status, 202, "{}", claim.text());
        sleep(Duration::from_millis(50));
    }
    panic!("never let in");
}

fn inside(world: &World, fan: &mut Fan) {
    let mut outside = world.fan();
    assert_eq!(outside.get("/seats?x=1").problem(), "waiting-room");
    assert_eq!(outside.send("POST", "/seats", &[HTML], "a=b").status, 503);
    assert!(world.shop.seen("/seats").is_empty());
    let seats = fan.visit("/seats?x=1");
    assert_eq!((seats.status, seats.text().as_str()), (200, "shop"));
    let posted = fan.send("POST", "/seats", &[], "a=b");
    assert_eq!(posted.status, 200);
    let seen = world.shop.seen("/seats");
    assert_eq!((seen[0].line.as_str(), seen[1].body.as_slice()), ("GET /seats?x=1 HTTP/1.1", &b"a=b"[..]));
}

#[test]
fn the_roster_and_its_proofs_are_public() {
    let world = World::start(Setup { opens_in_ms: -1_000, starts_in_ms: 6_000, ..Setup::default() });
    let pending = world.fan().get("/.fairgate/final/draw/roster");
    assert_eq!((pending.status, pending.problem().as_str()), (409, "draw-pending"));
    let entries: Vec<String> =
        (0..5).map(|nonce| world.fan().join(nonce).json()["entry"].as_str().unwrap().to_owned()).collect();
    let status = world.wait_until("frozen", |status| !status["draw"]["root"].is_null());
    let mut fan = world.fan();
    let roster = fan.get("/.fairgate/final/draw/roster");
    assert_eq!(roster.status, 200);
    assert_eq!(roster.body, hex::decode(entries.concat()).unwrap());
    let part = fan.send("GET", "/.fairgate/final/draw/roster", &[("Range", "bytes=32-63")], "");
    assert_eq!((part.status, part.header("content-range")), (206, Some("bytes 32-63/160")));
    assert_eq!(hex::encode(part.body), entries[1]);
    let odd = fan.send("GET", "/.fairgate/final/draw/roster", &[("Range", "bytes=33-40")], "");
    assert_eq!(odd.body, hex::decode(&entries[1]).unwrap()[1..9]);
    let beyond = fan.send("GET", "/.fairgate/final/draw/roster", &[("Range", "bytes=160-")], "");
    assert_eq!((beyond.status, beyond.header("content-range")), (416, Some("bytes */160")));
    let proof = fan.get("/.fairgate/final/draw/proof/3").json();
    assert_eq!((&proof["entry"], &proof["root"]), (&json!(entries[3]), &status["draw"]["root"]));
    let path = proof["path"].as_array().unwrap().iter().map(|hash| bytes(hash.as_str().unwrap())).collect();
    let proof = fairgate_draw::InclusionProof { index: 3, entries: 5, path };
    assert!(proof.verify(&bytes(&entries[3]), &bytes(status["draw"]["root"].as_str().unwrap())));
    assert_eq!(fan.get("/.fairgate/final/draw/proof/5").problem(), "no-such-entry");
}

fn bytes(hex_text: &str) -> [u8; 32] {
    hex::decode(hex_text).unwrap().try_into().unwrap()
}

#[test]
fn the_status_is_one_document_for_everyone() {
    let world = World::start(Setup::default());
    let mut fan = world.fan();
    let status = fan.get("/.fairgate/final/status");
    assert_eq!(status.header("cache-control"), Some("public, max-age=1"));
    let body = status.json();
    for field in [
        "room",
        "title",
        "phase",
        "paused",
        "now_ms",
        "opens_at_ms",
        "starts_at_ms",
        "ends_at_ms",
        "pool_size",
        "line_size",
        "serving",
        "admitted",
        "active",
        "max_active",
        "rate_per_minute",
        "burst",
        "sold_out",
        "message",
        "stale",
        "poll",
        "draw",
    ] {
        assert!(body.get(field).is_some(), "{field}");
    }
    assert!(body["draw"]["descriptor"].is_object());
    let etag = status.header("etag").unwrap().to_owned();
    let again = fan.send("GET", "/.fairgate/final/status", &[("If-None-Match", &etag)], "");
    let head = fan.send("HEAD", "/.fairgate/final/status", &[], "");
    assert!(again.status == 304 && again.body.is_empty() || again.header("etag") != Some(&etag), "{again:?}");
    assert_eq!((head.status, head.header("content-type")), (200, Some("application/json")));
    assert!(head.header("content-length").unwrap().parse::<usize>().unwrap() > 500);
}

#[test]
fn a_place_can_be_given_up_and_expires() {
    let world = World::start(Setup {
        admission: "rate_per_minute = 60000\nburst = 1000\nmax_active = 10000\ngrace = \"1s\"",
        ..Setup::default()
    });
    let mut leaver = world.fan();
    leaver.join(1);
    assert_eq!(leaver.call("leave", "").status, 204);
    assert!(leaver.cookies.is_empty());
    assert_eq!(leaver.call("leave", "").problem(), "no-ticket");
    let mut late = world.fan();
    late.join(2);
    world.wait_until("called", |status| status["serving"] == 2);
    sleep(Duration::from_millis(1_500));
    let expired = late.call("claim", "");
    assert_eq!((expired.status, expired.problem().as_str()), (410, "expired"));
    assert!(late.cookies.is_empty(), "an expired ticket must not stand in the way of a new one");
    assert_eq!(late.join(3).json()["place"], 2);
}
