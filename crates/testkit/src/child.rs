//! A fairgate server run as a child process: it ends when its parent does, however the parent ends.
//!
//! The child holds the reading end of a pipe as its standard input and stops at end of file (`--exit-with-stdin`).
//! It is in a process group of its own, so that Ctrl-C reaches the parent alone, which stops its children in order.

use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// How long a child may take to stop by itself before it is killed.
const STOP_PATIENCE: Duration = Duration::from_secs(10);

/// Why a child could not be used.
#[derive(Debug, thiserror::Error)]
pub enum ChildError {
    /// The program did not start.
    #[error("cannot start {name}: {source}")]
    Spawn {
        /// What was to be started.
        name: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// The child ended before it was ready.
    #[error("{name} ended before it was ready ({status}); see what it logged")]
    Ended {
        /// The child's name.
        name: String,
        /// How it ended.
        status: ExitStatus,
    },
    /// The child said nothing in time.
    #[error("{name} was not ready within {waited_s} s (no line on standard output began with {prefix:?})")]
    NotReady {
        /// The child's name.
        name: String,
        /// What was waited for.
        prefix: String,
        /// For how long.
        waited_s: u64,
    },
}

/// A running child; stopped on drop.
#[derive(Debug)]
pub struct ChildProcess {
    name: String,
    child: Child,
    stdin: Option<ChildStdin>,
    lines: Receiver<String>,
}

impl ChildProcess {
    /// Starts `command` with a piped standard input that stays open and a standard output that is read line by line.
    /// Standard error goes wherever the command says.
    ///
    /// # Errors
    /// [`ChildError::Spawn`].
    pub fn spawn(name: &str, mut command: Command) -> Result<Self, ChildError> {
        let spawned = command.stdin(Stdio::piped()).stdout(Stdio::piped()).process_group(0).spawn();
        let mut child = spawned.map_err(|source| ChildError::Spawn { name: name.to_owned(), source })?;
        let stdin = child.stdin.take();
        let (send, lines) = channel();
        if let Some(stdout) = child.stdout.take() {
            // The reader goes on after nobody listens any more, so that the child never blocks on a full pipe.
            thread::spawn(move || {
                BufReader::new(stdout).lines().map_while(Result::ok).for_each(|l| drop(send.send(l)))
            });
        }
        Ok(Self { name: name.to_owned(), child, stdin, lines })
    }

    /// Waits for a line on standard output that begins with `prefix`, and returns what follows it.
    ///
    /// # Errors
    /// [`ChildError::Ended`] or [`ChildError::NotReady`].
    pub fn wait_for_line(&mut self, prefix: &str, patience: Duration) -> Result<String, ChildError> {
        let deadline = Instant::now() + patience;
        loop {
            match self.lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(line) => {
                    if let Some(rest) = line.strip_prefix(prefix) {
                        return Ok(rest.trim().to_owned());
                    }
                }
                Err(RecvTimeoutError::Disconnected) => {
                    let status = self.child.wait().unwrap_or_else(|_| ExitStatus::from_raw(1 << 8));
                    return Err(ChildError::Ended { name: self.name.clone(), status });
                }
                Err(RecvTimeoutError::Timeout) => {
                    let (name, prefix) = (self.name.clone(), prefix.to_owned());
                    return Err(ChildError::NotReady { name, prefix, waited_s: patience.as_secs() });
                }
            }
        }
    }

    /// Writes a line to the child's standard input.
    ///
    /// # Errors
    /// When the child does not listen any more.
    pub fn say(&mut self, line: &str) -> io::Result<()> {
        let stdin = self.stdin.as_mut().ok_or(io::ErrorKind::BrokenPipe)?;
        stdin.write_all(format!("{line}\n").as_bytes())
    }

    /// The process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// How the child ended, if it has.
    pub fn exited(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    /// Kills the child at once (SIGKILL) and reaps it.
    pub fn kill9(&mut self) {
        // Both fail only when the child is already gone, which is what is wanted.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Asks the child to stop (SIGTERM and end of its input) and waits; kills it if it does not.
    pub fn stop(&mut self) -> Option<ExitStatus> {
        self.stdin = None;
        signal(&self.child, Signal::TERM);
        let deadline = Instant::now() + STOP_PATIENCE;
        while Instant::now() < deadline {
            if let Some(status) = self.exited() {
                return Some(status);
            }
            thread::sleep(Duration::from_millis(10));
        }
        self.kill9();
        None
    }
}

impl Drop for ChildProcess {
    fn drop(&mut self) {
        if self.exited().is_none() {
            self.stop();
        }
    }
}

/// Sends a signal to a child that has not been reaped (a reaped child's id could belong to somebody else).
fn signal(child: &Child, signal: Signal) {
    if let Some(pid) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
        let _ = kill_process(pid, signal);
    }
}
