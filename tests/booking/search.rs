//! Events are found as the tables have them: after imports and edits, by every core, whoever is killed, and whatever becomes of the
//! files of the index.

#![expect(clippy::print_stdout, reason = "it reports on the terminal")]

use std::path::Path;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use fairgate_booking::server::{Core, SearchSettings, Settings};
use reqwest::StatusCode;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::catalogue::{make_events, until};
use crate::shop::{EVENT, Env, Shop, free_address};

const TOKEN: &str = "the organizer's own token";

fn env() -> Env {
    vec![("FAIRGATE_ORGANIZER_TOKEN", TOKEN.to_owned()), ("FAIRGATE_WITHOUT", "mail,insight".to_owned())]
}

async fn ask(shop: &Shop, url: &str, query: &str) -> (StatusCode, Value) {
    let answer = shop.http.get(format!("{url}/api/v1/events/search?{query}")).send().await.expect("an answer");
    let status = answer.status();
    (status, answer.json().await.unwrap_or(Value::Null))
}

/// The ids of what is found, in order; nothing while the index is not whole.
async fn found(shop: &Shop, url: &str, query: &str) -> Option<Vec<String>> {
    let (status, answer) = ask(shop, url, query).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    let ids = answer["events"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|event| event["id"].as_str().expect("an id").to_owned());
    (answer["stale"] == false).then(|| ids.collect())
}

async fn until_found(shop: &Shop, url: &str, query: &str, expected: &[&str]) {
    until(query, async || found(shop, url, query).await.is_some_and(|ids| ids == expected)).await;
}

fn import(shop: &Shop, event: &Value) -> Output {
    let plan = json!({
        "event": event,
        "sections": [{"id": "a", "title": "A", "kind": "seated", "price": 4200, "rows": [{"label": "1", "seats": 10}]}],
    });
    let file = tempfile::Builder::new().suffix(".json").tempfile().expect("a file");
    std::fs::write(file.path(), plan.to_string()).expect("written");
    let mut command = Command::new(env!("CARGO_BIN_EXE_fairgate"));
    command.args(["event", "import"]).arg(file.path()).env("FAIRGATE_DATABASE_URL", shop.postgres.url());
    command.output().expect("it runs")
}

fn imported(shop: &Shop, event: &Value) {
    let output = import(shop, event);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

fn concert(id: &str, title: &str, performer: (&str, &str), place: &Value) -> Value {
    json!({
        "id": id, "title": title, "venue": "Somewhere", "starts_at": "2028-05-01T20:00[Europe/Lisbon]", "currency": "EUR",
        "category": "concert", "place": place,
        "performers": [{"id": performer.0, "name": performer.1, "headliner": true}],
    })
}

async fn organizer(shop: &Shop, event: &str, patch: Option<&Value>) -> (StatusCode, Value) {
    let url = format!("{}/api/v1/organizer/events/{event}", shop.metrics_url.trim_end_matches("/metrics"));
    let shown = shop.http.get(&url).bearer_auth(TOKEN).send().await.expect("an answer");
    let etag = shown.headers()["etag"].clone();
    let answer = match patch {
        Some(patch) => shop.http.patch(&url).bearer_auth(TOKEN).header("if-match", etag).json(patch).send().await,
        None => Ok(shown),
    };
    let answer = answer.expect("an answer");
    (answer.status(), answer.json().await.expect("JSON"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_imported_and_edited_is_shown_and_found_by_every_core() {
    let shop = Shop::open_with(&free_address(), env());
    let (mut other, other_url) = shop.another_core();
    let harpa =
        json!({"id": "harpa", "name": "Harpa", "city": "Reykjavík", "country": "IS", "lat": 64.15, "lon": -21.93});
    imported(&shop, &concert("atta", "Átta Tour", ("sigur-ros", "Sigur Rós"), &harpa));
    imported(&shop, &concert("second-night", "Second Night", ("bjork", "Björk"), &harpa));
    let cases: [(&str, &[&str]); 8] = [
        ("q=sigur+ros", &["atta"]),
        ("q=sigru+ros", &["atta"]),
        ("city=reykjavik&sort=date", &["atta", "second-night"]),
        ("lat=64.1&lon=-21.9&km=20", &["atta", "second-night"]),
        ("lat=38.7&lon=-9.1&km=20", &[EVENT]),
        ("q=midsumer+night", &[EVENT]),
        ("from=2028-05-01&to=2028-05-01&q=bj", &["second-night"]),
        ("price_max=4200&category=concert", &[EVENT, "atta", "second-night"]),
    ];
    for url in [&shop.url, &other_url] {
        for (query, ids) in cases {
            until_found(&shop, url, query, ids).await;
        }
    }
    let mut command = Command::new(env!("CARGO_BIN_EXE_fairgate"));
    command.args(["event", "search", "sigru", "ros"]).env("FAIRGATE_ORGANIZER_TOKEN", TOKEN);
    command.env("FAIRGATE_BOOKING_ADMIN", shop.metrics_url.trim_end_matches("/metrics"));
    let table = String::from_utf8_lossy(&command.output().expect("it runs").stdout).into_owned();
    assert!(table.contains("2028-05-01 20:00  Átta Tour") && table.contains("1 found"), "{table}");
    let (_, answer) = ask(&shop, &shop.url, "q=atta").await;
    let event = &answer["events"][0];
    assert_eq!(
        (&event["starts_at_local"], &event["city"], &event["price_min"], &event["performers"][0]),
        (&json!("2028-05-01T20:00"), &json!("Reykjavík"), &json!(4200), &json!("Sigur Rós")),
        "{event:#}"
    );
    let shown: Value = shop.get("/api/v1/events/atta").await.json().await.expect("JSON");
    assert_eq!((&shown["place"], &shown["status"]), (&harpa, &json!("scheduled")), "{shown:#}");
    assert_eq!(shown["performers"], json!([{"id": "sigur-ros", "name": "Sigur Rós", "headliner": true}]));

    // The words about a venue hold for all of its events.
    let (status, edited) = organizer(&shop, "atta", Some(&json!({
        "place": {"id": "harpa", "name": "Harpa Concert Hall", "city": "Reykjavík"}, "status": "postponed", "title": "Átta, later",
        "performers": [{"id": "bjork", "name": "Björk Guðmundsdóttir"}, {"id": "sigur-ros", "name": "Sigur Rós"}],
    }))).await;
    assert_eq!(
        (status, &edited["status"], &edited["version"]),
        (StatusCode::OK, &json!("postponed"), &json!(2)),
        "{edited:#}"
    );
    assert_eq!(edited["performers"][1]["id"], "sigur-ros");
    for url in [&shop.url, &other_url] {
        until_found(&shop, url, "q=harpa+concert+hall&sort=date", &["atta", "second-night"]).await;
        until_found(&shop, url, "q=gudmundsdottir+second", &["second-night"]).await;
        until_found(&shop, url, "lat=64.1&lon=-21.9&km=20", &[]).await;
    }
    until("the other event's new version", async || organizer(&shop, "second-night", None).await.1["version"] != 1)
        .await;
    let (_, other_event) = organizer(&shop, "second-night", None).await;
    assert_eq!(other_event["place"]["name"], "Harpa Concert Hall");

    // What is published later is in no list, is not found, and can be looked at by whoever knows its address.
    let (status, _) = organizer(&shop, "atta", Some(&json!({"published_at": "2099-01-01T00:00Z"}))).await;
    assert_eq!(status, StatusCode::OK);
    until_found(&shop, &shop.url, "q=sigur+ros", &[]).await;
    let list: Value = shop.get("/api/v1/events").await.json().await.expect("JSON");
    let listed: Vec<&str> =
        list["events"].as_array().expect("a list").iter().filter_map(|event| event["id"].as_str()).collect();
    assert_eq!(listed, [EVENT, "second-night"]);
    assert_eq!(shop.get("/api/v1/events/atta").await.status(), StatusCode::OK);

    let refused = import(&shop, &concert("search", "Search", ("a", "A"), &harpa));
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && said.contains("Take another id"), "{said}");
    other.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_called_off_is_not_sold() {
    let shop = Shop::open_with(&free_address(), env());
    let (status, _) = organizer(&shop, EVENT, Some(&json!({"status": "called_off"}))).await;
    assert_eq!(status, StatusCode::OK);
    let refused = shop.fan(1).reserve_best("k", "pit", 1).await;
    assert_eq!(
        (refused.status, refused.json["type"].as_str().is_some_and(|kind| kind.ends_with("not-on-sale"))),
        (StatusCode::CONFLICT, true),
        "{}",
        refused.text
    );
}

/// A core in this process that keeps its index in a directory and compares often.
async fn core_with(shop: &Shop, directory: &Path, stop: CancellationToken) -> (String, tokio::task::JoinHandle<()>) {
    let search = SearchSettings { directory: Some(directory.to_owned()), compare_every: Duration::from_millis(500) };
    let core = Core::start(Settings { search: Some(search), ..shop.settings() });
    let core = core.await.expect("it starts");
    let url = format!("http://{}", core.addresses().expect("bound").0);
    (url, tokio::spawn(core.serve(stop)))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_nobody_told_of_is_found_when_versions_are_compared() {
    let shop = Shop::open_with(&free_address(), env());
    let (directory, stop) = (tempfile::tempdir().expect("a directory"), CancellationToken::new());
    let (url, _core) = core_with(&shop, directory.path(), stop.clone()).await;
    until_found(&shop, &url, "q=midsummer", &[EVENT]).await;
    let sql = shop.sql().await;
    // By hand, without a word in the change log.
    sql.batch_execute("update event set title = 'Equinox', version = version + 1").await.expect("edited");
    until_found(&shop, &url, "q=equinox", &[EVENT]).await;
    until_found(&shop, &url, "q=midsummer", &[]).await;
    let gone = "insert into event (slug, title, venue, starts_at, zone, currency, hold_s, fan_seats_max)
        values ('ghost', 'Ghost', 'Hall', '2028-01-01', 'Europe/Lisbon', 'EUR', 60, 4)";
    sql.batch_execute(gone).await.expect("made");
    until_found(&shop, &url, "q=ghost", &["ghost"]).await;
    sql.batch_execute("delete from event where slug = 'ghost'").await.expect("deleted");
    until_found(&shop, &url, "q=ghost", &[]).await;
    stop.cancel();
}

/// Kills the core at some moment while it makes its index or follows edits; starts it again over what it left.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_core_goes_on_with_its_files_and_comes_to_have_what_the_tables_have() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut env = env();
    env.push(("FAIRGATE_SEARCH_DIRECTORY", directory.path().display().to_string()));
    let mut shop = Shop::open_with(&free_address(), env);
    let sql = shop.sql().await;
    make_events(&sql, 3_000, 1).await;
    for round in 0..6u64 {
        let edit = format!(
            "update event set title = 'Edited {round}', version = version + 1 where slug = 'many-{n}';
             insert into change_log (event_id, kind) select event_id, 'edited' from event where slug = 'many-{n}'; notify fairgate",
            n = round + 1
        );
        sql.batch_execute(&edit).await.expect("edited");
        tokio::time::sleep(Duration::from_millis(37 + 113 * round)).await;
        shop.restart_core();
    }
    for round in 0..6 {
        until_found(&shop, &shop.url, &format!("q=edited+{round}"), &[format!("many-{}", round + 1).as_str()]).await;
    }
    let (_, all) = ask(&shop, &shop.url, "from=2028-01-01").await;
    assert_eq!(all["total"], 3_000, "every event but the example, once");

    // Another database than the index knew: nothing of the first one is found.
    let mut other = Shop::open_with(&free_address(), vec![("FAIRGATE_WITHOUT", "mail,insight,search".to_owned())]);
    shop.core.kill9();
    other.core.kill9();
    let (core, url) = other.another_core_with(&vec![
        ("FAIRGATE_WITHOUT", "mail,insight".to_owned()),
        ("FAIRGATE_SEARCH_DIRECTORY", directory.path().display().to_string()),
    ]);
    until_found(&other, &url, "", &[EVENT]).await;
    drop(core);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_core_without_the_database_goes_on_finding_and_one_without_search_says_so() {
    let mut shop = Shop::open_with(&free_address(), env());
    until_found(&shop, &shop.url, "q=midsummer", &[EVENT]).await;
    let (mut other, other_url) = shop.another_core_with(&vec![("FAIRGATE_WITHOUT", "search".to_owned())]);
    let (status, problem) = ask(&shop, &other_url, "q=midsummer").await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(problem["detail"].as_str().is_some_and(|detail| detail.contains("--without search")), "{problem}");
    let page = shop.http.get(format!("{other_url}/search?q=a")).send().await.expect("an answer");
    assert_eq!(page.status(), StatusCode::SERVICE_UNAVAILABLE);
    other.stop();
    shop.postgres.kill9();
    until("what is stale is said", async || ask(&shop, &shop.url, "q=midsummer").await.1["stale"] == true).await;
    let (status, answer) = ask(&shop, &shop.url, "q=midsummer").await;
    assert_eq!((status, &answer["events"][0]["id"]), (StatusCode::OK, &json!(EVENT)));
}

/// Prints what searching many events costs: `EVENTS=100000 cargo test --test booking many_events_are_found -- --ignored --nocapture`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "it takes a minute and prints figures"]
async fn many_events_are_found_in_time() {
    let events: u32 = std::env::var("EVENTS").ok().and_then(|events| events.parse().ok()).unwrap_or(10_000);
    let mut shop = Shop::open_with(&free_address(), env());
    make_events(&shop.sql().await, events, 1).await;
    let names = "update event set title = title || ' ' || translate(md5(slug), '0123456789', 'ghijklmnop'), version = version + 1";
    shop.sql().await.batch_execute(names).await.expect("each has a name of its own");
    shop.core.kill9();
    let since = Instant::now();
    shop.restart_core();
    println!("the core serves after {} ms", since.elapsed().as_millis());
    let whole = async || {
        let answer = ask(&shop, &shop.url, "from=2028-01-01&sort=date").await.1;
        answer["stale"] == false && answer["total"].as_u64() >= Some(u64::from(events.min(10_000)))
    };
    while !whole().await {
        assert!(since.elapsed() < Duration::from_secs(600), "the index never came to be whole");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    println!("the index has {events} events after {} ms", since.elapsed().as_millis());
    let sql = shop.sql().await;
    let rows = sql.query("select slug, title from event order by md5(slug) limit 300", &[]).await.expect("names");
    for (way, change) in [("exact", 0), ("beginning", 1), ("error", 2)] {
        let mut times = Vec::new();
        for row in &rows {
            let (slug, title): (String, String) = (row.get(0), row.get(1));
            let name = title.split(' ').next_back().expect("a name");
            let typed = match change {
                0 => name.to_owned(),
                1 => name[..12].to_owned(),
                _ => format!("{}z{}", &name[..5], &name[6..]),
            };
            let began = Instant::now();
            let ids = found(&shop, &shop.url, &format!("q={typed}")).await;
            times.push(began.elapsed());
            assert_eq!(ids.and_then(|ids| ids.into_iter().next()), Some(slug), "{typed}");
        }
        times.sort_unstable();
        println!("{way}: p50 {:?}, p99 {:?}", times[times.len() / 2], times[times.len() * 99 / 100]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_page_answers_what_the_api_does_without_a_script() {
    let shop = Shop::open_with(&free_address(), env());
    make_events(&shop.sql().await, 45, 1).await;
    until("all events", async || ask(&shop, &shop.url, "q=evening").await.1["total"] == 45).await;
    let page = shop.get("/search?q=evening&page=2").await;
    let policy = page.headers()["content-security-policy"].to_str().expect("text").to_owned();
    assert!(policy.contains("form-action 'self'") && !policy.contains("script-src"), "{policy}");
    let html = page.text().await.expect("text");
    let (_, answer) = ask(&shop, &shop.url, "q=evening&page=2").await;
    for event in answer["events"].as_array().expect("a list") {
        let link = format!("href=\"/events/{}\"", event["id"].as_str().expect("an id"));
        assert!(html.contains(&link), "{link} is not in {html}");
    }
    assert!(html.contains("45 events") && html.contains("page=1\"") && html.contains("page=3\""), "{html}");
    let wrong = shop.get("/search?from=tomorrow&q=%3Cb%3E").await;
    assert_eq!(wrong.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let html = wrong.text().await.expect("text");
    assert!(
        html.contains("aria-invalid=\"true\"") && html.contains("value=\"&lt;b&gt;\"") && !html.contains("<b>"),
        "{html}"
    );
}
