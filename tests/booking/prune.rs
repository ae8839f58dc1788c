//! What has served and grown old goes; nothing goes that has not been published or is not settled.

use std::time::Duration;

use reqwest::StatusCode;
use tokio::time::sleep;
use tokio_postgres::Client;

use crate::world::World;

/// Every row looks older than what is kept of its kind. The payment of `open` was never settled.
async fn grow_old(sql: &Client, open: &str) {
    let old = format!(
        "update change_log set at = at - interval '3 days';
        update mail_sent set at = at - interval '3 days';
        update answered set at = at - interval '8 days';
        update payment_step set at = at - interval '401 days';
        update payment set settled_at = settled_at - interval '401 days' where booking_id <> '{open}';
        update payment set settled_at = null, state = 'refunding', due_at = 'infinity' where booking_id = '{open}'"
    );
    sql.batch_execute(&old).await.expect("it has grown old");
}

async fn count(sql: &Client, rows: &str) -> i64 {
    sql.query_one(&format!("select count(*) from {rows}"), &[]).await.expect("a count").get(0)
}

/// Waits until the relay has noted that everything is published.
async fn all_is_published(world: &World, sql: &Client) -> i64 {
    world.all_messages().await;
    for _ in 0..300 {
        if count(sql, "published where change_id = (select max(change_id) from change_log)").await == 1 {
            return count(sql, "change_log").await;
        }
        sleep(Duration::from_millis(50)).await;
    }
    panic!("the relay never noted how far it has come");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_old_goes_unless_it_is_unpublished_or_open() {
    let world = World::open();
    let sql = world.shop.sql().await;
    let mut bookings = Vec::new();
    for place in 0..3 {
        let fan = world.shop.fan(place);
        let held = fan.reserve_best("r", "pit", 1).await;
        assert_eq!(fan.pay(held.field("booking_id"), "p", "demo-visa").await.status, StatusCode::OK);
        bookings.push(held.field("booking_id").to_owned());
    }
    let answer = "insert into answered (request_id, request_fingerprint, status, body)
        select gen_random_uuid(), gen_random_uuid(), 200, '{}' from generate_series(1, 1500)";
    sql.batch_execute(answer).await.expect("answers");
    sql.batch_execute("insert into mail_sent (change_id) select min(change_id) from change_log").await.expect("a mail");
    // Started now, it notes at once how far it has come, and is gone before the rest happens.
    let mut relay = world.relay();
    let published = all_is_published(&world, &sql).await;
    relay.kill9();
    let unpublished = world.shop.fan(9).reserve_best("r", "pit", 1).await;
    assert_eq!(unpublished.status, StatusCode::OK);
    grow_old(&sql, &bookings[0]).await;
    sql.batch_execute(
        "insert into answered select gen_random_uuid(), request_fingerprint, status, body from answered limit 1",
    )
    .await
    .expect("a young one");

    // A core prunes when it starts.
    let (mut pruning, _) = world.shop.another_core();
    for _ in 0..200 {
        if count(&sql, "change_log").await == 1
            && count(&sql, "answered").await == 1
            && count(&sql, "mail_sent").await == 0
        {
            break;
        }
        sleep(Duration::from_millis(50)).await;
    }
    pruning.stop();
    assert!(published > 1);
    assert_eq!(count(&sql, "change_log where booking_id is not null").await, 1, "what is unpublished stays");
    assert_eq!(count(&sql, "mail_sent").await, 0);
    assert_eq!(count(&sql, "answered").await, 1, "what is young stays");
    assert_eq!(count(&sql, "payment_step").await, 2, "the saga of an open payment stays");
    assert_eq!(
        count(&sql, &format!("payment_step join payment using (payment_id) where booking_id = '{}'", bookings[0]))
            .await,
        2
    );
    assert_eq!((count(&sql, "payment").await, count(&sql, "booking").await), (3, 4), "payments and bookings stay");
    drop(sql);

    // The relay goes on where it was.
    let mut relay = world.relay();
    for _ in 0..200 {
        if world.messages().await.len() as i64 > published {
            break;
        }
        sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(world.messages().await.len() as i64, published + 1);
    relay.stop();
}
