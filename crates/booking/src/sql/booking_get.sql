-- One booking of a session. $1 booking_id, $2 session.
select booking_id, event_id, units, amount, created_at, expires_at, status, payment_id, payment_state, payment_reason
from booking_now
where booking_id = $1 and session = $2
