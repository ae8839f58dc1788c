//! A place stays: through a reload, a second tab, a lost connection and a crash of the gate; and goes when it is given up.

use std::time::Duration;

use serde_json::{Value, json};

use crate::chromium::{Browser, Habits};
use crate::site::{Room, Site};

const SOON: Duration = Duration::from_secs(30);
const LINE: Room = Room { name: "line", rate_per_minute: 1, ..Room::USUAL };
const BRISK: Room = Room { name: "brisk", rate_per_minute: 60, ..Room::USUAL };

/// A site with ten people in its line, and a browser that has joined behind them.
async fn in_line(room: Room) -> (Site, Browser) {
    let browser = Browser::open(Habits::default()).await;
    let site = Site::gate_only(&[room]).await;
    site.crowd_joins(room, 10).await;
    browser.goto(&site.url(room, "/shows/7?seat=a")).await;
    browser.wait_for("#figure", "11", SOON).await;
    (site, browser)
}

#[tokio::test]
async fn a_reload_and_a_second_tab_share_the_place() {
    let (site, browser) = in_line(LINE).await;
    browser.driver.refresh().await.expect("a reload");
    browser.wait_for("#figure", "11", SOON).await;
    browser.driver.new_tab().await.expect("a tab");
    let tabs = browser.driver.windows().await.expect("the tabs");
    browser.driver.switch_to_window(tabs[1].clone()).await.expect("the second tab");
    browser.goto(&site.url(LINE, "/")).await;
    browser.wait_for("#figure", "11", SOON).await;
    assert_eq!(site.status(LINE).await["line_size"], 11);
}

#[tokio::test]
async fn an_emptied_storage_does_not_cost_the_place() {
    let (site, browser) = in_line(LINE).await;
    browser.eval("localStorage.clear()").await;
    browser.driver.refresh().await.expect("a reload");
    browser.wait_for("#figure", "11", SOON).await;
    browser.driver.delete_all_cookies().await.expect("no cookies");
    browser.driver.refresh().await.expect("a reload");
    browser.wait_for("#figure", "11", SOON).await;
    assert_eq!(site.status(LINE).await["line_size"], 11);
}

#[tokio::test]
async fn an_offline_browser_keeps_the_place_and_comes_back() {
    let (_site, browser) = in_line(LINE).await;
    browser.offline(true).await;
    browser.wait_for("#notice", "You are offline", SOON).await;
    browser.wait_for("#figure", "11", SOON).await;
    browser.offline(false).await;
    browser.wait_until_gone("#notice", SOON).await;
    browser.wait_for("#figure", "11", SOON).await;
}

#[tokio::test]
async fn a_crash_of_the_gate_costs_nobody_the_place() {
    let (mut site, browser) = in_line(LINE).await;
    site.kill_edge();
    browser.wait_for("#notice", "Your place is kept", SOON).await;
    site.start_edge().await;
    browser.wait_until_gone("#notice", SOON).await;
    browser.wait_for("#figure", "11", SOON).await;
    assert_eq!(site.status(LINE).await["line_size"], 11);
}

#[tokio::test]
async fn a_place_is_given_up_only_after_a_second_thought() {
    let (site, browser) = in_line(LINE).await;
    browser.click("#leave").await;
    browser.click("#sure button[value=stay]").await;
    browser.wait_for("#figure", "11", SOON).await;
    browser.click("#leave").await;
    browser.click("#sure button[value=leave]").await;
    browser.wait_for("#headline", "You have left", SOON).await;
    browser.wait_for("#words", "at the end of the line", SOON).await;
    assert_eq!(receipts_kept(&browser).await, 1, "the page has dropped its ticket, and the evidence stays");
    assert_eq!(site.status(LINE).await["line_size"], 11);
    browser.click("#act").await;
    browser.wait_for("#figure", "12", SOON).await;
    assert_eq!(receipts_kept(&browser).await, 2);
}

/// How many receipts the browser keeps of the room's draw.
async fn receipts_kept(browser: &Browser) -> Value {
    let key = "Object.keys(localStorage).find((key) => key.startsWith('fairgate:line:draw:'))";
    browser.eval(&format!("JSON.parse(localStorage[{key}]).receipts.length")).await
}

#[tokio::test]
async fn a_place_that_was_not_taken_can_be_had_again_at_the_tail() {
    let room = Room { grace: "3s", ..BRISK };
    let (site, browser) = in_line(room).await;
    browser.goto("about:blank").await;
    site.wait_for(room, |status| status["serving"] == 11).await;
    tokio::time::sleep(Duration::from_secs(5)).await;
    browser.goto(&site.url(room, "/")).await;
    browser.wait_for("#headline", "Your turn has passed", SOON).await;
    browser.click("#act").await;
    browser.wait_for("#headline", "It’s your turn", SOON).await;
    assert_eq!(site.status(room).await["line_size"], 12);
}

#[tokio::test]
async fn who_leaves_the_draw_can_be_in_it_again() {
    let room = Room { name: "pool", starts_in_s: 3600, ..Room::USUAL };
    let browser = Browser::open(Habits::default()).await;
    let site = Site::gate_only(&[room]).await;
    browser.goto(&site.url(room, "/")).await;
    browser.wait_for("#stub", "#1", SOON).await;
    assert_eq!(browser.text("#leave").await, "Leave the draw");
    browser.click("#leave").await;
    browser.click("#sure button[value=leave]").await;
    browser.wait_for("#words", "you have the same chance as everyone", SOON).await;
    browser.screenshot("left-the-draw").await;
    browser.click("#act").await;
    browser.wait_for("#stub", "#2", SOON).await;
}

#[tokio::test]
async fn a_visit_that_nobody_sees_is_not_begun() {
    let (site, browser) = in_line(BRISK).await;
    let tabs = browser.driver.windows().await.expect("the tabs");
    let front = browser.driver.new_tab().await.expect("another tab");
    browser.driver.switch_to_window(front).await.expect("the other tab");
    browser.cdp("Page.bringToFront", json!({})).await;
    site.wait_for(BRISK, |status| status["serving"] == 11).await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(site.status(BRISK).await["admitted"], 0, "the place is kept, and no visit runs");
    browser.driver.close_window().await.expect("the tab in front is closed");
    browser.driver.switch_to_window(tabs[0].clone()).await.expect("the first tab");
    browser.cdp("Page.bringToFront", json!({})).await;
    site.wait_for(BRISK, |status| status["admitted"] == 1).await;
}

#[tokio::test]
async fn a_browser_without_cookies_is_told_before_it_waits() {
    let browser = Browser::open(Habits { cookies: false, ..Habits::default() }).await;
    let site = Site::gate_only(&[LINE]).await;
    browser.goto(&site.url(LINE, "/")).await;
    browser.wait_for("#headline", "Cookies are needed", SOON).await;
    assert_eq!(site.status(LINE).await["line_size"], json!(0));
}
