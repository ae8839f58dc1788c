//! Rooms as data in the console, as a browser without scripts uses it.

use super::*;

#[tokio::test]
async fn a_sale_is_made_from_what_people_know_and_mistakes_stand_at_their_field() {
    let edge = TestEdge::start().await;
    let browser = Browser::logged_in(&edge, TOKEN_ORGANIZER).await;
    let page = browser.get("/console/sales/new").await;
    let form = hidden(&page, "form");
    let make = |opens_at: &'static str, choice: &'static str| {
        let fields = [
            ("form", form.clone()),
            ("name", "fado".to_owned()),
            ("title", "<b>Fado</b>".to_owned()),
            ("upstream", "shop".to_owned()),
            ("zone", "Europe/Lisbon".to_owned()),
            ("opens_at", opens_at.to_owned()),
            ("opens_at_choice", choice.to_owned()),
            ("rate", "600".to_owned()),
            ("minutes", "5".to_owned()),
        ];
        let browser = &browser;
        async move {
            let fields: Vec<_> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
            browser.post("/console/sales", &fields).await
        }
    };
    let twice = make("2026-10-25T01:30", "").await;
    assert!(
        twice.html.contains("id=\"opens_at-wrong-1\"") && twice.html.contains("this time comes twice"),
        "{}",
        twice.html
    );
    assert_eq!(twice.html.matches("name=\"opens_at_choice\"").count(), 2);
    let made = make("2026-10-25T01:30", "2026-10-25T01:30:00+00:00[Europe/Lisbon]").await;
    assert_eq!(
        (made.status, &made.headers[LOCATION]),
        (StatusCode::SEE_OTHER, &"/console/sales/fado".parse().unwrap())
    );
    let again = make("2026-10-26T01:30", "").await;
    assert!(again.html.contains("a sale of this name is there already"), "{}", again.html);
    let page = browser.get("/console/sales/fado").await;
    assert!(page.html.contains("Draft: fans do not see it") && page.html.contains("id=\"publish\""), "{}", page.html);
    assert!(page.html.contains("max_active = 3000") && !page.html.contains("<b>Fado</b>"), "{}", page.html);
    assert!(browser.get("/console/sales").await.html.contains("There is a draft."));
    // Who may look sees the text, and changes nothing.
    let viewer = Browser::logged_in(&edge, TOKEN_VIEWER).await;
    let page = viewer.get("/console/sales/fado").await;
    assert!(page.html.contains("pre class=\"toml\"") && !page.html.contains("<textarea"), "{}", page.html);
    let form = hidden(&viewer.get("/console/").await, "form");
    let tried = viewer.post("/console/sales/fado", &[("form", &form), ("what", "publish"), ("seen", "0.1")]).await;
    assert_eq!(tried.status, StatusCode::FORBIDDEN);
    let tried = browser.post("/console/sales/fado", &[("form", "wrong"), ("what", "discard"), ("seen", "0.1")]).await;
    assert_eq!(tried.status, StatusCode::FORBIDDEN, "a form of another page");
}
