//! A whole edge but for its sockets, with a room that has a sale every Friday.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use fairgate_core::request::fan_call::FanCall;
use fairgate_core::room::{Claimant, Command, Phase, Position};
use fairgate_draw::Verdict;
use fairgate_store::Store;
use fairgate_store::embedded::EmbeddedStore;
use fairgate_store::redis::{RedisOptions, RedisStore};
use fairgate_telemetry::clock::{Clock, ManualClock};
use fairgate_telemetry::entropy;
use fairgate_telemetry::supervise::Supervisor;
use fairgate_testkit::PrivateRedis;
use fairgate_verify::{Evidence, Outcome, Source, audit};
use http::{HeaderMap, Method};
use serde_json::Value;
use tempfile::TempDir;

use crate::admin::Tokens;
use crate::config::Config;
use crate::edge::api::dispatch::{self, Reply};
use crate::edge::context::{Edge, EdgeParts};
use crate::edge::draw::past::keep::keep_if_due;
use crate::edge::draw::public_lists::ListAnswer;
use crate::edge::http::problem::Problem;
use crate::edge::http::request::FanRequest;
use crate::edge::process::prepare::{build, prepare};
use crate::edge::tasks::heartbeat::Heartbeat;
use crate::observe::{EdgeMetrics, registry};

pub(super) const MINUTE_MS: u64 = 60_000;
/// Friday, 2026-12-04, 09:30 in Lisbon.
pub(super) const OPENS_MS: u64 = 1_796_376_600_000;
pub(super) const WEEK_MS: u64 = 7 * 24 * 60 * MINUTE_MS;
pub(super) const FRIDAYS: &str = "[[room.sale]]\nname = \"friday\"\nopens_at = \"2026-12-04T09:30[Europe/Lisbon]\"\n\
    starts_at = \"2026-12-04T10:00[Europe/Lisbon]\"\nends_at = \"2026-12-04T11:00[Europe/Lisbon]\"\n\
    rule = \"FREQ=WEEKLY\"\ncount = 3\n";

pub(super) fn starts(week: u64) -> u64 {
    OPENS_MS + week * WEEK_MS + 30 * MINUTE_MS
}

pub(super) fn ends(week: u64) -> u64 {
    OPENS_MS + week * WEEK_MS + 90 * MINUTE_MS
}

/// One edge of a room.
pub(super) struct World {
    pub(super) edge: Arc<Edge>,
    pub(super) ticker: Arc<Heartbeat>,
    clock: Arc<ManualClock>,
}

/// The directory of an edge with its keys.
pub(super) fn keys() -> TempDir {
    let dir = TempDir::new().unwrap();
    fairgate_token::create_key(&dir.path().join("keys"), 1_000, &entropy::system()).unwrap();
    dir
}

pub(super) fn clock(at_ms: u64) -> Arc<ManualClock> {
    Arc::new(ManualClock::at(at_ms))
}

pub(super) fn embedded(dir: &TempDir, clock: &Arc<ManualClock>) -> Arc<dyn Store> {
    Arc::new(EmbeddedStore::open(dir.path().join("data"), clock.clone()).unwrap())
}

pub(super) fn shared(redis: &PrivateRedis, clock: &Arc<ManualClock>, ledger: &Path) -> Arc<dyn Store> {
    let address = redis.url().parse().unwrap();
    let ledger = Some(ledger.to_owned());
    let options = RedisOptions { address, user: None, password: None, authority_pem: None, ledger, takes_over: false };
    Arc::new(RedisStore::open(&options, Some(Arc::clone(clock) as _)).unwrap())
}

impl World {
    /// An edge with these lines in its room, which has looked once.
    pub(super) async fn start(store: Arc<dyn Store>, keys: &TempDir, clock: &Arc<ManualClock>, lines: &str) -> Self {
        Self::start_of(0, store, keys, clock, lines).await
    }

    /// The same, with a file of this version.
    pub(super) async fn start_of(
        version: u64,
        store: Arc<dyn Store>,
        keys: &TempDir,
        clock: &Arc<ManualClock>,
        lines: &str,
    ) -> Self {
        let text = format!(
            "config_version = {version}\n[edge]\nkeys = {:?}\n[store]\npath = {:?}\n[[upstream]]\nname = \"shop\"\naddress = \"127.0.0.1:1\"\n[[room]]\nname = \"final\"\n\
             upstream = \"shop\"\nadmission.rate_per_minute = 600\n{lines}",
            keys.path().join("keys"),
            keys.path().join("data"),
        );
        let config = Config::parse(&text, Path::new("test.toml")).unwrap_or_else(|error| panic!("{error}"));
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
        let world = Self { edge, ticker: Arc::new(tickers.remove(0)), clock: Arc::clone(clock) };
        world.ticker.schedule().await.unwrap();
        world.look().await;
        world
    }

    /// One heartbeat, and one look at what is to be kept.
    pub(super) async fn look(&self) {
        self.ticker.run_once().await.unwrap();
        keep_if_due(&self.edge, &self.edge.served().rooms[0]).await.unwrap();
    }

    /// Heartbeats until this time: one at each of a few moments before, as edges look all the time.
    pub(super) async fn beat_at(&self, now_ms: u64) {
        for before_ms in [2_400, 1_200, 0, 0] {
            let at_ms = now_ms.saturating_sub(before_ms);
            self.clock.set(at_ms.max(self.clock.now_ms()));
            self.look().await;
        }
    }

    pub(super) fn status(&self) -> Value {
        serde_json::from_slice(&self.edge.served().rooms[0].snapshot().unwrap().status.body).unwrap()
    }

    pub(super) fn phase(&self) -> Phase {
        self.edge.served().rooms[0].snapshot().unwrap().view.phase
    }

    pub(super) fn draw(&self) -> [u8; 32] {
        self.edge.served().rooms[0].snapshot().unwrap().view.draw.descriptor_digest
    }

    pub(super) async fn apply(&self, command: Command) {
        self.edge.store.apply("final", command).await.unwrap();
    }

    pub(super) async fn reply(&self, call: FanCall) -> Result<Reply, Problem> {
        let headers = HeaderMap::new();
        let request = FanRequest {
            method: &Method::GET,
            headers: &headers,
            authority: "localhost",
            path: "/",
            query: None,
            secure: false,
            address: Ipv4Addr::LOCALHOST.into(),
            is_from_named_origin: false,
            body: Bytes::new(),
        };
        dispatch::answer(&self.edge, &self.edge.served().rooms[0], call, &request).await
    }

    pub(super) async fn get(&self, call: FanCall) -> Result<Value, Problem> {
        match self.reply(call).await? {
            Reply::Whole(answer) => Ok(serde_json::from_slice(&answer.body).unwrap()),
            Reply::List(_) => panic!("a list"),
        }
    }

    pub(super) async fn list(&self, call: FanCall) -> Result<ListAnswer, Problem> {
        match self.reply(call).await? {
            Reply::List(list) => Ok(list),
            Reply::Whole(_) => panic!("no list"),
        }
    }

    /// Where the present draw is kept.
    pub(super) fn kept(&self, keys: &TempDir) -> PathBuf {
        keys.path().join("data/draws.kept/final").join(hex::encode(self.draw()))
    }

    /// What an auditor makes of a folder.
    pub(super) async fn verify(&self, folder: PathBuf) -> Outcome {
        std::fs::write(folder.join("jwks.json"), self.edge.keys.now().jwks()).unwrap();
        let work = move || audit(&Source::Folder(folder), &Evidence::default(), &mut |_, _| ()).unwrap();
        let report = tokio::task::spawn_blocking(work).await.unwrap();
        let failed = report.findings.iter().find(|finding| matches!(finding.verdict, Verdict::Fails(_)));
        assert_eq!(failed, None);
        report.outcome
    }

    /// The folder of the present draw, which is over, holds by itself, with everybody who was let in.
    pub(super) async fn verify_kept(&self, keys: &TempDir, entries: u64) {
        let folder = self.kept(keys);
        assert_eq!(std::fs::metadata(folder.join("roster")).unwrap().len(), 32 * entries);
        assert_eq!(std::fs::metadata(folder.join("claims")).unwrap().len(), 72);
        assert_eq!(self.verify(folder).await, Outcome::Holds);
    }

    /// A whole sale of that week, with these fans: pool, draw, and one who is let in and leaves.
    pub(super) async fn sell(&self, week: u64, fans: u8) {
        self.beat_at(OPENS_MS + week * WEEK_MS).await;
        assert_eq!(self.phase(), Phase::Pooling, "{}", self.status());
        self.apply(Command::Enter((1..=fans).map(|fan| [fan; 32]).collect())).await;
        self.beat_at(starts(week)).await;
        self.beat_at(starts(week) + 5_000).await;
        assert_eq!(self.phase(), Phase::Serving, "{}", self.status());
        self.beat_at(starts(week) + 10_000).await;
        let place = self.edge.served().rooms[0].snapshot().unwrap().place(Position::Pool(0)).unwrap();
        self.apply(Command::Claim(vec![Claimant { place, index: Some(0), nonce: None }])).await;
        self.apply(Command::Release(vec![place])).await;
        self.beat_at(ends(week)).await;
        assert_eq!(self.phase(), Phase::Ended);
    }
}
