//! A real edge process with a real store on disk, and what it stands in front of.

use std::fmt::Write as _;
use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use fairgate_draw::log::{KeyKind, NoteSigner};
use serde_json::Value;
use tempfile::TempDir;

use crate::fan::Fan;
use crate::shop::Shop;

/// Longer than a machine with other work to do takes for anything that a test waits for.
const PATIENCE: Duration = Duration::from_secs(60);

/// Whoever has it may do everything at the admin API.
pub(crate) const ADMIN_TOKEN: &str = "0123456789abcdef";

/// The log of these tests; its key's seed is all sevens.
pub(crate) const LOG: &str = "tickets.example/.fairgate/draw.log";

/// What a test wants of its edge; times are relative to the start.
pub(crate) struct Setup {
    pub(crate) opens_in_ms: i64,
    pub(crate) starts_in_ms: i64,
    pub(crate) ends_in_ms: Option<i64>,
    /// Lines of `[edge]`, beyond those every test needs.
    pub(crate) edge: &'static str,
    /// Lines of `[[upstream]]`.
    pub(crate) upstream: &'static str,
    /// Lines of `[[room]]`.
    pub(crate) room: &'static str,
    /// `[room.admission]`.
    pub(crate) admission: &'static str,
    /// `[room.session]`.
    pub(crate) session: &'static str,
    /// Listen with TLS beside the plain listener.
    pub(crate) tls: bool,
    /// Tables of the room, such as `[room.entry]`; `{double}` is the address of [`Self::double`].
    pub(crate) entry: &'static str,
    /// What the environment has beside the admin token.
    pub(crate) env: &'static [(&'static str, &'static str)],
    /// What a test has set up in the directory of the edge before it starts: called with it, keys are there.
    pub(crate) before: fn(&Path),
    /// A server that the edge asks.
    pub(crate) double: Option<SocketAddr>,
    /// Another shop than the test's own.
    pub(crate) shop: Option<SocketAddr>,
    /// Keep a draw log, with these witnesses: key and address.
    pub(crate) log: Option<Vec<(String, String)>>,
}

impl Default for Setup {
    /// A sale that runs already, without a pool, and lets everyone in.
    fn default() -> Self {
        Self {
            opens_in_ms: -60_000,
            starts_in_ms: -60_000,
            ends_in_ms: None,
            edge: "",
            upstream: "",
            room: "exempt = [\"/assets/\"]",
            admission: "rate_per_minute = 60000\nburst = 1000\nmax_active = 10000",
            session: "",
            tls: false,
            entry: "",
            env: &[],
            before: |_| (),
            double: None,
            shop: None,
            log: None,
        }
    }
}

/// An edge with its shop.
pub(crate) struct World {
    pub(crate) shop: Shop,
    pub(crate) address: SocketAddr,
    pub(crate) tls_address: SocketAddr,
    pub(crate) admin_address: SocketAddr,
    dir: TempDir,
    edge: Option<Child>,
    env: &'static [(&'static str, &'static str)],
}

impl World {
    pub(crate) fn start(setup: Setup) -> Self {
        let dir = TempDir::new().unwrap();
        let (shop, address, tls_address) = (Shop::start(), free_address(), free_address());
        let admin_address = free_address();
        fairgate(&["keys", "new", "--dir", dir.path().join("keys").to_str().unwrap()]);
        if setup.tls {
            write_certificate(dir.path());
        }
        if setup.log.is_some() {
            write_private(&dir.path().join("draw-log.key"), LOG, KeyKind::Log, 7);
        }
        let behind = setup.shop.unwrap_or(shop.address);
        let config = config(&setup, dir.path(), [address, tls_address, admin_address], behind);
        fs::write(dir.path().join("fairgate.toml"), config).unwrap();
        (setup.before)(dir.path());
        let mut world = Self { shop, address, tls_address, admin_address, dir, edge: None, env: setup.env };
        world.start_edge();
        world
    }

    /// Starts the edge, and waits until it knows its room.
    pub(crate) fn start_edge(&mut self) {
        let log = fs::File::options().create(true).append(true).open(self.log_path()).unwrap();
        self.start_edge_logging("info", log.into());
    }

    /// Starts the edge with another level and another end of its log.
    pub(crate) fn start_edge_logging(&mut self, level: &str, log: Stdio) {
        let edge = Command::new(env!("CARGO_BIN_EXE_fairgate"))
            .args(["edge", "--exit-with-stdin", "--config"])
            .arg(self.dir.path().join("fairgate.toml"))
            .env("RUST_LOG", level)
            .env("FAIRGATE_ADMIN_TOKEN", ADMIN_TOKEN)
            .envs(self.env.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        self.edge = Some(edge);
        let deadline = Instant::now() + PATIENCE;
        while !self.is_ready() {
            assert!(Instant::now() < deadline, "the edge does not start:\n{}", self.log());
            sleep(Duration::from_millis(20));
        }
    }

    fn is_ready(&self) -> bool {
        let mut fan = Fan::new(self.address);
        fan.try_get("/.fairgate/final/status").is_ok_and(|answer| answer.status == 200)
    }

    pub(crate) fn fan(&self) -> Fan {
        Fan::new(self.address)
    }

    pub(crate) fn status(&self) -> Value {
        self.fan().get("/.fairgate/final/status").json()
    }

    /// Waits until the status says so.
    pub(crate) fn wait_until(&self, what: &str, is_so: impl Fn(&Value) -> bool) -> Value {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let status = self.status();
            if is_so(&status) {
                return status;
            }
            assert!(Instant::now() < deadline, "never {what}: {status}\n{}", self.log());
            sleep(Duration::from_millis(50));
        }
    }

    /// What the edge has in memory, in KB.
    pub(crate) fn resident_kb(&self) -> u64 {
        let pid = self.edge.as_ref().unwrap().id();
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }

    /// The end of the edge's log, where it is a pipe.
    pub(crate) fn log_pipe(&mut self) -> Option<ChildStderr> {
        self.edge.as_mut().unwrap().stderr.take()
    }

    /// `kill -9`.
    pub(crate) fn kill(&mut self) {
        let mut edge = self.edge.take().unwrap();
        edge.kill().unwrap();
        edge.wait().unwrap();
    }

    /// `kill -TERM`; says how long it took and whether it ended well.
    pub(crate) fn terminate(&mut self) -> (Duration, bool) {
        let mut edge = self.edge.take().unwrap();
        let begun = Instant::now();
        let pid = rustix::process::Pid::from_child(&edge);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        let status = edge.wait().unwrap();
        (begun.elapsed(), status.success())
    }

    /// Closes the edge's standard input, as a dying parent does.
    pub(crate) fn lose_parent(&mut self) {
        drop(self.edge.as_mut().unwrap().stdin.take());
    }

    /// The same; says whether the edge ended well.
    pub(crate) fn orphan(&mut self) -> bool {
        self.lose_parent();
        self.edge.take().unwrap().wait().unwrap().success()
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.log_path()).unwrap_or_default()
    }

    /// Where everything is that belongs to the edge.
    pub(crate) fn dir(&self) -> PathBuf {
        self.dir.path().to_owned()
    }

    /// Where the store is, for a test that opens it while the edge is down.
    pub(crate) fn data(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    fn log_path(&self) -> PathBuf {
        self.dir.path().join("log")
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if let Some(mut edge) = self.edge.take() {
            let _ = edge.kill();
            let _ = edge.wait();
        }
    }
}

pub(crate) fn now_ms() -> i64 {
    #[expect(clippy::disallowed_methods, reason = "tests set up sales around the present")]
    let now = SystemTime::now();
    i64::try_from(now.duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap()
}

pub(crate) fn fairgate(args: &[&str]) {
    let output = Command::new(env!("CARGO_BIN_EXE_fairgate")).args(args).output().unwrap();
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
}

pub(crate) fn free_address() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], fairgate_testkit::free_port().unwrap()))
}

fn config(setup: &Setup, dir: &Path, [address, tls, admin]: [SocketAddr; 3], shop: SocketAddr) -> String {
    let now_ms = now_ms();
    let time = |in_ms: i64| jiff::Timestamp::from_millisecond(now_ms + in_ms).unwrap().to_string();
    let dir = dir.display();
    let mut text = format!(
        "[edge]\nlisten = [\"{address}\"]\nkeys = \"{dir}/keys\"\nshutdown_grace = \"3s\"\ncodes = \"{dir}/codes\"\n{}\n[store]\npath = \"{dir}/data\"\n\
         [admin]\nlisten = \"{admin}\"\n[[upstream]]\nname = \"shop\"\naddress = \"{shop}\"\n{}\n\
         [[room]]\nname = \"final\"\ntitle = \"Cup final\"\nupstream = \"shop\"\nopens_at = \"{}\"\nstarts_at = \"{}\"\n\
         {}\n",
        setup.edge,
        setup.upstream,
        time(setup.opens_in_ms),
        time(setup.starts_in_ms),
        setup.room,
    );
    if let Some(ends_in_ms) = setup.ends_in_ms {
        writeln!(text, "ends_at = \"{}\"", time(ends_in_ms)).unwrap();
    }
    writeln!(text, "[room.admission]\n{}\n[room.session]\n{}", setup.admission, setup.session).unwrap();
    let double = setup.double.map_or_else(String::new, |double| double.to_string());
    writeln!(text, "{}", setup.entry.replace("{double}", &double)).unwrap();
    if let Some(witnesses) = &setup.log {
        writeln!(text, "[draw.log]\nkey = \"{dir}/draw-log.key\"").unwrap();
        for (key, url) in witnesses {
            writeln!(text, "[[draw.witness]]\nkey = \"{key}\"\nurl = \"{url}\"").unwrap();
        }
    }
    if setup.tls {
        writeln!(
            text,
            "[[edge.tls]]\nlisten = \"{tls}\"\ncertificate = \"{dir}/certificate.pem\"\nkey = \"{dir}/key.pem\""
        )
        .unwrap();
    }
    text
}

/// Writes a key for notes, for its owner alone; answers its public half.
pub(crate) fn write_private(path: &Path, name: &str, kind: KeyKind, seed: u8) -> String {
    fs::write(path, NoteSigner::private_text(name, kind, &[seed; 32]).unwrap()).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
    NoteSigner::new(name, kind, &[seed; 32]).unwrap().key().to_string()
}

pub(crate) fn write_certificate(dir: &Path) {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    fs::write(dir.join("certificate.pem"), made.cert.pem()).unwrap();
    fs::write(dir.join("key.pem"), made.signing_key.serialize_pem()).unwrap();
}
