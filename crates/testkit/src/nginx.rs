//! A private nginx: what stands in front of edges and cores, and behind them.

use std::io;
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};
use std::{fs, path::Path};

use rustix::process::{Pid, Signal, geteuid, kill_process};
use tempfile::TempDir;

use crate::free_port;

/// How long nginx may take to listen.
const PATIENCE: Duration = Duration::from_secs(20);

/// Why there is no nginx.
#[derive(Debug, thiserror::Error)]
pub enum NginxError {
    /// It could not be started.
    #[error("nginx cannot be started; `make setup` installs it: {0}")]
    Start(#[from] io::Error),
    /// It does not listen.
    #[error("nginx does not listen; it says: {0}")]
    Silent(String),
}

/// A running nginx on 127.0.0.1; stopped on drop.
#[derive(Debug)]
pub struct Nginx {
    address: SocketAddr,
    child: Child,
    dir: TempDir,
}

impl Nginx {
    /// Starts one with these lines in its `server` block.
    ///
    /// # Errors
    /// nginx is not installed, or refuses the lines.
    pub fn start(server: &str) -> Result<Self, NginxError> {
        Self::start_with(|_| String::new(), server)
    }

    /// Starts one with these lines in its `http` block, too; they are told its directory.
    ///
    /// # Errors
    /// nginx is not installed, or refuses the lines.
    pub fn start_with(http: impl FnOnce(&Path) -> String, server: &str) -> Result<Self, NginxError> {
        let dir = TempDir::new()?;
        let address = SocketAddr::from(([127, 0, 0, 1], free_port()?));
        let (root, http) = (dir.path().display(), http(dir.path()));
        let user = if geteuid().is_root() { "user root;" } else { "" };
        let config = format!(
            "{user} daemon off; worker_processes 1; pid {root}/pid; error_log {root}/error.log;
             events {{ worker_connections 256; }}
             http {{ access_log off; client_body_temp_path {root}/body; proxy_temp_path {root}/proxy;
                 fastcgi_temp_path {root}/a; uwsgi_temp_path {root}/b; scgi_temp_path {root}/c; {http}
                 server {{ listen {address}; {server} }} }}"
        );
        let file = dir.path().join("nginx.conf");
        fs::write(&file, config)?;
        let mut command = Command::new("nginx");
        let child = command.arg("-p").arg(dir.path()).arg("-c").arg(file).stderr(Stdio::null()).spawn()?;
        let nginx = Self { address, child, dir };
        nginx.wait()?;
        Ok(nginx)
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    fn wait(&self) -> Result<(), NginxError> {
        let deadline = Instant::now() + PATIENCE;
        while TcpStream::connect(self.address).is_err() {
            if Instant::now() > deadline {
                let log = fs::read_to_string(self.dir.path().join("error.log")).unwrap_or_default();
                return Err(NginxError::Silent(log));
            }
            sleep(Duration::from_millis(20));
        }
        Ok(())
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // SIGTERM lets the master take its worker along; a kill of the master alone would leave it behind.
        let _ = kill_process(Pid::from_child(&self.child), Signal::TERM);
        let _ = self.child.wait();
    }
}
