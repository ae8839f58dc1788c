-- Plans a reminder, or plans it again. $1 booking_id, $2 event_id, $3 wall time, $4 zone, $5 recipient_zone, $6 planned_for, $7 at.
insert into due (booking_id, event_id, wall, zone, recipient_zone, planned_for, at)
values ($1, $2, $3::text::timestamp, $4, $5, $6, $7)
on conflict (booking_id) do update
set wall = excluded.wall, zone = excluded.zone, recipient_zone = excluded.recipient_zone, planned_for = excluded.planned_for,
    at = excluded.at
where due.fired_at is null
