-- Makes changes of reminders that are due, of bookings that still stand and events that are still to come. $1 now, $2 rows.
with ready as (
    select booking_id, event_id
    from due
    where fired_at is null and at <= $1
    order by at
    limit $2
    for update skip locked
), fired as (
    update due set fired_at = $1 from ready where due.booking_id = ready.booking_id returning due.booking_id
), emitted as (
    insert into change_log (event_id, kind, booking_id)
    select event_id, 'reminder_due', booking_id
    from ready
    join booking using (booking_id, event_id)
    join event using (event_id)
    where booking.status = 'confirmed' and event.event_status = 'scheduled' and event.starts_at > $1
    returning change_id
)
select (select count(*) from fired) as fired, case when exists (select from emitted) then pg_notify('fairgate', '') end
