-- One booking with the payment that decides how it stands, for whoever may see any. $1 booking_id.
select booking_id, event_id, units, amount, created_at, expires_at,
    case when status = 'held' and expires_at <= now() then 'expired' else status end as status,
    told.payment_id, told.state as payment_state, told.reason as payment_reason
from booking
left join lateral (
    select payment_id, state, reason
    from payment
    where payment.booking_id = booking.booking_id
    order by case state when 'confirmed' then 0 when 'started' then 1 when 'refunding' then 2 else 3 end, started_at desc
    limit 1
) as told on true
where booking_id = $1
