-- Writes a batch of holds; `taken` says how many of the seats were free and are held now. If that is not all of them, nothing
-- may be committed. What happened gets its number once the seats are locked, so that it follows whatever freed them. $1 event_id, $2 seconds of the hold, $3 core; one element a seat, in key order: $4 unit, $5 booking_id;
-- one element a booking: $6 booking_id, $7 session, $8 request_fingerprint, $9 units (as text), $10 amount,
-- $11 network, $12 age of the pass in ms.
with hold as (
    select date_trunc('milliseconds', now()) + make_interval(secs => $2::integer) as ends_at
), asked as (
    select booking_id, session, request_fingerprint, units::integer[] as units, amount, network, pass_age_ms
    from unnest($6::uuid[], $7::text[], $8::uuid[], $9::text[], $10::bigint[], $11::bigint[], $12::integer[])
        as asked (booking_id, session, request_fingerprint, units, amount, network, pass_age_ms)
), taken as (
    update seat
    set held_until = (select ends_at from hold), booking_id = wanted.booking_id
    from unnest($4::integer[], $5::uuid[]) as wanted (unit, booking_id)
    where seat.event_id = $1::integer and seat.unit = wanted.unit and seat.held_until <= now()
    returning 1
), booked as (
    insert into booking (booking_id, event_id, session, request_fingerprint, units, amount, expires_at)
    select booking_id, $1::integer, session, request_fingerprint, units, amount, (select ends_at from hold)
    from asked
), emitted as (
    insert into change_log (core, event_id, kind, booking_id, units, network, pass_age_ms)
    select $3::uuid, $1::integer, 'held', booking_id, units, network, pass_age_ms
    from asked
    where (select count(*) from taken) > 0
)
select now() as now, ends_at as expires_at, (select count(*) from taken) as taken from hold
