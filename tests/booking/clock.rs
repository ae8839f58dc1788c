//! Holds end by the database's clock and by nothing else.

use std::time::Duration;

use reqwest::StatusCode;
use tokio::time::sleep;

use crate::books::audit;
use crate::shop::{Answer, EVENT, Shop};

/// Makes holds last `seconds`, and waits until the core has learnt of it.
pub(crate) async fn hold_for(shop: &Shop, seconds: i32) {
    let sql = shop.sql().await;
    sql.execute("update event set hold_s = $1, version = version + 1", &[&seconds]).await.expect("an edit");
    sql.batch_execute("insert into change_log (event_id, kind) select event_id, 'edited' from event; notify fairgate")
        .await
        .expect("told");
    for _ in 0..100 {
        let event = shop.get(&format!("/api/v1/events/{EVENT}")).await.json::<serde_json::Value>().await.expect("JSON");
        if event["hold_s"] == seconds {
            return;
        }
        sleep(Duration::from_millis(50)).await;
    }
    panic!("the core never learnt of the edit");
}

#[tokio::test]
async fn a_seat_can_be_sold_at_the_instant_its_hold_ends() {
    let shop = Shop::open();
    hold_for(&shop, 2).await;
    let held = shop.fan(1).reserve_seats("a", &["circle-left-A-1"]).await;
    let ends_at_ms = held.json["expires_at_ms"].as_i64().expect("a time");
    let mut refused = 0;
    for attempt in 0.. {
        let asked_ms = database_now_ms(&shop).await;
        let answer = shop.fan(2).reserve_seats(&format!("k{attempt}"), &["circle-left-A-1"]).await;
        if answer.status == StatusCode::OK {
            assert!(database_now_ms(&shop).await >= ends_at_ms, "sold before the hold had ended");
            break;
        }
        assert_eq!(answer.status, StatusCode::CONFLICT, "{}", answer.text);
        assert!(asked_ms < ends_at_ms, "refused {} ms after the hold had ended", asked_ms - ends_at_ms);
        refused += 1;
    }
    assert!(refused > 0, "refused while it was held");
    assert_eq!(shop.fan(1).booking(held.field("booking_id")).await.field("status"), "expired");
}

/// Waits until this hold has ended by the database's clock. What is shown to everybody cannot say so: it lags behind,
/// and shows seats as free until it has learnt of the hold.
async fn wait_until_ended(shop: &Shop, held: &Answer) {
    let ends_at_ms = held.json["expires_at_ms"].as_i64().expect("a time");
    while database_now_ms(shop).await <= ends_at_ms {
        sleep(Duration::from_millis(50)).await;
    }
}

/// A fan who reserves and pays at once.
async fn buy(shop: &Shop, place: u64, seat: &str) {
    let fan = shop.fan(place);
    let held = fan.reserve_seats("buy", &[seat]).await;
    assert_eq!(held.status, StatusCode::OK, "{}", held.text);
    assert_eq!(fan.pay(held.field("booking_id"), "buy", "demo-visa").await.status, StatusCode::OK);
}

async fn database_now_ms(shop: &Shop) -> i64 {
    let now = "select (extract(epoch from clock_timestamp()) * 1000)::bigint";
    shop.sql().await.query_one(now, &[]).await.expect("a time").get(0)
}

#[tokio::test]
async fn a_late_payment_is_honoured_while_the_seats_are_free_and_costs_nothing_when_they_are_gone() {
    let shop = Shop::open();
    hold_for(&shop, 1).await;
    let (early, late) = (shop.fan(1), shop.fan(2));
    let kept = early.reserve_best("a", "gallery", 2).await;
    let lost = late.reserve_seats("a", &["gallery-A-1"]).await;
    for held in [&kept, &lost] {
        wait_until_ended(&shop, held).await;
    }

    let paid = early.pay(kept.field("booking_id"), "p", "demo-visa").await;
    assert_eq!(paid.status, StatusCode::OK, "still free: {}", paid.text);

    buy(&shop, 3, "gallery-A-1").await;
    let gone = late.pay(lost.field("booking_id"), "p", "demo-visa").await;
    assert_eq!(gone.status, StatusCode::CONFLICT);
    assert!(gone.text.contains("hold-ended"), "{}", gone.text);
    let books = audit(&mut shop.sql().await).await;
    assert_eq!(books.sold, 3);
    let charged = shop.sql().await.query_one("select count(*) from payment", &[]).await.expect("a count");
    assert_eq!(charged.get::<_, i64>(0), 2, "nothing was charged for seats that were gone");
}

#[tokio::test]
async fn money_for_seats_that_go_while_it_is_taken_is_given_back() {
    let shop = Shop::open();
    hold_for(&shop, 1).await;
    let slow = shop.fan(1);
    let held = slow.reserve_seats("a", &["gallery-B-5", "gallery-B-6"]).await;
    // The provider takes three seconds, the hold lasts one.
    let (paid, ()) = tokio::join!(slow.pay(held.field("booking_id"), "p", "demo-slow"), async {
        sleep(Duration::from_millis(1300)).await;
        buy(&shop, 2, "gallery-B-6").await;
    });
    assert_eq!(paid.status, StatusCode::CONFLICT, "{}", paid.text);
    assert_eq!(paid.json["refunded"], true);
    assert_eq!(slow.pay(held.field("booking_id"), "p", "demo-slow").await, paid, "the same answer again");
    let ended = "select state, charge is not null from payment where token = 'demo-slow'";
    let states = shop.sql().await.query_one(ended, &[]).await.expect("one payment");
    assert_eq!((states.get::<_, &str>(0), states.get::<_, bool>(1)), ("refunded", true));
    audit(&mut shop.sql().await).await;
}

#[tokio::test]
async fn the_sweeper_tells_that_holds_have_ended() {
    let shop = Shop::open();
    hold_for(&shop, 1).await;
    for place in 0..20 {
        assert_eq!(shop.fan(place).reserve_best("a", "balcony-centre", 3).await.status, StatusCode::OK);
    }
    let mut metrics = String::new();
    for _ in 0..600 {
        metrics = shop.http.get(&shop.metrics_url).send().await.expect("metrics").text().await.expect("text");
        if metrics.contains("fairgate_booking_expired_total 20") {
            break;
        }
        sleep(Duration::from_millis(50)).await;
    }
    assert!(metrics.contains("fairgate_booking_expired_total 20"), "{metrics}");
    let emitted = "select count(*) from change_log where kind = 'expired'";
    assert_eq!(shop.sql().await.query_one(emitted, &[]).await.expect("a count").get::<_, i64>(0), 20);
    assert!(metrics.contains(r#"fairgate_booking_seats{event="midsummer-night",section="pit",state="free"} 300"#));
}
