//! The draw log of a real edge in a real browser: the fan reads which outsiders saw the list sealed.

use std::time::Duration;

use crate::chromium::{Browser, Habits};
use crate::site::{Room, Site};

const SOON: Duration = Duration::from_secs(60);
/// The secret stays locked long enough for a slow machine's page to ask.
const LOGGED: Room = Room {
    name: "logged",
    opens_in_s: -5,
    starts_in_s: 20,
    rate_per_minute: 1,
    more: "witness = \"30s\"\n[room.draw]\ndelay = \"31s\"\n",
    ..Room::USUAL
};

#[tokio::test]
async fn the_page_and_the_check_say_which_outsider_saw_the_list_sealed() {
    let browser = Browser::open(Habits::default()).await;
    let (site, key) = Site::gate_with_log(&[LOGGED]).await;
    site.crowd_joins(LOGGED, 3).await;
    browser.goto(&site.url(LOGGED, "/")).await;
    browser.eval(&format!("localStorage.setItem('fairgate:witnesses', JSON.stringify({key:?}))")).await;
    site.wait_for(LOGGED, |status| !status["draw"]["root"].is_null()).await;
    let sealed = "saw this list while the secret was locked: witness.example/w1";
    browser.wait_for("#check", sealed, SOON).await;

    site.wait_for(LOGGED, |status| status["phase"] == "serving").await;
    browser.goto(&site.url(LOGGED, "/.fairgate/logged/check")).await;
    let give = "const keys = document.querySelector('#witnesses'); keys.value = ";
    browser.eval(&format!("(() => {{ {give}{key:?}; keys.dispatchEvent(new Event('change')); }})()")).await;
    browser.wait_for("#steps", sealed, SOON).await;
    assert_eq!(browser.complaints().await, Vec::<String>::new());
}
