//! A private nginx that serves one static file: the reference for answers that need no thought.

use std::fs;
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use tempfile::TempDir;

/// Stopped when dropped.
pub(crate) struct Nginx {
    child: Child,
    port: u16,
    // Holds the configuration, the file and the logs.
    _dir: TempDir,
}

impl Nginx {
    /// Serves `body` at `/status`, tuned as one would for this (no access log, cached open files, long keep-alive).
    pub(crate) fn serving(body: &[u8]) -> anyhow::Result<Self> {
        let dir = tempfile::tempdir()?;
        let port = free_port()?;
        let root = dir.path();
        fs::create_dir(root.join("files"))?;
        fs::write(root.join("files/status"), body)?;
        fs::write(root.join("nginx.conf"), config(root.to_str().context("temporary path is not UTF-8")?, port))?;
        let child = Command::new("nginx")
            .arg("-p")
            .arg(root)
            .arg("-c")
            .arg(root.join("nginx.conf"))
            .stderr(Stdio::null())
            .spawn()
            .context("cannot run nginx: `scripts/setup.sh bench` installs it")?;
        let nginx = Self { child, port, _dir: dir };
        wait_for_port(port)?;
        Ok(nginx)
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}/status", self.port)
    }

    pub(crate) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// The master's and the worker's process ids.
    pub(crate) fn pids(&self) -> anyhow::Result<Vec<u32>> {
        let master = self.child.id();
        let children = fs::read_to_string(format!("/proc/{master}/task/{master}/children"))?;
        let workers: Vec<u32> = children.split_whitespace().filter_map(|pid| pid.parse().ok()).collect();
        ensure!(!workers.is_empty(), "nginx has no worker");
        Ok([master].into_iter().chain(workers).collect())
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // SIGTERM lets the master take its worker along; a kill of the master alone would leave it behind.
        if let Some(pid) = rustix::process::Pid::from_raw(self.child.id().cast_signed()) {
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        }
        let _ = self.child.wait();
    }
}

fn config(root: &str, port: u16) -> String {
    let user = if rustix::process::geteuid().is_root() { "user root;" } else { "" };
    format!(
        "{user}
        daemon off;
        worker_processes 1;
        pid {root}/nginx.pid;
        error_log {root}/error.log;
        events {{ worker_connections 4096; }}
        http {{
            access_log off;
            sendfile on;
            tcp_nopush on;
            keepalive_requests 1000000000;
            open_file_cache max=10;
            open_file_cache_valid 1h;
            types {{ }}
            default_type application/json;
            server {{
                listen 127.0.0.1:{port};
                root {root}/files;
                add_header Cache-Control \"public, max-age=1\";
            }}
        }}"
    )
}

/// A port of 127.0.0.1 that nobody listens on.
pub(crate) fn free_port() -> anyhow::Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// Waits up to ten seconds until something listens there.
pub(crate) fn wait_for_port(port: u16) -> anyhow::Result<()> {
    let deadline = Instant::now() + Duration::from_secs(10);
    while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
        ensure!(Instant::now() < deadline, "nothing listens on 127.0.0.1:{port}");
        thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}
