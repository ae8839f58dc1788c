-- How many fans of an event have how many seats, in how many bookings. $1 event_id.
select seats::bigint, count(*) as fans, count(*) filter (where bookings > 1) as again
from sales_fan
where event_id = $1 and seats > 0
group by seats
order by seats desc
