//! What organizers are told about a sale is what the tables say, whoever is killed.

use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};

use crate::shop::{EVENT, Env, Shop, free_address};

const TOKEN: &str = "the organizer's own token";

fn env() -> Env {
    vec![("FAIRGATE_ORGANIZER_TOKEN", TOKEN.to_owned()), ("FAIRGATE_WITHOUT", "mail".to_owned())]
}

fn api(shop: &Shop, path: &str) -> String {
    format!("{}/api/v1/organizer/{path}", shop.metrics_url.trim_end_matches("/metrics"))
}

async fn sales(shop: &Shop) -> (StatusCode, Value) {
    let request = shop.http.get(api(shop, &format!("events/{EVENT}/sales"))).bearer_auth(TOKEN);
    let answer = request.send().await.expect("an answer");
    let status = answer.status();
    (status, answer.json().await.unwrap_or(Value::Null))
}

/// One fan's visit: most buy, some are declined first, some give back, some let their hold end.
async fn visit(shop: &Shop, place: u64) {
    let fan = shop.fan(place);
    let held = fan.reserve_best("r", "pit", u32::try_from(place % 3).expect("small") + 1).await;
    assert_eq!(held.status, StatusCode::OK, "{}", held.text);
    let booking = held.field("booking_id");
    match place % 5 {
        0 => assert_eq!(fan.cancel(booking).await.status, StatusCode::NO_CONTENT),
        1 => {}
        2 => {
            assert_eq!(fan.pay(booking, "p", "demo-declined").await.status, StatusCode::PAYMENT_REQUIRED);
            assert_eq!(fan.pay(booking, "q", "demo-visa").await.status, StatusCode::OK);
        }
        3 => {
            let path = format!("/api/v1/bookings/{booking}/extend");
            let more = fan.send(Method::POST, &path, "", None).await.expect("an answer");
            assert!(more.status.is_success(), "{}", more.text);
            assert_eq!(fan.pay(booking, "p", "demo-visa").await.status, StatusCode::OK);
        }
        _ => {
            assert_eq!(fan.pay(booking, "p", "demo-visa").await.status, StatusCode::OK);
            let path = api(shop, &format!("bookings/{}/cancel", held.field("number")));
            let cancel = shop.http.post(path).bearer_auth(TOKEN).header("idempotency-key", place.to_string());
            let cancelled = cancel.json(&json!({ "reason": "a test" })).send().await.expect("an answer");
            assert_eq!(cancelled.status(), StatusCode::OK);
        }
    }
}

/// What the tables say, under the names of the report.
async fn truth(shop: &Shop) -> Value {
    let question = "select json_build_object(
        'bookings', count(*) filter (where confirmed_at is not null),
        'gross', coalesce(sum(amount) filter (where confirmed_at is not null), 0),
        'holds', count(*),
        'expired', count(*) filter (where status = 'expired'),
        'expired_seats', coalesce(sum(cardinality(units)) filter (where status = 'expired'), 0),
        'payments', (select count(*) from payment),
        'declined', (select count(*) from payment where state = 'declined'),
        'refunds', (select count(*) from payment where state = 'refunded'),
        'refunded', (select coalesce(sum(amount), 0) from payment where state = 'refunded'),
        'sold', (select count(*) from seat where held_until = 'infinity'))::text
        from booking";
    let text: String = shop.sql().await.query_one(question, &[]).await.expect("figures").get(0);
    serde_json::from_str(&text).expect("JSON")
}

fn told(sales: &Value) -> Value {
    json!({
        "bookings": sales["bookings"],
        "gross": sales["gross"],
        "holds": sales["funnel"]["holds"],
        "expired": sales["holds"]["expired"],
        "expired_seats": sales["holds"]["expired_seats"],
        "payments": sales["funnel"]["payments"],
        "declined": sales["funnel"]["declined"],
        "refunds": sales["refunds"],
        "refunded": sales["refunded"],
        "sold": sales["seats"]["sold"],
    })
}

/// The figures, once they are those of the tables.
async fn settled(shop: &Shop) -> Value {
    let mut last = (Value::Null, Value::Null);
    for _ in 0..200 {
        let (status, sales) = sales(shop).await;
        if status == StatusCode::OK {
            last = (told(&sales), truth(shop).await);
            if last.0 == last.1 {
                return sales;
            }
        }
        sleep(Duration::from_millis(100)).await;
    }
    panic!("told {:#}\nbut the tables say {:#}", last.0, last.1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_figure_is_what_the_tables_say_whoever_is_killed() {
    let mut shop = Shop::open_with(&free_address(), env());
    let (mut other, _) = shop.another_core();
    for place in 0..40 {
        visit(&shop, place).await;
        match place {
            9 | 29 => shop.restart_core(),
            19 => {
                other.kill9();
                (other, _) = shop.another_core();
            }
            _ => {}
        }
    }
    let ended = "update seat set held_until = now() where held_until > now() and held_until < 'infinity';
        update booking set expires_at = now() where status = 'held'";
    let sql = shop.sql().await;
    sql.batch_execute(ended).await.expect("the holds have ended");
    for _ in 0..200 {
        let held = sql.query_one("select count(*) from booking where status = 'held'", &[]).await.expect("a count");
        if held.get::<_, i64>(0) == 0 {
            break;
        }
        sleep(Duration::from_millis(50)).await;
    }
    let sales = settled(&shop).await;
    assert_eq!(sales["bookings"], 24, "three of five have paid");
    assert!(sales["pace"]["per_minute"].as_f64().is_some_and(|pace| pace > 0.0), "{sales:#}");
    assert!(sales["sold_out"]["earliest"].is_string() && sales["first_section"] == "pit", "{sales:#}");
    assert!(sales["holds"]["pay_seconds_p90"].is_number(), "{sales:#}");
    assert_eq!(sales["seats"]["capacity"], 5000);

    let declined = json!([{ "reason": "the card was declined", "payments": 8 }]);
    assert_eq!(sales["declines"], declined, "one of five was declined first");
    let buyers = shop.http.get(api(&shop, &format!("events/{EVENT}/buyers"))).bearer_auth(TOKEN).send().await;
    let buyers: Value = buyers.expect("an answer").json().await.expect("JSON");
    let of_fans = "select json_build_object('fans', count(*), 'seats', coalesce(sum(seats), 0))::text from (
        select sum(cardinality(units)) as seats from booking where status = 'confirmed' group by session) as fan";
    let of_fans: String = sql.query_one(of_fans, &[]).await.expect("figures").get(0);
    let of_fans: Value = serde_json::from_str(&of_fans).expect("JSON");
    assert_eq!(json!({ "fans": buyers["fans"], "seats": buyers["seats"] }), of_fans, "{buyers:#}");
    assert_eq!((&buyers["again"], &buyers["if_limit"][2]["seats_left"]), (&json!(0), &json!(0)), "{buyers:#}");

    let under_way = "insert into payment (payment_id, booking_id, session, request_fingerprint, token, amount, currency,
            started_at, due_at)
        select gen_random_uuid(), booking_id, session, request_fingerprint, 't', amount, 'EUR',
            now() - span, now() + interval '1 hour'
        from (select * from booking where status = 'expired' limit 1) as one, unnest('{10 s,2 min,3 min}'::interval[]) as span";
    sql.batch_execute(under_way).await.expect("payments that a provider is silent about");
    assert_eq!(self::sales(&shop).await.1["funnel"]["open_long"], 2, "two of three are open for long");

    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_fairgate"));
    command.args(["event", "sales", EVENT]).env("FAIRGATE_ORGANIZER_TOKEN", TOKEN);
    command.env("FAIRGATE_BOOKING_ADMIN", shop.metrics_url.trim_end_matches("/metrics"));
    let output = command.output().expect("it runs");
    let table = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && table.contains("24 bookings") && table.contains("sold out  from "), "{table}");
    other.stop();
}

/// Whatever happens to a stream has happened by then.
const STREAM_BOUND: Duration = Duration::from_secs(180);

/// Reads a stream until a message says what is waited for, however many others come before it.
async fn reads_until(stream: &mut reqwest::Response, rest: &mut String, is_it: impl Fn(&Value) -> bool) {
    let mut last = Value::Null;
    let found = timeout(STREAM_BOUND, async {
        while !is_it(&last) {
            last = next(stream, rest).await;
        }
    });
    assert!(found.await.is_ok(), "it never came; the last message was {last:#}");
}

/// The next message of a stream.
async fn next(stream: &mut reqwest::Response, rest: &mut String) -> Value {
    loop {
        if let Some((message, after)) = rest.split_once("\n\n").map(|(a, b)| (a.to_owned(), b.to_owned())) {
            *rest = after;
            if let Some(data) = message.lines().find_map(|line| line.strip_prefix("data: ")) {
                return serde_json::from_str(data).expect("JSON");
            }
            continue;
        }
        let chunk = timeout(STREAM_BOUND, stream.chunk()).await.expect("in time").expect("whole");
        rest.push_str(&String::from_utf8_lossy(&chunk.expect("it goes on")));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_tells_what_is_news_soon_after_it_happened() {
    let shop = Shop::open_with(&free_address(), env());
    let url = api(&shop, &format!("events/{EVENT}/sales/stream"));
    let stranger = shop.http.get(&url).send().await.expect("an answer");
    assert_eq!(stranger.status(), StatusCode::UNAUTHORIZED);
    settled(&shop).await;
    let mut stream = shop.http.get(&url).bearer_auth(TOKEN).send().await.expect("an answer");
    assert_eq!(stream.headers()["content-type"], "text/event-stream");
    let mut rest = String::new();
    let first = next(&mut stream, &mut rest).await;
    assert_eq!((&first["funnel"]["holds"], &first["seats"]["sold"]), (&json!(0), &json!(0)));
    for place in 0..5 {
        let fan = shop.fan(place);
        let held = fan.reserve_best("r", "pit", 1).await;
        assert_eq!(fan.pay(held.field("booking_id"), "p", "demo-visa").await.status, StatusCode::OK);
        reads_until(&mut stream, &mut rest, |sales| sales["bookings"] == json!(place + 1)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_nobody_counts_that_is_said() {
    let env = vec![("FAIRGATE_ORGANIZER_TOKEN", TOKEN.to_owned()), ("FAIRGATE_WITHOUT", "mail,insight".to_owned())];
    let shop = Shop::open_with(&free_address(), env);
    let (status, problem) = sales(&shop).await;
    assert_eq!(
        (status, problem["detail"].as_str().is_some_and(|d| d.contains("--without insight"))),
        (StatusCode::SERVICE_UNAVAILABLE, true),
        "{problem}"
    );
}
