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
        let has_draw = room.starts_in_s > room.opens_in_s;
        assert_eq!(browser.eval("document.getElementById('check').hidden").await, !has_draw, "{}", room.name);
        judge(&browser, room.name).await;
    }
    browser.goto(&site.url(PAUSED, "/")).await;
    browser.wait_for("#notice", "Nobody overtakes you", SOON).await;
    browser.wait_for("#message", "One more block", SOON).await;
}

#[tokio::test]
async fn events_are_found_by_a_page_that_needs_no_script() {
    let site = Site::with_shop(&[Room::USUAL]).await;
    let browser = Browser::open(Habits::default()).await;
    // Found by its name with an error; the index may still be on its way.
    for _ in 0..100 {
        browser.goto(&site.url(Room::USUAL, "/search?q=midsumer")).await;
        if browser.text("#found-title").await == "1 event" {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    browser.wait_for(".found", "Midsummer Night", SOON).await;
    assert_eq!(browser.eval("document.scripts.length").await, 0);
    for screen in [PHONE, DESKTOP] {
        browser.look_on(screen).await;
        let over = "[...document.querySelectorAll('.finder input')].filter((it) => \
            it.getBoundingClientRect().right > it.parentElement.getBoundingClientRect().right + 1).map((it) => it.id)";
        assert_eq!(browser.eval(over).await, json!([]), "{screen:?}: no field lies over another");
    }
    judge(&browser, "search").await;
    let unnamed = "[...document.querySelectorAll('input, button, a')].filter((it) => !(it.labels?.length || it.textContent.trim())).length";
    assert_eq!(browser.eval(unnamed).await, 0, "everything has a name");
    // By keyboard alone: other words, then the event.
    browser.eval("((q) => { q.value = 'nowhere at all'; q.focus(); })(document.getElementById('q'))").await;
    browser.press("Enter").await;
    browser.wait_for("#found-title", "Nothing was found", SOON).await;
    judge(&browser, "search-nothing").await;
    browser.eval("((q) => { q.value = 'nig'; q.focus(); })(document.getElementById('q'))").await;
    browser.press("Enter").await;
    browser.wait_for("#found-title", "1 event", SOON).await;
    browser.eval("document.querySelector('button').focus()").await;
    browser.press("Tab").await;
    assert_eq!(browser.eval("document.activeElement.getAttribute('href')").await, "/events/midsummer-night");
    browser.press("Enter").await;
    browser.wait_for("#choosing-title", "Choose your seats", SOON).await;

    browser.goto(&site.url(Room::USUAL, "/search?q=%3Cb%3Eq&from=2027-01-02&to=2027-01-01")).await;
    browser.wait_for("#wrong", "Until", SOON).await;
    assert_eq!(browser.eval("document.querySelector('[aria-invalid]').id").await, "to");
    assert_eq!(browser.eval("document.getElementById('q').value").await, "<b>q");
}

#[tokio::test]
async fn the_page_speaks_the_browsers_language() {
    let site = Site::gate_only(&[LINE]).await;
    site.crowd_joins(LINE, 5).await;
    for (language, tag, dir, headline) in [
        ("pt-BR,pt", "pt", "ltr", "Está na fila"),
        ("zh-TW", "zh-Hant", "ltr", "您正在排隊"),
        ("iw-IL", "he", "rtl", "אתם בתור"),
        ("mi", "en", "ltr", "You are in line"),
    ] {
        let browser = Browser::open(Habits { language, ..Habits::default() }).await;
        browser.goto(&site.url(LINE, "/")).await;
        browser.wait_for("#headline", headline, SOON).await;
        assert_eq!(browser.eval("document.documentElement.lang").await, tag);
        assert_eq!(browser.eval("getComputedStyle(document.body).direction").await, dir, "{tag}");
    }
}

#[tokio::test]
async fn the_keyboard_alone_is_enough() {
    let site = Site::gate_only(&[LINE]).await;
    site.crowd_joins(LINE, 5).await;
    let browser = Browser::open(Habits::default()).await;
    browser.goto(&site.url(LINE, "/")).await;
    browser.wait_for("#headline", "You are in line", SOON).await;
    let focus = "document.activeElement.id || document.activeElement.value";
    let presses =
        [("Tab", "tell"), ("Tab", "leave"), ("Enter", "stay"), ("Enter", "leave"), ("Enter", "stay"), ("Tab", "leave")];
    for (key, at) in presses {
        browser.press(key).await;
        assert_eq!(browser.eval(focus).await, at, "after {key}");
    }
    // What had the focus is gone: it goes where the news is.
    browser.press("Enter").await;
    browser.wait_for("#headline", "You have left", SOON).await;
    assert_eq!(browser.eval(focus).await, "headline");
    browser.press("Tab").await;
    browser.press("Enter").await;
    browser.wait_for("#headline", "You are in line", SOON).await;
    assert_eq!(browser.eval(focus).await, "headline");
}

#[tokio::test]
async fn a_translated_page_stays_translated() {
    let site = Site::gate_only(&[LINE]).await;
    site.crowd_joins(LINE, 5).await;
    let browser = Browser::open(Habits::default()).await;
    browser.goto(&site.url(LINE, "/")).await;
    browser.wait_for("#headline", "You are in line", SOON).await;
    // As browsers do it: each text in an element of its own, with other words; numbers that are not to be translated stay.
    browser.eval(TRANSLATE).await;
    // Another look at the room changes something else.
    site.control(LINE, json!({"message": "One more block of seats opens in a moment."})).await;
    browser.wait_for("#note", "One more block", SOON).await;
    for (selector, words) in
        [("#headline", "~You are in line"), ("#label", "~Your place"), ("#stub dt", "~Ahead of you")]
    {
        assert_eq!(browser.text(selector).await, words);
    }
    assert_eq!(browser.text("#figure").await, "6");
}

const TRANSLATE: &str = "(() => { \
    const walker = document.createTreeWalker(document.querySelector('main'), NodeFilter.SHOW_TEXT); \
    const nodes = []; \
    while (walker.nextNode()) nodes.push(walker.currentNode); \
    for (const node of nodes) if (node.data.trim() && !node.parentElement.closest('[translate=no]')) { \
        const font = document.createElement('font'); \
        font.textContent = '~' + node.data; \
        node.replaceWith(font); \
    } \
    return nodes.length; })()";

#[tokio::test]
async fn a_message_is_laid_out_and_read_out_as_its_language_has_it() {
    let site = Site::gate_only(&[LINE]).await;
    let browser = Browser::open(Habits::default()).await;
    let arabic = "سيفتح قسم آخر من المقاعد بعد قليل. ".repeat(30);
    site.control(LINE, json!({"message": arabic})).await;
    site.crowd_joins(LINE, 5).await;
    browser.goto(&site.url(LINE, "/")).await;
    browser.wait_for("#note", "سيفتح", SOON).await;
    assert_eq!(browser.eval("getComputedStyle(document.getElementById('note')).direction").await, "rtl");
    let said = browser.eval("document.getElementById('say').textContent").await;
    let said = said.as_str().expect("words");
    assert!(said.contains("سيفتح") && said.chars().count() < 400, "read out: {said}");
    judge(&browser, "arabic-message").await;
}
