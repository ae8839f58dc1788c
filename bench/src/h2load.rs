//! One bounded run of `h2load` over TLS against loopback: HTTP/2 with so many streams a connection.

use std::process::Command;

use anyhow::{Context, ensure};

/// What to ask for, how hard and how long.
#[derive(Clone, Copy, Debug)]
pub(crate) struct H2Load<'a> {
    pub(crate) url: &'a str,
    pub(crate) connections: u32,
    /// Requests under way at once on each connection.
    pub(crate) streams: u32,
    pub(crate) seconds: u32,
}

impl H2Load<'_> {
    /// Runs it with one thread and counts the answers; an answer that is not 2xx or 3xx, or none, fails the run.
    pub(crate) fn run(&self) -> anyhow::Result<f64> {
        let mut command = Command::new("h2load");
        command.args(["-t1", "-c", &self.connections.to_string(), "-m", &self.streams.to_string()]);
        command.args(["-D", &self.seconds.to_string(), self.url]);
        let output = command.output().context("cannot run h2load: `scripts/setup.sh bench` installs it")?;
        let text = String::from_utf8_lossy(&output.stdout);
        ensure!(output.status.success(), "h2load {}: {text}", self.url);
        let count = |word: &str| counted(&text, word).with_context(|| format!("cannot read h2load's answer:\n{text}"));
        let (failed, errored) = (count("failed")?, count("errored")?);
        ensure!(failed + errored == 0.0 && text.contains("Application protocol: h2"), "h2load {}:\n{text}", self.url);
        count("succeeded")
    }
}

/// The number in front of a word in the line `requests: 5 total, 5 started, …`.
fn counted(text: &str, word: &str) -> Option<f64> {
    let line = text.lines().find_map(|line| line.strip_prefix("requests: "))?;
    line.split(", ").find_map(|part| part.strip_suffix(word)?.trim().parse().ok())
}
