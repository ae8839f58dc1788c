-- Whether another payment for a booking is under way, and how many were declined. $1 booking_id, $2 payment_id.
select
    count(*) filter (where state in ('started', 'refunding')) > 0 as under_way,
    count(*) filter (where state = 'declined') as declined
from payment
where booking_id = $1 and payment_id <> $2
