-- The live bookings of a session, newest first. $1 session.
select booking_id, event_id, units, amount, expires_at, status
from booking
where session = $1 and (status = 'confirmed' or (status = 'held' and expires_at > now()))
order by created_at desc
limit 20
