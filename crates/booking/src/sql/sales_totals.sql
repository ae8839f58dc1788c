-- All that happened to an event's bookings, by section. $1 event_id.
select min(at) as at, section, sum(holds) as holds, sum(held_seats) as held_seats, sum(payments) as payments,
    sum(declined) as declined, sum(bookings) as bookings, sum(sold_seats) as sold_seats, sum(gross)::bigint as gross,
    sum(expired) as expired, sum(expired_seats) as expired_seats, sum(returned) as returned,
    sum(returned_seats) as returned_seats, sum(refunds) as refunds, sum(refunded)::bigint as refunded
from sales_slice
where event_id = $1
group by section
