//! The pure parts of the page's script, tested by node where they stand.

use std::process::Command;

#[test]
fn the_pure_parts_of_the_page_do_what_they_say() {
    let test = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/page.test.mjs");
    let output = Command::new("node").args(["--test", test]).output().expect("node runs: make setup installs it");
    let said = [output.stdout, output.stderr].concat();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&said));
}
