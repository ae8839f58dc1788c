-- How many other payments for a booking were declined. $1 booking_id, $2 payment_id.
select count(*) as declined
from payment
where booking_id = $1 and payment_id <> $2 and state = 'declined'
