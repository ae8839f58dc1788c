-- Sells the seats that the same transaction has locked for a booking. $1 booking_id, $2 event_id, $3 units, $4 core, $5 payment_id.
with sold as (
    update seat
    set held_until = 'infinity', booking_id = $1::uuid
    where event_id = $2::integer and unit = any($3::integer[])
), confirmed as (
    update booking
    set status = 'confirmed', confirmed_at = now()
    where booking_id = $1::uuid
), emitted as (
    insert into change_log (core, event_id, kind, booking_id, cause, units)
    values ($4::uuid, $2::integer, 'booked', $1::uuid, $5::uuid, $3::integer[])
)
select pg_notify('fairgate', '')
