//! A Redis of one's own, on a free port of the loopback; what it holds is gone when it stops.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::watched::Watched;

const START_PATIENCE: Duration = Duration::from_secs(20);
const POLL: Duration = Duration::from_millis(5);

/// Why there is no private Redis.
#[derive(Debug, thiserror::Error)]
pub enum RedisError {
    /// No server program on this machine.
    #[error(
        "Redis is not installed: no `redis-server` or `valkey-server` in PATH; `make setup` installs it (Debian's \
         package is `redis-server`)"
    )]
    NotInstalled,
    /// The program does not run.
    #[error("cannot run {program}: {source}")]
    Run {
        /// The program.
        program: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// Redis did not come up.
    #[error("Redis did not start within {} s on port {port}", START_PATIENCE.as_secs())]
    Start {
        /// Where it should have listened.
        port: u16,
    },
}

/// A running private server; stopped on drop, and when this process dies.
#[derive(Debug)]
pub struct PrivateRedis {
    program: &'static str,
    dir: TempDir,
    port: u16,
    settings: Vec<String>,
    server: Option<Watched>,
}

impl PrivateRedis {
    /// Starts an empty server that keeps nothing on the disk.
    ///
    /// # Errors
    /// [`RedisError`], worded for the person at the terminal.
    pub fn start() -> Result<Self, RedisError> {
        Self::start_with(&["save", "", "appendonly", "no"])
    }

    /// Starts an empty server with settings as in `redis.conf`: name, value, name, value, …
    ///
    /// # Errors
    /// [`RedisError`], worded for the person at the terminal.
    pub fn start_with(settings: &[&str]) -> Result<Self, RedisError> {
        let program = find_program().ok_or(RedisError::NotInstalled)?;
        let failed = |source| RedisError::Run { program: program.to_owned(), source };
        let dir = tempfile::Builder::new().prefix("fairgate-redis-").tempdir().map_err(failed)?;
        let port = super::free_port().map_err(failed)?;
        let settings = settings.iter().map(|setting| (*setting).to_owned()).collect();
        let mut server = Self { program, dir, port, settings, server: None };
        server.run()?;
        Ok(server)
    }

    /// Starts a Sentinel that watches a server under a name.
    ///
    /// # Errors
    /// [`RedisError`], worded for the person at the terminal.
    pub fn start_sentinel(master: &Self, name: &str) -> Result<Self, RedisError> {
        let watched = format!("{name} 127.0.0.1 {} 1", master.port);
        Self::start_with(&["sentinel", "yes", "sentinel monitor", &watched])
    }

    /// Where to connect.
    #[must_use]
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/", self.port)
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port).into()
    }

    /// Kills the server at once (SIGKILL); [`Self::restart`] starts it again, empty unless its settings say otherwise.
    pub fn kill9(&mut self) {
        self.server = None;
    }

    /// Starts the server again after [`Self::kill9`], at the same URL.
    ///
    /// # Errors
    /// [`RedisError`].
    pub fn restart(&mut self) -> Result<(), RedisError> {
        self.kill9();
        self.run()
    }

    /// Starts the server under its watcher and waits until it answers.
    fn run(&mut self) -> Result<(), RedisError> {
        let failed = |source| RedisError::Run { program: self.program.to_owned(), source };
        let mut args = vec![self.write_settings().map_err(failed)?];
        if self.settings.first().is_some_and(|setting| setting == "sentinel") {
            args.push("--sentinel".into());
        }
        self.server = Some(Watched::start(self.program, args, Stdio::null()).map_err(failed)?);
        self.wait_until_ready()
    }

    /// Writes `redis.conf` anew, since Sentinels change theirs.
    fn write_settings(&self) -> std::io::Result<PathBuf> {
        let path = self.dir.path().join("redis.conf");
        let mut text = format!("bind 127.0.0.1\nport {}\ndir \"{}\"\n", self.port, self.dir.path().display());
        for setting in self.settings.chunks(2).filter(|setting| setting[0] != "sentinel") {
            let value = if setting[1].is_empty() { "\"\"" } else { &setting[1] };
            text += &format!("{} {value}\n", setting[0]);
        }
        std::fs::write(&path, text)?;
        Ok(path)
    }

    fn wait_until_ready(&mut self) -> Result<(), RedisError> {
        let deadline = Instant::now() + START_PATIENCE;
        while Instant::now() < deadline {
            if answers(self.address()) {
                return Ok(());
            }
            thread::sleep(POLL);
        }
        self.kill9();
        Err(RedisError::Start { port: self.port })
    }
}

/// The program, by either of its names.
fn find_program() -> Option<&'static str> {
    let path = std::env::var_os("PATH")?;
    let dirs: Vec<_> = std::env::split_paths(&path).collect();
    ["redis-server", "valkey-server"].into_iter().find(|program| dirs.iter().any(|dir| dir.join(program).is_file()))
}

/// True if the server takes commands, and not only connections.
fn answers(address: SocketAddr) -> bool {
    let mut answer = [0; 5];
    let mut ask = || {
        let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(1))?;
        stream.set_read_timeout(Some(Duration::from_secs(1)))?;
        stream.write_all(b"PING\r\n")?;
        stream.read_exact(&mut answer)
    };
    // A server that wants a password first is ready, too.
    ask().is_ok() && [b"+PONG", b"-NOAU"].contains(&&answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_starts_again_at_the_same_place_and_leaves_nothing_behind() {
        let mut server = PrivateRedis::start().expect("Redis is installed by `make setup`");
        let address = server.address();
        server.kill9();
        assert!(!answers(address));
        server.restart().expect("it starts again");
        assert!(answers(address));
        let dir = server.dir.path().to_owned();
        drop(server);
        assert!(!answers(address) && !dir.exists());
    }
}
