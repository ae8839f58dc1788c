//! What happened, as a digest of everything and, where somebody wants to read it, as lines.

use std::fmt::{Display, Write};

use ring::digest::{Context, SHA256};

/// Lines that are kept of a run that nobody watches: enough to see how it came about.
const LINES_MAX: usize = 200_000;

/// What happened so far.
pub(crate) struct Trace {
    digest: Context,
    steps: u64,
    lines: Option<Vec<String>>,
    began_ms: u64,
    buffer: String,
}

impl Trace {
    /// `reads`: somebody wants to read it.
    pub(crate) fn new(began_ms: u64, reads: bool) -> Self {
        Self { digest: Context::new(&SHA256), steps: 0, lines: reads.then(Vec::new), began_ms, buffer: String::new() }
    }

    /// Something was taken off the agenda.
    pub(crate) fn step(&mut self, at_ms: u64, what: &impl Display) {
        self.steps += 1;
        self.note(at_ms, what, false);
    }

    /// Something that a reader wants to know.
    pub(crate) fn say(&mut self, at_ms: u64, what: &impl Display) {
        self.note(at_ms, what, true);
    }

    fn note(&mut self, at_ms: u64, what: &impl Display, is_line: bool) {
        self.buffer.clear();
        // Writing to a string does not fail.
        let _ = write!(self.buffer, "{what}");
        self.digest.update(&at_ms.to_be_bytes());
        self.digest.update(self.buffer.as_bytes());
        if let Some(lines) = self.lines.as_mut().filter(|lines| is_line && lines.len() < LINES_MAX) {
            let passed_ms = at_ms.saturating_sub(self.began_ms);
            lines.push(format!("{:>4}.{:03} s  {}", passed_ms / 1_000, passed_ms % 1_000, self.buffer));
        }
    }

    pub(crate) fn steps(&self) -> u64 {
        self.steps
    }

    /// The digest of everything, and the lines.
    pub(crate) fn finish(self) -> (String, Vec<String>) {
        (hex::encode(self.digest.finish()), self.lines.unwrap_or_default())
    }
}
