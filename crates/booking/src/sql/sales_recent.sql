-- What happened to an event's bookings lately, by slice and section. $1 event_id, $2 seconds.
select at, section, holds::bigint, held_seats::bigint, payments::bigint, declined::bigint, bookings::bigint, sold_seats::bigint, gross,
    expired::bigint, expired_seats::bigint, returned::bigint, returned_seats::bigint, refunds::bigint, refunded
from sales_slice
where event_id = $1 and at > now() - make_interval(secs => $2)
order by at, section
