-- Reminders with what they follow from now, a page in the order of their bookings. $1 after this booking_id, $2 the event's slug or
-- null for all, $3 rows.
select due.booking_id, due.event_id, due.recipient_zone, due.planned_for, due.zone as planned_zone, due.at,
    to_char(due.wall, 'YYYY-MM-DD"T"HH24:MI:SS') as wall, event.starts_at, event.zone
from due
join event using (event_id)
where due.booking_id > $1 and ($2::text is null or event.slug = $2)
order by due.booking_id
limit $3
