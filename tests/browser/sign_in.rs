//! A fan signs in at a club's own provider (npm's `oidc-provider`, on another host name) and comes back into the draw.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use fairgate_testkit::free_port;
use fairgate_testkit::node::Client;
use serde_json::json;
use thirtyfour::prelude::*;

use crate::chromium::{Browser, Habits};
use crate::site::{CLUB_SECRET, Room, Site};

const SOON: Duration = Duration::from_secs(30);

#[tokio::test]
async fn a_member_who_first_gives_up_signs_in_and_is_in_the_draw() {
    let browser = Browser::open(Habits::default()).await;
    let at = SocketAddr::from(([127, 0, 0, 1], free_port().expect("a free port")));
    let entry = format!(
        "[room.entry]\nidentity = [\"club\"]\nany_of = [\"club\"]\n[[room.entry.oidc]]\nname = \"club\"\n\
         issuer = \"http://{at}\"\nclient_id = \"fairgate\"\nclient_secret_env = \"CLUB_SECRET\"\n"
    );
    let room = Room { starts_in_s: 3_600, more: Box::leak(entry.into_boxed_str()), ..Room::USUAL };
    let site = Site::gate_only(&[room]).await;
    let back = site.url(room, "/.fairgate/main/entry/oidc/club/back");
    let client = json!({"client_id": "fairgate", "client_secret": CLUB_SECRET, "redirect_uris": [back]});
    let mut club = Client::start("sign-in.mjs", Path::new(env!("CARGO_TARGET_TMPDIR")));
    club.ask(&json!({"do": "open", "at": at.to_string(), "alg": "ES256", "client": client}));

    browser.goto(&site.url(room, "/tickets?day=1")).await;
    browser.wait_for("#headline", "Show who you are", SOON).await;
    browser.click(".entry button.main").await;
    browser.wait_for("body", "Member", SOON).await;
    browser.click("button[name=cancel]").await;
    browser.wait_for(".entry", "The sign-in did not succeed. Try again.", SOON).await;
    browser.screenshot("sign-in-1-again").await;

    browser.click(".entry button.main").await;
    browser.wait_for("body", "Member", SOON).await;
    let member = browser.driver.find(By::Name("member")).await.expect("the club's form");
    member.send_keys("member-7").await.expect("a name is typed");
    browser.click("button:not([name])").await;
    browser.wait_for("#headline", "You are in the draw", SOON).await;
    assert_eq!(browser.eval("location.pathname + location.search").await, "/tickets?day=1");
    browser.screenshot("sign-in-2-in-the-draw").await;
    assert_eq!(browser.complaints().await, Vec::<String>::new());
    site.wait_for(room, |status| status["pool_size"] == 1).await;
}
