-- A page of payments with their bookings, in the order of ids. $1 after this one, $2 rows.
select payment_id, payment.booking_id, payment.state, booking.status, payment.amount, payment.currency,
    extract(epoch from now() - payment.started_at)::bigint as age_s
from payment
join booking using (booking_id)
where payment_id > $1
order by payment_id
limit $2
