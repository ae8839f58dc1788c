//! The documents that are held against the program: what is generated from it, and what is compared with it.
//!
//! `make reference` writes what is generated.

mod alerts;
mod api;
mod capacity;
mod cli;
mod config;
mod edge;
mod headers;
mod http_api;
mod leaving;
mod links;
mod metrics;
mod problems;
mod sbom;
mod schemas;
mod source;
mod stored;

use std::path::{Path, PathBuf};

/// The line that each generated document begins with.
const GENERATED: &str = "<!-- Generated from the program by `make reference`: change it there. -->";

type Document = fn() -> String;

/// What is generated, by file.
const DOCUMENTS: [(&str, Document); 5] = [
    ("docs/reference/admin-api.md", api::admin),
    ("docs/reference/booking-api.md", api::booking),
    ("docs/reference/cli.md", cli::document),
    ("docs/reference/config.md", config::document),
    ("docs/reference/metrics.md", metrics::document),
];

/// Where the documents are.
fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

/// A file of this repository.
fn read(path: &str) -> String {
    std::fs::read_to_string(repository().join(path)).unwrap_or_else(|error| panic!("{path} cannot be read: {error}"))
}

#[test]
fn what_is_generated_is_as_the_program_is() {
    let differs = |(path, document): &(&str, Document)| {
        let (written, generated) = (std::fs::read_to_string(repository().join(path)).unwrap_or_default(), document());
        let line = generated.lines().zip(written.lines()).position(|(is, was)| is != was);
        let at = line.map_or_else(|| "the end".to_owned(), |line| format!("line {}", line + 1));
        (written != generated).then(|| format!("{path} differs at {at}"))
    };
    let stale: Vec<String> = DOCUMENTS.iter().filter_map(differs).collect();
    assert!(stale.is_empty(), "{}: run `make reference`", stale.join(", "));
}

#[test]
#[ignore = "writes files, for `make reference`"]
fn write() {
    for (path, document) in DOCUMENTS {
        let path = repository().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, document()).unwrap();
    }
    schemas::write();
}
