//! A server under a watcher: it ends when its owner drops it, and when this process ends, however that ends.

use std::ffi::OsStr;
use std::io::{self, BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};

/// Runs the server and stops it at the end of the pipe; says the server's process id first.
const WATCHER: &str = r#""$@" >/dev/null & pid=$!; echo $pid; read -r end; kill -KILL $pid; wait $pid"#;

/// A running server; killed at once (SIGKILL) on drop.
#[derive(Debug)]
pub(crate) struct Watched {
    watcher: Child,
    pipe: Option<ChildStdin>,
    server: Pid,
}

impl Watched {
    /// Starts a program with these arguments, and with its standard error there.
    pub(crate) fn start<A: AsRef<OsStr>>(
        program: &str,
        args: impl IntoIterator<Item = A>,
        stderr: impl Into<Stdio>,
    ) -> io::Result<Self> {
        let mut command = Command::new("sh");
        command.args(["-c", WATCHER, "sh", program]).args(args).process_group(0);
        let mut watcher = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(stderr).spawn()?;
        let mut line = String::new();
        if let Some(stdout) = watcher.stdout.take() {
            BufReader::new(stdout).read_line(&mut line)?;
        }
        let server = line.trim().parse().ok().and_then(Pid::from_raw);
        let server = server.ok_or_else(|| io::Error::other(format!("{program} did not start")))?;
        Ok(Self { pipe: watcher.stdin.take(), watcher, server })
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        // The watcher has not reaped the server, so this is nobody else's id.
        let _ = kill_process(self.server, Signal::KILL);
        drop(self.pipe.take());
        let _ = self.watcher.wait();
    }
}
