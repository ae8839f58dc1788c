-- One payment with its booking, looked at again. $1 payment_id.
select payment_id, payment.booking_id, payment.state, booking.status, payment.amount, payment.currency,
    extract(epoch from now() - payment.started_at)::bigint as age_s
from payment
join booking using (booking_id)
where payment_id = $1
