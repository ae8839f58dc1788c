//! What was: charts, alarms and reports in the console, as a browser without scripts uses them.

use super::*;

#[tokio::test]
async fn charts_show_what_was_with_sentences_and_tables_and_the_changes_in_that_time() {
    let edge = TestEdge::start().await;
    let browser = Browser::logged_in(&edge, TOKEN_SRE).await;
    browser.sends("pause", "", &[]).await;
    let now_s = u32::try_from(edge.store.view("final").await.unwrap().now_ms / 1_000).unwrap();
    let history = edge.history.of("final").unwrap();
    for ago in (0..600_u32).rev().filter(|ago| !(200..260).contains(ago)) {
        let mut sample = Sample::new(now_s - ago);
        sample.set(Series::Waiting, 41_200 - u64::from(ago) * 10);
        sample.set(Series::Rate, 600);
        history.note(&sample).unwrap();
    }
    let page = browser.get("/console/rooms/final?span=1h").await;
    assert!(page.html.contains("41,200 wait;") && page.html.contains("Rising for "), "{}", page.html);
    assert!(page.html.contains("<td>41,200</td>") && page.html.contains("span=1h\" aria-current=\"true\""));
    assert!(page.html.contains("viewer</title>") || page.html.contains("Paused: no → yes</title>"), "{}", page.html);
    assert!(!page.html.contains("style=") && !page.html.contains("<script>"));
    let part = browser.get("/console/rooms/final/charts?span=1h").await;
    assert!(part.status.is_success() && part.html.contains("41,200 wait;") && !part.html.contains("<html"));
    // A gap ends a line, and another begins behind it.
    let line =
        part.html.split("id=\"line-plot\"").nth(1).and_then(|plot| plot.split("class=\"line a\" d=\"").nth(1)).unwrap();
    assert_eq!(line.split('"').next().unwrap().matches('M').count(), 2, "{line}");
    let other = Browser::new(&edge).get("/console/rooms/final/charts").await;
    assert_eq!(other.status, StatusCode::UNAUTHORIZED);
    let rooms = browser.get("/console/").await;
    assert!(
        rooms.html.contains("class=\"spark\"") && rooms.html.contains("over half an hour: Rising"),
        "{}",
        rooms.html
    );
}

#[tokio::test]
async fn a_room_whose_history_cannot_be_read_is_shown_without_charts() {
    let edge = TestEdge::start().await;
    std::fs::write(edge.dir.path().join("history.kept"), "no directory").unwrap();
    let browser = Browser::logged_in(&edge, TOKEN_SRE).await;
    let page = browser.get("/console/rooms/final").await;
    assert!(page.status.is_success() && page.html.contains("history of this room cannot be read"), "{}", page.html);
    assert!(page.html.contains("id=\"pause\""));
    assert!(browser.get("/console/").await.html.contains("Cup final"));
}

#[tokio::test]
async fn an_alarm_is_told_in_words_wherever_the_room_is_shown() {
    let edge = TestEdge::start().await;
    let now_s = u32::try_from(edge.store.view("final").await.unwrap().now_ms / 1_000).unwrap();
    let history = edge.history.of("final").unwrap();
    for ago in 0..60_u32 {
        let mut sample = Sample::new(now_s - ago);
        sample.set(Series::Target, 500);
        sample.set(Series::ShopP99, 900);
        history.note(&sample).unwrap();
    }
    let browser = Browser::logged_in(&edge, TOKEN_VIEWER).await;
    for path in ["/console/", "/console/rooms/final"] {
        let page = browser.get(path).await;
        assert!(page.html.contains("above the target for 30 s"), "{}", page.html);
    }
    let told = Client::new(&edge.url, Secret::new(TOKEN_VIEWER.into())).alarms("final").await.unwrap();
    assert_eq!(told.alarms.len(), 1, "{told:?}");
    assert_eq!(told.alarms[0].rule, "FairgateShopSlow");
}

#[tokio::test]
async fn a_report_is_signed_and_its_public_edition_names_nobody() {
    let edge = TestEdge::start().await;
    let browser = Browser::logged_in(&edge, TOKEN_SRE).await;
    browser.sends("message", "=cmd <b>Soon</b>", &[("confirmed", "yes")]).await;
    let page = browser.get("/console/rooms/final/report").await;
    assert!(
        page.html.contains("0 people were in the pool at the draw")
            && page.html.contains("One value was changed by hand.")
            && page.html.contains("the sale goes on"),
        "{}",
        page.html
    );
    for edition in ["full", "public"] {
        let file = async |kind: &str| browser.get(&format!("/console/rooms/final/report/{edition}.{kind}")).await;
        let json = file("json").await;
        assert!(json.headers["content-disposition"].to_str().unwrap().contains("report-final.json"));
        let signed: Value = serde_json::from_str(&json.html).unwrap();
        assert!(edge.public.verify_report(signed.clone()).is_ok(), "{signed}");
        let mut nicer = signed.clone();
        nicer["funnel"]["admitted"] = 9.into();
        assert!(edge.public.verify_report(nicer).is_err());
        let who = if edition == "full" { "sre" } else { "" };
        assert_eq!((&signed["edition"], &signed["changes"][0]["who"]), (&edition.into(), &who.into()));
        let html = file("html").await.html;
        assert!(html.contains("&lt;b&gt;Soon") && !html.contains("<b>Soon") && !html.contains("<script"), "{html}");
        assert!(html.contains("fairgate draw verify https://") && !html.contains("src="));
        let csv = file("csv").await.html;
        assert!(csv.contains("people,,,let in,0\n") && !csv.contains("127.0.0.0"), "{csv}");
    }
    let none = browser.get("/console/rooms/final/report/secret.json").await;
    assert_eq!(none.status, StatusCode::NOT_FOUND);
}
