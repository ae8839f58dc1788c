//! A standby is promoted while cores sell: sales go on within seconds, and nothing that was said is lost.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use fairgate_testkit::{PostgresSetup, PrivatePostgres};
use reqwest::StatusCode;
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::books::audit;
use crate::link::Link;
use crate::shop::{EVENT, Env, Fan, Shop, bit, free_address};

/// What the sellers were told.
#[derive(Default)]
struct Told {
    stop: AtomicBool,
    next_place: AtomicUsize,
    bookings: Mutex<Vec<(String, Instant)>>,
}

/// Reserves one seat after another at one core, as people do: the same request again until there is an answer.
async fn sell(fan: Fan, passes: Arc<Vec<String>>, told: Arc<Told>) {
    while !told.stop.load(Ordering::SeqCst) {
        let place = told.next_place.fetch_add(1, Ordering::SeqCst);
        let Some(pass) = passes.get(place) else { return };
        let fan = Fan { pass: pass.clone(), ..fan.clone() };
        loop {
            let answer = fan.reserve_best("k", "balcony-centre", 1).await;
            match answer.status {
                StatusCode::OK => {
                    let booking = (answer.field("booking_id").to_owned(), Instant::now());
                    told.bookings.lock().unwrap().push(booking);
                    break;
                }
                StatusCode::SERVICE_UNAVAILABLE if !told.stop.load(Ordering::SeqCst) => {}
                StatusCode::SERVICE_UNAVAILABLE => break,
                _ => panic!("{answer:?}"),
            }
            sleep(Duration::from_millis(50)).await;
        }
        sleep(Duration::from_millis(60)).await;
    }
}

async fn connect(postgres: &PrivatePostgres) -> tokio_postgres::Client {
    let (client, connection) =
        tokio_postgres::connect(&postgres.url(), tokio_postgres::NoTls).await.expect("it answers");
    tokio::spawn(connection);
    client
}

/// What an operator's tools do: the old primary takes no writes any more, the standby does.
async fn fail_over(old: &PrivatePostgres, standby: &mut PrivatePostgres) {
    let sql = connect(old).await;
    sql.batch_execute("alter system set default_transaction_read_only = on").await.expect("it is set");
    sql.batch_execute("select pg_reload_conf()").await.expect("it is told");
    let busy = "select count(*) from pg_stat_activity where pid <> pg_backend_pid() and state <> 'idle' \
                and backend_type = 'client backend'";
    while sql.query_one(busy, &[]).await.expect("a count").get::<_, i64>(0) > 0 {
        sleep(Duration::from_millis(10)).await;
    }
    standby.promote().expect("it is promoted");
}

#[tokio::test(flavor = "multi_thread")]
async fn sales_go_on_within_seconds_when_a_standby_is_promoted() {
    let primary = Shop::postgres(PostgresSetup::default());
    let mut standby = primary.start_standby(PostgresSetup::default()).expect("a standby starts");
    let sql = connect(&primary).await;
    // What is committed is on both.
    sql.batch_execute("alter system set synchronous_standby_names = '*'").await.expect("it is set");
    sql.batch_execute("select pg_reload_conf()").await.expect("it is told");
    let link = Link::to(&primary.socket());
    let both = format!("postgresql://fairgate@{},{}/postgres", primary.host(), standby.host());
    let shop = Shop::open_at(primary, link.url.clone(), &free_address(), Env::new());
    let (_other, other_url) = shop.another_core_at(&both);

    let passes: Arc<Vec<String>> = Arc::new((0..2000).map(|place| shop.gate.pass(place)).collect());
    let (told, mut sellers) = (Arc::new(Told::default()), JoinSet::new());
    for url in [&shop.url, &other_url] {
        for _ in 0..3 {
            let fan = Fan { url: url.clone(), ..shop.fan(0) };
            sellers.spawn(sell(fan, Arc::clone(&passes), Arc::clone(&told)));
        }
    }
    sleep(Duration::from_secs(1)).await;
    fail_over(&shop.postgres, &mut standby).await;
    let promoted = Instant::now();
    link.lead_to(&standby.socket());
    for core in [&shop.url, &other_url] {
        let fan = Fan { url: core.clone(), ..shop.fan(100_000) };
        while fan.reserve_best(core, "stalls-left", 1).await.status != StatusCode::OK {
            assert!(promoted.elapsed() < Duration::from_secs(10), "{core} does not sell again");
            sleep(Duration::from_millis(50)).await;
        }
    }
    sleep(Duration::from_secs(1)).await;
    told.stop.store(true, Ordering::SeqCst);
    while let Some(seller) = sellers.join_next().await {
        seller.expect("every answer is one that was expected");
    }

    let mut sql = connect(&standby).await;
    audit(&mut sql).await;
    let bookings = std::mem::take(&mut *told.bookings.lock().unwrap());
    let (before, after): (Vec<_>, Vec<_>) = bookings.iter().partition(|(_, at)| *at < promoted);
    assert!(before.len() > 20 && after.len() > 20, "{} before, {} after", before.len(), after.len());
    let known = sql.query("select booking_id::text from booking", &[]).await.expect("rows");
    let known: std::collections::HashSet<String> = known.iter().map(|row| row.get(0)).collect();
    let lost: Vec<_> = bookings.iter().filter(|(booking, _)| !known.contains(booking)).collect();
    assert!(lost.is_empty(), "said, and not written: {lost:?}");
    let taken = sql.query_one("select count(*) from seat where held_until > now()", &[]).await.expect("a count");
    for core in [&shop.url, &other_url] {
        let shown = || async {
            let bits = shop.http.get(format!("{core}/api/v1/events/{EVENT}/availability")).send().await;
            let bits = bits.expect("the core answers").bytes().await.expect("a body").to_vec();
            (0..5000).filter(|&unit| !bit(&bits, unit)).count() as i64
        };
        let started = Instant::now();
        while shown().await != taken.get::<_, i64>(0) {
            assert!(started.elapsed() < Duration::from_secs(3), "{core} does not know what is sold");
            sleep(Duration::from_millis(50)).await;
        }
    }
}
