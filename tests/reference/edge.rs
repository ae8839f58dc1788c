//! A running edge with a room that is open, for what only it can say.

use std::fs;
use std::io::Read;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use fairgate_testkit::free_port;
use reqwest::blocking::{Client, Response};
use serde_json::Value;
use tempfile::TempDir;

const PATIENCE: Duration = Duration::from_secs(20);

/// A room without a pool, and a shop that nobody starts.
const CONFIG: &str = r#"
[edge]
listen = ["127.0.0.1:PORT"]
keys = "keys"
[store]
path = "data"
[admin]
listen = "127.0.0.1:ADMIN"
[[upstream]]
name = "shop"
address = "127.0.0.1:9"
[[room]]
name = "final"
upstream = "shop"
opens_at = "2020-01-01T00:00:00Z"
starts_at = "2020-01-01T00:00:00Z"
admission = { rate_per_minute = 6000, burst = 100 }
"#;

/// An edge; ends when it is dropped.
pub(crate) struct Edge {
    address: String,
    admin: String,
    process: Child,
    _dir: TempDir,
}

impl Edge {
    /// Starts one, and waits until it knows its room.
    pub(crate) fn start() -> Self {
        Self::start_with("")
    }

    /// The same with more lines for its room.
    pub(crate) fn start_with(lines: &str) -> Self {
        let dir = TempDir::new().unwrap();
        let (port, admin) = (free_port().unwrap(), free_port().unwrap());
        let config = CONFIG.replace("PORT", &port.to_string()).replace("ADMIN", &admin.to_string()) + lines;
        fs::write(dir.path().join("fairgate.toml"), config).unwrap();
        let fairgate = || {
            let mut command = Command::new(env!("CARGO_BIN_EXE_fairgate"));
            command.current_dir(dir.path()).env_remove("FAIRGATE_ADMIN_TOKEN");
            command
        };
        assert!(fairgate().args(["keys", "new"]).stdout(Stdio::null()).status().unwrap().success());
        let mut edge = fairgate();
        edge.args(["edge", "--exit-with-stdin", "--config", "fairgate.toml"])
            .stdin(Stdio::piped())
            .stderr(Stdio::piped());
        let process = edge.spawn().unwrap();
        let (address, admin) = (format!("http://127.0.0.1:{port}"), format!("http://127.0.0.1:{admin}"));
        let mut edge = Self { address, admin, process, _dir: dir };
        edge.wait_until_ready();
        edge
    }

    fn wait_until_ready(&mut self) {
        let deadline = Instant::now() + PATIENCE;
        let url = format!("{}/.fairgate/final/status", self.address);
        while !reqwest::blocking::get(&url).is_ok_and(|answer| answer.status().is_success()) {
            if Instant::now() > deadline {
                self.process.kill().unwrap();
                let mut log = String::new();
                self.process.stderr.take().unwrap().read_to_string(&mut log).unwrap();
                panic!("the edge does not start:\n{log}");
            }
            sleep(Duration::from_millis(50));
        }
    }

    /// What it answers at a path.
    pub(crate) fn get(&self, path: &str) -> Response {
        let answer = reqwest::blocking::get(format!("{}{path}", self.address)).unwrap();
        assert!(answer.status().is_success(), "{path}: {}", answer.status());
        answer
    }

    /// The kind of problem that a program meets at a path.
    pub(crate) fn problem(&self, path: &str) -> String {
        let answer = reqwest::blocking::get(format!("{}{path}", self.address)).unwrap();
        let problem: Value = answer.json().unwrap();
        problem["type"].as_str().unwrap().rsplit('/').next().unwrap().to_owned()
    }

    /// What it answers to a call, by whoever holds a ticket.
    pub(crate) fn post(&self, path: &str, body: &Value, ticket: Option<&str>) -> Value {
        let request = Client::new().post(format!("{}{path}", self.address)).json(body);
        let request = match ticket {
            Some(ticket) => request.bearer_auth(ticket),
            None => request,
        };
        let answer = request.send().unwrap();
        assert!(answer.status().is_success(), "{path}: {} {}", answer.status(), answer.text().unwrap());
        answer.json().unwrap()
    }

    /// Claims until the fan is in.
    pub(crate) fn claim(&self, ticket: &str) -> Value {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let answer = self.post("/.fairgate/final/claim", &serde_json::json!({}), Some(ticket));
            if answer["pass"].is_string() || Instant::now() > deadline {
                return answer;
            }
            sleep(Duration::from_millis(100));
        }
    }

    /// `/metrics`.
    pub(crate) fn metrics(&self) -> String {
        reqwest::blocking::get(format!("{}/metrics", self.admin)).unwrap().text().unwrap()
    }
}

impl Drop for Edge {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
