//! Places and passes that are bound to a browser's key: keys of Chromium's own against the real gate.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use thirtyfour::By;

use crate::chromium::{Browser, Habits};
use crate::scan::scan;
use crate::site::{Room, Site};

const SOON: Duration = Duration::from_secs(30);
const A_WHILE: Duration = Duration::from_secs(60);

/// Nobody is called while a place moves, and then everybody.
const MOVING: Room = Room { starts_in_s: 50, more: "[room.entry]\nbinding = \"key\"\n", ..Room::USUAL };

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

/// Presses the button with these words.
async fn press(browser: &Browser, words: &str) {
    let button =
        format!("[...document.querySelectorAll('.entry button')].find((it) => it.textContent === {words:?}).click()");
    browser.eval(&button).await;
}

/// The two digits in what a page says.
async fn digits(browser: &Browser, selector: &str) -> String {
    let text = browser.text(selector).await;
    text.chars().filter(char::is_ascii_digit).collect()
}

#[tokio::test]
async fn a_place_goes_to_another_device_on_purpose_and_the_first_one_is_told() {
    let first = Browser::open(Habits::default()).await;
    let second = first.second(Habits::default()).await;
    let site = Site::with_shop(&[MOVING]).await;
    first.goto(&site.url(MOVING, "/?row=1")).await;
    first.wait_for("main", "Note these letters.", SOON).await;
    let copied = cookie(&first, &site, "fairgate-ticket-main").await;
    press(&first, "Move my place to another device").await;
    first.wait_for(".entry", "Scan this with the other device.", SOON).await;
    let drawn = first.eval("document.querySelector('.entry svg').getBoundingClientRect().width > 150").await;
    assert_eq!(drawn, true);
    first.screenshot("moving-1-offer").await;

    // What the picture says is the address with the letters' offer behind it; the page itself does not write that out.
    let letters = first.text(".entry b").await;
    let url = site.url(MOVING, "/.fairgate/main/move");
    assert!(first.text(".entry").await.contains(&url), "the address is there to be typed");
    second.goto(&url).await;
    second.driver.find(By::Id("letters")).await.expect("a field").send_keys("ABCD-EFGH").await.expect("somebody types");
    second.click("#form button").await;
    second.wait_for("#words", "This offer is not there", SOON).await;
    let field = second.driver.find(By::Id("letters")).await.expect("a field");
    field.clear().await.expect("an empty field");
    field.send_keys(letters.to_lowercase()).await.expect("somebody types");
    second.click("#form button").await;
    second.wait_for("#words", "If it shows this number, too", SOON).await;
    let number = digits(&second, "#number").await;
    assert_eq!(number.len(), 2, "{number}");
    second.screenshot("moving-2-number").await;
    second.driver.refresh().await.expect("a reload");
    first.wait_for(".entry", &format!("show the number {number}, too?"), SOON).await;
    first.screenshot("moving-3-number").await;
    press(&first, "Keep my place here").await;
    first.wait_for(".entry", "Note these letters.", SOON).await;

    // And by the address in the picture.
    press(&first, "Move my place to another device").await;
    first.wait_for(".entry", "Scan this with the other device.", SOON).await;
    let scanned = scan(&first, ".entry svg").await;
    assert!(scanned.starts_with(&format!("{url}#")), "{scanned}");
    second.goto("about:blank").await;
    second.goto(&scanned).await;
    second.wait_for("#words", "If it shows this number, too", SOON).await;
    let number = digits(&second, "#number").await;
    first.wait_for(".entry", &format!("show the number {number}, too?"), SOON).await;
    press(&first, "Yes, move my place there").await;
    first.wait_for("#headline", "Your place has moved", SOON).await;
    first.wait_for("main", "Your place is on another device since", SOON).await;
    first.screenshot("moving-4-moved").await;
    second.wait_for("main", "This entry was made elsewhere", SOON).await;
    assert!(second.driver.current_url().await.expect("an address").as_str().ends_with("/?row=1"));
    assert_eq!(second.eval("JSON.parse(localStorage['fairgate:main']).receipt.return_to ?? null").await, Value::Null);
    let own = letters_of(&second).await;
    second.driver.refresh().await.expect("a reload");
    second.wait_for("main", &own, SOON).await;
    first.driver.refresh().await.expect("a reload");
    first.wait_for("#headline", "Your place has moved", SOON).await;
    first.wait_until_gone("#leave", SOON).await;

    // The copy of the first device's cookie claims nothing, wherever it is: the second device comes in.
    second.wait_for("#choosing-title", "Choose your seats", A_WHILE).await;
    let claim = "fetch('/.fairgate/main/claim', {method: 'POST', headers: {'content-type': 'application/json'}, body: '{}'})\
                 .then(async (answer) => `${answer.status} ${(await answer.json()).type.split('/').pop()}`)";
    assert_eq!(first.eval(claim).await, "403 prove-otherwise");
    assert_eq!(cookie(&first, &site, "fairgate-ticket-main").await, copied, "and it is not taken away");
    for browser in [&first, &second] {
        let refused: Vec<String> = browser.complaints().await;
        assert!(!refused.iter().any(|said| said.contains("Content Security Policy")), "{refused:?}");
    }
}

async fn letters_of(browser: &Browser) -> String {
    let shown = browser.text("main").await;
    letters(&shown).expect("letters").to_owned()
}

/// What the pass in a browser's cookie says; nothing without one.
async fn pass(browser: &Browser, site: &Site) -> Value {
    let urls = json!({"urls": [site.url_over_tls(BOUND, "/")]});
    let cookies = browser.cdp("Network.getCookies", urls).await["cookies"].as_array().expect("cookies").clone();
    let found = cookies.into_iter().find(|cookie| cookie["name"] == "__Host-fairgate-pass-main");
    let token = found.and_then(|cookie| cookie["value"].as_str().map(str::to_owned)).unwrap_or_default();
    let claims = token.split('.').nth(1).and_then(|claims| URL_SAFE_NO_PAD.decode(claims).ok()).unwrap_or_default();
    serde_json::from_slice(&claims).unwrap_or_default()
}

#[tokio::test]
async fn chromium_binds_its_device_to_a_pass_and_brings_it_back_by_itself() {
    let turn = Browser::turn().await;
    let (site, certificate) = Site::with_shop_over_tls(&[BOUND]).await;
    let arguments = [
        "--enable-features=DeviceBoundSessions,EnableBoundSessionCredentialsSoftwareKeysForManualTesting".to_owned(),
        format!("--ignore-certificate-errors-spki-list={certificate}"),
    ];
    let browser = Browser::open_with(Habits::default(), &arguments, turn).await;
    browser.goto(&site.url_over_tls(BOUND, "/")).await;
    browser.wait_for("#choosing-title", "Choose your seats", A_WHILE).await;
    let until = std::time::Instant::now() + SOON;
    let mut bound = pass(&browser, &site).await;
    while bound["dev"] != true {
        assert!(std::time::Instant::now() < until, "the browser has bound no device: {bound}");
        tokio::time::sleep(Duration::from_millis(200)).await;
        bound = pass(&browser, &site).await;
    }

    // Without ticket, pass, and everything that the page has kept, only the device brings the session back.
    for name in ["__Host-fairgate-pass-main", "__Host-fairgate-ticket-main"] {
        browser.cdp("Network.deleteCookies", json!({"name": name, "url": site.url_over_tls(BOUND, "/")})).await;
    }
    browser.eval("(localStorage.clear(), indexedDB.deleteDatabase('fairgate'), true)").await;
    browser.goto(&site.url_over_tls(BOUND, "/?again")).await;
    browser.wait_for("#choosing-title", "Choose your seats", SOON).await;
    let back = pass(&browser, &site).await;
    assert_eq!((&back["sub"], &back["dev"]), (&bound["sub"], &json!(true)), "{back}");
    browser.screenshot("bound-device").await;
}
