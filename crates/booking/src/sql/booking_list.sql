-- The bookings of a session that concern its fan, newest first: live ones, and those whose money is under way or was given
-- back, whatever became of the seats. $1 session.
select booking_id, event_id, units, amount, created_at, expires_at, status, payment_id, payment_state, payment_reason
from booking_now
where session = $1
    and (status in ('confirmed', 'held') or payment_state in ('started', 'refunding', 'refunded'))
order by created_at desc
limit 20
