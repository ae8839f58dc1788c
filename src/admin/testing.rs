//! A real admin listener over a real embedded store, for tests.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};

use fairgate_draw::QUICKNET;
use tempfile::TempDir;
use tokio::task::JoinHandle;

use super::{Admin, AuditLog, Console, Doorman, RoomName, Tokens, router, serve};
use crate::config::{AdminToken, Config, Role, Secret};
use crate::definitions::Book;
use crate::observe::{RoomMetrics, registry};
use fairgate_core::room::{BeaconPlan, Command, Policy, SalePlan};
use fairgate_store::Store;
use fairgate_store::embedded::EmbeddedStore;
use fairgate_store::history::Histories;
use fairgate_telemetry::clock::Clock;
use fairgate_telemetry::entropy;
use fairgate_telemetry::supervise::Supervisor;
use fairgate_token::{KeyRing, KeySet, create_key};

pub(crate) const TOKEN_VIEWER: &str = "viewer-0123456789";
pub(crate) const TOKEN_ORGANIZER: &str = "organizer-0123456789";
pub(crate) const TOKEN_SRE: &str = "sre-0123456789abc";

/// An edge's admin surface with one room, `final`, that is being served.
pub(crate) struct TestEdge {
    pub(crate) url: String,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) accepts_visitors: Arc<AtomicBool>,
    pub(crate) supervisor: Supervisor,
    pub(crate) clock: Arc<SteppedClock>,
    pub(crate) history: Arc<Histories>,
    server: JoinHandle<()>,
    /// What its signatures are checked with.
    pub(crate) public: KeySet,
    pub(crate) dir: TempDir,
}

impl TestEdge {
    /// Starts it with a token for each role.
    pub(crate) async fn start() -> Self {
        let roles = [(Role::Viewer, TOKEN_VIEWER), (Role::Organizer, TOKEN_ORGANIZER), (Role::Sre, TOKEN_SRE)];
        let tokens = roles.map(|(role, token)| {
            let name = format!("{role:?}").to_lowercase();
            AdminToken { name, role, secret: Secret::new(token.into()) }
        });
        Self::start_with(&tokens).await
    }

    /// Starts it with these tokens.
    pub(crate) async fn start_with(tokens: &[AdminToken]) -> Self {
        Self::open(tokens, None).await
    }

    /// Starts it with a room that waits for this round of quicknet, which has just been published.
    pub(crate) async fn start_waiting(round: u64) -> Self {
        let secret = Secret::new(TOKEN_ORGANIZER.into());
        Self::open(&[AdminToken { name: "organizer".into(), role: Role::Organizer, secret }], Some(round)).await
    }

    async fn open(tokens: &[AdminToken], round: Option<u64>) -> Self {
        let dir = TempDir::new().expect("a directory");
        let round_ms = |round: u64| QUICKNET.genesis_ms + (round - 1) * QUICKNET.period_ms;
        let opens_at_ms = round.map_or(OPENS_AT_MS, |round| round_ms(round) - 4_000);
        let clock = Arc::new(SteppedClock { now_ms: AtomicU64::new(opens_at_ms), jump_ms: AtomicI64::new(0) });
        let store: Arc<dyn Store> = Arc::new(EmbeddedStore::open(dir.path(), clock.clone()).expect("a store"));
        hold_draw(&*store, &clock, round).await;
        let book = rooms_as_data(dir.path());
        let registry = registry().expect("a registry");
        let rooms = RoomMetrics::new(&registry).expect("metrics");
        rooms.observe_room("final", &store.view("final").await.expect("a view"));
        let supervisor = Supervisor::new(&registry).expect("metrics");
        let doorman = Arc::new(Doorman::new(&["admin.internal".to_owned()], &registry).expect("metrics"));
        let accepts_visitors = Arc::new(AtomicBool::new(true));
        let accepts = Arc::clone(&accepts_visitors);
        let history = Arc::new(Histories::new(dir.path()));
        let keys = dir.path().join("keys");
        create_key(&keys, 1_000, &entropy::system()).expect("a key");
        let keys = KeyRing::load(&keys, "https://tickets.example").expect("keys");
        let public = keys.public().clone();
        let admin = Admin {
            store: Arc::clone(&store),
            history: Arc::clone(&history),
            rooms: Arc::new(|| vec![RoomName { name: "final".into(), title: "Cup final".into() }]),
            definitions: Some(Arc::new(book)),
            tokens: Arc::new(Tokens::new(tokens)),
            registry: registry.clone(),
            console: Some(Arc::new(
                Console::new(&["127.0.0.2/32".parse().expect("a network")], &registry).expect("metrics"),
            )),
            audit: Arc::new(AuditLog::open(&dir.path().join("audit.jsonl")).expect("an audit log")),
            changing: Arc::default(),
            doorman,
            supervisor: supervisor.clone(),
            accepts_visitors: Arc::new(move || accepts.load(Ordering::Relaxed)),
            shared: Arc::new(|_, _| Vec::new()),
            best: Arc::new(|_| None),
            sign: Arc::new(move |report| keys.sign_report(report, OPENS_AT_MS)),
            page: Arc::new(|_| None),
            alarms: Arc::new(Vec::new),
        };
        let listener = fairgate_testkit::listen_async().expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let server = tokio::spawn(async move {
            let proxies = admin.console.as_deref().map(|console| console.proxies().to_vec()).unwrap_or_default();
            serve(listener, router(admin), &proxies).await.expect("a server");
        });
        Self { url, store, accepts_visitors, supervisor, clock, history, server, public, dir }
    }
}

/// An edge's file with a shop and no room.
fn rooms_as_data(dir: &Path) -> Book {
    let shop = "[[upstream]]\nname = \"shop\"\naddress = \"127.0.0.1:1\"\n";
    let (path, file) = (Path::new("fairgate.toml"), format!("[store]\npath = {dir:?}\n{shop}"));
    let own = Config::parse(&file, path).expect("a configuration");
    Book::open(path, file, own)
}

impl Drop for TestEdge {
    fn drop(&mut self) {
        self.server.abort();
    }
}

const OPENS_AT_MS: u64 = 1_790_000_000_000;

pub(crate) struct SteppedClock {
    now_ms: AtomicU64,
    /// How far the clock that it follows has jumped.
    pub(crate) jump_ms: AtomicI64,
}

impl Clock for SteppedClock {
    fn now_ms(&self) -> u64 {
        self.now_ms.load(Ordering::Relaxed)
    }

    fn jump_ms(&self) -> Option<i64> {
        Some(self.jump_ms.load(Ordering::Relaxed)).filter(|jump_ms| *jump_ms != 0)
    }

    fn accept(&self) {
        let jump_ms = self.jump_ms.swap(0, Ordering::Relaxed);
        self.now_ms.fetch_add(jump_ms.cast_unsigned(), Ordering::Relaxed);
    }
}

/// Schedules a room without a pool and takes it through its draw, or as far as it goes without the round.
async fn hold_draw(store: &dyn Store, clock: &SteppedClock, round: Option<u64>) {
    let opens_at_ms = clock.now_ms();
    let policy = Policy { rate_per_minute: 600, max_active: 1_000, session_max_ms: 60_000, ..Policy::for_testing() };
    let plan = SalePlan {
        room: "final".into(),
        opens_at_ms,
        starts_at_ms: opens_at_ms,
        ends_at_ms: None,
        beacon: round.map(|round| BeaconPlan { round, fallback_after_ms: None }),
        secret: [1; 32],
        config_version: 0,
        policy,
        rules: None,
    };
    let (entries, root) = fairgate_draw::RootHasher::new().finish();
    let reveal = round.is_none().then_some(Command::Reveal { beacon: None });
    for command in [Command::Schedule(plan), Command::Freeze { entries, root }].into_iter().chain(reveal) {
        store.apply("final", command).await.expect("the room goes on");
        clock.now_ms.fetch_add(2_000, Ordering::Relaxed);
    }
}
