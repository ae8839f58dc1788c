//! The lock of a takeover (`flock`), which one edge holds at a time, and the record of which process serves.
//!
//! Guarantees: the kernel frees the lock when its process ends, however it ends. A lock that is free without a new process that
//! serves means that its holder has died. A process is known by its id and its start time, so a later process with the same id is
//! another one.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use rustix::process::Pid;

const LOCK: &str = "upgrade.lock";
const SERVING: &str = "serving";
const SERVING_NEXT: &str = "serving.next";
const LOOK: Duration = Duration::from_millis(20);

/// The right to take over.
#[derive(Debug)]
pub(super) struct TakeoverLock {
    _lock: File,
}

impl TakeoverLock {
    /// Takes the lock; `None` where another edge has it.
    pub(crate) fn take(dir: &Path) -> io::Result<Option<Self>> {
        fs::create_dir_all(dir)?;
        let mut options = OpenOptions::new();
        let lock = options.create(true).truncate(false).write(true).mode(0o600).open(dir.join(LOCK))?;
        match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Some(Self { _lock: lock })),
            Err(Errno::WOULDBLOCK) => Ok(None),
            Err(errno) => Err(errno.into()),
        }
    }

    /// Waits for the lock.
    pub(crate) fn wait(dir: &Path, patience: Duration) -> io::Result<Self> {
        let (deadline, mut is_said) = (Instant::now() + patience, false);
        loop {
            if let Some(lock) = Self::take(dir)? {
                return Ok(lock);
            }
            if Instant::now() > deadline {
                return Err(io::Error::new(
                    ErrorKind::TimedOut,
                    "another edge is taking over and does not come to serve",
                ));
            }
            if !std::mem::replace(&mut is_said, true) {
                tracing::info!("another edge is taking over: waiting for it");
            }
            sleep(LOOK);
        }
    }
}

/// The process that serves.
#[derive(Debug)]
pub(crate) struct Serving {
    pub(crate) process: Pid,
    started: String,
}

impl Serving {
    pub(super) fn is_alive(&self) -> bool {
        started(self.process).is_some_and(|started| started == self.started)
    }

    pub(super) fn is_this_process(&self) -> bool {
        self.process == rustix::process::getpid()
    }
}

/// Writes down that this process serves.
pub(super) fn say_serving(dir: &Path) -> io::Result<()> {
    let process = rustix::process::getpid();
    let started = started(process).ok_or_else(|| io::Error::other("/proc does not know this process"))?;
    let next = dir.join(SERVING_NEXT);
    fs::write(&next, format!("{} {started}\n", process.as_raw_nonzero()))?;
    fs::rename(next, dir.join(SERVING))
}

/// The process that wrote that last.
pub(crate) fn serving(dir: &Path) -> Option<Serving> {
    let text = fs::read_to_string(dir.join(SERVING)).ok()?;
    let (process, started) = text.trim().split_once(' ')?;
    Some(Serving { process: Pid::from_raw(process.parse().ok()?)?, started: started.to_owned() })
}

/// When a process was started, in ticks since the machine was; nothing where there is none.
fn started(process: Pid) -> Option<String> {
    let stat = fs::read_to_string(format!("/proc/{}/stat", process.as_raw_nonzero())).ok()?;
    // The name in parentheses may have spaces.
    let (_, fields) = stat.rsplit_once(')')?;
    let state_and_more: Vec<&str> = fields.split_whitespace().collect();
    let is_dead = matches!(state_and_more.first(), Some(&("Z" | "X")));
    state_and_more.get(19).filter(|_| !is_dead).map(|started| (*started).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_is_one_processes_and_free_when_that_is_gone() {
        let dir = tempfile::tempdir().unwrap();
        let lock = TakeoverLock::take(dir.path()).unwrap().unwrap();
        assert!(TakeoverLock::take(dir.path()).unwrap().is_none());
        assert_eq!(TakeoverLock::wait(dir.path(), Duration::ZERO).unwrap_err().kind(), ErrorKind::TimedOut);
        drop(lock);
        assert!(TakeoverLock::take(dir.path()).unwrap().is_some());
    }

    #[test]
    fn who_serves_is_known_by_more_than_its_number() {
        let dir = tempfile::tempdir().unwrap();
        assert!(serving(dir.path()).is_none());
        say_serving(dir.path()).unwrap();
        let this = serving(dir.path()).unwrap();
        assert!(this.is_alive() && this.is_this_process());
        fs::write(dir.path().join(SERVING), format!("{} 1\n", std::process::id())).unwrap();
        assert!(!serving(dir.path()).unwrap().is_alive(), "another process with the same id");
        fs::write(dir.path().join(SERVING), "nonsense").unwrap();
        assert!(serving(dir.path()).is_none());
    }
}
