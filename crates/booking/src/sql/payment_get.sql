-- One payment as it stands. $1 payment_id.
select booking_id, request_fingerprint, token, amount, currency, state, charge, answer_status, answer_body
from payment
where payment_id = $1
