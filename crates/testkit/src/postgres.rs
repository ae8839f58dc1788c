//! A Postgres of one's own: a fresh cluster behind a Unix socket that nobody else can reach.
//!
//! Durable like a real server (`fsync` and `synchronous_commit` stay on), so that killing it proves something.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};
use tempfile::TempDir;

const DATABASE_USER: &str = "fairgate";
const START_PATIENCE: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(5);

/// Runs the server and stops it at the end of the pipe. A line on the pipe instead means that the server is already
/// gone and that the watcher should go, too.
const WATCHER: &str = r#"
data=$1; sockets=$2; keep=$3; shift 3
"$@" & pid=$!
read -r _
if [ "$keep" = keep ]; then kill -INT $pid; else kill -QUIT $pid; fi
wait $pid
if [ "$keep" != keep ]; then rm -rf "$data"; fi
rm -rf "$sockets"
"#;

/// Why there is no private Postgres.
#[derive(Debug, thiserror::Error)]
pub enum PostgresError {
    /// No server program on this machine.
    #[error(
        "Postgres is not installed: no `postgres` in PATH or /usr/lib/postgresql/*/bin; `make setup` installs it \
         (Debian's package is `postgresql`)"
    )]
    NotInstalled,
    /// Postgres refuses to run as root, and there is nobody else to run it as.
    #[error("Postgres does not run as root, and there is neither a user `postgres` nor `nobody` to run it as")]
    NoUser,
    /// A directory cannot be made or entered.
    #[error("cannot use {path} for Postgres: {source}")]
    Directory {
        /// The directory or file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A program of Postgres does not run.
    #[error("cannot run {program}: {source}")]
    Run {
        /// The program.
        program: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The cluster could not be made.
    #[error("the files of Postgres could not be made: {0}")]
    Make(String),
    /// The server did not come up.
    #[error("Postgres did not start; the end of its log:\n{0}")]
    Start(String),
}

/// How a server differs from one that only a Unix socket leads to.
#[derive(Clone, Debug, Default)]
pub struct PostgresSetup {
    /// Settings as `name=value`; they count more than the usual ones.
    pub settings: Vec<String>,
    /// Files that are written among its data before each start (`pg_hba.conf`, a certificate, `standby.signal`).
    pub files: Vec<(&'static str, String)>,
    /// The port of 127.0.0.1 on which it listens, too.
    pub port: Option<u16>,
}

/// A running private server; stopped on drop, and when this process dies.
#[derive(Debug)]
pub struct PrivatePostgres {
    setup: PostgresSetup,
    programs: PathBuf,
    user: Option<User>,
    data: PathBuf,
    sockets: TempDir,
    keep_data: bool,
    watcher: Option<(Child, ChildStdin)>,
}

/// Whom the server runs as when we are root.
#[derive(Clone, Copy, Debug)]
struct User {
    uid: u32,
    gid: u32,
}

impl PrivatePostgres {
    /// Starts an empty server whose data is gone when it stops.
    ///
    /// # Errors
    /// [`PostgresError`], worded for the person at the terminal.
    pub fn start() -> Result<Self, PostgresError> {
        Self::start_with(PostgresSetup::default())
    }

    /// Starts an empty server that is not quite the usual one; its data is gone when it stops.
    ///
    /// # Errors
    /// [`PostgresError`], worded for the person at the terminal.
    pub fn start_with(setup: PostgresSetup) -> Result<Self, PostgresError> {
        Self::launch(temporary()?, false, Start::Empty, setup)
    }

    /// Starts a standby of this server, which follows it; its data is gone when it stops. This one must take
    /// replication (`wal_level=replica`, which it is from the beginning).
    ///
    /// # Errors
    /// [`PostgresError`], worded for the person at the terminal.
    pub fn start_standby(&self, mut setup: PostgresSetup) -> Result<Self, PostgresError> {
        setup.settings.push(format!("primary_conninfo={}", self.conninfo()));
        setup.files.push(("standby.signal", String::new()));
        Self::launch(temporary()?, false, Start::Backup(self), setup)
    }

    /// Makes a standby take writes (`pg_ctl promote`), and waits until it does.
    ///
    /// # Errors
    /// [`PostgresError::Make`], with what `pg_ctl` says.
    pub fn promote(&mut self) -> Result<(), PostgresError> {
        let mut command = Command::new(self.programs.join("pg_ctl"));
        command.arg("promote").arg("-w").arg("-D").arg(&self.data);
        self.make_by(command)?;
        self.setup.files.retain(|(name, _)| *name != "standby.signal");
        Ok(())
    }

    /// Starts a server on a copy of the cluster in `template`, whose own server has stopped; the copy is gone when it stops.
    pub(super) fn start_like(template: &Path, setup: PostgresSetup) -> Result<Self, PostgresError> {
        Self::launch(temporary()?, false, Start::Copy(template), setup)
    }

    /// Starts a server on the cluster in `data` (made when missing), which stays there when the server stops.
    ///
    /// # Errors
    /// [`PostgresError`], worded for the person at the terminal.
    pub fn start_in(data: &Path) -> Result<Self, PostgresError> {
        fs::create_dir_all(data).map_err(at(data))?;
        Self::launch(data.canonicalize().map_err(at(data))?, true, Start::Empty, PostgresSetup::default())
    }

    fn launch(data: PathBuf, keep_data: bool, start: Start<'_>, setup: PostgresSetup) -> Result<Self, PostgresError> {
        let programs = find_programs()?;
        let user = if rustix::process::geteuid().is_root() { Some(find_user()?) } else { None };
        let sockets = tempfile::Builder::new().prefix("fairgate-pg-").tempdir().map_err(at(&std::env::temp_dir()))?;
        for dir in [data.as_path(), sockets.path()] {
            fs::set_permissions(dir, fs::Permissions::from_mode(0o700)).map_err(at(dir))?;
            if let Some(User { uid, gid }) = user {
                chown(dir, Some(uid), Some(gid)).map_err(at(dir))?;
            }
        }
        let mut server = Self { setup, programs, user, data, sockets, keep_data, watcher: None };
        match start {
            Start::Copy(template) => server.copy(template)?,
            Start::Backup(primary) => server.back_up(primary)?,
            Start::Empty if !server.data.join("PG_VERSION").exists() => server.init()?,
            Start::Empty => {}
        }
        server.run()?;
        Ok(server)
    }

    /// Where to connect.
    #[must_use]
    pub fn url(&self) -> String {
        format!("postgresql://{DATABASE_USER}@{}/postgres", self.host())
    }

    /// The directory of the server's Unix socket and its port, as URLs have them.
    #[must_use]
    pub fn host(&self) -> String {
        let dir = self.sockets.path().to_string_lossy().replace('/', "%2F");
        format!("{dir}:{}", self.port())
    }

    fn port(&self) -> u16 {
        self.setup.port.unwrap_or(5432)
    }

    fn conninfo(&self) -> String {
        format!("host={} port={} user={DATABASE_USER}", self.sockets.path().display(), self.port())
    }

    /// The server's Unix socket.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        self.sockets.path().join(format!(".s.PGSQL.{}", self.port()))
    }

    /// The directory of the server's Unix socket, as `psql -h` and `pgbench -h` take it.
    #[must_use]
    pub fn socket_dir(&self) -> &Path {
        self.sockets.path()
    }

    /// Where the programs of this Postgres are (`psql`, `pgbench`, …).
    #[must_use]
    pub fn programs(&self) -> &Path {
        &self.programs
    }

    /// Kills the server at once (SIGKILL), as a power cut would; [`Self::restart`] recovers.
    pub fn kill9(&mut self) {
        let Some((mut watcher, _pipe)) = self.watcher.take() else { return };
        // Watcher and server are a group of their own. The server's pid file would not do: while one starts, it may still
        // name the one before.
        if let Some(group) = i32::try_from(watcher.id()).ok().and_then(Pid::from_raw) {
            let _ = kill_process_group(group, Signal::KILL);
        }
        let _ = watcher.wait();
    }

    /// Starts the server again after [`Self::kill9`], at the same URL with the same data.
    ///
    /// # Errors
    /// [`PostgresError::Start`].
    pub fn restart(&mut self) -> Result<(), PostgresError> {
        self.kill9();
        let deadline = Instant::now() + START_PATIENCE;
        loop {
            // Orphaned backends notice within moments that their parent is gone. Until then the data is in use, and
            // they write into the log that would say so.
            match self.run() {
                Err(PostgresError::Start(_)) if Instant::now() < deadline => thread::sleep(Duration::from_millis(50)),
                outcome => return outcome,
            }
        }
    }

    fn init(&self) -> Result<(), PostgresError> {
        let mut command = Command::new(self.programs.join("initdb"));
        command.arg("-D").arg(&self.data).args(["-U", DATABASE_USER, "--auth=trust", "-E", "UTF8", "--locale=C"]);
        if !self.keep_data {
            command.arg("--no-sync");
        }
        self.make_by(command)
    }

    fn copy(&self, template: &Path) -> Result<(), PostgresError> {
        let mut command = Command::new("cp");
        command.arg("-R").arg(template.join(".")).arg(&self.data);
        self.make_by(command)
    }

    fn back_up(&self, primary: &Self) -> Result<(), PostgresError> {
        let mut command = Command::new(self.programs.join("pg_basebackup"));
        command.arg("-D").arg(&self.data).args(["--checkpoint=fast", "--no-sync", "-d"]).arg(primary.conninfo());
        self.make_by(command)
    }

    /// Writes the files of the setup, for nobody else to read: a server wants that of its keys.
    fn write_files(&self) -> Result<(), PostgresError> {
        for (name, text) in &self.setup.files {
            let path = self.data.join(name);
            fs::write(&path, text).map_err(at(&path))?;
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).map_err(at(&path))?;
            if let Some(User { uid, gid }) = self.user {
                chown(&path, Some(uid), Some(gid)).map_err(at(&path))?;
            }
        }
        Ok(())
    }

    fn make_by(&self, mut command: Command) -> Result<(), PostgresError> {
        self.as_user(&mut command);
        let program = PathBuf::from(command.get_program());
        let output = command.stdin(Stdio::null()).output().map_err(|source| PostgresError::Run { program, source })?;
        if output.status.success() {
            return Ok(());
        }
        Err(PostgresError::Make(String::from_utf8_lossy(&output.stderr).trim().to_owned()))
    }

    /// Starts the server under its watcher and waits until it accepts connections.
    fn run(&mut self) -> Result<(), PostgresError> {
        let log_path = self.sockets.path().join("log");
        let log = fs::File::create(&log_path).map_err(at(&log_path))?;
        self.write_files()?;
        let stale = self.pid_file();
        let mut command = Command::new("sh");
        command.args(["-c", WATCHER, "sh"]).arg(&self.data).arg(self.sockets.path()).arg(if self.keep_data {
            "keep"
        } else {
            "drop"
        });
        command.arg(self.programs.join("postgres")).arg("-D").arg(&self.data).arg("-k").arg(self.sockets.path());
        // One call of the file system before a recovery instead of one for each of a thousand files.
        let recovery = "recovery_init_sync_method=syncfs";
        for setting in
            ["listen_addresses=", "max_connections=200", "shared_buffers=128MB", "max_wal_size=2GB", recovery]
        {
            command.arg("-c").arg(setting);
        }
        if let Some(port) = self.setup.port {
            command.arg("-c").arg("listen_addresses=127.0.0.1").arg("-c").arg(format!("port={port}"));
        }
        for setting in &self.setup.settings {
            command.arg("-c").arg(setting);
        }
        self.as_user(&mut command);
        command.process_group(0).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(log);
        let mut watcher = command.spawn().map_err(|source| PostgresError::Run { program: "sh".into(), source })?;
        let pipe = watcher.stdin.take();
        self.watcher = pipe.map(|pipe| (watcher, pipe));
        self.wait_until_ready(stale.as_deref(), &log_path)
    }

    fn wait_until_ready(&mut self, stale: Option<&str>, log: &Path) -> Result<(), PostgresError> {
        let deadline = Instant::now() + START_PATIENCE;
        loop {
            if self.pid_file().is_some_and(|file| Some(file.as_str()) != stale && says_ready(&file)) {
                return Ok(());
            }
            let log = fs::read_to_string(log).unwrap_or_default();
            if gave_up(&log) || Instant::now() > deadline {
                self.kill9();
                return Err(PostgresError::Start(tail(&log)));
            }
            thread::sleep(POLL);
        }
    }

    fn pid_file(&self) -> Option<String> {
        fs::read_to_string(self.data.join("postmaster.pid")).ok()
    }

    fn as_user(&self, command: &mut Command) {
        command.current_dir("/");
        if let Some(User { uid, gid }) = self.user {
            command.uid(uid).gid(gid);
        }
    }
}

impl Drop for PrivatePostgres {
    fn drop(&mut self) {
        if let Some((mut watcher, pipe)) = self.watcher.take() {
            drop(pipe);
            let _ = watcher.wait();
        }
        if !self.keep_data {
            let _ = fs::remove_dir_all(&self.data);
        }
    }
}

/// What a server begins with.
#[derive(Clone, Copy)]
enum Start<'a> {
    Empty,
    Copy(&'a Path),
    Backup(&'a PrivatePostgres),
}

fn temporary() -> Result<PathBuf, PostgresError> {
    let made = tempfile::Builder::new().prefix("fairgate-postgres-").tempdir();
    made.map(tempfile::TempDir::keep).map_err(at(&std::env::temp_dir()))
}

fn at(path: &Path) -> impl FnOnce(std::io::Error) -> PostgresError {
    let path = path.to_owned();
    move |source| PostgresError::Directory { path, source }
}

/// The directory with `postgres` and `initdb`: from PATH, else the newest of Debian's.
fn find_programs() -> Result<PathBuf, PostgresError> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut in_path = std::env::split_paths(&path).filter(|dir| has_server(dir));
    // The programs beside the real file belong to the same version, the links in PATH may not be complete.
    let real = in_path.next().and_then(|dir| Some(dir.join("postgres").canonicalize().ok()?.parent()?.to_owned()));
    real.filter(|dir| has_server(dir)).or_else(newest_of_debian).ok_or(PostgresError::NotInstalled)
}

fn newest_of_debian() -> Option<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").ok()?.flatten();
    let numbered = versions.filter_map(|entry| {
        let version: u32 = entry.file_name().to_str()?.parse().ok()?;
        Some((version, entry.path().join("bin")))
    });
    Some(numbered.filter(|(_, bin)| has_server(bin)).max()?.1)
}

fn has_server(dir: &Path) -> bool {
    ["postgres", "initdb"].iter().all(|program| dir.join(program).is_file())
}

fn find_user() -> Result<User, PostgresError> {
    let (uid, gid) = ids_of(&["postgres", "nobody"]).ok_or(PostgresError::NoUser)?;
    Ok(User { uid, gid })
}

/// User and group of the first of these names that this machine has.
pub(super) fn ids_of(names: &[&str]) -> Option<(u32, u32)> {
    let passwd = fs::read_to_string("/etc/passwd").unwrap_or_default();
    names.iter().find_map(|name| user_in(&passwd, name)).map(|user| (user.uid, user.gid))
}

fn user_in(passwd: &str, name: &str) -> Option<User> {
    let line = passwd.lines().find(|line| line.split(':').next() == Some(name))?;
    let mut ids = line.split(':').skip(2).map(str::parse);
    Some(User { uid: ids.next()?.ok()?, gid: ids.next()?.ok()? })
}

/// The last line of `postmaster.pid` is `ready` once connections are accepted, `standby` where none of them writes.
fn says_ready(pid_file: &str) -> bool {
    pid_file.lines().nth(7).is_some_and(|line| ["ready", "standby"].contains(&line.trim()))
}

/// Clients that knock during the start are turned away with FATAL, too; those lines mean nothing.
fn gave_up(log: &str) -> bool {
    (log.contains("FATAL") && !log.contains("starting PostgreSQL")) || log.contains("database system is shut down")
}

fn tail(log: &str) -> String {
    let lines: Vec<&str> = log.lines().collect();
    lines[lines.len().saturating_sub(12)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_read_from_passwd() {
        let passwd = "root:x:0:0::/root:/bin/sh\npostgres:x:101:104:,,,:/var/lib/postgresql:/bin/bash\n";
        let user = user_in(passwd, "postgres").expect("listed");
        assert_eq!((user.uid, user.gid), (101, 104));
        assert!(user_in(passwd, "post").is_none());
    }

    #[test]
    fn it_survives_kill9_and_leaves_nothing_behind() {
        let mut server = PrivatePostgres::start().expect("Postgres is installed by `make setup`");
        let sql = |server: &PrivatePostgres, sql: &str| {
            let output = Command::new(server.programs().join("psql")).arg(server.url()).args(["-Atc", sql]).output();
            let output = output.expect("psql runs");
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            String::from_utf8_lossy(&output.stdout).trim().to_owned()
        };
        sql(&server, "create table kept as select 42 as answer");
        server.kill9();
        server.restart().expect("recovers");
        assert_eq!(sql(&server, "select answer from kept"), "42");
        assert_eq!(sql(&server, "show fsync"), "on");
        let pid = server.pid_file().and_then(|file| file.lines().next()?.parse().ok()).and_then(Pid::from_raw);
        let (data, pid) = (server.data.clone(), pid.expect("runs"));
        drop(server);
        assert!(!data.exists());
        assert!(rustix::process::test_kill_process(pid).is_err());
    }
}
