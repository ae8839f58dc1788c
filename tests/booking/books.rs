//! The bank's checker: what must be true of the tables at every moment.

use tokio_postgres::Client;

/// How the seats of all events stand, after checking that the tables agree with each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Books {
    pub(crate) free: i64,
    pub(crate) held: i64,
    pub(crate) sold: i64,
}

/// Takes one snapshot and checks it.
pub(crate) async fn audit(sql: &mut Client) -> Books {
    // One snapshot for all questions: a repeatable read.
    let snapshot =
        sql.build_transaction().isolation_level(tokio_postgres::IsolationLevel::RepeatableRead).read_only(true);
    let snapshot = snapshot.start().await.expect("a snapshot");
    for (rule, query) in RULES {
        let broken: i64 = snapshot.query_one(*query, &[]).await.expect("a count").get(0);
        assert_eq!(broken, 0, "{rule}");
    }
    let row = snapshot.query_one(STOCK, &[]).await.expect("a count");
    let books = Books { free: row.get(0), held: row.get(1), sold: row.get(2) };
    let capacity: i64 = row.get(3);
    assert_eq!(books.free + books.held + books.sold, capacity, "free + held + sold = capacity");
    books
}

const STOCK: &str = "
    select count(*) filter (where held_until <= now()),
        count(*) filter (where held_until > now() and held_until < 'infinity'),
        count(*) filter (where held_until = 'infinity'), count(*)
    from seat";

/// Each counts what breaks the rule.
const RULES: &[(&str, &str)] = &[
    (
        "no seat is in two live bookings",
        "select count(*) from (
            select event_id, unit from booking, unnest(units) as unit
            where status = 'confirmed' or (status = 'held' and expires_at > now())
            group by 1, 2 having count(*) > 1) twice",
    ),
    (
        "every seat of a live booking carries it until it ends",
        "select count(*) from booking, unnest(units) as wanted
        where (status = 'confirmed' or (status = 'held' and expires_at > now()))
            and not exists (select from seat where seat.event_id = booking.event_id and seat.unit = wanted
                and seat.booking_id = booking.booking_id
                and seat.held_until = case status when 'confirmed' then 'infinity'::timestamptz else expires_at end)",
    ),
    (
        "every seat that is not free belongs to a live booking",
        "select count(*) from seat where held_until > now() and not exists (
            select from booking where booking.booking_id = seat.booking_id and seat.unit = any(booking.units)
            and booking.event_id = seat.event_id and status in ('held', 'confirmed'))",
    ),
    (
        "every confirmed booking has exactly one confirmed payment",
        "select count(*) from booking where status = 'confirmed' and 1 <> (
            select count(*) from payment where payment.booking_id = booking.booking_id and state = 'confirmed')",
    ),
    (
        "every confirmed payment has its confirmed booking",
        "select count(*) from payment where state = 'confirmed' and not exists (
            select from booking where booking.booking_id = payment.booking_id and status = 'confirmed'
            and booking.amount = payment.amount)",
    ),
    (
        "nobody has more seats than the limit",
        "select count(*) from (
            select session, event_id from booking join event using (event_id)
            where status = 'confirmed' or (status = 'held' and expires_at > now())
            group by session, event_id, fan_seats_max having sum(cardinality(units)) > fan_seats_max) greedy",
    ),
    (
        "everything that happened was emitted once",
        "select count(*)
        from booking
        left join (
            select booking_id, count(*) filter (where kind = 'held') as held, bool_or(kind = 'booked') as booked
            from change_log group by booking_id) emitted using (booking_id)
        where coalesce(held, 0) <> 1 or (confirmed_at is not null) <> coalesce(booked, false)",
    ),
];
