//! The pure parts of the pages' scripts, tested by node where they stand.

use std::process::Command;

fn node_tests(file: &str) {
    let test = format!("{}/tests/{file}", env!("CARGO_MANIFEST_DIR"));
    let output = Command::new("node").args(["--test", &test]).output().expect("node runs: make setup installs it");
    let said = [output.stdout, output.stderr].concat();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&said));
}

#[test]
fn the_waiting_page_shuffles_paces_and_checks_as_it_says() {
    node_tests("page.test.mjs");
}

#[test]
fn the_check_of_a_draw_names_the_step_that_fails() {
    node_tests("check.test.mjs");
}

#[test]
fn what_a_browser_saw_of_a_draw_stays_until_the_fan_deletes_it() {
    node_tests("evidence.test.mjs");
}
