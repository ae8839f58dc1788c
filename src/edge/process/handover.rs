//! Takeover of the listening sockets by the next edge, while the running one goes on until the next one serves.
//!
//! Guarantees: no connection is refused at any moment, and a next edge that dies takes nothing down. Sockets are
//! passed as copies, so a client that connects meanwhile waits in the kernel's queue at worst. Takeovers are one at a
//! time.
//!
//! The next edge holds the lock ([`TakeoverLock`]) until it serves. It waits at a socket in the store's directory,
//! and sends SIGQUIT to the edge that serves. With a shared store that edge goes on unchanged until the next one
//! serves. A lock that is free before that means that the next one has died. An embedded store has one user, so the
//! old edge gives it up first. It keeps copies of its sockets, and starts another edge like itself if the next one
//! dies.

use std::collections::HashSet;
use std::env;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::{self, JoinHandle, sleep};
use std::time::{Duration, Instant};

use pingora::server::configuration::Opt;
use pingora::server::{Fds, ListenFds, Server};
use rustix::process::{Pid, Signal, kill_process};
use tokio::runtime::Builder;

use super::error::EdgeError;
use super::prepare::{Prepared, prepare, server_conf};
use super::signals::ended;
use super::takeover_lock::{self, TakeoverLock};
use crate::config::Config;
use fairgate_store::DirLock;

/// The name of the socket at which the next edge waits.
const SOCKET: &str = "upgrade.sock";
/// The name of the socket at which an edge waits for copies of its own sockets.
const OWN_SOCKET: &str = "copy.sock";
/// The longest path of a socket.
const SOCKET_BYTES_MAX: usize = 107;
/// The interval at which a condition is polled, and the time after which polling ends.
const LOOK: Duration = Duration::from_millis(5);
const LOOK_FOR: Duration = Duration::from_secs(5);
/// The time that another takeover may take.
const TAKEOVER_PATIENCE: Duration = Duration::from_secs(60);
/// Set for an edge that is started because one that took over has died: it is given the sockets without asking.
const HEIR: &str = "FAIRGATE_HEIR";
/// Heirs that are started, and the pause before each.
const HEIRS_MAX: u32 = 10;
const HEIR_PAUSE: Duration = Duration::from_secs(1);
/// The interval at which an heir is looked at.
const ATTEND: Duration = Duration::from_millis(100);

/// The server, with the listening sockets of the edge that runs if it takes over from one.
pub struct Sockets {
    pub(crate) server: Server,
    pub(crate) prepared: Prepared,
    pub(crate) handover: Handover,
    /// True if this edge takes over: the other edge may still have the store's directory.
    pub takes_over: bool,
}

impl Sockets {
    /// Makes the server. `upgrade`: takes over from the edge that uses the same directory, if there is one.
    ///
    /// # Errors
    /// The configuration cannot be used, so nothing was taken over; or the edge that runs cannot be asked.
    pub fn open(config: &Config, upgrade: bool) -> Result<Self, EdgeError> {
        let prepared = prepare(config)?;
        let dir = &config.store.path;
        let handover = match (env::var_os(HEIR).is_some(), upgrade) {
            (true, _) => Handover::taking(dir, true)?,
            (false, true) => Handover::taking(dir, false)?,
            (false, false) => Handover::new(dir),
        };
        let takes_over = handover.lock(&handover.received).is_some();
        let mut server = Server::new_with_opt_and_conf(Opt::default(), server_conf(config));
        server.bootstrap();
        Ok(Self { server, prepared, handover, takes_over })
    }
}

/// The sockets that an edge takes over, and gives away.
pub(crate) struct Handover {
    dir: PathBuf,
    /// The sockets on which this edge listens, as Pingora knows them.
    table: OnceLock<ListenFds>,
    /// Sockets of the edge before, until they are put into the table.
    received: Mutex<Option<Fds>>,
    /// The lock of the takeover, until this edge serves.
    takeover: Mutex<Option<TakeoverLock>>,
    /// Sees to it that somebody serves after this edge.
    heir: Mutex<Option<JoinHandle<bool>>>,
}

/// The fate of the edge that took the sockets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// The next edge serves.
    Serves,
    /// The next edge has died before it served.
    Died,
}

impl Handover {
    fn new(dir: &Path) -> Self {
        let (table, received) = (OnceLock::new(), Mutex::default());
        Self { dir: dir.to_owned(), table, received, takeover: Mutex::default(), heir: Mutex::default() }
    }

    /// Takes the sockets over from the edge that runs, if there is one, or is given them by whoever started this one.
    fn taking(dir: &Path, is_given: bool) -> Result<Self, EdgeError> {
        let failed = |source: io::Error| EdgeError::TakeOver { dir: dir.to_owned(), source };
        let lock = TakeoverLock::wait(dir, TAKEOVER_PATIENCE).map_err(failed)?;
        let handover = Self::new(dir);
        // Whoever had the lock before may serve by now.
        let predecessor = if is_given { None } else { Predecessor::find(dir)? };
        if !is_given && predecessor.is_none() {
            return Ok(handover);
        }
        let socket = socket_path(dir);
        check_path(&socket).map_err(failed)?;
        remove(&socket).map_err(failed)?;
        if let Some(predecessor) = predecessor {
            predecessor.call(socket.clone());
        }
        let mut received = Fds::new();
        let late = |error| failed(io::Error::other(format!("it did not give its sockets away ({error}), and goes on")));
        received.get_from_sock(&*socket.to_string_lossy()).map_err(|error| late(error.to_string()))?;
        tracing::info!("the sockets are taken over: the edge that runs goes on until this one serves");
        *handover.lock(&handover.received) = Some(received);
        *handover.lock(&handover.takeover) = Some(lock);
        Ok(handover)
    }

    /// Listens on what was taken over, and remembers what it listens on. `listens` are the addresses of the configuration.
    pub(crate) fn listen(&self, table: &ListenFds, listens: &HashSet<String>) {
        if let Some(mut received) = self.lock(&self.received).take() {
            for closed in received.close_unclaimed(listens) {
                tracing::info!(address = closed, "not listening there any more");
            }
            let (addresses, sockets) = received.serialize();
            let mut table = table.lock();
            addresses.into_iter().zip(sockets).for_each(|(address, socket)| table.add(address, socket));
        }
        // A server starts its gate once.
        let _ = self.table.set(ListenFds::clone(table));
    }

    /// Says that this edge serves: the one before may end, and the next one may take over.
    pub(super) fn say_serving(&self) {
        if let Err(error) = takeover_lock::say_serving(&self.dir) {
            tracing::error!(%error, "cannot write down that this edge serves: the one before it goes on");
        }
        drop(self.lock(&self.takeover).take());
    }

    /// True if the next edge waits for the sockets.
    pub(super) fn is_awaited(&self) -> bool {
        socket_path(&self.dir).exists()
    }

    /// Gives copies of the sockets to whoever waits for them. Takes a moment.
    pub(crate) fn give(&self) -> io::Result<()> {
        let table = self.table.get().ok_or_else(|| io::Error::other("nothing is listened on yet"))?;
        send(&table.lock(), &socket_path(&self.dir))
    }

    /// The fate of the edge that took the sockets; `None` as long as that is open.
    pub(super) fn fate(&self) -> Option<Fate> {
        let serves = || takeover_lock::serving(&self.dir).is_some_and(|serving| !serving.is_this_process());
        if serves() {
            return Some(Fate::Serves);
        }
        let is_free = TakeoverLock::take(&self.dir).is_ok_and(|lock| lock.is_some());
        match (is_free, serves()) {
            (_, true) => Some(Fate::Serves),
            (true, false) => Some(Fate::Died),
            (false, false) => None,
        }
    }

    /// Sees to it that somebody serves with the sockets, though this edge cannot any more: in a thread that
    /// [`settle`](Self::settle) waits for.
    pub(super) fn give_for_good(self: &std::sync::Arc<Self>) -> io::Result<()> {
        let copies = self.copy()?;
        self.give()?;
        let this = std::sync::Arc::clone(self);
        let heir = thread::Builder::new().name("heir".to_owned()).spawn(move || this.see_to_an_heir(copies))?;
        *self.lock(&self.heir) = Some(heir);
        Ok(())
    }

    /// Waits until somebody else serves, where this edge has given its sockets for good. An edge that this one has
    /// started is waited for to its end, since whoever supervises this process would end it as well. Answers whether
    /// all went well.
    pub(super) fn settle(&self) -> bool {
        let heir = self.lock(&self.heir).take();
        heir.is_none_or(|heir| heir.join().unwrap_or(false))
    }

    fn see_to_an_heir(&self, mut copies: Fds) -> bool {
        let (mut heir, mut heirs) = (None, 0);
        let is_served = loop {
            match self.fate() {
                Some(Fate::Serves) => break true,
                Some(Fate::Died) if heirs == HEIRS_MAX => {
                    tracing::error!("every edge that was to take over has died: nobody serves any more");
                    break false;
                }
                Some(Fate::Died) => {
                    heirs += 1;
                    sleep(HEIR_PAUSE);
                    tracing::error!(heirs, "the edge that took over has died before it served: starting one like this");
                    match self.start_heir(&copies) {
                        Ok(child) => heir = Some(child),
                        Err(error) => tracing::error!(%error, "cannot start an edge like this"),
                    }
                }
                None => sleep(LOOK),
            }
        };
        copies.close_unclaimed(&HashSet::new());
        is_served && heir.is_none_or(attend)
    }

    fn start_heir(&self, copies: &Fds) -> io::Result<Child> {
        let socket = socket_path(&self.dir);
        remove(&socket)?;
        let mut heir = Command::new(env::current_exe()?).args(env::args_os().skip(1)).env(HEIR, "1").spawn()?;
        until(LOOK_FOR, || socket.exists() || has_ended(&mut heir));
        send(copies, &socket)?;
        Ok(heir)
    }

    /// Copies of the sockets that outlive the server's own: sent to oneself.
    fn copy(&self) -> io::Result<Fds> {
        let table = self.table.get().ok_or_else(|| io::Error::other("nothing is listened on yet"))?;
        let socket = self.dir.join(OWN_SOCKET);
        check_path(&socket)?;
        let path = socket.clone();
        let receive = thread::spawn(move || {
            let mut copies = Fds::new();
            copies.get_from_sock(&*path.to_string_lossy()).map(|()| copies)
        });
        until(LOOK_FOR, || socket.exists());
        send(&table.lock(), &socket)?;
        let copies = receive.join().map_err(|_| io::Error::other("the sockets cannot be copied"))?;
        copies.map_err(io::Error::other)
    }

    fn lock<'m, T>(&self, what: &'m Mutex<T>) -> MutexGuard<'m, T> {
        what.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The edge that runs.
struct Predecessor {
    process: Pid,
}

impl Predecessor {
    fn find(dir: &Path) -> Result<Option<Self>, EdgeError> {
        let failed = |source: io::Error| EdgeError::TakeOver { dir: dir.to_owned(), source };
        // One that has taken over serves before the one before it has ended and given the directory back.
        if let Some(serving) = takeover_lock::serving(dir).filter(takeover_lock::Serving::is_alive) {
            return Ok(Some(Self { process: serving.process }));
        }
        let holder = DirLock::holder(dir).map_err(|error| failed(io::Error::other(error)))?;
        let Some(holder) = holder else { return Ok(None) };
        let process = holder.parse().ok().and_then(Pid::from_raw);
        let process = process.ok_or_else(|| failed(io::Error::other(format!("{holder:?} is no process"))))?;
        Ok(Some(Self { process }))
    }

    /// Asks it for its sockets as soon as somebody waits for them, which this thread does next.
    fn call(self, socket: PathBuf) {
        tracing::info!(process = self.process.as_raw_nonzero(), "taking over from the edge that runs");
        thread::spawn(move || {
            until(LOOK_FOR, || socket.exists());
            if let Err(error) = kill_process(self.process, Signal::QUIT) {
                tracing::error!(%error, "the edge that runs cannot be asked for its sockets");
            }
        });
    }
}

fn send(sockets: &Fds, to: &Path) -> io::Result<()> {
    sockets.send_to_sock(&*to.to_string_lossy()).map(drop).map_err(io::Error::other)
}

fn check_path(socket: &Path) -> io::Result<()> {
    if socket.as_os_str().len() > SOCKET_BYTES_MAX {
        return Err(io::Error::other("the path is too long for a socket: choose a shorter store.path"));
    }
    Ok(())
}

/// One that was left behind would be taken for ours.
fn remove(socket: &Path) -> io::Result<()> {
    match fs::remove_file(socket) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Stays with an edge that this one has started until it ends; it is told what this process is told. Answers whether it ended well.
fn attend(mut heir: Child) -> bool {
    let Ok(runtime) = Builder::new_current_thread().enable_all().build() else { return false };
    let process = Pid::from_child(&heir);
    runtime.block_on(async {
        loop {
            tokio::select! {
                () = ended() => drop(kill_process(process, Signal::TERM)),
                () = tokio::time::sleep(ATTEND) => {}
            }
            match heir.try_wait() {
                Ok(None) => {}
                Ok(Some(status)) => return status.success(),
                Err(error) => {
                    tracing::error!(%error, "the edge that this one has started cannot be waited for");
                    return false;
                }
            }
        }
    })
}

fn has_ended(child: &mut Child) -> bool {
    child.try_wait().is_ok_and(|status| status.is_some())
}

/// Waits until something is so; answers whether it became so in time.
fn until(patience: Duration, mut is_so: impl FnMut() -> bool) -> bool {
    let deadline = Instant::now() + patience;
    while !is_so() {
        if Instant::now() > deadline {
            return false;
        }
        sleep(LOOK);
    }
    true
}

/// The socket at which the next edge waits.
fn socket_path(dir: &Path) -> PathBuf {
    dir.join(SOCKET)
}
