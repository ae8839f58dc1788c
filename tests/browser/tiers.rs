//! The page that checks a draw, with the papers of one that has tiers, a round of drand's and a draw log.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;

use crate::chromium::{Browser, Habits};
use crate::site::{Room, Site};

const SOON: Duration = Duration::from_secs(60);

/// Draws by the second version, a little later.
const TIERS: Room = Room {
    starts_in_s: 20,
    more: "tier = [{ name = \"members\" }, { name = \"fans\", band = 1, label = { en = \"Everybody else\" } }]\n",
    ..Room::USUAL
};

#[tokio::test]
async fn a_fan_of_a_room_with_tiers_knows_the_draw_and_the_place_and_may_check_both() {
    let browser = Browser::open(Habits::default()).await;
    let site = Site::gate_only(&[TIERS]).await;
    site.crowd_joins(TIERS, 12).await;
    browser.goto(&site.url(TIERS, "/")).await;
    // The script that knows of tiers is loaded by the page's own, as its policy allows.
    browser.wait_for("#headline", "You are in the draw: Everybody else", SOON).await;
    browser.wait_for("#stub", "#13", SOON).await;
    browser.screenshot("tiers-1-in-the-draw").await;
    let loaded = browser.eval("document.querySelectorAll('script[src$=\"/entry/en.js\"]').length").await;
    assert_eq!(loaded, 1);
    assert_eq!(browser.complaints().await, Vec::<String>::new());

    // Nobody is called, so that the place stands.
    site.control(TIERS, serde_json::json!({"paused": true})).await;
    site.wait_for(TIERS, |status| status["draw"]["seed"].is_string()).await;
    browser.wait_for("#label", "Your place", SOON).await;
    let place = "JSON.parse(localStorage['fairgate:main']).place";
    let place = browser.eval(place).await.as_u64().expect("a place");
    assert!(place < 13);
    assert_eq!(browser.eval("JSON.parse(localStorage['fairgate:main']).elsewhere").await, serde_json::Value::Null);
    browser.screenshot("tiers-2-place").await;

    browser.goto(&site.url(TIERS, "/.fairgate/main/check")).await;
    browser.wait_for("#steps", &format!("Your place is number {}.", place + 1), SOON).await;
    browser.click("#list").await;
    browser.wait_for("#steps", "places were taken", SOON).await;
    browser.wait_for("#headline", "The draw holds", SOON).await;
    assert_eq!(browser.text("#steps .bad").await, "");
    assert_eq!(browser.complaints().await, Vec::<String>::new());
    browser.screenshot("tiers-3-check").await;
}

/// What the operator published of an honest draw, and what a fan's browser kept of it.
fn papers() -> (TempDir, Vec<PathBuf>) {
    let folder = tempfile::tempdir().expect("a folder");
    let operator = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/draw/operator_v2.py");
    let played = Command::new("python3").args([operator, "honest, seen by a browser"]).arg(folder.path()).status();
    assert!(played.expect("python3 runs").success());
    let mut names = ["draw.json", "jwks.json", "saw.json", "freeze.tlog-proof"].map(str::to_owned).to_vec();
    names.push("claims".to_owned());
    names.extend((0..3).flat_map(|tier| [format!("roster.{tier}"), format!("tags.{tier}")]));
    let files = names.iter().map(|name| folder.path().join(name)).collect();
    (folder, files)
}

#[tokio::test]
async fn every_step_of_a_draw_with_tiers_is_checked_in_the_browser() {
    let browser = Browser::open(Habits::default()).await;
    let site = Site::gate_only(&[Room::USUAL]).await;
    let (folder, files) = papers();
    browser.goto(&site.url(Room::USUAL, "/.fairgate/main/check")).await;
    browser.wait_for_some("#steps", SOON).await;

    // What a room asks of those who enter is said in the page's language.
    let script = browser.eval("fetch('/.fairgate/entry/pt.js').then((answer) => answer.text())").await;
    assert!(script.as_str().is_some_and(|script| script.contains("Mostre quem é")), "{script}");
    let keep = browser.eval("fetch('/.fairgate/main/keep.js').then((answer) => answer.text())").await;
    assert!(keep.as_str().is_some_and(|script| script.starts_with("(()=>{")), "{keep}");

    // The round's signature is checked in a worker, and the log's in the page.
    browser.upload("#files", &files).await;
    browser.wait_for("#summary", "15 steps were checked here and hold; 0 could not be checked", SOON).await;
    browser.wait_for("#steps", "No outside witness that you trust saw it in time", SOON).await;
    browser.wait_for("#steps", "not counted without a key from you: witness.example/w1", SOON).await;
    let key = std::fs::read_to_string(folder.path().join("witness.vkey")).expect("a key");
    let give = "const keys = document.querySelector('#witnesses'); keys.value = ";
    browser.eval(&format!("(() => {{ {give}{key:?}; keys.dispatchEvent(new Event('change')); }})()")).await;
    browser
        .wait_for("#steps", "33 seconds before the numbers it was drawn with existed: witness.example/w1", SOON)
        .await;
    assert_eq!(browser.complaints().await, Vec::<String>::new());
    browser.screenshot("check-tiers-phone").await;

    // Saved and without a network there is no worker: that step is not counted.
    let saved = folder.path().join("check.html");
    let html = browser.eval("document.documentElement.outerHTML").await;
    std::fs::write(&saved, html.as_str().expect("the page")).expect("the page is saved");
    browser.goto(&format!("file://{}", saved.display())).await;
    browser.upload("#files", &files).await;
    browser.wait_for("#summary", "14 steps were checked here and hold; 1 could not be checked", SOON).await;
    browser.wait_for("#steps", "That drand signed it could not be worked out here", SOON).await;
}
