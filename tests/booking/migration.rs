//! A database of an earlier version, with rows, is brought up to date, and goes on as if nothing had been.

use fairgate_booking::db::Database;
use fairgate_booking::outbox::{Kind, STREAM};
use fairgate_testkit::{PrivatePostgres, PrivateRedis};
use redis::AsyncCommands;
use reqwest::StatusCode;
use tokio_postgres::NoTls;

use crate::shop::{Env, Shop, free_address};
use crate::world::World;

/// The version before the names changed.
const BEFORE: i32 = 6;

/// A sale as the program of that version left it: one booking paid, one held, one message published of four, and a mail sent.
const ROWS: &str = "
    insert into event (slug, title, venue, starts_at, zone, currency, hold_s, fan_seats_max)
    values ('old-night', 'Old Night', 'Old Hall', '2027-06-21T19:30Z', 'Europe/Lisbon', 'EUR', 600, 4);
    insert into section (event_id, position, slug, title, kind, tier, price)
    select event_id, 0, 'stalls', 'Stalls', 'seated', 0, 6500 from event;
    insert into seat_row (event_id, section, position, label, first_unit, seats)
    select event_id, 0, 0, 'A', 0, '{1,2,3,4}' from event;
    insert into booking (booking_id, event_id, session, request_print, units, amount, status, expires_at, confirmed_at)
    select 'b0000000-0000-0000-0000-000000000001'::uuid, event_id, 'first', 'f0000000-0000-0000-0000-000000000001'::uuid,
        '{0}'::integer[], 6500, 'confirmed', now(), now() from event
    union all
    select 'b0000000-0000-0000-0000-000000000002', event_id, 'second', 'f0000000-0000-0000-0000-000000000002',
        '{1,2}', 13000, 'held', now() + interval '1 hour', null from event;
    insert into seat (event_id, unit, held_until, booking_id)
    select event_id, 0, 'infinity'::timestamptz, 'b0000000-0000-0000-0000-000000000001'::uuid from event
    union all
    select event_id, unit, now() + interval '1 hour', 'b0000000-0000-0000-0000-000000000002'
    from event, generate_series(1, 2) as unit
    union all
    select event_id, 3, '-infinity', null from event;
    insert into payment (payment_id, booking_id, session, request_print, token, amount, currency, state, settled_at)
    values ('d0000000-0000-0000-0000-000000000001', 'b0000000-0000-0000-0000-000000000001', 'first',
        'f0000000-0000-0000-0000-000000000003', 'visa', 6500, 'EUR', 'confirmed', now());
    insert into answered (request_id, request_print, status, body)
    values ('a0000000-0000-0000-0000-000000000001', 'f0000000-0000-0000-0000-000000000004', 200, '{}');
    insert into happening (event_id, kind) select event_id, 'edited' from event;
    insert into happening (event_id, kind, booking_id, units)
    select event_id, 'held', booking_id, units from booking order by booking_id;
    insert into happening (event_id, kind, booking_id, units)
    select event_id, 'booked', booking_id, units from booking where session = 'first';
    insert into mail_sent (happening_id) values (1);
    update published set happening_id = 1";

/// The message that the relay of that version had published.
const PUBLISHED: &str = r#"{"id":1,"kind":"edited","at":"2026-11-01T10:00:00.000Z","event":{"id":"old-night","title":"Old Night","venue":"Old Hall","starts_at":"2027-06-21T19:30:00.000Z","starts_at_local":"Monday, 21 June 2027, 20:30 WEST (UTC+01:00)","zone":"Europe/Lisbon"}}"#;

async fn old_postgres() -> PrivatePostgres {
    let postgres = PrivatePostgres::start().expect("Postgres is installed by `make setup`");
    let database = Database::new(&postgres.url()).expect("a URL");
    database.migrate_to_version(BEFORE).await.expect("the earlier schema");
    let (sql, connection) = tokio_postgres::connect(&postgres.url(), NoTls).await.expect("Postgres answers");
    tokio::spawn(connection);
    sql.batch_execute(ROWS).await.expect("rows of that version");
    postgres
}

async fn old_redis() -> PrivateRedis {
    let redis = PrivateRedis::start().expect("Redis is installed by `make setup`");
    let client = redis::Client::open(redis.url()).expect("a URL");
    let mut connection = client.get_multiplexed_async_connection().await.expect("Redis answers");
    let id: String = connection.xadd(STREAM, "1-1", &[("message", PUBLISHED)]).await.expect("appended");
    assert_eq!(id, "1-1");
    redis
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_older_database_with_rows_goes_on_publishing_once_and_in_order() {
    let (postgres, redis) = (old_postgres().await, old_redis().await);
    let url = postgres.url();
    let shop = Shop::open_at(postgres, url, &free_address(), Env::new());
    let world = World { shop, redis };
    let mut relay = world.relay();

    let held = world.shop.fan(1).reserve_best("k", "pit", 1).await;
    assert_eq!(held.status, StatusCode::OK, "{}", held.text);
    let messages = world.all_messages().await;
    world.check_published(&messages).await;
    let of_old: Vec<(i64, Kind)> = messages.iter().take(4).map(|message| (message.id, message.kind)).collect();
    assert_eq!(of_old, [(1, Kind::Edited), (2, Kind::Held), (3, Kind::Held), (4, Kind::Booked)]);
    assert_eq!(messages[3].booking.as_ref().expect("a booking").seats, ["stalls-A-1"]);
    assert!(
        messages.len() > 4 && messages.last().expect("some").kind == Kind::Held,
        "numbers go on after the old ones"
    );

    // What was held and sold still is, and requests are known by their fingerprints.
    let bits = world.shop.get("/api/v1/events/old-night/availability").await.bytes().await.expect("a body");
    assert_eq!(bits.last().map(|byte| byte.count_ones()), Some(1), "one of four seats is free: {bits:?}");
    let sql = world.shop.sql().await;
    let known = "select count(*) from (
        select request_fingerprint from booking union select request_fingerprint from payment
        union select request_fingerprint from answered) known
        where request_fingerprint::text like 'f0000000-0000-0000-0000-00000000000_'";
    assert_eq!(sql.query_one(known, &[]).await.expect("a count").get::<_, i64>(0), 4);
    let sent = sql.query_one("select change_id from mail_sent", &[]).await.expect("one row");
    assert_eq!(sent.get::<_, i64>(0), 1);
    relay.stop();
}
