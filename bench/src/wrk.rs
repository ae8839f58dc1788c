//! One bounded run of `wrk` against loopback, and what it saw.

use std::process::Command;

use anyhow::{Context, bail, ensure};

/// What to ask for, how hard and how long.
#[derive(Clone, Debug)]
pub(crate) struct Load<'a> {
    pub(crate) url: &'a str,
    pub(crate) connections: u32,
    pub(crate) seconds: u32,
    /// `Name: value` each.
    pub(crate) headers: &'a [String],
    /// True if the right answers are refusals.
    pub(crate) is_refused: bool,
    /// A wrk script, where the request is not a plain GET.
    pub(crate) script: Option<&'a str>,
    /// What the script is told.
    pub(crate) arguments: &'a [String],
}

impl Load<'_> {
    /// Runs wrk with one thread and counts the answers. A socket error fails the run, and so do answers that are not
    /// 2xx or 3xx, unless refusals are what is measured.
    pub(crate) fn run(&self) -> anyhow::Result<f64> {
        let mut command = Command::new("wrk");
        command.args(["-t1", "-c", &self.connections.to_string(), "-d", &format!("{}s", self.seconds)]);
        for header in self.headers {
            command.args(["-H", header]);
        }
        if let Some(script) = self.script {
            command.args(["-s", script]);
        }
        command.arg(self.url);
        if !self.arguments.is_empty() {
            command.arg("--").args(self.arguments);
        }
        let output = command.output().context("cannot run wrk: `scripts/setup.sh bench` installs it")?;
        let text = String::from_utf8_lossy(&output.stdout);
        ensure!(output.status.success(), "wrk {}: {text}{}", self.url, String::from_utf8_lossy(&output.stderr));
        if text.contains("Non-2xx") != self.is_refused || text.contains("Socket errors") {
            bail!("wrk {} saw errors:\n{text}", self.url);
        }
        answers(&text).with_context(|| format!("cannot read wrk's answer:\n{text}"))
    }
}

fn answers(text: &str) -> Option<f64> {
    text.lines().find(|line| line.contains(" requests in "))?.split_whitespace().next()?.parse().ok()
}
