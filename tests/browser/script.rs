//! The pure parts of the pages' scripts, tested by node where they stand.

use std::process::Command;

use fairgate_booking::money::{currencies, money};

fn node_tests(file: &str) {
    node_tests_with(file, "");
}

/// Runs tests that compare with the core's currencies, as JSON.
fn node_tests_with(file: &str, currencies: &str) {
    let test = format!("{}/tests/{file}", env!("CARGO_MANIFEST_DIR"));
    let output = Command::new("node")
        .args(["--test", &test])
        .env("FAIRGATE_CURRENCIES", currencies)
        .output()
        .expect("node runs: make setup installs it");
    let said = [output.stdout, output.stderr].concat();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&said));
}

#[test]
fn the_waiting_page_shuffles_paces_and_checks_as_it_says() {
    node_tests("page.test.mjs");
}

#[test]
fn every_state_of_the_waiting_page_fits_in_every_language() {
    node_tests("languages.test.mjs");
}

#[test]
fn the_check_of_a_draw_names_the_step_that_fails() {
    node_tests("check.test.mjs");
}

#[test]
fn the_check_knows_draws_with_tiers_and_the_draw_log() {
    node_tests("draw-tiers.test.mjs");
}

#[test]
fn the_check_tells_drands_signatures_from_others() {
    node_tests("round.test.mjs");
}

#[test]
fn what_a_browser_saw_of_a_draw_stays_until_the_fan_deletes_it() {
    node_tests("evidence.test.mjs");
}

#[test]
fn the_puzzle_before_an_entry_is_solved_as_its_vectors_say() {
    node_tests("entry.test.mjs");
}

#[test]
fn what_a_room_asks_is_shown_in_a_browser_and_the_join_has_it() {
    node_tests("entry-page.test.mjs");
}

#[test]
fn what_an_entry_is_made_of_follows_the_published_vectors() {
    node_tests("entry-made.test.mjs");
}

#[test]
fn the_shop_shows_every_state_and_every_currency_as_the_core_does() {
    let known: Vec<_> = currencies().map(|(code, digits)| (code, digits, money(123_456_789, code))).collect();
    node_tests_with("storefront.test.mjs", &serde_json::json!(known).to_string());
}
