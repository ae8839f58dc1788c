//! Places and passes that are bound to a browser's key: keys of Chromium's own against the real gate.

use std::time::Duration;

use serde_json::{Value, json};
use thirtyfour::By;

use crate::chromium::{Browser, Habits};
use crate::site::{Room, Site};

const SOON: Duration = Duration::from_secs(30);
const A_WHILE: Duration = Duration::from_secs(60);

const BOUND: Room = Room { starts_in_s: 15, more: "[room.entry]\nbinding = \"key\"\n", ..Room::USUAL };

async fn cookie(browser: &Browser, site: &Site, name: &str) -> String {
    let cookies = browser.cdp("Network.getCookies", json!({"urls": [site.url(BOUND, "/")]})).await;
    let cookies = cookies["cookies"].as_array().expect("cookies").clone();
    let found = cookies.into_iter().find(|cookie| cookie["name"] == name);
    found.and_then(|cookie| cookie["value"].as_str().map(str::to_owned)).unwrap_or_default()
}

async fn set_cookie(browser: &Browser, site: &Site, name: &str, value: &str) {
    let cookie = json!({"name": name, "value": value, "url": site.url(BOUND, "/"), "httpOnly": true});
    browser.cdp("Network.setCookie", cookie).await;
}

/// Three groups of four, as the page shows them.
fn letters(text: &str) -> Option<&str> {
    let is_group = |group: &str| group.len() == 4 && group.bytes().all(|byte| byte.is_ascii_alphanumeric());
    text.split_whitespace().find(|word| word.split('-').count() == 3 && word.split('-').all(is_group))
}

#[tokio::test]
async fn a_place_is_its_browsers_also_after_a_reload_and_its_letters_take_it_to_another() {
    let browser = Browser::open(Habits::default()).await;
    let site = Site::with_shop(&[BOUND]).await;
    browser.goto(&site.url(BOUND, "/")).await;
    browser.wait_for("main", "Note these letters.", SOON).await;
    let shown = browser.text("main").await;
    let letters = letters(&shown).expect("letters").to_owned();
    let ticket = cookie(&browser, &site, "fairgate-ticket-main").await;
    browser.driver.refresh().await.expect("a reload");
    browser.wait_for("main", &letters, SOON).await;
    browser.wait_for("#choosing-title", "Choose your seats", A_WHILE).await;

    // The pass only waits for its key: the gate's own page proves it, and the shop is there again.
    let pass = cookie(&browser, &site, "fairgate-pass-main").await;
    let old = site.unproved(&pass);
    set_cookie(&browser, &site, "fairgate-pass-main", &old).await;
    browser.driver.refresh().await.expect("a reload");
    browser.wait_for("#choosing-title", "Choose your seats", A_WHILE).await;
    let renewed = cookie(&browser, &site, "fairgate-pass-main").await;
    assert!(renewed != old && !renewed.is_empty());
    let refused: Vec<String> = browser.complaints().await;
    assert!(!refused.iter().any(|said| said.contains("Content Security Policy")), "{refused:?}");
    drop(browser);

    // Another profile with what can be copied: the ticket claims nothing there, and the pass is not renewed.
    let thief = Browser::open(Habits::default()).await;
    set_cookie(&thief, &site, "fairgate-ticket-main", &ticket).await;
    set_cookie(&thief, &site, "fairgate-pass-main", &old).await;
    thief.goto(&site.url(BOUND, "/")).await;
    thief.wait_for("#headline", "This browser has lost its key", A_WHILE).await;
    thief.screenshot("bound-other-browser").await;
    assert_eq!(cookie(&thief, &site, "fairgate-pass-main").await, "", "it was given up");
    let input = thief.driver.find(By::Css(".entry input")).await.expect("a field");
    input.send_keys(&letters).await.expect("somebody types");
    thief.click(".entry form button").await;
    thief.wait_for("#choosing-title", "Choose your seats", A_WHILE).await;
    let kept = thief.eval("JSON.parse(localStorage['fairgate:main']).receipt.ticket").await;
    assert_ne!(kept, Value::from(ticket), "the ticket names this browser's key");
}
