-- Which of these bookings exist already: retries of requests that were answered, or whose answer was lost. $1 booking_ids.
select booking_id, request_fingerprint, units, amount, expires_at
from booking
where booking_id = any($1)
