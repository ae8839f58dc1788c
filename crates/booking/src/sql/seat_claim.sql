-- Locks, in key order, those seats of a booking that are still its own or that nobody has. A late payment is honoured if
-- that is all of them. $1 event_id, $2 units, $3 booking_id.
select unit
from seat
where event_id = $1 and unit = any($2) and (booking_id = $3 or held_until <= now())
order by unit
for update
