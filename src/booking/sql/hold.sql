-- Writes a batch of holds whose seats the same transaction has locked and found free.
-- $1 event_id, $2 seconds of the hold, $3 core; one element a seat: $4 where its row is, $5 booking_id;
-- one element a booking: $6 booking_id, $7 session, $8 request_print, $9 units (as text), $10 amount.
with hold as (
    select date_trunc('milliseconds', now()) + make_interval(secs => $2::integer) as ends_at
), asked as (
    select booking_id, session, request_print, units::integer[] as units, amount
    from unnest($6::uuid[], $7::text[], $8::uuid[], $9::text[], $10::bigint[])
        as asked (booking_id, session, request_print, units, amount)
), taken as (
    update seat
    set held_until = (select ends_at from hold), booking_id = wanted.booking_id
    from unnest($4::tid[], $5::uuid[]) as wanted (seat_row, booking_id)
    where seat.ctid = wanted.seat_row
), booked as (
    insert into booking (booking_id, event_id, session, request_print, units, amount, expires_at)
    select booking_id, $1::integer, session, request_print, units, amount, (select ends_at from hold)
    from asked
), told as (
    insert into happening (core, event_id, kind, booking_id, units)
    select $3::uuid, $1::integer, 'held', booking_id, units
    from asked
)
select ends_at as expires_at, pg_notify('fairgate', '') from hold
