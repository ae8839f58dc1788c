-- Locks one booking before anything is decided about it. $1 booking_id.
select event_id, session, units, amount, status, created_at, expires_at, expires_at <= now() as late
from booking
where booking_id = $1
for update
