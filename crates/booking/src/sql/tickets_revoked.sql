-- The bookings of an event whose tickets admit nobody: paid and then cancelled, or in review. $1 event_id, $2 rows at most.
select booking_id, units
from booking
where event_id = $1 and status = 'cancelled' and confirmed_at is not null
union all
select booking_id, units
from booking_review
join booking using (booking_id)
where booking_review.held and event_id = $1 and status = 'confirmed'
limit $2
