//! The history of a run: what each fan asked for and what became of it, as JSON lines that a checker can judge later.
//!
//! Each operation has an `invoke` line and exactly one of `ok`, `fail` (it did not happen)
//! or `unknown` (it may have happened). Places, entries and seats are public facts; tickets and passes never appear.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::Context;
use serde_json::{Value, json};
use tokio::io::{AsyncWriteExt, BufWriter};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinHandle;
use tokio::time::Instant;

/// Writes operations, or nothing where no file was asked for.
#[derive(Debug)]
pub(crate) struct History {
    began: Instant,
    operations: AtomicU64,
    lines: Option<UnboundedSender<Value>>,
}

/// An operation that has begun. Dropped without an outcome it is unknown: it may have happened.
#[derive(Debug)]
pub(crate) struct Operation {
    began: Instant,
    number: u64,
    fan: u32,
    name: &'static str,
    lines: Option<UnboundedSender<Value>>,
}

impl History {
    /// Opens the file, if any, and starts writing in the background; the handle ends once the history is dropped.
    pub(crate) async fn open(path: Option<&Path>) -> anyhow::Result<(Self, Option<JoinHandle<std::io::Result<()>>>)> {
        let nothing = Self { began: Instant::now(), operations: AtomicU64::new(0), lines: None };
        let Some(path) = path else { return Ok((nothing, None)) };
        let file = tokio::fs::File::create(path).await;
        let file = file.with_context(|| format!("cannot write the history to {}", path.display()))?;
        let (lines, received) = unbounded_channel();
        let writer = tokio::spawn(write_lines(file, received));
        Ok((Self { lines: Some(lines), ..nothing }, Some(writer)))
    }

    /// Notes that a fan asks for something.
    pub(crate) fn invoke(&self, fan: u32, name: &'static str, asked: impl FnOnce() -> Value) -> Operation {
        let number = self.operations.fetch_add(1, Ordering::Relaxed);
        let operation = Operation { began: self.began, number, fan, name, lines: self.lines.clone() };
        operation.line("invoke", asked);
        operation
    }
}

impl Operation {
    /// Notes that it happened, and how.
    pub(crate) fn ok(mut self, outcome: impl FnOnce() -> Value) {
        self.line("ok", outcome);
        self.lines = None;
    }

    /// Notes that it did not happen, and what the server said.
    pub(crate) fn fail(mut self, status: u16) {
        self.line("fail", || json!({ "status": status }));
        self.lines = None;
    }

    fn line(&self, outcome: &'static str, value: impl FnOnce() -> Value) {
        let Some(lines) = &self.lines else { return };
        let at_us = u64::try_from(self.began.elapsed().as_micros()).unwrap_or(u64::MAX);
        // The writer only ends with the run; a line after it belongs to nobody.
        let _ = lines.send(json!({
            "at_us": at_us, "process": self.fan, "op": self.number,
            "f": self.name, "type": outcome, "value": value(),
        }));
    }
}

impl Drop for Operation {
    fn drop(&mut self) {
        self.line("unknown", || Value::Null);
    }
}

async fn write_lines(file: tokio::fs::File, mut lines: UnboundedReceiver<Value>) -> std::io::Result<()> {
    let mut file = BufWriter::new(file);
    while let Some(line) = lines.recv().await {
        file.write_all(format!("{line}\n").as_bytes()).await?;
    }
    file.flush().await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn each_operation_begins_and_ends_on_its_own_line() {
        let directory = std::env::temp_dir().join(format!("fairgate-history-{}", std::process::id()));
        let (history, writer) = History::open(Some(&directory)).await.unwrap();
        let join = history.invoke(7, "join", || json!({}));
        join.ok(|| json!({ "index": 3 }));
        let claim = history.invoke(7, "claim", || json!({ "place": 3 }));
        drop(claim);
        drop(history);
        writer.unwrap().await.unwrap().unwrap();
        let text = std::fs::read_to_string(&directory).unwrap();
        std::fs::remove_file(&directory).unwrap();
        let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let types: Vec<_> = lines.iter().map(|line| (line["op"].as_u64(), line["type"].as_str())).collect();
        assert_eq!(
            types,
            [(Some(0), Some("invoke")), (Some(0), Some("ok")), (Some(1), Some("invoke")), (Some(1), Some("unknown"))]
        );
        assert_eq!(lines[1]["value"]["index"], 3);
    }
}
