//! `capacity.md` has the table that `scripts/capacity.py` prints, and the script's measured figures stand in the documents.

use std::process::Command;

use crate::{read, repository};

fn capacity(arguments: &[&str]) -> String {
    let script = repository().join("scripts/capacity.py");
    let output = Command::new("python3").arg(script).args(arguments).output().expect("python3 runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
}

#[test]
fn the_table_is_what_the_script_prints() {
    let table = capacity(&[]);
    assert!(
        read("docs/operations/capacity.md").contains(&table),
        "put this into docs/operations/capacity.md:\n{table}"
    );
}

#[test]
fn every_measured_figure_stands_in_a_document() {
    let sources = capacity(&["--sources"]);
    assert!(sources.lines().count() > 10, "{sources}");
    for line in sources.lines() {
        let (file, text) = line.split_once('\t').expect("a file and a text");
        assert!(
            read(file).contains(text),
            "{file} does not have {text:?}: measure again, and change scripts/capacity.py"
        );
    }
}

#[test]
fn more_fans_need_more() {
    let of = |fans: &str| capacity(&["--fans", fans]);
    let (few, many) = (of("10000"), of("14000000"));
    assert!(few.contains("| polls in the busiest second | 6,300 |"), "{few}");
    assert!(many.contains("| Redis's memory | 552 MB |"), "{many}");
}
