//! The statements on the hot path look up by key, whatever the tables hold, and were planned while they were empty.

use fairgate_booking::sql;
use tokio_postgres::Client;

use crate::shop::Shop;

/// The planner's answer for a statement with parameters it does not know, as for a prepared statement.
async fn plan_of(client: &Client, statement: &str, parameters: &[&str]) -> String {
    client.batch_execute("deallocate all").await.expect("nothing is prepared");
    client.batch_execute(&format!("prepare hot as {statement}")).await.expect("it can be prepared");
    let parameters = if parameters.is_empty() { String::new() } else { format!("({})", parameters.join(", ")) };
    let execute = format!("explain execute hot {parameters}");
    let rows = client.query(&execute, &[]).await.expect("a plan");
    rows.iter().map(|row| row.get::<_, String>(0)).collect::<Vec<_>>().join("\n")
}

#[tokio::test]
async fn hot_statements_do_not_scan() {
    let shop = Shop::open();
    let client = shop.sql().await;
    // As the pool's sessions are set, and a table that makes a scan costly.
    client.batch_execute("set enable_seqscan = off; set plan_cache_mode = force_generic_plan").await.expect("set");
    let nil = "'00000000-0000-0000-0000-000000000000'";
    let nils = format!("array[{nil}]::uuid[]");
    let hot: Vec<(&str, Vec<&str>)> = vec![
        (sql::SEAT_LOCK, vec!["1", "'{1,2}'"]),
        (sql::SEAT_CLAIM, vec!["1", "'{1,2}'", nil]),
        (sql::SEAT_READ, vec!["1", "'{1,2}'"]),
        (sql::BOOKING_KNOWN, vec![&nils]),
        (sql::SESSION_LOCK, vec!["1", "'{a,b}'"]),
        (sql::SESSION_SEATS, vec!["1", "'{a,b}'"]),
        (
            sql::HOLD,
            vec!["1", "60", nil, "'{1}'", &nils, &nils, "'{a}'", &nils, "'{\"{1}\"}'", "'{100}'", "'{1}'", "'{1}'"],
        ),
        (sql::BOOKING_LOCK, vec![nil]),
        (sql::BOOKING_GET, vec![nil, "'a'"]),
        (sql::BOOKING_LIST, vec!["'a'"]),
        (sql::BOOKING_CONFIRM, vec![nil, "1", "'{1}'", nil, nil]),
        (sql::BOOKING_CANCEL, vec![nil, "1", "'{1}'", nil]),
        (sql::PAYMENT_GET, vec![nil]),
        (sql::PAYMENT_OF_BOOKING, vec![nil]),
        (sql::PAYMENT_IN_THE_WAY, vec![nil, nil]),
        (sql::BOOKING_SHOW, vec![nil]),
        (sql::PAYMENT_MOVE, vec![nil, "'declined'", "null", "null", "null", "null", "'declined'", "'fan'"]),
        (sql::PAYMENT_TAKE_UP, vec!["10"]),
        (sql::PAYMENT_CONFIRMED, vec![nil]),
        (sql::PAYMENT_STEPS, vec![nil]),
        (sql::ANSWERED_GET, vec![nil]),
        (sql::BOOKING_FIND, vec![nil, nil]),
        (sql::PAYMENT_PAGE, vec![nil, "500"]),
        (sql::OUTBOX_MARK, vec!["1"]),
        (sql::OUTBOX_PAGE, vec!["1", "2", "500"]),
        (sql::OUTBOX_PAGE_OF, vec!["1", "2", "500", "'{booked}'"]),
        (sql::PARKED_TAKE, vec!["'mail'", "8", "20", "false"]),
        (sql::PARKED_FAIL, vec!["'mail'", "1", "'{}'", "1", "1", "'no'"]),
        (sql::PARKED_DONE, vec!["'mail'", "1"]),
        (sql::PARKED_DEAD, vec!["'mail'", "10"]),
        (sql::PARKED_RETRY, vec!["'mail'", "'{1}'"]),
        (sql::SALES_PAGE, vec!["1", "2", "500"]),
        (sql::SALES_TOTALS, vec!["1"]),
        (sql::SALES_RECENT, vec!["1", "300"]),
        (sql::SALES_PAY_TIMES, vec!["1"]),
        (sql::PAYMENT_TRACE, vec![nil, "1", "1"]),
        (sql::EVENT_HALL, vec!["1"]),
        (sql::SALES_BUYERS, vec!["1"]),
        (sql::SALES_DECLINES, vec!["1"]),
        (sql::SALES_PAYMENTS_OPEN, vec!["1"]),
        (sql::HOOK_OFF_TOLD, vec!["'a'", nil]),
        (sql::SIGNAL_LIST, vec!["1", "500"]),
        (sql::SIGNAL_COUNT, vec!["1"]),
        (sql::SIGNAL_BOOKINGS, vec![&nils]),
        (sql::REVIEW_GET, vec![nil]),
        (sql::SINK_GET, vec!["'insight'"]),
        (sql::EVENT_GET, vec!["1"]),
        (sql::EVENT_SOME, vec!["'{1,2}'"]),
        (sql::ABOUT_GET, vec!["1"]),
        (sql::ABOUT_PERFORMERS, vec!["1"]),
        (sql::VENUE_PUT, vec!["1", "'a'", "'A'", "'B'", "'PT'", "1", "1"]),
        (sql::SERIES_PUT, vec!["1", "'a'", "'A'"]),
        (sql::PERFORMER_PUT, vec!["1", "'a'", "'A'", "'{}'"]),
        (sql::EVENT_PERFORMERS, vec!["1", "'{a}'", "'{true}'"]),
        (sql::EVENT_ABOUT, vec!["1", "'a'", "'A'", "null", "'a'", "'a'"]),
        (sql::SEARCH_DOCUMENTS, vec!["'{1,2}'"]),
        (sql::SEARCH_VERSIONS, vec!["1", "500"]),
        (sql::SEARCH_CHANGED, vec!["1", "2"]),
        (sql::EVENT_PAGE, vec!["1", "500"]),
        (sql::EVENT_HELD, vec!["64"]),
        (sql::MAIL_DUE, vec![nil, "1"]),
        (sql::HOLD_EXTEND, vec![nil, "1", "'{1}'", "60", "now()", nil]),
        (sql::RECEIPT_FIND, vec![nil, nil]),
        (sql::LINK_KEY, vec![]),
        (sql::TICKETS_REVOKED, vec!["1", "100"]),
        (sql::SWEEP, vec!["500", nil]),
        (sql::SWEEP_NEXT, vec![]),
        (sql::NOTIFY, vec![]),
        (sql::FEED_READ, vec!["1", nil]),
        (sql::PRUNE_CHANGES, vec!["60", "10", "0", "100"]),
        (sql::PRUNE_MAILS, vec!["60", "10"]),
        (sql::PRUNE_TRACES, vec!["60", "10"]),
        (sql::PRUNE_SIGNALS, vec!["60", "10"]),
        (sql::PRUNE_ANSWERS, vec!["60", "10"]),
        (sql::PRUNE_STEPS, vec!["60", "10"]),
    ];
    for (statement, parameters) in hot {
        let name = sql::ALL.iter().find(|(_, text)| *text == statement).expect("listed").0;
        let plan = plan_of(&client, statement, &parameters).await;
        assert!(!plan.contains("Seq Scan"), "{name} scans:\n{plan}");
        // The whole index of an event is a scan in disguise: the unit must be part of the look-up.
        for line in plan.lines().filter(|line| line.contains("Index Cond") && line.contains("event_id")) {
            assert!(
                line.contains("unit") || !plan.contains("seat_pkey") || line.contains("session"),
                "{name}:\n{plan}"
            );
        }
    }
}

/// Dead index entries are what slows an event down as it sells. No update of a seat may make one, however often the
/// seat is held and given back.
#[tokio::test]
async fn seats_change_on_their_page() {
    let shop = Shop::open();
    for round in 0..40 {
        let fan = shop.fan(round);
        let held = fan.reserve_best("k", "pit", 6).await;
        assert_eq!(fan.cancel(held.field("booking_id")).await.status, reqwest::StatusCode::NO_CONTENT);
    }
    let client = shop.sql().await;
    let counted = "select n_tup_upd, n_tup_hot_upd from pg_stat_user_tables where relname = 'seat'";
    // The server counts about once a second.
    for _ in 0..100 {
        let row = client.query_one(counted, &[]).await.expect("counts");
        let (updates, on_their_page): (i64, i64) = (row.get(0), row.get(1));
        if updates >= 480 {
            assert_eq!(updates, on_their_page);
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    panic!("the server never counted the updates");
}
