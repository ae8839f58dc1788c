//! Real edges that share a Redis, each with files of its own.

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use fairgate::config::Config;
use fairgate_core::room::{self, Rules, SalePlan};
use fairgate_store::Store;
use fairgate_store::redis::{RedisOptions, RedisStore};
use serde_json::Value;
use tempfile::TempDir;

use crate::fan::Fan;

/// The room of these tests.
pub(crate) const ROOM: &str = "final";
const EDGES: usize = 3;
/// The token of everyone who may change anything.
pub(crate) const ADMIN_TOKEN: &str = "sre-0123456789abcdef";

/// What the room of a fleet asks of those who enter, where it asks anything.
const ENTRY: &str = "entry.toml";
/// The identity key of fleets whose rooms ask something.
pub(crate) const IDENTITY: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

/// The sales of the room, where it goes from one to the next.
const SALES: &str = "sales.toml";

/// Where the key of the draw log is, in a fleet that keeps one.
const LOG_KEY: &str = "draw-log.key";

/// A fleet.
pub(crate) struct Fleet {
    pub(crate) gates: Vec<SocketAddr>,
    pub(crate) admins: Vec<SocketAddr>,
    dir: TempDir,
    edges: Vec<Option<Child>>,
}

/// When the sale starts, and how people are let in.
pub(crate) struct Sale {
    pub(crate) starts_in_ms: u64,
    pub(crate) rate_per_minute: u64,
    pub(crate) burst: u64,
}

impl Fleet {
    /// Starts three edges, waits until they know their room, and only then lets the sale begin: however long that takes, the
    /// sale is as long.
    pub(crate) fn start(redis: SocketAddr, shop: SocketAddr, sale: &Sale) -> Self {
        Self::of(EDGES, redis, shop, sale)
    }

    /// The same with another number of edges.
    pub(crate) fn of(edges: usize, redis: SocketAddr, shop: SocketAddr, sale: &Sale) -> Self {
        Self::with_rules(edges, redis, shop, sale, None)
    }

    /// The same of a sale with tiers, of which the edges' files know nothing.
    pub(crate) fn with_rules(
        edges: usize,
        redis: SocketAddr,
        shop: SocketAddr,
        sale: &Sale,
        rules: Option<Rules>,
    ) -> Self {
        Self::in_dir(TempDir::new().unwrap(), edges, (redis, shop), sale, rules)
    }

    /// Edges whose room has these tables, such as `[room.entry]`, and that believe `X-Forwarded-For`.
    pub(crate) fn asking(edges: usize, redis: SocketAddr, shop: SocketAddr, sale: &Sale, entry: &str) -> Self {
        let dir = TempDir::new().unwrap();
        fs::write(dir.path().join(ENTRY), entry).unwrap();
        Self::in_dir(dir, edges, (redis, shop), sale, None)
    }

    /// Three edges that keep a draw log, with this key.
    pub(crate) fn logged(redis: SocketAddr, shop: SocketAddr, sale: &Sale, key: &str) -> Self {
        let dir = TempDir::new().unwrap();
        fs::write(dir.path().join(LOG_KEY), key).unwrap();
        fs::set_permissions(dir.path().join(LOG_KEY), fs::Permissions::from_mode(0o600)).unwrap();
        Self::in_dir(dir, EDGES, (redis, shop), sale, None)
    }

    /// Two edges that keep a draw log with this key, and whose room has these sales, `[[room.sale]]` in their files.
    pub(crate) fn recurring(redis: SocketAddr, shop: SocketAddr, sale: &Sale, key: &str, sales: &str) -> Self {
        let dir = TempDir::new().unwrap();
        fs::write(dir.path().join(LOG_KEY), key).unwrap();
        fs::set_permissions(dir.path().join(LOG_KEY), fs::Permissions::from_mode(0o600)).unwrap();
        fs::write(dir.path().join(SALES), sales).unwrap();
        Self::launch(dir, 2, (redis, shop), sale)
    }

    fn in_dir(
        dir: TempDir,
        edges: usize,
        (redis, shop): (SocketAddr, SocketAddr),
        sale: &Sale,
        rules: Option<Rules>,
    ) -> Self {
        let fleet = Self::launch(dir, edges, (redis, shop), sale);
        fleet.begin(sale, rules);
        (0..edges).for_each(|edge| fleet.wait_until(edge, "open", |status| status["phase"] != "idle"));
        fleet
    }

    /// Starts edges by the files of a directory, and waits until they know their room.
    fn launch(dir: TempDir, edges: usize, (redis, shop): (SocketAddr, SocketAddr), sale: &Sale) -> Self {
        make_keys(dir.path());
        let gates: Vec<SocketAddr> = (0..edges).map(|_| free_address()).collect();
        let admins: Vec<SocketAddr> = (0..edges).map(|_| free_address()).collect();
        let written_at_ms = now_ms();
        for (edge, (gate, admin)) in gates.iter().zip(&admins).enumerate() {
            let mut text = config(dir.path(), edge, [*gate, *admin], redis, shop, written_at_ms, sale);
            let log = dir.path().join(LOG_KEY);
            if log.exists() {
                writeln!(text, "[draw.log]\nkey = {log:?}").unwrap();
            }
            if let Ok(sales) = fs::read_to_string(dir.path().join(SALES)) {
                let is_time = |line: &&str| line.starts_with("opens_at") || line.starts_with("starts_at");
                text = text.lines().filter(|line| !is_time(line)).flat_map(|line| [line, "\n"]).collect::<String>()
                    + &sales;
            }
            if let Ok(entry) = fs::read_to_string(dir.path().join(ENTRY)) {
                text = text.replace("[edge]\n", "[edge]\ntrusted_proxies = [\"127.0.0.1/32\"]\n") + &entry;
            }
            fs::write(dir.path().join(format!("edge-{edge}.toml")), text).unwrap();
        }
        let mut fleet = Self { gates, admins, dir, edges: (0..edges).map(|_| None).collect() };
        (0..edges).for_each(|edge| fleet.start_edge(edge));
        (0..edges).for_each(|edge| fleet.wait_until(edge, "ready", |_| true));
        fleet
    }

    /// Moves the sale, which is far ahead in the edges' configuration, to the present.
    fn begin(&self, sale: &Sale, rules: Option<Rules>) {
        let config = Config::load(&self.config_path(0)).unwrap();
        let (redis, opens_at_ms) = (config.store.redis.unwrap(), now_ms());
        let options = RedisOptions { ledger: None, ..redis.resolve(self.dir.path(), |_| None).unwrap() };
        let plan = SalePlan {
            room: ROOM.to_owned(),
            opens_at_ms,
            starts_at_ms: opens_at_ms + sale.starts_in_ms,
            ends_at_ms: None,
            beacon: None,
            secret: [7; 32],
            config_version: 0,
            policy: config.rooms[0].policy.clone(),
            rules: rules.map(Box::new),
        };
        let store = RedisStore::open(&options, None).unwrap();
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(store.apply(ROOM, room::Command::Schedule(plan))).unwrap();
    }

    /// Starts an edge, anew after [`Fleet::kill`].
    pub(crate) fn start_edge(&mut self, edge: usize) {
        self.start_edge_with(edge, &[]);
    }

    /// The same with variables of its environment.
    pub(crate) fn start_edge_with(&mut self, edge: usize, variables: &[(&str, &Path)]) {
        let log = fs::File::options().create(true).append(true).open(self.log_path(edge)).unwrap();
        let child = Command::new(program())
            .args(["edge", "--exit-with-stdin", "--config"])
            .arg(self.config_path(edge))
            .env("RUST_LOG", "warn")
            .env("FAIRGATE_ADMIN_TOKEN", ADMIN_TOKEN)
            .env("FAIRGATE_IDENTITY_KEY", IDENTITY)
            .envs(variables.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        self.edges[edge] = Some(child);
    }

    /// `kill -9`.
    pub(crate) fn kill(&mut self, edge: usize) {
        let mut child = self.edges[edge].take().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// Replaces the values of keys in an edge's file.
    pub(crate) fn rewrite(&self, edge: usize, values: &[(&str, String)]) {
        let file = self.config_path(edge);
        let text = fs::read_to_string(&file).unwrap();
        let value_of = |line: &str| values.iter().find(|(key, _)| line.split(" = ").next() == Some(key));
        let rewritten = text.lines().map(|line| match value_of(line) {
            Some((key, value)) => format!("{key} = {value}\n"),
            None => format!("{line}\n"),
        });
        fs::write(file, rewritten.collect::<String>()).unwrap();
    }

    /// Writes the times at which the sale has begun into every file, in which they are far ahead.
    pub(crate) fn write_times(&self) {
        let status = self.status(0).unwrap();
        let time = |key: &str| {
            let ms = status[key].as_i64().unwrap();
            format!("\"{}\"", jiff::Timestamp::from_millisecond(ms).unwrap())
        };
        let times = [("opens_at", time("opens_at_ms")), ("starts_at", time("starts_at_ms"))];
        (0..self.edges.len()).for_each(|edge| self.rewrite(edge, &times));
    }

    /// The disk of an edge that is not running is gone.
    pub(crate) fn burn(&self, edge: usize) {
        fs::remove_dir_all(self.dir.path().join(format!("data-{edge}"))).unwrap();
    }

    /// What an edge says of the room, if it says anything.
    pub(crate) fn status(&self, edge: usize) -> Option<Value> {
        let answer = Fan::new(self.gates[edge]).try_get(&format!("/.fairgate/{ROOM}/status")).ok()?;
        (answer.status == 200).then(|| answer.json())
    }

    /// Waits until an edge's status says so.
    pub(crate) fn wait_until(&self, edge: usize, what: &str, is_so: impl Fn(&Value) -> bool) {
        let deadline = Instant::now() + Duration::from_secs(90);
        while !self.status(edge).is_some_and(|status| is_so(&status)) {
            assert!(
                Instant::now() < deadline,
                "edge {edge} is never {what}: {:?}\n{}",
                self.status(edge),
                self.log(edge)
            );
            sleep(Duration::from_millis(50));
        }
    }

    pub(crate) fn log(&self, edge: usize) -> String {
        fs::read_to_string(self.log_path(edge)).unwrap_or_default()
    }

    /// Where an edge's copy of the roster with this root is.
    pub(crate) fn copy_path(&self, edge: usize, root: &str) -> PathBuf {
        self.dir.path().join(format!("data-{edge}/{ROOM}/{root}.roster"))
    }

    pub(crate) fn config_path(&self, edge: usize) -> PathBuf {
        self.dir.path().join(format!("edge-{edge}.toml"))
    }

    fn log_path(&self, edge: usize) -> PathBuf {
        self.dir.path().join(format!("edge-{edge}.log"))
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        for edge in self.edges.iter_mut().flatten() {
            let _ = edge.kill();
            let _ = edge.wait();
        }
        if std::thread::panicking() {
            (0..self.edges.len()).for_each(|edge| {
                let _ = writeln!(std::io::stderr(), "edge {edge}:\n{}", self.log(edge));
            });
        }
    }
}

pub(crate) fn now_ms() -> u64 {
    #[expect(clippy::disallowed_methods, reason = "tests set up sales around the present")]
    let now = SystemTime::now();
    u64::try_from(now.duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap()
}

/// Makes the keys that edges share.
pub(crate) fn make_keys(dir: &Path) {
    let made = Command::new(program()).args(["keys", "new", "--dir"]).arg(dir.join("keys")).output().unwrap();
    assert!(made.status.success());
}

pub(crate) fn program() -> &'static str {
    env!("CARGO_BIN_EXE_fairgate")
}

pub(crate) fn free_address() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], fairgate_testkit::free_port().unwrap()))
}

fn config(
    dir: &Path,
    edge: usize,
    [gate, admin]: [SocketAddr; 2],
    redis: SocketAddr,
    shop: SocketAddr,
    written_at_ms: u64,
    sale: &Sale,
) -> String {
    let in_hours = |hours: u64| {
        let ms = written_at_ms + hours * 3_600_000;
        jiff::Timestamp::from_millisecond(i64::try_from(ms).unwrap()).unwrap()
    };
    let (opens_at, starts_at) = (in_hours(1), in_hours(2));
    let dir = dir.display();
    let Sale { rate_per_minute, burst, .. } = sale;
    format!(
        r#"
config_version = 0
[edge]
listen = ["{gate}"]
keys = "{dir}/keys"

[store]
redis = "redis://{redis}"
path = "{dir}/data-{edge}"

[admin]
listen = "{admin}"

[[upstream]]
name = "shop"
address = "{shop}"

[[room]]
name = "{ROOM}"
upstream = "shop"
opens_at = "{opens_at}"
starts_at = "{starts_at}"

[room.admission]
rate_per_minute = {rate_per_minute}
burst = {burst}
max_active = 100_000
"#
    )
}
