//! An organizer looks at the page in each of its states before a fan sees it, with words of the house's own.

use std::time::Duration;

use serde_json::json;
use thirtyfour::prelude::*;

use crate::chromium::{Browser, Habits, PHONE, Screen};
use crate::site::{Room, Site, TOKEN};

const SOON: Duration = Duration::from_secs(30);
const NARROW: Screen = Screen { name: "narrow", width: 320, height: 900, dark: false };
const DRESSED: Room = Room {
    name: "dressed",
    more: "[room.page]\naccent = \"#003d7a\"\n\
        [room.page.links]\nevent = \"https://www.shop.example/final\"\nhelp = \"mailto:help@shop.example\"\n\
        [[room.page.question]]\nask = { en = \"May I bring a bag?\", ar = \"هل يمكنني إحضار حقيبة؟\" }\n\
        answer = { en = \"One, no larger than this.\" }\n\
        [room.page.sold_out]\ntext = { en = \"More tickets come on Friday.\" }\n\
        link = \"https://www.shop.example/list\"\nlabel = { en = \"Join the waiting list\" }\n",
    ..Room::USUAL
};

#[tokio::test]
async fn every_state_is_looked_at_before_a_fan_sees_it() {
    let browser = Browser::open(Habits::default()).await;
    let site = Site::gate_only(&[DRESSED]).await;
    browser.goto(&site.admin_url("/console/")).await;
    browser.wait_for("h1", "Log in", SOON).await;
    browser.driver.find(By::Css("#token")).await.expect("a field").send_keys(TOKEN).await.expect("typed");
    browser.click("main button").await;
    browser.wait_for("h1", "Rooms", SOON).await;
    browser.goto(&site.admin_url("/console/rooms/dressed")).await;
    browser.wait_for("main", "What fans see, in every state", SOON).await;
    browser.goto(&site.admin_url("/console/rooms/dressed/page?lang=ar")).await;
    browser.wait_for("h1", "What fans see", SOON).await;
    browser.screenshot("looks").await;
    let frames = browser.eval("[...document.querySelectorAll('iframe')].map((it) => it.getAttribute('src'))").await;
    let frames: Vec<String> = serde_json::from_value(frames).expect("addresses");
    assert!(frames.len() > 25 && frames.iter().all(|frame| frame.ends_with("?lang=ar")), "{frames:?}");
    assert_eq!(browser.complaints().await, Vec::<String>::new());

    browser.look_on(NARROW).await;
    for frame in frames.iter().filter(|frame| !frame.contains("/ns-")) {
        let state = frame.rsplit('/').next().and_then(|state| state.split('?').next()).expect("a state");
        for lang in ["en", "ar"] {
            browser.goto(&site.admin_url(&frame.replace("=ar", &format!("={lang}")))).await;
            browser.wait_for_some("#headline", SOON).await;
            browser.eval(include_str!("misfits.js").trim_end().trim_end_matches(';')).await;
            assert_eq!(browser.eval("globalThis.misfits(document)").await, json!([]), "{state} {lang}");
            let said = browser.text("body").await;
            assert!(!said.contains("undefined") && !said.contains("NaN"), "{state} {lang}: {said}");
            assert_eq!(
                browser.text("#own-soldout").await.contains("waiting list"),
                state == "soldout",
                "{state}: {said}"
            );
            if ["far", "line", "soldout"].contains(&state) {
                browser.screenshot(&format!("looks-{state}-{lang}")).await;
            }
        }
    }
    browser.look_on(PHONE).await;
    browser.goto(&site.admin_url("/console/rooms/dressed/page/called?lang=en")).await;
    browser.wait_for("#headline", "It’s your turn", SOON).await;
    let poor = browser.eval(include_str!("contrast.js")).await;
    assert_eq!(poor, json!([]), "text below WCAG AA with an accent of the house's own");
    browser.screenshot("looks-called").await;
}
