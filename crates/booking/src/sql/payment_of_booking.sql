-- The payment under way for a booking, if any: nobody knows yet whether there is money, or it is on its way back.
-- $1 booking_id.
select payment_id, booking_id, state
from payment
where booking_id = $1 and state in ('started', 'refunding')
limit 1
