//! Every screen of the page, as people see it: readable, fitting, quiet in the console, in the browser's language.

use std::time::Duration;

use serde_json::json;

use crate::chromium::{Browser, DESKTOP, Habits, PHONE, Screen};
use crate::site::{Room, Site};

const SOON: Duration = Duration::from_secs(30);
const HOUR_S: i64 = 3600;

const IDLE: Room = Room { name: "idle", opens_in_s: HOUR_S, starts_in_s: 2 * HOUR_S, ..Room::USUAL };
const POOL: Room = Room { name: "pool", starts_in_s: HOUR_S, ..Room::USUAL };
const LINE: Room = Room { name: "line", rate_per_minute: 1, ..Room::USUAL };
const PAUSED: Room = Room { name: "paused", ..LINE };
const SOLD_OUT: Room = Room { name: "sold-out", ..LINE };
const ENDED: Room = Room { name: "ended", ends_in_s: Some(-30), ..Room::USUAL };

/// Looks at what is shown on every screen, in light and dark.
async fn judge(browser: &Browser, name: &str) {
    for screen in [PHONE, DESKTOP] {
        for dark in [false, true] {
            let screen = Screen { dark, ..screen };
            browser.look_on(screen).await;
            let poor = browser.eval(include_str!("contrast.js")).await;
            assert_eq!(poor, json!([]), "{name}, {screen:?}: text below WCAG AA");
            let overflow = browser.eval("document.documentElement.scrollWidth - innerWidth").await;
            assert!(overflow.as_i64().unwrap() <= 0, "{name}, {screen:?}: {overflow} px too wide");
            let scheme = if dark { "dark" } else { "light" };
            browser.screenshot(&format!("{name}-{}-{scheme}", screen.name)).await;
        }
    }
    assert_eq!(browser.complaints().await, Vec::<String>::new(), "{name}: the console");
}

#[tokio::test]
async fn every_screen_is_readable_and_fits() {
    let site = Site::gate_only(&[IDLE, POOL, LINE, PAUSED, SOLD_OUT, ENDED]).await;
    for room in [LINE, PAUSED, SOLD_OUT] {
        site.crowd_joins(room, 40).await;
    }
    site.control(PAUSED, json!({"paused": true, "message": "One more block of seats opens in a moment."})).await;
    site.control(SOLD_OUT, json!({"sold_out": true})).await;
    let browser = Browser::open(Habits::default()).await;
    for (room, headline, figure) in [
        (IDLE, "Not open yet", ":"),
        (POOL, "You are in the draw", ":"),
        (LINE, "You are in line", "41"),
        (PAUSED, "You are in line", "41"),
        (SOLD_OUT, "Sold out", ""),
        (ENDED, "The sale has ended", ""),
    ] {
        browser.goto(&site.url(room, "/")).await;
        browser.wait_for("#headline", headline, SOON).await;
        browser.wait_for("#figure", figure, SOON).await;
        browser.click("#check summary").await;
        judge(&browser, room.name).await;
    }
    browser.goto(&site.url(PAUSED, "/")).await;
    browser.wait_for("#notice", "Nobody overtakes you", SOON).await;
    browser.wait_for("#message", "One more block", SOON).await;
}

#[tokio::test]
async fn the_page_speaks_the_browsers_language() {
    let site = Site::gate_only(&[LINE]).await;
    site.crowd_joins(LINE, 5).await;
    for (language, tag, headline) in [
        ("pt-BR,pt", "pt", "Está na fila"),
        ("de-AT", "de", "Sie sind in der Schlange"),
        ("ja", "en", "You are in line"),
    ] {
        let browser = Browser::open(Habits { language, ..Habits::default() }).await;
        browser.goto(&site.url(LINE, "/")).await;
        browser.wait_for("#headline", headline, SOON).await;
        assert_eq!(browser.eval("document.documentElement.lang").await, tag);
    }
}

#[tokio::test]
async fn the_keyboard_alone_is_enough() {
    let site = Site::gate_only(&[LINE]).await;
    site.crowd_joins(LINE, 5).await;
    let browser = Browser::open(Habits::default()).await;
    browser.goto(&site.url(LINE, "/")).await;
    browser.wait_for("#headline", "You are in line", SOON).await;
    for id in ["leave", "summary"] {
        browser.press("Tab").await;
        assert_eq!(browser.eval("document.activeElement.id || document.activeElement.localName").await, id);
    }
    browser.press("Enter").await;
    browser.wait_for("#kind", "A committed draw", SOON).await;
}
