//! A private nginx: what stands in front of many edges, and behind them.

use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// Stopped when dropped.
pub(crate) struct Nginx {
    pub(crate) address: SocketAddr,
    child: Child,
    dir: TempDir,
}

impl Nginx {
    /// Starts one with these lines in its `server` block.
    pub(crate) fn start(server: &str) -> Self {
        let dir = TempDir::new().unwrap();
        let address = SocketAddr::from(([127, 0, 0, 1], fairgate_testkit::free_port().unwrap()));
        let root = dir.path().display();
        let user = if rustix::process::geteuid().is_root() { "user root;" } else { "" };
        let config = format!(
            "{user} daemon off; worker_processes 1; pid {root}/pid; error_log {root}/error.log;
             events {{ worker_connections 64; }}
             http {{ access_log off; client_body_temp_path {root}/body; proxy_temp_path {root}/proxy;
                 fastcgi_temp_path {root}/a; uwsgi_temp_path {root}/b; scgi_temp_path {root}/c;
                 server {{ listen {address}; {server} }} }}"
        );
        fs::write(dir.path().join("nginx.conf"), config).unwrap();
        let child = Command::new("nginx")
            .arg("-p")
            .arg(dir.path())
            .arg("-c")
            .arg(dir.path().join("nginx.conf"))
            .stderr(Stdio::null())
            .spawn()
            .expect("nginx runs: scripts/setup.sh installs it");
        let nginx = Self { address, child, dir };
        nginx.wait();
        nginx
    }

    fn wait(&self) {
        let deadline = Instant::now() + Duration::from_secs(20);
        while TcpStream::connect(self.address).is_err() {
            let log = fs::read_to_string(self.dir.path().join("error.log")).unwrap_or_default();
            assert!(Instant::now() < deadline, "nginx does not start: {log}");
            sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // SIGTERM lets the master take its worker along; a kill of the master alone would leave it behind.
        let _ =
            rustix::process::kill_process(rustix::process::Pid::from_child(&self.child), rustix::process::Signal::TERM);
        let _ = self.child.wait();
    }
}
