//! Many events: a start reads no seats, an edit reads one event, the list has pages, and desks open and close as they are
//! asked for. Whoever is killed, and whatever is sold meanwhile, memory comes to say what the tables do.

#![expect(clippy::print_stdout, reason = "it reports on the terminal")]

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use fairgate_booking::sale::desks::DeskLimits;
use fairgate_booking::server::{Core, Settings};
use reqwest::StatusCode;
use serde_json::{Value, json};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::books::audit;
use crate::shop::{EVENT, Fan, Shop, free_address};

const TOKEN: &str = "the organizer's own token";
const PATIENCE: Duration = Duration::from_secs(30);

/// Makes events `many-1`, `many-2`, … with so many seats each, a minute apart, as an import would.
pub(crate) async fn make_events(sql: &tokio_postgres::Client, events: u32, seats: u32) {
    let make = format!(
        "insert into event (slug, title, venue, starts_at, zone, currency, hold_s, fan_seats_max)
        select 'many-' || n, 'Evening ' || n, 'Hall', timestamptz '2028-01-01' + n * interval '1 min', 'Europe/Lisbon', 'EUR',
            300, 4
        from generate_series(1, {events}) as n;
        insert into section (event_id, position, slug, title, kind, tier, price)
        select event_id, 0, 'stalls', 'Stalls', 'seated', 0, 6500 from event where slug like 'many-%';
        insert into seat_row (event_id, section, position, label, first_unit, seats)
        select event_id, 0, 0, 'A', 0, array(select s::text from generate_series(1, {seats}) as s)
        from event where slug like 'many-%';
        insert into seat (event_id, unit)
        select event_id, unit from event, generate_series(0, {seats} - 1) as unit where slug like 'many-%';
        insert into change_log (event_id, kind) select event_id, 'edited' from event where slug like 'many-%';
        analyze event, section, seat_row, seat;
        notify fairgate"
    );
    sql.batch_execute(&make).await.expect("events");
}

/// What a call of the public API answers, as JSON.
async fn get(shop: &Shop, url: &str, path: &str) -> (StatusCode, Value) {
    let answer = shop.http.get(format!("{url}{path}")).send().await.expect("the core answers");
    let status = answer.status();
    (status, answer.json().await.unwrap_or(Value::Null))
}

/// The ids of all events, page by page.
pub(crate) async fn walk(shop: &Shop, url: &str, limit: usize) -> Vec<String> {
    let (mut ids, mut cursor) = (Vec::new(), String::new());
    loop {
        let (status, page) = get(shop, url, &format!("/api/v1/events?limit={limit}{cursor}")).await;
        assert_eq!(status, StatusCode::OK, "{page}");
        let events = page["events"].as_array().expect("a list");
        assert!(events.len() <= limit);
        ids.extend(events.iter().map(|event| event["id"].as_str().expect("an id").to_owned()));
        let Some(next) = page["next"].as_str() else { return ids };
        cursor = format!("&cursor={next}");
    }
}

pub(crate) async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let since = Instant::now();
    while !is_so().await {
        assert!(since.elapsed() < PATIENCE, "{what} never came");
        sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_list_has_pages_and_an_old_client_gets_what_it_did() {
    let shop = Shop::open();
    make_events(&shop.sql().await, 25, 4).await;
    until("every event", async || walk(&shop, &shop.url, 1000).await.len() == 26).await;
    let expected: Vec<String> =
        [EVENT.to_owned()].into_iter().chain((1..=25).map(|number| format!("many-{number}"))).collect();
    for limit in [1, 7, 25, 26] {
        assert_eq!(walk(&shop, &shop.url, limit).await, expected, "{limit} a page");
    }
    let (_, old) = get(&shop, &shop.url, "/api/v1/events").await;
    assert_eq!(
        (old["events"].as_array().map(Vec::len), old.get("next")),
        (Some(26), None),
        "all of it, and nothing new"
    );

    for (wrong, field) in [("limit=0", "limit"), ("limit=1001", "limit"), ("limit=x", "limit"), ("cursor=x", "cursor")]
    {
        let (status, problem) = get(&shop, &shop.url, &format!("/api/v1/events?{wrong}")).await;
        assert_eq!((status, problem["field"].as_str()), (StatusCode::UNPROCESSABLE_ENTITY, Some(field)), "{wrong}");
    }
    let first = shop.get("/api/v1/events?limit=3").await;
    let etag = first.headers()["etag"].clone();
    let again = shop.http.get(format!("{}/api/v1/events?limit=3", shop.url)).header("if-none-match", &etag);
    assert_eq!(again.send().await.expect("an answer").status(), StatusCode::NOT_MODIFIED);

    // An event that moves while somebody walks is not shown twice to whoever goes on.
    let (_, page) = get(&shop, &shop.url, "/api/v1/events?limit=5").await;
    let edit = "update event set starts_at = '2027-12-31', title = 'Sooner', version = version + 1 where slug = 'many-20';
        insert into change_log (event_id, kind) select event_id, 'edited' from event where slug = 'many-20'; notify fairgate";
    shop.sql().await.batch_execute(edit).await.expect("edited");
    until("the edit", async || walk(&shop, &shop.url, 1000).await.get(1).is_some_and(|id| id == "many-20")).await;
    let next = page["next"].as_str().expect("more");
    let (_, rest) = get(&shop, &shop.url, &format!("/api/v1/events?cursor={next}")).await;
    let rest: Vec<&str> =
        rest["events"].as_array().expect("a list").iter().map(|event| event["id"].as_str().expect("an id")).collect();
    assert_eq!((rest.len(), rest.contains(&"many-20")), (20, false), "{rest:?}");
}

/// A core in this process with limits of its own; where fans ask and where operators do.
async fn core_with(shop: &Shop, desks: DeskLimits, stop: CancellationToken) -> (String, String) {
    let core = Core::start(Settings { desks, ..shop.settings() });
    let core = core.await.expect("it starts");
    let (fans, operators) = core.addresses().expect("bound");
    tokio::spawn(core.serve(stop));
    (format!("http://{fans}"), format!("http://{operators}/metrics"))
}

async fn metric(shop: &Shop, url: &str, name: &str) -> Option<u64> {
    let text = shop.http.get(url).send().await.expect("metrics").text().await.expect("text");
    text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn desks_open_when_they_are_asked_for_and_close_when_nobody_needs_them() {
    let shop = Shop::open();
    make_events(&shop.sql().await, 8, 4).await;
    let stop = CancellationToken::new();
    let limits = DeskLimits { idle: Duration::from_secs(3), desks_max: 3, seats_max: 1_000_000 };
    let (url, metrics) = core_with(&shop, limits, stop.clone()).await;
    assert_eq!(metric(&shop, &metrics, "fairgate_booking_events").await, Some(9));
    assert_eq!(metric(&shop, &metrics, "fairgate_booking_open_desks").await, Some(0), "a start reads no seats");

    let fan = Fan { url: url.clone(), ..shop.fan(1) };
    let held = fan.reserve("held", json!({ "event": "many-1", "seats": ["stalls-A-1", "stalls-A-2"] })).await;
    assert_eq!(held.status, StatusCode::OK, "{}", held.text);
    // All of these at once, and the same by several.
    let paths: Vec<String> = (2..=8).chain(2..=8).map(|number| format!("/api/v1/events/many-{number}")).collect();
    let asks = paths.iter().map(|path| get(&shop, &url, path));
    for (status, event) in futures_util::future::join_all(asks).await {
        assert_eq!((status, event["seats"].as_u64()), (StatusCode::OK, Some(4)));
    }
    let open = async || metric(&shop, &metrics, "fairgate_booking_open_desks").await;
    until("no more desks than may be open", async || open().await.is_some_and(|open| open <= 3)).await;
    let text = shop.http.get(&metrics).send().await.expect("metrics").text().await.expect("text");
    let shown: BTreeSet<&str> = text.lines().filter(|line| line.starts_with("fairgate_booking_seats{")).collect();
    assert!(shown.len() <= 9, "what is closed is not shown: {shown:?}");
    // What is held keeps its desk beyond the rest, unless there are too many.
    assert_eq!(fan.reserve("pay", json!({ "event": "many-2", "seats": ["stalls-A-1"] })).await.status, StatusCode::OK);
    let again = fan.reserve("held", json!({ "event": "many-1", "seats": ["stalls-A-1", "stalls-A-2"] })).await;
    assert_eq!(again.text, held.text, "the same booking, whether or not its desk was closed meanwhile");
    assert_eq!(fan.pay(held.field("booking_id"), "p", "demo-visa").await.status, StatusCode::OK);
    let other = Fan { url: url.clone(), ..shop.fan(2) };
    let taken = other.reserve("t", json!({ "event": "many-1", "seats": ["stalls-A-2"] })).await;
    assert_eq!(taken.status, StatusCode::CONFLICT, "{}", taken.text);

    // The other core sells what this one has closed: it is read when it is asked for.
    let elsewhere = shop.fan(3).reserve("e", json!({ "event": "many-8", "seats": ["stalls-A-3"] })).await;
    assert_eq!(elsewhere.status, StatusCode::OK, "{}", elsewhere.text);
    until("the desk shows it", async || {
        let bits = shop.http.get(format!("{url}/api/v1/events/many-8/availability")).send().await.expect("an answer");
        bits.bytes().await.expect("a body").first() == Some(&0b1011)
    })
    .await;
    audit(&mut shop.sql().await).await;
    stop.cancel();
}

/// Buys what it can of an event until it is told to stop, and gives every other hold back.
async fn rush(fan: Fan, event: &'static str, number: u64, stop: Arc<AtomicBool>) -> u64 {
    let mut held_in_all = 0;
    for round in 0.. {
        if stop.load(Ordering::SeqCst) {
            break;
        }
        let body = json!({ "event": event, "section": "stalls", "quantity": 2 });
        let Ok(held) = fan.try_reserve(&format!("{number}-{round}"), body).await else { continue };
        if held.status == StatusCode::OK {
            held_in_all += 1;
            assert!([13_000, 14_000].contains(&held.json["amount"].as_i64().expect("an amount")), "{}", held.text);
            if round % 2 == 0 {
                let _ = fan.try_cancel(held.field("booking_id")).await;
            }
        } else {
            assert!([409, 503].contains(&held.status.as_u16()), "{}", held.text);
        }
    }
    held_in_all
}

/// The seats that are free, by the tables.
async fn free_in_tables(shop: &Shop, event: &str) -> Vec<i32> {
    let free =
        "select unit from seat join event using (event_id) where slug = $1 and held_until <= now() order by unit";
    shop.sql().await.query(free, &[&event]).await.expect("rows").iter().map(|row| row.get(0)).collect()
}

async fn free_in_core(shop: &Shop, url: &str, event: &str) -> Vec<i32> {
    let answer = shop.http.get(format!("{url}/api/v1/events/{event}/availability")).send().await.expect("an answer");
    let bits = answer.bytes().await.expect("a body");
    let units = (0..bits.len() * 8).filter(|unit| bits[unit / 8] >> (unit % 8) & 1 == 1);
    units.map(|unit| i32::try_from(unit).expect("few")).collect()
}

/// Edits the price by way of a core, again and again; says how often that went well.
async fn edit(shop: &Shop, metrics_url: &str, event: &str, stop: Arc<AtomicBool>) -> u64 {
    let api = format!("{}/api/v1/organizer/events/{event}", metrics_url.trim_end_matches("/metrics"));
    let mut edits = 0;
    while !stop.load(Ordering::SeqCst) {
        let Ok(known) = shop.http.get(&api).bearer_auth(TOKEN).send().await else { continue };
        let Some(etag) = known.headers().get("etag").cloned() else { continue };
        let price = if edits % 2 == 0 { 7_000 } else { 6_500 };
        let patch = json!({ "sections": { "stalls": { "price": price } } }).to_string();
        let request = shop.http.patch(&api).bearer_auth(TOKEN).header("if-match", etag);
        let Ok(edited) = request.header("content-type", "application/json").body(patch).send().await else { continue };
        match edited.status() {
            StatusCode::OK => edits += 1,
            status => assert!([412, 503].contains(&status.as_u16()), "{status}: {:?}", edited.text().await),
        }
        sleep(Duration::from_millis(20)).await;
    }
    edits
}

async fn version_in_tables(shop: &Shop, event: &str) -> i64 {
    shop.sql().await.query_one("select version from event where slug = $1", &[&event]).await.expect("a row").get(0)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn edits_while_a_rush_sells_are_seen_by_two_cores_and_cost_no_seat() {
    let shop = Shop::open_with(&free_address(), vec![("FAIRGATE_ORGANIZER_TOKEN", TOKEN.to_owned())]);
    make_events(&shop.sql().await, 3, 40).await;
    until("the events", async || walk(&shop, &shop.url, 10).await.len() == 4).await;
    let (mut second, second_url) = shop.another_core();
    let stop = Arc::new(AtomicBool::new(false));
    let mut fans = tokio::task::JoinSet::new();
    for number in 0..16 {
        let url = if number % 2 == 0 { shop.url.clone() } else { second_url.clone() };
        let fan = Fan { url, ..shop.fan(number) };
        fans.spawn(rush(fan, "many-2", number, Arc::clone(&stop)));
    }
    let (edits, ()) = tokio::join!(edit(&shop, &shop.metrics_url, "many-2", Arc::clone(&stop)), async {
        sleep(Duration::from_secs(3)).await;
        stop.store(true, Ordering::SeqCst);
    });
    let held: u64 = fans.join_all().await.into_iter().sum();
    println!("{edits} edits while {held} holds were made");
    assert!(edits > 5 && held > 16);
    let version = version_in_tables(&shop, "many-2").await;
    assert_eq!(version, 1 + i64::try_from(edits).expect("few"), "each edit once");
    for url in [&shop.url, &second_url] {
        until("the last edit", async || get(&shop, url, "/api/v1/events/many-2").await.1["version"] == version).await;
        until("what is free", async || {
            free_in_core(&shop, url, "many-2").await == free_in_tables(&shop, "many-2").await
        })
        .await;
    }
    audit(&mut shop.sql().await).await;
    second.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_core_killed_in_an_edit_leaves_all_of_it_or_nothing() {
    let mut shop = Shop::open_with(&free_address(), vec![("FAIRGATE_ORGANIZER_TOKEN", TOKEN.to_owned())]);
    make_events(&shop.sql().await, 2, 10).await;
    let (mut second, second_url) = shop.another_core();
    for round in 0..4u64 {
        let stop = Arc::new(AtomicBool::new(false));
        let metrics_url = shop.metrics_url.clone();
        tokio::join!(edit(&shop, &metrics_url, "many-1", Arc::clone(&stop)), async {
            sleep(Duration::from_millis(250 + 61 * round)).await;
            shop_kill(&shop);
            stop.store(true, Ordering::SeqCst);
        });
        shop.restart_core();
        let (version, emitted) = (version_in_tables(&shop, "many-1").await, emitted(&shop, "many-1").await);
        assert_eq!(emitted, version, "made once and edited so often: what is edited is emitted with it");
        for url in [shop.url.clone(), second_url.clone()] {
            until("the version of the tables", async || {
                get(&shop, &url, "/api/v1/events/many-1").await.1["version"] == version
            })
            .await;
        }
    }
    let fan = Fan { url: second_url.clone(), ..shop.fan(1) };
    let held = fan.reserve("k", json!({ "event": "many-1", "seats": ["stalls-A-1"] })).await;
    assert_eq!(held.status, StatusCode::OK, "{}", held.text);
    second.stop();
}

fn shop_kill(shop: &Shop) {
    let pid = shop.core.id().to_string();
    assert!(std::process::Command::new("kill").args(["-9", &pid]).status().expect("it runs").success());
}

async fn emitted(shop: &Shop, event: &str) -> i64 {
    let count = "select count(*) from change_log join event using (event_id) where slug = $1 and kind = 'edited'";
    shop.sql().await.query_one(count, &[&event]).await.expect("a count").get(0)
}

/// CPU time of a process so far, in milliseconds, and its resident memory in MB.
fn cost_of(pid: u32) -> (u64, u64) {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).expect("it runs");
    let fields: Vec<&str> = stat.rsplit(')').next().expect("a name in brackets").split_whitespace().collect();
    let ticks = |at: usize| fields[at].parse::<u64>().expect("a number");
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("it runs");
    let kb = status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB"));
    ((ticks(11) + ticks(12)) * 10, kb.and_then(|kb| kb.trim().parse::<u64>().ok()).unwrap_or(0) / 1024)
}

/// Prints what many events cost: `EVENTS=100000 cargo test --test booking many_events -- --ignored --nocapture`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "it takes a minute and prints figures"]
async fn many_events_cost_little() {
    let events: u32 = std::env::var("EVENTS").ok().and_then(|events| events.parse().ok()).unwrap_or(10_000);
    let mut shop = Shop::open_with(&free_address(), vec![("FAIRGATE_ORGANIZER_TOKEN", TOKEN.to_owned())]);
    make_events(&shop.sql().await, events, 20).await;
    shop.core.kill9();
    let since = Instant::now();
    shop.restart_core();
    let started = since.elapsed();
    let (cpu_ms, mb) = cost_of(shop.core.id());
    println!("start with {events} events: {} ms, {cpu_ms} ms of CPU, {mb} MB", started.as_millis());
    assert!(cpu_ms < 1_000 * u64::from(events.div_ceil(10_000)), "less than a second of CPU for 10,000");

    let edits: u64 = 200;
    let sql = shop.sql().await;
    sleep(Duration::from_secs(2)).await;
    let before = cost_of(shop.core.id()).0;
    let idle = async {
        sleep(Duration::from_secs(5)).await;
        cost_of(shop.core.id()).0 - before
    };
    let idle_ms = idle.await;
    let (before, since) = (cost_of(shop.core.id()).0, Instant::now());
    for number in 1..=edits {
        let edit = format!(
            "update event set title = 'Edited', version = version + 1 where slug = 'many-{number}';
            insert into change_log (event_id, kind) select event_id, 'edited' from event where slug = 'many-{number}'; notify fairgate"
        );
        sql.batch_execute(&edit).await.expect("edited");
        sleep(Duration::from_millis(60)).await;
    }
    let spent = (cost_of(shop.core.id()).0 - before) as f64 - idle_ms as f64 * since.elapsed().as_secs_f64() / 5.0;
    println!("an edit: {:.2} ms of CPU, over {edits} edits", spent / edits as f64);

    let since = Instant::now();
    let seen = walk(&shop, &shop.url, 1000).await.len();
    println!("all pages: {seen} events in {} ms", since.elapsed().as_millis());
    let since = Instant::now();
    let (status, event) = get(&shop, &shop.url, "/api/v1/events/many-77").await;
    println!("the first question about an event: {} ms", since.elapsed().as_millis());
    assert_eq!((status, event["seats"].as_u64(), seen), (StatusCode::OK, Some(20), events as usize + 1));
    for number in 1..=3_000.min(events) {
        let (status, _) = get(&shop, &shop.url, &format!("/api/v1/events/many-{number}")).await;
        assert_eq!(status, StatusCode::OK);
    }
    sleep(Duration::from_secs(3)).await;
    let open = metric(&shop, &shop.metrics_url, "fairgate_booking_open_desks").await;
    println!("after questions about 3000 events: {open:?} desks are open, {} MB", cost_of(shop.core.id()).1);
    assert!(open.is_some_and(|open| open <= 2_048));
}
