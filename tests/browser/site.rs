//! The real servers of a sale, started for one test: the gate with its rooms and, where somebody buys, the booking core.

use std::fmt::Write as _;
use std::fs::File;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use fairgate_draw::log::{KeyKind, NoteSigner};
use fairgate_telemetry::clock::{Clock, SystemClock};
use fairgate_telemetry::entropy;
use fairgate_testkit::{ChildProcess, PrivatePostgres, free_port};
use fairgate_token::{Bound, KeyRing, Pass, create_key};
use jiff::Timestamp;
use serde_json::{Value, json};
use tempfile::TempDir;

/// Longer than a machine with other work to do takes for anything that a test waits for.
const READY_WITHIN: Duration = Duration::from_secs(60);
/// An organizer's, at the admin listener.
pub(crate) const TOKEN: &str = "a token for the tests of the browser";
const IDENTITY: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
/// What the gate shows to a club's provider.
pub(crate) const CLUB_SECRET: &str = "the gate's secret at the club";

/// A room under test, on a host of its own: `<name>.localhost`. Its times count from the moment at which all else is up.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Room {
    pub(crate) name: &'static str,
    pub(crate) opens_in_s: i64,
    pub(crate) starts_in_s: i64,
    pub(crate) ends_in_s: Option<i64>,
    pub(crate) rate_per_minute: u32,
    pub(crate) grace: &'static str,
    /// More keys of the room, as TOML.
    pub(crate) more: &'static str,
}

impl Room {
    /// Open, first come first served, ten a second.
    pub(crate) const USUAL: Self = Self {
        name: "main",
        opens_in_s: -60,
        starts_in_s: -60,
        ends_in_s: None,
        rate_per_minute: 600,
        grace: "5m",
        more: "",
    };
}

/// The running servers. Fields are dropped in order: the gate closes first, the database last.
pub(crate) struct Site {
    edge: Option<ChildProcess>,
    shop: Option<Shop>,
    /// Who cosigns the draw log, where one is kept: the process, its key and its port.
    witness: Option<(ChildProcess, String, u16)>,
    /// The gate's port over TLS, where it has one.
    tls: Option<u16>,
    gate: u16,
    admin: u16,
    booking: u16,
    rooms: Vec<Room>,
    files: TempDir,
    client: reqwest::Client,
}

struct Shop {
    _booking: ChildProcess,
    postgres: PrivatePostgres,
}

impl Site {
    /// Starts the gate alone: nobody gets as far as a shop.
    pub(crate) async fn gate_only(rooms: &[Room]) -> Self {
        let mut site = Self::prepare(rooms);
        site.open().await;
        site
    }

    /// Starts the gate alone, with a draw log and a witness of it; answers the witness's public key.
    pub(crate) async fn gate_with_log(rooms: &[Room]) -> (Self, String) {
        let mut site = Self::prepare(rooms);
        let log = site.note_key("draw-log.key", "tickets.example/.fairgate/draw.log", KeyKind::Log);
        let key = site.note_key("witness.key", "witness.example/w1", KeyKind::Witness);
        let port = free_port().expect("a free port");
        let mut command = site.command(&["draw", "witness"]);
        command.args(["--log", &log, "--listen", &format!("127.0.0.1:{port}"), "--key"]);
        command.arg(site.files.path().join("witness.key")).arg("--state").arg(site.files.path().join("witness"));
        let witness = ChildProcess::spawn("witness", command).expect("the witness starts");
        site.witness = Some((witness, key.clone(), port));
        site.ready(&format!("http://127.0.0.1:{port}/healthz")).await;
        site.open().await;
        (site, key)
    }

    /// Writes a key for notes; answers its public half.
    fn note_key(&self, file: &str, name: &str, kind: KeyKind) -> String {
        let (path, seed) = (self.files.path().join(file), entropy::random_bytes().expect("randomness"));
        let text = NoteSigner::private_text(name, kind, &seed).expect("a name");
        std::fs::write(&path, text).expect("a key");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).expect("a key of our own");
        NoteSigner::new(name, kind, &seed).expect("a name").key().to_string()
    }

    /// Starts the gate and the booking core with its example event.
    pub(crate) async fn with_shop(rooms: &[Room]) -> Self {
        Self::prepare(rooms).open_with_shop().await
    }

    /// The same with a gate that speaks TLS, too, and the hash by which a browser is told to believe its certificate: base64 of
    /// SHA-256 of its public key.
    pub(crate) async fn with_shop_over_tls(rooms: &[Room]) -> (Self, String) {
        let mut site = Self::prepare(rooms);
        let names = rooms.iter().map(|room| format!("{}.localhost", room.name)).collect::<Vec<_>>();
        let made = rcgen::generate_simple_self_signed(names).expect("a certificate");
        std::fs::write(site.files.path().join("certificate.pem"), made.cert.pem()).expect("the certificate");
        std::fs::write(site.files.path().join("key.pem"), made.signing_key.serialize_pem()).expect("its key");
        let hash = ring::digest::digest(
            &ring::digest::SHA256,
            &rcgen::PublicKeyData::subject_public_key_info(&made.signing_key),
        );
        site.tls = Some(free_port().expect("a free port"));
        (site.open_with_shop().await, STANDARD.encode(hash))
    }

    async fn open_with_shop(mut self) -> Self {
        let postgres = tokio::task::spawn_blocking(|| PrivatePostgres::start().expect("Postgres starts"));
        let postgres = postgres.await.expect("Postgres starts");
        let mut command = self.command(&["booking"]);
        command.args(["--listen", &format!("127.0.0.1:{}", self.booking), "--room", self.rooms[0].name]);
        command.args(["--jwks-url", &format!("http://127.0.0.1:{}/.fairgate/jwks.json", self.gate)]);
        command.args(["--metrics-listen", &free_address(), "--seed-demo"]).env("FAIRGATE_DATABASE_URL", postgres.url());
        std::fs::create_dir_all(self.mail_directory()).expect("a directory");
        command.env("FAIRGATE_MAIL_DIRECTORY", self.mail_directory());
        let booking = ChildProcess::spawn("booking", command).expect("the booking core starts");
        self.shop = Some(Shop { _booking: booking, postgres });
        self.ready(&format!("http://127.0.0.1:{}/healthz", self.booking)).await;
        self.open().await;
        self
    }

    fn prepare(rooms: &[Room]) -> Self {
        let files = tempfile::Builder::new().prefix("fairgate-site-").tempdir().expect("a place for the site's files");
        let [gate, admin, booking] = free_ports();
        create_key(&files.path().join("keys"), SystemClock.now_ms(), &entropy::system()).expect("a signing key");
        Self {
            edge: None,
            shop: None,
            witness: None,
            tls: None,
            gate,
            admin,
            booking,
            rooms: rooms.to_vec(),
            files,
            client: reqwest::Client::new(),
        }
    }

    /// Starts the gate for the first time.
    async fn open(&mut self) {
        std::fs::write(self.files.path().join("fairgate.toml"), self.config()).expect("the configuration");
        self.start_edge().await;
    }

    /// Starts the gate, again with the same data after [`Self::kill_edge`].
    pub(crate) async fn start_edge(&mut self) {
        let mut command = self.command(&["edge"]);
        command.arg("--config").arg(self.files.path().join("fairgate.toml"));
        command.envs([
            ("FAIRGATE_ADMIN_TOKEN", TOKEN),
            ("FAIRGATE_IDENTITY_KEY", IDENTITY),
            ("CLUB_SECRET", CLUB_SECRET),
        ]);
        self.edge = Some(ChildProcess::spawn("edge", command).expect("the gate starts"));
        self.ready(&format!("http://127.0.0.1:{}/.fairgate/{}/status", self.gate, self.rooms[0].name)).await;
    }

    /// Kills the gate as a crash would.
    pub(crate) fn kill_edge(&mut self) {
        self.edge.take().expect("the gate runs").kill9();
    }

    /// The address of a room's shop, as a browser goes to it.
    pub(crate) fn url(&self, room: Room, path: &str) -> String {
        format!("http://{}.localhost:{}{path}", room.name, self.gate)
    }

    /// The same over TLS.
    pub(crate) fn url_over_tls(&self, room: Room, path: &str) -> String {
        format!("https://{}.localhost:{}{path}", room.name, self.tls.expect("the gate speaks TLS"))
    }

    pub(crate) async fn status(&self, room: Room) -> Value {
        let url = format!("http://127.0.0.1:{}/.fairgate/{}/status", self.gate, room.name);
        let answer = self.client.get(url).header("host", self.host(room)).send().await.expect("the gate answers");
        answer.json().await.expect("a status")
    }

    /// A part of a draw's public papers.
    pub(crate) async fn draw(&self, room: Room, part: &str) -> Vec<u8> {
        let url = format!("http://127.0.0.1:{}/.fairgate/{}/draw{part}", self.gate, room.name);
        let answer = self.client.get(url).header("host", self.host(room)).send().await.expect("the gate answers");
        assert!(answer.status().is_success(), "draw{part}: {}", answer.status());
        answer.bytes().await.expect("a body").into()
    }

    /// The pass of the same session as the gate signed it some time ago: its key has to be proved again.
    pub(crate) fn unproved(&self, pass: &str) -> String {
        let ring = KeyRing::load(&self.files.path().join("keys"), "fairgate").expect("a signing key");
        let room = self.rooms[0].name;
        let pass = ring.public().verify_past_pass(pass, room).expect("a pass");
        let past_ms = SystemClock.now_ms() - 2_000;
        let bound = *pass.bound.clone().expect("it is bound");
        let bound = Bound { prove_by_ms: past_ms, ..bound };
        let older = Pass::new(room, pass.draw, pass.place, past_ms - 60_000, past_ms, pass.hard_end_at_ms);
        ring.sign_pass(&older.bound_to(bound))
    }

    /// Waits until a room's status is as wished.
    pub(crate) async fn wait_for(&self, room: Room, wish: impl Fn(&Value) -> bool) {
        let until = Instant::now() + READY_WITHIN;
        loop {
            let status = self.status(room).await;
            if wish(&status) {
                return;
            }
            assert!(Instant::now() < until, "{} stays at {status}", room.name);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// That many fans without a browser join.
    pub(crate) async fn crowd_joins(&self, room: Room, fans: u8) {
        let url = format!("http://127.0.0.1:{}/.fairgate/{}/join", self.gate, room.name);
        for fan in 0..fans {
            let nonce = base64::Engine::encode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, [fan; 16]);
            let request = self.client.post(&url).header("host", self.host(room)).json(&json!({"nonce": nonce}));
            let answer = request.send().await.expect("the gate answers");
            assert!(answer.status().is_success(), "{}", answer.text().await.unwrap_or_default());
        }
    }

    fn mail_directory(&self) -> PathBuf {
        self.files.path().join("mails")
    }

    /// The code that the booking core has mailed.
    pub(crate) async fn mailed_code(&self) -> String {
        for _ in 0..600 {
            let files = std::fs::read_dir(self.mail_directory()).expect("a directory").flatten();
            let mails = files.filter_map(|file| std::fs::read_to_string(file.path()).ok());
            let mut codes = mails.filter_map(|mail| {
                let code = mail.split("Subject: Your code: ").nth(1)?.lines().next()?;
                Some(code.to_owned())
            });
            if let Some(code) = codes.next() {
                return code;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("no code was mailed");
    }

    /// Runs a statement in the shop's database; says how many rows it met.
    pub(crate) async fn sql(&self, statement: &str) -> u64 {
        let url = self.shop.as_ref().expect("a site with a shop").postgres.url();
        let (client, connection) =
            tokio_postgres::connect(&url, tokio_postgres::NoTls).await.expect("Postgres answers");
        let connection = tokio::spawn(connection);
        let rows = client.execute(statement, &[]).await.expect("the statement");
        connection.abort();
        rows
    }

    /// An address of the admin listener.
    pub(crate) fn admin_url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.admin)
    }

    /// Changes a room by the admin API, as an organizer does.
    pub(crate) async fn control(&self, room: Room, change: Value) {
        let url = format!("http://127.0.0.1:{}/api/v1/rooms/{}", self.admin, room.name);
        let answer =
            self.client.patch(url).bearer_auth(TOKEN).json(&change).send().await.expect("the admin API answers");
        assert!(answer.status().is_success(), "{change}: {}", answer.text().await.unwrap_or_default());
    }

    fn host(&self, room: Room) -> String {
        format!("{}.localhost:{}", room.name, self.gate)
    }

    /// This very program with a verb; it ends with the test, and logs to a file of the site.
    fn command(&self, verb: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_fairgate"));
        let log = File::options().append(true).create(true).open(self.log(verb[0])).expect("a log");
        command.args(verb).arg("--exit-with-stdin").stderr(log);
        command
    }

    fn log(&self, verb: &str) -> std::path::PathBuf {
        self.files.path().join(format!("{verb}.log"))
    }

    async fn ready(&self, url: &str) {
        let until = Instant::now() + READY_WITHIN;
        while !self.client.get(url).send().await.is_ok_and(|answer| answer.status().is_success()) {
            assert!(Instant::now() < until, "{url} does not answer; logs:\n{}", self.logs());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    fn logs(&self) -> String {
        let read = |verb| std::fs::read_to_string(self.log(verb)).unwrap_or_default();
        format!("{}\n{}", read("edge"), read("booking"))
    }

    fn config(&self) -> String {
        let Self { gate, admin, booking, .. } = self;
        let files: &Path = self.files.path();
        let (keys, data) = (files.join("keys"), files.join("data"));
        let mut text = format!(
            "[edge]\nlisten = [\"127.0.0.1:{gate}\"]\nkeys = {keys:?}\n\
             [store]\npath = {data:?}\n\
             [admin]\nlisten = \"127.0.0.1:{admin}\"\n\
             [[upstream]]\nname = \"shop\"\naddress = \"127.0.0.1:{booking}\"\n"
        );
        if let Some(port) = self.tls {
            let (certificate, key) = (files.join("certificate.pem"), files.join("key.pem"));
            let tls =
                format!("[[edge.tls]]\nlisten = \"127.0.0.1:{port}\"\ncertificate = {certificate:?}\nkey = {key:?}\n");
            text.push_str(&tls);
        }
        if let Some((_, key, port)) = &self.witness {
            let log = files.join("draw-log.key");
            write!(
                text,
                "[draw.log]\nkey = {log:?}\n[[draw.witness]]\nkey = {key:?}\nurl = \"http://127.0.0.1:{port}\"\n"
            )
            .expect("a string grows");
        }
        // The first room is also what programs find at the bare address.
        self.rooms
            .iter()
            .zip([", \"127.0.0.1\""].into_iter().chain(std::iter::repeat("")))
            .for_each(|(room, more)| push_room(&mut text, *room, more));
        text
    }
}

fn push_room(text: &mut String, room: Room, more_hosts: &str) {
    let Room { name, rate_per_minute, grace, more, .. } = room;
    // One moment for all: without a pool both times are the same.
    let now_ms = SystemClock.now_ms();
    let in_seconds = |seconds| in_seconds(now_ms, seconds);
    let ends_at = room.ends_in_s.map_or_else(String::new, |in_s| format!("ends_at = \"{}\"\n", in_seconds(in_s)));
    write!(
        text,
        "[[room]]\nname = \"{name}\"\ntitle = \"Mariza at the Coliseu\"\nhosts = [\"{name}.localhost\"{more_hosts}]\nexempt = [\"/bookings\", \"/search\"]\nupstream = \"shop\"\n\
         opens_at = \"{}[Asia/Tokyo]\"\nstarts_at = \"{}[Asia/Tokyo]\"\n{ends_at}{more}\
         [room.admission]\nrate_per_minute = {rate_per_minute}\nburst = 1\ngrace = \"{grace}\"\n\
         [room.poll]\nfloor = \"500ms\"\nceiling = \"2s\"\n",
        in_seconds(room.opens_in_s),
        in_seconds(room.starts_in_s),
    )
    .expect("a string grows");
}

fn in_seconds(now_ms: u64, seconds: i64) -> Timestamp {
    let now_ms = i64::try_from(now_ms).expect("a time");
    Timestamp::from_millisecond(now_ms + seconds * 1000).expect("a time")
}

/// Ports that nobody listens on.
fn free_ports() -> [u16; 3] {
    [(); 3].map(|()| free_port().expect("a free port"))
}

fn free_address() -> String {
    format!("127.0.0.1:{}", free_port().expect("a free port"))
}
