//! The sources of the program, as text: for what no type can list.

use std::fs;
use std::path::{Path, PathBuf};

use crate::repository;

/// A source file.
pub(crate) struct Source {
    /// From the root of the repository.
    pub(crate) path: String,
    /// What stands in it before its tests.
    pub(crate) text: String,
}

/// Every source file of what is shipped, in the order of their paths.
pub(crate) fn sources() -> Vec<Source> {
    let mut paths = Vec::new();
    for top in ["src", "crates", "draw/src"] {
        find(&repository().join(top), &mut paths);
    }
    paths.sort();
    paths.iter().map(|path| source(path)).collect()
}

fn source(path: &Path) -> Source {
    let text = fs::read_to_string(path).expect("a source file is text");
    let code = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
    let path = path.strip_prefix(repository()).expect("it was found there").display().to_string();
    Source { path, text: code.to_owned() }
}

fn find(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        let path = entry.path();
        let name = entry.file_name();
        if path.is_dir() && !["tests", "target"].iter().any(|skipped| name == *skipped) {
            find(&path, found);
        } else if path.extension().is_some_and(|end| end == "rs") && name != "tests.rs" {
            found.push(path);
        }
    }
}

/// The literals of strings in a text, in their order, with where each begins. Escapes stay as they are written.
pub(crate) fn strings(text: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(begin) = text[from..].find('"').map(|at| from + at + 1) {
        let mut escaped = false;
        let ends = |byte: u8| {
            let ends = byte == b'"' && !escaped;
            escaped = byte == b'\\' && !escaped;
            ends
        };
        let Some(end) = text.bytes().skip(begin).position(ends).map(|at| begin + at) else { break };
        found.push((begin, &text[begin..end]));
        from = end + 1;
    }
    found
}
