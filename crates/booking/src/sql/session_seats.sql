-- How many seats each of these sessions holds, has bought, or is just paying, in an event. $1 event_id, $2 sessions.
select session, sum(cardinality(units)) as seats
from booking
where session = any($2) and event_id = $1
    and (status = 'confirmed' or (status = 'held' and expires_at > now())
        or exists (select from payment where payment.booking_id = booking.booking_id and payment.state = 'started'))
group by session
