-- The sagas of a booking's payments, in the order in which they happened. $1 booking_id.
select payment.payment_id, payment.state, step.at, step.step, step.by, step.detail
from payment
join payment_step as step using (payment_id)
where payment.booking_id = $1
order by step.at, step.step_id
limit 200
