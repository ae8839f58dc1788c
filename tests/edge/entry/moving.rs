//! A fan takes the place to another device on purpose: offered, accepted and confirmed, over sockets.

use fairgate_entry::binding::{Keepsake, Offer, Thumbprint};
use fairgate_testkit::fan::{Answer, Fan};
use serde_json::{Value, json};

use super::device::{Device, claims_of, proof_nonce, send};
use super::mail::{Sink, sign_in};
use super::{ENV, assert_entered, assert_refused, nonce, spelled};
use crate::world::{Setup, World};

const BOUND: &str = "[room.entry]\nbinding = \"key\"";
const TICKET: &str = "fairgate-ticket-final";
const BEHIND: &str = "trusted_proxies = [\"127.0.0.0/8\"]";

/// A room whose pool is open, so that nobody is called meanwhile.
fn pooling(entry: &'static str) -> Setup {
    Setup { entry, env: ENV, starts_in_ms: 3_600_000, ..Setup::default() }
}

/// A fan whose device has a place: the fan, the device, and the ticket.
fn placed(world: &World, byte: u8) -> (Fan, Device, String) {
    let (mut fan, device) = (world.fan(), Device::new());
    let joined = assert_entered(&device.join(&mut fan, byte));
    (fan, device, joined["ticket"].as_str().unwrap().to_owned())
}

/// The device offers its place.
fn offered(fan: &mut Fan, device: &Device, ticket: &str) -> Value {
    assert_entered(&device.call(fan, "move", ticket, &json!({"return_to": "/seats?row=1"}).to_string()))
}

fn told(offer: &Value) -> &str {
    offer["offer"].as_str().unwrap()
}

/// The other device accepts what it is shown: the offer, or its letters.
fn accept(fan: &mut Fan, device: &Device, (name, said): (&str, &str), byte: u8) -> Answer {
    let keepsake = Keepsake::of(&nonce(byte)).hash().to_base64url();
    let body = json!({name: said, "jkt": device.jkt(), "keepsake": keepsake});
    device.call(fan, "move/accept", said, &body.to_string())
}

fn confirm(fan: &mut Fan, device: &Device, ticket: &str, offer: &str, number: &Value) -> Answer {
    device.call(fan, "move/confirm", ticket, &json!({"offer": offer, "number": number}).to_string())
}

fn waiting(answer: &Answer) -> Value {
    assert_eq!(answer.status, 202, "{}", answer.text());
    answer.json()
}

/// Takes a place from one device to another, and answers the other one's receipt.
fn moved(from: (&mut Fan, &Device, &str), to: (&mut Fan, &Device), byte: u8) -> Value {
    let (fan, device, ticket) = from;
    let offer = offered(fan, device, ticket);
    let number = waiting(&accept(to.0, to.1, ("offer", told(&offer)), byte))["number"].clone();
    assert_entered(&confirm(fan, device, ticket, told(&offer), &number));
    assert_entered(&accept(to.0, to.1, ("offer", told(&offer)), byte))
}

#[test]
fn a_place_goes_to_the_device_that_shows_the_same_number_and_a_copy_of_the_first_claims_nothing() {
    let world = World::start(Setup { entry: BOUND, env: ENV, ..Setup::default() });
    assert_eq!(world.status()["entry"]["moves"], 1);
    let (mut fan, device, ticket) = placed(&world, 1);
    let offer = offered(&mut fan, &device, &ticket);
    let page = format!("http://{}/.fairgate/final/move", world.address);
    assert_eq!(offer["url"], format!("{page}#{}", told(&offer)));
    assert!(
        offer["qr"]["size"].as_u64() >= Some(25) && offer["qr"]["path"].as_str().unwrap().starts_with('M'),
        "{offer}"
    );
    let letters = Offer::read(told(&offer)).unwrap().letters().printed();
    assert_eq!((offer["letters"].as_str(), offer.get("number")), (Some(&*letters), None));

    let (mut second, other) = (world.fan(), Device::new());
    let shown = second.visit("/.fairgate/final/move");
    assert!(shown.status == 200 && shown.text().contains("id=\"letters\""), "{}", shown.text());
    assert_refused(&confirm(&mut fan, &device, &ticket, told(&offer), &json!("00")), 409, "not-accepted");
    let seen = waiting(&accept(&mut second, &other, ("letters", &letters.to_lowercase()), 9));
    let asked = json!({"offer": told(&offer)}).to_string();
    let seen_first = assert_entered(&device.call(&mut fan, "move", &ticket, &asked));
    assert_eq!((&seen["number"], &seen["until_ms"]), (&seen_first["number"], &offer["until_ms"]));
    let number = Offer::read(told(&offer)).unwrap().number(&Thumbprint::read(&other.jkt()).unwrap());
    assert_eq!(seen["number"], number);
    // Whoever has seen the offer, too, is too late, and a copy of the first device's cookies confirms nothing.
    assert_refused(&accept(&mut world.fan(), &Device::new(), ("offer", told(&offer)), 8), 409, "offer-taken");
    let mut thief = Fan { cookies: fan.cookies.clone(), ..world.fan() };
    let stolen = Device::new();
    assert_refused(&confirm(&mut thief, &stolen, &ticket, told(&offer), &seen["number"]), 401, "proof-wrong");
    assert_refused(&stolen.call(&mut thief, "move", &ticket, "{}"), 401, "proof-wrong");

    let before_ms = world.status()["now_ms"].as_u64();
    let done = assert_entered(&confirm(&mut fan, &device, &ticket, told(&offer), &seen["number"]));
    assert!(done["since_ms"].as_u64() >= before_ms, "{done}");
    // Once more, as after a lost answer.
    assert_entered(&confirm(&mut fan, &device, &ticket, told(&offer), &seen["number"]));
    let got = assert_entered(&accept(&mut second, &other, ("letters", &letters.to_lowercase()), 9));
    assert_eq!(got["return_to"], "/seats?row=1");
    assert_eq!(got["ticket"].as_str(), second.cookies.get(TICKET).map(String::as_str));
    let (own, first) = (claims_of(got["ticket"].as_str().unwrap()), claims_of(&ticket));
    assert_eq!((&own["cnf"]["jkt"], &own["moves"], &own["n"]), (&json!(other.jkt()), &json!(1), &first["n"]));
    assert_eq!(own["kps"], Keepsake::of(&nonce(9)).hash().to_base64url());
    let metrics = Fan::new(world.admin_address).get("/metrics").text();
    assert!(metrics.contains("fairgate_moves_total{by=\"purpose\"} 1\n"), "a retry is no second move");

    world.wait_until("the move is published", |status| status["draw"]["entry"]["moved"] == 1);
    let place = got["place"].as_u64().or(got["index"].as_u64()).unwrap();
    world.wait_until("the place is called", |status| status["serving"].as_u64() > Some(place));
    for call in ["claim", "leave", "move"] {
        let told = assert_refused(&device.call(&mut fan, call, &ticket, "{}"), 409, "moved");
        assert!(told["since_ms"].as_u64() >= before_ms, "{told}");
    }
    assert_refused(&thief.call("claim", "{}"), 403, "prove-otherwise");
    let named = json!({"jkt": stolen.jkt(), "keepsake": Keepsake::of(&nonce(1)).printed()});
    assert_refused(&thief.call("claim", &named.to_string()), 409, "moved");
    let token = got["ticket"].as_str().unwrap().to_owned();
    assert_refused(&other.call(&mut second, "move", &token, "{}"), 403, "move-spent");
    for _ in 0..200 {
        let claimed = other.call(&mut second, "claim", &token, "{}");
        if claimed.status == 200 {
            assert_eq!(claims_of(claimed.json()["pass"].as_str().unwrap())["cnf"]["jkt"], other.jkt());
            return;
        }
        assert_eq!(claimed.status, 202, "{}", claimed.text());
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    panic!("never let in");
}

#[test]
fn a_number_that_differs_ends_the_offer_and_so_does_another_offer_of_the_same_place() {
    let world = World::start(pooling(BOUND));
    let (mut fan, device, ticket) = placed(&world, 1);
    let (mut second, other) = (world.fan(), Device::new());
    let first = offered(&mut fan, &device, &ticket);
    let again = offered(&mut fan, &device, &ticket);
    assert_ne!(first["offer"], again["offer"]);
    assert_refused(&accept(&mut second, &other, ("offer", told(&first)), 2), 404, "offer-unknown");
    let seen = waiting(&accept(&mut second, &other, ("offer", told(&again)), 2));
    let number: u8 = seen["number"].as_str().unwrap().parse().unwrap();
    let wrong = json!(format!("{:02}", (number + 1) % 100));
    assert_refused(&confirm(&mut fan, &device, &ticket, told(&again), &wrong), 403, "number-wrong");
    for known in [&seen["number"], &wrong] {
        assert_refused(&confirm(&mut fan, &device, &ticket, told(&again), known), 404, "offer-unknown");
    }
    assert_refused(&accept(&mut second, &other, ("offer", told(&again)), 2), 404, "offer-unknown");
    assert!(!second.cookies.contains_key(TICKET));
    // Another place's device has no say, whatever it knows.
    let (mut stranger, third, own) = placed(&world, 5);
    let offer = offered(&mut fan, &device, &ticket);
    let seen = waiting(&accept(&mut second, &other, ("offer", told(&offer)), 2));
    assert_refused(&confirm(&mut stranger, &third, &own, told(&offer), &seen["number"]), 404, "offer-unknown");
    // Nor has the offer's first half.
    let half = Offer::read(told(&offer)).unwrap().letters();
    let mut bytes = [0; 20];
    bytes[..5].copy_from_slice(&bits_of(&half.printed()));
    let guessed = Offer::from_bytes(bytes).to_base64url();
    assert_refused(&accept(&mut second, &other, ("offer", &guessed), 2), 404, "offer-unknown");
    assert_refused(&accept(&mut fan, &device, ("offer", told(&offer)), 1), 409, "offer-taken");
}

/// The first 40 bits of an offer, from its letters.
fn bits_of(letters: &str) -> [u8; 5] {
    let value = |letter: char| "0123456789ABCDEFGHJKMNPQRSTVWXYZ".find(letter).unwrap() as u64;
    let bits = letters.chars().filter(|letter| *letter != '-').fold(0, |bits, letter| bits << 5 | value(letter));
    bits.to_be_bytes()[3..].try_into().unwrap()
}

#[test]
fn a_place_moves_as_often_as_the_room_says_and_never_where_it_says_never() {
    let world = World::start(pooling("[room.entry]\nbinding = \"key\"\nmoves = 2"));
    let (mut fan, first, ticket) = placed(&world, 1);
    let [(mut one, second), (mut two, third)] = [(world.fan(), Device::new()), (world.fan(), Device::new())];
    let got = moved((&mut fan, &first, &ticket), (&mut one, &second), 2);
    let ticket = got["ticket"].as_str().unwrap().to_owned();
    let got = moved((&mut one, &second, &ticket), (&mut two, &third), 3);
    let ticket = got["ticket"].as_str().unwrap().to_owned();
    assert_eq!(claims_of(&ticket)["moves"], 2);
    assert_refused(&third.call(&mut two, "move", &ticket, "{}"), 403, "move-spent");
    drop(world);
    let world = World::start(pooling("[room.entry]\nbinding = \"key\"\nmoves = 0"));
    let (mut fan, device, ticket) = placed(&world, 1);
    assert_eq!(world.status()["entry"]["moves"], 0);
    assert_refused(&device.call(&mut fan, "move", &ticket, "{}"), 404, "not-asked");
    assert_refused(&accept(&mut world.fan(), &Device::new(), ("letters", "ABCDEFGH"), 2), 404, "not-asked");
    assert_eq!(world.fan().get("/.fairgate/final/move").problem(), "not-asked");
    drop(world);
    let world = World::start(pooling("[room.entry]\nany_of = [\"work\"]"));
    assert!(world.status()["entry"].get("moves").is_none());
    assert_refused(&world.fan().call("move", "{}"), 404, "not-asked");
}

#[test]
fn letters_cannot_be_guessed() {
    let world = World::start(Setup { edge: BEHIND, ..pooling(BOUND) });
    let (mut fan, device, ticket) = placed(&world, 1);
    let offer = offered(&mut fan, &device, &ticket);
    let letters = offer["letters"].as_str().unwrap();
    let guesser = Device::new();
    let guess = |from: &str, letters: &str| {
        let mut stranger = world.fan();
        let nonce = proof_nonce(&mut stranger);
        let origin = format!("http://{}", world.address);
        let proof = guesser.proof(&Device::claims(&origin, "move/accept", &nonce, letters));
        let body = json!({"letters": letters, "jkt": guesser.jkt()}).to_string();
        let headers = [("Content-Type", "application/json"), ("DPoP", &*proof), ("X-Forwarded-For", from)];
        stranger.send("POST", "/.fairgate/final/move/accept", &headers, &body)
    };
    for n in 0..20_u64 {
        let wrong = format!("{:08}", 10_000_000 + n);
        assert_refused(&guess("203.0.113.7", &wrong), 404, "offer-unknown");
    }
    let held = guess("203.0.113.7", letters);
    assert!(assert_refused(&held, 429, "too-many-requests")["retry_after_ms"].as_u64() > Some(0));
    assert!(held.header("retry-after").is_some());
    for no_letters in ["", "ABC", "ABCDEFGU"] {
        assert_refused(&guess("198.51.100.7", no_letters), 404, "offer-unknown");
    }
    assert_refused(&guess("198.51.100.7", &"A".repeat(65)), 400, "bad-body");
    assert_eq!(guess("198.51.100.7", letters).status, 202, "others go on");
}

#[test]
fn who_accepts_proves_the_key_that_gets_the_place() {
    let world = World::start(pooling(BOUND));
    let (mut fan, device, ticket) = placed(&world, 1);
    let offer = offered(&mut fan, &device, &ticket);
    let (mut second, other, thief) = (world.fan(), Device::new(), Device::new());
    let body = json!({"offer": told(&offer), "jkt": other.jkt()}).to_string();
    let unproved = second.call("move/accept", &body);
    assert_refused(&unproved, 401, "use-proof-nonce");
    let nonce = unproved.header("dpop-nonce").unwrap().to_owned();
    let origin = format!("http://{}", world.address);
    let of = |device: &Device, said: &str| device.proof(&Device::claims(&origin, "move/accept", &nonce, said));
    assert_refused(&send(&mut second, "move/accept", &of(&thief, told(&offer)), &body), 401, "proof-wrong");
    assert_refused(&send(&mut second, "move/accept", &of(&other, "another"), &body), 401, "proof-wrong");
    for (bad, name) in [
        (json!({"offer": told(&offer)}), "jkt"),
        (json!({"offer": told(&offer), "jkt": other.jkt(), "keepsake": "AA"}), "keepsake"),
        (json!({"jkt": other.jkt()}), "offer"),
        (json!({"offer": "AAAA", "jkt": other.jkt()}), "offer"),
    ] {
        let said = bad["offer"].as_str().unwrap_or_default();
        let refused = send(&mut second, "move/accept", &of(&other, said), &bad.to_string());
        assert!(assert_refused(&refused, 400, "bad-body")["detail"].as_str().unwrap().contains(name), "{bad}");
    }
    assert_eq!(send(&mut second, "move/accept", &of(&other, told(&offer)), &body).status, 202);
    let foreign = [("Content-Type", "application/json"), ("Sec-Fetch-Site", "cross-site")];
    let foreign = second.send("POST", "/.fairgate/final/move/accept", &foreign, &body);
    assert_refused(&foreign, 403, "foreign-origin");
    // A browser that can keep no key has none to move by.
    let mut keyless = world.fan();
    keyless.call("join", &json!({"nonce": spelled(&super::nonce(7))}).to_string());
    assert_refused(&keyless.call("move", "{}"), 403, "prove-otherwise");
}

#[test]
fn in_a_room_with_identities_whoever_confirms_is_signed_in() {
    const MAIL: &str = "[room.entry]\nidentity = [\"mail\"]\nany_of = [\"mail\"]\nbinding = \"key\"\n[room.entry.mail]\n\
                        smtp = \"smtp://{double}\"\nfrom = \"Box office <tickets@example.com>\"";
    const ME: &str = "fairgate-me-final";
    let sink = Sink::start();
    let world = World::start(Setup { double: Some(sink.address), ..pooling(MAIL) });
    let (mut fan, device) = (world.fan(), Device::new());
    sign_in(&mut fan, &sink, 1, "ana@example.com");
    let ticket = assert_entered(&device.join(&mut fan, 1))["ticket"].as_str().unwrap().to_owned();
    let voucher = fan.cookies.remove(ME).unwrap();
    let offer = offered(&mut fan, &device, &ticket);
    let (mut second, other) = (world.fan(), Device::new());
    let seen = waiting(&accept(&mut second, &other, ("offer", told(&offer)), 2));
    let asked =
        assert_refused(&confirm(&mut fan, &device, &ticket, told(&offer), &seen["number"]), 428, "entry-required");
    assert_eq!(asked["any_of"], json!(["mail"]));
    sign_in(&mut fan, &sink, 2, "eve@example.com");
    assert_refused(&confirm(&mut fan, &device, &ticket, told(&offer), &seen["number"]), 428, "entry-required");
    fan.cookies.insert(ME.to_owned(), voucher);
    assert_entered(&confirm(&mut fan, &device, &ticket, told(&offer), &seen["number"]));
    let got = assert_entered(&accept(&mut second, &other, ("offer", told(&offer)), 2));
    assert_eq!(got["tag"].as_str().map(str::len), Some(32));
    assert_eq!(claims_of(got["ticket"].as_str().unwrap())["tag"], claims_of(&ticket)["tag"]);
}

#[test]
fn an_edge_that_is_started_again_knows_no_offers_and_all_moves() {
    let mut world = World::start(pooling(BOUND));
    let (mut fan, device, ticket) = placed(&world, 1);
    let (mut second, other) = (world.fan(), Device::new());
    let open = offered(&mut fan, &device, &ticket);
    world.kill();
    world.start_edge();
    let (mut fan, mut after) = (Fan { cookies: fan.cookies, ..world.fan() }, world.fan());
    assert_refused(&accept(&mut after, &other, ("offer", told(&open)), 2), 404, "offer-unknown");
    second.address = world.address;
    let got = moved((&mut fan, &device, &ticket), (&mut second, &other), 2);
    world.kill();
    world.start_edge();
    let mut fan = Fan { cookies: fan.cookies, ..world.fan() };
    assert_refused(&device.call(&mut fan, "leave", &ticket, "{}"), 409, "moved");
    let mut second = Fan { cookies: second.cookies, ..world.fan() };
    let token = got["ticket"].as_str().unwrap();
    assert_eq!(other.call(&mut second, "leave", token, "{}").status, 204);
}
