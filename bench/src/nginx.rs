//! A private nginx. It is the reference for answers that need no thought (`return 200`) and for a proxy that decides
//! nothing (`proxy_pass`). It is also the shop behind the gates that are measured (a static file).

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use tempfile::TempDir;

use crate::tls::{CHAIN, Certificate};

/// Stopped when dropped.
pub(crate) struct Nginx {
    child: Child,
    port: u16,
    tls_port: u16,
    // Holds the configuration, the file and the logs.
    dir: TempDir,
}

impl Nginx {
    /// Serves `body` at `/status` from a file, tuned as one would for this (no access log, cached open files, long
    /// keep-alive). Such a shop is never in the way.
    pub(crate) fn serving(body: &[u8]) -> anyhow::Result<Self> {
        Self::start(|root| {
            fs::create_dir(root.join("files"))?;
            fs::write(root.join("files/status"), body)?;
            Ok(format!("location / {{ root {}/files; }}", root.display()))
        })
    }

    /// Answers `/status` with `body` out of its configuration: the least that nginx can do for an answer.
    pub(crate) fn returning(body: &[u8]) -> anyhow::Result<Self> {
        let body = std::str::from_utf8(body)?;
        ensure!(!body.contains(['\'', '\\', '$']), "nginx would read something else out of {body}");
        Self::start(|_| Ok(format!("location /status {{ return 200 '{body}'; }}")))
    }

    /// Passes everything on to this address, over connections that it keeps.
    pub(crate) fn proxying(upstream: &str) -> anyhow::Result<Self> {
        Self::start(|_| {
            Ok(format!(
                "location / {{ proxy_pass http://shop; proxy_http_version 1.1; proxy_set_header Connection \"\";
                    proxy_set_header Host $host; proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for; }}
                }} upstream shop {{ server {upstream}; keepalive 64; keepalive_requests 1000000000;"
            ))
        })
    }

    fn start(location: impl FnOnce(&Path) -> anyhow::Result<String>) -> anyhow::Result<Self> {
        let dir = tempfile::tempdir()?;
        let (port, tls_port) = (free_port()?, free_port()?);
        let root = dir.path();
        let certificate = Certificate::make(root)?;
        fs::write(root.join("nginx.conf"), config(root, port, tls_port, &certificate, &location(root)?))?;
        let child = Command::new("nginx")
            .arg("-p")
            .arg(root)
            .arg("-c")
            .arg(root.join("nginx.conf"))
            .stderr(Stdio::null())
            .spawn()
            .context("cannot run nginx: `scripts/setup.sh bench` installs it")?;
        let nginx = Self { child, port, tls_port, dir };
        wait_for_port(port)?;
        Ok(nginx)
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}/status", self.port)
    }

    /// Over TLS, HTTP/1 or HTTP/2 as the client likes.
    pub(crate) fn tls_url(&self) -> String {
        format!("https://127.0.0.1:{}/status", self.tls_port)
    }

    pub(crate) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Where it listens for TLS.
    pub(crate) fn tls_address(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.tls_port))
    }

    /// The file of the certificate that it shows.
    pub(crate) fn certificate(&self) -> PathBuf {
        self.dir.path().join(CHAIN)
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

fn config(root: &Path, port: u16, tls_port: u16, certificate: &Certificate, location: &str) -> String {
    let (root, chain, key) = (root.display(), certificate.chain.display(), certificate.key.display());
    let user = if rustix::process::geteuid().is_root() { "user root;" } else { "" };
    format!(
        "{user}
        daemon off;
        worker_processes 1;
        worker_rlimit_nofile 65536;
        pid {root}/nginx.pid;
        error_log {root}/error.log;
        events {{ worker_connections 32768; }}
        http {{
            access_log off;
            sendfile on;
            http2_max_requests 1000000000;
            keepalive_requests 1000000000;
            open_file_cache max=10;
            open_file_cache_valid 1h;
            types {{ }}
            default_type application/json;
            server {{
                listen 127.0.0.1:{port};
                listen 127.0.0.1:{tls_port} ssl http2;
                ssl_certificate {chain};
                ssl_certificate_key {key};
                add_header Cache-Control \"public, max-age=1\";
                {location}
            }}
        }}"
    )
}

/// A port of 127.0.0.1 that nobody listens on.
pub(crate) fn free_port() -> anyhow::Result<u16> {
    Ok(fairgate_testkit::free_port()?)
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
