-- Tidies up a batch of holds that have ended: the seats are free already, by their own time; this tells the world. Holds
-- that a payment is looking at are left for the next round. $1 batch, $2 core.
with due as (
    select booking_id
    from booking
    where status = 'held' and expires_at <= now()
    order by expires_at
    limit $1
    for update skip locked
), ended as (
    update booking
    set status = 'expired'
    where booking_id = any(array(select booking_id from due))
    returning booking_id, event_id, units
), emitted as (
    insert into change_log (core, event_id, kind, booking_id, units)
    select $2, event_id, 'expired', booking_id, units from ended
)
select count(*) as swept, pg_notify('fairgate', '') from ended having count(*) > 0
