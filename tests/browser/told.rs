//! A fan is told of the turn: by a sound and a notification, where it was asked for, and by a calendar.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::chromium::{Browser, Habits};
use crate::site::{Room, Site};

const SOON: Duration = Duration::from_secs(30);
const SLOW: Room = Room { name: "slow", rate_per_minute: 1, ..Room::USUAL };
const IDLE: Room = Room { name: "idle", opens_in_s: 3 * 86_400, starts_in_s: 3 * 86_400 + 3600, ..Room::USUAL };

/// As a browser tells a page whose tab nobody looks at.
const LOOK_AWAY: &str = "(Object.defineProperty(document, 'hidden', {value: true, configurable: true}), \
    document.dispatchEvent(new Event('visibilitychange')))";
/// Counts the notes that are played.
const LISTEN: &str = "(() => { const make = AudioContext.prototype.createOscillator; globalThis.notes = 0; \
    AudioContext.prototype.createOscillator = function () { globalThis.notes += 1; return make.call(this); }; })()";

/// What an expression comes to that takes its time.
async fn settled(browser: &Browser, expression: &str) -> Value {
    let script =
        format!("const done = arguments[0]; Promise.resolve({expression}).then(done, (error) => done(String(error)));");
    browser.driver.execute_async(&script, vec![]).await.expect("the script runs").json().clone()
}

#[tokio::test]
async fn whoever_asked_for_it_is_told_of_the_turn() {
    let browser = Browser::open(Habits::default()).await;
    let site = Site::gate_only(&[SLOW]).await;
    site.crowd_joins(SLOW, 12).await;
    browser.goto(&site.url(SLOW, "/")).await;
    browser.wait_for("#headline", "You are in line", SOON).await;
    let loaded = "performance.getEntriesByType('resource').filter(({name}) => name.includes('/tell/')).length";
    assert_eq!(browser.eval(loaded).await, 0, "nothing is loaded before a press");
    browser.screenshot("tell-before").await;

    let origin = browser.eval("location.origin").await;
    let permissions = json!({"permissions": ["notifications"], "origin": origin});
    browser.cdp("Browser.grantPermissions", permissions).await;
    browser.eval(LISTEN).await;
    browser.click("#tell").await;
    browser.wait_for("#teller", "Play a sound", SOON).await;
    assert_eq!(browser.eval("document.activeElement.name").await, "sound", "the focus goes on from the button");
    assert_eq!(browser.eval("globalThis.notes").await, 0, "nothing sounds without a press of its own");
    browser.click("#teller [name=sound]").await;
    browser.wait_for("#teller [role=status]", "Leave it open", SOON).await;
    let notes = browser.eval("globalThis.notes").await;
    assert_eq!(notes, 2, "it is heard once");
    browser.click("#teller [name=notice]").await;
    let worker = "navigator.serviceWorker.getRegistration('/.fairgate/tell/').then((it) => it?.active?.state ?? '')";
    let until = Instant::now() + SOON;
    while settled(&browser, worker).await != "activated" {
        assert!(Instant::now() < until, "there is no worker: {}", browser.text("#teller").await);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    browser.screenshot("tell-asked").await;

    browser.eval(LOOK_AWAY).await;
    site.control(SLOW, json!({"rate_per_minute": 6000})).await;
    let notices = "navigator.serviceWorker.getRegistration('/.fairgate/tell/') \
        .then((it) => it.getNotifications()).then((all) => all.map(({title, body}) => [title, body]))";
    let until = Instant::now() + SOON;
    let told = loop {
        let told = settled(&browser, notices).await;
        if told != json!([]) {
            break told;
        }
        assert!(Instant::now() < until, "nobody is told: {}", browser.text("body").await);
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    assert_eq!(told[0][0], "It’s your turn", "{told}");
    assert!(told[0][1].as_str().is_some_and(|body| body.starts_with("Kept for you for another: ")), "{told}");
    // A page that nobody looks at rings again.
    let until = Instant::now() + SOON;
    while browser.eval("globalThis.notes").await.as_u64() < Some(6) {
        assert!(Instant::now() < until, "it does not ring");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(browser.complaints().await, Vec::<String>::new());
}

#[tokio::test]
async fn days_ahead_there_is_a_calendar_and_the_time_at_the_venue() {
    let browser = Browser::open(Habits::default()).await;
    let site = Site::gate_only(&[IDLE]).await;
    browser.goto(&site.url(IDLE, "/")).await;
    browser.wait_for("#calendar", "Put it into my calendar", SOON).await;
    browser.wait_for("#stub", "Tokyo (", SOON).await;
    browser.wait_for("#stub", "for you)", SOON).await;
    let file = "fetch(document.querySelector('#calendar a').href).then((it) => it.text())";
    let file = settled(&browser, file).await;
    let file = file.as_str().expect("a file");
    assert!(file.contains("SUMMARY:Opens: ") && file.contains("SUMMARY:Draw: "), "{file}");
    assert!(file.contains("URL:http://idle.localhost:"), "{file}");
    browser.screenshot("calendar").await;
}
