//! An edge of a room with tiers and identities, its fans, and what two verifiers make of what it publishes.

use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use fairgate_draw::v2::{Identity, tag};
use fairgate_draw::v2::{IdentityKey, Method as IdentityMethod, Methods, Nonce, Record, Tag};
use fairgate_draw::{BeaconAnswer, QUICKNET, Verdict};
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Method};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::admin::Tokens;
use crate::config::Config;
use crate::edge::api::dispatch::{self, Reply};
use crate::edge::api::join;
use crate::edge::api::newcomer::Newcomer;
use crate::edge::context::{Edge, EdgeParts};
use crate::edge::draw::public_lists::{self, List};
use crate::edge::draw::record::TIER_SCHEMA;
use crate::edge::draw::tiers::Column;
use crate::edge::http::problem::Problem;
use crate::edge::http::request::FanRequest;
use crate::edge::process::prepare::{build, prepare};
use crate::edge::room::admitted::Admitted;
use crate::edge::tasks::heartbeat::Heartbeat;
use crate::observe::{EdgeMetrics, registry};
use fairgate_core::request::fan_call::FanCall;
use fairgate_store::Store;
use fairgate_store::embedded::EmbeddedStore;
use fairgate_store::redis::{RedisOptions, RedisStore};
use fairgate_telemetry::clock::{Clock, ManualClock};
use fairgate_telemetry::entropy;
use fairgate_telemetry::supervise::Supervisor;
use fairgate_testkit::PrivateRedis;
use fairgate_token::{Terms, Ticket};
use fairgate_verify::{Evidence, Source, audit};

/// Round 1000 of quicknet, from `docs/DRAW.md`.
const ROUND: &str = r#"{"round":1000,"randomness":"fe290beca10872ef2fb164d2aa4442de4566183ec51c56ff3cd603d930e54fdd","signature":"b44679b9a59af2ec876b1a6b1ad52ea9b1615fc3982b19576350f93447cb1125e342b73a8dd2bacbe47e4b6b63ed5e39"}"#;
pub(super) const ROUND_MS: u64 = QUICKNET.genesis_ms + 999 * QUICKNET.period_ms;
/// Round 990 is the first that is published ten seconds later.
pub(super) const STARTS_MS: u64 = ROUND_MS - 30_000 - 10_000;
const IDENTITY_KEY: [u8; 32] = [0x42; 32];

/// One edge of a room.
pub(super) struct World {
    pub(super) edge: Arc<Edge>,
    ticker: Arc<Heartbeat>,
    pub(super) clock: Arc<ManualClock>,
    pub(super) dir: Arc<TempDir>,
}

/// A fan, known by a number.
pub(super) struct Fan {
    pub(super) u: [u8; 16],
    pub(super) subject: String,
    pub(super) tier: Option<u8>,
}

pub(super) fn fan(number: u8, tier: u8) -> Fan {
    Fan { u: [number; 16], subject: format!("fan-{number}@example.org"), tier: Some(tier) }
}

impl World {
    /// An edge whose pool is open, with a store on its own disk.
    pub(super) async fn open(asks_identity: bool) -> Self {
        let (dir, clock) = (Arc::new(TempDir::new().unwrap()), Arc::new(ManualClock::at(STARTS_MS - 60_000)));
        fairgate_token::create_key(&dir.path().join("keys"), 1_000, &entropy::system()).unwrap();
        let store = Arc::new(EmbeddedStore::open(dir.path().join("data"), clock.clone()).unwrap());
        Self::with(store, asks_identity, &dir, &clock).await
    }

    /// Edges that share a Redis and their keys.
    pub(super) async fn fleet(redis: &PrivateRedis, edges: usize) -> Vec<Self> {
        let (dir, clock) = (Arc::new(TempDir::new().unwrap()), Arc::new(ManualClock::at(STARTS_MS - 60_000)));
        fairgate_token::create_key(&dir.path().join("keys"), 1_000, &entropy::system()).unwrap();
        let mut fleet = Vec::new();
        for _ in 0..edges {
            fleet.push(Self::with(Arc::new(shared_store(redis, &clock)), true, &dir, &clock).await);
        }
        fleet
    }

    /// An edge with a store.
    pub(super) async fn with(
        store: Arc<dyn Store>,
        asks_identity: bool,
        dir: &Arc<TempDir>,
        clock: &Arc<ManualClock>,
    ) -> Self {
        let mut config = Config::parse(&config(dir.path()), Path::new("test.toml")).unwrap();
        if asks_identity {
            let rules = config.rooms[0].rules.as_mut().unwrap();
            rules.identity = Methods::new(vec![IdentityMethod::invite(), IdentityMethod::mail()]).unwrap();
        }
        let registry = registry().unwrap();
        let parts = EdgeParts {
            store,
            metrics: EdgeMetrics::new(&registry).unwrap(),
            registry: registry.clone(),
            tokens: Arc::new(Tokens::new(&[])),
            supervisor: Supervisor::new(&registry).unwrap(),
            exit_with_stdin: false,
            definitions: None,
        };
        let (edge, mut tickers, _) =
            build(&config, prepare(&config).unwrap(), &parts, &(clock.clone() as Arc<dyn Clock>)).unwrap();
        let ticker = Arc::new(tickers.remove(0));
        ticker.schedule().await.unwrap();
        let worker = Arc::clone(&ticker);
        tokio::spawn(async move { worker.serve().await });
        let world = Self { edge, ticker, clock: Arc::clone(clock), dir: Arc::clone(dir) };
        world.beat_at(clock.now_ms()).await;
        world
    }

    /// Two heartbeats: what the first one does, the second one shows.
    pub(super) async fn beat_at(&self, now_ms: u64) {
        self.clock.set(now_ms);
        self.ticker.run_once().await.unwrap();
        self.ticker.run_once().await.unwrap();
    }

    pub(super) fn draw(&self) -> [u8; 32] {
        self.edge.served().rooms[0].snapshot().unwrap().view.draw.descriptor_digest
    }

    pub(super) fn status(&self) -> Value {
        serde_json::from_slice(&self.edge.served().rooms[0].snapshot().unwrap().status.body).unwrap()
    }

    pub(super) fn tag(&self, subject: &str) -> Tag {
        let identity = Identity::new(IdentityMethod::mail(), subject).unwrap();
        tag(&IdentityKey::new(&IDENTITY_KEY, &self.draw()), &identity)
    }

    /// Joins as a fan who has shown an identity; answers the ticket, and whether it was there already.
    pub(super) async fn join(&self, fan: &Fan) -> Result<(Ticket, bool), Problem> {
        let admitted = Admitted { tier: fan.tier, tags: vec![self.tag(&fan.subject)], ..Admitted::default() };
        self.join_with(fan, admitted).await
    }

    pub(super) async fn join_with(&self, fan: &Fan, admitted: Admitted) -> Result<(Ticket, bool), Problem> {
        let room = Arc::clone(&self.edge.served().rooms[0]);
        let snapshot = room.snapshot().unwrap();
        let newcomer = Newcomer {
            nonce: Nonce::of(&fan.u).0,
            address: Ipv4Addr::LOCALHOST.into(),
            admitted,
            terms: Terms::default(),
        };
        let entered = join::enter(&self.edge, &room, &snapshot, newcomer).await?;
        // Tickets are compared, and are signed anew each time.
        Ok((Ticket { issued_at_ms: STARTS_MS, ..entered.ticket }, entered.again))
    }

    pub(super) async fn call(
        &self,
        call: FanCall,
        method: Method,
        ticket: Option<&Ticket>,
        body: Value,
    ) -> (u16, Value) {
        let mut headers = HeaderMap::new();
        if let Some(ticket) = ticket {
            let bearer = format!("Bearer {}", self.edge.keys.now().sign_ticket(ticket));
            headers.insert(AUTHORIZATION, HeaderValue::from_str(&bearer).unwrap());
        }
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let body = Bytes::from(if body.is_null() { String::new() } else { body.to_string() });
        let answer =
            match dispatch::answer(&self.edge, &self.edge.served().rooms[0], call, &request(&method, &headers, body))
                .await
            {
                Ok(Reply::Whole(answer)) => answer,
                Ok(Reply::List(list)) => return (list.head.status.as_u16(), json!(list.bytes.end)),
                Err(problem) => problem.answer(),
            };
        (answer.status.as_u16(), serde_json::from_slice(&answer.body).unwrap_or_default())
    }

    pub(super) async fn get(&self, call: FanCall) -> (u16, Value) {
        self.call(call, Method::GET, None, Value::Null).await
    }

    /// The record, which fits its schema at every step.
    pub(super) async fn record(&self) -> Value {
        let schema = jsonschema::validator_for(&serde_json::from_str(TIER_SCHEMA).unwrap()).unwrap();
        let record = self.get(FanCall::Draw).await.1;
        let misfits: Vec<String> = schema.iter_errors(&record).map(|error| error.to_string()).collect();
        assert_eq!(misfits, Vec::<String>::new(), "{record}");
        record
    }

    pub(super) async fn claim(&self, ticket: &Ticket, u: Option<[u8; 16]>) -> (u16, Value) {
        let body = u.map_or_else(|| json!({}), |u| json!({ "u": URL_SAFE_NO_PAD.encode(u) }));
        self.call(FanCall::Claim, Method::POST, Some(ticket), body).await
    }

    pub(super) async fn hand_in(&self) -> u16 {
        let answer: BeaconAnswer = serde_json::from_str(ROUND).unwrap();
        self.call(FanCall::Beacon, Method::POST, None, serde_json::to_value(answer).unwrap()).await.0
    }

    pub(super) async fn list(&self, list: List, bytes: u64) -> Bytes {
        public_lists::part(&self.edge, &self.edge.served().rooms[0], list, &(0..bytes)).await.unwrap()
    }

    /// Everything that the gate publishes, as both verifiers judge it.
    pub(super) async fn audited(&self, tiers: u8) -> (Record, String) {
        let folder = self.dir.path().join("published");
        std::fs::create_dir_all(&folder).unwrap();
        let write = |name: &str, bytes: &[u8]| std::fs::write(folder.join(name), bytes).unwrap();
        let record = self.record().await;
        write("draw.json", record.to_string().as_bytes());
        write("jwks.json", self.edge.keys.now().jwks().as_bytes());
        for tier in 0..tiers {
            for (name, call, column) in [
                ("roster", FanCall::TierRoster(tier), Column::Entries),
                ("tags", FanCall::TierTags(tier), Column::Tags),
            ] {
                let (status, bytes) = self.get(call).await;
                if status == 200 {
                    let bytes = self.list(List::Tier(column, tier), bytes.as_u64().unwrap()).await;
                    write(&format!("{name}.{tier}"), &bytes);
                }
            }
        }
        let claims = self.get(FanCall::Claims).await.1.as_u64().unwrap();
        write("claims", &self.list(List::TierClaims, claims).await);
        let report = audit(&Source::Folder(folder.clone()), &Evidence::default(), &mut |_, _| ()).unwrap();
        let failed: Vec<_> =
            report.findings.iter().filter(|finding| matches!(finding.verdict, Verdict::Fails(_))).collect();
        assert!(failed.is_empty(), "{failed:?}");
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/verify_draw.py");
        let independent = std::process::Command::new("python3").arg(script).arg(&folder).output().unwrap();
        let said = String::from_utf8_lossy(&independent.stdout).into_owned();
        assert!(independent.status.success(), "{said}{}", String::from_utf8_lossy(&independent.stderr));
        (serde_json::from_value(record).unwrap(), format!("{:?}{:?}\n{said}", report.findings, report.notes))
    }
}

fn config(dir: &Path) -> String {
    let time = |ms: u64| jiff::Timestamp::from_millisecond(i64::try_from(ms).unwrap()).unwrap();
    format!(
        "[edge]\nkeys = {:?}\n[[upstream]]\nname = \"shop\"\naddress = \"127.0.0.1:1\"\n[[room]]\nname = \"final\"\n\
         upstream = \"shop\"\nopens_at = \"{}\"\nstarts_at = \"{}\"\nadmission.rate_per_minute = 60000\n\
         admission.burst = 1000\nadmission.grace = \"1h\"\n\
         draw.beacon = \"quicknet\"\ndraw.relays = [\"http://127.0.0.1:1\"]\ndraw.retry = \"30s\"\n\
         [[room.tier]]\nname = \"members\"\nlabel = {{ en = \"Members\" }}\n[[room.tier]]\nname = \"fans\"\nband = 1\n",
        dir.join("keys"),
        time(STARTS_MS - 60_000),
        time(STARTS_MS),
    )
}

pub(super) fn shared_store(redis: &PrivateRedis, clock: &Arc<ManualClock>) -> RedisStore {
    let address = redis.url().parse().unwrap();
    let options =
        RedisOptions { address, user: None, password: None, authority_pem: None, ledger: None, takes_over: false };
    RedisStore::open(&options, Some(Arc::clone(clock) as _)).unwrap()
}

fn request<'r>(method: &'r Method, headers: &'r HeaderMap, body: Bytes) -> FanRequest<'r> {
    FanRequest {
        method,
        headers,
        authority: "localhost",
        path: "/",
        query: None,
        secure: false,
        address: Ipv4Addr::LOCALHOST.into(),
        is_from_named_origin: false,
        body,
    }
}
