//! One edge takes the listening sockets over from the edge that runs, which serves what it has begun and ends.
//!
//! Guarantee: there is no moment at which a connection is refused. The sockets themselves change hands (Pingora's graceful
//! upgrade), so whoever connects meanwhile waits in the kernel's queue at the worst.
//!
//! The next edge waits at a socket in the directory of the store and sends SIGQUIT to the one that has the directory's
//! lock. A shared store is used by both until the last connection of the old one ends; the embedded store has one user,
//! so the old one gives it up as soon as it takes no connections any more, and the next one opens it then.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use pingora::server::Server;
use pingora::server::configuration::Opt;
use rustix::process::{Pid, Signal, kill_process};

use super::server::{EdgeError, Prepared, prepare, server_conf};
use crate::config::Config;
use crate::store::DirLock;

/// The name of the socket at which the next edge waits.
const SOCKET: &str = "upgrade.sock";
/// The longest path of a socket.
const SOCKET_BYTES_MAX: usize = 107;
/// How often to look whether the socket is there, and for how long at most.
const LOOK: Duration = Duration::from_millis(5);
const LOOKS_MAX: u32 = 1_000;

/// The server, with the listening sockets of the edge that runs if it takes over from one.
pub struct Sockets {
    pub(super) server: Server,
    pub(super) prepared: Prepared,
    /// Whether it takes over: the other edge may still have the store's directory.
    pub takes_over: bool,
}

impl Sockets {
    /// Makes the server. `upgrade`: takes over from the edge that uses the same directory, if there is one.
    ///
    /// # Errors
    /// The configuration cannot be used, so nothing was taken over; or the edge that runs cannot be asked.
    pub fn open(config: &Config, upgrade: bool) -> Result<Self, EdgeError> {
        let prepared = prepare(config)?;
        let predecessor = if upgrade { Predecessor::find(&config.store.path)? } else { None };
        let takes_over = predecessor.is_some();
        let options = Opt { upgrade: takes_over, ..Opt::default() };
        let mut server = Server::new_with_opt_and_conf(options, server_conf(config));
        if let Some(predecessor) = predecessor {
            predecessor.call();
        }
        server.bootstrap();
        Ok(Self { server, takes_over, prepared })
    }
}

/// The edge that runs.
struct Predecessor {
    process: Pid,
    socket: PathBuf,
}

impl Predecessor {
    fn find(dir: &Path) -> Result<Option<Self>, EdgeError> {
        let failed = |source: io::Error| EdgeError::TakeOver { dir: dir.to_owned(), source };
        let holder = DirLock::holder(dir).map_err(|error| failed(io::Error::other(error)))?;
        let Some(holder) = holder else { return Ok(None) };
        let process = holder.parse().ok().and_then(Pid::from_raw);
        let process = process.ok_or_else(|| failed(io::Error::other(format!("{holder:?} is no process"))))?;
        let socket = socket_path(dir);
        if socket.as_os_str().len() > SOCKET_BYTES_MAX {
            return Err(failed(io::Error::other("the path is too long for a socket: choose a shorter store.path")));
        }
        // One that was left behind would be taken for ours.
        match fs::remove_file(&socket) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed(error)),
            _ => Ok(Some(Self { process, socket })),
        }
    }

    /// Asks it for its sockets as soon as somebody waits for them, which Pingora does on this thread next.
    fn call(self) {
        tracing::info!(process = self.process.as_raw_nonzero(), "taking over from the edge that runs");
        thread::spawn(move || {
            for _ in 0..LOOKS_MAX {
                if is_awaited(&self.socket) {
                    break;
                }
                thread::sleep(LOOK);
            }
            if let Err(error) = kill_process(self.process, Signal::QUIT) {
                tracing::error!(%error, "the edge that runs cannot be asked for its sockets");
            }
        });
    }
}

/// Where the next edge waits.
pub(super) fn socket_path(dir: &Path) -> PathBuf {
    dir.join(SOCKET)
}

/// Whether the next edge waits there.
pub(super) fn is_awaited(socket: &Path) -> bool {
    socket.exists()
}
