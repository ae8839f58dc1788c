//! Clients that others wrote, from npm: a Node process that answers each line by a line (`tests/clients`).
//!
//! **Guarantees:** packages are those of the lock file, fetched once into the folder of the build. A client ends with its
//! test, and an answer is waited for a minute at most. What is missing is said with its remedy. Whatever fails panics, as a
//! test should.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test ends where its client fails")]

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::ChildProcess;

const SCRIPTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/clients");
/// Longer than anything takes that a client is asked for.
const PATIENCE: Duration = Duration::from_secs(60);

/// Where npm has put what `tests/clients/package-lock.json` names. `scratch` is `CARGO_TARGET_TMPDIR` of the test.
pub fn packages(scratch: &Path) -> PathBuf {
    let folder = scratch.join("clients");
    fs::create_dir_all(&folder).unwrap();
    // One at a time, where several tests begin together.
    let turn = File::create(folder.join("turn")).unwrap();
    turn.lock().unwrap();
    let (done, wanted) = (folder.join("installed"), fs::read(Path::new(SCRIPTS).join("package-lock.json")).unwrap());
    if fs::read(&done).ok().as_ref() != Some(&wanted) {
        for file in ["package.json", "package-lock.json"] {
            fs::copy(Path::new(SCRIPTS).join(file), folder.join(file)).unwrap();
        }
        let mut npm = Command::new("npm");
        npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]).current_dir(&folder);
        let fetched = npm.output().unwrap_or_else(|error| missing("npm", &error));
        let said = String::from_utf8_lossy(&fetched.stderr);
        assert!(fetched.status.success(), "npm fetches the tests' clients once, and needs a network for it: {said}");
        fs::write(done, wanted).unwrap();
    }
    folder.join("node_modules")
}

/// A client of `tests/clients`; stopped on drop.
#[derive(Debug)]
pub struct Client {
    process: ChildProcess,
    log: PathBuf,
}

impl Client {
    /// Starts a script of `tests/clients`. `scratch` is `CARGO_TARGET_TMPDIR` of the test.
    pub fn start(script: &str, scratch: &Path) -> Self {
        let packages = packages(scratch);
        let log = scratch.join("clients").join(format!("{script}.{}.log", std::process::id()));
        let mut command = Command::new("node");
        command.arg(Path::new(SCRIPTS).join(script)).arg(packages).stderr(Stdio::from(File::create(&log).unwrap()));
        let process = ChildProcess::spawn(script, command).unwrap_or_else(|error| missing("node", &error));
        Self { process, log }
    }

    /// What the client answers to `{"do": …}`.
    #[track_caller]
    pub fn ask(&mut self, question: &Value) -> Value {
        self.process.say(&question.to_string()).unwrap_or_else(|error| self.failed(&error));
        let answer = self.process.wait_for_line("", PATIENCE).unwrap_or_else(|error| self.failed(&error));
        let mut answer: Value = serde_json::from_str(&answer).unwrap_or_else(|error| self.failed(&error));
        assert!(answer.get("error").is_none(), "{question}: {}", answer["error"].as_str().unwrap_or_default());
        answer["is"].take()
    }

    #[track_caller]
    fn failed(&self, error: &dyn std::fmt::Display) -> ! {
        panic!("{error}: {}", fs::read_to_string(&self.log).unwrap_or_default())
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.process.kill9();
        let _ = fs::remove_file(&self.log);
    }
}

#[track_caller]
fn missing(program: &str, error: &dyn std::fmt::Display) -> ! {
    panic!("{program} does not run ({error}): `make setup` installs it")
}
