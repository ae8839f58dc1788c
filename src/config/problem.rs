//! What is wrong with a file, said so that the person who wrote it can put it right.

use std::cell::RefCell;
use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// One mistake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The file.
    pub file: PathBuf,
    /// The line, from 1.
    pub line: usize,
    /// The key, with the tables it is in: `room[final].admission.rate_per_minute`.
    pub key: String,
    /// What is wrong.
    pub what: String,
    /// What would be right.
    pub remedy: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, line, key, what, remedy } = self;
        let key = if key.is_empty() { String::new() } else { format!(" {key}:") };
        write!(f, "{}:{line}:{key} {what}\n    {remedy}", file.display())
    }
}

/// Why a configuration cannot be used: every mistake, in the order of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// The mistakes; never empty.
    pub problems: Vec<Problem>,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut between = "";
        for problem in &self.problems {
            write!(f, "{between}{problem}")?;
            between = "\n";
        }
        Ok(())
    }
}

impl std::error::Error for ConfigError {}

impl ConfigError {
    pub(super) fn unreadable(path: &Path, error: &std::io::Error) -> Self {
        let problem = Problem {
            file: path.to_owned(),
            line: 1,
            key: String::new(),
            what: format!("cannot be read: {error}"),
            remedy: "check the path and its permissions; `config/fairgate.toml` is an example to start from".into(),
        };
        Self { problems: vec![problem] }
    }
}

/// The mistakes found so far in a text.
pub(super) struct Problems<'t> {
    file: &'t Path,
    text: &'t str,
    found: RefCell<Vec<Problem>>,
}

impl<'t> Problems<'t> {
    pub(super) fn new(file: &'t Path, text: &'t str) -> Self {
        Self { file, text, found: RefCell::default() }
    }

    pub(super) fn add(&self, at: Range<usize>, key: String, what: impl Into<String>, remedy: impl Into<String>) {
        let before = &self.text.as_bytes()[..at.start.min(self.text.len())];
        let line = 1 + before.iter().filter(|&&byte| byte == b'\n').count();
        let problem = Problem { file: self.file.to_owned(), line, key, what: what.into(), remedy: remedy.into() };
        self.found.borrow_mut().push(problem);
    }

    pub(super) fn into_result<T>(self, value: Option<T>) -> Result<T, ConfigError> {
        let mut problems = self.found.into_inner();
        problems.sort_by_key(|problem| problem.line);
        match value {
            Some(value) if problems.is_empty() => Ok(value),
            _ => Err(ConfigError { problems }),
        }
    }
}
