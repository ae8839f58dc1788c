//! A whole edge but for its sockets, with relays on loopback that are honest or not. The time is that of a round that
//! is long past and whose signature is known.

use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock};

use axum::Router;
use axum::extract::Path as UrlPath;
use axum::http::StatusCode as AxumStatus;
use axum::routing::get;
use bytes::Bytes;
use fairgate_draw::{BeaconAnswer, BeaconSignature, Claim, Label, QUICKNET, Record, Verdict};
use http::{HeaderMap, Method};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::admin::{self, Admin, AuditLog, Client, HandedIn, RoomName, Tokens};
use crate::config::{AdminToken, Config, Role, Secret};
use crate::edge::api::dispatch::{self, Reply};
use crate::edge::context::{Edge, EdgeParts};
use crate::edge::draw::beacon::BeaconFetcher;
use crate::edge::draw::public_lists::{self, List};
use crate::edge::http::request::FanRequest;
use crate::edge::process::prepare::{build, prepare};
use crate::edge::tasks::heartbeat::Heartbeat;
use crate::observe::{EdgeMetrics, expose, registry};
use fairgate_core::request::fan_call::FanCall;
use fairgate_core::room::{Claimant, Command, Phase, Position};
use fairgate_store::embedded::EmbeddedStore;
use fairgate_telemetry::clock::{Clock, ManualClock};
use fairgate_telemetry::entropy;
use fairgate_telemetry::supervise::Supervisor;
use fairgate_verify::{Evidence, Source, audit};

/// Round 1000 of quicknet, from `docs/DRAW.md`, as a relay answers it.
const ROUND: &str = r#"{"round":1000,"randomness":"fe290beca10872ef2fb164d2aa4442de4566183ec51c56ff3cd603d930e54fdd","signature":"b44679b9a59af2ec876b1a6b1ad52ea9b1615fc3982b19576350f93447cb1125e342b73a8dd2bacbe47e4b6b63ed5e39"}"#;
const ROUND_MS: u64 = QUICKNET.genesis_ms + 999 * QUICKNET.period_ms;
/// Round 1000 is the first one that is published ten seconds later.
const STARTS_MS: u64 = ROUND_MS - 12_000;
const FALLBACK_MS: u64 = 60_000;

/// How a relay answers.
#[derive(Clone, Copy)]
enum Relaying {
    Honestly,
    TooEarly,
    /// The right round with a bit of its signature changed.
    Forging,
    /// Another round, which says so.
    Another,
    /// More than anybody wants to read.
    Endlessly,
    /// Not JSON.
    Garbage,
}

/// Starts a relay; answers its address and how often it was asked.
async fn relay(relaying: Relaying) -> (String, Arc<AtomicUsize>) {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let answer = move |UrlPath((chain, round)): UrlPath<(String, u64)>| async move {
        count.fetch_add(1, Ordering::Relaxed);
        assert_eq!((chain, round), (hex::encode(QUICKNET.hash), 1000));
        match relaying {
            Relaying::Honestly => (AxumStatus::OK, ROUND.to_owned()),
            Relaying::TooEarly => (AxumStatus::TOO_EARLY, "{}".to_owned()),
            Relaying::Forging => (AxumStatus::OK, ROUND.replace("ed5e39", "ed5e38")),
            Relaying::Another => (AxumStatus::OK, ROUND.replace("1000", "1001")),
            Relaying::Endlessly => (AxumStatus::OK, ROUND.replace('}', &" ".repeat(1 << 20))),
            Relaying::Garbage => (AxumStatus::OK, "<html>".to_owned()),
        }
    };
    let listener = fairgate_testkit::listen_async().unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let router = Router::new().route("/{chain}/public/{round}", get(answer));
    tokio::spawn(async move { axum::serve(listener, router).await });
    (url, asked)
}

struct World {
    edge: Arc<Edge>,
    ticker: Heartbeat,
    fetcher: BeaconFetcher,
    clock: Arc<ManualClock>,
    registry: prometheus::Registry,
    dir: TempDir,
}

impl World {
    /// An edge whose room has five entries and is frozen and witnessed, with these relays.
    async fn frozen(relays: &[String], fallback: &str) -> Self {
        let dir = TempDir::new().unwrap();
        fairgate_token::create_key(&dir.path().join("keys"), 1_000, &entropy::system()).unwrap();
        let config = Config::parse(&config(dir.path(), relays, fallback), Path::new("test.toml")).unwrap();
        let clock = Arc::new(ManualClock::at(STARTS_MS - 60_000));
        let store = Arc::new(EmbeddedStore::open(dir.path().join("data"), clock.clone()).unwrap());
        let registry = registry().unwrap();
        let metrics = EdgeMetrics::new(&registry).unwrap();
        let parts = EdgeParts {
            store,
            metrics,
            registry: registry.clone(),
            tokens: Arc::new(Tokens::new(&[])),
            supervisor: Supervisor::new(&registry).unwrap(),
            exit_with_stdin: false,
            definitions: None,
        };
        let (edge, mut tickers, _) =
            build(&config, prepare(&config).unwrap(), &parts, &(clock.clone() as Arc<dyn Clock>)).unwrap();
        let beacon = config.rooms[0].beacon.as_ref().unwrap();
        let (room, store) = (Arc::clone(&edge.served().rooms[0]), Arc::clone(&edge.store));
        let fetcher = BeaconFetcher::new(room, beacon, store, parts.metrics.clone()).unwrap();
        let world = Self { edge, ticker: tickers.remove(0), fetcher, clock, registry, dir };
        world.ticker.schedule().await.unwrap();
        let entries = (0..5).map(|fan| [fan; 32]).collect();
        world.edge.store.apply("final", Command::Enter(entries)).await.unwrap();
        for now_ms in [STARTS_MS, STARTS_MS + 2_000, STARTS_MS + 2_200] {
            world.beat_at(now_ms).await;
        }
        let label = if fallback == "never" { "committed + public beacon" } else { "committed" };
        assert_eq!(world.status()["draw"]["label"], label, "from the schedule on");
        world
    }

    /// One heartbeat, and one look for the beacon.
    async fn beat_at(&self, now_ms: u64) {
        self.clock.set(now_ms);
        self.ticker.run_once().await.unwrap();
        self.fetcher.run_once().await;
        self.ticker.run_once().await.unwrap();
    }

    fn phase(&self) -> Phase {
        self.edge.served().rooms[0].snapshot().unwrap().view.phase
    }

    fn status(&self) -> Value {
        serde_json::from_slice(&self.edge.served().rooms[0].snapshot().unwrap().status.body).unwrap()
    }

    async fn call(&self, call: FanCall, method: Method, body: &str) -> (u16, Value) {
        let headers = HeaderMap::new();
        let body = Bytes::copy_from_slice(body.as_bytes());
        let request = FanRequest { method: &method, headers: &headers, body, ..get_request() };
        let answer = match dispatch::answer(&self.edge, &self.edge.served().rooms[0], call, &request).await {
            Ok(Reply::Whole(answer)) => answer,
            Ok(Reply::List(_)) => panic!("a list"),
            Err(problem) => problem.answer(),
        };
        (answer.status.as_u16(), serde_json::from_slice(&answer.body).unwrap())
    }

    async fn hand_in(&self, round: &str) -> (u16, String) {
        let (status, body) = self.call(FanCall::Beacon, Method::POST, round).await;
        (status, body["detail"].as_str().unwrap_or_default().to_owned())
    }

    /// What the gate publishes, as an auditor and the independent verifier judge it.
    async fn audited(&self) -> Record {
        let (_, record) = self.call(FanCall::Draw, Method::GET, "").await;
        let folder = self.dir.path().join("published");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("draw.json"), record.to_string()).unwrap();
        std::fs::write(folder.join("roster"), self.edge.store.roster("final", 0..5).await.unwrap()).unwrap();
        std::fs::write(folder.join("jwks.json"), self.edge.keys.now().jwks()).unwrap();
        let report = audit(&Source::Folder(folder.clone()), &Evidence::default(), &mut |_, _| ()).unwrap();
        let failed = report.findings.iter().find(|finding| matches!(finding.verdict, Verdict::Fails(_)));
        assert_eq!(failed, None);
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/verify_draw.py");
        let independent = std::process::Command::new("python3").arg(script).arg(&folder).output().unwrap();
        assert!(independent.status.success(), "{}", String::from_utf8_lossy(&independent.stdout));
        serde_json::from_value(record).unwrap()
    }

    /// The admin API, for somebody of this role.
    async fn admin(&self, role: Role) -> Client {
        let token = || Secret::new("a-token-0123456789".into());
        let admin = Admin {
            store: Arc::clone(&self.edge.store),
            history: Arc::clone(&self.edge.history),
            rooms: Arc::new(|| vec![RoomName { name: "final".into(), title: "Cup final".into() }]),
            definitions: None,
            tokens: Arc::new(Tokens::new(&[AdminToken { name: "maria".into(), role, secret: token() }])),
            registry: self.registry.clone(),
            console: None,
            audit: Arc::new(AuditLog::open(&self.dir.path().join("audit.jsonl")).unwrap()),
            changing: Arc::default(),
            supervisor: Supervisor::new(&prometheus::Registry::new()).unwrap(),
            doorman: Arc::new(admin::Doorman::new(&[], &prometheus::Registry::new()).unwrap()),
            accepts_visitors: Arc::new(|| true),
            shared: Arc::new(|_, _| Vec::new()),
            best: Arc::new(|_| None),
            sign: Arc::new(Some),
            page: Arc::new(|_| None),
            alarms: Arc::new(Vec::new),
        };
        let listener = fairgate_testkit::listen_async().unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, admin::router(admin)).await });
        Client::new(&url, token())
    }

    fn counted(&self, result: &str) -> bool {
        let text = String::from_utf8(expose(&self.registry).unwrap()).unwrap();
        text.contains(&format!("draw_beacon_rounds_total{{result=\"{result}\",room=\"final\"}} 1"))
    }
}

fn config(dir: &Path, relays: &[String], fallback: &str) -> String {
    let time = |ms: u64| jiff::Timestamp::from_millisecond(i64::try_from(ms).unwrap()).unwrap();
    format!(
        "[edge]\nkeys = {:?}\n[[upstream]]\nname = \"shop\"\naddress = \"127.0.0.1:1\"\n[[room]]\nname = \"final\"\n\
         upstream = \"shop\"\nopens_at = \"{}\"\nstarts_at = \"{}\"\nadmission.rate_per_minute = 600\n\
         draw.beacon = \"quicknet\"\ndraw.relays = {relays:?}\ndraw.fallback = {fallback:?}\n",
        dir.join("keys"),
        time(STARTS_MS - 60_000),
        time(STARTS_MS),
    )
}

fn get_request() -> FanRequest<'static> {
    static HEADERS: LazyLock<HeaderMap> = LazyLock::new(HeaderMap::new);
    FanRequest {
        method: &Method::GET,
        headers: &HEADERS,
        authority: "localhost",
        path: "/",
        query: None,
        secure: false,
        address: Ipv4Addr::LOCALHOST.into(),
        is_from_named_origin: false,
        body: Bytes::new(),
    }
}

#[tokio::test]
async fn the_first_relay_whose_answer_verifies_finishes_the_draw() {
    let (honest, asked) = relay(Relaying::Honestly).await;
    let mut relays = vec![honest, "http://127.0.0.1:1".to_owned()];
    for dishonest in [Relaying::TooEarly, Relaying::Forging, Relaying::Another, Relaying::Endlessly, Relaying::Garbage]
    {
        relays.insert(0, relay(dishonest).await.0);
    }
    let world = World::frozen(&relays, "never").await;
    assert_eq!((world.phase(), asked.load(Ordering::Relaxed)), (Phase::Drawing, 0), "nobody asks before its time");
    world.beat_at(ROUND_MS).await;
    assert_eq!(world.phase(), Phase::Serving);
    let record = world.audited().await;
    assert_eq!((record.label, record.revealed_at_ms), (Label::CommittedAndBeacon, Some(ROUND_MS)));
    assert_eq!(world.status()["draw"]["beacon"], hex::encode(record.beacon.unwrap()));
    assert!(world.counted("verified"));
}

#[tokio::test]
async fn answers_that_prove_nothing_are_refused_and_counted_by_what_is_wrong() {
    let dishonest = [Relaying::TooEarly, Relaying::Forging, Relaying::Another, Relaying::Endlessly].map(relay);
    let mut relays: Vec<String> =
        futures_util::future::join_all(dishonest).await.into_iter().map(|(url, _)| url).collect();
    relays.push("http://127.0.0.1:1".to_owned());
    let world = World::frozen(&relays, "never").await;
    world.beat_at(ROUND_MS).await;
    assert_eq!(world.phase(), Phase::Drawing);
    for result in ["not_there", "forged", "other_round", "malformed", "unreachable"] {
        assert!(world.counted(result), "{result}");
    }
    world.beat_at(ROUND_MS + 30 * 24 * 3_600_000).await;
    assert_eq!(world.phase(), Phase::Drawing, "the descriptor says: it waits");
}

#[tokio::test]
async fn anyone_may_hand_in_the_round_and_nothing_else() {
    let world = World::frozen(&["http://127.0.0.1:1".to_owned()], "never").await;
    let (status, why) = world.hand_in(ROUND).await;
    assert!(status == 409 && why.starts_with("not now: the draw waits for round 1000"), "{status} {why}");
    world.beat_at(ROUND_MS).await;
    let (status, why) = world.hand_in(&ROUND.replace("ed5e39", "ed5e38")).await;
    assert!(status == 409 && why.contains("the beacon's signature is not"), "{status} {why}");
    let (status, why) = world.hand_in(&ROUND.replace("1000", "999")).await;
    assert!(status == 409 && why.contains("this is round 999, and the draw waits for round 1000"), "{status} {why}");
    assert_eq!(world.hand_in("{}").await.0, 400);
    assert_eq!(world.hand_in(ROUND).await, (200, String::new()));
    world.beat_at(ROUND_MS + 200).await;
    assert_eq!(world.phase(), Phase::Serving);
    assert_eq!(world.hand_in(ROUND).await, (200, String::new()), "whoever comes second is told the same");
    assert_eq!(world.audited().await.label, Label::CommittedAndBeacon);
}

#[tokio::test]
async fn an_organizer_hands_in_the_round_over_the_admin_api() {
    let world = World::frozen(&["http://127.0.0.1:1".to_owned()], "never").await;
    let organizer = world.admin(Role::Organizer).await;
    let answer: BeaconAnswer = serde_json::from_str(ROUND).unwrap();
    world.beat_at(ROUND_MS).await;
    let viewer = world.admin(Role::Viewer).await.hand_in_beacon("final", &answer.into()).await.unwrap_err();
    assert!(viewer.to_string().contains("role"), "{viewer}");
    let forged = BeaconAnswer { signature: BeaconSignature([7; 48]), ..answer };
    let refused = organizer.hand_in_beacon("final", &forged.into()).await.unwrap_err();
    assert!(refused.to_string().contains("the beacon's signature is not a signature at all"), "{refused}");
    let unreadable = HandedIn { round: 1000, signature: "no".into() };
    let refused = organizer.hand_in_beacon("final", &unreadable).await.unwrap_err();
    assert!(refused.to_string().contains("48 bytes in hex"), "{refused}");
    let room = organizer.hand_in_beacon("final", &answer.into()).await.unwrap();
    assert_eq!((room.phase, room.draw.as_str()), (Phase::Serving, "committed + public beacon"));
}

#[tokio::test]
async fn who_was_let_in_is_public_once_that_is_of_no_use_to_anybody_else() {
    let world = World::frozen(&[relay(Relaying::Honestly).await.0], "never").await;
    world.beat_at(ROUND_MS).await;
    let room = Arc::clone(&world.edge.served().rooms[0]);
    let place = room.snapshot().unwrap().place(Position::Pool(3)).unwrap();
    let claim = Command::Claim(vec![Claimant { place, index: Some(3), nonce: None }]);
    for _ in 0..2 {
        world.edge.store.apply("final", claim.clone()).await.unwrap();
    }
    let public = || public_lists::claims(&world.edge, &room, &get_request()).map(|answer| answer.bytes).unwrap();
    world.beat_at(ROUND_MS + 179_999).await;
    assert_eq!(public(), 0..0, "a join with the same bytes is still answered with the same place");
    world.beat_at(ROUND_MS + 180_000).await;
    assert_eq!(public(), 0..72);
    let claims = public_lists::part(&world.edge, &room, List::Claims, &(0..72)).await.unwrap();
    let expected = Claim { place, index: Some(3), admitted_at_ms: ROUND_MS, opening: None };
    assert_eq!(claims, expected.to_bytes()[..]);
    std::fs::create_dir_all(world.dir.path().join("published")).unwrap();
    std::fs::write(world.dir.path().join("published/claims"), claims).unwrap();
    world.audited().await;
}

#[tokio::test]
async fn without_the_round_the_draw_goes_on_as_its_descriptor_foresees_and_says_so() {
    let world = World::frozen(&["http://127.0.0.1:1".to_owned()], "60s").await;
    world.beat_at(ROUND_MS + FALLBACK_MS - 1).await;
    assert_eq!(world.phase(), Phase::Drawing);
    world.beat_at(ROUND_MS + FALLBACK_MS).await;
    assert_eq!((world.phase(), &world.status()["draw"]["label"]), (Phase::Serving, &json!("committed")));
    let (status, why) = world.hand_in(ROUND).await;
    assert!(status == 409 && why.contains("comes too late"), "{status} {why}");
    let record = world.audited().await;
    assert_eq!((record.label, record.beacon, record.beacon_signature), (Label::Committed, None, None));
}
