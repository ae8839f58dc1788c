//! `fairgate draw witness` as a process of its own: what it cosigns, what it refuses, and what a crash leaves behind.

use std::fs;
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use fairgate_draw::log::{
    Batch, KeptLog, KeyKind, NoteSigner, SignatureLine, SignedNote, Statement, TlogProof, VerifierKey,
};
use fairgate_testkit::ChildProcess;
use tempfile::TempDir;

use crate::fan::{Answer, Fan};
use crate::world::{LOG, Setup, World, free_address, write_private};

/// A witness that is outside of the edge under test.
pub(crate) struct Outsider {
    pub(crate) address: SocketAddr,
    pub(crate) vkey: String,
    dir: TempDir,
    logs: Vec<String>,
    child: ChildProcess,
}

impl Outsider {
    /// Starts a witness of these logs.
    pub(crate) fn start(name: &str, seed: u8, logs: &[String]) -> Self {
        let (dir, address) = (TempDir::new().unwrap(), free_address());
        let vkey = write_private(&dir.path().join("witness.key"), name, KeyKind::Witness, seed);
        let child = launch(&dir, address, logs);
        Self { address, vkey, dir, logs: logs.to_vec(), child }
    }

    /// As a configuration names it.
    pub(crate) fn named(&self) -> (String, String) {
        (self.vkey.clone(), format!("http://{}", self.address))
    }

    /// `kill -9`.
    pub(crate) fn kill(&mut self) {
        self.child.kill9();
    }

    /// Starts it again where it was, with what it has on its disk.
    pub(crate) fn restart(&mut self) {
        self.child = launch(&self.dir, self.address, &self.logs);
    }

    fn state(&self) -> PathBuf {
        self.dir.path().join("state")
    }

    fn submit(&self, submission: &str) -> Answer {
        Fan::new(self.address).send("POST", "/add-checkpoint", &[], submission)
    }

    /// The size that it has cosigned last, as it says: it is shown a checkpoint as one that it has already.
    fn size(&self, log: &KeptLog) -> u64 {
        let answer = self.submit(&from(log.size(), log));
        match answer.status {
            409 => answer.text().trim().parse().unwrap(),
            200 => log.size(),
            status => panic!("{status}: {}", answer.text()),
        }
    }
}

fn launch(dir: &TempDir, address: SocketAddr, logs: &[String]) -> ChildProcess {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fairgate"));
    command.args(["draw", "witness", "--exit-with-stdin", "--listen", &address.to_string()]);
    command.arg("--key").arg(dir.path().join("witness.key")).arg("--state").arg(dir.path().join("state"));
    logs.iter().for_each(|log| {
        command.args(["--log", log]);
    });
    command.stderr(Stdio::from(fs::File::options().create(true).append(true).open(dir.path().join("log")).unwrap()));
    let mut child = ChildProcess::spawn("witness", command).unwrap();
    child.wait_for_line("listening on ", Duration::from_secs(60)).unwrap();
    child
}

/// The key of the log of these tests.
pub(crate) fn log_key() -> VerifierKey {
    NoteSigner::new(LOG, KeyKind::Log, &[7; 32]).unwrap().key().clone()
}

fn batch(n: u8) -> Batch {
    Batch::of(&[Statement::Void { draw: [n; 32] }]).unwrap()
}

fn log(draws: impl IntoIterator<Item = u8>) -> KeptLog {
    let mut log = KeptLog::new(NoteSigner::new(LOG, KeyKind::Log, &[7; 32]).unwrap());
    draws.into_iter().for_each(|n| log.push(&batch(n)).unwrap());
    log
}

fn from(old_size: u64, log: &KeptLog) -> String {
    log.submission(old_size).unwrap().to_string()
}

#[test]
fn a_witness_cosigns_what_continues_and_answers_everything_else_as_the_format_says() {
    let mut witness = Outsider::start("witness.example/w1", 8, &[log_key().to_string()]);
    let key = VerifierKey::parse(&witness.vkey).unwrap();
    let cosigned = |answer: &Answer, log: &KeptLog| {
        assert_eq!(answer.status, 200, "{}", answer.text());
        let line = SignatureLine::parse(answer.text().trim_end()).unwrap();
        log.latest().with(line).cosigned_at_s(&key).unwrap()
    };
    let (three, five) = (log(0..3), log(0..5));
    let first_s = cosigned(&witness.submit(&from(0, &three)), &three);
    assert!(cosigned(&witness.submit(&from(3, &five)), &five) >= first_s);
    cosigned(&witness.submit(&from(5, &five)), &five);

    let other_size = witness.submit(&from(0, &five));
    assert_eq!((other_size.status, other_size.text().as_str()), (409, "5\n"));
    assert_eq!(other_size.header("content-type"), Some("text/x.tlog.size"));
    let rollback = witness.submit(&from(3, &three));
    assert_eq!((rollback.status, rollback.text().as_str()), (409, "5\n"));
    let fork = log([0, 1, 2, 3, 9, 10]);
    assert_eq!(witness.submit(&from(5, &fork)).status, 422, "a fork that grows");
    let twin = log([0, 1, 2, 3, 9]);
    let answer = witness.submit(&from(5, &twin));
    assert_eq!((answer.status, answer.text().contains("forked")), (409, true), "a fork of the same size");
    let note = five.latest().to_string();
    let strangers = NoteSigner::new(LOG, KeyKind::Log, &[9; 32]).unwrap();
    let mut forged = KeptLog::new(strangers);
    (0..6).for_each(|n| forged.push(&batch(n)).unwrap());
    let unknown = NoteSigner::new("other.example/.fairgate/draw.log", KeyKind::Log, &[7; 32]).unwrap();
    let mut other = KeptLog::new(unknown);
    other.push(&batch(0)).unwrap();
    for (body, status) in [
        (from(5, &forged), 403),
        (from(0, &other), 404),
        (format!("old 6\n\n{note}"), 400),
        (format!("old 05\n\n{note}"), 400),
        (note.clone(), 400),
        (String::new(), 400),
        (format!("old 5\n{}", "x".repeat(80_000)), 413),
        (from(5, &five).replace(LOG, "tickets.example/.fairgate/draw.log/2"), 404),
    ] {
        let answer = witness.submit(&body);
        assert_eq!(answer.status, status, "{}: {}", &body[..body.len().min(60)], answer.text());
    }
    assert_eq!(Fan::new(witness.address).get("/add-checkpoint").status, 405);
    assert!(Fan::new(witness.address).get("/").text().contains(&witness.vkey));

    witness.kill();
    witness.restart();
    assert_eq!(witness.submit(&from(5, &fork)).status, 422, "after a restart, too");
    cosigned(&witness.submit(&from(5, &log(0..6))), &log(0..6));
}

/// Wherever it is killed, what it has cosigned it knows.
#[test]
fn a_witness_that_is_killed_between_state_and_answer_cosigns_no_fork_after_that() {
    let mut witness = Outsider::start("witness.example/w1", 8, &[log_key().to_string()]);
    let mut known = 0;
    for round in 1..=12u8 {
        let honest = log(0..round);
        let body = from(known, &honest);
        let address = witness.address;
        let asked = std::thread::spawn(move || Fan::new(address).try_send("POST", "/add-checkpoint", &[], &body));
        std::thread::sleep(Duration::from_micros(u64::from(round) * 700));
        witness.kill();
        let is_cosigned = asked.join().unwrap().is_ok_and(|answer| answer.status == 200);
        witness.restart();
        let size = witness.size(&honest);
        assert!(!is_cosigned || size == u64::from(round), "it has cosigned {round} and knows of {size}");
        assert!(size == known || size == u64::from(round), "{size}");
        let fork = log((0..round).map(|n| n.wrapping_add(100)).chain([250]));
        if size > 0 {
            assert_eq!(witness.submit(&from(size, &fork)).status, 422);
        }
        let answer = witness.submit(&from(size, &honest));
        assert_eq!(answer.status, 200, "it goes on: {}", answer.text());
        known = u64::from(round);
    }
}

#[test]
fn a_witness_says_why_it_does_not_start() {
    let mut witness = Outsider::start("witness.example/w1", 8, &[log_key().to_string()]);
    let start = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_fairgate"));
        command
            .args(["draw", "witness", "--listen", "127.0.0.1:0", "--key"])
            .arg(witness.dir.path().join("witness.key"));
        let output = command.args(arguments).stdin(Stdio::null()).output().unwrap();
        assert!(!output.status.success());
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    let (log, state) = (log_key().to_string(), witness.state().to_str().unwrap().to_owned());
    assert!(start(&["--state", &state, "--log", &log]).contains("is in use by another fairgate"));
    assert!(start(&["--state", &state]).contains("name one with --log"));
    assert!(start(&["--state", &state, "--log", "x"]).contains("is no log"));
    let three = log_of_three();
    assert_eq!(witness.submit(&from(0, &three)).status, 200);
    witness.kill();
    let mut files = fs::read_dir(witness.state()).unwrap().map(|file| file.unwrap().path());
    let file = files.find(|path| path.extension().is_some_and(|ending| ending == "checkpoint")).unwrap();
    let note = SignedNote::parse(&fs::read_to_string(&file).unwrap()).unwrap();
    assert_eq!(note.text(), three.latest().text(), "what it has cosigned, as the log has signed it");
    fs::write(&file, fs::read_to_string(&file).unwrap().replace("\n3\n", "\n2\n")).unwrap();
    let witness = &witness;
    let mut command = Command::new(env!("CARGO_BIN_EXE_fairgate"));
    command.args(["draw", "witness", "--listen", "127.0.0.1:0", "--log", &log, "--state", &state, "--key"]);
    let output = command.arg(witness.dir.path().join("witness.key")).stdin(Stdio::null()).output().unwrap();
    assert!(String::from_utf8_lossy(&output.stderr).contains("rotted"), "a state that was changed");
}

fn log_of_three() -> KeptLog {
    log(0..3)
}

/// A witness that shares no code with this one: `litewitness`, where somebody has installed it with Go.
struct Litewitness {
    address: SocketAddr,
    vkey: String,
    children: Vec<std::process::Child>,
    _dir: TempDir,
}

impl Litewitness {
    /// Starts it for the log of these tests; nothing where it, or what it needs, is missing.
    fn start() -> Option<Self> {
        let home = PathBuf::from(std::env::var("HOME").unwrap_or_default()).join("go/bin/litewitness");
        let program = if home.exists() { home } else { PathBuf::from("litewitness") };
        let is_there = |program: &PathBuf| Command::new(program).arg("-h").output().is_ok();
        if !["ssh-agent", "ssh-add", "ssh-keygen", "python3"].map(PathBuf::from).iter().chain([&program]).all(is_there)
        {
            return None;
        }
        let (dir, address) = (TempDir::new().unwrap(), free_address());
        let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
        let run = |command: &mut Command| {
            let output = command.env("SSH_AUTH_SOCK", path("agent")).stdin(Stdio::null()).output().unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            String::from_utf8_lossy(&output.stdout).into_owned()
        };
        run(Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f", &path("key")]));
        let mut children =
            vec![Command::new("ssh-agent").args(["-D", "-a", &path("agent")]).stdout(Stdio::null()).spawn().unwrap()];
        wait_for("ssh-agent", || dir.path().join("agent").exists());
        run(Command::new("ssh-add").args(["-q", &path("key")]));
        let fingerprint = run(Command::new("ssh-keygen").args(["-lf", &path("key.pub")]));
        run(Command::new("python3").args(["-c", ITS_LOGS, &path("db"), LOG, &log_key().to_string()]));
        let mut command = Command::new(&program);
        command.args(["-name", "lite.example/w", "-db", &path("db"), "-ssh-agent", &path("agent")]);
        command.args(["-listen", &address.to_string(), "-key", fingerprint.split(' ').nth(1).unwrap()]);
        let log = fs::File::create(path("log")).unwrap();
        children.push(command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap());
        wait_for("litewitness", || Fan::new(address).try_get("/").is_ok());
        let blob = fs::read_to_string(path("key.pub")).unwrap();
        let blob = STANDARD.decode(blob.split(' ').nth(1).unwrap()).unwrap();
        let public = blob.last_chunk().copied().unwrap();
        let vkey = VerifierKey::new("lite.example/w", KeyKind::Witness, public).unwrap().to_string();
        Some(Self { address, vkey, children, _dir: dir })
    }
}

impl Drop for Litewitness {
    fn drop(&mut self) {
        for child in &mut self.children {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Its operator's tool, in a few lines.
const ITS_LOGS: &str = "\
import base64, hashlib, sqlite3, sys
db = sqlite3.connect(sys.argv[1])
db.execute('CREATE TABLE log (origin TEXT PRIMARY KEY, tree_size INTEGER NOT NULL, tree_hash TEXT NOT NULL)')
db.execute('CREATE TABLE key (origin TEXT NOT NULL, key TEXT NOT NULL, FOREIGN KEY(origin) REFERENCES log(origin))')
empty = base64.b64encode(hashlib.sha256(b'').digest()).decode()
db.execute('INSERT INTO log VALUES (?, 0, ?)', (sys.argv[2], empty))
db.execute('INSERT INTO key VALUES (?, ?)', (sys.argv[2], sys.argv[3]))
db.commit()
";

fn wait_for(what: &str, is_there: impl Fn() -> bool) {
    for _ in 0..600 {
        if is_there() {
            return;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    panic!("{what} does not start");
}

#[test]
fn an_independent_witness_cosigns_the_log_of_an_edge() {
    let Some(lite) = Litewitness::start() else {
        let _ = writeln!(
            std::io::stderr(),
            "skipped: litewitness (filippo.io/torchwood), ssh-agent or python3 is not there"
        );
        return;
    };
    let witness = (lite.vkey.clone(), format!("http://{}", lite.address));
    let setup = Setup { opens_in_ms: -1_000, starts_in_ms: 5_000, log: Some(vec![witness]), ..Setup::default() };
    let world = World::start(setup);
    assert_eq!(world.fan().join(1).status, 200);
    world.wait_until("serving", |status| status["phase"] == "serving");
    let key = VerifierKey::parse(&lite.vkey).unwrap();
    wait_for("a cosignature of every statement", || {
        ["draw", "freeze", "reveal"].iter().all(|kind| {
            let answer = world.fan().get(&format!("/.fairgate/final/draw/{kind}.tlog-proof"));
            let proof = TlogProof::parse(&answer.text()).ok().filter(|_| answer.status == 200);
            proof.is_some_and(|proof| proof.note.cosigned_at_s(&key).is_ok())
        })
    });
    // Its word on forks and sizes is ours.
    let (fork, size) = (log([201, 202, 203, 204]), log([201, 202, 203]).size());
    let post = |body: String| Fan::new(lite.address).send("POST", "/add-checkpoint", &[], &body);
    assert_eq!(post(from(size, &fork)).status, 422);
    let other_size = post(from(1, &fork));
    assert_eq!((other_size.status, other_size.text().as_str()), (409, "3\n"));
}
