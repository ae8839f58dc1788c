-- Writes a batch of holds whose seats the same transaction has locked and found free.
-- $1 event_id, $2 seconds of the hold, $3 core; one element a seat: $4 unit, $5 booking_id;
-- one element a booking: $6 booking_id, $7 session, $8 request_print, $9 units (as text), $10 amount.
with taken as (
    update seat
    set held_until = date_trunc('milliseconds', now()) + make_interval(secs => $2::integer), booking_id = wanted.booking_id
    from unnest($4::integer[], $5::uuid[]) as wanted (unit, booking_id)
    where seat.event_id = $1::integer and seat.unit = wanted.unit
), booked as (
    insert into booking (booking_id, event_id, session, request_print, units, amount, expires_at)
    select asked.booking_id, $1::integer, asked.session, asked.request_print, asked.units::integer[], asked.amount,
        date_trunc('milliseconds', now()) + make_interval(secs => $2::integer)
    from unnest($6::uuid[], $7::text[], $8::uuid[], $9::text[], $10::bigint[])
        as asked (booking_id, session, request_print, units, amount)
), told as (
    insert into happening (core, event_id, kind, booking_id, units)
    select $3::uuid, $1::integer, 'held', asked.booking_id, asked.units::integer[]
    from unnest($6::uuid[], $9::text[]) as asked (booking_id, units)
)
select date_trunc('milliseconds', now()) + make_interval(secs => $2::integer) as expires_at, pg_notify('fairgate', '')
