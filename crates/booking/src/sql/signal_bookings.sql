-- How bookings stand that evidence is about. $1 booking_ids.
select booking_id, status, coalesce(booking_review.held, false) as in_review
from booking
left join booking_review using (booking_id)
where booking_id = any($1)
