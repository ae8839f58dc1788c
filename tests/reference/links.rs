//! `scripts/check-links.py` finds what leads nowhere, and this repository has nothing of that.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use crate::repository;

fn check(root: &Path) -> Output {
    let script = repository().join("scripts/check-links.py");
    Command::new("python3").arg(script).arg(root).output().expect("python3 runs")
}

/// What the script says of a repository with a source file, another document, and this text.
fn told(text: &str) -> Vec<String> {
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = dir.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    write("src/gate.rs", "fn opens() {}\n");
    write("manual/other.md", "# A heading, `twice`\n\n## Same\n\n## Same\n");
    write("README.md", text);
    let output = check(dir.path());
    let lines: Vec<String> = String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect();
    assert_eq!(output.status.success(), lines.is_empty(), "{lines:?}");
    lines
}

#[test]
fn this_repository_has_no_broken_link() {
    let output = check(&repository());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

#[test]
fn what_leads_somewhere_is_no_problem() {
    let text = "[a](manual/other.md) [b](manual/other.md#a-heading-twice) [c](manual/other.md#same-1) [d](#here) <!-- --> \n\
                # Here\n[e](https://example.com/nowhere) [`f`](src/gate.rs) `[g](nowhere.md)` `src/` `src/gate.rs::opens`\n\
                `gate.rs` `application/json` `src/*.rs`\n```\n[h](nowhere.md) `src/nowhere.rs`\n```\n[i]: manual/other.md\n";
    assert_eq!(told(text), [""; 0]);
}

#[test]
fn what_leads_nowhere_is_told_by_file_and_line() {
    for (text, said) in [
        ("[a](manual/nowhere.md)", "README.md:2: manual/nowhere.md: there is no such file"),
        ("![a](nowhere.png)", "README.md:2: nowhere.png: there is no such file"),
        (
            "[a](manual/other.md#elsewhere)",
            "README.md:2: manual/other.md#elsewhere: manual/other.md has no such heading",
        ),
        ("[a](#elsewhere)", "README.md:2: #elsewhere: README.md has no such heading"),
        ("[a text on\ntwo lines](nowhere.md)", "README.md:2: nowhere.md: there is no such file"),
        ("[a](../elsewhere.md)", "README.md:2: ../elsewhere.md: leads out of the repository"),
        ("[a]: manual/nowhere.md", "README.md:2: manual/nowhere.md: there is no such file"),
        ("see `src/fence.rs`", "README.md:2: `src/fence.rs`: there is no such file"),
        ("see `fence.rs`", "README.md:2: `fence.rs`: there is no such file"),
        ("see `manual/guides`", "README.md:2: `manual/guides`: there is no such path"),
        ("see `src/gate.rs::closes`", "README.md:2: `src/gate.rs::closes`: the file has no such function"),
    ] {
        assert_eq!(told(&format!("# Title\n{text}\n")), [said]);
    }
}
