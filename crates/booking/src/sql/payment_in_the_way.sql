-- The payment that another one for a booking would pay twice beside, if any: one under way for the same booking, or one of
-- the same fan for the same event of which nobody knows yet whether there is money. $1 booking_id, $2 payment_id.
select payment.payment_id, payment.booking_id, payment.state
from booking as wanted
join booking as near on near.session = wanted.session and near.event_id = wanted.event_id
join payment on payment.booking_id = near.booking_id
where wanted.booking_id = $1 and payment.payment_id <> $2
    and (payment.state = 'started' or (payment.state = 'refunding' and payment.booking_id = $1))
limit 1
