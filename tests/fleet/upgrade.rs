//! An edge that is replaced under load: nobody is refused, nothing fails, and what was begun goes on.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{scope, sleep};
use std::time::{Duration, Instant};

use fairgate_testkit::PrivateRedis;
use tempfile::TempDir;

use crate::edges::{free_address, make_keys, now_ms, program};
use crate::fan::{Answer, Fan, HTML, connect, read_answer};
use crate::shop::Shop;

/// Idle connections have three seconds.
const PATIENCE: Duration = Duration::from_secs(30);

/// Edges are told apart by what they tell browsers.
const FLOORS: [u64; 4] = [2, 3, 4, 5];

/// One address, and the edges that serve it one after another.
struct Site {
    gate: SocketAddr,
    shop: Shop,
    dir: TempDir,
    redis: Option<PrivateRedis>,
}

impl Site {
    fn new(redis: Option<PrivateRedis>) -> Self {
        let site = Self { gate: free_address(), shop: Shop::start(), dir: TempDir::new().unwrap(), redis };
        make_keys(site.dir.path());
        let admin = free_address();
        for floor_s in FLOORS {
            fs::write(site.config(floor_s), site.text(admin, floor_s)).unwrap();
        }
        site
    }

    fn config(&self, floor_s: u64) -> PathBuf {
        self.dir.path().join(format!("edge-{floor_s}.toml"))
    }

    fn text(&self, admin: SocketAddr, floor_s: u64) -> String {
        let (dir, gate, shop) = (self.dir.path().display(), self.gate, self.shop.address);
        let redis = self.redis.as_ref().map_or_else(String::new, |redis| format!("redis = \"{}\"", redis.url()));
        let began = jiff::Timestamp::from_millisecond(i64::try_from(now_ms() - 60_000).unwrap()).unwrap();
        format!(
            "[edge]\nlisten = [\"{gate}\"]\nkeys = \"{dir}/keys\"\nkeepalive_timeout = \"3s\"\nshutdown_grace = \"3s\"\n\
             [edge.limits]\nsession_per_minute = 0\n\
             [store]\npath = \"{dir}/data\"\n{redis}\n\
             [admin]\nlisten = \"{admin}\"\n\
             [[upstream]]\nname = \"shop\"\naddress = \"{shop}\"\n\
             [[room]]\nname = \"final\"\nupstream = \"shop\"\nopens_at = \"{began}\"\nstarts_at = \"{began}\"\n\
             [room.admission]\nrate_per_minute = 60000\nburst = 1000\nmax_active = 10000\n\
             [room.poll]\nfloor = \"{floor_s}s\"\n"
        )
    }

    /// Starts an edge, and waits until it serves.
    fn start(&self, floor_s: u64) -> Child {
        let edge = self.spawn(floor_s);
        self.wait_until("served by the new edge", || self.floor_s() == Some(floor_s));
        edge
    }

    fn spawn(&self, floor_s: u64) -> Child {
        let log = fs::File::create(self.dir.path().join(format!("edge-{floor_s}.log"))).unwrap();
        Command::new(program())
            .args(["edge", "--upgrade", "--exit-with-stdin", "--config"])
            .arg(self.config(floor_s))
            .env("RUST_LOG", "info,fairgate::access=warn")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap()
    }

    fn log(&self, floor_s: u64) -> String {
        fs::read_to_string(self.dir.path().join(format!("edge-{floor_s}.log"))).unwrap_or_default()
    }

    fn floor_s(&self) -> Option<u64> {
        let answer = Fan::new(self.gate).try_get("/.fairgate/final/status").ok()?;
        (answer.status == 200).then(|| answer.json()["poll"]["floor_ms"].as_u64().unwrap() / 1_000)
    }

    fn wait_until(&self, what: &str, mut is_so: impl FnMut() -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !is_so() {
            assert!(Instant::now() < deadline, "never {what}:\n{}", self.logs());
            sleep(Duration::from_millis(50));
        }
    }

    fn logs(&self) -> String {
        FLOORS
            .map(|floor_s| fs::read_to_string(self.dir.path().join(format!("edge-{floor_s}.log"))).unwrap_or_default())
            .join("\n")
    }
}

/// What became of everything that was asked.
#[derive(Default)]
struct Tally {
    is_over: AtomicBool,
    answers: AtomicUsize,
    /// Connections that were closed while nothing was asked on them, without a word before.
    closed: AtomicUsize,
    failures: Mutex<Vec<String>>,
}

/// Ends those who ask.
struct Over<'a>(&'a Tally);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.is_over.store(true, Ordering::Relaxed);
    }
}

/// A client that keeps its connection for as long as it may.
struct Client<'a> {
    fan: Fan,
    stream: Option<TcpStream>,
    tally: &'a Tally,
}

impl<'a> Client<'a> {
    fn new(fan: Fan, tally: &'a Tally) -> Self {
        Self { fan, stream: None, tally }
    }

    /// Asks again and again; anything but 200 is a failure.
    fn repeat(mut self, path: &str, pause: Duration) {
        while !self.tally.is_over.load(Ordering::Relaxed) {
            match self.ask(path) {
                Ok(answer) if answer.status == 200 => _ = self.tally.answers.fetch_add(1, Ordering::Relaxed),
                Ok(answer) => self.tally.fail(format!("{path}: {} {}", answer.status, answer.text())),
                Err(error) => self.tally.fail(format!("{path}: {error}")),
            }
            sleep(pause);
        }
    }

    fn ask(&mut self, path: &str) -> std::io::Result<Answer> {
        let mut stream = match self.stream.take().filter(|stream| self.is_open(stream)) {
            Some(stream) => stream,
            None => connect(self.fan.address)?,
        };
        let cookies: Vec<String> = self.fan.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let (name, accept) = HTML;
        let head = format!("GET {path} HTTP/1.1\r\nHost: {}\r\n{name}: {accept}\r\n", self.fan.address);
        stream.write_all(format!("{head}Cookie: {}\r\n\r\n", cookies.join("; ")).as_bytes())?;
        let answer = read_answer(&mut stream, false)?;
        if answer.header("connection") != Some("close") {
            self.stream = Some(stream);
        }
        Ok(answer)
    }

    /// As browsers do: a connection that the server has closed meanwhile is not used again.
    fn is_open(&self, stream: &TcpStream) -> bool {
        stream.set_nonblocking(true).unwrap();
        let is_open = stream.peek(&mut [0]).is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock);
        stream.set_nonblocking(false).unwrap();
        if !is_open {
            self.tally.closed.fetch_add(1, Ordering::Relaxed);
        }
        is_open
    }
}

impl Tally {
    fn fail(&self, what: String) {
        self.failures.lock().unwrap().push(what);
    }

    /// Joins again and again, each time as somebody else.
    fn join(&self, gate: SocketAddr) -> Vec<u64> {
        let mut places = Vec::new();
        for nonce in (10..=u8::MAX).take_while(|_| !self.is_over.load(Ordering::Relaxed)) {
            match Fan::new(gate).try_join(nonce) {
                Ok(answer) if answer.status == 200 => places.push(answer.json()["place"].as_u64().unwrap()),
                Ok(answer) => self.fail(format!("join: {} {}", answer.status, answer.text())),
                Err(error) => self.fail(format!("join: {error}")),
            }
            sleep(Duration::from_millis(40));
        }
        places
    }
}

/// A tunnel to the shop, through which something is said and heard now and then. Answers how long it lived after the
/// next edge was called.
fn tunnel(fan: &Fan, called: &Mutex<Option<Instant>>) -> Duration {
    let mut stream = connect(fan.address).unwrap();
    let cookies: Vec<String> = fan.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let head =
        format!("GET /socket HTTP/1.1\r\nHost: {}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n", fan.address);
    stream.write_all(format!("{head}Cookie: {}\r\n\r\n", cookies.join("; ")).as_bytes()).unwrap();
    assert_eq!(read_answer(&mut stream, false).unwrap().status, 101);
    let mut heard = [0; 4];
    while stream.write_all(b"ping").is_ok() && stream.read_exact(&mut heard).is_ok() {
        sleep(Duration::from_millis(50));
    }
    called.lock().unwrap().map(|called| called.elapsed()).expect("it lives until then")
}

fn replace_under_load(redis: Option<PrivateRedis>) {
    let is_shared = redis.is_some();
    let site = Site::new(redis);
    let mut first = site.start(2);
    let mut inside = Fan::new(site.gate);
    inside.enter(1);
    let (tally, called) = (Tally::default(), Mutex::new(None));
    let ms = Duration::from_millis;
    let mut second = scope(|threads| {
        // However this ends, so do those who ask.
        let over = Over(&tally);
        let client = |fan: &Fan| Client::new(fan.clone(), &tally);
        let outside = Fan::new(site.gate);
        let clients = [
            (client(&outside), "/.fairgate/final/status", ms(10)),
            (client(&outside), "/", ms(700)),
            (client(&inside), "/seats", ms(10)),
            (client(&inside), "/slow", ms(0)),
        ];
        clients.into_iter().for_each(|(client, path, pause)| _ = threads.spawn(move || client.repeat(path, pause)));
        let joins = threads.spawn(|| tally.join(site.gate));
        let tunnel = threads.spawn(|| tunnel(&inside, &called));
        sleep(ms(500));

        *called.lock().unwrap() = Some(Instant::now());
        let second = site.start(3);
        site.wait_until("done", || first.try_wait().unwrap().is_some());
        assert!(first.wait().unwrap().success());
        sleep(ms(500));
        drop(over);

        let mut places = joins.join().unwrap();
        let given = places.len();
        places.sort_unstable();
        places.dedup();
        assert_eq!(places.len(), given, "a place was given twice");
        assert!(tunnel.join().unwrap() > ms(3_000), "the tunnel had no grace");
        second
    });
    let _ = second.kill();
    let _ = second.wait();
    let failures = tally.failures.into_inner().unwrap();
    assert!(failures.is_empty(), "{failures:#?}\n{}", site.logs());
    assert!(tally.answers.into_inner() > 500);
    assert!(!is_shared || tally.closed.into_inner() == 0, "connections were closed without a word:\n{}", site.logs());
}

#[test]
fn an_edge_is_replaced_under_load_and_nobody_notices() {
    scope(|threads| {
        let fleet = threads.spawn(|| replace_under_load(Some(PrivateRedis::start().unwrap())));
        let single = threads.spawn(|| replace_under_load(None));
        fleet.join().unwrap();
        single.join().unwrap();
    });
}

fn end(mut edge: Child) {
    let _ = edge.kill();
    let _ = edge.wait();
}

/// Everybody who joins gets a place, whichever edge answers.
fn join(site: &Site, nonce: u8) {
    let answer = Fan::new(site.gate).try_join(nonce).unwrap();
    assert_eq!(answer.status, 200, "{}\n{}", answer.text(), site.logs());
}

#[test]
fn two_upgrades_at_once_follow_each_other() {
    let site = Site::new(Some(PrivateRedis::start().unwrap()));
    let first = site.start(2);
    let (second, third) = (site.spawn(3), site.spawn(4));
    let mut edges = [first, second, third];
    let has_ended = |edge: &mut Child| edge.try_wait().unwrap().is_some();
    site.wait_until("down to one edge", || edges.iter_mut().map(has_ended).filter(|ended| *ended).count() == 2);
    let mut ends = edges.iter_mut().filter_map(|edge| edge.try_wait().unwrap());
    assert!(ends.all(|end| end.success()), "{}", site.logs());
    join(&site, 1);
    edges.into_iter().for_each(end);
}

#[test]
fn an_edge_that_dies_before_it_serves_costs_nobody_the_site() {
    let site = Site::new(Some(PrivateRedis::start().unwrap()));
    let first = site.start(2);
    // One that never gets to know its room, since its Redis is not there.
    let nowhere = format!("redis = \"redis://{}/\"", free_address());
    let config = fs::read_to_string(site.config(3)).unwrap();
    let redis = config.lines().find(|line| line.starts_with("redis =")).unwrap();
    fs::write(site.config(3), config.replace(redis, &nowhere)).unwrap();
    let second = site.spawn(3);
    site.wait_until("taken over", || site.log(3).contains("the sockets are taken over"));
    sleep(Duration::from_secs(1));
    join(&site, 1);
    assert_eq!(site.floor_s(), Some(2), "the first one answers all the time");
    end(second);
    site.wait_until("aware of it", || site.log(2).contains("has died before it served: this one goes on"));
    for nonce in 2..20 {
        join(&site, nonce);
    }
    let third = site.start(4);
    [first, third].into_iter().for_each(end);
}

#[test]
fn an_edge_whose_heir_dies_starts_another() {
    let site = Site::new(None);
    let mut first = site.start(2);
    join(&site, 1);
    // The store cannot be opened as long as this is there.
    let rotten = site.dir.path().join("data/rotten");
    fs::create_dir_all(rotten.join("1.journal")).unwrap();
    let mut second = site.spawn(3);
    site.wait_until("dead", || second.try_wait().unwrap().is_some());
    assert!(!second.wait().unwrap().success());
    fs::remove_dir_all(rotten).unwrap();
    site.wait_until("served again", || site.floor_s() == Some(2));
    join(&site, 2);
    assert!(first.try_wait().unwrap().is_none(), "whoever supervises it would end the other one, too");
    join(&site, 3);
    let serving = fs::read_to_string(site.dir.path().join("data/serving")).unwrap();
    let heir = rustix::process::Pid::from_raw(serving.split(' ').next().unwrap().parse().unwrap()).unwrap();
    assert_ne!(heir, rustix::process::Pid::from_child(&first));
    rustix::process::kill_process(heir, rustix::process::Signal::TERM).unwrap();
    site.wait_until("done", || first.try_wait().unwrap().is_some());
    assert!(first.wait().unwrap().success(), "{}", site.logs());
}
