-- How many payments for an event have been under way for more than a minute. Few are open at all. $1 event_id.
select count(*) as payments
from payment
join booking using (booking_id)
where payment.state in ('started', 'refunding') and payment.due_at > '-infinity'
    and payment.started_at < now() - interval '1 minute' and booking.event_id = $1
