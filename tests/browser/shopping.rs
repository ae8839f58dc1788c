//! Inside the shop: what the page shows is what the core knows, through reloads, second tabs, slow cards and the end
//! of a hold. A booking is found again after the visit.

use std::time::Duration;

use crate::chromium::{Browser, DESKTOP, Habits, PHONE};
use crate::scan::scan;
use crate::site::{Room, Site};

const SOON: Duration = Duration::from_secs(30);
const NOTHING: &str = "";

/// A site, and a browser inside whose fan holds two seats.
async fn holding() -> (Site, Browser) {
    let browser = Browser::open(Habits::default()).await;
    let site = Site::with_shop(&[Room::USUAL]).await;
    browser.goto(&site.url(Room::USUAL, "/")).await;
    browser.wait_for("#choosing-title", "Choose your seats", SOON).await;
    browser.click("#best-hold").await;
    browser.wait_for("#held-title", "Your seats are held", SOON).await;
    (site, browser)
}

/// Lets the hold end in some seconds, for the core and for the seats.
async fn hold_ends_in(site: &Site, seconds: i32) {
    site.sql(&format!(
        "with ends as (update booking set expires_at = now() + interval '{seconds} s' returning booking_id, expires_at)
         update seat set held_until = ends.expires_at from ends where seat.booking_id = ends.booking_id"
    ))
    .await;
}

async fn pay_with(browser: &Browser, card: &str) {
    browser.click(&format!("input[value={card}]")).await;
    browser.click("#pay").await;
}

async fn focused(browser: &Browser) -> String {
    browser.eval("document.activeElement.id").await.as_str().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn a_reload_in_mid_payment_shows_the_payment_and_then_the_booking() {
    let (site, browser) = holding().await;
    // The hold ends while the card takes its time: the page says nothing about that of its own.
    hold_ends_in(&site, 3).await;
    browser.driver.refresh().await.expect("a reload");
    browser.wait_for("#held-title", "Your seats are held", SOON).await;
    browser.eval("document.getElementById('email').value = 'maria@example.com'").await;
    browser.eval("document.getElementById('more-time').close()").await;
    pay_with(&browser, "demo-slow").await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    browser.driver.refresh().await.expect("a reload");
    browser.wait_for("#outcome-title", "Your payment is under way", SOON).await;
    browser.screenshot("shop-paying-phone").await;
    assert_eq!(browser.text("#pay").await, NOTHING, "no second payment is offered");
    assert_eq!(focused(&browser).await, "outcome-title");
    browser.wait_for("#confirmed-title", "See you there", SOON).await;
    assert_eq!(browser.text("#notice").await, NOTHING);
    let number = browser.text("#booking-number").await;

    // The visit is over, and the booking can be seen all the same: by reload, without a cookie, and by its number.
    browser.driver.delete_all_cookies().await.expect("no cookies");
    browser.driver.refresh().await.expect("a reload");
    browser.wait_for("#booking-title", "See you there", SOON).await;
    assert_eq!(browser.text("#booking-number").await, number);
    browser.screenshot("shop-booking-phone").await;
    // Each seat has its ticket, in its colours also where the page is dark.
    let tickets = "[...document.querySelectorAll('#booked-seats svg.code')].map((code) => code.dataset.ticket)";
    let tickets = browser.eval(tickets).await;
    assert_eq!(tickets.as_array().map(Vec::len), Some(2), "{tickets}");
    assert_eq!(scan(&browser, "#booked-seats svg.code").await, tickets[0].as_str().expect("a ticket"));
    let label = "document.querySelector('#booked-seats svg.code').getAttribute('aria-label')";
    assert!(browser.eval(label).await.as_str().is_some_and(|label| label.starts_with("Ticket for ")));
    browser.goto(&site.url(Room::USUAL, "/bookings")).await;
    browser.wait_for("#find-title", "Find your booking", SOON).await;
    browser.click("#look").await;
    assert_eq!(focused(&browser).await, "number", "the first field that is missing");
    browser.eval(&format!("document.getElementById('number').value = '{}'", number.to_lowercase())).await;
    browser.eval("document.getElementById('email').value = 'somebody@example.com'").await;
    browser.click("#look").await;
    browser.wait_for("#notice", "no booking with this number", SOON).await;
    browser.eval("document.getElementById('email').value = 'Maria@Example.com'").await;
    browser.click("#look").await;
    browser.wait_for("#booking-title", "See you there", SOON).await;
    assert_eq!(browser.text("#booking-number").await, number);
    let sold = site.sql("select 1 from booking where status = 'confirmed'").await;
    assert_eq!(sold, 1, "bought once");

    // All bookings of the address, for whoever reads its mailbox; and out again.
    browser.goto(&site.url(Room::USUAL, "/bookings")).await;
    browser.wait_for("#find-title", "Find your booking", SOON).await;
    browser.eval("document.getElementById('my-email').value = 'maria@example.com'").await;
    browser.click("#send-code").await;
    browser.wait_for("#code-title", "Type the code", SOON).await;
    let code = site.mailed_code().await;
    browser.eval("document.getElementById('code').value = '11111111'").await;
    browser.click("#show-mine").await;
    browser.wait_for("#code-error", "This is not the code", SOON).await;
    browser.eval(&format!("document.getElementById('code').value = '{code}'")).await;
    browser.click("#show-mine").await;
    browser.wait_for("#mine-title", "Your bookings", SOON).await;
    browser.screenshot("shop-mine-phone").await;
    assert!(browser.text("#mine-bookings").await.contains(&number));
    browser.driver.refresh().await.expect("a reload");
    browser.wait_for("#mine-title", "Your bookings", SOON).await;
    browser.click("#mine-bookings a").await;
    browser.wait_for("#booking-title", "See you there", SOON).await;
    browser.goto(&site.url(Room::USUAL, "/bookings")).await;
    browser.wait_for("#mine-title", "Your bookings", SOON).await;
    browser.eval("document.querySelector('#step-mine details').open = true").await;
    browser.click("#mine-sessions button").await;
    browser.wait_for("#find-title", "Find your booking", SOON).await;
}

#[tokio::test]
async fn a_second_tab_shows_the_payment_of_the_first() {
    let (site, browser) = holding().await;
    browser.driver.new_tab().await.expect("a tab");
    let tabs = browser.driver.windows().await.expect("the tabs");
    browser.driver.switch_to_window(tabs[1].clone()).await.expect("the second tab");
    browser.goto(&site.url(Room::USUAL, "/")).await;
    browser.wait_for("#held-title", "Your seats are held", SOON).await;
    pay_with(&browser, "demo-slow").await;
    browser.driver.switch_to_window(tabs[0].clone()).await.expect("the first tab");
    browser.wait_until_gone("#pay", SOON).await;
    // Paying has ended the visit of both tabs; this one finds the booking at its own address.
    browser.wait_for("main", "See you there", SOON).await;
    assert_eq!(site.sql("select 1 from payment").await, 1);
}

#[tokio::test]
async fn what_is_to_be_mended_has_the_focus() {
    let (site, browser) = holding().await;
    browser.eval("document.getElementById('email').value = 'maria@example'").await;
    browser.click("#pay").await;
    browser.wait_for("#email-error", "example", SOON).await;
    assert_eq!(focused(&browser).await, "email");
    assert_eq!(browser.eval("document.getElementById('email').getAttribute('aria-invalid')").await, "true");
    browser.screenshot("shop-email-phone").await;
    browser.eval("document.getElementById('email').value = 'maria@example.com'").await;
    pay_with(&browser, "demo-declined").await;
    browser.wait_for("#refused", "Your seats are still held", SOON).await;
    assert_eq!(focused(&browser).await, "refused");
    browser.screenshot("shop-declined-phone").await;
    browser.driver.refresh().await.expect("a reload");
    browser.wait_for("#refused", "The payment was declined", SOON).await;
    browser.click("#give-back").await;
    browser.wait_for("#notice", "were given back", SOON).await;
    assert_eq!(focused(&browser).await, "notice");
    assert_eq!(browser.complaints().await.iter().filter(|it| !it.contains("402") && !it.contains("422")).count(), 0);
    drop(site);
}

/// Touches the map where a seat is drawn, by its place among the bits.
async fn touch_seat(browser: &Browser, unit: u32) {
    let at = format!(
        "(({{ map, hall }}) => {{
            const box = map.canvas.getBoundingClientRect();
            const [x, y] = [hall.x[{unit}], hall.y[{unit}]];
            return [box.left + x * map.view.scale + map.view.x, box.top + y * map.view.scale + map.view.y];
        }})(shop)"
    );
    let at = browser.eval(&at).await;
    let point = serde_json::json!([{"x": at[0], "y": at[1]}]);
    for (kind, points) in [("touchStart", point), ("touchEnd", serde_json::json!([]))] {
        browser.cdp("Input.dispatchTouchEvent", serde_json::json!({"type": kind, "touchPoints": points})).await;
    }
    tokio::time::sleep(Duration::from_millis(600)).await;
}

#[tokio::test]
async fn a_finger_hits_the_seat_it_means() {
    let browser = Browser::open(Habits::default()).await;
    let site = Site::with_shop(&[Room::USUAL]).await;
    browser.cdp("Emulation.setTouchEmulationEnabled", serde_json::json!({"enabled": true})).await;
    browser.goto(&site.url(Room::USUAL, "/")).await;
    browser.wait_for("#choosing-title", "Choose your seats", SOON).await;
    let unit = browser.eval("shop.names.unitOf.get('stalls-centre-F-14')").await.as_u64().expect("a seat") as u32;
    touch_seat(&browser, unit).await;
    let seat_px = browser.eval("2 * 0.4 * shop.map.view.scale").await.as_f64().expect("a size");
    assert!(seat_px >= 23.9, "a seat is {seat_px} px wide");
    assert_eq!(browser.text("#selection-seats").await, NOTHING, "the first touch comes nearer");
    touch_seat(&browser, unit).await;
    browser.wait_for("#selection-seats", "Row F, seat 14", SOON).await;
    browser.screenshot("shop-finger-phone").await;
}

#[tokio::test]
async fn more_time_is_offered_before_a_hold_ends_and_the_core_says_when_it_has() {
    let (site, browser) = holding().await;
    hold_ends_in(&site, 60).await;
    browser.driver.refresh().await.expect("a reload");
    browser.wait_for("#more-time-title", "Do you need more time", SOON).await;
    assert_eq!(focused(&browser).await, "extend", "the simple action is at hand");
    browser.screenshot("shop-more-time-phone").await;
    browser.look_on(DESKTOP).await;
    browser.screenshot("shop-more-time-desktop").await;
    browser.look_on(PHONE).await;
    browser.press("Enter").await;
    browser.wait_for("#notice", "held for another", SOON).await;
    assert_eq!(browser.text("#more-time-title").await, NOTHING);
    let left = browser.text("#hold-countdown").await;
    assert!(left.starts_with("7:") || left.starts_with("8:"), "{left}");

    hold_ends_in(&site, 4).await;
    browser.driver.refresh().await.expect("a reload");
    browser.wait_for("#notice", "The time was up", SOON).await;
    assert_eq!(focused(&browser).await, "notice");
    browser.wait_for("#choosing-title", "Choose your seats", SOON).await;
    assert_eq!(browser.text("#more-time-title").await, NOTHING, "nothing is offered any more");
}
