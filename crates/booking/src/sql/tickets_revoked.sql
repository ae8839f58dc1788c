-- The bookings of an event that were paid and then cancelled. $1 event_id, $2 rows at most.
select booking_id, units
from booking
where event_id = $1 and status = 'cancelled' and confirmed_at is not null
limit $2
