//! npm's `oidc-provider`: members sign in at it as a browser does, and the edge believes what it should, and only that.

use std::net::SocketAddr;
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use fairgate_testkit::fan::Fan;
use fairgate_testkit::free_port;
use fairgate_testkit::node::Client;
use serde_json::{Value, json};

use super::client;
use crate::entry::{IDENTITY, asking, assert_entered, assert_refused, join};
use crate::world::{Setup, World};

const CLUB: &str = "[room.entry]\nidentity = [\"club\"]\nany_of = [\"club\"]\n[[room.entry.oidc]]\nname = \"club\"\n\
                    issuer = \"http://{double}\"\nclient_id = \"fairgate\"\nclient_secret_env = \"CLUB_SECRET\"";
/// What has to be encoded twice on its way.
const SECRET: &str = "100 % our + secret: at the club";
const ENV: &[(&str, &str)] = &[("FAIRGATE_IDENTITY_KEY", IDENTITY), ("CLUB_SECRET", SECRET)];
const BEGIN: &str = "/.fairgate/final/entry/oidc/club?return_to=/tickets?day%3D1";
/// An errand is bounded by two seconds a try; the rest is this machine's.
const ONE_TRY: Duration = Duration::from_millis(3_500);
const TWO_TRIES: Duration = Duration::from_millis(5_500);

/// The provider, one process for all tests.
struct Club {
    client: Client,
    address: SocketAddr,
}

static CLUB_OF_ALL: LazyLock<Mutex<Club>> = LazyLock::new(|| {
    let address = SocketAddr::from(([127, 0, 0, 1], free_port().unwrap()));
    Mutex::new(Club { client: client("sign-in.mjs"), address })
});

impl Club {
    fn tell(&mut self, what: &str) -> Value {
        self.client.ask(&json!({ "do": what }))
    }

    fn slow(&mut self, time: Duration) {
        self.client.ask(&json!({"do": "slow", "ms": time.as_millis() as u64}));
    }
}

/// An edge, and the provider with the edge as its client.
fn world(alg: &str) -> (World, MutexGuard<'static, Club>) {
    let mut club = CLUB_OF_ALL.lock().unwrap_or_else(PoisonError::into_inner);
    let world = World::start(Setup { double: Some(club.address), env: ENV, ..asking(CLUB) });
    let back = format!("http://{}/.fairgate/final/entry/oidc/club/back", world.address);
    let own = json!({"client_id": "fairgate", "client_secret": SECRET, "redirect_uris": [back]});
    let at = club.address.to_string();
    club.client.ask(&json!({"do": "open", "at": at, "alg": alg, "client": own}));
    (world, club)
}

/// A browser: it keeps cookies of the edge and of the provider, and follows both.
struct Browser {
    edge: Fan,
    club: Fan,
}

impl Browser {
    fn new(world: &World, club: &Club) -> Self {
        Self { edge: world.fan(), club: Fan::new(club.address) }
    }

    /// Begins a sign-in; where the edge sends the browser.
    fn begin(&mut self) -> String {
        let answer = self.edge.visit(BEGIN);
        assert_eq!(answer.status, 302, "{}", answer.text());
        answer.header("location").unwrap().to_owned()
    }

    /// Goes through the provider's pages, and says this in its form; where the provider sends the browser in the end.
    fn through(&mut self, location: &str, said: &str) -> String {
        let (own, mut next) = (format!("http://{}", self.club.address), location.to_owned());
        for _ in 0..12 {
            let path = next.strip_prefix(&own).unwrap_or(&next).to_owned();
            if !path.starts_with('/') {
                let edge = format!("http://{}", self.edge.address);
                return path.strip_prefix(&edge).expect("the provider sends back to the edge").to_owned();
            }
            let mut answer = self.club.visit(&path);
            if answer.status == 200 {
                let kind = ("Content-Type", "application/x-www-form-urlencoded");
                answer = self.club.send("POST", &path, &[kind], said);
            }
            assert!(matches!(answer.status, 302 | 303), "{} {}", answer.status, answer.text());
            next = answer.header("location").unwrap().to_owned();
        }
        panic!("the provider sends from page to page: {next}");
    }

    /// Signs in; the way back, which the browser has not gone yet.
    fn back(&mut self, member: &str) -> String {
        let location = self.begin();
        self.through(&location, &format!("member={member}"))
    }

    #[track_caller]
    fn assert_signs_in(&mut self, member: &str) {
        let back = self.back(member);
        let answer = self.edge.visit(&back);
        assert_eq!((answer.status, answer.header("location")), (303, Some("/tickets?day=1")), "{}", answer.text());
        assert_eq!(self.ways(), json!(["club"]));
    }

    fn ways(&mut self) -> Value {
        self.edge.get("/.fairgate/final/entry/me").json()["ways"].clone()
    }
}

/// A request as it left the edge, with one parameter changed on its way; without it where there is no value.
fn tampered(location: &str, name: &str, value: Option<&str>) -> String {
    let (endpoint, query) = location.split_once('?').unwrap();
    let mut changed = form_urlencoded::Serializer::new(String::new());
    let mut found = false;
    for (known, old) in form_urlencoded::parse(query.as_bytes()) {
        found |= known == name;
        match (known == name, value) {
            (true, Some(value)) => drop(changed.append_pair(&known, value)),
            (true, None) => (),
            (false, _) => drop(changed.append_pair(&known, &old)),
        }
    }
    assert!(found, "{name} is in {location}");
    format!("{endpoint}?{}", changed.finish())
}

#[test]
fn a_member_signs_in_and_is_one_entry_on_every_device_whatever_the_provider_signs_with() {
    for alg in ["RS256", "ES256", "EdDSA"] {
        let (world, club) = world(alg);
        let (mut phone, mut laptop) = (Browser::new(&world, &club), Browser::new(&world, &club));
        phone.assert_signs_in("member-7");
        let first = assert_entered(&join(&mut phone.edge, 1, &json!({})));
        laptop.assert_signs_in("member-7");
        let second = assert_entered(&join(&mut laptop.edge, 2, &json!({})));
        assert_eq!((&first["index"], &second["again"]), (&second["index"], &json!(true)), "{alg}");
        let mut other = Browser::new(&world, &club);
        other.assert_signs_in("member-8");
        assert_ne!(assert_entered(&join(&mut other.edge, 3, &json!({})))["index"], first["index"], "{alg}");
        let log = world.log();
        assert!(!log.contains("member-7") && !log.contains("our + secret"), "nobody's name is in the log");
    }
}

#[test]
fn a_request_that_was_changed_on_its_way_signs_nobody_in() {
    let (world, club) = world("RS256");
    let changes = [
        // An ID token with another nonce; a code without a challenge, which the provider refuses; one for another verifier.
        ("nonce", Some("another")),
        ("code_challenge", None),
        ("code_challenge", Some("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM")),
    ];
    for (name, value) in changes {
        let mut browser = Browser::new(&world, &club);
        let location = tampered(&browser.begin(), name, value);
        let back = browser.through(&location, "member=member-7");
        let refused = assert_refused(&browser.edge.get(&back), 403, "sign-in-failed");
        assert_eq!((&refused["way"], &refused["retry"]), (&json!("club"), &json!(true)), "{name}");
        assert_eq!(browser.ways(), json!([]), "{name}");
        browser.assert_signs_in("member-7");
    }
    assert!(world.log().contains("nonce"), "the operator is told which it was");
}

#[test]
fn a_code_counts_once_and_in_the_browser_that_asked_for_it() {
    let (world, club) = world("RS256");
    let (mut browser, mut stranger) = (Browser::new(&world, &club), Browser::new(&world, &club));
    let back = browser.back("member-7");
    // The stranger has seen the address: neither its own sign-in nor none lets it use the code.
    assert_refused(&stranger.edge.get(&back), 409, "sign-in-mismatch");
    let own = stranger.back("member-9");
    let state = |back: &str| back.split("state=").nth(1).unwrap().split('&').next().unwrap().to_owned();
    let code = |back: &str| back.split("code=").nth(1).unwrap().split('&').next().unwrap().to_owned();
    assert_refused(&stranger.edge.get(&back.replace(&state(&back), &state(&own))), 403, "sign-in-failed");
    assert_eq!(stranger.ways(), json!([]));
    // Nor is a fan signed in as the stranger by the stranger's address.
    assert_refused(&browser.edge.get(&own), 409, "sign-in-mismatch");
    let mixed = back.replace(&code(&back), &code(&own));
    assert_refused(&browser.edge.get(&mixed), 403, "sign-in-failed");
    // The provider has seen the code with a wrong verifier, so it is spent; a new sign-in is not.
    let back = browser.back("member-7");
    let before = browser.edge.cookies.clone();
    assert_eq!(browser.edge.visit(&back).status, 303);
    // The same way back once more, as after a reload: who is signed in is at the page again, and nobody else.
    assert_eq!(browser.edge.get(&back).status, 303);
    let mut replaying = Browser { edge: Fan { cookies: before, ..world.fan() }, ..stranger };
    assert_refused(&replaying.edge.get(&back), 403, "sign-in-failed");
    assert_eq!((browser.ways(), replaying.ways()), (json!(["club"]), json!([])));
}

#[test]
fn who_gives_up_at_the_provider_is_back_at_the_page_and_may_try_again() {
    let (world, club) = world("RS256");
    let mut browser = Browser::new(&world, &club);
    let location = browser.begin();
    let back = browser.through(&location, "cancel=1");
    assert!(back.contains("error=access_denied"), "{back}");
    let refused = assert_refused(&browser.edge.get(&back), 403, "sign-in-failed");
    assert_eq!(refused["retry"], true);
    let answer = browser.edge.visit(&back);
    assert_eq!((answer.status, answer.header("location")), (303, Some("/tickets?day=1")), "{}", answer.text());
    // The address is of no use in another browser, and leads home.
    let elsewhere = world.fan().visit(&back);
    assert_eq!((elsewhere.status, elsewhere.header("location")), (303, Some("/")), "{}", elsewhere.text());
    browser.assert_signs_in("member-7");
}

#[test]
fn a_provider_may_change_its_key_at_any_time() {
    let (world, mut club) = world("ES256");
    let mut browser = Browser::new(&world, &club);
    browser.assert_signs_in("member-7");
    club.tell("rotate");
    Browser::new(&world, &club).assert_signs_in("member-8");
    // Whoever changes it again within a minute is not asked more often for it.
    club.tell("rotate");
    for _ in 0..3 {
        let mut late = Browser::new(&world, &club);
        let back = late.back("member-9");
        assert_refused(&late.edge.get(&back), 403, "sign-in-failed");
    }
    assert_eq!(club.tell("asked")["/jwks"], 2);
    assert_entered(&join(&mut browser.edge, 1, &json!({})));
}

#[test]
fn a_provider_that_is_down_is_told_kindly_and_the_way_back_waits_for_it() {
    let (world, mut club) = world("RS256");
    club.tell("down");
    let mut browser = Browser::new(&world, &club);
    let answer = browser.edge.visit(BEGIN);
    assert_eq!(answer.status, 503, "{}", answer.text());
    assert!(answer.header("retry-after").is_some());
    assert_refused(&browser.edge.get(BEGIN), 503, "sign-in-busy");
    club.tell("up");
    browser.assert_signs_in("member-7");
    let mut late = Browser::new(&world, &club);
    let back = late.back("member-8");
    club.tell("down");
    let begun = Instant::now();
    assert_refused(&late.edge.get(&back), 503, "sign-in-busy");
    assert!(begun.elapsed() < ONE_TRY, "{:?}", begun.elapsed());
    assert_entered(&join(&mut browser.edge, 1, &json!({})));
    club.tell("up");
    // The provider has not seen the code: the browser goes the same way again, and is signed in.
    assert_eq!(late.edge.visit(&back).status, 303);
    assert_entered(&join(&mut late.edge, 2, &json!({})));
}

#[test]
fn a_provider_that_is_slow_is_waited_for_and_not_for_long() {
    let (world, mut club) = world("RS256");
    club.slow(Duration::from_secs(8));
    let mut browser = Browser::new(&world, &club);
    let begun = Instant::now();
    assert_refused(&browser.edge.get(BEGIN), 503, "sign-in-busy");
    assert!(begun.elapsed() < TWO_TRIES, "{:?}", begun.elapsed());
    club.slow(Duration::from_millis(400));
    browser.assert_signs_in("member-7");
    let mut late = Browser::new(&world, &club);
    let back = late.back("member-8");
    club.slow(Duration::from_secs(8));
    let begun = Instant::now();
    let answer = late.edge.get(&back);
    assert_refused(&answer, 503, "sign-in-busy");
    assert!(answer.header("retry-after").is_some() && begun.elapsed() < ONE_TRY, "{:?}", begun.elapsed());
    assert_entered(&join(&mut browser.edge, 1, &json!({})));
    club.slow(Duration::ZERO);
    late.assert_signs_in("member-8");
}
