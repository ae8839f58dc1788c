//! An organizer's file of codes, and the mistakes in it.
//!
//! Guarantee: a file is read up to a bound, and at most the first mistakes are told, each with its line.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read};
use std::path::Path;

use anyhow::{Context, bail};
use fairgate_booking::events::import::read_text;

use super::ListArgs;
use crate::codes::{LineProblem, ListOptions};

/// Mistakes that are told at once.
pub(super) const PROBLEMS_MAX: usize = 20;
/// A longer file of codes is not read.
const LIST_BYTES_MAX: u64 = 8 << 30;

/// The mistakes of a list: the first of them, and how many there are.
#[derive(Default)]
pub(super) struct Problems {
    first: BTreeMap<u64, String>,
    count: usize,
}

impl Problems {
    pub(super) fn add(&mut self, line: u64, what: String) {
        self.count += 1;
        if self.first.len() < PROBLEMS_MAX {
            self.first.entry(line).or_insert(what);
        }
    }

    pub(super) fn push(&mut self, problem: LineProblem) {
        self.add(problem.line, problem.what);
    }

    pub(super) fn into_result(self) -> anyhow::Result<()> {
        if self.count == 0 {
            return Ok(());
        }
        let mut said: Vec<String> = self.first.iter().map(|(line, what)| format!("line {line}: {what}")).collect();
        if self.count > said.len() {
            said.push(format!("and {} more", self.count - said.len()));
        }
        bail!("nothing was changed:\n{}", said.join("\n"))
    }
}

impl ListArgs {
    pub(super) fn options(&self) -> ListOptions {
        ListOptions { column: self.column.clone(), has_header: self.header }
    }
}

pub(super) fn read_list(file: &Path) -> anyhow::Result<String> {
    let mut bytes = Vec::new();
    let read = match file == Path::new("-") {
        true => io::stdin().lock().take(LIST_BYTES_MAX).read_to_end(&mut bytes),
        false => fs::File::open(file).and_then(|opened| opened.take(LIST_BYTES_MAX).read_to_end(&mut bytes)),
    };
    read.with_context(|| format!("cannot read {}", file.display()))?;
    Ok(read_text(&bytes).map_err(|error| anyhow::anyhow!("{}: {error}", file.display()))?.text)
}
