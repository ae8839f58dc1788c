-- Gives a hold back; the booking is locked. $1 booking_id, $2 event_id, $3 units, $4 core.
with freed as (
    update seat
    set held_until = '-infinity', booking_id = null
    where event_id = $2::integer and unit = any($3::integer[]) and booking_id = $1::uuid
    returning unit
), cancelled as (
    update booking set status = 'cancelled' where booking_id = $1::uuid
), emitted as (
    insert into change_log (core, event_id, kind, booking_id, units) values ($4::uuid, $2::integer, 'cancelled', $1::uuid, $3::integer[])
)
select coalesce(array_agg(unit), '{}') as units, pg_notify('fairgate', '') from freed
