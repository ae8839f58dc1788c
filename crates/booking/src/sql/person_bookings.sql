-- The bookings that were paid with a mail address, newest first. $1 the address in lower case, $2 rows.
select booking_id
from payment
where lower(email) = $1 and email is not null and state in ('confirmed', 'refunding', 'refunded')
group by booking_id
order by max(started_at) desc
limit $2
