-- Keeps a hold for so many seconds from now, but not beyond an instant; the booking is locked, and is held. `kept` says how
-- many of its seats are still its own: if that is not all of them, nothing may be committed.
-- $1 booking_id, $2 event_id, $3 units, $4 seconds, $5 the latest end, $6 core.
with hold as (
    select least(date_trunc('milliseconds', now()) + make_interval(secs => $4::integer), $5::timestamptz) as ends_at
), own as materialized (
    select unit
    from seat
    where event_id = $2::integer and unit = any($3::integer[]) and booking_id = $1::uuid and held_until > now()
    order by unit
    for update
), kept as (
    update seat
    set held_until = (select ends_at from hold)
    where event_id = $2::integer and unit = any(array(select unit from own))
    returning 1
), booked as (
    update booking set expires_at = (select ends_at from hold) where booking_id = $1::uuid
), emitted as (
    insert into change_log (core, event_id, kind, booking_id, units) values ($6::uuid, $2::integer, 'held', $1::uuid, $3::integer[])
)
select ends_at as expires_at, (select count(*) from kept) as kept, pg_notify('fairgate', '') from hold
