//! A shop under test: a private Postgres, a booking core as its own process, and an issuer of passes.

use std::io::{Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use fairgate_booking::passes::PassSettings;
use fairgate_booking::sale::desks::DeskLimits;
use fairgate_booking::sale::feed::GAP_MAX;
use fairgate_booking::server::{Payments, Settings};
use fairgate_booking::upkeep::prune::Retention;
use fairgate_telemetry::clock::{Clock, SystemClock};
use fairgate_telemetry::entropy;
use fairgate_testkit::{ChildProcess, PostgresSetup, PostgresTemplate, PrivatePostgres};
use fairgate_token::{KeyRing, Pass, create_key};
use reqwest::{Client, Method, Response, StatusCode};
use serde_json::{Value, json};

use crate::link::Link;

pub(crate) const EVENT: &str = "midsummer-night";
pub(crate) const ROOM: &str = "main";
const PATIENCE: Duration = Duration::from_secs(30);

/// An edge as far as the booking core knows one: keys at a URL, and passes signed with them.
pub(crate) struct Gate {
    keys: KeyRing,
    /// Of somebody who is no edge.
    forged: KeyRing,
    dir: tempfile::TempDir,
    pub(crate) url: String,
    published: Arc<Published>,
}

/// The keys as anybody may fetch them.
struct Published {
    jwks: Mutex<String>,
    fetches: AtomicUsize,
    /// The places whose sessions ended early.
    ended: Mutex<Vec<u64>>,
}

/// When the first key begins to sign, Unix ms.
const SIGNS_FROM_MS: u64 = 10_000;

impl Gate {
    pub(crate) fn open() -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        // A key that is older than those that are published was withdrawn; a younger one may be on its way.
        let (keys, forged) = (new_key(dir.path(), SIGNS_FROM_MS), new_key(&dir.path().join("other"), 0));
        let listener = fairgate_testkit::listen().expect("a port");
        let url = format!("http://{}/jwks.json", listener.local_addr().expect("bound"));
        let published = Arc::new(Published {
            jwks: Mutex::new(keys.jwks()),
            fetches: AtomicUsize::new(0),
            ended: Mutex::default(),
        });
        let serving = Arc::clone(&published);
        std::thread::spawn(move || listener.incoming().flatten().for_each(|stream| serving.serve_once(stream)));
        Self { keys, forged, dir, url, published }
    }

    /// Another key signs from now on; the one before stays published.
    pub(crate) fn rotate(&mut self) {
        create_key(self.dir.path(), 2 * SIGNS_FROM_MS, &entropy::system()).expect("a key");
        self.keys = KeyRing::load(self.dir.path(), "fairgate").expect("the keys");
        *self.published.jwks.lock().expect("unpoisoned") = self.keys.jwks();
    }

    /// The session of a place has ended: its fan left.
    pub(crate) fn end_session(&self, place: u64) {
        self.published.ended.lock().expect("unpoisoned").push(place);
    }

    /// How often the keys were fetched.
    pub(crate) fn fetches(&self) -> usize {
        self.published.fetches.load(Ordering::SeqCst)
    }

    pub(crate) fn pass(&self, place: u64) -> String {
        self.pass_for(ROOM, place, 600_000)
    }

    pub(crate) fn pass_for(&self, room: &str, place: u64, lasts_ms: i64) -> String {
        let now_ms = SystemClock.now_ms();
        let ends_at_ms = now_ms.saturating_add_signed(lasts_ms);
        let issued_at_ms = now_ms.min(ends_at_ms) - 1000;
        self.keys.sign_pass(&Pass::new(room, [7; 32], place, issued_at_ms, ends_at_ms, ends_at_ms + 1000))
    }

    /// A pass signed by a key that the gate does not publish.
    pub(crate) fn forged_pass(&self, place: u64) -> String {
        let now_ms = SystemClock.now_ms();
        self.forged.sign_pass(&Pass::new(ROOM, [7; 32], place, now_ms, now_ms + 60_000, now_ms + 60_000))
    }
}

fn new_key(dir: &Path, signs_from_ms: u64) -> KeyRing {
    create_key(dir, signs_from_ms, &entropy::system()).expect("a key");
    KeyRing::load(dir, "fairgate").expect("the key")
}

impl Published {
    fn serve_once(&self, mut stream: std::net::TcpStream) {
        let mut head = [0; 2048];
        let read = stream.read(&mut head).unwrap_or(0);
        let path = String::from_utf8_lossy(&head[..read]).split(' ').nth(1).unwrap_or_default().to_owned();
        let (status, body) = match path.as_str() {
            "/jwks.json" => {
                self.fetches.fetch_add(1, Ordering::SeqCst);
                ("200 OK", self.jwks.lock().expect("unpoisoned").clone())
            }
            "/ended/main.json" => {
                let places = self.ended.lock().expect("unpoisoned").clone();
                let ended = json!({ "room": ROOM, "issuer": "fairgate", "draw": "07".repeat(32), "places": places });
                ("200 OK", ended.to_string())
            }
            _ => ("404 Not Found", String::new()),
        };
        let head = format!(
            "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
            body.len()
        );
        let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body.as_bytes()));
    }
}

/// Everything together.
pub(crate) struct Shop {
    pub(crate) core: ChildProcess,
    pub(crate) postgres: PrivatePostgres,
    pub(crate) gate: Gate,
    pub(crate) url: String,
    pub(crate) metrics_url: String,
    pub(crate) http: Client,
    database_url: String,
    env: Env,
}

/// Postgres with the example event, made once for all tests.
static TEMPLATE: LazyLock<PostgresTemplate> = LazyLock::new(|| {
    // Nobody is registered as a reader of the log.
    let alone = vec![("FAIRGATE_WITHOUT", "mail,insight".to_owned())];
    let seed = |postgres: &PrivatePostgres| drop(start_core(&postgres.url(), &Gate::open(), &free_address(), &alone));
    PostgresTemplate::make(seed).expect("Postgres is installed by `make setup`")
});

/// What cores are told by their environment.
pub(crate) type Env = Vec<(&'static str, String)>;

impl Shop {
    pub(crate) fn open() -> Self {
        Self::open_with(&free_address(), Env::new())
    }

    pub(crate) fn open_with(listen: &str, env: Env) -> Self {
        let postgres = TEMPLATE.start().expect("another Postgres starts");
        let database_url = postgres.url();
        Self::open_at(postgres, database_url, listen, env)
    }

    /// A core whose link to Postgres can be damaged.
    pub(crate) fn open_linked(listen: &str, env: Env) -> (Self, Link) {
        let postgres = TEMPLATE.start().expect("another Postgres starts");
        let link = Link::to(&postgres.socket());
        (Self::open_at(postgres, link.url.clone(), listen, env), link)
    }

    /// A Postgres with the example event that is not quite the usual one.
    pub(crate) fn postgres(setup: PostgresSetup) -> PrivatePostgres {
        TEMPLATE.start_with(setup).expect("another Postgres starts")
    }

    /// A core that reaches its Postgres by a URL of its own.
    pub(crate) fn open_at(postgres: PrivatePostgres, database_url: String, listen: &str, env: Env) -> Self {
        let gate = Gate::open();
        let (core, url, metrics_url) = start_core(&database_url, &gate, listen, &env);
        let http = Client::builder().timeout(PATIENCE).build().expect("a client");
        Self { core, postgres, gate, url, metrics_url, http, database_url, env }
    }

    /// What a core over the same database is told that a test runs in its own process.
    pub(crate) fn settings(&self) -> Settings {
        let hour = Duration::from_secs(3600);
        let anywhere = || free_address().parse().expect("an address");
        Settings {
            database_url: self.postgres.url(),
            listen: anywhere(),
            metrics_listen: anywhere(),
            passes: PassSettings { jwks_url: self.gate.url.clone(), room: ROOM.into(), issuer: "fairgate".into() },
            payments: Payments::Pretended,
            organizer: None,
            retention: Retention { change_log: hour, answers: hour, payment_steps: hour },
            feed_gap_max: GAP_MAX,
            desks: DeskLimits::default(),
            seed_demo: false,
            mail: None,
            hooks: None,
            insight: false,
            search: None,
        }
    }

    /// Another core over the same database.
    pub(crate) fn another_core(&self) -> (ChildProcess, String) {
        self.another_core_at(&self.postgres.url())
    }

    /// Another core over the same database, which is told something else.
    pub(crate) fn another_core_with(&self, env: &Env) -> (ChildProcess, String) {
        let (core, url, _) = start_core(&self.postgres.url(), &self.gate, &free_address(), env);
        (core, url)
    }

    /// Another core over the same database, which it reaches in another way.
    pub(crate) fn another_core_at(&self, database_url: &str) -> (ChildProcess, String) {
        let (core, url, _) = start_core(database_url, &self.gate, &free_address(), &self.env);
        (core, url)
    }

    /// Another way to the database, which can be damaged.
    pub(crate) fn link(&self) -> Link {
        Link::to(&self.postgres.socket())
    }

    /// Kills the core and starts it again where it was.
    pub(crate) fn restart_core(&mut self) {
        self.core.kill9();
        let address = self.url.trim_start_matches("http://").to_owned();
        let (core, url, metrics_url) = start_core(&self.database_url, &self.gate, &address, &self.env);
        (self.core, self.url, self.metrics_url) = (core, url, metrics_url);
        // Connections to the one that was killed may not have noticed yet.
        self.http = Client::builder().timeout(PATIENCE).build().expect("a client");
    }

    pub(crate) fn fan(&self, place: u64) -> Fan {
        Fan { http: self.http.clone(), url: self.url.clone(), pass: self.gate.pass(place) }
    }

    pub(crate) async fn sql(&self) -> tokio_postgres::Client {
        let (client, connection) =
            tokio_postgres::connect(&self.postgres.url(), tokio_postgres::NoTls).await.expect("Postgres answers");
        tokio::spawn(connection);
        client
    }

    pub(crate) async fn get(&self, path: &str) -> Response {
        self.http.get(format!("{}{path}", self.url)).send().await.expect("the core answers")
    }

    pub(crate) async fn bits(&self) -> Vec<u8> {
        let answer = self.get(&format!("/api/v1/events/{EVENT}/availability")).await;
        assert_eq!(answer.status(), StatusCode::OK);
        answer.bytes().await.expect("a body").to_vec()
    }
}

impl Drop for Shop {
    /// A core that is asked to stop would wait for clients that are still there; and the tables go, too.
    fn drop(&mut self) {
        self.core.kill9();
    }
}

/// Where a server may listen: a port that nobody has.
pub(crate) fn free_address() -> String {
    format!("127.0.0.1:{}", fairgate_testkit::free_port().expect("a port"))
}

fn start_core(database_url: &str, gate: &Gate, listen: &str, env: &Env) -> (ChildProcess, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fairgate"));
    command.args(["booking", "--seed-demo", "--exit-with-stdin", "--metrics-listen", &free_address(), "--room", ROOM]);
    command.args(["--listen", listen, "--jwks-url", &gate.url]);
    command.envs(env.iter().map(|(name, value)| (name, value)));
    command.env("FAIRGATE_DATABASE_URL", database_url).stderr(Stdio::inherit());
    let mut core = ChildProcess::spawn("the booking core", command).expect("the binary is built");
    let metrics_url = core.wait_for_line("metrics on ", PATIENCE).expect("it starts");
    let url = core.wait_for_line("listening on ", PATIENCE).expect("it starts");
    (core, url, metrics_url)
}

/// Somebody who was let in.
#[derive(Clone)]
pub(crate) struct Fan {
    pub(crate) http: Client,
    pub(crate) url: String,
    pub(crate) pass: String,
}

/// An answer, read.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) text: String,
    pub(crate) json: Value,
    pub(crate) released: bool,
}

impl Answer {
    pub(crate) async fn read(response: Response) -> Self {
        let (status, released) = (response.status(), response.headers().contains_key("x-fairgate-release"));
        let text = response.text().await.unwrap_or_default();
        let json = serde_json::from_str(&text).unwrap_or(Value::Null);
        Self { status, text, json, released }
    }

    pub(crate) fn field(&self, name: &str) -> &str {
        self.json[name].as_str().unwrap_or_else(|| panic!("no {name} in {}", self.text))
    }

    pub(crate) fn seats(&self, name: &str) -> Vec<String> {
        let seats = self.json[name].as_array().unwrap_or_else(|| panic!("no {name} in {}", self.text));
        seats.iter().map(|seat| seat.as_str().expect("a seat's name").to_owned()).collect()
    }
}

impl Fan {
    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        key: &str,
        body: Option<Value>,
    ) -> reqwest::Result<Answer> {
        let mut request =
            self.http.request(method, format!("{}{path}", self.url)).header("x-fairgate-pass", &self.pass);
        if !key.is_empty() {
            request = request.header("idempotency-key", key);
        }
        if let Some(body) = body {
            request = request.header("content-type", "application/json").body(body.to_string());
        }
        Ok(Answer::read(request.send().await?).await)
    }

    pub(crate) async fn try_reserve(&self, key: &str, body: Value) -> reqwest::Result<Answer> {
        self.send(Method::POST, "/api/v1/bookings/reserve", key, Some(body)).await
    }

    pub(crate) async fn reserve(&self, key: &str, body: Value) -> Answer {
        self.try_reserve(key, body).await.expect("the core answers")
    }

    pub(crate) async fn reserve_seats(&self, key: &str, seats: &[&str]) -> Answer {
        self.reserve(key, json!({ "event": EVENT, "seats": seats })).await
    }

    pub(crate) async fn reserve_best(&self, key: &str, section: &str, quantity: u32) -> Answer {
        self.reserve(key, json!({ "event": EVENT, "section": section, "quantity": quantity })).await
    }

    pub(crate) async fn try_pay(&self, booking: &str, key: &str, token: &str) -> reqwest::Result<Answer> {
        let path = format!("/api/v1/bookings/{booking}/payment");
        self.send(Method::POST, &path, key, Some(json!({ "payment_token": token }))).await
    }

    pub(crate) async fn pay(&self, booking: &str, key: &str, token: &str) -> Answer {
        self.try_pay(booking, key, token).await.expect("the core answers")
    }

    pub(crate) async fn try_cancel(&self, booking: &str) -> reqwest::Result<Answer> {
        self.send(Method::DELETE, &format!("/api/v1/bookings/{booking}"), "", None).await
    }

    pub(crate) async fn cancel(&self, booking: &str) -> Answer {
        self.try_cancel(booking).await.expect("the core answers")
    }

    pub(crate) async fn booking(&self, booking: &str) -> Answer {
        self.send(Method::GET, &format!("/api/v1/bookings/{booking}"), "", None).await.expect("the core answers")
    }
}

/// Bit of a seat in the bitfield.
pub(crate) fn bit(bits: &[u8], unit: usize) -> bool {
    bits[unit / 8] >> (unit % 8) & 1 == 1
}
