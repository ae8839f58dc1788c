//! A RabbitMQ of one's own, on free ports of the loopback; what it holds is gone when it stops.
//!
//! It has a name service (epmd) of its own, and nothing of it listens on another address. It is durable like a real server, so that
//! killing it proves something.

use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group, test_kill_process_group};
use tempfile::TempDir;

/// The server itself takes seconds, on a busy machine many.
const START_PATIENCE: Duration = Duration::from_secs(120);
const POLL: Duration = Duration::from_millis(50);
/// So long killed processes may take to be gone.
const DEATH_PATIENCE: Duration = Duration::from_secs(1);
/// Debian's wrapper in `/usr/sbin` insists on a user; this is what it runs.
const PROGRAMS: [&str; 2] = ["/usr/lib/rabbitmq/bin/rabbitmq-server", "/usr/sbin/rabbitmq-server"];
/// The beginning of every connection, and what a broker that is ready begins its answer with.
const HELLO: &[u8] = b"AMQP\x00\x00\x09\x01";
const METHOD_FRAME: u8 = 1;

/// Runs the name service and the server, and ends both at the end of the pipe.
const WATCHER: &str = r#"
dir=$1; shift
epmd & names=$!
"$@" & server=$!
read -r _
kill -KILL $server $names
wait
rm -rf "$dir"
kill -KILL 0
"#;

/// Why there is no private RabbitMQ.
#[derive(Debug, thiserror::Error)]
pub enum RabbitError {
    /// No server program on this machine.
    #[error(
        "RabbitMQ is not installed: no /usr/lib/rabbitmq/bin/rabbitmq-server; `make setup` installs it (Debian's package is \
         `rabbitmq-server`)"
    )]
    NotInstalled,
    /// A file or a port is missing, or the program does not run.
    #[error("cannot run RabbitMQ: {0}")]
    Run(#[from] std::io::Error),
    /// RabbitMQ did not come up.
    #[error("RabbitMQ did not start within {} s; the end of its log:\n{log}", START_PATIENCE.as_secs())]
    Start {
        /// The end of its log.
        log: String,
    },
}

/// A running private broker; stopped on drop, and when this process dies.
#[derive(Debug)]
pub struct PrivateRabbit {
    program: &'static str,
    dir: TempDir,
    port: u16,
    /// Of the distribution, and of the name service.
    inner_ports: (u16, u16),
    /// Whom it runs as when we are root.
    user: Option<(u32, u32)>,
    watcher: Option<(Child, ChildStdin)>,
}

impl PrivateRabbit {
    /// Starts an empty broker.
    ///
    /// # Errors
    /// [`RabbitError`], worded for the person at the terminal.
    pub fn start() -> Result<Self, RabbitError> {
        let program = PROGRAMS.into_iter().find(|program| Path::new(program).is_file());
        let program = program.ok_or(RabbitError::NotInstalled)?;
        let dir = tempfile::Builder::new().prefix("fairgate-rabbit-").tempdir()?;
        let user = if rustix::process::geteuid().is_root() { super::postgres::ids_of(&["nobody"]) } else { None };
        let inner_ports = (super::free_port()?, super::free_port()?);
        let mut server = Self { program, dir, port: super::free_port()?, inner_ports, user, watcher: None };
        server.write_files()?;
        server.run()?;
        Ok(server)
    }

    /// Where to connect.
    #[must_use]
    pub fn url(&self) -> String {
        format!("amqp://guest:guest@127.0.0.1:{}/%2f", self.port)
    }

    /// Kills the broker at once (SIGKILL), as a power cut would; [`Self::restart`] recovers.
    pub fn kill9(&mut self) {
        let Some((mut watcher, _pipe)) = self.watcher.take() else { return };
        let group = i32::try_from(watcher.id()).ok().and_then(Pid::from_raw);
        if let Some(group) = group {
            let _ = kill_process_group(group, Signal::KILL);
        }
        let _ = watcher.wait();
        // Whoever of the group is still dying may hold files and ports.
        let deadline = Instant::now() + DEATH_PATIENCE;
        while group.is_some_and(|group| test_kill_process_group(group).is_ok()) && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Starts the broker again after [`Self::kill9`], at the same URL with the same data.
    ///
    /// # Errors
    /// [`RabbitError`].
    pub fn restart(&mut self) -> Result<(), RabbitError> {
        self.kill9();
        self.run()
    }

    /// Sets how much memory the broker may use (512 MB at the start). Where it uses more it takes nothing from those who publish: it
    /// tells them that they are blocked.
    ///
    /// # Errors
    /// [`RabbitError::Run`].
    pub fn set_memory_bytes_max(&self, bytes: u64) -> Result<(), RabbitError> {
        let mut command = Command::new(Path::new(self.program).with_file_name("rabbitmqctl"));
        self.set_up(&mut command);
        command.args(["set_vm_memory_high_watermark", "absolute", &bytes.to_string()]);
        let output = command.stdin(Stdio::null()).output()?;
        if !output.status.success() {
            let said = [output.stdout, output.stderr].concat();
            return Err(std::io::Error::other(String::from_utf8_lossy(&said).into_owned()).into());
        }
        Ok(())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn write_files(&self) -> std::io::Result<()> {
        let settings = format!(
            "listeners.tcp.default = 127.0.0.1:{}\nloopback_users = none\nlog.console = true\nlog.console.level = warning\n\
             vm_memory_high_watermark.absolute = 512MB\ndisk_free_limit.absolute = 50MB\nraft.wal_max_size_bytes = 64000000\n",
            self.port
        );
        fs::write(self.path("rabbitmq.conf"), settings)?;
        fs::write(self.path("plugins"), "[].")?;
        fs::set_permissions(self.dir.path(), fs::Permissions::from_mode(0o700))?;
        if let Some((uid, gid)) = self.user {
            for path in [self.dir.path(), &self.path("rabbitmq.conf"), &self.path("plugins")] {
                chown(path, Some(uid), Some(gid))?;
            }
        }
        Ok(())
    }

    /// What the broker and those who steer it have in common.
    fn set_up(&self, command: &mut Command) {
        command.env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").env("LANG", "C.UTF-8");
        // The Erlang cookie is written there.
        for name in ["HOME", "RABBITMQ_MNESIA_BASE", "RABBITMQ_LOG_BASE", "RABBITMQ_GENERATED_CONFIG_DIR"] {
            command.env(name, self.dir.path());
        }
        command
            .env("RABBITMQ_NODENAME", "fairgate@localhost")
            .env("RABBITMQ_CONF_ENV_FILE", "/dev/null")
            .env("ERL_EPMD_PORT", self.inner_ports.1.to_string())
            .env("ERL_EPMD_ADDRESS", "127.0.0.1")
            .current_dir("/");
        if let Some((uid, gid)) = self.user {
            command.uid(uid).gid(gid);
        }
    }

    /// Starts the broker under its watcher and waits until it answers.
    fn run(&mut self) -> Result<(), RabbitError> {
        let log = fs::File::create(self.path("log"))?;
        let mut command = Command::new("sh");
        command.args(["-c", WATCHER, "sh"]).arg(self.dir.path()).arg(self.program);
        self.set_up(&mut command);
        command
            .env("RABBITMQ_CONFIG_FILE", self.path("rabbitmq.conf"))
            .env("RABBITMQ_ENABLED_PLUGINS_FILE", self.path("plugins"))
            .env("RABBITMQ_LOGS", "-")
            .env("RABBITMQ_DIST_PORT", self.inner_ports.0.to_string())
            // The script becomes the server, so that the watcher knows its process.
            .env("RUNNING_UNDER_SYSTEMD", "true")
            .env(
                "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS",
                "+S 2:2 +sbwt none -kernel inet_dist_use_interface {127,0,0,1}",
            );
        command.process_group(0).stdin(Stdio::piped()).stdout(log.try_clone()?).stderr(log);
        let mut watcher = command.spawn()?;
        let pipe = watcher.stdin.take();
        self.watcher = pipe.map(|pipe| (watcher, pipe));
        self.wait_until_ready()
    }

    fn wait_until_ready(&mut self) -> Result<(), RabbitError> {
        let address: SocketAddr = (Ipv4Addr::LOCALHOST, self.port).into();
        let deadline = Instant::now() + START_PATIENCE;
        while Instant::now() < deadline {
            if answers(address) {
                return Ok(());
            }
            thread::sleep(POLL);
        }
        let log = fs::read_to_string(self.path("log")).unwrap_or_default();
        self.kill9();
        let lines: Vec<&str> = log.lines().collect();
        Err(RabbitError::Start { log: lines[lines.len().saturating_sub(20)..].join("\n") })
    }
}

impl Drop for PrivateRabbit {
    fn drop(&mut self) {
        self.kill9();
    }
}

/// True if the broker greets whoever connects.
fn answers(address: SocketAddr) -> bool {
    let mut first = [0];
    let mut ask = || {
        let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(1))?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        stream.write_all(HELLO)?;
        stream.read_exact(&mut first)
    };
    ask().is_ok() && first[0] == METHOD_FRAME
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_starts_again_at_the_same_place_and_leaves_nothing_behind() {
        let mut server = PrivateRabbit::start().expect("RabbitMQ is installed by `make setup`");
        let address: SocketAddr = (Ipv4Addr::LOCALHOST, server.port).into();
        server.kill9();
        assert!(!answers(address));
        server.restart().expect("it starts again");
        assert!(answers(address));
        let (dir, names) = (server.dir.path().to_owned(), server.inner_ports.1);
        drop(server);
        assert!(!answers(address) && !dir.exists());
        assert!(TcpStream::connect((Ipv4Addr::LOCALHOST, names)).is_err(), "its name service is gone, too");
    }
}
