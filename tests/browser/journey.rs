//! The whole way of a fan: from the countdown over the draw and the line into the shop, and out with a seat.

use std::time::Duration;

use fairgate_draw::Record;
use serde_json::Value;

use crate::chromium::{Browser, DESKTOP, Habits, PHONE};
use crate::site::{Room, Site};

const SOON: Duration = Duration::from_secs(30);
const A_WHILE: Duration = Duration::from_secs(60);

/// Opens under the fans' eyes, and draws a little later.
const SALE: Room = Room { opens_in_s: 6, starts_in_s: 20, rate_per_minute: 240, ..Room::USUAL };
const POOL: Room = Room { opens_in_s: -60, starts_in_s: 10, rate_per_minute: 60, ..Room::USUAL };

#[tokio::test]
async fn from_the_countdown_to_the_seat() {
    let browser = Browser::open(Habits::default()).await;
    let mut site = Site::with_shop(&[SALE]).await;
    browser.goto(&site.url(SALE, "/?from=poster")).await;
    browser.wait_for("#headline", "Not open yet", SOON).await;
    browser.wait_for("#figure", "00:0", SOON).await;
    browser.screenshot("journey-1-countdown").await;

    browser.wait_for("#headline", "You are in the draw", SOON).await;
    browser.wait_for("#stub", "#1", SOON).await;
    browser.screenshot("journey-2-in-the-draw").await;
    site.crowd_joins(SALE, 12).await;

    // The gate crashes and comes back; the page is loaded anew. The entry is the same.
    site.kill_edge();
    site.start_edge().await;
    browser.driver.refresh().await.expect("a reload");
    browser.wait_for("#headline", "You are in the draw", SOON).await;
    browser.wait_for("#stub", "#1", SOON).await;

    browser.wait_for("#headline", "Places are being drawn", SOON).await;
    browser.screenshot("journey-3-drawing").await;
    site.wait_for(SALE, |status| status["draw"]["seed"].is_string()).await;
    assert_eq!(site.status(SALE).await["draw"]["entries"], 13);

    browser.wait_for("#headline", "It’s your turn", A_WHILE).await;
    let kept = kept_evidence(&browser).await;
    let freeze = &kept["freezes"][0];
    assert_eq!(freeze["entries"], 13, "the page has seen the sealed list: {kept}");
    assert_eq!(freeze["before"], true, "before the secret: {kept}");
    assert!(kept["receipts"][0]["nonce"].is_string(), "with what opens the entry: {kept}");
    browser.wait_for("#choosing-title", "Choose your seats", A_WHILE).await;
    assert!(browser.eval("location.search").await == "?from=poster", "the way in leads to where the fan was going");
    buy(&browser).await;
}

/// What the browser keeps of the room's draw.
async fn kept_evidence(browser: &Browser) -> Value {
    browser
        .eval(
            "JSON.parse(localStorage[Object.keys(localStorage).find((key) => key.startsWith('fairgate:main:draw:'))])",
        )
        .await
}

/// Buys what the shop thinks best, as a person would.
async fn buy(browser: &Browser) {
    browser.wait_for("#choosing-title", "Choose your seats", A_WHILE).await;
    browser.screenshot("journey-4-shop").await;
    browser.click("#best-hold").await;
    browser.wait_for("#held-title", "Your seats are held", SOON).await;
    browser.screenshot("journey-5-held").await;
    browser.click("#pay").await;
    browser.wait_for("#confirmed-title", "See you there", SOON).await;
    browser.wait_for_some("#booking-number", SOON).await;
    browser.screenshot("journey-6-confirmed-phone").await;
    browser.look_on(DESKTOP).await;
    browser.screenshot("journey-6-confirmed-desktop").await;
    browser.look_on(PHONE).await;
}

/// A draw of 31 entries that is over, and a browser with the last of them.
async fn drawn_last_of_31() -> (Site, Browser) {
    let browser = Browser::open(Habits::default()).await;
    let site = Site::gate_only(&[Room { rate_per_minute: 1, ..POOL }]).await;
    site.crowd_joins(POOL, 30).await;
    browser.goto(&site.url(POOL, "/")).await;
    browser.wait_for("#stub", "#31", SOON).await;
    site.wait_for(POOL, |status| status["phase"] == "serving").await;
    (site, browser)
}

#[tokio::test]
async fn the_page_shows_the_place_that_the_draw_gave() {
    let (site, browser) = drawn_last_of_31().await;
    let seed = site.status(POOL).await["draw"]["seed"].as_str().expect("a seed").to_owned();
    let seed = hex::decode(seed).expect("hex").try_into().expect("32 bytes");
    let place = fairgate_draw::Shuffle::new(&seed, 31).place(30).expect("in the draw");
    if place == 0 {
        browser.wait_for("#headline", "It’s your turn", SOON).await;
    } else {
        browser.wait_for("#figure", &(place + 1).to_string(), SOON).await;
        browser.wait_for("#words", "Drawn by lot from 31 entries", SOON).await;
    }
    assert_eq!(browser.eval("document.querySelector('#check a').pathname").await, "/.fairgate/main/check");
}

#[tokio::test]
async fn without_scripts_there_is_a_form_for_every_step() {
    let browser = Browser::open(Habits { scripts: false, ..Habits::default() }).await;
    let site = Site::with_shop(&[POOL]).await;
    browser.goto(&site.url(POOL, "/?from=poster")).await;
    browser.wait_for("noscript h2", "Join the draw", SOON).await;
    browser.screenshot("no-script-1-join").await;
    browser.click("form[action$=join] button").await;
    browser.wait_for("noscript h2", "You are in the draw", SOON).await;
    browser.screenshot("no-script-2-in-the-draw").await;
    // The page looks again by itself; nobody touches it.
    browser.wait_for("noscript h2", "It’s your turn", A_WHILE).await;
    browser.screenshot("no-script-3-turn").await;
    browser.click("form[action$=claim] button").await;
    browser.wait_for("body", "This shop needs JavaScript", SOON).await;
    let url = browser.driver.current_url().await.expect("an address");
    assert_eq!(url.query(), Some("from=poster"), "the form comes back to where the fan was going");
}

#[tokio::test]
async fn anyone_checks_the_draw_step_by_step() {
    let (site, browser) = drawn_last_of_31().await;
    browser.goto(&site.url(POOL, "/.fairgate/main/check")).await;
    browser.wait_for("#headline", "The draw holds", SOON).await;
    browser.click("#list").await;
    browser.wait_for("#summary", "12 steps were checked here and hold; 1 could not be checked", SOON).await;
    assert_eq!(browser.text("#steps .bad").await, "");
    assert_eq!(browser.complaints().await, Vec::<String>::new());
    browser.screenshot("check-steps-phone").await;

    // The code to compare is whole, and what the browser keeps is there until the fan deletes it.
    let draw = site.status(POOL).await["draw"].clone();
    let record: Record = serde_json::from_slice(&site.draw(POOL, "").await).expect("a record");
    let code = record.freeze_statement().expect("a frozen draw").leaf_hash();
    assert_eq!(browser.text("#print").await.replace(' ', ""), hex::encode(code));
    browser.wait_for("#kept", draw["descriptor_digest"].as_str().expect("D"), SOON).await;
    browser.eval("window.confirm = () => true").await;
    browser.click("#kept button:last-child").await;
    browser.wait_for("#none", "Nothing of this room", SOON).await;
    let left = browser.eval("Object.keys(localStorage).filter((key) => key.includes(':draw:')).length").await;
    assert_eq!(left, 0);

    // The same page, saved, with saved papers and no network: it holds, and a forged paper does not.
    let folder = tempfile::tempdir().expect("a folder");
    let saved = |name: &str| folder.path().join(name);
    let html = browser.eval("document.documentElement.outerHTML").await;
    std::fs::write(saved("check.html"), html.as_str().expect("the page")).expect("the page is saved");
    let (record, roster) = (site.draw(POOL, "").await, site.draw(POOL, "/roster").await);
    std::fs::write(saved("record.json"), &record).expect("the record is saved");
    std::fs::write(saved("roster"), &roster).expect("the list is saved");
    let forged = String::from_utf8(record).expect("JSON").replace("\"secret\":\"", "\"secret\":\"00");
    std::fs::write(saved("forged.json"), forged).expect("the forgery is saved");
    browser.offline(true).await;
    browser.goto(&format!("file://{}", saved("check.html").display())).await;
    browser.upload("#files", &[saved("record.json"), saved("roster")]).await;
    browser.wait_for("#headline", "The draw holds", SOON).await;
    browser.upload("#files", &[saved("forged.json")]).await;
    browser.wait_for("#headline", "The opened secret fits the lock", SOON).await;
}
