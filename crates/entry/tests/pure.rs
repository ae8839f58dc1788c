//! The decisions stay pure: no dependency and no line of this crate does I/O, reads a clock or asks for randomness.

use std::fs;
use std::path::{Path, PathBuf};

/// Everything that the decisions may stand on: bytes, cryptography, JSON, and the draw.
const DEPENDENCIES: [&str; 10] = [
    "aws-lc-rs",
    "base64",
    "fairgate-draw",
    "hex",
    "jsonwebtoken",
    "rand_chacha",
    "serde",
    "serde_json",
    "thiserror",
    "unicode-normalization",
];

/// What libraries have of files, sockets, threads, clocks, randomness and the process.
const OUTSIDE: [&str; 14] = [
    "std::env",
    "std::fs",
    "std::io",
    "std::net::Tcp",
    "std::net::ToSocketAddrs",
    "std::net::Udp",
    "std::os",
    "std::process",
    "std::thread",
    "Instant",
    "SystemTime",
    "SystemRandom",
    "aws_lc_rs::rand",
    "::now(",
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn its_dependencies_do_no_io() {
    let manifest = fs::read_to_string(root().join("Cargo.toml")).expect("the manifest");
    let section = manifest.split("\n[dependencies]\n").nth(1).expect("the section").split("\n[").next();
    let lines = section.unwrap_or_default().lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let mut names: Vec<&str> = lines.filter_map(|line| line.split(['.', ' ']).next()).collect();
    names.sort_unstable();
    assert_eq!(names, DEPENDENCIES, "each of them is looked at before it comes in");
}

#[test]
fn its_lines_name_no_io() {
    let files = sources(&root().join("src"));
    assert!(files.len() > 30, "{} files were found", files.len());
    for file in files {
        let text = fs::read_to_string(&file).expect("a file");
        let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
        for line in code {
            let named = OUTSIDE.iter().find(|outside| line.contains(**outside));
            assert!(named.is_none(), "{}: {line}", file.display());
        }
    }
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    entries.flat_map(|path| if path.is_dir() { sources(&path) } else { vec![path] }).collect()
}
